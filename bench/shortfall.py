"""Expected shortfall and its Euler parts, against numpy written straightforwardly."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import numpy as np
import numpy.typing as npt

from titan.risk.attribution import attribute_shortfall

DAYS, ASSETS, TAIL = 100_000, 20, 0.025
RATIO_TARGET = 8.0
TURNS, BLOCK = 5, 5
TOLERANCE = 1e-9
_MS = 1_000_000.0
Table = npt.NDArray[np.float64]


def sorted_weights(losses: Table, tail: float) -> Table:
    """A weight for every row: 1 for the worst, a fraction for the boundary loss, 0 for the others."""
    order = np.argsort(losses)[::-1]
    mass = tail * len(losses)
    weights = np.zeros(len(losses))
    weights[order] = np.clip(mass - np.arange(len(losses)), 0.0, 1.0) / mass
    return weights


def straightforward(returns: Table, held: Table, tail: float) -> tuple[float, Table]:
    """Expected shortfall and Euler parts as the formula reads: every loss sorted, every row's parts weighed and summed.

    Notes
    -----
    It checks nothing, and states no errors of the parts: ours does both in its time.
    """
    losses = -(returns @ held)
    weights = sorted_weights(losses, tail)
    return float(weights @ losses), -(weights[:, None] * returns * held).sum(axis=0)


def lean(returns: Table, held: Table, tail: float) -> tuple[float, Table]:
    """The same with one matrix product for the parts, as one who knows numpy well would write it."""
    losses = -(returns @ held)
    weights = sorted_weights(losses, tail)
    return float(weights @ losses), -(weights @ returns) * held


def ours(returns: Table, held: Table, tail: float) -> tuple[float, Table]:
    """The same numbers as the reports have them, their errors besides."""
    found = attribute_shortfall(returns, held[None, :], tail)
    return found.total, found.by_position


def sample(days: int) -> tuple[Table, Table]:
    """Fat-tailed returns (days, assets) of one factor and own moves, and holdings of both signs."""
    rng = np.random.default_rng(20)
    factor = 0.02 * rng.standard_t(4, (days, 1))
    returns = factor * rng.uniform(0.5, 1.5, ASSETS) + 0.02 * rng.standard_t(4, (days, ASSETS))
    return returns, 1e4 * rng.uniform(-0.5, 1.0, ASSETS)


def timed_ns(function: Callable[..., Any], *arguments: Any) -> tuple[int, Any]:
    """Nanoseconds of one call, and what it returned."""
    begun = perf_counter_ns()
    result = function(*arguments)
    return perf_counter_ns() - begun, result


def run(days: int = DAYS, turns: int = TURNS) -> list[dict[str, Any]]:
    """The rows of the median call, in turns of `BLOCK` calls on the same returns.

    Notes
    -----
    Turns, so that all meet the same load of the machine; blocks, because numpy's threads wait awake for a while after
    a product, and would take the processor from whoever comes next.

    Raises
    ------
    RuntimeError
        If two disagree: a fast wrong answer is no result.
    """
    returns, held = sample(days)
    times: dict[str, list[int]] = {form.__name__: [] for form in (ours, straightforward, lean)}
    gc.collect()
    gc.disable()
    try:
        for turn in range(turns + 1):
            answers = []
            for form in (ours, straightforward, lean):
                for _ in range(BLOCK):
                    elapsed, (total, parts) = timed_ns(form, returns, held, TAIL)
                    if turn:  # the first warms all up
                        times[form.__name__].append(elapsed)
                answers.append([total, *parts])
            if not np.allclose(answers[1:], answers[0], rtol=TOLERANCE, atol=0.0):
                raise RuntimeError(f"the shortfalls differ: {answers}")
    finally:
        gc.enable()
    value, peer_value, lean_value = (statistics.median(each) / _MS for each in times.values())
    what = f"expected shortfall and Euler parts of {days:,} x {ASSETS}"
    peer = f"numpy {np.__version__}, sorted, all rows weighed"
    ratio = peer_value / value
    return [
        _row(f"{what}: p50", value, "ms", peer, peer_value, ratio),
        _row(f"{what}: times faster than numpy, p50", ratio, "x", peer, 1.0, ratio, RATIO_TARGET),
        _row(
            f"{what}: p50 beside the leanest",
            value,
            "ms",
            f"numpy {np.__version__}, sorted, one product",
            lean_value,
            lean_value / value,
        ),
    ]


def _row(
    name: str,
    value: float,
    unit: str,
    peer: str,
    peer_value: float,
    ratio: float,
    target: float | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": ratio,
        "target": target,
        "met": target is None or value >= target,
    }
