"""The private stream and REST answers, field by field against the venue's documented shapes."""

import json
from decimal import Decimal

import msgspec
import pytest

from tests.wire.conftest import make_instrument
from titan.model.events import BalanceUpdate, Fill, OrderUpdate, StreamState
from titan.wire.binance_usdm import (
    WireError,
    account_from_rest,
    decode_user_event,
    fee_rates_from_rest,
    fill_from_rest,
    income_from_rest,
    order_from_rest,
)

MS = 1_000_000
ORDER = {
    "orderId": 7, "symbol": "BTCUSDT", "status": "PARTIALLY_FILLED", "clientOrderId": "T1",
    "price": "50000.0",
    "origQty": "0.010", "executedQty": "0.004", "side": "SELL", "reduceOnly": True, "updateTime": 9,
}  # fmt: skip
TRADE = {
    "symbol": "BTCUSDT", "id": 5, "orderId": 7, "side": "SELL", "price": "50000.0", "qty": "0.004",
    "commission": "-0.08", "commissionAsset": "USDT", "realizedPnl": "-0.9", "maker": True, "time": 9,
}  # fmt: skip
STREAM_ORDER = {
    "s": "BTCUSDT", "c": "T1", "S": "SELL", "q": "0.010", "p": "50000.0", "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "i": 7, "l": "0.004", "z": "0.004", "L": "50000.1", "t": 5, "m": True, "R": False, "n": "0.08",
    "N": "USDT",
    "rp": "1.5",
}  # fmt: skip


def stream(order, **envelope):
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "E": 9, "T": 9, "o": order, **envelope}).encode()


# ---- The private stream --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "state", "reason", "filled"),
    [
        ("order_update_new", "open", "", False),
        ("order_update_trade", "partially_filled", "", True),
        ("order_update_trade_partial", "partially_filled", "", True),
        ("order_update_calculated", "filled", "", True),
        ("order_update_adl", "filled", "NEW_ADL", True),
        ("order_update_insurance", "filled", "NEW_INSURANCE", True),
    ],
)
def test_documented_order_messages(binance_shapes, name, state, reason, filled):
    payload = binance_shapes(f"user_data_json/{name}.json")
    raw = json.loads(payload)
    order = raw["o"]
    grid = make_instrument(order["s"], "0.01", "0.001")
    update, *fills = decode_user_event(payload, 33, "v", {order["s"]: grid})
    side = 1 if order["S"] == "BUY" else -1
    assert isinstance(update, OrderUpdate)
    assert (update.time_ns, update.venue, update.symbol, update.venue_ns) == (
        33,
        "v",
        order["s"],
        raw["T"] * MS,
    )
    assert (update.client_id, update.venue_id, update.side) == (order["c"], str(order["i"]), side)
    assert (update.state, update.reason, update.source) == (state, reason, "stream")
    assert grid.price(update.price) == Decimal(order["p"])
    assert (grid.size(update.size), grid.size(update.filled)) == (Decimal(order["q"]), Decimal(order["z"]))
    assert update.reduce_only == order["R"]
    assert bool(fills) == filled
    for fill in fills:
        assert isinstance(fill, Fill)
        assert (fill.time_ns, fill.venue_ns, fill.source) == (33, raw["T"] * MS, "stream")
        assert (fill.client_id, fill.venue_id, fill.side) == (order["c"], str(order["i"]), side)
        assert (fill.trade_id, fill.maker) == (str(order["t"]), order["m"])
        assert (grid.price(fill.price), grid.size(fill.size)) == (Decimal(order["L"]), Decimal(order["l"]))
        assert (fill.fee, fill.fee_asset, fill.realized) == (
            Decimal(order["n"]),
            order["N"],
            Decimal(order["rp"]),
        )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("NEW", "open"), ("FILLED", "filled"), ("CANCELED", "cancelled"), ("EXPIRED", "expired"),
        ("EXPIRED_IN_MATCH", "expired"), ("REJECTED", "rejected"), ("NEW_ADL", "open"),
    ],
)  # fmt: skip
def test_every_status_has_its_state(instruments, status, state):
    payload = stream(STREAM_ORDER | {"X": status, "x": status, "l": "0"})
    (update,) = decode_user_event(payload, 1, "v", instruments)
    assert update.state == state


