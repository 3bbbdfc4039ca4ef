"""A strategy over a grid of two parameters: what the sets made, and how much of the best one's result the search made.

The arithmetic is the sweep's and the notebooks'; here are the questions that may be asked, and the order.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt

from titan.backtest.sweep.capture_tape import capture_tape
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.results import SweepResult
from titan.backtest.sweep.run import sweep
from titan.backtest.sweep.stored_tape import stored_tape
from titan.backtest.sweep.strategies import kinds
from titan.backtest.sweep.synthetic import synthetic_tape
from titan.backtest.sweep.tape import Tape
from titan.backtest.sweep.walk_forward import Periods, Walk, joined, periods_of, steady, total, walk_forward
from titan.evaluation.overfitting import Overfitting, overfitting, worthless_probabilities
from titan.evaluation.performance import (
    Interval,
    bootstrap_interval,
    deflated_sharpe,
    expected_best_sharpe,
    moments,
)
from titan.model.contract import ParameterError, Range
from titan.reports.errors import ReportError
from titan.reports.studies import Text
from titan.simulation.queue_position import LOGARITHM, RISK_AVERSE, power_model
from titan.store.catalogue import load

MS, SECOND = 1_000_000, 1_000_000_000
QUEUES = {"risk_averse": RISK_AVERSE, "logarithm": LOGARITHM, "square": power_model(2.0)}
"""The last is what Titan's own exchange takes unless it is told otherwise."""
Floats = npt.NDArray[np.float64]


class Asked(NamedTuple):
    """What a backtest study is asked for."""

    captures: Annotated[str, Text("recorded files or one catalogue; empty takes a synthetic market")] = ""
    venue: Annotated[str, Text("of a catalogue: the venue")] = ""
    symbol: Annotated[str, Text("the instrument; empty takes the only one")] = ""
    events: Annotated[int, Range(1_000, 10_000_000, "events", "of a synthetic market")] = 60_000
    seed: Annotated[int, Range(0, 1_000_000, "", "of a synthetic market, and of what is drawn")] = 1
    strategy: Annotated[str, Text("package.module, as in [strategy.NAME] code")] = "titan.strategy.glft"
    fixed: Annotated[str, Text("its other parameters: name: value, ...")] = "mean_fill_depth_bps: 0.01"
    first: Annotated[str, Text("the first parameter that is swept")] = "skew_at_max_inventory_bps"
    first_low: Annotated[float, Range(-1e9, 1e9, "", "from")] = 0.05
    first_high: Annotated[float, Range(-1e9, 1e9, "", "to")] = 0.25
    first_points: Annotated[int, Range(1, 50, "", "values")] = 5
    second: Annotated[str, Text("the second one")] = "minimum_half_spread_bps"
    second_low: Annotated[float, Range(-1e9, 1e9, "", "from")] = 0.01
    second_high: Annotated[float, Range(-1e9, 1e9, "", "to")] = 0.05
    second_points: Annotated[int, Range(1, 50, "", "values")] = 5
    maker_fee_bps: Annotated[float, Range(-10.0, 100.0, "bps", "paid on each fill; a rebate is negative")] = (
        0.0
    )
    latency_ms: Annotated[float, Range(0.0, 10_000.0, "ms", "to the exchange, and back")] = 2.0
    least_delay_ms: Annotated[float, Range(0.0, 1_000.0, "ms", "what the quickest message took")] = 1.0
    queue: Annotated[str, Text("how cancellations move orders up", tuple(QUEUES))] = "risk_averse"
    quote_interval_ms: Annotated[int, Range(1, 60_000, "ms", "between two looks of the strategy")] = 100
    period_s: Annotated[float, Range(0.1, 86_400.0, "s", "of one return")] = 1.0
    block_s: Annotated[float, Range(0.1, 864_000.0, "s", "mean length of a block that is drawn")] = 10.0
    objective: Annotated[str, Text("what is best", ("total", "sharpe"))] = "total"
    folds: Annotated[int, Range(1, 100, "", "parts that are traded walking forward")] = 4
    embargo_s: Annotated[float, Range(0.0, 86_400.0, "s", "between training and trading")] = 5.0
    trials: Annotated[int, Range(0, 1_000_000, "", "sets ever tried on this market; 0 counts these")] = 0


class Grid(NamedTuple):
    """The swept values, and the sets' names and fees in the order of the rows and columns."""

    first: tuple[float, ...]
    second: tuple[float, ...]
    sets: tuple[ParameterSet, ...]


