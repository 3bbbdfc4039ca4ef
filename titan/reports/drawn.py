"""Markets drawn from a seed, for a study that is given no record: made by code, and said to be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

FIRST_DAY = pd.Timestamp("2021-01-01", tz="UTC")
SETTLEMENTS_A_DAY = 3
BARS_A_DAY = 6
MARKETS = tuple(f"DRAWN{number:02d}" for number in range(1, 21))


def daily_prices(days: int, seed: int) -> pd.Series:
    """Closing prices by the day: volatility that remembers (GARCH), and tails of Student's t with 5 degrees."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(5, days) * np.sqrt(3 / 5)
    returns, variance = np.zeros(days), 0.03**2
    for day, shock in enumerate(shocks):
        returns[day] = np.sqrt(variance) * shock
        variance = 0.05 * 0.03**2 + 0.1 * returns[day] ** 2 + 0.85 * variance
    index = pd.date_range(FIRST_DAY, periods=days, freq="D", name="date")
    return pd.Series(100.0 * np.exp(returns.cumsum()), index, name="drawn")


def candles(bars: int, seed: int) -> pd.DataFrame:
    """Candles of 4 h from two regimes, a calm one that rises a little and a wild one that falls a little."""
    rng = np.random.default_rng(seed)
    calm_to_wild, wild_to_calm, inside = 0.01, 0.03, 12
    wild = np.zeros(bars, dtype=bool)
    for bar in range(1, bars):
        turns = rng.random() < (wild_to_calm if wild[bar - 1] else calm_to_wild)
        wild[bar] = wild[bar - 1] != turns
    drift, swing = np.where(wild, -0.001, 0.0005), np.where(wild, 0.02, 0.006)
    steps = drift[:, None] / inside + swing[:, None] / np.sqrt(inside) * rng.standard_normal((bars, inside))
    path = np.exp(steps.ravel().cumsum()).reshape(bars, inside) * 100.0
    opened = np.concatenate([[100.0], path[:-1, -1]])
    every = np.column_stack([opened, path])
    index = pd.date_range(FIRST_DAY, periods=bars, freq="4h", name="open_time")
    columns = {"open": opened, "high": every.max(axis=1), "low": every.min(axis=1), "close": path[:, -1]}
    return pd.DataFrame(columns, index)


def funding(settlements: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rates at each settlement and the basis after it, of 20 perpetuals: both revert, and half is common to all."""
    rng = np.random.default_rng(seed)
    count = len(MARKETS)
    usual = rng.uniform(-0.00002, 0.00018, count)
    rates = usual + _reverting(rng, settlements, count, persistence=0.9, deviation=0.00008)
    basis = _reverting(rng, settlements, count, persistence=0.6, deviation=0.0004)
    index = pd.date_range(FIRST_DAY, periods=settlements, freq="8h", name="time")
    return pd.DataFrame(rates, index, MARKETS), pd.DataFrame(basis, index, MARKETS)


def _reverting(
    rng: np.random.Generator, rows: int, count: int, *, persistence: float, deviation: float
) -> npt.NDArray[np.float64]:
    shocks = np.sqrt(0.5) * (rng.standard_normal((rows, count)) + rng.standard_normal((rows, 1)))
    found = np.zeros((rows, count))
    for row in range(1, rows):
        found[row] = persistence * found[row - 1] + deviation * shocks[row]
    return found
