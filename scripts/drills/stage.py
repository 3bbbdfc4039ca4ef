"""Where drills are rehearsed: session, outbox, adapter and journal as they trade, on an exchange in memory."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from scripts.drills.transcript import Transcript
from titan.chaos.life import Life
from titan.chaos.trial import LIMITS, MODULES, ORIGIN, PARAMETERS, RESILIENCE, configuration
from titan.chaos.virtual_time import VirtualLoop
from titan.chaos.world import ACCOUNT, VENUE, MemoryWorld
from titan.engine.configuration import KernelConfig
from titan.loopback.faults import Plan
from titan.loopback.generator import TAKER
from titan.matching.types import OrderRecord, OrderRequest
from titan.model.commands import AnyCommand, PlaceOrder
from titan.model.events import OperatorAction, StopRequested
from titan.model.instruments import InstrumentKey
from titan.model.orders import Lifetime, OrderState
from titan.settings import Project, Settings, Store
from titan.store.replay import replay_session
from titan.store.session import new_session_id

SEED = 5
TAKEN_LOTS = 100_000
WARM_UP_S, LONGEST_WAIT_S, LOOK_S, END_S = 20.0, 200.0, 0.05, 60.0
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "drills"
PAGE_HEAD = """Written by `python -m scripts.drills`, and checked by a test: session, outbox, adapter and journal as
they trade, in virtual time, on the loopback exchange. Orders are named by letters; prices are in ticks, sizes in lots.
What comes again is counted where it first came; the questions of the periodic reconciliation are left out.
"""


class Moment(NamedTuple):
    """What each side held at a moment."""

    at_s: float
    open_at_venue: int
    known_states: str
    position_at_venue: int
    obstacle: str


class Ending(NamedTuple):
    """How a drill ended: each pair is the venue's number and ours."""

    open_orders: tuple[int, int]
    position: tuple[int, int]
    executions: tuple[int, int]
    differences: int
    exit_code: int
    replays: bool
    """The last journal, run through a fresh kernel, gives the same commands and the same state."""


class Drill(NamedTuple):
    """A rehearsed session."""

    transcript: Transcript
    moments: list[Moment]
    ending: Ending
    fates: dict[str, str]
    """By letter: what became of each order that was followed, at the venue and in the engine's own words."""


def in_virtual_time(work: Callable[[Path], Coroutine[Any, Any, Drill]]) -> Drill:
    """Rehearse in a folder that is removed afterwards."""
    folder, loop = Path(tempfile.mkdtemp(prefix="titan-drill-")), VirtualLoop()
    try:
        return loop.run_until_complete(work(folder))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        shutil.rmtree(folder)


def as_configured(session: str, symbol: str, layers: int) -> KernelConfig:
    """So many quotes on each side; no dead-man switch, which would cancel beside us."""
    config = configuration(session, symbol)
    parameters = tuple(
        PARAMETERS._replace(layers=layers, layer_step_bps=0.2, minimum_half_spread_bps=0.5, order_size=0.005)
    )
    strategies = tuple(msgspec.structs.replace(each, parameters=parameters) for each in config.strategies)
    resilience = msgspec.structs.replace(RESILIENCE, dead_man_ns=0)
    return msgspec.structs.replace(config, strategies=strategies, limits=LIMITS, resilience=resilience)


