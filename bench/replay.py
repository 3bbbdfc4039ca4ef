"""Replay against nautilus_trader: level updates of one tape a second of processor time, one grid quoting every 100 ms.

What the two do alike and what they do not is in docs/sweep.md.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import psutil

from bench import ROOT
from bench.peers.environment import nautilus
from bench.peers.tape_capture import SYMBOL, write_capture
from bench.sweep import GRID, many_sets
from titan.backtest.session import backtest_on
from titan.backtest.sweep.many import Made, ManyResult, sweep_many
from titan.backtest.sweep.synthetic import synthetic_tape
from titan.backtest.sweep.tape import Tape
from titan.loopback.limits import RateLimits
from titan.loopback.main import LOCKSTEP, ExchangeOptions, build_desk
from titan.model.events import BookDelta
from titan.settings import Settings, Strategy, load
from titan.store.journal import SessionReader
from titan.store.replay import session_events, session_kernel

EVENTS = 100_000
SEED = 1
INTERVAL_MS = 100
REPEAT = 3
GATHERED_MS = 50
"""About the distance of Binance's depth@0ms messages."""
FORMS = ("messages", "levels")
MARKETS, MARKET_EVENTS = 4, 1_000_000
PEER = "nautilus_trader 1.221"
TARGET = 2.0
OPEN_LIMITS = RateLimits(weight_per_minute=10**9, orders_per_10_s=10**9, orders_per_minute=10**9)

PLAIN = {
    "TITAN_LIVE__LOG_LEVEL": "error",
    "TITAN_LIVE__QUOTE_INTERVAL_MS": str(INTERVAL_MS),
    "TITAN_QUOTING__SKEW_AT_FULL_BPS": "0",
    "TITAN_QUOTING__TOXIC_SPREAD": "1",
    "TITAN_QUOTING__TOXIC_SIZE": "1",
    "TITAN_QUOTING__MARKOUT_WEIGHT": "0",
    "TITAN_QUOTING__VOLATILITY_SPREAD": "0",
    "TITAN_QUOTING__VOLATILITY_SIZE": "0",
    "TITAN_RISK__MESSAGES_PER_S": "1000",
    "TITAN_RISK__MESSAGE_BURST": "10000",
    "TITAN_RISK__MAX_EXECUTIONS": "100000",
    "TITAN_RISK__MAX_DAILY_LOSS": "100000",
    "TITAN_RISK__MAX_DRAWDOWN": "100000",
    "TITAN_RISK__MAX_LOSS_PER_BUCKET": "100000",
}
"""Every protection is at work; none changes a quote or holds one back."""


class Replayed(NamedTuple):
    """One run of Titan's: level updates that reached the kernel, processor seconds, what was sent and filled."""

    updates: int
    seconds: float
    placed: int
    amended: int
    fills: int


def settings_in(folder: Path) -> Settings:
    """The shipped settings with the grid as the one strategy; journals go into the folder."""
    shutil.copy(ROOT / "settings.ini", folder / "settings.ini")
    found = load(folder / "settings.ini", environment=PLAIN)
    parameters = {name: repr(value) for name, value in GRID["parameters"].items()}
    grid = Strategy(code=GRID["strategy"], venue=found.live.venue, symbols=(SYMBOL,), parameters=parameters)
    return found.model_copy(update={"strategy": {"grid": grid}})


def replay_once(capture: Path) -> Replayed:
    """A whole backtest, its journal on disk; the exchange is there, and the capture checked, before time is taken.

    Processor time is that of all threads, so that the journal's own counts.

    Raises
    ------
    RuntimeError
        If it ended before the capture did: a rate of less work is no rate.
    """
    options = ExchangeOptions(replay=capture, speed=LOCKSTEP, limits=OPEN_LIMITS)
    with tempfile.TemporaryDirectory(prefix="titan-bench-") as folder:
        settings, desk = settings_in(Path(folder)), build_desk(options)
        begun = process_time()
        told = asyncio.run(backtest_on(desk, settings)).summary
        seconds = process_time() - begun
        if told["stopped_because"] != "the capture is over":
            raise RuntimeError(f"the replay stopped early: {told['stopped_because']}")
        updates = updates_in(Path(told["journal"]))
    return Replayed(updates, seconds, told["orders_sent"], told["amends_sent"], told["fills"])


def updates_in(journal: Path) -> int:
    """Level updates that a session's kernel was given."""
    reader = SessionReader(journal)
    events = session_events(reader, session_kernel(reader).desk.config)
    return sum(len(event.bids) + len(event.asks) for _, event in events if isinstance(event, BookDelta))


