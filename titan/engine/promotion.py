"""From research to real money by stages: which gates lie between two of them, and whether what was measured passes.

A strategy stands at one stage. It goes up one stage at a time, where everything that was measured in the stage it
leaves is inside its bound; it goes down at any time. What is not measured passes no gate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import msgspec

from titan.model.contract import Range
from titan.risk.limits import MONEY

STAGES = ("research", "shadow", "paper", "canary", "live")
"""From the least to the most that can be lost. Evidence of research is a backtest."""


class PromotionError(ValueError):
    """A step that no evidence could allow; the message says which step is the next one."""


class Gates(NamedTuple):
    """The bounds of every gate. Where it says so, 0 takes a gate away."""

    least_hours_a_day: Annotated[
        float,
        Range(
            0, 24, "h", "time that a strategy is watched on a UTC day, below which the day counts for nothing"
        ),
    ] = 8.0
    least_days_research: Annotated[
        int, Range(0, 3_650, "days", "fewest days of recorded market in backtests; 0: not asked")
    ] = 1
    least_days_shadow: Annotated[int, Range(0, 3_650, "days", "fewest days in shadow; 0: not asked")] = 1
    least_days_paper: Annotated[int, Range(0, 3_650, "days", "fewest days on paper; 0: not asked")] = 5
    least_days_canary: Annotated[int, Range(0, 3_650, "days", "fewest days in canary; 0: not asked")] = 5
    least_fills: Annotated[
        int,
        Range(0, 1_000_000, "executions", "fewest in backtests, on paper and in canary, each; 0: not asked"),
    ] = 100
    least_dsr: Annotated[
        float,
        Range(
            0,
            1,
            "probability",
            "least deflated Sharpe ratio that a study of backtests has found; 0: not asked",
        ),
    ] = 0.95
    largest_drawdown: Annotated[
        float,
        Range(0, 1e9, MONEY, "deepest fall of a stage's P&L from its peak; canary counts as whole size"),
    ] = 1_000.0
    largest_differences: Annotated[
        int, Range(0, 1_000_000, "differences", "most reconciliation differences in a stage's sessions")
    ] = 0
    largest_stops: Annotated[
        int, Range(0, 1_000_000, "sessions", "most sessions of a stage that risk has stopped")
    ] = 0
    least_parity_days: Annotated[
        int,
        Range(
            0,
            3_650,
            "days",
            "fewest of a stage's days that a report of parity has simulated again; 0: not asked",
        ),
    ] = 3
    parity_tolerance_bps: Annotated[
        float,
        Range(
            0,
            10_000,
            "bps of turnover",
            "largest difference of traded and simulated P&L in any report of parity",
        ),
    ] = 1.0


class Measured(NamedTuple):
    """What was found in the stage that a strategy leaves; NaN where nothing was measured."""

    days: float = math.nan
    fills: float = math.nan
    dsr: float = math.nan
    drawdown: float = math.nan
    """Reporting currency, at whole size; 0 or more."""
    differences: float = math.nan
    stops: float = math.nan
    parity_days: float = math.nan
    parity_bps: float = math.nan
    """The largest size of a difference that any report has found."""


class Verdict(NamedTuple):
    """One gate: what was measured, the bound, and whether it passes."""

    gate: str
    measured: float
    bound: float
    at_least: bool
    """Whether the bound is the least that passes, or else the most."""
    asked: bool
    """False where the settings take the gate away."""
    passed: bool


class _Gate(NamedTuple):
    measure: str
    bound: str
    at_least: bool
    switch: str = ""
    """The bound that takes the gate away when it is 0, where it is one; empty: the gate is always there."""


def _least(measure: str, bound: str) -> _Gate:
    return _Gate(measure, bound, True, bound)


_FILLS = _least("fills", "least_fills")
_DRAWDOWN = _Gate("drawdown", "largest_drawdown", False)
_DIFFERENCES = _Gate("differences", "largest_differences", False)
_STOPS = _Gate("stops", "largest_stops", False)
_PARITY = (
    _least("parity_days", "least_parity_days"),
    _Gate("parity_bps", "parity_tolerance_bps", False, "least_parity_days"),
)
_TRADED = (_FILLS, _DRAWDOWN, _DIFFERENCES, _STOPS, *_PARITY)

GATES: Mapping[str, tuple[_Gate, ...]] = {
    "research": (
        _least("days", "least_days_research"), _FILLS, _least("dsr", "least_dsr"), _DRAWDOWN, _STOPS,
    ),
    "shadow": (_least("days", "least_days_shadow"), _DIFFERENCES, _STOPS),
    "paper": (_least("days", "least_days_paper"), *_TRADED),
    "canary": (_least("days", "least_days_canary"), *_TRADED),
}  # fmt: skip
"""The gates that lie behind each stage. Shadow never fills: there is no P&L to judge."""


def judge(stage: str, measured: Measured, gates: Gates) -> tuple[Verdict, ...]:
    """Judge what was measured in `stage`, one verdict a gate, in a fixed order.

    Raises
    ------
    PromotionError
        If no gate lies behind the stage, as behind the last.
    """
    if stage not in GATES:
        raise PromotionError(f"no stage follows {stage}; {', '.join(GATES)} are left by promotion")
    return tuple(_verdict(gate, measured, gates) for gate in GATES[stage])


def _verdict(gate: _Gate, measured: Measured, gates: Gates) -> Verdict:
    value, bound = float(getattr(measured, gate.measure)), float(getattr(gates, gate.bound))
    asked = not gate.switch or getattr(gates, gate.switch) > 0
    # Not a number is on neither side of a bound: what is not measured passes no gate.
    inside = value >= bound if gate.at_least else value <= bound
    return Verdict(gate.measure, value, bound, gate.at_least, asked, inside or not asked)


def is_promotion(stage: str, to: str, recorded: str = "") -> bool:
    """Whether the step from `stage` to `to` is one up, which needs evidence; a step down needs none.

    Parameters
    ----------
    recorded : str
        Where the last record put the strategy, which is not `stage` where that record does not count; empty without
        one. From there it can be put back to research, so that the record does not count again either.

    Raises
    ------
    PromotionError
        If there is no such stage, no step, or one that skips a stage.
    """
    if to not in STAGES:
        raise PromotionError(f"no stage is called {to}; there are {', '.join(STAGES)}")
    if to == STAGES[0] and recorded not in {"", to}:
        return False
    steps = STAGES.index(to) - STAGES.index(stage)
    if steps == 0:
        raise PromotionError(f"it stands at {stage} already; nothing is to be done")
    if steps > 1:
        raise PromotionError(
            f"no stage is skipped: it stands at {stage}, and {following(stage)} is the next one"
        )
    return steps == 1


def following(stage: str) -> str:
    """The stage after one that is not the last."""
    return STAGES[STAGES.index(stage) + 1]


def needs_record(mode: str, require_from: str) -> bool:
    """Whether a session of `mode` needs a record: from `require_from` on, and never on an exchange that is a model."""
    return mode in STAGES and STAGES.index(mode) >= STAGES.index(require_from)


def reaches(stage: str, mode: str) -> bool:
    """Whether a strategy that stands at `stage` may run in `mode`: that stage, and every one below it."""
    return STAGES.index(stage) >= STAGES.index(mode)


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a strategy is: its code, and the numbers it quotes by.

    Attributes
    ----------
    sources : dict of str to str
        Module name to hash of its source: the strategy's own, and what it imports of its package's mathematics.
    parameters : dict of str to dict of str to float
        By symbol: every parameter of the code, and the keys of its section that move its quotes.
    calibrated : tuple of str
        Parameters that come from artefacts.
    calibration_bound : float
        Largest factor by which one of those may move away from what stands here.
    artefacts : dict of str to str
        By symbol: the artefact that they came from.
    """

    code: str
    sources: dict[str, str]
    parameters: dict[str, dict[str, float]]
    calibrated: tuple[str, ...] = ()
    calibration_bound: float = 1.0
    artefacts: dict[str, str] = {}


