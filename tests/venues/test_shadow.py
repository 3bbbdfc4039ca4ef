"""The shadow: orders live on paper, and what stands behind is only ever read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, get_type_hints

import pytest

from tests.venues.paper_desk import MS, SYMBOL, TERMS, VENUE
from titan.model import commands as c
from titan.model.events import (
    BalanceUpdate,
    CommandOutcome,
    Fill,
    JournalledEvent,
    KeptAlive,
    OpenOrders,
    OrderAbsent,
    OrderUpdate,
    QueryFailed,
)
from titan.model.orders import BUY, Lifetime
from titan.venues import shadow
from titan.venues.adapter import AccountReader, Adapter, Sinks
from titan.venues.shadow import ShadowAdapter


class Clock:
    def __init__(self) -> None:
        self.ns = 1_700_000_000_000 * MS

    def now_ns(self) -> int:
        self.ns += 1
        return self.ns


class Behind:
    """Reads; to be asked for anything else is an error."""

    def __init__(self, sinks: Sinks) -> None:
        self.sinks = sinks
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        assert name not in {"place", "amend", "cancel", "cancel_all", "keep_alive", "query_order"}

        async def ask(*_: object) -> list[Any]:
            self.asked.append(name)
            return [name]

        return ask


class Desk:
    def __init__(self) -> None:
        self.private: list[JournalledEvent] = []
        self.market: list[bytes] = []
        self.streams: list[JournalledEvent] = []
        sinks = Sinks(self.market.append, self.private.extend, self.streams.append)
        self.adapter = ShadowAdapter(VENUE, self._make, sinks, Clock())

    def _make(self, sinks: Sinks) -> Any:
        self.behind = Behind(sinks)
        return self.behind

    async def place(self, client_id: str, lifetime: Lifetime = Lifetime.POST_ONLY) -> OrderUpdate:
        command = c.PlaceOrder(
            venue=VENUE, symbol=SYMBOL, client_id=client_id, strategy="s", side=BUY, price=600_000, size=3,
            lifetime=lifetime, reduce_only=False,
        )  # fmt: skip
        (answer,) = await self.adapter.place(command)
        assert isinstance(answer, OrderUpdate)
        return answer

    async def open_orders(self) -> list[str]:
        (answer,) = await self.adapter.query_open_orders(c.QueryOpenOrders(venue=VENUE))
        assert isinstance(answer, OpenOrders)
        return [order.client_id for order in answer.orders]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    await made.adapter.open()
    yield made
    await made.adapter.close()
    assert made.behind.asked[0] == "open"
    assert made.behind.asked[-1] == "close"


def of(kind: Any, client_id: str, **more: Any) -> Any:
    return kind(venue=VENUE, symbol=SYMBOL, client_id=client_id, **more)


async def test_an_order_stands_until_it_is_cancelled(desk):
    placed = await desk.place("one")
    assert (placed.state, placed.filled, placed.source) == ("open", 0, "answer")
    (moved,) = await desk.adapter.amend(of(c.AmendOrder, "one", side=BUY, price=599_999, size=5))
    assert (moved.state, moved.price, moved.size, moved.venue_id) == ("open", 599_999, 5, placed.venue_id)
    assert moved.venue_ns > placed.venue_ns
    await desk.place("two")
    assert await desk.open_orders() == ["one", "two"]
    (ended,) = await desk.adapter.cancel(of(c.CancelOrder, "one"))
    assert (ended.state, ended.filled) == ("cancelled", 0)
    (asked,) = await desk.adapter.query_order(of(c.QueryOrder, "one"))
    assert (asked.state, asked.source) == ("cancelled", "query")
    (all_ended,) = await desk.adapter.cancel_all(c.CancelAll(venue=VENUE, symbol=SYMBOL))
    assert (all_ended.client_id, all_ended.state) == ("two", "cancelled")
    assert await desk.open_orders() == []
    assert [(u.client_id, u.state, u.source) for u in desk.private] == [
        ("one", "open", "stream"), ("one", "open", "stream"), ("two", "open", "stream"),
        ("one", "cancelled", "stream"), ("two", "cancelled", "stream"),
    ]  # fmt: skip


@pytest.mark.parametrize("lifetime", [Lifetime.IOC, Lifetime.FOK, Lifetime.MARKET])
async def test_what_takes_at_once_finds_nobody(desk, lifetime):
    placed = await desk.place("one", lifetime)
    assert (placed.state, placed.filled) == ("expired", 0)
    assert await desk.open_orders() == []


async def test_an_order_of_another_symbol_is_not_cancelled_with_the_rest(desk):
    await desk.place("one")
    assert await desk.adapter.cancel_all(c.CancelAll(venue=VENUE, symbol="ETHUSDT")) == []
    assert await desk.open_orders() == ["one"]


async def test_what_does_not_stand_is_unknown(desk):
    await desk.place("gone", Lifetime.IOC)
    for name in ("gone", "never"):
        for command, act in (
            (of(c.AmendOrder, name, side=BUY, price=1, size=1), desk.adapter.amend),
            (of(c.CancelOrder, name), desk.adapter.cancel),
        ):
            (outcome,) = await act(command)
            assert isinstance(outcome, CommandOutcome)
            assert (outcome.outcome, outcome.code, outcome.client_id) == ("unknown", "unknown_order", name)
    (absent,) = await desk.adapter.query_order(of(c.QueryOrder, "never"))
    assert isinstance(absent, OrderAbsent)


async def test_the_dead_man_switch_is_confirmed_and_not_armed(desk):
    (kept,) = await desk.adapter.keep_alive(c.KeepAlive(venue=VENUE, symbol=SYMBOL, countdown_ns=60 * MS))
    assert isinstance(kept, KeptAlive)
    assert kept.countdown_ns == 60 * MS
    assert desk.behind.asked == ["open"]


async def test_reads_are_handed_on(desk):
    asked = {
        "query_account": c.QueryAccount(venue=VENUE, purpose="start"),
        "query_fills": c.QueryFills(venue=VENUE, symbol=SYMBOL, since_ns=0),
        "query_setup": c.QuerySetup(venue=VENUE),
        "query_instruments": c.QueryInstruments(venue=VENUE),
        "rebuild_stream": c.RebuildStream(venue=VENUE, reason="late"),
        "depth": c.RequestBook(venue=VENUE, symbol=SYMBOL),
    }
    for name, command in asked.items():
        assert await getattr(desk.adapter, name)(command) == [name]
    assert desk.behind.asked == ["open", *asked]


async def test_of_the_accounts_own_stream_its_orders_are_left_out(desk):
    order = await desk.place("one")
    desk.private.clear()
    fill = Fill(
        time_ns=1, venue=VENUE, symbol=SYMBOL, client_id="by-hand", venue_id="1", trade_id="1", side=BUY, price=1,
        size=1, maker=True, fee=TERMS.tick_size, fee_asset="USDT", realized=TERMS.tick_size, source="stream",
    )  # fmt: skip
    balance = BalanceUpdate(time_ns=1, venue=VENUE, balances=(), cause="ORDER")
    desk.behind.sinks.private([order, fill, balance])
    desk.behind.sinks.private([])
    desk.behind.sinks.market(b"frame")
    failed = QueryFailed(time_ns=1, venue=VENUE, query="clock", symbol="", client_id="", reason="no")
    desk.behind.sinks.stream(failed)
    assert desk.private == [fill, balance]
    assert desk.market == [b"frame"]
    assert desk.streams == [failed]


async def test_old_ends_are_forgotten_and_what_stands_never_is(desk, monkeypatch):
    monkeypatch.setattr(shadow, "KEEP_ENDED", 3)
    await desk.place("stands")
    for number in range(5):
        await desk.place(f"n{number}", Lifetime.IOC)
    assert await desk.open_orders() == ["stands"]
    (asked,) = await desk.adapter.query_order(of(c.QueryOrder, "n0"))
    assert isinstance(asked, OrderAbsent)
    (asked,) = await desk.adapter.query_order(of(c.QueryOrder, "n4"))
    assert isinstance(asked, OrderUpdate)


def test_what_stands_behind_has_no_means_to_change_an_order():
    """The type says it: a reader has none of the methods by which orders are placed, changed or cancelled."""
    (behind,) = get_type_hints(ShadowAdapter.__init__)["behind"].__args__[-1:]
    assert behind is AccountReader
    for name in ("place", "amend", "cancel", "cancel_all", "keep_alive"):
        assert hasattr(Adapter, name)
        assert not hasattr(AccountReader, name)
