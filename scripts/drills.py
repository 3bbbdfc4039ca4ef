"""Rehearse an outage on the whole stack in virtual time and write what happened to docs/drills/."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from titan.chaos.life import Life
from titan.chaos.trial import LIMITS, MODULES, ORIGIN, PARAMETERS, RESILIENCE, configuration
from titan.chaos.virtual_time import VirtualLoop
from titan.chaos.world import ACCOUNT, MemoryWorld, World
from titan.engine.configuration import KernelConfig, Resilience
from titan.loopback.faults import Plan
from titan.model.commands import AnyCommand, Notice
from titan.model.events import AnyEvent, StopRequested
from titan.model.orders import OrderState
from titan.settings import Project, Settings, Store
from titan.store.session import new_session_id

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "drills"
SEED = 5
SIX = 6
WARM_UP_S, LONGEST_WAIT_S = 20.0, 200.0
OUTAGE_S, REST_S = 120.0, 40.0
TOLD = {"info": "", "warning": "warning: ", "error": "ERROR: "}


class Moment(NamedTuple):
    """What each side held at a moment."""

    at_s: float
    open_at_venue: int
    known_states: str
    obstacle: str


class Drill(NamedTuple):
    """A rehearsed session."""

    notices: list[tuple[float, Notice]]
    moments: list[Moment]
    resting_before: tuple[str, ...]
    """Client ids of our orders in the book when the outage began."""
    fates: dict[str, str]
    """What became of each of them: at the venue, and in the engine's own words."""
    exit_code: int
    differences: int
    fills: tuple[int, int]
    """Executions of the session: at the venue, and in the ledger."""


def rehearse(resilience: Resilience) -> Drill:
    """Two minutes without a name server, with six orders in the book."""
    return _in_virtual_time(lambda folder: _outage(folder, resilience))


def _in_virtual_time(work: Callable[[Path], Coroutine[Any, Any, Drill]]) -> Drill:
    folder, loop = Path(tempfile.mkdtemp(prefix="titan-drill-")), VirtualLoop()
    try:
        return loop.run_until_complete(work(folder))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        shutil.rmtree(folder)


def _configured(session: str, symbol: str, resilience: Resilience) -> KernelConfig:
    """Three quotes on each side."""
    config = configuration(session, symbol)
    parameters = tuple(
        PARAMETERS._replace(layers=3, layer_step_bps=0.2, minimum_half_spread_bps=0.5, order_size=0.005)
    )
    strategies = tuple(msgspec.structs.replace(each, parameters=parameters) for each in config.strategies)
    return msgspec.structs.replace(config, strategies=strategies, limits=LIMITS, resilience=resilience)


async def _outage(folder: Path, resilience: Resilience) -> Drill:
    world = MemoryWorld(SEED, Plan(seed=SEED))
    await world.open()
    settings = Settings(
        project=Project(journals=folder / "journals", kill_file=folder / "KILL"), store=Store()
    )
    settings.project.journals.mkdir()
    session = new_session_id(world.clock.now_ns(), b"\x00\x00\x01")
    config = _configured(session, world.symbol, resilience)
    life = Life(world, settings, config, MODULES, ORIGIN, random.Random(f"{SEED} runner"))
    notices: list[tuple[float, Notice]] = []

    def observe(event: AnyEvent, commands: tuple[AnyCommand, ...], heard_ns: int, decided_ns: int) -> None:
        notices.extend((world.elapsed_s, each) for each in commands if isinstance(each, Notice))

    life.session.observe = observe
    life.start()
    began_s, resting = await _six_in_the_book(world, life)
    moments = [_moment(world, life)]
    _cut_off(world)
    for after_s in (5.0, 90.0, OUTAGE_S - 1.0, OUTAGE_S + REST_S):
        await asyncio.sleep(began_s + after_s - world.elapsed_s)
        moments.append(_moment(world, life))
    life.tell(lambda now_ns: StopRequested(time_ns=now_ns, reason="the drill is over", exit_code=0))
    if not await life.ended(60.0):
        raise RuntimeError("the session did not end within 60 s of being asked to")
    fates = {name: _fate(world, life, name) for name in resting}
    ended, counts = life.session.ended, life.kernel.desk.orders.counts
    fills = (len(world.exchange.trades(ACCOUNT, world.symbol)), counts.fills)
    await world.close()
    code = ended.exit_code if ended else -1
    notices = [(at_s - began_s, each) for at_s, each in notices if at_s >= began_s]
    moments = [each._replace(at_s=each.at_s - began_s) for each in moments]
    return Drill(notices, moments, resting, fates, code, life.kernel.desk.differences, fills)


