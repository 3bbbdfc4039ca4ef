"""Tapes: what a capture told is what the tape tells, byte by byte where it can be and level by level for the book."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.tapes import INSTRUMENT, START_NS, STEPS, SYMBOL, Seen, capture_lines, read_back
from titan.engine.book import Book
from titan.model.events import BookDelta, BookSnapshot, TradePrint
from titan.store import tape as t
from titan.store.capture_scale import infer_instruments
from titan.store.capture_tapes import parts_of, tapes_of
from titan.store.captures import CaptureError, read_capture
from titan.store.tape_build import TapeBuilder, join
from titan.wire.binance_usdm import MarketCodec

LAGS = st.lists(st.integers(-1_300_000, 50_000), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("tapes") / "capture"


# A line of its own fixes the grid, whatever the drawn numbers are.
GRID = ("trade", 1_001, True)


@given(STEPS, LAGS)
@settings(max_examples=150, deadline=None)
def test_a_tape_tells_what_the_capture_told(scratch, steps, lags):
    lines = capture_lines([GRID, *steps], lags)
    scratch.write_bytes(b"".join(lines))
    tape = tapes_of([scratch])[SYMBOL]
    seen = Seen(lines)
    rows, books = read_back(tape)
    assert rows == seen.rows
    assert books == seen.books
    marks = tape.marks
    found = zip(
        marks.time_ns.tolist(), marks.mark_price.tolist(), marks.next_funding_ns.tolist(), strict=True
    )
    assert list(found) == seen.marks
    assert tape.bytes_per_event == 21


@given(STEPS, st.integers(0, 25), LAGS)
@settings(max_examples=60, deadline=None)
def test_each_day_stands_by_itself(scratch, steps, before, lags):
    """Cut at midnight, each part begins with the whole book, and the two together tell the same."""
    midnight_ns = -(-START_NS // 86_400_000_000_000) * 86_400_000_000_000
    lines = capture_lines([GRID, *steps], lags, midnight_ns - before * 1_234_567)
    scratch.write_bytes(b"".join(lines))
    parts = list(parts_of([scratch]))
    later_told = any(kind != "disconnected" for kind, *_ in steps[max(before - 1, 0) :])
    assert len({part.day for part in parts}) == len(parts) >= 1 + (later_told and before > 0)
    seen = Seen(lines)
    rows, books = zip(*(read_back(part.tape) for part in parts), strict=True)
    assert [row for found in rows for row in found] == seen.rows
    told = list(books[0])
    for later in books[1:]:
        if told and told[-1] is not None:
            assert later[0] == told[-1]
            later = later[1:]
        told += later
    assert told == seen.books


def test_a_crossed_book_ends_with_its_reason(tmp_path):
    path = tmp_path / "capture"
    steps = [
        ("snapshot", ({999: 5}, {1_001: 5}), False),
        ("depth", ({1_005: 1}, {}), False),
        ("disconnected", None, False),
    ]
    path.write_bytes(b"".join(capture_lines([GRID, *steps], [0])))
    (part,) = parts_of([path])
    columns = part.tape.columns
    ends = (columns.what & (t.KIND | t.LAST)) == (t.CLEAR | t.LAST)
    assert columns.size_lots[ends].tolist() == [t.CROSSED]
    assert part.left_out == 1


@pytest.mark.parametrize(
    ("good", "bad"), [(b'"U":101', b'"U":901'), (b'"e":"depthUpdate"', b'"e":"depthUpdate",')]
)
def test_a_frame_that_cannot_be_read_leaves_the_book_unknown(tmp_path, good, bad):
    """Impossible ids, and what is no JSON and so names no instrument at all."""
    path = tmp_path / "capture"
    lines = capture_lines(
        [GRID, ("snapshot", ({999: 5}, {1_001: 5}), False), ("depth", ({999: 6}, {}), False)], [0]
    )
    path.write_bytes(b"".join([*lines[:-1], lines[-1].replace(good, bad)]))
    tape = tapes_of([path])[SYMBOL]
    assert tape.columns.what[-1] == t.CLEAR | t.LAST
    assert tape.columns.size_lots[-1] == t.UNREADABLE


def test_a_snapshot_without_a_symbol_is_of_the_only_one_in_its_own_file(tmp_path):
    """Another file of another instrument beside it changes nothing."""
    first, second = tmp_path / "first", tmp_path / "second"
    lines = capture_lines(
        [GRID, ("snapshot", ({999: 5}, {1_001: 5}), False), ("depth", ({999: 6}, {}), False)], [0]
    )
    stamp, _, payload = lines[1].partition(b" ")
    lines[1] = stamp + b" " + msgspec.json.encode(msgspec.json.decode(payload)["data"]) + b"\n"
    first.write_bytes(b"".join(lines))
    second.write_bytes(b"".join(capture_lines([GRID], [0])).replace(b"BTCUSDT", b"ETHUSDT"))
    alone, beside = tapes_of([first])[SYMBOL], tapes_of([first, second])[SYMBOL]
    assert len(read_back(alone)[1]) == 2
    assert read_back(beside) == read_back(alone)


def test_a_crossed_snapshot_leaves_the_book_unknown(tmp_path):
    path = tmp_path / "capture"
    steps = [("snapshot", ({999: 5}, {1_001: 5}), False), ("snapshot", ({1_001: 5}, {999: 5}), False)]
    path.write_bytes(b"".join(capture_lines([GRID, *steps], [0])))
    assert read_back(tapes_of([path])[SYMBOL])[1] == [{(0, 999): 5, (t.ASK, 1_001): 5}, None]


def test_a_snapshot_of_its_own_begins_a_capture_that_has_none(tmp_path):
    path, start = tmp_path / "capture", tmp_path / "start.json"
    path.write_bytes(b"".join(capture_lines([GRID, ("depth", ({999: 6}, {}), False)], [0])))
    assert read_back(tapes_of([path])[SYMBOL])[1] == []
    start.write_text('{"lastUpdateId":100,"bids":[["99.8","0.001"]],"asks":[["100.3","0.0025"]]}')
    tape = tapes_of([path], snapshot=start)[SYMBOL]
    assert str(tape.instrument.lot_size) == "0.0001"
    assert read_back(tape)[1] == [
        {(0, 998): 10, (t.ASK, 1_003): 25},
        {(0, 998): 10, (t.ASK, 1_003): 25, (0, 999): 60},
    ]
    start.write_text('{"lastUpdateId":900,"bids":[],"asks":[]}')
    with pytest.raises(CaptureError, match="joins no depth event"):
        tapes_of([path], snapshot=start)


def test_a_clock_fault_is_named_with_its_line(tmp_path):
    path = tmp_path / "capture"
    path.write_bytes(b"".join(capture_lines([GRID, ("trade", 1_001, True)], [0, 36 * 60 * 10**6])))
    with pytest.raises(t.TapeError, match=r"line 2: .*36 minutes apart"):
        tapes_of([path])


def test_a_known_book_without_levels_is_told_as_empty():
    builder = TapeBuilder(INSTRUMENT)
    builder.add(BookSnapshot(time_ns=START_NS, venue="capture", symbol=SYMBOL, last_id=5, bids=(), asks=()))
    _, books = read_back(builder.take())
    assert books == [{}]


def test_large_sizes_take_eight_bytes_and_only_there():
    def tape_of(lots):
        builder = TapeBuilder(INSTRUMENT)
        builder.add(
            TradePrint(
                time_ns=START_NS, venue="capture", symbol=SYMBOL, trade_id=1, price=1, size=lots, side=1
            )
        )
        return builder.take()

    small, large = tape_of(t.LARGEST_SMALL_SIZE), tape_of(t.LARGEST_SMALL_SIZE + 1)
    assert (small.bytes_per_event, large.bytes_per_event) == (21, 25)
    both = join([small, large])
    assert both.columns.size_lots.tolist() == [2**31 - 1, 2**31]
    assert small.memory_bytes == 21


@pytest.mark.parametrize(("price", "lag_ns"), [(2**31, 0), (1, 36 * 60 * 10**9), (1, -36 * 60 * 10**9)])
def test_what_no_tape_can_hold_is_refused(price, lag_ns):
    builder = TapeBuilder(INSTRUMENT)
    event = TradePrint(
        time_ns=START_NS,
        venue="capture",
        symbol=SYMBOL,
        venue_ns=START_NS - lag_ns,
        trade_id=1,
        price=price,
        size=1,
        side=1,
    )
    with pytest.raises(t.TapeError, match="too large for a tape" if lag_ns == 0 else "36 minutes apart"):
        builder.add(event)
    assert len(builder.take()) == 0


def test_tapes_on_two_grids_are_not_joined():
    other = TapeBuilder(
        type(INSTRUMENT)(
            **{f: getattr(INSTRUMENT, f) for f in INSTRUMENT.__struct_fields__} | {"lot_size": 1}
        )
    )
    with pytest.raises(t.TapeError, match="convert their captures together"):
        join([TapeBuilder(INSTRUMENT).take(), other.take()])
    with pytest.raises(t.TapeError, match="no tape"):
        join([])


def test_terms_in_a_capture_give_its_grid_and_bad_ones_are_named(tmp_path):
    path = tmp_path / "capture"
    lines = capture_lines([("trade", 1_000, True)], [0])
    entry = (
        '{"symbol":"BTCUSDT","baseAsset":"BTC","quoteAsset":"USDT","marginAsset":"USDT","status":"TRADING","filters":['
        '{"filterType":"PRICE_FILTER","tickSize":"0.50"},{"filterType":"LOT_SIZE","stepSize":"0.001"}]}'
    )
    terms = (
        f'{START_NS - 1} {{"stream":"!titan","data":{{"mark":"terms","symbol":"BTCUSDT","terms":{entry}}}}}\n'
    )
    path.write_bytes(terms.encode() + lines[0])
    tape = tapes_of([path], "binance")[SYMBOL]
    assert str(tape.instrument.tick_size) == "0.5"
    assert tape.columns.price_ticks.tolist() == [200]
    path.write_bytes(terms.replace("0.50", "0").encode() + lines[0])
    with pytest.raises(CaptureError, match="line 1 holds no terms"):
        tapes_of([path])


# ---- The real files ----------------------------------------


def test_a_real_capture_s_tape_builds_the_same_books(titan_data):
    """Best bid and ask after every depth message, against the engine's book fed with the same frames."""
    path = titan_data / "binance_capture_20240808" / "spot_btcusdt_20240808.gz"
    tape = tapes_of([path])[SYMBOL]
    kinds = tape.columns.what & t.KIND
    assert ((kinds == t.TRADE).sum(), (kinds == t.TOP).sum()) == (9_757, 2 * 28_040)
    assert tape.memory_bytes == 21 * len(tape)
    codec = MarketCodec(infer_instruments([path], "capture"), "capture")
    book = Book("capture", SYMBOL)
    expected = []
    for frame in read_capture(path):
        event = codec.decode(frame.payload, frame.time_ns)
        if isinstance(event, BookDelta | BookSnapshot):
            book.apply(event)
            if book.ready and (isinstance(event, BookSnapshot) or event.bids or event.asks):
                expected.append((book.best_bid, book.best_bid_size, book.best_ask, book.best_ask_size))
    assert touches(tape) == expected
    assert len(expected) > 3_000


def touches(tape):
    """The best levels after each message of depth, found by the tape's rows alone."""
    sides = {0: {}, t.ASK: {}}
    found = []
    of_depth = np.isin(tape.columns.what & t.KIND, (t.DEPTH, t.SNAPSHOT, t.CLEAR))
    for what, ticks, lots in zip(*(column[of_depth].tolist() for column in tape.columns[2:]), strict=True):
        levels = sides[what & t.ASK]
        if what & t.KIND == t.CLEAR:
            sides = {0: {}, t.ASK: {}}
        elif lots:
            levels[ticks] = lots
        else:
            levels.pop(ticks, None)
        if what & t.LAST:
            bid, ask = max(sides[0]), min(sides[t.ASK])
            found.append((bid, sides[0][bid], ask, sides[t.ASK][ask]))
    return found
