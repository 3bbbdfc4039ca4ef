"""Two sessions on the same market and the same time: which made more, and whether that can be told from chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt

from titan.evaluation.performance import Interval, bootstrap_interval
from titan.model.contract import Range
from titan.reports.errors import ReportError
from titan.reports.parameters import session_directory
from titan.reports.periods import between, grid, session_parts
from titan.reports.session_tables import COMPONENTS, SessionResult, contributions, read_session, time_text
from titan.reports.studies import Text

FEWEST_PERIODS = 20
FEWEST_BLOCKS = 5
"""With fewer the bootstrap has too little to draw from, and its interval means nothing."""
TOTAL = "total"


class Asked(NamedTuple):
    """What a comparison is asked for."""

    first: Annotated[str, Text("a session's name, or its directory")] = ""
    second: Annotated[str, Text("the session that is compared with it")] = ""
    period_s: Annotated[float, Range(0.1, 86_400.0, "s", "length of the periods that are paired")] = 60.0
    mean_block: Annotated[
        float, Range(1.0, 1_000.0, "periods", "mean length of the blocks that are drawn")
    ] = 5.0
    confidence: Annotated[float, Range(0.5, 0.999, "", "of each interval")] = 0.95
    draws: Annotated[int, Range(100, 20_000, "", "records drawn for an interval")] = 2_000
    journals: Annotated[str, Text("folder of the sessions; empty takes the one of the settings")] = ""
    settings: Annotated[str, Text("settings file; empty takes the nearest settings.ini")] = ""


Columns = dict[str, npt.NDArray[np.float64]]


class Comparison(NamedTuple):
    """Two sessions, period by period.

    Attributes
    ----------
    bounds : list of int
        Ends of the periods, ns, one more than there are periods.
    first, second : dict of str to array
        What each made in each period, by component and in `total`, shape (periods,), reporting currency.
    intervals : dict of str to Interval
        Of the sum of second less first, by component and in `total`.
    """

    results: tuple[SessionResult, SessionResult]
    bounds: list[int]
    first: Columns
    second: Columns
    intervals: dict[str, Interval]
    confidence: float

    @property
    def periods(self) -> int:
        """How many were paired."""
        return len(self.bounds) - 1

    @property
    def difference(self) -> Columns:
        """Second less first, by component and in `total`."""
        return {name: self.second[name] - self.first[name] for name in self.first}

    @property
    def indistinguishable(self) -> bool:
        """True if the interval of the total holds zero."""
        return holds_zero(self.intervals[TOTAL])


def holds_zero(interval: Interval) -> bool:
    """True if nothing, within the interval's confidence, says that there is a difference."""
    return interval.low <= 0.0 <= interval.high


def read_both(asked: Asked) -> tuple[SessionResult, SessionResult]:
    """Read the two sessions.

    Raises
    ------
    ReportError, JournalError
        If one is not there, cannot be read, or cannot be valued whole in a currency that both share.
    """
    first, second = (
        read_session(session_directory(name, parameter, asked.journals, asked.settings))
        for parameter, name in (("first", asked.first), ("second", asked.second))
    )
    if first.currency != second.currency:
        raise ReportError(
            f"{first.session} reports in {first.currency}, {second.session} in {second.currency}: "
            "run one of them again with the reporting currency of the other"
        )
    for result in (first, second):
        if result.total.missing:
            raise ReportError(
                f"{result.session}: no price in {result.currency} for {', '.join(result.total.missing)}: "
                "its P&L is not whole, so there is nothing to compare"
            )
    return first, second


def compare(first: SessionResult, second: SessionResult, asked: Asked) -> Comparison:
    """Pair the sessions' periods and draw the intervals.

    Raises
    ------
    ReportError
        If they share no time, or too few whole periods.
    """
    bounds = shared_bounds(first, second, asked)
    here, there = (_columns(result, bounds) for result in (first, second))
    intervals = {
        name: bootstrap_interval(
            there[name] - here[name], _total, asked.mean_block, asked.confidence, asked.draws
        )
        for name in here
    }
    return Comparison((first, second), bounds, here, there, intervals, asked.confidence)


def _total(values: npt.NDArray[np.float64]) -> float:
    return float(values.sum())


def shared_bounds(first: SessionResult, second: SessionResult, asked: Asked) -> list[int]:
    """The ends of the whole periods in which both sessions traded."""
    spans = [traded_span(result) for result in (first, second)]
    begin_ns, end_ns = max(begin for begin, _ in spans), min(end for _, end in spans)
    if begin_ns >= end_ns:
        told = "; ".join(
            f"{result.session} from {time_text(begin)} to {time_text(end)}"
            for result, (begin, end) in zip((first, second), spans, strict=True)
        )
        raise ReportError(f"the sessions share no time: {told}; compare two on the same market and time")
    bounds = grid(begin_ns, end_ns, round(asked.period_s * 1e9))
    periods, least = len(bounds) - 1, max(FEWEST_PERIODS, round(FEWEST_BLOCKS * asked.mean_block))
    if periods < least:
        raise ReportError(
            f"the sessions share {max(periods, 0)} whole periods of {asked.period_s:g} s, at least {least} are "
            "needed: give a smaller period_s or mean_block, or longer sessions"
        )
    return bounds


def traded_span(result: SessionResult) -> tuple[int, int]:
    """From when all accounts were read until the first of them was closed, or the journal's end."""
    recording = result.recording
    openings = [venue.opening for venue in recording.venues.values()]
    begins = [opening.time_ns for opening in openings if opening is not None]
    if len(begins) != len(openings):
        raise ReportError(f"{result.session}: the account was never read at the start: nothing was traded")
    ends = [venue.closing.time_ns for venue in recording.venues.values() if venue.closing is not None]
    return max(begins), min([*ends, recording.ended_ns])


def _columns(result: SessionResult, bounds: list[int]) -> Columns:
    rows = [contributions(parts) for parts in between(session_parts(result.recording, bounds))]
    columns = {name: np.array([float(row[name]) for row in rows]) for name in COMPONENTS}
    return {**columns, TOTAL: np.array([float(sum(row.values())) for row in rows])}


def cumulated(columns: Mapping[str, npt.NDArray[np.float64]]) -> Columns:
    """Sums from the first period on, beginning at 0."""
    return {name: np.concatenate([[0.0], np.cumsum(values)]) for name, values in columns.items()}
