"""Market frames to events: the right ones exactly, the wrong ones as a `BadFrame`, never as an exception."""

import gzip
import json
import lzma
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.conftest import make_instrument
from titan.model.events import BadFrame, BookDelta, BookSnapshot, MarkPrice, TopOfBook, TradePrint
from titan.wire.binance_usdm import MarketCodec, wrap_snapshot

DEPTH = {
    "e": "depthUpdate", "E": 20, "T": 19, "s": "BTCUSDT", "U": 7, "u": 9, "pu": 6,
    "b": [["61800.20", "1.500"]], "a": [["61800.30", "0.000"]],
}  # fmt: skip
TICKER = {
    "e": "bookTicker", "u": 9, "s": "BTCUSDT", "b": "61800.20", "B": "2.507", "a": "61800.30", "A": "2.510",
    "T": 19, "E": 20,
}  # fmt: skip
TRADE = {
    "e": "trade",
    "E": 20,
    "T": 19,
    "s": "BTCUSDT",
    "t": 5,
    "p": "61800.30",
    "q": "0.006",
    "X": "MARKET",
    "m": True,
}
AGG = {"e": "aggTrade", "E": 20, "T": 19, "s": "BTCUSDT", "a": 6, "p": "61800.30", "q": "0.006", "m": False}
MARK = {
    "e": "markPriceUpdate", "E": 20, "s": "BTCUSDT", "p": "61800.12345678", "i": "61799.5", "P": "1",
    "r": "-0.0001",
    "T": 28800000,
}  # fmt: skip
SNAPSHOT = {
    "lastUpdateId": 9,
    "E": 20,
    "T": 19,
    "bids": [["61800.20", "1.500"]],
    "asks": [["61800.30", "2.000"]],
}

STREAMS = [
    ("btcusdt@depth@0ms", DEPTH), ("btcusdt@bookTicker", TICKER), ("btcusdt@trade", TRADE),
    ("btcusdt@aggTrade", AGG), ("btcusdt@markPrice@1s", MARK), ("btcusdt@snapshot", SNAPSHOT),
]  # fmt: skip


def codec(*instruments):
    return MarketCodec({i.symbol: i for i in instruments or (make_instrument(),)}, "v")


def pack(message, spaced=False):
    return json.dumps(message, separators=None if spaced else (",", ":")).encode()


def decode(message, spaced=False):
    return codec().decode(message if isinstance(message, bytes) else pack(message, spaced), 33)


def common(event):
    return event.time_ns, event.venue, event.symbol, event.venue_ns


# ---- What is right -------------------------------------------------------------------------------


def test_depth():
    event = decode(DEPTH)
    assert isinstance(event, BookDelta)
    assert common(event) == (33, "v", "BTCUSDT", 19_000_000)
    assert (event.first_id, event.last_id, event.previous_id) == (7, 9, 6)
    assert (event.bids, event.asks) == (((618002, 1500),), ((618003, 0),))


def test_spot_depth_gives_no_previous_id_and_only_the_event_time():
    event = decode({key: value for key, value in DEPTH.items() if key not in ("pu", "T")})
    assert (event.previous_id, event.venue_ns) == (-1, 20_000_000)


@pytest.mark.parametrize("left_out", [(), ("e", "E", "T")])
def test_book_ticker(left_out):
    event = decode({key: value for key, value in TICKER.items() if key not in left_out})
    assert isinstance(event, TopOfBook)
    assert (event.update_id, event.bid, event.bid_size, event.ask, event.ask_size) == (
        9,
        618002,
        2507,
        618003,
        2510,
    )
    assert event.venue_ns == (0 if left_out else 19_000_000)


def test_book_ticker_of_an_empty_side():
    event = decode(TICKER | {"b": "0.00", "B": "0.000"})
    assert (event.bid, event.bid_size, event.ask) == (0, 0, 618003)


@pytest.mark.parametrize(("message", "trade_id", "side"), [(TRADE, 5, -1), (AGG, 6, 1)])
def test_trades(message, trade_id, side):
    event = decode(message)
    assert isinstance(event, TradePrint)
    assert (event.trade_id, event.price, event.size, event.side) == (trade_id, 618003, 6, side)
    assert common(event) == (33, "v", "BTCUSDT", 19_000_000)


