"""Sweeps against hftbacktest: the same fills on the same tapes, and how many sets times events a second both do.

What is compared, and every rule by which the two may differ, is in docs/sweep.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from bench import data_folder
from bench.peers import hftbacktest_rules
from bench.peers.environment import hftbacktest
from titan.backtest.sweep import rules
from titan.backtest.sweep.capture_tape import capture_tape
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.run import FIRST_FILLS, checked_modules, linked, run_pass
from titan.backtest.sweep.synthetic import synthetic_tape
from titan.backtest.sweep.tape import Tape
from titan.backtest.sweep.worlds import build_world, no_fills
from titan.simulation.queue_position import QueueModel

EVENTS = 3_000_000
SEED = 1
MANY = 16
WORKERS = (1, 2)
REPEAT = 3
INTERVAL_MS = 100
CAPTURE = Path("binance_capture_20240808") / "usdm_btcusdt_20240808.gz"
PEER = "hftbacktest 2.4.4"
SINGLE_TARGET, MANY_TARGET, MEMORY_TARGET = 3.0, 15.0, 24.0

WORLD = {"whole_fills": True, "entry": 2_000_000, "response": 3_000_000}
GRID = {
    "strategy": "bench.peers.fixed_grid",
    "parameters": {"half_spread_bps": 0.01, "layer_step_bps": 0.0167},
}
GLFT = {
    "strategy": "titan.strategy.glft",
    "parameters": {
        "layers": 3,
        "skew_at_max_inventory_bps": 0.1,
        "mean_fill_depth_bps": 0.01,
        "minimum_half_spread_bps": 0.01,
        "layer_step_bps": 0.0167,
    },
}
QUEUES = {"risk-averse": (0, 1.0), "logarithm": (1, 1.0), "power of 2": (2, 2.0)}
DEPTHS = ("vector", "hash map")
FOUR = ("joined", "passed", "reached", "changed")


class Compared(NamedTuple):
    """One set on one tape by both: fills, and how many only one of them has, by Titan's rules and by the peer's."""

    name: str
    fills: int
    ours: int
    by_their_rules: int
    peer_s: float


def options(strategy: dict[str, Any], queue: tuple[int, float], name: str) -> dict[str, Any]:
    """A set as the peer's side reads it."""
    return {"name": name, **strategy, **WORLD, "queue": list(queue)}


def parameter_set(given: dict[str, Any]) -> ParameterSet:
    """The same set here."""
    return ParameterSet(**{**given, "queue": QueueModel(*given["queue"])})


def fills_of(tape: Tape, one: ParameterSet, as_theirs: bool) -> np.ndarray[Any, Any]:
    """Our fills, by Titan's queue formulas or with the peer's put in their place."""
    modules = checked_modules([one], INTERVAL_MS, 10)
    theirs = {getattr(rules, name): getattr(hftbacktest_rules, name) for name in FOUR}
    compiled = linked(modules, theirs if as_theirs else None)
    found = run_pass(compiled, tape, [one], modules, INTERVAL_MS, 10).sets[0].fills
    return np.array([found[name] for name in ("time_ns", "side", "price", "lots")]).T


