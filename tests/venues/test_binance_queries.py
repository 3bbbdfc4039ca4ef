"""Queries give what they prove, or `QueryFailed`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from aiohttp import web

from tests.venues.fake_venue import NOW_NS, SYMBOL, Desk, FakeVenue, answer, cut, drop, error, order
from titan.model import commands as c
from titan.model.events import (
    AccountSnapshot,
    FeeRates,
    FillsQueried,
    Income,
    InstrumentUpdate,
    OpenOrders,
    OrderAbsent,
    OrderUpdate,
    QueryFailed,
)
from titan.venues.binance_fills import KNOWN_ORDERS, PAGE, WEEK_MS, OrderNames

Opened = Callable[..., Awaitable[Desk]]
NOW_MS = NOW_NS // 1_000_000
ACCOUNT = {"assets": [{"asset": "USDT", "walletBalance": "1000.5"}]}


def position(symbol: str = "BTCUSDT", **changes: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "positionSide": "BOTH",
        "positionAmt": "-0.002",
        "entryPrice": "60000.15",
        "markPrice": "60001.0",
        "unRealizedProfit": "-0.0017",
        "updateTime": NOW_MS,
        **changes,
    }


def trade(number: int, order_id: int = 17, time_ms: int = NOW_MS) -> dict[str, Any]:
    return {
        "id": number,
        "orderId": order_id,
        "symbol": "BTCUSDT",
        "side": "BUY",
        "price": "60000.1",
        "qty": "0.001",
        "commission": "0.01",
        "commissionAsset": "USDT",
        "realizedPnl": "0",
        "maker": True,
        "time": time_ms,
    }


CASES = [
    ("query_order", c.QueryOrder(venue="binance", symbol="BTCUSDT", client_id="mine"), "GET", "v1/order"),
    ("query_open_orders", c.QueryOpenOrders(venue="binance"), "GET", "v1/openOrders"),
    ("query_account", c.QueryAccount(venue="binance", purpose="start"), "GET", "v3/account"),
    ("query_fills", c.QueryFills(venue="binance", symbol="BTCUSDT", since_ns=NOW_NS), "GET", "v1/userTrades"),
    ("query_instruments", c.QueryInstruments(venue="binance"), "GET", "v1/exchangeInfo"),
    ("depth", c.RequestBook(venue="binance", symbol="BTCUSDT"), "GET", "v1/depth"),
]


@pytest.mark.parametrize(("name", "command", "method", "path"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize(
    "reply",
    [drop, cut(b"{"), answer(b"<html>", 502), error(-1021), error(-1007, 503), answer(b'{"a'), answer(b"7")],
    ids=["drop", "cut", "html", "refused", "unavailable", "truncated", "number"],
)
async def test_a_failed_query_changes_nothing(
    venue: FakeVenue, opened: Opened, name: str, command: Any, method: str, path: str, reply: Any
) -> None:
    desk = await opened()
    venue.on(method, path, reply)
    got = await getattr(desk.adapter, name)(command)
    failed = got if name == "depth" else got[0]
    assert isinstance(failed, QueryFailed)
    assert name == "depth" or len(got) == 1
    assert failed.query == ("request_book" if name == "depth" else name)
    assert failed.reason
    assert failed.venue == "binance"


async def test_an_order(venue: FakeVenue, opened: Opened) -> None:
    venue.on("GET", "v1/order", answer(order(status="PARTIALLY_FILLED", executedQty="0.001")), error(-2013))
    desk = await opened()
    (found,) = await desk.adapter.query_order(CASES[0][1])
    assert isinstance(found, OrderUpdate)
    assert (found.state, found.filled, found.source) == ("partially_filled", 1, "query")
    (absent,) = await desk.adapter.query_order(CASES[0][1])
    assert isinstance(absent, OrderAbsent)
    assert absent.client_id == "mine"


async def test_open_orders(venue: FakeVenue, opened: Opened) -> None:
    venue.on(
        "GET", "v1/openOrders", answer([order("a"), order("b")]), answer([order("a"), {"symbol": "BTCUSDT"}])
    )
    desk = await opened()
    (found,) = await desk.adapter.query_open_orders(CASES[1][1])
    assert isinstance(found, OpenOrders)
    assert [each.client_id for each in found.orders] == ["a", "b"]
    (half,) = await desk.adapter.query_open_orders(CASES[1][1])
    assert isinstance(half, QueryFailed)


async def test_the_account(venue: FakeVenue, opened: Opened) -> None:
    venue.on("GET", "v3/account", answer(ACCOUNT))
    venue.on(
        "GET", "v3/positionRisk", answer([position()]), answer([position(positionSide="LONG")]), error(-1000)
    )
    desk = await opened()
    (found,) = await desk.adapter.query_account(CASES[2][1])
    assert isinstance(found, AccountSnapshot)
    assert found.balances[0].wallet == Decimal("1000.5")
    assert (found.positions[0].lots, found.purpose) == (-2, "start")
    assert found.venue_ns == NOW_NS + desk.adapter.clock_offset_ns
    (hedged,) = await desk.adapter.query_account(CASES[2][1])
    (refused,) = await desk.adapter.query_account(CASES[2][1])
    assert isinstance(hedged, QueryFailed)
    assert isinstance(refused, QueryFailed)
    assert "one-way" in hedged.reason


async def test_terms_rise_in_version_when_they_change(venue: FakeVenue, opened: Opened) -> None:
    halted = {**SYMBOL, "status": "BREAK"}
    desk = await opened()
    broken = {"symbol": "ODDUSDT", "filters": []}
    venue.on(
        "GET", "v1/exchangeInfo", answer({"symbols": [SYMBOL, broken, 7]}), answer({"symbols": [halted]})
    )
    same = await desk.adapter.query_instruments(CASES[4][1])
    changed = await desk.adapter.query_instruments(CASES[4][1])
    assert isinstance(same[0], InstrumentUpdate)
    assert isinstance(changed[0], InstrumentUpdate)
    assert isinstance(same[1], FeeRates)
    assert (same[0].instrument.version, changed[0].instrument.version) == (1, 2)
    assert changed[0].instrument.status == "break"


async def test_half_a_query_of_terms_leaves_the_old_ones(venue: FakeVenue, opened: Opened) -> None:
    """The engine would go on in ticks of 0.1 and its orders be sent in ticks of 0.2: at twice the price."""
    desk = await opened()
    (tick, *others) = SYMBOL["filters"]
    coarse = {**SYMBOL, "filters": [{**tick, "tickSize": "0.20"}, *others]}
    venue.on("GET", "v1/exchangeInfo", answer({"symbols": [coarse]}))
    venue.on("GET", "v1/commissionRate", error(-1000))
    (failed,) = await desk.adapter.query_instruments(CASES[4][1])
    assert isinstance(failed, QueryFailed)
    venue.on("GET", "v1/order", answer(order(price="60000.10")))
    (found,) = await desk.adapter.query_order(CASES[0][1])
    assert isinstance(found, OrderUpdate)
    assert found.price == 600_001


@pytest.mark.parametrize("info", [{"symbols": []}, {"symbols": 7}, {"symbols": [{**SYMBOL, "filters": []}]}])
async def test_terms_that_lack_our_symbol_are_none(venue: FakeVenue, info: dict[str, Any]) -> None:
    venue.on("GET", "v1/exchangeInfo", answer(info))
    desk = Desk(venue)
    await desk.adapter.open()
    (failed,) = await desk.adapter.query_instruments(CASES[4][1])
    assert isinstance(failed, QueryFailed)
    await desk.adapter.close()


async def test_a_book_snapshot_is_wrapped_and_otherwise_untouched(venue: FakeVenue, opened: Opened) -> None:
    body = b'{"lastUpdateId": 5, "bids": [["1.10","2"]],  "asks":[]}'
    venue.on("GET", "v1/depth", answer(body))
    frame = await (await opened()).adapter.depth(CASES[5][1])
    assert frame == b'{"stream":"btcusdt@snapshot","data":' + body + b"}"


async def test_fills_and_funding_over_all_pages(venue: FakeVenue, opened: Opened) -> None:
    since_ns = NOW_NS - (WEEK_MS + 5_000) * 1_000_000
    first = [trade(number, order_id=20) for number in range(1, PAGE + 1)]
    venue.on("GET", "v1/userTrades", answer([]), answer(first), answer([trade(PAGE + 1, order_id=21)]))
    venue.on("GET", "v1/allOrders", answer([order("old", orderId=20), order("new", orderId=21)]))
    funding = {
        "symbol": "BTCUSDT",
        "incomeType": "FUNDING_FEE",
        "income": "-0.5",
        "asset": "USDT",
        "time": NOW_MS,
    }
    rows = [{**funding, "tranId": number} for number in range(PAGE)]
    venue.on("GET", "v1/income", answer(rows), answer([{**funding, "tranId": PAGE}]))
    desk = await opened()
    *income, queried = await desk.adapter.query_fills(
        c.QueryFills(venue="binance", symbol="BTCUSDT", since_ns=since_ns)
    )
    assert isinstance(queried, FillsQueried)
    assert [fill.trade_id for fill in queried.fills] == [str(number) for number in range(1, PAGE + 2)]
    assert {fill.client_id for fill in queried.fills} == {"old", "new"}
    assert len(income) == PAGE + 1
    assert all(isinstance(each, Income) and each.kind == "funding" for each in income)
    spans = venue.calls("GET", "v1/userTrades")
    assert int(spans[1]["startTime"]) == int(spans[0]["endTime"]) + 1
    assert spans[2]["fromId"] == str(PAGE + 1)
    assert [params["page"] for params in venue.calls("GET", "v1/income")] == ["1", "2"]
    # Known by now: not asked again.
    venue.on("GET", "v1/userTrades", answer([trade(5, order_id=20)]))
    venue.on("GET", "v1/income", answer([]))
    await desk.adapter.query_fills(CASES[3][1])
    assert len(venue.calls("GET", "v1/allOrders")) == 1


@pytest.mark.parametrize("path", ["v1/userTrades", "v1/allOrders", "v1/income"])
async def test_executions_are_told_in_the_ticks_that_hold_when_they_are_told(
    venue: FakeVenue, opened: Opened, path: str
) -> None:
    """The terms may change between two of the query's calls; in the ticks of before a price would be half of it."""
    desk = await opened()
    replies = {
        "v1/userTrades": answer([trade(1)]),
        "v1/allOrders": answer([order("mine", orderId=17)]),
        "v1/income": answer([]),
    }

    async def changing(request: web.Request) -> web.StreamResponse:
        terms = await desk.adapter.terms()
        assert not isinstance(terms, QueryFailed)
        fine = msgspec.structs.replace(terms["BTCUSDT"], tick_size=Decimal("0.05"))
        desk.adapter.adopt_terms({"BTCUSDT": fine})
        return await replies[path](request)

    for each, reply in replies.items():
        venue.on("GET", each, changing if each == path else reply)
    (queried,) = await desk.adapter.query_fills(CASES[3][1])
    assert isinstance(queried, FillsQueried)
    assert [(fill.price, fill.tick_size) for fill in queried.fills] == [(1_200_002, None)]


