"""One seeded trial: a desk that trades while everything goes wrong, dies and returns, and must end with clean books."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from titan.chaos.aims import Marksman
from titan.chaos.invariants import Checker
from titan.chaos.life import Life
from titan.chaos.schedule import Schedule
from titan.chaos.virtual_time import VirtualLoop
from titan.chaos.world import ACCOUNT, CROWD, NIBBLERS, VENUE, MemoryWorld, SocketWorld, World
from titan.engine.configuration import (
    Expected,
    KernelConfig,
    RefusalSettings,
    Resilience,
    StrategyConfig,
    Timing,
    VenueConfig,
)
from titan.engine.strategies import load_strategy
from titan.live import provenance
from titan.matching.types import OrderRequest, Refusal
from titan.model.events import OperatorAction, StopRequested
from titan.model.orders import BUY
from titan.risk.limits import LimitSettings
from titan.settings import Project, Settings, Store
from titan.store.session import new_session_id
from titan.strategy import avellaneda_stoikov

CODE = "titan.strategy.avellaneda_stoikov"
LIMITS = LimitSettings(
    max_order_notional=2_000.0, max_position_notional=4_000.0, max_gross_notional=8_000.0, max_daily_loss=5_000.0,
    collar_bps=100.0, max_open_orders=20, messages_per_s=40, message_burst=200, cancel_reserve=50,
    max_executions=10_000, execution_window_s=60.0, duplicate_window_s=0.05,
)  # fmt: skip
PARAMETERS = avellaneda_stoikov.Parameters(
    order_size=0.01, max_inventory=0.06, mean_fill_depth_bps=0.02, minimum_half_spread_bps=0.005,
    skew_at_max_inventory_bps=0.3,
)  # fmt: skip
RESILIENCE = Resilience(
    breaker_failures=5, dead_man_ns=6_000_000_000, most_drift_ns=250_000_000, most_round_trip_ns=1_000_000_000,
    private_late_ns=3_000_000_000,
)  # fmt: skip
EXPECTED = Expected(
    margin_mode="cross", leverage=20, multi_assets=False, max_maker_fee_bps=0.0, max_taker_fee_bps=5.0
)
SLOW_COMMIT_S = 0.3
"""Of a journal on a slow disk: whatever was decided waits for it, and much can happen to an order meanwhile."""
RESTART_S = 0.5
"""How soon whoever watches starts a dead runner again."""
MODULES = {CODE: load_strategy(CODE)}
ORIGIN = provenance.Origin("trial", "trial", "trial", {})
TERMS_NS = 12_000_000_000
"""Terms are read often enough that a changed tick is met within a trial."""
PAUSE_S = 5.0
"""Quiet time without quotes, so that nothing is on its way when both sides are compared."""
END_S = 60.0
"""How long a session may take to end, its own patience several times over."""


class Outcome(NamedTuple):
    """What a trial came to."""

    seed: int
    events: int
    commands: int
    faults: int
    crashes: int
    violations: tuple[str, ...]
    digest: str
    """Of every decision: the same seed gives the same, in virtual time."""
    met: tuple[tuple[str, str, int], ...] = ()
    """How often each fault met an order in each state."""


def run_trial(seed: int, schedule: Schedule, *, sockets: bool = False) -> Outcome:
    """Run one trial, in a folder of its own that is removed afterwards.

    Parameters
    ----------
    sockets : bool
        Over real sockets and in real time, instead of in memory and virtual time.
    """
    folder = Path(tempfile.mkdtemp(prefix="titan-chaos-"))
    loop = asyncio.new_event_loop() if sockets else VirtualLoop()
    try:
        return loop.run_until_complete(_run(seed, schedule, folder, sockets))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        shutil.rmtree(folder)


async def _run(seed: int, schedule: Schedule, folder: Path, sockets: bool) -> Outcome:
    crowd = NIBBLERS if schedule.nibbled else CROWD
    world = SocketWorld(seed, schedule.plan, crowd) if sockets else MemoryWorld(seed, schedule.plan, crowd)
    await world.open()
    try:
        async with asyncio.timeout(schedule.ends_s + schedule.rest_s + PAUSE_S + 2 * END_S):
            return await _Trial(seed, schedule, folder, world).run()
    finally:
        await world.close()


class _Trial:
    """A world, and the lives of the runner in it, one after another."""

    def __init__(self, seed: int, schedule: Schedule, folder: Path, world: World) -> None:
        self._seed = seed
        self._schedule = schedule
        self._world = world
        self._checker = Checker(world, Marksman(schedule.aims, schedule.length_s))
        self._draw = random.Random(f"{seed} runner")
        self._settings = Settings(
            project=Project(journals=folder / "journals", kill_file=folder / "KILL"), store=Store()
        )
        self._settings.project.journals.mkdir()
        self._crashes = 0
        self._asked = ""
        self._life = self._next_life()

    def _next_life(self) -> Life:
        world = self._world
        session = new_session_id(world.clock.now_ns(), self._draw.randbytes(3))
        config = configuration(session, world.symbol)
        life = Life(world, self._settings, config, MODULES, ORIGIN, self._draw)
        if self._schedule.slow_disk:
            life.writer.commit_s = SLOW_COMMIT_S
        self._checker.watch(life)
        life.start()
        return life

    async def run(self) -> Outcome:
        """Let everything happen, come to rest, end, and judge."""
        for at_s, act in self._schedule.acts:
            await self._live_until(at_s)
            await self._do(act)
        await self._live_until(self._schedule.ends_s)
        self._world.calm()
        self._world.gate.end()  # a fault that found no call to strike would strike the rest
        await self._live_until(self._schedule.ends_s + self._schedule.rest_s)
        self._checker.check_quoting(self._life)
        self._ask("pause")
        await self._live_until(self._world.elapsed_s + PAUSE_S)
        self._checker.check_rest(self._life)
        self._stop("the trial is over")
        if await self._life.ended(END_S):
            self._checker.check_end(self._life)
        else:
            self._checker.violated(f"the session did not end within {END_S:g} s of being asked to")
        return Outcome(
            seed=self._seed,
            events=self._checker.events,
            commands=self._checker.commands,
            faults=sum(self._world.gate.hits.values()),
            crashes=self._crashes,
            violations=tuple(self._checker.violations),
            digest=self._life.kernel.state_hash()[:16],
            met=tuple((*cell, count) for cell, count in sorted(self._checker.met.items())),
        )

    async def _do(self, act: str) -> None:
        if act == "kill":
            self._life.kill()
            self._crashes += 1
            await self._rise()
        elif act == "end":
            self._stop("an end amid faults")
        elif act == "by hand":
            self._trade_by_hand()
        else:
            self._ask(act)

    async def _live_until(self, at_s: float) -> None:
        """Wait; a runner that has ended, or refused to start, is started again as by a watchdog."""
        while self._world.elapsed_s < at_s:
            if not await self._life.ended(at_s - self._world.elapsed_s):
                return
            self._checker.check_stop(self._life)
            await self._rise()

    async def _rise(self) -> None:
        """Start a runner again. An operator whose resume fell into a dead moment asks once more."""
        await asyncio.sleep(RESTART_S)
        self._life = self._next_life()
        await asyncio.sleep(0)  # it has begun
        if self._asked == "resume":
            self._ask("resume")

    def _stop(self, why: str) -> None:
        self._life.tell(lambda now_ns: StopRequested(time_ns=now_ns, reason=why, exit_code=0))

    def _ask(self, action: str) -> None:
        self._asked = action
        self._checker.excuses.asked(action)
        name = f"{action} at {self._world.elapsed_s:g}"
        target = self._world.symbol if action == "close" else ""
        self._life.tell(
            lambda now_ns: OperatorAction(
                time_ns=now_ns, action=action, target=target, who="trial", why="drawn", request=name
            )
        )

    def _trade_by_hand(self) -> None:
        """Somebody places an order of the account beside the runner, far from the market: it must be left alone."""
        exchange, symbol = self._world.exchange, self._world.symbol
        bids = exchange.depth(symbol, 1).bids
        if not bids:
            return
        request = OrderRequest(
            symbol=symbol, side=BUY, size=1, price=bids[0][0] * 995 // 1_000, client_id="by-hand"
        )
        try:
            exchange.place(ACCOUNT, request)
        except Refusal:
            return  # a halted symbol takes orders from nobody


def configuration(session: str, symbol: str) -> KernelConfig:
    """What a trial's runner is told: one maker on the exchange's one instrument, within small limits."""
    strategy = StrategyConfig(
        name="avellaneda_stoikov", code=CODE, venue=VENUE, symbol=symbol, parameters=tuple(PARAMETERS)
    )
    venue = VenueConfig(
        name=VENUE, protocol="binance_usdm", account="main", symbols=(symbol,), expected=EXPECTED
    )
    return KernelConfig(
        session=session,
        reporting_currency="USDT",
        venues=(venue,),
        strategies=(strategy,),
        limits=LIMITS,
        timing=Timing(terms_ns=TERMS_NS),
        refusals=RefusalSettings(in_a_row=3),
        resilience=RESILIENCE,
    )