def test_a_print_off_the_market_is_left_out():
    assert decode(TRADE | {"X": "INSURANCE_FUND"}) is None
    assert decode({key: value for key, value in TRADE.items() if key != "X"}).size == 6


def test_mark_price_may_lie_off_the_grid():
    event = decode(MARK)
    assert isinstance(event, MarkPrice)
    assert (event.mark, event.index) == (Decimal("61800.12345678"), Decimal("61799.5"))
    assert (event.funding_rate, event.next_funding_ns, event.venue_ns) == (
        -0.0001,
        28_800_000_000_000,
        20_000_000,
    )
    assert decode(MARK | {"r": ""}).funding_rate == 0.0


def test_snapshot_of_rest_wrapped_or_inline():
    wrapped = decode(wrap_snapshot("BTCUSDT", pack(SNAPSHOT)))
    assert isinstance(wrapped, BookSnapshot)
    assert (wrapped.last_id, wrapped.bids, wrapped.asks) == (9, ((618002, 1500),), ((618003, 2000),))
    assert decode(SNAPSHOT) == wrapped
    assert decode(SNAPSHOT | {"symbol": "BTCUSDT"}) == wrapped


@pytest.mark.parametrize(("stream", "data"), STREAMS)
@pytest.mark.parametrize("spaced", [False, True])
def test_combined_bare_and_spaced_frames_say_the_same(stream, data, spaced):
    expected = decode(data)
    assert decode({"stream": stream, "data": data}, spaced) == expected
    assert decode({"data": data, "stream": stream}, spaced) == expected
    assert decode(data, spaced) == expected
    assert not isinstance(expected, BadFrame)


@pytest.mark.parametrize(
    "message",
    [
        {"result": None, "id": 1},
        {"e": "kline", "s": "BTCUSDT"},
        {"stream": "btcusdt@kline_1m", "data": {"e": "kline"}},
    ],
)
def test_what_is_no_market_data_gives_nothing(message):
    assert decode(message) is None


# ---- What is wrong -------------------------------------------------------------------------------

BAD = [
    (DEPTH | {"b": [["0", "1"]]}, "price"),
    (DEPTH | {"b": [["-5", "1"]]}, "price"),
    (DEPTH | {"a": [["61800.30", "-1"]]}, "size"),
    (DEPTH | {"a": [["NaN", "1"]]}, "price"),
    (DEPTH | {"a": [["61800.3", "inf"]]}, "size"),
    (DEPTH | {"a": [["61800.35", "1"]]}, "ticks"),
    (DEPTH | {"a": [["61800.3", "0.0005"]]}, "lots"),
    (DEPTH | {"a": [["61800.3"]]}, "array"),
    (DEPTH | {"a": None}, "array"),
    (DEPTH | {"U": 10}, "ids"),
    (DEPTH | {"U": 0}, "ids"),
    (DEPTH | {"u": -9}, "int"),
    (DEPTH | {"u": 2**70}, "int"),
    (DEPTH | {"pu": -2}, "int"),
    (DEPTH | {"E": 10**30}, "int"),
    (TICKER | {"b": "0"}, "price"),
    (TICKER | {"b": "61800.25"}, "ticks"),
    (TICKER | {"A": "0.0001"}, "lots"),
    (TRADE | {"q": "0"}, "size 0"),
    (TRADE | {"p": "0"}, "price"),
    (MARK | {"p": "NaN"}, "mark"),
    (MARK | {"i": "0"}, "index"),
    (MARK | {"r": "x"}, "funding"),
    (MARK | {"r": "NaN"}, "funding"),
    (MARK | {"r": "3"}, "funding"),
    (SNAPSHOT | {"symbol": "BTCUSDT", "lastUpdateId": 0}, "lastUpdateId"),
]


@pytest.mark.parametrize(("message", "word"), BAD)
def test_a_bad_frame_names_symbol_and_cause(message, word):
    for frame in (message, {"stream": "btcusdt@x", "data": message}):
        event = decode(frame)
        assert isinstance(event, BadFrame)
        assert event.symbol == "BTCUSDT"
        assert word in event.reason


