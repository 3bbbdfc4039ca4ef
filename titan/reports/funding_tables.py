"""What the study of funding shows: the result in a sentence, the portfolios, the grid, and each market by itself."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from titan.reports.drawing import Figure
from titan.reports.figures import LINE, LOSS, Picture, bare_axes, finished
from titan.reports.funding_study import Asked, FundingStudy
from titan.reports.portfolios import record_table
from titan.reports.screen import Page

DAY = "%Y-%m-%d"


def headline(study: FundingStudy, asked: Asked) -> Page:
    """The result in a sentence, and what the choice of thresholds was worth out of sample."""
    own, first, last = study.records["own thresholds, all"], study.returns.index[0], study.returns.index[-1]
    where = "recorded perpetuals" if asked.rates else "drawn perpetuals (no market)"
    text = (
        f"Funding carry over {len(study.markets)} {where}, {first:{DAY}} to {last:{DAY}}: {_made(own.annual_return)} "
        f"a year on the notional of one leg after costs, in {own.orders} orders, with a drawdown of {own.drawdown:.2%}"
    )
    if not study.with_basis:
        text += ". That is funding less costs alone: the basis is not in the record, and its risk not in these figures"
    inside = study.records["best of the first half, in it"].annual_return
    outside = study.records["best of the first half, in the second"].annual_return
    untouched = study.records["own thresholds, second half"].annual_return
    chosen = (
        f"In sample: thresholds chosen on the first half {_made(inside)} a year there; in the second half, which did "
        f"not choose them, they {_made(outside)}, the strategy's own {_made(untouched)}"
    )
    colour = f' style="color:{LOSS}"' if own.annual_return < 0.0 else ""
    return Page(
        f"<p{colour}><strong>{escape(text)}.</strong></p><p><strong>{escape(chosen)}.</strong></p>",
        f"{text}.\n{chosen}.",
    )


def _made(share: float) -> str:
    return f"lost {-share:.2%}" if share < 0.0 else f"made {share:.2%}"


def portfolio_table(study: FundingStudy) -> pd.DataFrame:
    """The portfolios of all markets."""
    return record_table(study.records)


def market_table(study: FundingStudy) -> pd.DataFrame:
    """Each market by itself, with the strategy's own thresholds."""
    frame = record_table(study.by_market).rename_axis("market").drop(columns="volatility, %")
    rates = {name: one.rates for name, one in study.markets.items()}
    frame.insert(0, "mean rate, bps", [round(1e4 * float(rates[name].mean()), 3) for name in frame.index])
    frame.insert(0, "settlements", [len(rates[name]) for name in frame.index])
    return frame.sort_values("return, %", ascending=False)


def rule_line(study: FundingStudy, asked: Asked) -> Page:
    """What the strategy's own thresholds are, and what is and is not in the record."""
    basis = (
        "The basis is in the record and counts."
        if study.with_basis
        else "The record has no basis: what it made or lost between entering and leaving is left out."
    )
    text = (
        f"A pair is entered when {study.threshold:.3%} of the notional is expected over {asked.horizon_h:g} h, and "
        f"left when less than {study.leaving:.3%}, the cost of leaving, is expected over half of that. Each order "
        f"costs as much, on both legs together. {basis}"
    )
    return Page(f"<p>{escape(text)}</p>", text)


def heat_map(study: FundingStudy) -> Picture:
    """The annual return over the grid of thresholds; the strategy's own and the best of the first half are framed."""
    figure = Figure(figsize=(8.6, 4.4), layout="constrained")
    axes = figure.subplots()
    grid = 100.0 * study.grid
    reach = max(float(np.abs(grid.to_numpy()).max()), 1e-9)
    image = axes.imshow(
        grid, cmap="RdYlGn", vmin=-reach, vmax=reach, aspect="auto", origin="lower", alpha=0.8
    )
    for row, column in np.ndindex(*grid.shape):
        axes.text(column, row, f"{grid.iloc[row, column]:+.2f}", ha="center", va="center", fontsize=9)
    entries, leavings = list(grid.index), list(grid.columns)
    for (entry, leaving), style, name in (
        ((1.0, 1.0), "-", "the strategy's own"),
        (study.chosen, "--", "best of the first half"),
    ):
        place = leavings.index(leaving) - 0.5, entries.index(entry) - 0.5
        axes.add_patch(_frame(place, style, name))
    axes.set_xticks(range(len(leavings)), [f"{one:g}" for one in leavings])
    axes.set_yticks(range(len(entries)), [f"{one:g}" for one in entries])
    axes.set(
        xlabel="left below, times the cost of leaving", ylabel="entered above, times what the strategy asks"
    )
    figure.colorbar(image, ax=axes, label="% a year, after costs")
    figure.legend(frameon=False, fontsize=9, loc="outside upper right", ncols=2)
    best = grid.stack().idxmax()
    return finished(
        figure, f"Annual return in percent over thresholds; the highest is {grid.loc[best]:+.2f} at {best}"
    )


def _frame(place: tuple[float, float], style: str, name: str) -> Rectangle:
    return Rectangle(
        place, 1.0, 1.0, fill=False, edgecolor="#23272e", linewidth=1.8, linestyle=style, label=name
    )


def value_picture(study: FundingStudy) -> Picture:
    """What the portfolio of all markets was worth, and how many pairs it held."""
    figure = Figure(figsize=(10.5, 3.0), layout="constrained")
    (axes,) = bare_axes(figure)
    value = study.records["own thresholds, all"].value
    axes.plot(value.index, value, color=LINE, linewidth=1.1)
    axes.axhline(1.0, color="#c9ced6", linewidth=0.9)
    axes.set(ylabel="value of 1, after costs")
    return finished(figure, f"Value of the portfolio of all markets, {value.iloc[-1]:.4f} at the end")
