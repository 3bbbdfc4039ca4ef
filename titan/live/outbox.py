"""The outbox: the only caller of an adapter's order methods. A command is durable before it is sent.

Cancels do not wait for the disk: they go out even when the journal has failed.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from titan.model import commands as c
from titan.model.clock import Clock
from titan.model.events import CommandOutcome, InstrumentUpdate, JournalledEvent, OpenOrders, QueryFailed
from titan.model.instruments import Instrument, InstrumentKey
from titan.store.writer import JournalFailed, SessionWriter
from titan.venues.adapter import Adapter

REGRIDDED = "the instrument's tick or lot changed after the decision"

PATIENCE_S = 1.5
"""How long a command may wait for the disk, or for the answer to the one before it: an order that is sent later could
arrive after the engine has taken its absence for proven; and a cancel goes out beside a call that stays silent."""

LATE = f"it had to wait for more than {PATIENCE_S:g} s: for the disk, or for the answer to the order's last command"


class Sink(Protocol):
    """Where answers go: the session."""

    def ingest(self, event: JournalledEvent) -> None: ...

    def ingest_frame(self, venue: str, payload: bytes) -> None: ...


class Outbox:
    """Carries out commands, in order for each order of ours.

    Parameters
    ----------
    adapters : mapping of str to Adapter
        By venue name.
    writer : SessionWriter
        Tells when a command is durable.
    sink : Sink
        Takes the answers.
    clock : Clock
        Stamps answers that the adapter did not make.
    in_turn : bool
        Carry out one command after another, on `run`, instead of side by side: the order of a lock-step replay.
    """

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        writer: SessionWriter,
        sink: Sink,
        clock: Clock,
        *,
        in_turn: bool,
    ) -> None:
        self._adapters = adapters
        self._writer = writer
        self._sink = sink
        self._clock = clock
        self._in_turn = in_turn
        self._queue: deque[tuple[int, c.AnyCommand, int, int, float]] = deque()
        self._tails: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._halted = False
        self._terms: dict[InstrumentKey, Instrument] = {}
        self._regrids: Counter[InstrumentKey] = Counter()
        self.fault: BaseException | None = None
        """What ended a task: a fault of ours, for an adapter turns every answer into events."""
        self.sent: dict[str, int] = {"place": 0, "amend": 0, "cancel": 0}
        self.note_latency: Callable[[str, int], None] = lambda stage, latency_ns: None
        self.unwritten: Callable[[c.AnyCommand], None] = lambda command: None

    def submit(self, seq: int, command: c.AnyCommand, heard_ns: int) -> None:
        """Take a command of input `seq`; it is carried out in the background, or on `run`."""
        if isinstance(command, c.Notice | c.RiskStanding):
            return
        grid = self._regrids[command.key] if isinstance(command, c.OrderCommand) else 0
        if self._in_turn:
            self._queue.append((seq, command, heard_ns, grid, math.inf))
            return
        late_s = asyncio.get_running_loop().time() + PATIENCE_S
        name = _in_line(command)
        before = self._tails.get(name) if name else None
        task = asyncio.get_running_loop().create_task(
            self._after(before, seq, command, heard_ns, grid, late_s)
        )
        self._tasks.add(task)
        task.add_done_callback(self._done)
        if name:
            self._tails[name] = task
            task.add_done_callback(lambda done: self._forget(name, done))

    def _forget(self, name: str, done: asyncio.Task[None]) -> None:
        if self._tails.get(name) is done:
            del self._tails[name]

    async def _after(
        self,
        before: asyncio.Task[None] | None,
        seq: int,
        command: c.AnyCommand,
        heard_ns: int,
        grid: int,
        late_s: float,
    ) -> None:
        if before is not None:
            await asyncio.wait({before}, timeout=PATIENCE_S if isinstance(command, c.OrderCommand) else None)
        await self._carry_out(seq, command, heard_ns, grid, late_s)

    async def run(self) -> bool:
        """Carry out everything queued, in turn, with whatever that leads to; False if there was nothing."""
        worked = bool(self._queue)
        while self._queue:
            await self._carry_out(*self._queue.popleft())
        return worked

    async def settle(self) -> None:
        """Wait until no command is under way; the session has ended, so none follows."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def halt(self, patience_s: float) -> None:
        """Send nothing more that adds risk, and wait this long for what is on its way.

        An order that is sent behind the last cancel would stay.
        """
        self._halted = True
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=patience_s)

    async def cancel_everything(self, venue: str, symbols: Iterable[str]) -> list[str]:
        """After a fault of ours: cancel all at the venue, then ask what is left; returns what is not proven gone."""
        adapter = self._adapters[venue]
        for symbol in symbols:
            await adapter.cancel_all(c.CancelAll(venue=venue, symbol=symbol))
        left: list[str] = []
        for event in await adapter.query_open_orders(c.QueryOpenOrders(venue=venue)):
            if isinstance(event, OpenOrders):
                left += [f"{order.symbol} {order.client_id}" for order in event.orders]
            else:
                left.append(f"open orders of {venue} could not be read")
        return left

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.fault = self.fault or error

    async def _carry_out(
        self, seq: int, command: c.AnyCommand, heard_ns: int, grid: int, late_s: float
    ) -> None:
        if isinstance(command, c.NEEDS_DURABLE):
            try:
                await self._writer.wait_durable(seq)
            except JournalFailed as error:
                self._sink.ingest(_not_sent(command, self._clock.now_ns(), str(error)))
                return
            if self._halted:
                return
            self.note_latency("durable", time.perf_counter_ns() - heard_ns)
        elif self._writer.failed is not None and isinstance(command, c.CancelOrder | c.CancelAll):
            self.unwritten(command)
        if isinstance(command, c.PlaceOrder | c.AmendOrder):
            regridded = REGRIDDED if grid != self._regrids[command.key] else ""
            late = LATE if asyncio.get_running_loop().time() >= late_s else ""
            if regridded or late:
                self._sink.ingest(_not_sent(command, self._clock.now_ns(), regridded or late))
                return
        if isinstance(command, c.RequestBook):
            await self._fetch_book(command)
            return
        if isinstance(command, c.PlaceOrder | c.AmendOrder | c.CancelOrder):
            self.sent[command.__struct_config__.tag] += 1  # type: ignore[index]
            self.note_latency("wire", time.perf_counter_ns() - heard_ns)
        for event in await self._send(command):
            if isinstance(event, InstrumentUpdate):
                self._note_grid(event.instrument)
            self._sink.ingest(event)

    def _note_grid(self, terms: Instrument) -> None:
        """What was decided in the ticks of before must not be sent in those of now."""
        known = self._terms.get(terms.key)
        self._regrids[terms.key] += known is not None and not known.same_grid(terms)
        self._terms[terms.key] = terms

    async def _send(self, command: c.AnyCommand) -> list[JournalledEvent]:
        adapter = self._adapters[command.venue]  # type: ignore[union-attr]
        match command:
            case c.PlaceOrder():
                return await adapter.place(command)
            case c.AmendOrder():
                return await adapter.amend(command)
            case c.CancelOrder():
                return await adapter.cancel(command)
            case c.CancelAll():
                return await adapter.cancel_all(command)
            case c.QueryOrder():
                return await adapter.query_order(command)
            case c.QueryOpenOrders():
                return await adapter.query_open_orders(command)
            case c.QueryAccount():
                return await adapter.query_account(command)
            case c.QueryFills():
                return await adapter.query_fills(command)
            case c.QueryInstruments():
                return await adapter.query_instruments(command)
            case c.QuerySetup():
                return await adapter.query_setup(command)
            case c.KeepAlive():
                return await adapter.keep_alive(command)
            case c.RebuildStream():
                return await adapter.rebuild_stream(command)
            case _:
                raise TypeError(f"the outbox cannot carry out {type(command).__name__}")

    async def _fetch_book(self, command: c.RequestBook) -> None:
        answer = await self._adapters[command.venue].depth(command)
        if isinstance(answer, QueryFailed):
            self._sink.ingest(answer)
        else:
            self._sink.ingest_frame(command.venue, answer)


def _in_line(command: c.AnyCommand) -> str:
    """Commands of one name go out one after the other: those of an order, and those of a symbol's dead-man switch.

    A question changes nothing, so it waits for nobody: it is asked above all when the last command stays silent.
    """
    if isinstance(command, c.QueryOrder):
        return ""
    if isinstance(command, c.KeepAlive):
        return f"alive {command.venue} {command.symbol}"
    return command.client_id if isinstance(command, c.OrderCommand) else ""


def _not_sent(command: c.OrderCommand, time_ns: int, message: str) -> CommandOutcome:
    return CommandOutcome(
        time_ns=time_ns,
        venue=command.venue,
        symbol=command.symbol,
        action="place" if isinstance(command, c.PlaceOrder) else "amend",
        client_id=command.client_id,
        outcome="not_sent",
        code="",
        message=message,
    )
