"""Markouts: what the mid did for an execution, by the time since."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from titan.evaluation.pnl import mid_at
from titan.reports.recording import Execution
from titan.reports.session_tables import SessionResult

HORIZONS_S = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class Markout(NamedTuple):
    """The mean at one horizon; `standard_error` is NaN where it cannot be estimated."""

    horizon_s: float
    fills: int
    mean_bps: float
    standard_error_bps: float
    net_of_edge_bps: float


def clustered_error(values: np.ndarray, groups: np.ndarray) -> float:
    """Standard error of a mean whose observations may depend on each other within a group.

    Parameters
    ----------
    values : array of float
        The observations.
    groups : array of int
        The group of each. Executions within one horizon share the same move of the mid, so taking them as
        independent would understate the error.

    Returns
    -------
    float
        NaN with fewer than two groups.
    """
    names, index = np.unique(groups, return_inverse=True)
    count = len(names)
    if count < 2:
        return math.nan
    sums = np.bincount(index, weights=values - values.mean())
    return float(math.sqrt(count / (count - 1) * float(sums @ sums)) / len(values))


def markout_curve(
    results: Sequence[SessionResult], horizons_s: Iterable[float] = HORIZONS_S
) -> list[Markout]:
    """Mean markout at each horizon, bps of the mid before the execution; positive is in our favour.

    An execution counts at a horizon only if the recorded mids reach that far; horizons that none reaches are left out.
    """
    curve = []
    for horizon_s in horizons_s:
        found = _observations(results, horizon_s)
        if found:
            moves, edges, groups = (np.array(column) for column in zip(*found, strict=True))
            error = clustered_error(moves, groups)
            curve.append(
                Markout(horizon_s, len(moves), float(moves.mean()), error, float((moves + edges).mean()))
            )
    return curve


def _observations(results: Sequence[SessionResult], horizon_s: float) -> list[tuple[float, float, int]]:
    horizon_ns = round(horizon_s * 1e9)
    found = []
    for result in results:
        for row in result.recording.executions:
            mids = result.recording.markets[row.key].mids
            if row.time_ns + horizon_ns <= mids[-1][0]:
                after = mid_at(mids, row.time_ns + horizon_ns)
                found.append((*_move_and_edge(row, float(after)), row.time_ns // horizon_ns))
    return found


def _move_and_edge(row: Execution, after: float) -> tuple[float, float]:
    before = float(row.mid_before)
    return row.side * (after - before) / before * 1e4, row.side * (before - float(row.price)) / before * 1e4


def markout_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """The curve as a table: `net of edge` adds what the execution gained against the mid before it."""
    rows = [
        {
            "horizon, s": point.horizon_s,
            "executions": point.fills,
            "mean markout, bps": point.mean_bps,
            "standard error, bps": point.standard_error_bps,
            "edge + markout, bps": point.net_of_edge_bps,
        }
        for point in markout_curve(results)
    ]
    return pd.DataFrame(rows).set_index("horizon, s") if rows else pd.DataFrame({"executions": []})
