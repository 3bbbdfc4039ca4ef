"""The tail of a daily price: the forecasts of four models day by day, and what the tests say of each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from titan.model.contract import Range
from titan.reports.drawn import daily_prices
from titan.reports.errors import ReportError
from titan.reports.price_files import price_column, read_frame
from titan.reports.studies import Text
from titan.risk.tail import Tail
from titan.risk.tail_backtests import Verdict, exceedances
from titan.risk.tail_forecasts import (
    Forecast,
    cornish_fisher_forecast,
    peaks_forecast,
    sampled_forecast,
    volatilities_ahead,
)
from titan.risk.tail_verdicts import judge

LEAST_JUDGED_TAIL_DAYS = 5
"""Fewer days beyond VaR that are expected say nothing of a model."""


class Asked(NamedTuple):
    """What the study of the tail is asked for."""

    prices: Annotated[
        str, Text("a file of daily prices, CSV or Parquet; empty draws a series from the seed")
    ] = ""
    column: Annotated[str, Text("its column of prices; empty takes the first of numbers")] = ""
    tail: Annotated[float, Range(0.001, 0.2, "", "probability of the tail")] = 0.025
    window: Annotated[int, Range(50, 5_000, "days", "from which a day is forecast")] = 500
    share: Annotated[
        float, Range(0.01, 0.4, "", "of the window lies beyond the threshold of the Pareto tail")
    ] = 0.1
    refit_days: Annotated[int, Range(1, 500, "days", "from one fit of the Pareto tail to the next")] = 20
    news: Annotated[float, Range(0.0, 0.5, "", "weight of the last square in the volatility")] = 0.1
    persistence: Annotated[float, Range(0.0, 0.99, "", "weight of the last variance in it")] = 0.88
    draws: Annotated[int, Range(19, 9_999, "", "simulated records for the p-values of the depths")] = 199
    days: Annotated[int, Range(200, 10_000, "days", "length of a drawn series")] = 1_500
    seed: Annotated[int, Range(0, 2**31, "", "of a drawn series and of the simulated records")] = 1


class Judged(NamedTuple):
    """A model: what it said of each day that came, what it says of the next one, and what the tests say of it."""

    forecast: Forecast
    next_day: Tail
    hits: npt.NDArray[np.bool_]
    verdicts: dict[str, Verdict]


class TailStudy(NamedTuple):
    """What was found: returns of the judged days, a loss negative, and the models by name."""

    name: str
    pnl: pd.Series
    models: dict[str, Judged]
    drawn: bool


def read_prices(asked: Asked) -> pd.Series:
    """The prices that are asked for.

    Raises
    ------
    ReportError
        If the file or the column is not there, or holds too few days.
    """
    if asked.prices:
        prices = price_column("column", read_frame("prices", asked.prices), asked.column)
        prices = prices.rename(f"{Path(asked.prices).name}, {prices.name}")
    else:
        prices = daily_prices(asked.days, asked.seed)
    least = asked.window + 1 + round(LEAST_JUDGED_TAIL_DAYS / asked.tail)
    if len(prices) < least:
        raise ReportError(
            f"{len(prices)} days of prices: a window of {asked.window} and a tail of {asked.tail:g} need {least}; "
            "give more days, a shorter window or a wider tail"
        )
    return prices


def study_tail(prices: pd.Series, asked: Asked) -> TailStudy:
    """Forecast each day by the days before, by four models, and judge them."""
    returns = prices.pct_change().iloc[1:]
    # The day after the last one is forecast, too; what stands in its place is seen by no forecast.
    ahead = np.append(returns.to_numpy(), 0.0)
    sigma = volatilities_ahead(ahead, asked.window, asked.news, asked.persistence)
    one, common = np.ones_like(ahead), (asked.window, asked.tail)
    forecasts = {
        "historical": sampled_forecast(ahead, one, *common),
        "Cornish-Fisher": cornish_fisher_forecast(ahead, *common),
        "filtered": sampled_forecast(ahead, sigma, *common),
        "Pareto": peaks_forecast(ahead, sigma, *common, asked.share, asked.refit_days),
    }
    pnl = returns.iloc[asked.window :]
    models = {name: _judged(forecast, pnl, asked) for name, forecast in forecasts.items()}
    return TailStudy(str(prices.name), pnl, models, not asked.prices)


def _judged(ahead: Forecast, pnl: pd.Series, asked: Asked) -> Judged:
    law = type(ahead.law)(*(rows[:-1] for rows in ahead.law))
    seen = Forecast(ahead.value_at_risk[:-1], ahead.shortfall[:-1], ahead.ranks[:-1], law)
    days = pnl.to_numpy()
    return Judged(
        seen,
        Tail(float(ahead.value_at_risk[-1]), float(ahead.shortfall[-1])),
        exceedances(days, seen.value_at_risk),
        judge(seen, days, asked.tail, asked.draws, asked.seed),
    )
