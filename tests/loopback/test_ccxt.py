"""An unmodified ccxt, told nothing but addresses, drives every call of the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest

from titan.loopback.main import ExchangeOptions, build_desk, keep_moving, serving
from titan.matching.terms import ExchangeSettings

BTC = "BTC/USDT:USDT"
DEAD = "http://127.0.0.1:9"


@pytest.fixture
async def venue() -> AsyncIterator[Any]:
    """A ccxt client on a generated market that moves with the wall clock; funding settles every 2 s."""
    desk = build_desk(ExchangeOptions(seed=7, settings=ExchangeSettings(funding_interval_s=2)))
    ending = asyncio.Event()
    async with serving(desk) as port:
        moving = asyncio.create_task(keep_moving(desk, ending))
        client = pointed_at(port)
        await client.load_markets()
        yield client
        await client.close()
        ending.set()
        await moving


def pointed_at(port: int) -> Any:
    """A ccxt client whose every other address is dead."""
    options = {"fetchCurrencies": False}
    client = ccxt.pro.binanceusdm(
        {"apiKey": "loopback-key", "secret": "loopback-secret", "enableRateLimit": False, "options": options}
    )
    addresses = client.urls["api"]
    for name, value in addresses.items():
        if isinstance(value, str):
            addresses[name] = DEAD
    for name in ("fapiPublic", "fapiPrivate"):
        for suffix, version in (("", "v1"), ("V2", "v2"), ("V3", "v3")):
            addresses[name + suffix] = f"http://127.0.0.1:{port}/fapi/{version}"
    addresses["ws"]["linear"] = f"ws://127.0.0.1:{port}/ws"
    return client


async def test_markets_time_and_public_data(venue):
    market = venue.market(BTC)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.001)
    assert market["limits"]["cost"]["min"] == 5
    assert abs(await venue.fetch_time() - venue.milliseconds()) < 5_000
    book = await venue.fetch_order_book(BTC, 20)
    assert book["bids"][0][0] < book["asks"][0][0]
    top = (await venue.fetch_bids_asks([BTC]))[BTC]
    assert top["bid"] < top["ask"]
    rate = await venue.fetch_funding_rate(BTC)
    assert rate["fundingTimestamp"] > rate["timestamp"]
    assert rate["markPrice"] == pytest.approx(top["bid"], rel=0.01)
    assert (await venue.fetch_mark_price(BTC))["markPrice"] > 0
    trades = await _until(lambda: venue.fetch_trades(BTC), bool)
    assert {trade["side"] for trade in trades} <= {"buy", "sell"}
    assert await venue.fapiPublicGetTrades({"symbol": "BTCUSDT"})
    assert await venue.fetch_last_prices([BTC])
    history = await _until(lambda: venue.fetch_funding_rate_history(BTC), bool)
    assert history[0]["fundingRate"] is not None


async def test_the_life_of_an_order(venue):
    placed = await venue.create_order(
        BTC, "limit", "buy", 0.01, 59_000, {"timeInForce": "GTX", "clientOrderId": "one"}
    )
    assert (placed["status"], placed["clientOrderId"], placed["postOnly"]) == ("open", "one", True)
    moved = await venue.edit_order(placed["id"], BTC, "limit", "buy", 0.02, 59_000.1)
    assert (moved["price"], moved["amount"], moved["id"]) == (59_000.1, 0.02, placed["id"])
    by_client_id = await venue.fetch_order(None, BTC, {"origClientOrderId": "one"})
    assert by_client_id["id"] == placed["id"]
    open_order = await venue.fapiPrivateGetOpenOrder({"symbol": "BTCUSDT", "orderId": placed["id"]})
    assert open_order["status"] == "NEW"
    assert [order["id"] for order in await venue.fetch_open_orders(BTC)] == [placed["id"]]
    assert (await venue.cancel_order(placed["id"], BTC))["status"] == "canceled"
    assert await venue.fetch_open_orders(BTC) == []
    assert [order["status"] for order in await venue.fetch_orders(BTC)] == ["canceled"]


async def test_batches_and_cancel_all(venue):
    wanted = [
        {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": 58_000 + number}
        for number in range(3)
    ]
    placed = await venue.create_orders(wanted)
    assert [order["status"] for order in placed] == ["open"] * 3
    changes = [
        {"id": order["id"], "symbol": BTC, "type": "limit", "side": "buy", "amount": 0.02, "price": 57_000}
        for order in placed[:2]
    ]
    moved = await venue.edit_orders(changes)
    assert [order["amount"] for order in moved] == [0.02, 0.02]
    ended = await venue.cancel_orders([placed[0]["id"], placed[1]["id"]], BTC)
    assert [order["status"] for order in ended] == ["canceled"] * 2
    await venue.create_order(BTC, "limit", "sell", 0.01, 62_000, {"clientOrderId": "two"})
    ended = await venue.cancel_orders([], BTC, {"clientOrderIds": ["two"]})
    assert [order["clientOrderId"] for order in ended] == ["two"]
    await venue.cancel_all_orders(BTC)
    assert await venue.fapiPrivateGetOpenOrders() == []


async def test_account_position_trades_and_income_agree(venue):
    filled = await venue.create_order(BTC, "market", "buy", 0.1)
    assert (filled["status"], filled["filled"]) == ("closed", 0.1)
    trades = await venue.fetch_my_trades(BTC)
    assert sum(Decimal(trade["info"]["qty"]) for trade in trades) == Decimal("0.1")
    position = (await venue.fetch_positions([BTC]))[0]
    assert (position["contracts"], position["side"], position["marginMode"]) == (0.1, "long", "cross")
    assert (await venue.fapiPrivateV2GetPositionRisk({"symbol": "BTCUSDT"}))[0]["positionAmt"] == "0.100"
    await _until(lambda: venue.fetch_funding_history(BTC), bool)
    await venue.create_order(BTC, "market", "sell", 0.1, None, {"reduceOnly": True})
    income = await venue.fapiPrivateGetIncome({"limit": 1_000})
    kinds = {row["incomeType"] for row in income}
    assert kinds == {"TRANSFER", "COMMISSION", "FUNDING_FEE", "REALIZED_PNL"}
    balance = await venue.fetch_balance()
    wallet = sum(Decimal(row["income"]) for row in income)
    assert Decimal(balance["info"]["totalWalletBalance"]) == wallet
    assert Decimal((await venue.fapiPrivateV2GetAccount())["totalWalletBalance"]) == wallet
    for answer in (await venue.fapiPrivateV2GetBalance(), await venue.fapiPrivateV3GetBalance()):
        assert Decimal(answer[0]["balance"]) == wallet


async def test_fees_margin_and_modes(venue):
    fee = await venue.fetch_trading_fee(BTC)
    assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)
    tiers = (await venue.fetch_leverage_tiers([BTC]))[BTC]
    assert tiers[0]["maxLeverage"] == 125
    assert (await venue.set_leverage(10, BTC))["leverage"] == 10
    assert (await venue.fetch_leverage(BTC))["longLeverage"] == 10
    assert (await venue.fetch_position_mode(BTC))["hedged"] is False
    assert (await venue.fapiPrivateGetMultiAssetsMargin())["multiAssetsMargin"] is False
    assert len(await venue.fapiPrivateGetRateLimitOrder()) == 2
    with pytest.raises(ccxt.ExchangeError, match="-4059"):
        await venue.fapiPrivatePostPositionSideDual({"dualSidePosition": "false"})
    assert (await venue.fetch_funding_intervals([BTC]))[BTC]["interval"] is not None


async def test_countdown_cancels_when_it_runs_out(venue):
    await venue.create_order(BTC, "limit", "buy", 0.01, 59_000)
    answer = await venue.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 100})
    assert answer == {"symbol": "BTCUSDT", "countdownTime": "100"}
    assert await _until(lambda: venue.fetch_open_orders(BTC), lambda orders: not orders) == []


async def test_refusals_reach_the_client_as_binances_codes(venue):
    with pytest.raises(ccxt.BaseError, match="-2019"):
        await venue.create_order(BTC, "limit", "buy", 900, 59_000)
    with pytest.raises(ccxt.BaseError, match="-5022"):
        await venue.create_order(BTC, "limit", "buy", 0.01, 62_000, {"timeInForce": "GTX"})
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await venue.cancel_order("99999999", BTC)
    venue.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        await venue.fetch_open_orders(BTC)


async def test_public_streams(venue):
    book = await venue.watch_order_book(BTC)
    for _ in range(5):
        book = await venue.watch_order_book(BTC)
        assert book["bids"][0][0] < book["asks"][0][0]
    assert (await venue.watch_order_book(BTC, 5, {"name": "depth"}))["nonce"] > 0
    assert (await venue.watch_trades(BTC))[-1]["price"] > 0
    assert (await venue.watch_trades(BTC, params={"name": "trade"}))[-1]["price"] > 0
    assert (await venue.watch_bids_asks([BTC]))[BTC]["bid"] > 0
    assert (await venue.watch_mark_price(BTC))["markPrice"] > 0
    await venue.un_watch_order_book(BTC)


async def test_private_streams(venue):
    orders = asyncio.create_task(venue.watch_orders(BTC))
    trades = asyncio.create_task(venue.watch_my_trades(BTC))
    balance = asyncio.create_task(venue.watch_balance())
    positions = asyncio.create_task(venue.watch_positions([BTC]))
    await _until(lambda: _ready(venue), bool)
    await venue.create_order(BTC, "market", "buy", 0.01)
    assert (await orders)[-1]["symbol"] == BTC
    assert (await trades)[-1]["amount"] <= 0.01
    assert (await balance)["USDT"]["total"] < 100_000
    rows = await positions or await venue.watch_positions([BTC])  # the first may be the empty snapshot
    assert (rows[-1]["symbol"], rows[-1]["side"]) == (BTC, "long")
    await venue.fapiPrivatePutListenKey()
    await venue.fapiPrivateDeleteListenKey()


async def _ready(venue: Any) -> bool:
    """True once the private socket of the client is open."""
    private = [client for url, client in venue.clients.items() if "listenKey" in url]
    return bool(private) and all(client.isConnected and len(client.futures) >= 4 for client in private)


async def _until(ask: Any, satisfied: Any) -> Any:
    """Ask until the answer satisfies; fails after 10 s."""
    async with asyncio.timeout(10):
        while True:
            answer = await ask()
            if satisfied(answer):
                return answer
            await asyncio.sleep(0.05)
