"""The report's pictures, as PNG, drawn without a display and without global state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import ScalarFormatter

from titan.evaluation.pnl import Parts
from titan.reports.drawing import Figure
from titan.reports.markouts import markout_curve
from titan.reports.paths import instrument_path, pnl_path
from titan.reports.session_tables import SessionResult, contributions

GAIN, LOSS, SUM, LINE, FAINT = "#2f7d5b", "#b5483a", "#33506e", "#33506e", "#c9ced6"
MOST_MARKERS = 2_000
"""Beyond so many executions the markers would hide the path."""


class Picture:
    """A finished PNG; Jupyter shows it, and `alt` is read out where it cannot be seen."""

    def __init__(self, png: bytes, alt: str, figure: Figure) -> None:
        self.png = png
        self.alt = alt
        self.figure = figure

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"image/png": self.png, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def finished(figure: Figure, alt: str) -> Picture:
    """A figure as a PNG."""
    figure.alt = alt
    return Picture(figure.png(), alt, figure)


def bare_axes(figure: Figure, rows: int = 1) -> list[Any]:
    found = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for axes in found:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(FAINT)
        axes.tick_params(colors="#4a4f57", labelsize=9)
        axes.grid(axis="y", color="#eceef1", linewidth=0.8)
        axes.set_axisbelow(True)
    return list(found)


def waterfall(parts: Parts, currency: str) -> Picture:
    """The bridge from nothing to the P&L, part by part."""
    steps = {name: float(amount) for name, amount in contributions(parts).items()}
    names = [*steps, "total"]
    ends = np.cumsum([*steps.values()])
    bottoms = [*(ends - list(steps.values())), 0.0]
    heights = [*steps.values(), float(parts.total)]
    colours = [*(GAIN if height >= 0 else LOSS for height in steps.values()), SUM]
    figure = Figure(figsize=(9.6, 2.1), layout="constrained")
    (axes,) = bare_axes(figure)
    axes.bar(names, heights, bottom=bottoms, color=colours, width=0.62)
    for place in range(len(steps)):
        axes.plot([place - 0.31, place + 1.31], [ends[place]] * 2, color="#8b919b", linewidth=0.8)
    axes.axhline(0, color="#4a4f57", linewidth=0.9)
    span = max(max(0.0, *ends) - min(0.0, *ends), 1e-12)
    for place, (bottom, height) in enumerate(zip(bottoms, heights, strict=True)):
        top = max(bottom, bottom + height)
        over = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}  # lines end where a number stands
        axes.text(place, top + span * 0.03, signed(height), ha="center", va="bottom", fontsize=10, bbox=over)
    axes.set_ylim(min(0.0, *ends) - span * 0.06, max(0.0, *ends) + span * 0.2)
    axes.set_ylabel(currency)
    axes.tick_params(axis="x", length=0, labelsize=10)
    return finished(figure, f"P&L bridge in {currency}: " + ", ".join(map(_said, names, heights)))


def _said(name: str, amount: float) -> str:
    return f"{name} {signed(amount)}"


def signed(amount: float) -> str:
    """An amount with its sign, to four significant digits and at most two decimals above 100."""
    digits = 2 if abs(amount) >= 100 else 4
    text = f"{amount:+,.{digits}f}"
    return f"{0:.{digits}f}" if float(text.replace(",", "")) == 0 else text


def inventory(results: Sequence[SessionResult]) -> Picture:
    """P&L, and each instrument's mid with our executions and our position under it."""
    markets = list(dict.fromkeys(key for result in results for key in result.recording.markets))
    figure = Figure(figsize=(9.6, 2.0 + 3.2 * len(markets)), layout="constrained")
    axes = bare_axes(figure, 1 + 2 * len(markets))
    for result in results:
        path = pnl_path(result)
        axes[0].step(path.index, path, where="post", color=SUM, linewidth=1.1)
    axes[0].axhline(0, color=FAINT, linewidth=0.9)
    axes[0].set_ylabel(f"P&L, {results[0].currency}")
    for place, key in enumerate(markets):
        mids, position = axes[1 + 2 * place], axes[2 + 2 * place]
        for result in results:
            if key in result.recording.markets:
                _draw_instrument(result, key, mids, position)
        mids.set_ylabel("mid")
        mids.set_title(str(key), loc="left", fontsize=10)
        mids.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
        position.axhline(0, color=FAINT, linewidth=0.9)
        position.set_ylabel("position")
    date_axis(axes[-1].xaxis)
    return finished(figure, "P&L, mid with executions, and position over time")


def date_axis(axis: Any) -> None:
    # matplotlib types neither of the two.
    locator: Any = AutoDateLocator(tz="UTC", minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator, tz="UTC"))  # type: ignore[no-untyped-call]


def _draw_instrument(result: SessionResult, key: Any, mids: Any, position: Any) -> None:
    path = instrument_path(result.recording, key)
    mids.step(path.index, path["mid"], where="post", color="#8b919b", linewidth=0.9)
    position.step(path.index, path["position"], where="post", color=LINE, linewidth=1.2)
    fills = [row for row in result.recording.executions if row.key == key]
    if len(fills) > MOST_MARKERS:
        return
    for side, marker, colour in ((1, "^", GAIN), (-1, "v", LOSS)):
        own = [row for row in fills if row.side == side]
        times = np.array([row.time_ns for row in own], dtype="datetime64[ns]")
        mids.scatter(
            times,
            [float(row.price) for row in own],
            marker=marker,
            color=colour,
            s=26,
            linewidths=0,
            zorder=3,
        )


def markouts(results: Sequence[SessionResult]) -> Picture | str:
    """Mean markout by horizon with two standard errors; says so if there is none."""
    curve = markout_curve(results)
    if not curve:
        return "no execution has a recorded mid after it: there is no markout"
    horizons = [point.horizon_s for point in curve]
    means = np.array([point.mean_bps for point in curve])
    errors = np.nan_to_num([2 * point.standard_error_bps for point in curve])
    figure = Figure(figsize=(9.6, 2.8), layout="constrained")
    (axes,) = bare_axes(figure)
    axes.axhline(0, color="#4a4f57", linewidth=0.9)
    axes.errorbar(
        horizons,
        means,
        yerr=errors,
        color=LINE,
        marker="o",
        markersize=4,
        linewidth=1.2,
        capsize=3,
        label="markout",
    )
    net = [point.net_of_edge_bps for point in curve]
    axes.plot(
        horizons,
        net,
        color=GAIN,
        marker="s",
        markersize=4,
        linewidth=1.0,
        linestyle="--",
        label="edge + markout",
    )
    axes.set_xscale("log")
    axes.set_xticks(horizons, [f"{horizon:g} s" for horizon in horizons])
    axes.minorticks_off()
    axes.set_ylabel("bps of the mid")
    axes.legend(frameon=False, fontsize=9)
    said = ", ".join(f"{point.horizon_s:g} s {point.mean_bps:+.3f}" for point in curve)
    return finished(figure, f"Mean markout in bps by horizon: {said}")