class Doubt(NamedTuple):
    """How much of the best set's result the search explains; NaN with a reason where it cannot be said.

    Attributes
    ----------
    trials : int
        Sets that were tried.
    luck : float
        The Sharpe ratio per period that the best of so many worthless sets shows.
    deflated : float
        Probability that the best set's ratio is above it.
    overfitting : Overfitting or None
        By CSCV over the sets that move in every half of the record.
    compared : int
        How many those are.
    error : float
        Standard deviation of that probability among records without skill.
    reasons : tuple of str
        What could not be computed, and why.
    """

    trials: int
    luck: float
    deflated: float
    overfitting: Overfitting | None
    compared: int
    error: float
    reasons: tuple[str, ...]


class Study(NamedTuple):
    """Everything that was found."""

    market: str
    events: int
    seconds: float
    grid: Grid
    results: tuple[SweepResult, ...]
    periods: Periods
    intervals: tuple[Interval, ...]
    best: int
    walk: Walk
    walk_interval: Interval
    doubt: Doubt

    @property
    def totals(self) -> list[Decimal]:
        """What each set made, exact, quote currency."""
        return [
            sum((result.sets[k].pnl.total for result in self.results), Decimal(0))
            for k in range(len(self.grid.sets))
        ]

    @property
    def fills(self) -> list[int]:
        """How often each set traded."""
        return [sum(len(result.sets[k].fills) for result in self.results) for k in range(len(self.grid.sets))]


def read_tapes(asked: Asked) -> tuple[str, list[Tape]]:
    """The market that is asked for: how it is called, and its tapes.

    Raises
    ------
    ReportError
        If a path is not there, or a catalogue is not named by venue and symbol.
    """
    least_ns = round(asked.least_delay_ms * MS)
    paths = [Path(name.strip()).expanduser() for name in asked.captures.split(",") if name.strip()]
    for path in paths:
        if not path.exists():
            raise ReportError(f"parameter captures: {path} is not there")
    if not paths:
        return f"Synthetic market {asked.seed}", [synthetic_tape(asked.events, asked.seed)]
    if not paths[0].is_dir():
        return asked.symbol or paths[0].name, [capture_tape(path, asked.symbol, least_ns) for path in paths]
    if len(paths) > 1 or not (asked.venue and asked.symbol):
        raise ReportError("parameter captures: of a catalogue name one, with venue and symbol")
    return f"{asked.venue} {asked.symbol}", [stored_tape(load(paths[0], asked.venue, asked.symbol), least_ns)]


def grid_of(asked: Asked) -> Grid:
    """The sets of the grid, the second parameter running faster.

    Raises
    ------
    ReportError
        If a parameter is unknown, swept twice, or out of its range; the message says which.
    """
    try:
        known = kinds(importlib.import_module(asked.strategy).Parameters)
    except (ImportError, AttributeError) as error:
        raise ReportError(f"parameter strategy = {asked.strategy}: {error}; name a package.module") from None
    if asked.first == asked.second:
        raise ReportError(f"parameters first and second are both {asked.first}: sweep two")
    fixed = _fixed(asked.fixed, known)
    first = _values(asked.first, asked.first_low, asked.first_high, asked.first_points, known)
    second = _values(asked.second, asked.second_low, asked.second_high, asked.second_points, known)
    latency_ns = round(asked.latency_ms * MS)
    sets = tuple(
        ParameterSet(
            f"{asked.first} {one:g}, {asked.second} {other:g}",
            asked.strategy,
            {**fixed, asked.first: one, asked.second: other},
            queue=QUEUES[asked.queue],
            entry=latency_ns,
            response=latency_ns,
            seed=asked.seed,
            maker_fee=Decimal(str(asked.maker_fee_bps)) / 10_000,
        )
        for one in first
        for other in second
    )
    for each in sets:
        try:
            each.build()
        except ParameterError as error:
            raise ReportError(str(error)) from None
    if len(sets) < 2:
        raise ReportError("the grid has one set: sweep two or more, or run titan backtest")
    return Grid(first, second, sets)


def _fixed(text: str, known: Mapping[str, type]) -> dict[str, float]:
    found: dict[str, float] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, colon, value = (part.strip() for part in pair.partition(":"))
        if not colon or name not in known:
            raise ReportError(f"parameter fixed: {pair}: write name: value; known are {', '.join(known)}")
        try:
            found[name] = known[name](float(value))
        except ValueError:
            raise ReportError(f"parameter fixed: {pair}: {value!r} is no number") from None
    return found