async def _six_in_the_book(world: World, life: Life) -> tuple[float, tuple[str, ...]]:
    """Wait until six orders rest, known to both sides; when that was, s, and their client ids."""
    while world.elapsed_s < WARM_UP_S or len(found := _resting(world, life)) < SIX:
        if world.elapsed_s > LONGEST_WAIT_S:
            raise RuntimeError("six orders never rested at once")
        await asyncio.sleep(0.05)
    return world.elapsed_s, found


def _resting(world: World, life: Life) -> tuple[str, ...]:
    here = {order.client_id for order in life.kernel.desk.orders.live() if order.state is OrderState.OPEN}
    there = [order.client_id for order in world.exchange.open_orders(ACCOUNT, world.symbol)]
    return tuple(name for name in there if name in here)


def _cut_off(world: World) -> None:
    """End both streams, and let nothing be connected to for a while."""
    for connection in world.desk.register.connections():
        world.desk.register.remove(connection)
        connection.drop()
    world.gate.away(world.clock.now_ns() + round(OUTAGE_S * 1e9))


def _moment(world: World, life: Life) -> Moment:
    desk = life.kernel.desk
    states = Counter(order.state.value for order in desk.orders.live())
    (market,) = desk.markets.values()
    known = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
    there = len(world.exchange.open_orders(ACCOUNT, world.symbol))
    return Moment(world.elapsed_s, there, known, market.obstacle or "quoting")


def _fate(world: World, life: Life, client_id: str) -> str:
    there = world.exchange.order(ACCOUNT, world.symbol, client_id=client_id)
    here = life.kernel.desk.orders.get(client_id)
    said = "forgotten" if here is None else f"{here.state.value}, {here.filled} of {here.size} lots"
    return f"{there.status}, {there.filled} of {there.size} lots | {said}"


def _section(title: str, meaning: str, drill: Drill) -> list[str]:
    lines = [
        f"## {title}",
        "",
        meaning,
        "",
        "| s after the outage began | open at the venue | the engine's orders | quoting |",
    ]
    lines += ["| --- | --- | --- | --- |"]
    lines += [
        f"| {m.at_s:.0f} | {m.open_at_venue} | {m.known_states} | {m.obstacle} |" for m in drill.moments
    ]
    lines += ["", "What the session said from there on (the same line again is counted):", "", "```text"]
    lines += [*_told(drill), "```", "", "What became of the orders that stood in the book when it began:", ""]
    lines += ["| order | at the venue | in the engine |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {fate} |" for name, fate in drill.fates.items()]
    lost = sum(notice.code == "order_absent" for _, notice in drill.notices)
    lines += [
        "",
        f"Declared lost: {lost}. Executions at the venue {drill.fills[0]}, booked {drill.fills[1]}.",
    ]
    return [*lines, f"Unexplained differences: {drill.differences}. Exit code: {drill.exit_code}.", ""]


def _told(drill: Drill) -> list[str]:
    """The notices, each kind once with its number, in the order of their first."""
    first: dict[tuple[str, str], tuple[float, Notice]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for at_s, notice in drill.notices:
        kind = (notice.code, notice.message.split(":")[0])
        first.setdefault(kind, (at_s, notice))
        counts[kind] += 1
    return [
        f"{at_s:8.2f}  {TOLD[notice.level]}{notice.code}: {notice.message}"
        + (f"  (x{counts[kind]})" if counts[kind] > 1 else "")
        for kind, (at_s, notice) in first.items()
    ]


def page() -> str:
    """The page about two minutes without a name server."""
    unarmed = msgspec.structs.replace(RESILIENCE, dead_man_ns=0)
    armed = msgspec.structs.replace(RESILIENCE, dead_man_ns=60_000_000_000)
    lines = [
        "# Drill: two minutes without a name server", "",
        "Written by `python -m scripts.drills`: session, outbox, adapter and journal as they trade, in virtual time,",
        f"on the loopback exchange. While six orders rest, both streams end, and for {OUTAGE_S:.0f} s nothing can be",
        "connected to. No order may be taken for lost: what cannot be asked stays unknown, and counts at its worst",
        "case.", "",
    ]  # fmt: skip
    lines += _section(
        "Without the dead-man switch", "The orders stay in the book, and trade unseen.", rehearse(unarmed)
    )
    lines += _section(
        "With the dead-man switch at 60 s",
        "The exchange cancels them by itself, and says so later.",
        rehearse(armed),
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Write the page, and return the exit code."""
    parser = argparse.ArgumentParser(prog="drills", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "dns_outage.md").write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
