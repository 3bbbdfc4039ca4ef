"""REST answers about the account that ccxt does not look at: pages, filters, versions, margin."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.loopback.client import SYMBOL
from titan.loopback.errors import VenueError
from titan.loopback.params import Params
from titan.loopback.refusals import cancel_error
from titan.matching.types import Refusal, RefusalReason


async def test_version_3_holds_only_what_is_held(client):
    assert (await client.signed("GET", "/v3/positionRisk")).body == []
    assert (await client.signed("GET", "/v3/account")).body["positions"] == []
    await client.order()
    (resting,) = (await client.signed("GET", "/v3/positionRisk")).body
    assert (resting["positionAmt"], resting["bidNotional"], resting["askNotional"]) == (
        "0.000",
        "590.00000",
        "0",
    )
    assert Decimal(resting["openOrderInitialMargin"]) == Decimal("590") / 20
    await client.taken("SELL", "0.010")
    (held,) = (await client.signed("GET", "/v3/account")).body["positions"]
    assert held["positionAmt"] == "-0.010"
    assert Decimal(held["notional"]) < 0
    account = (await client.signed("GET", "/v3/account")).body
    parts = Decimal(account["totalPositionInitialMargin"]) + Decimal(account["totalOpenOrderInitialMargin"])
    assert Decimal(account["totalInitialMargin"]) == parts
    equity = Decimal(account["totalWalletBalance"]) + Decimal(account["totalUnrealizedProfit"])
    assert Decimal(account["totalMarginBalance"]) == equity


async def test_leverage_cannot_fall_below_what_the_position_needs(client):
    await client.taken("BUY", "2")
    for _ in range(4):
        client.run(1.0)
        await client.taken("BUY", "2")
    refused = await client.signed("POST", "/v1/leverage", symbol=SYMBOL, leverage=125)
    assert (refused.status, refused.code) == (400, -4028)


async def test_pages_of_trades_orders_and_income(client):
    for _ in range(3):
        await client.taken("BUY", "0.010")
        await client.order()
    start = client.now_ms
    client.run(1.0)
    await client.taken("SELL", "0.010")
    trades = (await client.signed("GET", "/v1/userTrades", symbol=SYMBOL)).body
    latest = (await client.signed("GET", "/v1/userTrades", symbol=SYMBOL, limit=1)).body
    assert latest == trades[-1:]
    since = (await client.signed("GET", "/v1/userTrades", symbol=SYMBOL, startTime=start + 1)).body
    assert [trade["side"] for trade in since] == ["SELL"] * len(since)
    by_id = await client.signed("GET", "/v1/userTrades", symbol=SYMBOL, fromId=trades[1]["id"], limit=1)
    assert by_id.body == trades[1:2]
    own = await client.signed("GET", "/v1/userTrades", symbol=SYMBOL, orderId=trades[0]["orderId"])
    assert {trade["orderId"] for trade in own.body} == {trades[0]["orderId"]}
    orders = (await client.signed("GET", "/v1/allOrders", symbol=SYMBOL)).body
    assert len(orders) == 7
    assert (await client.signed("GET", "/v1/allOrders", symbol=SYMBOL, limit=2)).body == orders[-2:]
    first = await client.signed("GET", "/v1/allOrders", symbol=SYMBOL, orderId=orders[3]["orderId"], limit=2)
    assert first.body == orders[3:5]
    fees = (await client.signed("GET", "/v1/income", incomeType="COMMISSION", symbol=SYMBOL)).body
    assert [row["tradeId"] for row in fees] == [str(trade["id"]) for trade in trades]
    page = await client.signed("GET", "/v1/income", incomeType="COMMISSION", limit=1, page=2)
    assert page.body == fees[1:2]
    assert (
        await client.signed("GET", "/v1/openOrder", symbol=SYMBOL, orderId=trades[0]["orderId"])
    ).code == -2013


async def test_unfilled_immediate_orders_expire(client):
    for lifetime in ("IOC", "FOK"):
        answer = await client.order(timeInForce=lifetime, newOrderRespType="RESULT")
        assert answer.body["status"] == "EXPIRED"


async def test_the_default_answer_to_an_order_is_an_acknowledgement(client):
    answer = await client.taken("BUY", "0.010")
    assert (answer.body["status"], answer.body["executedQty"]) == ("NEW", "0.000")
    order = await client.signed("GET", "/v1/order", symbol=SYMBOL, orderId=answer.body["orderId"])
    assert (order.body["status"], order.body["executedQty"]) == ("FILLED", "0.010")


async def test_a_batch_tells_each_refusal_in_its_place(client):
    good = '{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.01","price":"59000"'
    orders = f'[{good},"reduceOnly":false}},{good},"price":"59000.05"}}]'
    answer = await client.signed("POST", "/v1/batchOrders", batchOrders=orders, in_body=True)
    assert answer.status == 200
    assert answer.body[0]["status"] == "NEW"
    assert answer.body[1]["code"] == -4014
    named = f'["{answer.body[0]["clientOrderId"]}","nobody"]'
    ended = await client.signed("DELETE", "/v1/batchOrders", symbol=SYMBOL, origClientOrderIdList=named)
    assert [each.get("status", each.get("code")) for each in ended.body] == ["CANCELED", -2011]


async def test_public_answers_for_all_symbols(client):
    assert (await client.public("/v1/ping")).body == {}
    client.run(2.0)
    assert len((await client.public("/v1/ticker/bookTicker")).body) == 1
    assert len((await client.public("/v1/premiumIndex")).body) == 1
    assert (await client.public("/v1/fundingInfo")).body[0]["fundingIntervalHours"] == 8
    assert (await client.public("/v2/ticker/price")).body[0]["symbol"] == SYMBOL


@pytest.mark.parametrize("limit", ["-5", "x"])
def test_a_page_size_must_be_a_positive_number(limit):
    with pytest.raises(VenueError):
        Params({"limit": limit}).limit(10, 100)


def test_the_first_known_name_of_a_list_counts():
    assert Params({"second": "[1]"}).json_list("first", "second") == [1]
    with pytest.raises(VenueError, match="first"):
        Params({}).json_list("first", "second")


def test_cancelling_maps_other_refusals_too():
    assert cancel_error(Refusal(RefusalReason.NOT_TRADING, "")).code == -4141


async def test_positions_tell_where_they_would_be_liquidated(client):
    await client.taken("BUY", "0.010")
    for version in ("v2", "v3"):
        rows = (await client.signed("GET", f"/{version}/positionRisk")).body
        (held,) = [row for row in rows if row["symbol"] == SYMBOL]
        assert held["liquidationPrice"] == "0", "the wallet is worth far more than the position"
    for _ in range(9):
        client.run(1.0)
        await client.taken("SELL", "2")
    (held,) = (await client.signed("GET", "/v3/positionRisk")).body
    account = (await client.signed("GET", "/v3/account")).body
    price, mark = Decimal(held["liquidationPrice"]), Decimal(held["markPrice"])
    quantity, kept = Decimal(held["positionAmt"]), Decimal(account["totalMaintMargin"])
    assert quantity < 0
    assert price > mark
    left = Decimal(account["totalMarginBalance"]) + quantity * (price - mark)
    assert left == pytest.approx(kept * price / mark, rel=Decimal("0.05"))