@pytest.mark.parametrize(("stream", "data"), STREAMS)
def test_a_symbol_that_was_not_asked_for_is_named(stream, data):
    other = data | ({"symbol": "XRPUSDT"} if "bids" in data else {"s": "XRPUSDT"})
    event = decode({"stream": stream.replace("btc", "xrp"), "data": other})
    assert isinstance(event, BadFrame)
    assert event.symbol == "XRPUSDT"


def test_an_off_market_print_of_an_unknown_symbol_is_bad_too():
    assert decode(TRADE | {"X": "NA", "s": "XRPUSDT"}).symbol == "XRPUSDT"


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"null", b"[]", b"7", b'"text"', b"\xff\xfe", b"{",
        b'{"stream":"btcusdt@depth","data":{"e":"dep',
        b'{"stream":"\xff@depth","data":{}}', b'{"a":1}', b'{"code":2,"msg":"no"}', b'{"error":{"code":3}}',
        b'{"stream":7,"data":{}}', b'{"stream":"x","data":7}', b"[" * 5000,
    ],
)  # fmt: skip
def test_a_frame_that_tells_no_symbol_puts_the_whole_venue_in_doubt(frame):
    event = decode(frame)
    assert isinstance(event, BadFrame)
    assert event.symbol == ""
    assert event.reason


def test_a_stream_s_name_tells_the_symbol_where_the_data_does_not():
    assert decode({"stream": "btcusdt@depth", "data": {}}).symbol == "BTCUSDT"


def test_a_snapshot_that_could_be_of_two_instruments_is_refused():
    event = codec(make_instrument(), make_instrument("ETHUSDT")).decode(pack(SNAPSHOT), 1)
    assert isinstance(event, BadFrame)
    assert "more than one" in event.reason


def test_a_snapshot_of_another_symbol_than_its_stream_is_refused():
    both = codec(make_instrument(), make_instrument("ETHUSDT"))
    event = both.decode(wrap_snapshot("ETHUSDT", pack(SNAPSHOT | {"symbol": "BTCUSDT"})), 1)
    assert isinstance(event, BadFrame)


@given(st.binary(max_size=200))
def test_no_bytes_ever_raise(noise):
    event = decode(noise)
    assert event is None or isinstance(event, BadFrame)


@given(st.sampled_from(STREAMS), st.data())
def test_a_cut_or_altered_frame_never_raises(kind, data):
    frame = pack({"stream": kind[0], "data": kind[1]})
    cut = data.draw(st.integers(0, len(frame) - 1))
    assert isinstance(decode(frame[:cut]), BadFrame)
    byte = data.draw(st.integers(0, 255))
    event = decode(frame[:cut] + bytes([byte]) + frame[cut + 1 :])
    assert event is None or msgspec.msgpack.encode(event)


# ---- Real frames ---------------------------------------------------------------------------------


def raw_value(pairs, tick, lot):
    return tuple((int(Decimal(p) / tick), int(Decimal(q) / lot)) for p, q in pairs)