class Stage:
    """An exchange, the lives of a runner on it, and what is written down of them.

    Parameters
    ----------
    folder : Path
        For the journals.
    plan : Plan
        The faults.
    follows : function of PlaceOrder
        Which new orders the transcript follows.
    layers : int
        Quotes on each side.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan | None = None,
        follows: Callable[[PlaceOrder], bool] = lambda command: False,
        layers: int = 3,
    ) -> None:
        self.world = MemoryWorld(SEED, plan or Plan(seed=SEED))
        self.transcript = Transcript(self.world, follows)
        self.configure: Callable[[KernelConfig], KernelConfig] = lambda config: config
        self.moments: list[Moment] = []
        self._layers = layers
        self._draw = random.Random(f"{SEED} runner")
        self._settings = Settings(
            project=Project(journals=folder / "journals", kill_file=folder / "KILL"), store=Store()
        )
        self._settings.project.journals.mkdir()
        self._executions_before = 0

    async def open(self) -> None:
        """Let market and runner begin."""
        await self.world.open()
        self.start()

    def start(self) -> None:
        """Start a runner, with whatever predecessor the journals hold."""
        world = self.world
        session = new_session_id(world.clock.now_ns(), self._draw.randbytes(3))
        config = self.configure(as_configured(session, world.symbol, self._layers))
        self._executions_before = len(world.exchange.trades(ACCOUNT, world.symbol))
        self.life = Life(world, self._settings, config, MODULES, ORIGIN, self._draw)
        self.transcript.attach(self.life)
        self.life.start()

    # ---- Waiting and acting

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds.

        Raises
        ------
        RuntimeError
            If it takes longer than any drill may.
        """
        deadline_s = self.world.elapsed_s + LONGEST_WAIT_S
        while not holds():
            if self.world.elapsed_s > deadline_s:
                raise RuntimeError(f"{what}: it did not happen within {LONGEST_WAIT_S:g} s")
            await asyncio.sleep(LOOK_S)

    async def until_s(self, at_s: float) -> None:
        """Wait until so many seconds after the drill's beginning."""
        await asyncio.sleep(max(at_s - self.elapsed_s, 0.0))

    async def until_resting(self, count: int) -> tuple[str, ...]:
        """Wait until so many orders rest, known to both sides; their client ids."""
        await self.until(
            lambda: self.world.elapsed_s >= WARM_UP_S and len(self.resting()) >= count, f"{count} orders rest"
        )
        return self.resting()

    def resting(self) -> tuple[str, ...]:
        """Client ids of our orders in the book that the engine knows to be open."""
        here = {order.client_id for order in self.desk.orders.live() if order.state is OrderState.OPEN}
        return tuple(order.client_id for order in self.open_orders() if order.client_id in here)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the drill began, or since the exchange did."""
        return self.world.elapsed_s - (self.transcript.began_s or 0.0)

    def open_orders(self) -> tuple[OrderRecord, ...]:
        """Our orders that the exchange has in its book."""
        return self.world.exchange.open_orders(ACCOUNT, self.world.symbol)

    def take(self, side: int, price: int) -> None:
        """Somebody takes everything up to a price."""
        request = OrderRequest(
            symbol=self.world.symbol, side=side, size=TAKEN_LOTS, price=price, lifetime=Lifetime.IOC
        )
        self.world.exchange.place(TAKER, request)
        self.world.desk.feeds.pump()
        words = "sells everything down" if side < 0 else "buys everything up"
        self.transcript.say("market", f"somebody {words} to {price}")

    def ask(self, action: str, target: str = "", who: str = "Ada", why: str = "drill") -> None:
        """Ask something of the session, as `titan` does over its socket."""
        words = " ".join(filter(None, (action, target)))
        named = (f"--operator {who}" if who else "", f'--reason "{why}"' if why else "")
        self.transcript.say("operator", " ".join(filter(None, ("titan", words, *named))))
        name = f"{words} at {self.world.elapsed_s:g}"
        self.life.tell(
            lambda now_ns: OperatorAction(
                time_ns=now_ns, action=action, target=target, who=who, why=why, request=name
            )
        )

    async def end(self) -> Drill:
        """Let the session end, and look at both sides.

        Raises
        ------
        RuntimeError
            If it does not end.
        """
        self.life.tell(lambda now_ns: StopRequested(time_ns=now_ns, reason="the drill is over", exit_code=0))
        if not await self.life.ended(END_S):
            raise RuntimeError(f"the session did not end within {END_S:g} s of being asked to")
        self.transcript.say("engine", "the session has ended")
        await self.world.close()
        fates = {letter: self._fate(name) for name, letter in self.transcript.followed.items()}
        return Drill(self.transcript, self.moments, self._ending(), fates)

    # ---- What both sides hold

    @property
    def desk(self) -> Any:
        """The engine's state."""
        return self.life.kernel.desk

    @property
    def lots(self) -> int:
        """The account's position at the exchange."""
        return self.world.exchange.lots(ACCOUNT, self.world.symbol)

    def note_moment(self) -> None:
        """Take down what each side holds now."""
        states = Counter(order.state.value for order in self.desk.orders.live())
        (market,) = self.desk.markets.values()
        known = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
        there = len(self.open_orders())
        self.moments.append(Moment(self.elapsed_s, there, known, self.lots, market.obstacle or "quoting"))

    def _fate(self, client_id: str) -> str:
        there = self.world.exchange.order(ACCOUNT, self.world.symbol, client_id=client_id)
        here = self.desk.orders.get(client_id)
        said = "forgotten" if here is None else f"{here.state.value}, {here.filled} of {here.size} lots"
        return f"{there.status}, {there.filled} of {there.size} lots | {said}"

    def _ending(self) -> Ending:
        world, ended = self.world, self.life.session.ended
        replay = replay_session(self.life.journal)
        trades = len(world.exchange.trades(ACCOUNT, world.symbol)) - self._executions_before
        counts = self.desk.orders.counts
        return Ending(
            open_orders=(len(self.open_orders()), self.desk.orders.live_count),
            position=(self.lots, self.desk.ledger.lots(InstrumentKey(VENUE, world.symbol))),
            executions=(trades, counts.fills),
            differences=self.desk.differences,
            exit_code=ended.exit_code if ended else -1,
            replays=replay.identical and replay.kernel.state_hash() == self.life.kernel.state_hash(),
        )