def compare(tape: Tape, gather_ms: int) -> tuple[list[Replayed], dict[str, list[dict[str, Any]]]]:
    """Runs of both on one capture.

    Raises
    ------
    RuntimeError
        If one side took in another number of level updates than the capture tells.
    """
    with tempfile.TemporaryDirectory(prefix="titan-bench-") as folder:
        capture = Path(folder) / "capture"
        updates = write_capture(capture, tape, gather_ms * 1_000_000)
        asked = {"capture": str(capture), "interval_ms": INTERVAL_MS, "parameters": GRID["parameters"]}
        theirs = nautilus({**asked, "forms": list(FORMS), "repeat": REPEAT})
        ours = [replay_once(capture) for _ in range(REPEAT)]
    seen = {one.updates for one in ours} | {one["updates"] for runs in theirs.values() for one in runs}
    if seen != {updates}:
        raise RuntimeError(f"the capture tells {updates} level updates, and the sides took in {sorted(seen)}")
    return ours, theirs


def rate_row(
    ours: list[Replayed], theirs: Mapping[str, list[dict[str, Any]]], name: str, target: float | None
) -> dict[str, Any]:
    """Thousands of level updates a second of processor time, the quickest run of each side's quickest form."""
    rate = max(one.updates / one.seconds for one in ours)
    form, peer_rate = max(
        ((form, one["updates"] / one["seconds"]) for form, runs in theirs.items() for one in runs),
        key=lambda found: found[1],
    )
    ratio = rate / peer_rate
    return {
        "name": f"replay: {name}, processor time",
        "value": rate / 1e3,
        "unit": "k level updates/s",
        "peer": f"{PEER}, data as {form}",
        "peer_value": peer_rate / 1e3,
        "ratio": ratio,
        "target": target,
        "met": target is None or ratio >= target,
    }


def work_rows(one: Replayed, other: dict[str, Any]) -> list[dict[str, Any]]:
    """What each side did on the way: a rate says little without it."""
    sent = (one.placed + one.amended, other["placed"] + other["modified"])
    return [
        {
            "name": f"replay: {what}",
            "value": float(ours),
            "unit": what,
            "peer": PEER,
            "peer_value": float(theirs),
            "ratio": None,
            "target": None,
            "met": True,
        }
        for what, ours, theirs in (
            ("orders placed or changed", *sent),
            ("fills", one.fills, other["fills"]),
        )
    ]


def busiest_s(workers: int, events: int) -> tuple[ManyResult, float]:
    """Sweeps of some markets, and the processor seconds of the busiest process that took part."""
    markets = {f"market {seed}": Made(events, seed) for seed in range(1, MARKETS + 1)}
    before = _spent()
    found = sweep_many(markets, many_sets(GRID), workers=workers)
    after = _spent()
    return found, max(spent - before.get(process, 0.0) for process, spent in after.items())


def _spent() -> dict[int, float]:
    """Processor seconds so far, of this process and of the workers that it has."""
    own = psutil.Process()
    times = {one.pid: one.cpu_times() for one in (own, *own.children(recursive=True))}
    return {pid: found.user + found.system for pid, found in times.items()}


def scaling_row(events: int) -> dict[str, Any]:
    """Two workers beside one; the first sweep of each compiles and starts processes, and is not counted.

    Raises
    ------
    RuntimeError
        If the results differ by a byte.
    """
    digests, seconds = set(), {}
    for workers in (1, 2):
        busiest_s(workers, events)
        found, seconds[workers] = busiest_s(workers, events)
        digests.add(found.digest)
    if len(digests) != 1:
        raise RuntimeError("sweeps by one and by two workers differ")
    return {
        "name": f"sweep: {MARKETS} markets over 2 workers, processor time of the busiest",
        "value": seconds[2],
        "unit": "s",
        "peer": "1 worker",
        "peer_value": seconds[1],
        "ratio": seconds[1] / seconds[2],
        "target": None,
        "met": True,
    }


def run() -> list[dict[str, Any]]:
    """The rows for bench/results.json."""
    tape = synthetic_tape(EVENTS, SEED)
    ours, theirs = compare(tape, GATHERED_MS)
    rows = [
        rate_row(ours, theirs, f"levels told every {GATHERED_MS} ms", TARGET),
        *work_rows(ours[0], theirs["messages"][0]),
    ]
    rows.append(rate_row(*compare(tape, 0), "each level told by itself", None))
    return [*rows, scaling_row(MARKET_EVENTS)]