@pytest.mark.parametrize(
    ("name", "symbol", "tick", "lot"),
    [
        ("usdm_btcusdt_20240808.gz", "BTCUSDT", "0.10", "0.001"),
        ("cm_btcusd_perp_20240808.gz", "BTCUSD_PERP", "0.1", "1"),
        ("spot_btcusdt_20240808.gz", "BTCUSDT", "0.01", "0.000001"),
    ],
)
def test_real_frames_field_by_field(titan_data, name, symbol, tick, lot):
    decoder = codec(make_instrument(symbol, tick, lot))
    tick, lot = Decimal(tick), Decimal(lot)
    with gzip.open(titan_data / "binance_capture_20240808" / name) as file:
        lines = [next(file) for _ in range(3000)]
    kinds = set()
    for line in lines:
        stamp, _, payload = line.partition(b" ")
        event = decoder.decode(payload, int(stamp))
        whole = json.loads(payload)
        raw = whole.get("data", whole)
        kinds.add(type(event))
        stamp_ms = raw.get("T", raw.get("E", 0))
        assert common(event) == (int(stamp), "v", symbol, stamp_ms * 1_000_000)
        if isinstance(event, BookDelta):
            assert (event.first_id, event.last_id, event.previous_id) == (
                raw["U"],
                raw["u"],
                raw.get("pu", -1),
            )
            assert (event.bids, event.asks) == (
                raw_value(raw["b"], tick, lot),
                raw_value(raw["a"], tick, lot),
            )
        elif isinstance(event, TopOfBook):
            told = raw_value([(raw["b"], raw["B"]), (raw["a"], raw["A"])], tick, lot)
            assert ((event.bid, event.bid_size), (event.ask, event.ask_size)) == told
            assert event.update_id == raw["u"]
        elif isinstance(event, TradePrint):
            assert ((event.price, event.size),) == raw_value([(raw["p"], raw["q"])], tick, lot)
            assert (event.trade_id, event.side) == (raw["t"], -1 if raw["m"] else 1)
        else:
            assert isinstance(event, BookSnapshot)
            assert event.last_id == raw["lastUpdateId"]
            assert (event.bids, event.asks) == (
                raw_value(raw["bids"], tick, lot),
                raw_value(raw["asks"], tick, lot),
            )
    assert kinds == {BookDelta, TopOfBook, TradePrint, BookSnapshot}


def test_real_frames_of_four_symbols_with_streams_we_do_not_use(titan_data):
    symbols = [
        ("SUSHIUSDT", "0.001"),
        ("AKROUSDT", "0.00001"),
        ("KEEPUSDT", "0.0001"),
        ("CTKUSDT", "0.00100"),
    ]
    decoder = codec(*(make_instrument(symbol, tick, "1") for symbol, tick in symbols))
    with lzma.open(titan_data / "venue_captures" / "BINANCE_FUTURES.ws.1.0.xz") as file:
        events = [decoder.decode(line.partition(b": ")[2], 1) for line in list(file)[1:]]
    assert not [event for event in events if isinstance(event, BadFrame)]
    assert sum(event is None for event in events) == 67
    assert sum(isinstance(event, TradePrint) for event in events) == 91


def test_message_shapes(binance_shapes):
    folder = "market_data_json"
    book = codec(make_instrument(tick="0.0001", lot="1"))
    depth = book.decode(binance_shapes(f"{folder}/depth_update_stream.json"), 1)
    assert (depth.first_id, depth.last_id, depth.previous_id, depth.bids, depth.asks) == (
        157, 160, 149, ((24, 10),), ((26, 100),),
    )  # fmt: skip
    trade = codec(make_instrument(tick="0.001", lot="1")).decode(
        binance_shapes(f"{folder}/trade_stream.json"), 1
    )
    assert (trade.trade_id, trade.price, trade.size, trade.side, trade.venue_ns) == (
        5933014, 1, 100, -1, 123456785_000_000,
    )  # fmt: skip
    agg = codec(make_instrument(tick="0.001", lot="1")).decode(
        binance_shapes(f"{folder}/agg_trade_stream.json"), 1
    )
    assert (agg.trade_id, agg.price, agg.size, agg.side) == (5933014, 1, 100, -1)
    ticker = codec(make_instrument("BNBUSDT", "0.0001", "0.01"))
    top = ticker.decode(binance_shapes(f"{folder}/book_ticker_stream.json"), 1)
    assert (top.update_id, top.bid, top.bid_size, top.ask, top.ask_size) == (
        400900217,
        253519,
        3121,
        253652,
        4066,
    )
    mark = codec().decode(binance_shapes(f"{folder}/mark_price_stream.json"), 1)
    assert (mark.mark, mark.index, mark.funding_rate, mark.next_funding_ns) == (
        Decimal("11794.15000000"), Decimal("11784.62659091"), 0.00038167, 1562306400000_000_000,
    )  # fmt: skip
    for name in ("kline_stream_open", "liquidation_stream", "ticker_stream"):
        assert codec().decode(binance_shapes(f"{folder}/{name}.json"), 1) is None
