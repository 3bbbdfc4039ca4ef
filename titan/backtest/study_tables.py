"""What a backtest study shows: the result as it is, the map of the grid, the sets, the walk, and what to doubt."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm

from titan.backtest.study import Asked, Study
from titan.evaluation.performance import Interval
from titan.reports.drawing import Figure
from titan.reports.figures import FAINT, GAIN, LOSS, SUM, Picture, bare_axes, finished, signed
from titan.reports.screen import Page
from titan.reports.session_tables import moment, time_text

MOST_NUMBERS = 100
"""Cells of a map beyond which their numbers could not be read."""


def verdict(study: Study) -> str:
    """The result in a sentence or two: who lost is said to have lost."""
    totals = study.totals
    lost = sum(amount < 0 for amount in totals)
    idle = sum(not fills for fills in study.fills)
    count = len(totals)
    kinds = [
        f"{lost} of {count} sets lost money" if lost < count else f"All {count} sets lost money",
        *([f"{idle} never traded"] if idle else []),
    ]
    best, walked = study.intervals[study.best], study.walk_interval
    return (
        f"{study.market}, {_length(study.seconds)}: {', '.join(kinds)}. "
        f"The best in sample, {study.grid.sets[study.best].name}, {_made(best)} in quote currency{_known(best)}. "
        f"Chosen on the past alone, walking forward, the strategy {_made(walked)}{_known(walked)}."
    )


def doubts(study: Study) -> str:
    """What the search alone explains, in a sentence."""
    doubt = study.doubt
    said = []
    if doubt.deflated == doubt.deflated:
        said.append(
            f"the best set's Sharpe ratio beats the luckiest of {doubt.trials} worthless sets with a probability "
            f"of {doubt.deflated:.0%}"
        )
    if doubt.overfitting is not None:
        error = "" if doubt.error != doubt.error else f", give or take {doubt.error:.0%}"
        said.append(
            f"of {doubt.compared} sets compared, the best of one half of the record was below the median in the "
            f"other in {doubt.overfitting.probability:.0%} of the ways to halve it{error}"
        )
    text = "; ".join([*said, *doubt.reasons])
    return f"{text[0].upper()}{text[1:]}." if text else ""


def headline(study: Study) -> Page:
    """The result, and what stands against it."""
    colour = LOSS if study.walk_interval.value < 0 else SUM
    html = (
        f'<p style="font-size:1.2em;line-height:1.4;color:{colour}"><strong>{escape(verdict(study))}</strong></p>'
        f"<p>{escape(doubts(study))}</p>"
    )
    return Page(html, f"{verdict(study)}\n{doubts(study)}")


def _made(interval: Interval) -> str:
    if interval.value == 0:
        return "made nothing"
    return f"{'lost' if interval.value < 0 else 'made'} {signed(abs(interval.value)).lstrip('+')}"


def _known(interval: Interval) -> str:
    """How well a result is known, and whether that tells it from nothing."""
    if interval.low == interval.high:
        return ""
    open_ = interval.low < 0 < interval.high
    text = f" (95%: {signed(interval.low)} to {signed(interval.high)}"
    return f"{text}, not to be told from nothing)" if open_ else f"{text})"


def _length(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3 * 3600 else f"{seconds / 3600:.1f} h"


def asked_table(asked: Asked, study: Study) -> pd.DataFrame:
    """What was asked for, and of which market."""
    known = {name: value for name, value in asked._asdict().items() if value != ""}
    if asked.captures:
        known = {name: value for name, value in known.items() if name != "events"}
    facts = {"events of the market": study.events, "from": time_text(int(study.periods.start_ns[0]))}
    facts["to"] = time_text(int(study.periods.end_ns[-1]))
    return pd.DataFrame({"value": {name: str(value) for name, value in {**facts, **known}.items()}})


def heat_map(asked: Asked, study: Study) -> Picture:
    """P&L by both parameters: red lost, green made, a frame around the best in sample."""
    grid = study.grid
    amounts = np.array([float(amount) for amount in study.totals]).reshape(len(grid.first), len(grid.second))
    figure = Figure(figsize=(9.6, 1.6 + 0.5 * len(grid.first)), layout="constrained")
    axes = figure.subplots()
    widest = max(float(np.abs(amounts).max()), 1e-12)
    norm = TwoSlopeNorm(0.0, -widest, widest)
    shown = axes.imshow(amounts, cmap="RdYlGn", norm=norm, aspect="auto", origin="lower")
    axes.set_xticks(range(len(grid.second)), [f"{value:g}" for value in grid.second])
    axes.set_yticks(range(len(grid.first)), [f"{value:g}" for value in grid.first])
    axes.set(xlabel=asked.second, ylabel=asked.first)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=9)
    if amounts.size <= MOST_NUMBERS:
        for (row, column), amount in np.ndenumerate(amounts):
            ink = "white" if abs(amount) > 0.75 * widest else "#23272e"
            axes.text(column, row, signed(float(amount)), ha="center", va="center", fontsize=9, color=ink)
    row, column = divmod(study.best, len(grid.second))
    axes.add_patch(_frame(row, column))
    bar = figure.colorbar(shown, ax=axes, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label("P&L, quote currency", fontsize=9)
    best = grid.sets[study.best].name
    return finished(
        figure, f"P&L by {asked.first} and {asked.second}; best in sample {best}: {amounts.max():.4g}"
    )


def _frame(row: int, column: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#23272e", linewidth=2)


def set_table(asked: Asked, study: Study) -> pd.DataFrame:
    """The sets, best first, with the parts of their P&L and its interval of 95%."""
    rows = []
    for k, one in enumerate(study.grid.sets):
        found = [result.sets[k] for result in study.results]
        interval = study.intervals[k]
        rows.append(
            {
                _head(asked.first): one.parameters[asked.first],
                _head(asked.second): one.parameters[asked.second],
                "fills": study.fills[k],
                "spread": float(sum(each.pnl.spread for each in found)),
                "inventory": float(sum(each.pnl.inventory for each in found)),
                "fees": 0.0 - float(sum(each.pnl.fees for each in found)),
                "P&L": float(study.totals[k]),
                "low": interval.low,
                "high": interval.high,
                "by": " and ".join(Counter(each.by for each in found)),
            }
        )
    frame = pd.DataFrame(rows).sort_values("P&L", ascending=False, kind="stable")
    if set(frame["by"]) == {"sweep"}:
        frame = frame.drop(columns="by")
    return frame.set_index(_head(asked.first))


def _head(name: str) -> str:
    """A parameter's name as words, which a narrow column can break."""
    return name.replace("_", " ")