def stands_at(recorded: str, promoted: Identity, present: Identity) -> tuple[str, str]:
    """Where a strategy stands by its last record, and why that does not count: then it is at research again."""
    moved = departure(promoted, present)
    return (STAGES[0], moved) if moved else (recorded, "")


def departure(promoted: Identity, present: Identity) -> str:
    """Say where a strategy is no longer the one that was promoted; empty if it still is.

    A symbol less is no departure, one more is. A calibrated parameter may move within the bound that held when it was
    promoted; any other may not move at all.
    """
    if present.code != promoted.code:
        return f"its code is {present.code}, not {promoted.code}"
    for module in sorted({*promoted.sources, *present.sources}):
        if promoted.sources.get(module) != present.sources.get(module):
            return f"the source of {module} differs"
    for symbol, values in present.parameters.items():
        before = promoted.parameters.get(symbol)
        if before is None:
            return f"{symbol} is not among its symbols, {', '.join(promoted.parameters)}"
        for name in sorted({*before, *values}):
            moved = _moved(promoted, name, before.get(name), values.get(name))
            if moved:
                return f"{symbol}: {name} {moved}"
    return ""


def _moved(promoted: Identity, name: str, before: float | None, now: float | None) -> str:
    if before is None or now is None:
        return "is a parameter on one side alone"
    bound = promoted.calibration_bound
    if name in promoted.calibrated:
        inside = min(before / bound, before * bound) <= now <= max(before / bound, before * bound)
        return "" if inside else f"is {now:g}, more than a factor of {bound:g} from {before:g}"
    return "" if now == before else f"is {now:g}, not {before:g}"
