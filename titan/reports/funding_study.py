"""Funding carry over perpetuals: pairs held by the strategy's rule, portfolios of them, a grid of thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd

from titan.model.contract import Range
from titan.reports import drawn
from titan.reports.errors import ReportError
from titan.reports.portfolios import Costs as OrderCosts
from titan.reports.portfolios import Record, portfolios, record_of
from titan.reports.price_files import read_frame
from titan.reports.studies import Text
from titan.strategy.carry import Costs, entry_threshold, exit_cost
from titan.strategy.carry_history import Expected, expected_carry, held_pairs, pair_returns
from titan.strategy.reversion import Basis, forecast_basis

MOST_MARKETS = 20
GRID = "4h"
ENTRIES = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
LEAVINGS = (-1.0, 0.0, 0.5, 1.0, 2.0)
"""The grid, in shares of what `titan.strategy.carry` asks for: to enter, and to stay."""
OWN = (1.0, 1.0)
"""The thresholds of the strategy itself."""


class Asked(NamedTuple):
    """What the study of funding is asked for."""

    rates: Annotated[
        str, Text("a folder of *_funding.csv[.xz] with time_utc, funding_rate; empty draws them")
    ] = ""
    horizon_h: Annotated[float, Range(1.0, 8_760.0, "h", "time a pair is meant to be held")] = 336.0
    usual_funding: Annotated[float, Range(-1.0, 1.0, "1/year", "funding that rates revert to")] = 0.05
    persistence: Annotated[float, Range(0.0, 1.0, "", "what a rate keeps of its distance")] = 0.8
    thin_fee_bps: Annotated[float, Range(-5.0, 50.0, "bps", "one execution on the leg that is quoted")] = 2.0
    hedge_fee_bps: Annotated[float, Range(0.0, 50.0, "bps", "one execution on the leg that is taken")] = 5.0
    slippage_bps: Annotated[float, Range(0.0, 100.0, "bps", "of one hedge")] = 1.0
    leverage: Annotated[float, Range(1.0, 100.0, "", "notional over margin of each leg")] = 3.0
    capital_rate: Annotated[float, Range(0.0, 1.0, "1/year", "what margin could earn elsewhere")] = 0.05
    basis_move_bps: Annotated[float, Range(0.0, 500.0, "bps", "deviation of the basis over one hour")] = 3.0
    basis_reversion_h: Annotated[float, Range(0.01, 1e5, "h", "reversion time of the basis")] = 24.0
    safety: Annotated[float, Range(0.0, 5.0, "", "deviations of the basis asked for on entry")] = 1.0
    settlements: Annotated[int, Range(100, 10_000, "", "length of a drawn record")] = 1_500
    seed: Annotated[int, Range(0, 2**31, "", "of a drawn record")] = 1


class Market(NamedTuple):
    """A perpetual's settlements: times, rates and basis, and the seconds between them."""

    times: pd.DatetimeIndex
    rates: np.ndarray
    basis: np.ndarray
    interval_s: float


class FundingStudy(NamedTuple):
    """What was found.

    Attributes
    ----------
    grid : pandas.DataFrame
        The annual return of all markets together, a row for each threshold of entry, a column for each of leaving.
    chosen : tuple of float
        The best of the grid in the first half.
    records : dict of str to Record
        The strategy's own thresholds over all, and both in each half.
    by_market : dict of str to Record
        The strategy's own thresholds, each market by itself.
    """

    markets: dict[str, Market]
    returns: pd.DataFrame
    threshold: float
    leaving: float
    grid: pd.DataFrame
    chosen: tuple[float, float]
    records: dict[str, Record]
    by_market: dict[str, Record]
    with_basis: bool


def read_markets(asked: Asked) -> dict[str, Market]:
    """The settlements that are asked for, by market.

    Raises
    ------
    ReportError
        If the folder holds no such files, more than 20, or one that cannot be read.
    """
    if not asked.rates:
        rates, basis = drawn.funding(asked.settlements, asked.seed)
        return {
            str(name): _market(rates[name].index, rates[name].to_numpy(), basis[name].to_numpy())
            for name in rates
        }
    folder = Path(asked.rates).expanduser()
    paths = sorted(path for path in folder.glob("*_funding.csv*")) if folder.is_dir() else []
    if not paths:
        raise ReportError(f"parameter rates: {folder} is no folder with *_funding.csv files")
    if len(paths) > MOST_MARKETS:
        raise ReportError(
            f"parameter rates: {folder} holds {len(paths)} markets; {MOST_MARKETS} are the most"
        )
    return {path.name.partition("_funding")[0]: _read(path) for path in paths}


