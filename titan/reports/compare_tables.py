"""What a comparison shows: the verdict in a sentence, the components with their intervals, and the path."""

from __future__ import annotations

from html import escape

import pandas as pd

from titan.evaluation.performance import Interval
from titan.reports.compare import TOTAL, Comparison, cumulated, holds_zero, traded_span
from titan.reports.drawing import Figure
from titan.reports.figures import FAINT, SUM, Picture, bare_axes, date_axis, finished, signed
from titan.reports.screen import Page
from titan.reports.session_tables import time_text, verdict_of

COLOURS = ("#2f7d5b", "#b5483a", "#8a6d1a", "#6a5acd", "#3a7ca5")


def headline(found: Comparison) -> Page:
    """The verdict in a sentence, and what it rests on beneath."""
    first, second = found.results
    interval, currency = found.intervals[TOTAL], first.currency
    low, high = signed(interval.low), signed(interval.high)
    span = f"{found.confidence:.0%} of the redrawn records lie between {low} and {high}"
    if found.indistinguishable:
        said = (
            f"Indistinguishable: {second.session} less {first.session} is {signed(interval.value)} {currency}, and "
            f"{span}, which holds zero."
        )
    else:
        made = "more" if interval.low > 0 else "less"
        said = f"{second.session} made {made}: {signed(interval.value)} {currency} against {first.session}; {span}."
    length_s = (found.bounds[1] - found.bounds[0]) / 1e9
    rests = (
        f"{found.periods} paired periods of {length_s:g} s, from {time_text(found.bounds[0])} to "
        f"{time_text(found.bounds[-1])} UTC; what either made outside them is not counted."
    )
    html = f'<p style="font-size:1.35em;line-height:1.35;margin:0.2em 0 0.5em">{escape(said)}</p><p>{escape(rests)}</p>'
    return Page(html, f"{said}\n{rests}")


def component_table(found: Comparison) -> pd.DataFrame:
    """What each session made by component, the difference, and what can be said of it."""
    rows = {
        name: {
            "first": float(found.first[name].sum()),
            "second": float(found.second[name].sum()),
            "second less first": interval.value,
            "low": interval.low,
            "high": interval.high,
            "verdict": _verdict(interval),
        }
        for name, interval in found.intervals.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _verdict(interval: Interval) -> str:
    if holds_zero(interval):
        return "indistinguishable"
    return "more" if interval.low > 0 else "less"


def session_table(found: Comparison) -> pd.DataFrame:
    """Both sessions, whole and within the periods, and whether the venue's equity says the same."""
    columns = {}
    for name, result, own in zip(
        ("first", "second"), found.results, (found.first, found.second), strict=True
    ):
        begin, end = traded_span(result)
        columns[name] = {
            "session": result.session,
            "account": result.recording.header.account,
            "traded from": time_text(begin),
            "until": time_text(end),
            "executions": str(len(result.recording.executions)),
            f"P&L of the whole session, {result.currency}": signed(float(result.total.parts.total)),
            f"P&L within the periods, {result.currency}": signed(float(own[TOTAL].sum())),
            "parts and equity": verdict_of(result),
        }
    return pd.DataFrame(columns)


def path_picture(found: Comparison) -> Picture:
    """The difference as it grew: in total above, by component beneath."""
    figure = Figure(figsize=(9.6, 4.8), layout="constrained")
    total_axes, part_axes = bare_axes(figure, 2)
    moments = pd.to_datetime(found.bounds, unit="ns", utc=True)
    paths = cumulated(found.difference)
    total_axes.step(moments, paths.pop(TOTAL), where="post", color=SUM, linewidth=1.4)
    for (name, path), colour in zip(paths.items(), COLOURS, strict=True):
        part_axes.step(moments, path, where="post", color=colour, linewidth=1.1, label=name)
    for axes in (total_axes, part_axes):
        axes.axhline(0, color=FAINT, linewidth=0.9)
    currency = found.results[0].currency
    total_axes.set_ylabel(f"total, {currency}")
    part_axes.set_ylabel(f"by component, {currency}")
    part_axes.legend(frameon=False, fontsize=9, ncols=5, loc="upper left", bbox_to_anchor=(0.0, 1.16))
    date_axis(part_axes.xaxis)
    return finished(figure, f"Second less first, cumulated, {currency}: in total and by component")
