"""The exchange of a trial: generated, its market moving and its faults happening when they are due.

`MemoryWorld` runs in virtual time and carries calls and frames in memory; `SocketWorld` runs in real time on a port.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Coroutine, Generator
from contextlib import AsyncExitStack
from typing import Any, Protocol

from titan.chaos.network import MemoryClient, MemoryConnector, Network
from titan.chaos.virtual_time import VirtualClock
from titan.loopback import generator
from titan.loopback.clock import ExchangeClock, ScaledClock
from titan.loopback.desk import Desk
from titan.loopback.fault_acts import FaultActs
from titan.loopback.fault_gate import FaultGate
from titan.loopback.fault_sockets import SocketFaults
from titan.loopback.faults import Plan
from titan.loopback.limits import RateLimits
from titan.loopback.main import HOST, MAKER_PROGRAMME, keep_moving, serving
from titan.loopback.market import GeneratedMarket
from titan.loopback.signatures import DEFAULT_CREDENTIALS, Keyring
from titan.matching.exchange import Exchange
from titan.matching.terms import AccountTerms, ExchangeSettings
from titan.venues.binance_calls import Client
from titan.venues.websocket import Connector

VENUE = "loopback"
ACCOUNT = DEFAULT_CREDENTIALS.key
START_NS = 1_704_067_190_000_000_000
"""2023-12-31 23:59:50 UTC: a trial crosses midnight and a funding settlement."""

CROWD = generator.Crowd(quotes=8.0, cancels=6.0, informed=4.0, takers=2.0, orders_a_side=20, quote_lots=500.0)
"""Few enough to be quick, many enough to fill quotes at the touch every second or so."""

NIBBLERS = CROWD._replace(takers=6.0, taker_lots=4.0)
"""The same with takers who want less than an order has: partial fills, again and again."""

REST_PACE = 0.12
"""Of the crowd at rest: what is waited for then is a time-out or a look, and the market need only go on."""

MOST_SKEW_S = 1.5
"""How far the runner's clock may be off the exchange's: with less than its window, and with more than its patience."""

RUNNERS: contextvars.ContextVar[bool] = contextvars.ContextVar("RUNNERS", default=False)
"""Set in the context of what belongs to the runner, and dies with it."""


class SkewedClock:
    """The runner's clock: the exchange's, and as wrong as a machine's may be.

    Parameters
    ----------
    clock : ExchangeClock
        The exchange's.
    skew_ns : int
        How much later this one shows.
    """

    def __init__(self, clock: ExchangeClock, skew_ns: int) -> None:
        self._clock = clock
        self._skew_ns = skew_ns

    def now_ns(self) -> int:
        """Ns UTC, as the runner believes."""
        return self._clock.now_ns() + self._skew_ns


class World(Protocol):
    """Everything that does not die with the runner."""

    exchange: Exchange
    desk: Desk
    gate: FaultGate
    symbol: str
    clock: SkewedClock
    """The runner's."""
    rest_url: str
    stream_url: str

    @property
    def elapsed_s(self) -> float: ...

    def calm(self) -> None:
        """Let the market go on more slowly."""

    async def open(self) -> None:
        """Let the market begin."""

    async def close(self) -> None:
        """End it; what has ended it before is raised."""

    def client(self) -> Client | None:
        """What carries the runner's calls; None is the network itself."""

    def connector(self) -> Callable[[], Connector] | None:
        """What opens the runner's streams; None is the network itself."""

    def runners_tasks(self) -> set[asyncio.Task[Any]]:
        """What dies with the runner."""


class _Exchange:
    """What both worlds are made of."""

    def __init__(self, seed: int, clock: ExchangeClock, crowd: generator.Crowd) -> None:
        instrument = generator.default_instrument("binance")
        settings = ExchangeSettings(fees=MAKER_PROGRAMME, market="generated")
        self.exchange = Exchange([instrument], settings, START_NS)
        balances = ((instrument.settle, DEFAULT_CREDENTIALS.wallet),)
        self.exchange.open_account(ACCOUNT, AccountTerms(balances=balances))
        self._crowd = generator.Generator(seed, instrument, START_NS, crowd)
        source = GeneratedMarket(self._crowd, instrument, START_NS)
        source.prepare(self.exchange)
        self.exchange.drain()
        keys = Keyring([DEFAULT_CREDENTIALS])
        self.desk = Desk(self.exchange, settings, source, clock, keys, RateLimits())
        self.symbol = instrument.symbol
        skew_s = random.Random(f"{seed} skew").uniform(-MOST_SKEW_S, MOST_SKEW_S)
        self.clock = SkewedClock(clock, round(skew_s * 1e9))

    @property
    def elapsed_s(self) -> float:
        """Seconds since the trial began."""
        return (self.desk.clock.now_ns() - START_NS) / 1e9

    def calm(self) -> None:
        """Let the market find itself again, and then go on more slowly."""
        self._crowd.renew(self.exchange)
        self._crowd.pace = REST_PACE