async def test_many_pages_by_id_and_orders_that_the_venue_has_forgotten(
    venue: FakeVenue, opened: Opened
) -> None:
    pages = [[trade(start + number, order_id=3_000) for number in range(PAGE)] for start in (0, PAGE)]
    venue.on("GET", "v1/userTrades", answer(pages[0]), answer(pages[1]), answer([]))
    full = [order(f"o{number}", orderId=number) for number in range(2_000, 2_000 + PAGE)]
    venue.on("GET", "v1/allOrders", answer(full), answer([]))
    venue.on("GET", "v1/income", answer([]))
    desk = await opened()
    (queried,) = await desk.adapter.query_fills(CASES[3][1])
    assert isinstance(queried, FillsQueried)
    assert len(queried.fills) == 2 * PAGE
    assert {fill.client_id for fill in queried.fills} == {""}
    assert len(venue.calls("GET", "v1/allOrders")) == 2


async def test_a_page_of_anything_but_objects_fails_the_query(venue: FakeVenue, opened: Opened) -> None:
    venue.on("GET", "v1/userTrades", answer([7]))
    (failed,) = await (await opened()).adapter.query_fills(CASES[3][1])
    assert isinstance(failed, QueryFailed)
    assert "no object" in failed.reason


def test_the_oldest_names_are_forgotten() -> None:
    names = OrderNames()
    for number in range(KNOWN_ORDERS + 1):
        names.note(str(number), "x")
    assert "0" not in names.known
    assert len(names.known) == KNOWN_ORDERS