def differing(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> int:
    """How many fills (time, side, price, size) only one side has, each counted as often as it occurs."""
    both, signs = np.concatenate((ours, theirs)), np.repeat((1, -1), (len(ours), len(theirs)))
    _, which = np.unique(both, axis=0, return_inverse=True)
    return int(np.abs(np.bincount(which.ravel(), weights=signs)).sum())


def compare(tape: Tape, label: str) -> list[Compared]:
    """Both strategies by every queue model on one tape; times are those of the peer's fastest depth."""
    given = [
        options(strategy, queue, f"{name}, {model}, {label}")
        for name, strategy in (("grid", GRID), ("GLFT", GLFT))
        for model, queue in QUEUES.items()
    ]
    runs = [
        {"set": one, "depths": list(DEPTHS), "repeat": REPEAT, "interval_ms": INTERVAL_MS} for one in given
    ]
    with tempfile.TemporaryDirectory() as folder:
        tape.save(Path(folder) / "tape.npz")
        found, seconds = hftbacktest(Path(folder) / "tape.npz", runs)
    return [
        Compared(
            one["name"],
            len(theirs),
            differing(fills_of(tape, parameter_set(one), False), theirs),
            differing(fills_of(tape, parameter_set(one), True), theirs),
            min(min(times) for times in depths.values()),
        )
        for one, theirs, depths in zip(given, found, seconds, strict=True)
    ]


def many_sets(strategy: dict[str, Any]) -> list[ParameterSet]:
    """Sets that differ in size, latency and queue model."""
    queues = list(QUEUES.values())
    return [
        parameter_set(
            {
                **options(strategy, queues[number % len(queues)], f"set {number}"),
                "entry": 1_000_000 * (1 + number % 4),
                "parameters": {**strategy["parameters"], "order_size": 0.005 * (1 + number % 5)},
            }
        )
        for number in range(MANY)
    ]


def our_seconds(tape: Tape, sets: Sequence[ParameterSet], workers: int = 1) -> float:
    """The quickest of some passes; as on the peer's side, what is built before the first event is not counted."""
    modules = checked_modules(sets, INTERVAL_MS, 10)
    compiled = linked(modules)
    shares = [sets[at::workers] for at in range(workers)]
    times = []
    with ThreadPoolExecutor(workers) as threads:
        for _ in range(REPEAT + 1):
            worlds = [
                (build_world(tape, share, modules, INTERVAL_MS * 1_000_000, 10), no_fills(FIRST_FILLS))
                for share in shares
            ]
            begun = perf_counter()
            passes = [threads.submit(compiled.simulate, tape.columns, *world) for world in worlds]
            assert all(each.result() for each in passes)
            times.append(perf_counter() - begun)
    return min(times[1:])  # the first one compiled, or read what was compiled


def speed_row(name: str, rate: float, peer_rate: float, target: float) -> dict[str, Any]:
    """Millions of sets times events a second, beside the peer's."""
    ratio = rate / peer_rate
    return {
        "name": name,
        "value": rate / 1e6,
        "unit": "M sets x events/s",
        "peer": f"{PEER}, one set, fastest depth",
        "peer_value": peer_rate / 1e6,
        "ratio": ratio,
        "target": target,
        "met": ratio >= target,
    }


def exact_rows(compared: Sequence[Compared]) -> list[dict[str, Any]]:
    """Fills that differ: none may by the risk-averse model, and none by any with the peer's rules put in."""
    rows = []
    for one in compared:
        strict = "risk-averse" in one.name
        common = {"unit": "fills", "peer": PEER, "peer_value": float(one.fills), "ratio": None}
        name = f"sweep: fills that differ, {one.name}"
        target, met = (0.0, one.ours == 0) if strict else (None, True)
        rows.append({"name": name, "value": float(one.ours), **common, "target": target, "met": met})
        if not strict:
            name, found = f"{name}, with the peer's queue rules", float(one.by_their_rules)
            rows.append({"name": name, "value": found, **common, "target": 0.0, "met": found == 0.0})
    return rows


def speed_rows(tape: Tape, compared: Sequence[Compared]) -> list[dict[str, Any]]:
    """One set and many of both strategies."""
    rows = []
    for label, strategy, peer in (("grid", GRID, compared[0]), ("GLFT", GLFT, compared[len(QUEUES)])):
        peer_rate = len(tape) / peer.peer_s
        one = [parameter_set(options(strategy, QUEUES["risk-averse"], "one"))]
        rate = len(tape) / our_seconds(tape, one)
        rows.append(speed_row(f"sweep: {label}, one set", rate, peer_rate, SINGLE_TARGET))
        for workers in WORKERS:
            name = f"sweep: {label}, {MANY} sets, {workers} worker{'s' * (workers > 1)}"
            rate = MANY * len(tape) / our_seconds(tape, many_sets(strategy), workers)
            rows.append(speed_row(name, rate, peer_rate, MANY_TARGET))
    return rows


def memory_row(tape: Tape) -> dict[str, Any]:
    """Bytes of the columns an event."""
    found = tape.bytes_per_event
    return {
        "name": "sweep: memory of a tape",
        "value": found,
        "unit": "bytes/event",
        "peer": "limit",
        "peer_value": MEMORY_TARGET,
        "ratio": found / MEMORY_TARGET,
        "target": MEMORY_TARGET,
        "met": found <= MEMORY_TARGET,
    }


def run() -> list[dict[str, Any]]:
    """The rows for bench/results.json; the recorded tape is left out where there is none."""
    tape = synthetic_tape(EVENTS, SEED)
    compared = compare(tape, f"{EVENTS:,} synthetic events")
    rows = [*speed_rows(tape, compared), memory_row(tape), *exact_rows(compared)]
    capture = data_folder() / CAPTURE
    if capture.is_file():
        rows += exact_rows(compare(capture_tape(capture, least_delay_ns=1_000_000), "recorded BTCUSDT"))
    return rows