def test_an_execution_without_a_fee_is_charged_nothing_in_the_settle_currency(instruments):
    order = {key: value for key, value in STREAM_ORDER.items() if key not in ("n", "N", "rp")}
    _, fill = decode_user_event(stream(order), 1, "v", instruments)
    assert (fill.fee, fill.fee_asset, fill.realized) == (0, "USDT", 0)


@pytest.mark.parametrize("name", ["account_update", "account_update_bnfcr"])
def test_documented_account_messages(binance_shapes, name):
    payload = binance_shapes(f"user_data_json/{name}.json")
    raw = json.loads(payload)
    (update,) = decode_user_event(payload, 33, "v", {})
    assert isinstance(update, BalanceUpdate)
    assert (update.time_ns, update.venue, update.venue_ns, update.cause) == (
        33,
        "v",
        raw["T"] * MS,
        raw["a"]["m"],
    )
    told = [(b["a"], Decimal(b["wb"])) for b in raw["a"]["B"]]
    assert [(b.asset, b.wallet) for b in update.balances] == told


def test_a_combined_frame_says_the_same(instruments):
    wrapped = b'{"stream":"key","data":' + stream(STREAM_ORDER) + b"}"
    assert decode_user_event(wrapped, 1, "v", instruments) == decode_user_event(
        stream(STREAM_ORDER), 1, "v", instruments
    )


def test_an_expired_listen_key_is_a_stream_that_is_down():
    (event,) = decode_user_event(b'{"e":"listenKeyExpired","E":9,"listenKey":"x"}', 1, "v", {})
    assert event == StreamState(time_ns=1, venue="v", stream="private", up=False, reason="listen key expired")


def test_other_messages_and_other_symbols_give_nothing(binance_shapes, instruments):
    assert decode_user_event(binance_shapes("user_data_json/trade_lite.json"), 1, "v", instruments) == []
    assert decode_user_event(b'{"result":null,"id":1}', 1, "v", instruments) == []
    assert decode_user_event(stream(STREAM_ORDER | {"s": "XRPUSDT"}), 1, "v", instruments) == []


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{", b"[]", b"\xff", b'{"e":"ORDER_TRADE_UPDATE"}', b'{"e":"ACCOUNT_UPDATE","T":1}',
        b'{"e":"ACCOUNT_UPDATE","T":1,"a":{"m":"ORDER","B":[{"a":"USDT","wb":"NaN"}]}}',
        stream(STREAM_ORDER | {"X": "NO_SUCH_STATUS"}), stream(STREAM_ORDER | {"q": "0.0105"}),
        stream(STREAM_ORDER | {"p": "50000.01"}), stream(STREAM_ORDER | {"n": "Infinity"}),
        stream(STREAM_ORDER | {"S": "BOTH"}), stream(STREAM_ORDER, T=-1),
        stream(STREAM_ORDER | {"i": None}),
    ],
)  # fmt: skip
def test_an_unreadable_message_says_so(payload, instruments):
    with pytest.raises(WireError):
        decode_user_event(payload, 1, "v", instruments)


# ---- REST ----------------------------------------------------------------------------------------


def test_documented_order_answer(binance_shapes, btc):
    raw = json.loads(binance_shapes("http_json/order_response.json"))
    update = order_from_rest(raw, 33, "v", {"BTCUSDT": btc}, "query")
    assert (update.time_ns, update.venue_ns, update.source) == (33, raw["updateTime"] * MS, "query")
    assert (update.client_id, update.venue_id) == (raw["clientOrderId"], str(raw["orderId"]))
    assert (update.state, update.side, update.reduce_only) == ("open", 1, raw["reduceOnly"])
    assert (update.price, update.size, update.filled, update.reason) == (500000, 1, 0, "")


