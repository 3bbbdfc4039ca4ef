"""How tables look in a report: text to the left, numbers to the right, nothing where nothing is known."""

from __future__ import annotations

import math
from html import escape
from numbers import Real

import pandas as pd

from titan.reports.screen import Page
from titan.reports.session_tables import SessionResult, fill_table

LEFT, RIGHT, WHOLE = "text-align:left", "text-align:right", ";white-space:nowrap"
LONGEST_LINE = 60
"""Beyond so many characters a text may be wrapped: a page scrolls a table that is wider than it is."""


def number(value: float) -> str:
    """A number with at most four decimals, or four significant digits if it is smaller than that; empty for NaN."""
    if math.isnan(value):
        return ""
    if value and abs(value) < 0.001:
        return f"{value:.4g}"
    text = f"{value + 0.0:,.4f}"  # without the sign of a nought
    return text.rstrip("0").rstrip(".")


def show(frame: pd.DataFrame, none: str = "none") -> Page:
    """A frame as a page; an empty one as the words that say why it is."""
    if frame.empty:
        return Page(f"<p>{escape(none)}</p>", none)
    flat = frame.reset_index()
    # A column that holds names and numbers reads as text.
    numeric = [all(_is_number(value) for value in flat[name]) for name in flat.columns]
    heads = "".join(
        _cell("th", _head(name), right) for name, right in zip(flat.columns, numeric, strict=True)
    )
    rows = "".join(
        f"<tr>{''.join(_cell('td', value, right) for value, right in zip(row, numeric, strict=True))}</tr>"
        for row in flat.itertuples(index=False, name=None)
    )
    html = f'<table class="dataframe"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    return Page(html, flat.to_string(index=False, float_format=number))


def _head(name: object) -> object:
    return "" if name in {"index", None} else name


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _cell(tag: str, value: object, right: bool) -> str:
    text = number(float(str(value))) if _is_number(value) else str(value)
    whole = WHOLE if tag == "td" and len(text) <= LONGEST_LINE else ""
    return f'<{tag} style="{RIGHT if right else LEFT}{whole}">{escape(text)}</{tag}>'


def last_fills(results: list[SessionResult], count: int) -> pd.DataFrame:
    """The last executions; the whole of them is `titan.reports.session_tables.fill_table`."""
    tail = fill_table(results).tail(count)
    if tail.empty:
        return tail
    tail = tail.assign(time=tail["time"].dt.strftime("%m-%d %H:%M:%S.%f").str[:-3])
    spare = ["client id", "session"] if len(results) == 1 else ["client id"]
    return tail.drop(columns=spare).set_index("time")
