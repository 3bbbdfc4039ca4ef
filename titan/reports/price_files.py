"""Files of prices that a study is given: CSV or Parquet, a first column of times, the rest by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from titan.reports.errors import ReportError


def read_frame(parameter: str, name: str, times: str = "") -> pd.DataFrame:
    """A file with its times (UTC) as the index, which must rise; a CSV's are its first column, or that of a name.

    Raises
    ------
    ReportError
        If there is no such file, it cannot be read, or its times do not rise.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise ReportError(f"parameter {parameter}: {path} is no file")
    try:
        frame = (
            pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, index_col=times or 0)
        )
        stamps = pd.to_datetime(frame.index, utc=True, format="ISO8601" if times else None)
    except (ValueError, OSError) as error:
        raise ReportError(f"parameter {parameter}: {path.name} cannot be read: {error}") from None
    if not stamps.is_monotonic_increasing or stamps.has_duplicates:
        raise ReportError(f"parameter {parameter}: the times of {path.name} must rise, each once")
    return frame.set_axis(stamps)


def price_column(parameter: str, frame: pd.DataFrame, column: str) -> pd.Series:
    """A column of prices without its missing rows; an empty name takes the first column of numbers.

    Raises
    ------
    ReportError
        If there is no such column, or a price is not above 0.
    """
    numbers = frame.select_dtypes("number").columns
    if column and column not in numbers:
        raise ReportError(
            f"parameter {parameter} = {column}: the columns of numbers are {', '.join(numbers)}"
        )
    if not len(numbers):
        raise ReportError("the file has no column of numbers; give one with prices")
    prices = frame[column or numbers[0]].dropna().astype(float)
    bad = prices[~((prices > 0.0) & np.isfinite(prices))]
    if len(bad):
        raise ReportError(
            f"{prices.name} on {bad.index[0]:%Y-%m-%d} is {bad.iloc[0]}: a price must be above 0"
        )
    return prices
