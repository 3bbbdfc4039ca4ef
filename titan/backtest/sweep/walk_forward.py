"""Walking forward: the set that was best so far trades what comes next, and only that is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from titan.backtest.sweep.results import Integers, SweepResult
from titan.evaluation.overfitting import purged_walk_forward
from titan.evaluation.performance import sharpe_ratio

Floats = npt.NDArray[np.float64]


def total(returns: Floats) -> float:
    """What a record made."""
    return float(returns.sum())


def steady(returns: Floats) -> float:
    """The Sharpe ratio of a record per period, 0 for one that stands still."""
    return sharpe_ratio(returns) if np.ptp(returns) > 0.0 else 0.0


OBJECTIVES: Mapping[str, Callable[[Floats], float]] = {"total": total, "sharpe": steady}
"""What may be called best; of equals the first one given is."""


class Periods(NamedTuple):
    """What each set made in each period of a tape, quote currency, after fees.

    Attributes
    ----------
    start_ns, end_ns : array
        Exchange times, (T,); the last period may be longer, up to the last event.
    returns : array
        (T, N), a column a set; the sum of a column is the set's P&L.
    """

    start_ns: Integers
    end_ns: Integers
    returns: Floats


def periods_of(result: SweepResult, fees: Mapping[str, float], start_ns: int) -> Periods:
    """The periods between the points of a sweep's path.

    Parameters
    ----------
    fees : mapping of str to float
        Each set's fee, a fraction of notional.
    start_ns : int
        When the tape begins.

    Raises
    ------
    ValueError
        If the path has fewer than two points.
    """
    if len(result.path_ns) < 2:
        raise ValueError(f"the tape has {len(result.path_ns)} whole periods: must be 2 or more; shorten them")
    unit = float(result.tick_size * result.lot_size)
    columns = []
    for one in result.sets:
        paid = np.append(0.0, np.cumsum(one.fills["price"] * one.fills["lots"]) * unit * fees[one.name])
        # A point is taken after all that happens at its time, fills included.
        known = np.searchsorted(one.fills["time_ns"], result.path_ns, side="right")
        wealth = np.nan_to_num(result.equity(one.name)) - paid[known]
        wealth[-1] = float(one.pnl.total)  # the last period ends with the tape
        columns.append(np.diff(wealth, prepend=0.0))
    starts = np.append(start_ns, result.path_ns[:-1])
    return Periods(starts, result.path_ns, np.column_stack(columns))


def joined(several: list[Periods]) -> Periods:
    """The periods of several tapes, one after another; every tape begins without a position.

    Raises
    ------
    ValueError
        If one begins before the other ended: of one time there is one record.
    """
    ordered = sorted(several, key=lambda each: int(each.start_ns[0]))
    for before, after in pairwise(ordered):
        if after.start_ns[0] < before.end_ns[-1]:
            raise ValueError("two tapes tell of the same time: walk each symbol forward by itself")
    return Periods(*(np.concatenate(column) for column in zip(*ordered, strict=True)))


class Step(NamedTuple):
    """One step forward: rows of the periods, the column that was chosen, and how it did before and after."""

    train: Integers
    test: Integers
    chosen: int
    score: float
    made: float
    hindsight: int


class Walk(NamedTuple):
    """All steps, and what the chosen sets made in the periods that were tested, in order."""

    steps: tuple[Step, ...]
    rows: Integers
    returns: Floats


def walk_forward(
    periods: Periods, objective: str, folds: int = 4, latency_ns: int = 0, embargo_ns: int = 0
) -> Walk:
    """Choose the best set on the past alone, let it trade the next part, and go on.

    Parameters
    ----------
    objective : str
        One of `OBJECTIVES`.
    folds : int
        How many parts are traded, after a first one that only trains.
    latency_ns, embargo_ns : int
        As for `titan.evaluation.overfitting.purged_walk_forward`; what a decision brings is known a period later.

    Raises
    ------
    ValueError
        If the objective is unknown, or a part leaves nothing to train on.

    Notes
    -----
    A set's record is that of its whole run: the position that it holds when a part begins is its own.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"objective = {objective!r}: must be one of {', '.join(OBJECTIVES)}")
    score = OBJECTIVES[objective]
    horizon_ns = int(np.max(periods.end_ns - periods.start_ns))
    steps = []
    for split in purged_walk_forward(periods.start_ns, horizon_ns, latency_ns, folds, embargo_ns):
        scores = [score(column) for column in periods.returns[split.train].T]
        later = [score(column) for column in periods.returns[split.test].T]
        chosen = int(np.argmax(scores))
        made = total(periods.returns[split.test, chosen])
        steps.append(Step(split.train, split.test, chosen, scores[chosen], made, int(np.argmax(later))))
    rows = np.concatenate([step.test for step in steps])
    returns = np.concatenate([periods.returns[step.test, step.chosen] for step in steps])
    return Walk(tuple(steps), rows, returns)