def _read(path: Path) -> Market:
    frame = read_frame("rates", str(path), times="time_utc")
    if "funding_rate" not in frame:
        raise ReportError(f"parameter rates: {path.name} has no column funding_rate")
    rates = frame["funding_rate"].dropna()
    # Venues stamp a settlement some milliseconds late; several within the grid's step are one.
    rates = rates.groupby(rates.index.round("h").ceil(GRID)).sum()
    if len(rates) < 3:
        raise ReportError(f"parameter rates: {path.name} holds {len(rates)} settlements; 3 are the least")
    return _market(pd.DatetimeIndex(rates.index), rates.to_numpy(), np.zeros(len(rates)))


def _market(times: pd.DatetimeIndex, rates: np.ndarray, basis: np.ndarray) -> Market:
    return Market(times, rates, basis, float(pd.Series(times).diff().median().total_seconds()))


def study_funding(markets: dict[str, Market], asked: Asked) -> FundingStudy:
    """Hold the pairs by each rule of the grid, and make portfolios of them."""
    horizon_s = 3_600.0 * asked.horizon_h
    costs = Costs(
        1e-4 * asked.thin_fee_bps,
        1e-4 * asked.hedge_fee_bps,
        1e-4 * asked.slippage_bps,
        2.0 / asked.leverage,
        asked.capital_rate,
    )
    basis = Basis(0.0, 3_600.0 * asked.basis_reversion_h, 1e-4 * asked.basis_move_bps / 60.0)
    deviation = forecast_basis(basis, 0.0, horizon_s).deviation
    threshold, leaving = entry_threshold(costs, horizon_s, deviation, asked.safety), exit_cost(costs)
    expected = {
        name: expected_carry(one.rates, one.interval_s, horizon_s, asked.usual_funding, asked.persistence)
        for name, one in markets.items()
    }
    times = pd.date_range(
        min(one.times[0] for one in markets.values()),
        max(one.times[-1] for one in markets.values()),
        freq=GRID,
    )
    earned = {name: pd.Series(pair_returns(one.rates, one.basis), one.times) for name, one in markets.items()}
    returns = pd.DataFrame(earned).reindex(times).fillna(0.0)
    cells = {
        (entry, stay): _held(markets, expected, entry * threshold, stay * leaving, times)
        for entry in ENTRIES
        for stay in LEAVINGS
    }
    half = len(times) // 2
    early = {cell: held.iloc[:half] for cell, held in cells.items()}
    chosen = _best(_annual(early, returns.iloc[:half], leaving))
    parts = {
        "own thresholds, all": (OWN, slice(None)),
        "own thresholds, first half": (OWN, slice(0, half)),
        "own thresholds, second half": (OWN, slice(half, None)),
        "best of the first half, in it": (chosen, slice(0, half)),
        "best of the first half, in the second": (chosen, slice(half, None)),
    }
    return FundingStudy(
        markets,
        returns,
        threshold,
        leaving,
        _annual(cells, returns, leaving).unstack(),
        chosen,
        {
            name: _together(cells[cell].iloc[rows], returns.iloc[rows], leaving)
            for name, (cell, rows) in parts.items()
        },
        {name: _together(cells[OWN][[name]], returns[[name]], leaving) for name in markets},
        any(one.basis.any() for one in markets.values()),
    )


def _held(
    markets: dict[str, Market],
    expected: dict[str, Expected],
    threshold: float,
    leaving: float,
    times: pd.Index,
) -> pd.DataFrame:
    """Which pairs are held from each time on, 0 or 1."""
    columns = {
        name: pd.Series(held_pairs(expected[name], threshold, leaving).astype(float), one.times)
        for name, one in markets.items()
    }
    return pd.DataFrame(columns).reindex(times).ffill().fillna(0.0)


def _together(held: pd.DataFrame, returns: pd.DataFrame, cost: float) -> Record:
    """The record of one portfolio of all markets, the same capital in each."""
    index = (1.0 + returns).cumprod()
    return record_of(portfolios(index, held, OrderCosts(cost, 0.0), GRID, True))


def _annual(cells: dict[tuple[float, float], pd.DataFrame], returns: pd.DataFrame, cost: float) -> pd.Series:
    """The annual return of each rule, all in one pass."""
    held = pd.concat(cells, axis=1, names=["entry", "leaving", "market"])
    index = pd.concat(dict.fromkeys(cells, (1.0 + returns).cumprod()), axis=1, names=held.columns.names)
    made = portfolios(index, held, OrderCosts(cost, 0.0), GRID, ["entry", "leaving"])
    return pd.Series(made.annualized_return(year_freq="365 days"))


def _best(annual: pd.Series) -> tuple[float, float]:
    entry, leaving = annual.idxmax()
    return float(entry), float(leaving)