def test_order_answer(instruments):
    update = order_from_rest(ORDER, 1, "v", instruments, "answer")
    assert (update.state, update.side, update.size, update.filled) == ("partially_filled", -1, 10, 4)
    assert update.reduce_only
    expired = order_from_rest(ORDER | {"status": "EXPIRED_IN_MATCH"}, 1, "v", instruments, "answer")
    assert (expired.state, expired.reason) == ("expired", "EXPIRED_IN_MATCH")


@pytest.mark.parametrize(
    "missing", ["orderId", "symbol", "status", "clientOrderId", "origQty", "executedQty"]
)
def test_half_an_answer_proves_nothing(instruments, missing):
    with pytest.raises(WireError, match=missing):
        order_from_rest({k: v for k, v in ORDER.items() if k != missing}, 1, "v", instruments, "answer")


@pytest.mark.parametrize(
    "answer", [None, [], "text", ORDER | {"orderId": None}, ORDER | {"symbol": "XRPUSDT"}]
)
def test_what_is_no_order_of_ours_is_refused(instruments, answer):
    with pytest.raises(WireError):
        order_from_rest(answer, 1, "v", instruments, "answer")


def test_own_trade(instruments):
    fill = fill_from_rest(TRADE, 33, "v", instruments, {"7": "T1"})
    assert (fill.client_id, fill.venue_id, fill.trade_id, fill.side) == ("T1", "7", "5", -1)
    assert (fill.price, fill.size, fill.maker, fill.source) == (500000, 4, True, "query")
    assert (fill.fee, fill.fee_asset, fill.realized) == (Decimal("-0.08"), "USDT", Decimal("-0.9"))
    assert (fill.time_ns, fill.venue_ns) == (33, 9 * MS)
    assert fill_from_rest(TRADE, 33, "v", instruments, {}).client_id == ""


def test_a_trade_from_before_a_change_of_tick_is_told_exactly(instruments):
    """Off the present grid its price cannot be whole ticks; rounded it would be a wrong number in the ledger."""
    coarse = {"BTCUSDT": msgspec.structs.replace(instruments["BTCUSDT"], tick_size=Decimal("0.2"))}
    fill = fill_from_rest(TRADE | {"price": "60000.30"}, 1, "v", coarse, {})
    assert fill.price_in(coarse["BTCUSDT"]) == Decimal("60000.3")
    on_grid = fill_from_rest(TRADE | {"price": "60000.40"}, 1, "v", coarse, {})
    assert (on_grid.price, on_grid.tick_size) == (300_002, None)
    assert on_grid.price_in(coarse["BTCUSDT"]) == Decimal("60000.4")


def test_an_order_that_ended_before_a_change_of_tick_is_proven_ended(instruments):
    """A query that failed for ever would leave it UNKNOWN, and the desk unable to end."""
    coarse = {"BTCUSDT": msgspec.structs.replace(instruments["BTCUSDT"], tick_size=Decimal("0.2"))}
    off_grid = ORDER | {"price": "60000.30", "executedQty": "0"}
    ended = order_from_rest(off_grid | {"status": "CANCELED"}, 1, "v", coarse, "query")
    assert (ended.state, ended.price) == ("cancelled", 300_002)
    with pytest.raises(WireError, match=r"no whole number of ticks of 0\.2"):
        order_from_rest(off_grid | {"status": "NEW"}, 1, "v", coarse, "query")


def test_stream_and_query_tell_one_trade_alike(instruments):
    """Fills are told twice; what they are recognised by must be equal."""
    _, told = decode_user_event(stream(STREAM_ORDER), 1, "v", instruments)
    queried = fill_from_rest(TRADE, 1, "v", instruments, {})
    assert (told.venue_id, told.trade_id) == (queried.venue_id, queried.trade_id)