# ---- As a page --------------------------------------------------------------------------------------------


def page(title: str, promise: str, *sections: str) -> str:
    """One page: what is rehearsed and promised, then what happened."""
    return "\n".join([f"# Drill: {title}", "", promise.strip(), "", PAGE_HEAD, *sections])


def section(drill: Drill, title: str = "", meaning: str = "", *, compact: bool = False) -> str:
    """What happened in one drill; `compact` tells each line once, with how often it came."""
    lines = [f"## {title}", "", meaning, ""] if title else []
    level = "###" if title else "##"
    if drill.moments:
        lines += [f"{level} What each side held", "", *_moment_table(drill.moments), ""]
    lines += [
        f"{level} What happened",
        "",
        "```text",
        f"{'s':>8}  who       what",
        *drill.transcript.text(compact),
        "```",
        "",
    ]
    if drill.fates:
        lines += [f"{level} What became of the orders", "", "| order | at the venue | in the engine |"]
        lines += ["| --- | --- | --- |", *(f"| {name} | {fate} |" for name, fate in drill.fates.items()), ""]
    lines += [f"{level} How it ended", "", *_ending_table(drill.ending), ""]
    return "\n".join(lines)


def _moment_table(moments: list[Moment]) -> list[str]:
    head = ["| s | open at the venue | the engine's orders | position at the venue | quoting |"]
    head += ["| ---: | ---: | --- | ---: | --- |"]
    return head + [
        f"| {m.at_s:.3g} | {m.open_at_venue} | {m.known_states} | {m.position_at_venue} | {m.obstacle} |"
        for m in moments
    ]


def _ending_table(ending: Ending) -> list[str]:
    pairs = (
        ("open orders", ending.open_orders),
        ("position, lots", ending.position),
        ("executions of the session", ending.executions),
    )
    rows = ["| | at the venue | in the engine |", "| --- | ---: | ---: |"]
    rows += [f"| {name} | {there} | {here} |" for name, (there, here) in pairs]
    replays = "replays to the same commands and the same state" if ending.replays else "DOES NOT replay"
    told = f"Unexplained differences: {ending.differences}. Exit code: {ending.exit_code}. The journal {replays}."
    return [*rows, "", told]


def commands_of(drill: Drill, kind: type[AnyCommand]) -> list[Any]:
    """Every command of one kind since the drill began."""
    return [command for command in drill.transcript.decided if isinstance(command, kind)]
