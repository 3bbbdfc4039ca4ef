"""How tables look in a report."""

from __future__ import annotations

import math

import pandas as pd

from titan.reports.screen import Page


def set_display() -> None:
    """Let pandas show whole tables, numbers without noise."""
    pd.set_option("display.float_format", number)
    pd.set_option("display.max_rows", 200)
    pd.set_option("display.max_columns", 40)
    pd.set_option("display.max_colwidth", 160)
    pd.set_option("display.show_dimensions", False)


def number(value: float) -> str:
    """A number with at most four decimals, or four significant digits if it is smaller than that; empty for NaN."""
    if math.isnan(value):
        return ""
    if value and abs(value) < 0.001:
        return f"{value:.4g}"
    text = f"{value:,.4f}"
    return text.rstrip("0").rstrip(".")


def heading(text: str) -> Page:
    """A line above a table."""
    return Page(f"<p><strong>{text}</strong></p>", text)


def last(frame: pd.DataFrame, count: int) -> pd.DataFrame:
    """The last rows of a table, without its numbering."""
    tail = frame.tail(count)
    return tail.set_index("time") if "time" in tail else tail