def test_documented_account_answers(binance_shapes, btc):
    account = json.loads(binance_shapes("http_json/account_info_v2.json"))
    risks = json.loads(binance_shapes("http_json/position_risk.json"))
    risks.append(risks[0] | {"symbol": "XRPUSDT", "positionAmt": "0.0"})
    snapshot = account_from_rest(account, risks, "start", 33, "v", {"BTCUSDT": btc})
    assert (snapshot.time_ns, snapshot.venue, snapshot.purpose) == (33, "v", "start")
    assert snapshot.venue_ns == risks[0]["updateTime"] * MS
    assert [(b.asset, b.wallet) for b in snapshot.balances] == [("USDT", Decimal("23.72469206"))]
    (position,) = snapshot.positions
    assert (position.symbol, position.lots) == ("BTCUSDT", 1)
    assert (position.entry, position.mark, position.unrealized) == (
        Decimal(50000),
        Decimal(51000),
        Decimal(1),
    )
    assert (position.liquidation, position.maintenance_margin) == (Decimal(45000), None), (
        "version 2 lacks the latter"
    )
    assert (snapshot.maintenance_margin, snapshot.margin_balance) == (Decimal(0), Decimal("23.72469206"))


def test_what_an_answer_does_not_state_is_unknown_and_never_zero(binance_shapes, btc):
    account = json.loads(binance_shapes("http_json/account_info_v2.json"))
    risks = json.loads(binance_shapes("http_json/position_risk.json"))
    bare = {"assets": account["assets"]}
    (risk,) = [{name: x for name, x in each.items() if name != "liquidationPrice"} for each in risks]
    snapshot = account_from_rest(bare, [risk], "start", 1, "v", {"BTCUSDT": btc})
    assert (snapshot.maintenance_margin, snapshot.margin_balance) == (None, None)
    assert snapshot.positions[0].liquidation is None
    stated = account_from_rest(
        account, [risk | {"liquidationPrice": "0", "maintMargin": "0.25"}], "x", 1, "v", {"BTCUSDT": btc}
    )
    assert (stated.positions[0].liquidation, stated.positions[0].maintenance_margin) == (0, Decimal("0.25"))
    with pytest.raises(WireError, match="not a number"):
        account_from_rest(account | {"totalMarginBalance": "NaN"}, risks, "x", 1, "v", {"BTCUSDT": btc})


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"positionSide": "LONG"}, "one-way"),
        ({"symbol": "XRPUSDT"}, "re-read"),
        ({"markPrice": "NaN"}, "number"),
    ],
)
def test_a_position_that_cannot_be_told_is_refused(binance_shapes, btc, change, word):
    account = json.loads(binance_shapes("http_json/account_info_v2.json"))
    risks = json.loads(binance_shapes("http_json/position_risk.json"))
    with pytest.raises(WireError, match=word):
        account_from_rest(account, [risks[0] | change], "start", 1, "v", {"BTCUSDT": btc})


def test_income_leaves_out_what_fills_tell():
    base = {"symbol": "BTCUSDT", "income": "-0.5", "asset": "USDT", "time": 9, "tranId": 3}
    kinds = ["FUNDING_FEE", "COMMISSION", "REALIZED_PNL", "TRANSFER"]
    found = income_from_rest([base | {"incomeType": kind} for kind in kinds], 33, "v")
    assert [(i.kind, i.income_id) for i in found] == [
        ("funding", "FUNDING_FEE:3"),
        ("transfer", "TRANSFER:3"),
    ]
    assert (found[0].amount, found[0].asset, found[0].symbol, found[0].venue_ns) == (
        Decimal("-0.5"), "USDT", "BTCUSDT", 9 * MS,
    )  # fmt: skip


def test_fee_rates():
    answer = {"symbol": "BTCUSDT", "makerCommissionRate": "-0.0001", "takerCommissionRate": "0.0004"}
    rates = fee_rates_from_rest(answer, 33, "v")
    assert (rates.symbol, rates.maker, rates.taker) == ("BTCUSDT", Decimal("-0.0001"), Decimal("0.0004"))
    with pytest.raises(WireError):
        fee_rates_from_rest({"symbol": "BTCUSDT"}, 1, "v")
