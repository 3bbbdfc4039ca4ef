"""Portfolios of a study on bars, made by vectorbt, which takes seconds to import: so inside the functions."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

YEAR = "365 days"


class Costs(NamedTuple):
    """Of one order, fractions of its value."""

    fee: float
    slippage: float


class Record(NamedTuple):
    """What a portfolio made of 1, after costs.

    Attributes
    ----------
    total_return, annual_return, volatility, drawdown : float
        Fractions; the second and third a year, the last is positive.
    sharpe : float
        A year; NaN where nothing moved.
    orders : int
    costs : float
        Fees and slippage, as a fraction of the capital at first.
    value : pandas.Series
        Of 1, bar by bar.
    """

    total_return: float
    annual_return: float
    volatility: float
    sharpe: float
    drawdown: float
    orders: int
    costs: float
    value: pd.Series


def portfolios(
    prices: pd.DataFrame,
    weights: pd.DataFrame,
    costs: Costs,
    frequency: str,
    levels: list[str] | bool | None = None,
) -> Any:
    """vectorbt's portfolio: each column has its own capital of 1 and is brought to its weight at the bar's price.

    An order is made only where a weight differs from the one before. One portfolio is what `levels` of the columns
    name; True makes one of all.
    """
    import vectorbt as vbt

    before = weights.shift(1, fill_value=0.0)
    return vbt.Portfolio.from_orders(
        prices,
        size=weights.where(weights != before),
        size_type="targetpercent",
        fees=costs.fee,
        slippage=costs.slippage,
        init_cash=1.0,
        freq=frequency,
        group_by=levels,
    )


def record_of(portfolio: Any) -> Record:
    """The record of a portfolio that is one group or one column."""
    value = portfolio.value()
    capital = float(portfolio.get_init_cash())
    sharpe = float(portfolio.sharpe_ratio(year_freq=YEAR))
    orders = portfolio.orders.records
    slipped = _slipped(portfolio, orders)
    return Record(
        float(portfolio.total_return()),
        float(portfolio.annualized_return(year_freq=YEAR)),
        float(portfolio.annualized_volatility(year_freq=YEAR)),
        sharpe if math.isfinite(sharpe) else math.nan,
        abs(float(portfolio.max_drawdown())),
        len(orders),
        (float(orders["fees"].sum()) + slipped) / capital,
        value / capital,
    )


def _slipped(portfolio: Any, orders: pd.DataFrame) -> float:
    """What orders paid beyond the bar's price, or got less than it."""
    close = np.asarray(portfolio.close).reshape(len(portfolio.close), -1)
    at = close[orders["idx"].to_numpy(), orders["col"].to_numpy()]
    return float((orders["size"] * np.abs(orders["price"] - at)).sum())


def record_table(records: dict[str, Record]) -> pd.DataFrame:
    """Records side by side, in percent where they are fractions."""
    rows = {
        name: {
            "return, %": round(100.0 * one.total_return, 2),
            "a year, %": round(100.0 * one.annual_return, 2),
            "volatility, %": round(100.0 * one.volatility, 2),
            "Sharpe ratio": round(one.sharpe, 2),
            "drawdown, %": round(100.0 * one.drawdown, 2),
            "orders": one.orders,
            "costs, %": round(100.0 * one.costs, 2),
        }
        for name, one in records.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("portfolio")
