"""The outbox with a venue and a journal made by hand: what is sent when, and what never is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import pytest

from tests.engine.scripted_venue import instrument
from titan.chaos.virtual_time import VirtualLoop
from titan.live.outbox import LATE, PATIENCE_S, REGRIDDED, Outbox
from titan.model import commands as c
from titan.model.clock import SetClock
from titan.model.events import CommandOutcome, InstrumentUpdate, OpenOrders, OrderUpdate, QueryFailed
from titan.model.orders import Lifetime
from titan.store.writer import JournalFailed

VENUE, SYMBOL = "v", "BTCUSDT"


def place(client_id: str = "one") -> c.PlaceOrder:
    return c.PlaceOrder(
        venue=VENUE,
        symbol=SYMBOL,
        client_id=client_id,
        strategy="s",
        side=1,
        price=10,
        size=1,
        lifetime=Lifetime.POST_ONLY,
        reduce_only=False,
    )


def amend(client_id: str = "one") -> c.AmendOrder:
    return c.AmendOrder(venue=VENUE, symbol=SYMBOL, client_id=client_id, side=1, price=11, size=1)


def cancel(client_id: str = "one") -> c.CancelOrder:
    return c.CancelOrder(venue=VENUE, symbol=SYMBOL, client_id=client_id)


def query(client_id: str = "one") -> c.QueryOrder:
    return c.QueryOrder(venue=VENUE, symbol=SYMBOL, client_id=client_id)


def failed(query: str) -> QueryFailed:
    return QueryFailed(time_ns=1, venue=VENUE, query=query, symbol="", client_id="", reason="silence")


class Journal:
    """Durable up to `durable`; `advance` and `fail` settle those who wait."""

    def __init__(self, durable: int = 1 << 30) -> None:
        self.durable = durable
        self.failed: OSError | None = None
        self._moved = asyncio.Condition()

    async def wait_durable(self, seq: int) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: seq <= self.durable or self.failed is not None)
        if seq > self.durable:
            raise JournalFailed(f"input {seq} is not durable: {self.failed}")

    async def advance(self, seq: int) -> None:
        async with self._moved:
            self.durable = seq
            self._moved.notify_all()

    async def fail(self) -> None:
        async with self._moved:
            self.failed = OSError("full")
            self._moved.notify_all()


class Venue:
    """Notes each call; a call whose name is in `held` waits for its event."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.held: dict[str, asyncio.Event] = {}
        self.answers: dict[str, list[Any]] = {}
        self.depth_answer: bytes | QueryFailed = b"frame"

    def __getattr__(self, name: str) -> Any:
        async def call(command: Any) -> Any:
            label = f"{name} {getattr(command, 'client_id', '')}".strip()
            self.calls.append(label)
            if label in self.held:
                await self.held[label].wait()
            return self.depth_answer if name == "depth" else self.answers.get(name, [])

        return call


