"""Every rule that the exchange enforces answers with Binance's code, over a real socket."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.loopback.client import SYMBOL
from titan.loopback.limits import Limiter, RateLimits
from titan.loopback.refusals import CODES
from titan.matching.types import RefusalReason


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": "59000.05"}, -4014),
        ({"price": "59000.001"}, -1111),
        ({"price": "0"}, -4001),
        ({"price": "-1"}, -4001),
        ({"price": "NaN"}, -1102),
        ({"price": "cheap"}, -1102),
        ({"price": None}, -1102),
        ({"quantity": "0.0105"}, -1111),
        ({"quantity": "0"}, -4003),
        ({"quantity": "1001"}, -4005),
        ({"quantity": None}, -1102),
        ({"price": "100.00", "quantity": "0.001"}, -4164),
        ({"price": "70000.00"}, -4016),
        ({"side": "SELL", "price": "50000.00"}, -4024),
        ({"side": "UP"}, -1117),
        ({"type": "GUESS"}, -1116),
        ({"type": "STOP_MARKET"}, -4120),
        ({"timeInForce": "GTD"}, -1115),
        ({"timeInForce": None}, -1102),
        ({"type": "MARKET", "price": None}, -1106),
        ({"type": "MARKET", "timeInForce": None}, -1106),
        ({"symbol": "NOSUCHUSDT"}, -1121),
        ({"symbol": None}, -1102),
        ({"positionSide": "LONG"}, -4061),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"newClientOrderId": "no spaces"}, -4015),
        ({"selfTradePreventionMode": "EXPIRE_NOBODY"}, -5039),
        ({"newOrderRespType": "FULL"}, -1136),
        ({"reduceOnly": "true"}, -2022),
        ({"reduceOnly": "maybe"}, -1130),
        ({"side": "BUY", "price": "62000.00", "timeInForce": "GTX"}, -5022),
    ],
)
async def test_a_wrong_order_is_refused_with_binances_code(client, change, code):
    answer = await client.order(**change)
    assert (answer.status, answer.code) == (400, code), answer.body
    assert (await client.signed("GET", "/v1/openOrders", symbol=SYMBOL)).body == []


async def test_margin(second):
    answer = await second.order(quantity="1")
    assert answer.code == -2019


async def test_the_leverage_limits_the_position(client):
    answer = await client.signed("POST", "/v1/leverage", symbol=SYMBOL, leverage=125)
    assert answer.body == {"leverage": 125, "maxNotionalValue": "300000", "symbol": SYMBOL}
    assert (await client.order(quantity="10")).code == -2027


async def test_reduce_only_is_exempt_from_the_minimum_notional_and_never_turns_the_position(client):
    await client.taken("BUY", "0.002")
    small = await client.order(side="SELL", quantity="0.001", price="62000.00", reduceOnly="true")
    assert small.status == 200
    assert small.body["reduceOnly"] is True
    await client.signed("DELETE", "/v1/allOpenOrders", symbol=SYMBOL)
    closing = await client.taken("SELL", "5", reduceOnly="true", newOrderRespType="RESULT")
    assert closing.status == 200
    risk = await client.signed("GET", "/v2/positionRisk", symbol=SYMBOL)
    assert Decimal(risk.body[0]["positionAmt"]) == 0


async def test_a_client_id_is_unique_among_open_orders_only(client):
    first = await client.order(newClientOrderId="mine")
    assert (await client.order(newClientOrderId="mine")).code == -4116
    await client.signed("DELETE", "/v1/order", symbol=SYMBOL, orderId=first.body["orderId"])
    assert (await client.order(newClientOrderId="mine")).status == 200


async def test_the_number_of_open_orders_is_limited(client):
    for _ in range(40):
        orders = [_batch_entry(f"{58_000 + number}.00") for number in range(5)]
        answer = await client.signed("POST", "/v1/batchOrders", batchOrders=_json(orders))
        assert all("orderId" in each for each in answer.body), answer.body
        client.run(1.0)
    assert (await client.order()).code == -2025


async def test_self_trade_prevention_ends_what_the_taker_chose(client):
    book = (await client.public("/v1/ticker/bookTicker", symbol=SYMBOL)).body
    inside = f"{(Decimal(book['bidPrice']) + Decimal('0.10')):f}"
    if inside == book["askPrice"]:
        await client.taken("BUY", book["askQty"])
        inside = book["askPrice"]
    resting = await client.order(price=inside, timeInForce="GTX")
    assert resting.status == 200, resting.body
    taker = await client.order(
        side="SELL", price=inside, newOrderRespType="RESULT", selfTradePreventionMode="EXPIRE_TAKER"
    )
    assert taker.body["status"] == "EXPIRED_IN_MATCH"
    taker = await client.order(
        side="SELL", price=inside, newOrderRespType="RESULT", selfTradePreventionMode="EXPIRE_MAKER"
    )
    kept = await client.signed("GET", "/v1/order", symbol=SYMBOL, orderId=resting.body["orderId"])
    assert kept.body["status"] == "EXPIRED_IN_MATCH"
    assert taker.body["status"] in ("NEW", "FILLED", "PARTIALLY_FILLED")


@pytest.mark.parametrize(
    ("method", "path", "params", "code"),
    [
        ("DELETE", "/v1/order", {"orderId": 99_999_999}, -2011),
        ("DELETE", "/v1/order", {}, -1102),
        ("GET", "/v1/order", {"origClientOrderId": "nobody"}, -2013),
        ("GET", "/v1/openOrder", {"orderId": 99_999_999}, -2013),
        ("PUT", "/v1/order", {"orderId": 9, "side": "BUY", "price": "59000.00", "quantity": "1"}, -2013),
        ("POST", "/v1/batchOrders", {"batchOrders": "[]"}, -4082),
        ("POST", "/v1/batchOrders", {"batchOrders": "{"}, -1102),
        ("POST", "/v1/batchOrders", {"batchOrders": "[1]"}, -1102),
        ("DELETE", "/v1/batchOrders", {}, -1102),
        ("DELETE", "/v1/batchOrders", {"orderIdList": "[1,2,3,4,5,6,7,8,9,10,11]"}, -4083),
        ("POST", "/v1/countdownCancelAll", {"countdownTime": -1}, -1130),
        ("POST", "/v1/leverage", {"leverage": 126}, -4028),
        ("POST", "/v1/marginType", {"marginType": "CROSSED"}, -4046),
        ("POST", "/v1/marginType", {"marginType": "ISOLATED"}, -4084),
        ("POST", "/v1/marginType", {"marginType": "LOOSE"}, -1130),
        ("POST", "/v1/positionSide/dual", {"dualSidePosition": "false"}, -4059),
        ("POST", "/v1/positionSide/dual", {"dualSidePosition": "true"}, -4084),
        ("POST", "/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}, -4171),
        ("POST", "/v1/multiAssetsMargin", {"multiAssetsMargin": "true"}, -4084),
        ("GET", "/v1/income", {"incomeType": "LUCK"}, -1130),
        ("GET", "/v1/userTrades", {"limit": 0}, -1130),
        ("GET", "/v1/allOrders", {"startTime": "noon"}, -1102),
    ],
)
async def test_a_wrong_call_is_refused_with_binances_code(client, method, path, params, code):
    answer = await client.signed(method, path, symbol=SYMBOL, **params)
    assert (answer.status, answer.code) == (400, code), answer.body


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/v1/depth", {"symbol": SYMBOL, "limit": 7}, 400, -4021),
        ("/v1/aggTrades", {"symbol": SYMBOL, "startTime": 2, "endTime": 1}, 400, -1023),
        ("/v1/ticker/price", {"symbol": SYMBOL}, 400, -1122),
        ("/v1/nothing", {}, 404, -5000),
    ],
)
async def test_a_wrong_public_call(client, path, params, status, code):
    answer = await client.public(path, **params)
    assert (answer.status, answer.code) == (status, code)


async def test_amending_needs_a_change_and_crossing_post_only_cancels(client):
    order = (await client.order(timeInForce="GTX")).body
    named = {"symbol": SYMBOL, "orderId": order["orderId"], "side": "BUY"}
    same = await client.signed("PUT", "/v1/order", **named, price="59000.00", quantity="0.010")
    assert same.code == -5027
    off = await client.signed("PUT", "/v1/order", **named, price="59000.05", quantity="0.010")
    assert off.code == -4014
    moved = await client.signed("PUT", "/v1/order", **named, price="59000.10", quantity="0.020")
    assert (moved.body["status"], moved.body["price"], moved.body["origQty"]) == ("NEW", "59000.10", "0.020")
    crossing = await client.signed("PUT", "/v1/order", **named, price="62000.00", quantity="0.020")
    assert crossing.body["status"] == "CANCELED"


async def test_signatures(client):
    now = client.now_ms
    query = f"symbol={SYMBOL}&timestamp={now}"
    key = client.account.key
    assert (await client.raw("GET", "/v1/openOrders", query, None)).code == -2014
    unknown = await client.raw("GET", "/v1/openOrders", query, "someone")
    assert (unknown.status, unknown.code) == (401, -2015)
    assert (await client.raw("GET", "/v1/openOrders", query, key)).code == -1102
    wrong = await client.raw("GET", "/v1/openOrders", query + "&signature=" + "0" * 64, key)
    assert wrong.code == -1022
    unstamped = await client.raw("GET", "/v1/openOrders", f"symbol={SYMBOL}&signature=00", key)
    assert unstamped.code == -1102
    for stamp in (now - 5_001, now + 1_001):
        assert (await client.signed("GET", "/v1/openOrders", symbol=SYMBOL, timestamp=stamp)).code == -1021
    wide = await client.signed(
        "GET", "/v1/openOrders", symbol=SYMBOL, timestamp=now - 50_000, recvWindow=60_000
    )
    assert wide.status == 200
    too_wide = await client.signed("GET", "/v1/openOrders", symbol=SYMBOL, recvWindow=60_001)
    assert too_wide.code == -1102
    assert (await client.signed("GET", "/v1/openOrders", in_body=False, symbol=SYMBOL)).status == 200
    assert (await client.signed("PUT", "/v1/listenKey", in_body=True)).code == -1125


@pytest.fixture
def hurried(client):
    """The same exchange with little to spend."""
    limits = RateLimits(weight_per_minute=100, refusals_before_ban=3, orders_per_10_s=20)
    client.desk.limiter = Limiter(limits)
    return client


async def test_weights_are_counted_refused_and_forgotten(hurried):
    first = await hurried.public("/v1/depth", symbol=SYMBOL, limit=1_000)
    assert first.headers["X-MBX-USED-WEIGHT-1M"] == "20"
    second = await hurried.public("/v1/time")
    assert second.headers["X-MBX-USED-WEIGHT-1M"] == "21"
    for _ in range(2):
        await hurried.signed("GET", "/v1/income")
    refused = await hurried.signed("GET", "/v1/income")
    assert (refused.status, refused.code) == (429, -1003)
    assert refused.headers["Retry-After"] == "60"
    hurried.run(60)
    assert (await hurried.public("/v1/time")).headers["X-MBX-USED-WEIGHT-1M"] == "1"


async def test_going_on_after_429_ends_in_a_ban(hurried):
    for _ in range(3):
        await hurried.signed("GET", "/v1/income")
    for _ in range(3):
        assert (await hurried.signed("GET", "/v1/income")).status == 429
    banned = await hurried.signed("GET", "/v1/income")
    assert (banned.status, banned.code, banned.headers["Retry-After"]) == (418, -1003, "120")
    assert "banned until" in banned.body["msg"]
    hurried.run(60)
    assert (await hurried.public("/v1/time")).status == 418
    hurried.run(60)
    assert (await hurried.public("/v1/time")).status == 200


async def test_orders_are_counted_an_account(hurried, second):
    placed = await hurried.order()
    assert placed.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert placed.headers["X-MBX-ORDER-COUNT-1M"] == "1"
    for number in range(3):
        answer = await hurried.signed(
            "POST", "/v1/batchOrders", batchOrders=_json([_batch_entry(f"{58_000 + number}.00")])
        )
    assert answer.headers["X-MBX-ORDER-COUNT-10S"] == "16"
    assert answer.headers["X-MBX-ORDER-COUNT-1M"] == "4"
    for _ in range(4):
        await hurried.order()
    refused = await hurried.order()
    assert (refused.status, refused.code) == (429, -1015)
    assert (await second.order(quantity="0.001")).headers["X-MBX-ORDER-COUNT-10S"] == "1"
    hurried.run(10)
    assert (await hurried.order()).status == 200


async def test_the_real_limits_are_binances(client):
    limits = {
        (row["rateLimitType"], row["intervalNum"]): row["limit"]
        for row in (await client.public("/v1/exchangeInfo")).body["rateLimits"]
    }
    assert limits == {("REQUEST_WEIGHT", 1): 2_400, ("ORDERS", 1): 1_200, ("ORDERS", 10): 300}


def test_every_refusal_of_the_core_has_a_code():
    assert set(CODES) == set(RefusalReason)


def _batch_entry(price: str) -> dict[str, object]:
    return {
        "symbol": SYMBOL,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.001",
        "price": price,
    }


def _json(orders: list[dict[str, object]]) -> str:
    return msgspec.json.encode(orders).decode()
