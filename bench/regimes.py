"""One online step of the regime filter, against hmmlearn's answer for one bar; and how long a refit takes."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import hmmlearn
import numpy as np
import numpy.typing as npt
from hmmlearn.hmm import GaussianHMM

from titan.calibration.emissions import Model, regime_model
from titan.calibration.regime_fit import Fit, fit_regimes
from titan.calibration.regime_step import Fields, compiled_step
from titan.calibration.regimes import Rule, filter_start, filter_step

TARGET_US = 2.0
RATIO_TARGET = 200.0
TURNS = 100
STEPS = 500
PREDICTIONS = 20
FIT_BARS = 1_000
CENTRE, SCALE = (0.0002, -4.0), (0.01, 0.7)
_US = 1_000.0
Parts = dict[str, Any]
Table = npt.NDArray[np.float64]


def parts() -> Parts:
    """Three regimes of two scaled features, a return and a log range; no number that a product could spare."""
    return {
        "start": [0.6, 0.3, 0.1],
        "transition": [[0.97, 0.02, 0.01], [0.04, 0.93, 0.03], [0.02, 0.08, 0.90]],
        "means": [[0.02, -0.8], [0.1, 0.2], [-0.2, 1.3]],
        "covariances": [[[0.3, 0.02], [0.02, 0.4]], [[1.0, 0.05], [0.05, 0.4]], [[4.0, -0.2], [-0.2, 0.5]]],
    }


def ours(known: Parts) -> Model:
    """The model that the filter takes: it scales the features itself, which hmmlearn is spared."""
    return regime_model(**known, labels=("calm", "usual", "wild"), centre=CENTRE, scale=SCALE)


def theirs(known: Parts) -> GaussianHMM:
    """hmmlearn's model of the same regimes."""
    machine = GaussianHMM(len(known["start"]), "full")
    machine.startprob_, machine.transmat_ = np.array(known["start"]), np.array(known["transition"])
    machine.means_, machine.covars_ = np.array(known["means"]), np.array(known["covariances"])
    return machine


def raw(scaled: Table) -> list[list[float]]:
    """The bars as they come, before scaling."""
    bars: list[list[float]] = (np.array(CENTRE) + np.array(SCALE) * scaled).tolist()
    return bars


def check(model: Model, machine: GaussianHMM, scaled: Table) -> None:
    """Raise RuntimeError unless the step and hmmlearn agree on every bar of a short series."""
    step = compiled_step(model, Rule())
    state: Fields = filter_start(model, 0)
    for at, bar in enumerate(raw(scaled), 1):
        state = step(state, bar)
        known = machine.predict_proba(scaled[:at])[-1]
        if np.abs(known - state[0]).max() > 1e-9:
            raise RuntimeError(f"bar {at}: the filters differ, {state[0]}, hmmlearn {known.tolist()}")


def compare(model: Model, machine: GaussianHMM, scaled: Table) -> tuple[float, float, float]:
    """Microseconds a bar: the compiled step, the plain one, hmmlearn's `predict` of one row.

    The least of many turns for each: whatever else the machine does can only add.
    """
    rule, bars, rows = Rule(), raw(scaled), [row[None, :] for row in scaled[:PREDICTIONS]]
    step = compiled_step(model, rule)

    def fast() -> None:
        state: Fields = filter_start(model, 0)
        for bar in bars:
            state = step(state, bar)

    def plain() -> None:
        state = filter_start(model, 0)
        for bar in bars[: STEPS // 10]:
            state = filter_step(model, rule, state, bar)

    def peer() -> None:
        for row in rows:
            machine.predict(row)

    turns = [[_microseconds(one) for one in (fast, plain, peer)] for _ in range(TURNS)]
    least = [min(column) for column in zip(*turns, strict=True)]
    return least[0] / len(bars), least[1] / len(bars[: STEPS // 10]), least[2] / len(rows)


def _microseconds(work: Callable[[], None]) -> float:
    begun = perf_counter_ns()
    work()
    return (perf_counter_ns() - begun) / _US


def rows(fast_us: float, plain_us: float, peer_us: float, fit_s: float) -> list[dict[str, Any]]:
    """The rows of the step, against the limit and the peer, and of the fit."""
    common = {"peer": f"hmmlearn {hmmlearn.__version__} predict of one row"}
    return [
        {
            "name": "regime filter: one online step, 3 regimes, 2 features",
            "value": fast_us,
            "unit": "us",
            **common,
            "peer_value": peer_us,
            "ratio": peer_us / fast_us,
            "target": TARGET_US,
            "met": fast_us <= TARGET_US,
        },
        {
            "name": "regime filter: times faster than hmmlearn's predict of one row",
            "value": peer_us / fast_us,
            "unit": "x",
            **common,
            "peer_value": 1.0,
            "ratio": peer_us / fast_us,
            "target": RATIO_TARGET,
            "met": peer_us / fast_us >= RATIO_TARGET,
        },
        {
            "name": "regime filter: the plain step that the fast one is tested against",
            "value": plain_us,
            "unit": "us",
            "peer": "the fast step",
            "peer_value": fast_us,
            "ratio": plain_us / fast_us,
            "target": None,
            "met": True,
        },
        {
            "name": f"regime fit: {FIT_BARS} bars, 3 regimes, 2 features, 5 starts",
            "value": fit_s,
            "unit": "s",
            "peer": None,
            "peer_value": None,
            "ratio": None,
            "target": None,
            "met": True,
        },
    ]


def run() -> list[dict[str, Any]]:
    """The rows for bench/results.json."""
    known = parts()
    model, machine = ours(known), theirs(known)
    scaled, _ = machine.sample(max(STEPS, FIT_BARS), random_state=1)
    check(model, machine, scaled[:30])
    gc.collect()
    gc.disable()
    try:
        times = compare(model, machine, scaled[:STEPS])
        begun = perf_counter_ns()
        fit_regimes(scaled[:FIT_BARS], Fit(regimes=3))
        fit_s = (perf_counter_ns() - begun) * 1e-9
    finally:
        gc.enable()
    return rows(*times, fit_s)