class Sink:
    """Keeps what comes back."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def ingest(self, event: Any) -> None:
        self.events.append(event)

    def ingest_frame(self, venue: str, payload: bytes) -> None:
        self.events.append((venue, payload))


class Bench:
    """An outbox and everything around it."""

    def __init__(self, *, in_turn: bool = False, durable: int = 1 << 30) -> None:
        self.venue, self.journal, self.sink = Venue(), Journal(durable), Sink()
        self.outbox = Outbox(
            {VENUE: self.venue},  # type: ignore[dict-item]
            self.journal,  # type: ignore[arg-type]
            self.sink,
            SetClock(77),
            in_turn=in_turn,
        )

    def submit(self, *commands: c.AnyCommand, seq: int = 1) -> None:
        for command in commands:
            self.outbox.submit(seq, command, 0)


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("command", [place(), amend()])
async def test_what_adds_risk_is_durable_before_it_is_sent(command):
    bench = Bench(durable=4)
    bench.submit(command, seq=5)
    await settled()
    assert bench.venue.calls == []
    await bench.journal.advance(5)
    await bench.outbox.settle()
    assert bench.venue.calls == [f"{command.__struct_config__.tag} one"]


@pytest.mark.parametrize("command", [place(), amend()])
async def test_what_was_decided_in_the_old_tick_is_not_sent_in_the_new_one(command):
    """Rendered by the new terms, the same count of ticks would be another price: twice as high here."""
    bench = Bench(durable=4)

    async def learn(tick: str) -> None:
        terms = instrument(SYMBOL, venue=VENUE, tick_size=Decimal(tick))
        bench.venue.answers["query_instruments"] = [InstrumentUpdate(time_ns=1, instrument=terms)]
        bench.submit(c.QueryInstruments(venue=VENUE))
        await settled()

    await learn("0.1")
    bench.submit(command, seq=5)
    await learn("0.2")
    await bench.journal.advance(5)
    await bench.outbox.settle()
    outcomes = [event for event in bench.sink.events if isinstance(event, CommandOutcome)]
    assert [(o.outcome, o.message) for o in outcomes] == [("not_sent", REGRIDDED)]
    await learn("0.2")
    bench.submit(command, seq=5)
    await bench.outbox.settle()
    assert bench.venue.calls[-1] == f"{command.__struct_config__.tag} one"


async def test_a_cancel_does_not_wait_for_the_disk():
    bench = Bench(durable=0)
    bench.submit(cancel(), seq=5)
    await bench.outbox.settle()
    assert bench.venue.calls == ["cancel one"]


async def test_after_the_journal_has_failed_only_cancels_go_out_and_are_told():
    bench = Bench(durable=0)
    unwritten: list[c.AnyCommand] = []
    bench.outbox.unwritten = unwritten.append
    bench.submit(place("a"), amend("b"), seq=5)
    await settled()
    await bench.journal.fail()
    everything = c.CancelAll(venue=VENUE, symbol=SYMBOL)
    bench.submit(cancel("c"), everything, c.QueryOpenOrders(venue=VENUE), seq=6)
    await bench.outbox.settle()
    assert sorted(bench.venue.calls) == ["cancel c", "cancel_all", "query_open_orders"]
    assert unwritten == [cancel("c"), everything]
    outcomes = [event for event in bench.sink.events if isinstance(event, CommandOutcome)]
    assert [(o.action, o.client_id, o.outcome, o.time_ns) for o in outcomes] == [
        ("place", "a", "not_sent", 77),
        ("amend", "b", "not_sent", 77),
    ]
    assert all("full" in outcome.message for outcome in outcomes)
    assert bench.outbox.sent == {"place": 0, "amend": 0, "cancel": 1}


async def test_commands_of_one_order_keep_their_order_and_others_do_not_wait():
    bench = Bench()
    bench.venue.held["place one"] = asyncio.Event()
    bench.submit(place("one"), amend("one"), cancel("one"), place("two"))
    await settled()
    assert bench.venue.calls == ["place one", "place two"]
    bench.venue.held["place one"].set()
    await bench.outbox.settle()
    assert bench.venue.calls == ["place one", "place two", "amend one", "cancel one"]


def in_virtual_time(work: Coroutine[Any, Any, None]) -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


def test_a_call_that_is_silent_keeps_nobody_from_asking_or_cancelling():
    """Found by a drill: an order whose answer was lost could be neither asked for nor cancelled until its time-out."""

    async def work() -> None:
        bench = Bench()
        bench.venue.held["place one"] = asyncio.Event()
        bench.submit(place("one"), query("one"), cancel("one"))
        await settled()
        assert bench.venue.calls == ["place one", "query_order one"]
        await asyncio.sleep(PATIENCE_S + 0.1)
        await settled()
        assert bench.venue.calls == ["place one", "query_order one", "cancel one"]
        bench.venue.held["place one"].set()
        await bench.outbox.settle()

    in_virtual_time(work())


def test_an_amend_that_had_to_wait_too_long_is_not_sent():
    """Its price is one of long ago, and the engine counts on what it decided to arrive soon or never."""

    async def work() -> None:
        bench = Bench()
        bench.venue.held["place one"] = asyncio.Event()
        bench.submit(place("one"), amend("one"))
        await asyncio.sleep(PATIENCE_S + 0.1)
        await settled()
        assert bench.venue.calls == ["place one"]
        bench.venue.held["place one"].set()
        await bench.outbox.settle()
        assert [(e.action, e.outcome, e.message) for e in bench.sink.events] == [("amend", "not_sent", LATE)]

    in_virtual_time(work())


def test_an_order_for_which_the_disk_was_too_slow_is_not_sent():
    async def work() -> None:
        bench = Bench(durable=0)
        bench.submit(place("one"))
        await asyncio.sleep(PATIENCE_S + 0.1)
        await bench.journal.advance(1)
        await bench.outbox.settle()
        assert bench.venue.calls == []
        assert [(e.action, e.outcome, e.message) for e in bench.sink.events] == [("place", "not_sent", LATE)]

    in_virtual_time(work())


async def test_in_turn_nothing_happens_before_run_and_then_all_in_order():
    bench = Bench(in_turn=True)
    bench.venue.answers["place"] = ["answer"]
    bench.submit(place("one"), place("two"), cancel("one"))
    await settled()
    assert bench.venue.calls == []
    assert await bench.outbox.run()
    assert bench.venue.calls == ["place one", "place two", "cancel one"]
    assert bench.sink.events == ["answer", "answer"]
    assert not await bench.outbox.run()


async def test_every_query_goes_to_its_method_and_every_answer_to_the_sink():
    bench = Bench(in_turn=True)
    queries = [
        c.QueryOrder(venue=VENUE, symbol=SYMBOL, client_id="one"),
        c.QueryOpenOrders(venue=VENUE),
        c.QueryAccount(venue=VENUE, purpose="start"),
        c.QueryFills(venue=VENUE, symbol=SYMBOL, since_ns=1),
        c.QueryInstruments(venue=VENUE),
        c.RequestBook(venue=VENUE, symbol=SYMBOL),
    ]
    bench.submit(*queries, c.Notice(level="info", code="n", message="not sent anywhere"))
    await bench.outbox.run()
    assert [call.split()[0] for call in bench.venue.calls] == [
        *("query_order", "query_open_orders", "query_account", "query_fills", "query_instruments", "depth")
    ]
    assert bench.sink.events == [(VENUE, b"frame")]
    bench.venue.depth_answer = failed("depth")
    bench.submit(c.RequestBook(venue=VENUE, symbol=SYMBOL))
    await bench.outbox.run()
    assert bench.sink.events[-1] == failed("depth")


async def test_a_fault_is_kept_and_the_first_one_counts():
    bench = Bench()
    bench.submit(c.SetTimer(name="t", at_ns=1))
    await bench.outbox.settle()
    assert isinstance(bench.outbox.fault, AttributeError)
    first = bench.outbox.fault
    bench.venue.answers["cancel"] = [1]
    bench.sink.ingest = None  # type: ignore[assignment, method-assign]
    bench.submit(cancel())
    await bench.outbox.settle()
    assert bench.outbox.fault is first


async def test_latency_is_told_for_each_stage():
    bench = Bench(in_turn=True)
    stages: list[str] = []
    bench.outbox.note_latency = lambda stage, latency_ns: stages.append(stage)
    bench.submit(place(), cancel(), c.QueryOpenOrders(venue=VENUE))
    await bench.outbox.run()
    assert stages == ["durable", "wire", "wire"]


async def test_a_halted_outbox_sends_nothing_that_was_waiting():
    bench = Bench(durable=0)
    bench.venue.held["cancel two"] = asyncio.Event()
    bench.submit(place("one"), cancel("two"), seq=5)
    await settled()
    await bench.outbox.halt(0.01)
    await bench.journal.advance(5)
    bench.venue.held["cancel two"].set()
    await bench.outbox.settle()
    assert bench.venue.calls == ["cancel two"]
    await bench.outbox.halt(1.0)


async def test_cancelling_everything_says_what_is_not_proven_gone():
    bench = Bench()
    left = OrderUpdate(
        time_ns=1,
        venue=VENUE,
        symbol=SYMBOL,
        client_id="stays",
        venue_id="9",
        state="open",
        side=1,
        price=10,
        size=1,
        filled=0,
        reduce_only=False,
        source="query",
    )
    bench.venue.answers["query_open_orders"] = [OpenOrders(time_ns=1, venue=VENUE, orders=(left,))]
    assert await bench.outbox.cancel_everything(VENUE, [SYMBOL]) == ["BTCUSDT stays"]
    assert bench.venue.calls == ["cancel_all", "query_open_orders"]
    bench.venue.answers["query_open_orders"] = [failed("open_orders")]
    assert await bench.outbox.cancel_everything(VENUE, []) == ["open orders of v could not be read"]


# ---- The account, the dead-man switch and the private stream


def keep_alive(countdown_ns: int = 1) -> c.KeepAlive:
    return c.KeepAlive(venue=VENUE, symbol=SYMBOL, countdown_ns=countdown_ns)


async def test_a_switch_that_is_not_answered_holds_back_neither_orders_nor_cancels():
    bench = Bench()
    bench.venue.held["keep_alive"] = asyncio.Event()
    bench.submit(keep_alive(), place("a"), amend("b"), cancel("c"), c.QuerySetup(venue=VENUE))
    await settled()
    assert set(bench.venue.calls) == {"keep_alive", "place a", "amend b", "cancel c", "query_setup"}
    bench.venue.held["keep_alive"].set()
    await bench.outbox.settle()


async def test_renewals_of_one_switch_go_out_one_after_the_other():
    """A renewal that arrives behind the end of the countdown would arm it again."""
    bench = Bench()
    bench.venue.held["keep_alive"] = asyncio.Event()
    bench.submit(keep_alive(), keep_alive(0))
    await settled()
    assert bench.venue.calls == ["keep_alive"]
    bench.venue.held["keep_alive"].set()
    await bench.outbox.settle()
    assert bench.venue.calls == ["keep_alive", "keep_alive"]


async def test_what_is_not_urgent_needs_no_durable_journal():
    bench = Bench(durable=0)
    bench.venue.answers["rebuild_stream"] = []
    bench.submit(
        c.RebuildStream(venue=VENUE, reason="silent"), keep_alive(), c.QuerySetup(venue=VENUE), seq=5
    )
    await bench.outbox.settle()
    assert bench.venue.calls == ["rebuild_stream", "keep_alive", "query_setup"]
