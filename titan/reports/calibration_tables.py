"""What the calibration review shows: the result in a sentence, the laws as measured and as fitted, and the values."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd

from titan.calibration.intensity import measured_intensity
from titan.reports.calibration import Calibration, values_of
from titan.reports.drawing import Figure
from titan.reports.figures import GAIN, LOSS, Picture, bare_axes, finished
from titan.reports.screen import Page


def headline(found: Calibration, symbol: str) -> Page:
    """The result in a sentence, and what stands against it."""
    said = ", ".join(f"{value.name} {value.value:.4g} {value.unit}" for value in values_of(found))
    text = f"{symbol}: {said}, from {len(found.arrivals.depth):,} aggressive orders in {found.seconds / 60:.1f} minutes"
    if not found.doubt:
        return Page(f"<p><strong>{escape(text)}.</strong></p>", f"{text}.")
    doubt = f"In doubt: {found.doubt}"
    return Page(
        f'<p><strong>{escape(text)}.</strong></p><p style="color:{LOSS}"><strong>{escape(doubt)}.</strong></p>',
        f"{text}.\n{doubt}.",
    )


def value_table(found: Calibration) -> pd.DataFrame:
    """The parameters with their intervals of 95%."""
    rows = [(each.name, each.value, each.low, each.high, each.unit) for each in values_of(found)]
    return pd.DataFrame(rows, columns=["parameter", "value", "low", "high", "unit"]).set_index("parameter")


def fit_table(found: Calibration) -> pd.DataFrame:
    """The laws of arrivals, a column each."""
    columns = {}
    for name, fit in found.fits.items():
        columns[name] = {
            "A, orders per second": fit.rate,
            "A, low": fit.rate_low,
            "A, high": fit.rate_high,
            "k, per unit of price": fit.decay,
            "k, low": fit.decay_low,
            "k, high": fit.decay_high,
            "orders with a depth in range": fit.orders,
            "distinct depths": fit.distinct,
            "nearest depth": fit.nearest,
            "farthest depth": fit.farthest,
            "misfit, share": fit.misfit,
        }
    return pd.DataFrame(columns)


def intensity_picture(found: Calibration) -> Picture:
    """Measured and fitted intensity of both sides, logarithmic."""
    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    (axes,) = bare_axes(figure)
    both = found.fits["both"]
    grid = np.linspace(max(both.nearest * 0.5, 1e-9), 3.0 * both.farthest, 200)
    for name, side, colour in (("sells", -1, LOSS), ("buys", 1, GAIN)):
        depths, fit = found.arrivals.depth[found.arrivals.side == side], found.fits[name]
        measured = measured_intensity(depths, found.seconds, grid)
        axes.semilogy(grid[measured > 0], measured[measured > 0], color=colour, label=f"{name}, measured")
        inside = (grid >= fit.nearest) & (grid <= fit.farthest)
        axes.semilogy(
            grid[inside],
            fit.rate * np.exp(-fit.decay * grid[inside]),
            color=colour,
            ls="--",
            label=f"{name}, fitted",
        )
    axes.set(xlabel="depth from the mid, quote currency", ylabel="orders a second that reach it")
    axes.legend(frameon=False, fontsize=9)
    return finished(figure, "Orders a second that reach a depth, measured and fitted, by side")