class MemoryWorld(_Exchange):
    """In virtual time, in memory.

    Parameters
    ----------
    seed : int
        Of market, latencies, the runner's clock and faults.
    plan : Plan
        The faults.
    crowd : Crowd
        Who else trades.
    """

    rest_url = stream_url = "memory"

    def __init__(self, seed: int, plan: Plan, crowd: generator.Crowd = CROWD) -> None:
        clock = VirtualClock(asyncio.get_running_loop(), START_NS)
        super().__init__(seed, clock, crowd)
        self.gate = FaultGate(plan, START_NS)
        self._acts = FaultActs(self.desk, self.gate)
        self._network = Network(self.desk, self.gate, random.Random(f"{seed} network"), clock)
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Let the market begin."""
        self._task = asyncio.get_running_loop().create_task(self._move())

    async def _move(self) -> None:
        """Let the market act, and the faults happen, each at its time."""
        while True:
            times = [due for due in (self.desk.source.next_ns(), self._acts.next_ns()) if due is not None]
            wait_s = (min(times) - self.desk.clock.now_ns()) / 1e9
            await asyncio.sleep(max(wait_s, 0.0))
            self.desk.catch_up()
            self._acts.carry_out()

    async def close(self) -> None:
        """End the market; a trial against one that has stood still, or lost a call, proves nothing: that is raised."""
        if self._task is None:
            return
        if self._task.done():
            self._task.result()
        self._task.cancel()
        if self._network.fault is not None:
            raise self._network.fault

    def client(self) -> Client:
        """What carries the runner's calls."""
        return MemoryClient(self._network, DEFAULT_CREDENTIALS, self.clock, 10.0)

    def connector(self) -> Callable[[], Connector]:
        """What opens the runner's streams."""
        return lambda: MemoryConnector(self._network)

    def runners_tasks(self) -> set[asyncio.Task[Any]]:
        """All but the market, what is under way, and whoever asks."""
        return asyncio.all_tasks() - {self._task, asyncio.current_task()} - self._network.under_way


class SocketWorld(_Exchange):
    """In real time, on a port of this machine.

    Parameters
    ----------
    seed, plan, crowd
        As of a `MemoryWorld`.
    """

    def __init__(self, seed: int, plan: Plan, crowd: generator.Crowd = CROWD) -> None:
        super().__init__(seed, ScaledClock(START_NS, 1.0), crowd)
        self._faults = SocketFaults(self.desk, plan)
        self.gate = self._faults.gate
        self.rest_url = self.stream_url = ""
        self._ending = asyncio.Event()
        self._stack = AsyncExitStack()
        self._moving: asyncio.Task[None] | None = None
        self._runners: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Open the port and let the market begin."""
        loop = asyncio.get_running_loop()
        port = await self._stack.enter_async_context(serving(self.desk, faults=self._faults))
        self.rest_url, self.stream_url = f"http://{HOST}:{port}", f"ws://{HOST}:{port}"
        self._moving = loop.create_task(keep_moving(self.desk, self._ending, self._faults))
        loop.set_task_factory(self._make_task)

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[Any]:
        """Keep apart what dies with the runner: whatever is begun from its context."""
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context)
        if context.get(RUNNERS, False) if context is not None else RUNNERS.get():
            self._runners.add(task)
            task.add_done_callback(self._runners.discard)
        return task

    async def close(self) -> None:
        """End the market and close the port; a fault of the market is raised."""
        self._ending.set()
        if self._moving is not None:
            await self._moving
        await self._stack.aclose()

    def client(self) -> None:
        """The network itself."""

    def connector(self) -> None:
        """The network itself."""

    def runners_tasks(self) -> set[asyncio.Task[Any]]:
        """What was begun by the runner and goes on."""
        return set(self._runners)