def walk_table(asked: Asked, study: Study) -> pd.DataFrame:
    """The steps of the walk: what was chosen, what it had made, and what it made then; sets by both their values."""
    periods = study.periods
    names = [f"{one.parameters[asked.first]:g} / {one.parameters[asked.second]:g}" for one in study.grid.sets]
    rows = [
        {
            "traded from": f"{moment(int(periods.start_ns[step.test[0]])):%m-%d %H:%M:%S}",
            "to": f"{moment(int(periods.end_ns[step.test[-1]])):%m-%d %H:%M:%S}",
            "chosen": names[step.chosen],
            "objective in training": step.score,
            "made then": step.made,
            "best with hindsight": names[step.hindsight],
        }
        for step in study.walk.steps
    ]
    rows.append(
        {
            "traded from": "together",
            "to": "",
            "chosen": "",
            "objective in training": float("nan"),
            "made then": sum(step.made for step in study.walk.steps),
            "best with hindsight": "",
        }
    )
    return pd.DataFrame(rows).set_index("traded from")


def walk_picture(study: Study) -> Picture:
    """Wealth walking forward, beside the best in sample and all other sets over the same time."""
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    (axes,) = bare_axes(figure)
    rows, periods = study.walk.rows, study.periods
    minutes = (periods.end_ns[rows] - periods.start_ns[0]) / 60e9
    for column in periods.returns[rows].T:
        axes.plot(minutes, column.cumsum(), color=FAINT, linewidth=0.7)
    best = periods.returns[rows, study.best].cumsum()
    axes.plot(minutes, best, color=GAIN, linewidth=1.3, label="best in sample, known only afterwards")
    walked = study.walk.returns.cumsum()
    axes.plot(minutes, walked, color=SUM, linewidth=1.8, label="walking forward")
    for step in study.walk.steps[1:]:
        axes.axvline(minutes[np.searchsorted(rows, step.test[0])], color=FAINT, linewidth=0.9, linestyle=":")
    axes.axhline(0, color="#4a4f57", linewidth=0.9)
    axes.set(xlabel="minutes from the start", ylabel="P&L, quote currency")
    axes.legend(frameon=False, fontsize=9)
    return finished(
        figure, f"Walking forward {walked[-1]:+.4g}, best in sample over the same time {best[-1]:+.4g}"
    )


def doubt_table(study: Study) -> pd.DataFrame:
    """The numbers behind the doubt."""
    doubt, found = study.doubt, study.doubt.overfitting
    facts: dict[str, float] = {
        "sets tried": doubt.trials,
        "Sharpe ratio of a period that the luckiest of them shows": doubt.luck,
        "probability that the best set is better (DSR)": doubt.deflated,
    }
    if found is not None:
        facts |= {
            "sets compared half by half": doubt.compared,
            "probability of backtest overfitting (PBO)": found.probability,
            "its deviation among records without skill": doubt.error,
            "slope of the ratio out of sample on that in sample": found.slope,
            "probability that the best in sample loses out of it": found.loss_probability,
        }
    return pd.DataFrame({"value": facts})