def _values(name: str, low: float, high: float, points: int, known: Mapping[str, type]) -> tuple[float, ...]:
    if name not in known:
        raise ReportError(f"{name} is no parameter of the strategy; known are {', '.join(known)}")
    if high < low:
        raise ReportError(f"{name}: from {low:g} to {high:g}: must not fall")
    # Twelve digits: 0.1 + 0.2 is to be called 0.3.
    spread = [float(f"{value:.12g}") for value in np.linspace(low, high, points)]
    return tuple(dict.fromkeys(round(value) if known[name] is int else value for value in spread))


def study(asked: Asked) -> Study:
    """Sweep the grid, and judge what it found.

    Raises
    ------
    ReportError
        If the market is too short for what is asked.
    """
    grid = grid_of(asked)
    market, tapes = read_tapes(asked)
    every = max(round(asked.period_s * 1_000 / asked.quote_interval_ms), 1)
    fees = {one.name: float(one.maker_fee) for one in grid.sets}
    results = tuple(
        sweep(tape, grid.sets, interval_ms=asked.quote_interval_ms, path_every=every) for tape in tapes
    )
    try:
        periods = joined(
            [periods_of(result, fees, tape.start_ns) for result, tape in zip(results, tapes, strict=True)]
        )
        walk = walk_forward(
            periods,
            asked.objective,
            asked.folds,
            round(asked.latency_ms * MS),
            round(asked.embargo_s * SECOND),
        )
    except ValueError as error:
        raise ReportError(
            f"the market is too short for what is asked: {error}; shorten period_s, or take fewer folds"
        ) from None
    block = max(asked.block_s / asked.period_s, 1.0)
    intervals = tuple(_interval(column, block, asked.seed) for column in periods.returns.T)
    best = int(np.argmax([total(column) for column in periods.returns.T]))
    return Study(
        market,
        sum(map(len, tapes)),
        sum((tape.seen_until_ns - tape.start_ns) / SECOND for tape in tapes),
        grid,
        results,
        periods,
        intervals,
        best,
        walk,
        _interval(walk.returns, block, asked.seed),
        doubt_of(periods.returns, best, block, asked),
    )


def _interval(returns: Floats, block: float, seed: int) -> Interval:
    return bootstrap_interval(returns, total, block, seed=seed)


def doubt_of(returns: Floats, best: int, block: float, asked: Asked) -> Doubt:
    """How much of the best result the search explains.

    Parameters
    ----------
    returns : array
        (T, N), a column a set.
    best : int
        The column that made most.
    block : float
        Mean length of a block, periods.
    """
    trials = max(asked.trials, returns.shape[1])
    reasons: list[str] = []
    luck = deflated = error = math.nan
    found: Overfitting | None = None
    try:
        variance = float(np.var([steady(column) for column in returns.T], ddof=1))
        luck = expected_best_sharpe(trials, variance)
        deflated = deflated_sharpe(moments(returns[:, best]), trials, variance)
    except ValueError as problem:
        reasons.append(f"no deflated Sharpe ratio: {problem}")
    moving = returns[:, [_moves(column) for column in returns.T]]
    idle = returns.shape[1] - moving.shape[1]
    if idle:
        reasons.append(
            f"of {returns.shape[1]} sets {idle} stand still in some half of the record: they have no ratio "
            "there, and are left out of the probability of overfitting"
        )
    try:
        found = overfitting(moving)
        error = float(worthless_probabilities(moving, mean_block=block, seed=asked.seed).std())
    except ValueError as problem:
        what = "probability of overfitting"
        # Drawn anew in blocks a set that trades seldom may stand still for half of the record.
        idle_when_drawn = found is not None and "must move" in str(problem)
        why = "drawn anew, a set stands still in a half of the record" if idle_when_drawn else str(problem)
        reasons.append(f"no error of the {what}: {why}" if found else f"no {what}: {why}")
    return Doubt(trials, luck, deflated, found, moving.shape[1], error, tuple(reasons))


def _moves(returns: Floats) -> bool:
    """Whether a set moves in every half of the record, as the probability of overfitting needs it."""
    try:
        overfitting(np.column_stack([returns, returns]))
    except ValueError:
        return False
    return True
