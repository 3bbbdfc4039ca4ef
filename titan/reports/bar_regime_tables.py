"""What the study of regimes shows: the result in a sentence, the regimes, the refits, and the price with both."""

from __future__ import annotations

import math
from html import escape

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter

from titan.calibration.emissions import Model
from titan.calibration.regime_matching import regime_moments
from titan.calibration.regimes import expected_durations
from titan.reports.drawing import Figure
from titan.reports.figures import GAIN, LINE, LOSS, Picture, bare_axes, finished
from titan.reports.regime_study import Asked, RegimeStudy, peer_agreement
from titan.reports.screen import Page

COLOURS = {2: (GAIN, LOSS), 3: (GAIN, "#c9a227", LOSS), 4: (GAIN, "#8fae4a", "#c9a227", LOSS)}
DAY = "%Y-%m-%d"


def headline(study: RegimeStudy, asked: Asked) -> Page:
    """The result in a sentence, and how sure the regimes are."""
    overlay, bought = study.overlay, study.bought
    first, last = study.bars.index[0], study.bars.index[-1]
    kept = "calmest regime" if asked.calm == 1 else f"{asked.calm} calmest regimes"
    text = (
        f"{study.name}, {first:{DAY}} to {last:{DAY}}: held only in the {kept} it {_made(overlay.total_return)} "
        f"(drawdown {overlay.drawdown:.0%}), bought and held it {_made(bought.total_return)} "
        f"(drawdown {bought.drawdown:.0%}), both after costs"
    )
    refused = sum(refit.refusal is not None for refit in study.walk.refits)
    shared = peer_agreement(study)
    peer = (
        "statsmodels' fit did not converge"
        if math.isnan(shared)
        else f"statsmodels calls {shared:.0%} of bars alike"
    )
    doubt = f"{refused} of {len(study.walk.refits)} fits were refused; {peer}"
    colour = f' style="color:{LOSS}"' if overlay.total_return < min(0.0, bought.total_return) else ""
    return Page(
        f"<p{colour}><strong>{escape(text)}.</strong></p><p><strong>{escape(doubt)}.</strong></p>",
        f"{text}.\n{doubt}.",
    )


def _made(share: float) -> str:
    return f"lost {-share:.1%}" if share < 0.0 else f"made {share:.1%}"


def last_model(study: RegimeStudy) -> Model | None:
    """The model in use at the end."""
    return study.walk.refits[-1].model


def regime_table(study: RegimeStudy) -> pd.DataFrame:
    """The regimes as last fitted, and as the bars that were called so turned out."""
    model = last_model(study)
    if model is None:
        return pd.DataFrame()
    moments, bars = regime_moments(model), _bars_a_year(study)
    returns = np.log(study.bars["close"] / study.bars["open"]).to_numpy()
    # What a regime was worth shows in the bar after the one at whose close it was called.
    called, following = study.walk.regimes[:-1], returns[1:]
    rows = {}
    for at, (label, duration) in enumerate(zip(model.labels, expected_durations(model), strict=True)):
        mine = following[called == at]
        rows[label] = {
            "mean, % a bar": round(100.0 * float(moments.means[at, 0]), 4),
            "volatility, % a year": round(100.0 * math.sqrt(bars * float(moments.covariances[at, 0, 0])), 1),
            "duration, bars": round(duration, 1),
            "share of bars called so, %": round(100.0 * float(np.mean(called == at)), 1),
            "next bars' mean, %": round(100.0 * float(mine.mean()), 4) if len(mine) else math.nan,
            "next bars' volatility, % a year": round(100.0 * math.sqrt(bars) * float(mine.std()), 1)
            if len(mine)
            else math.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("regime")


def _bars_a_year(study: RegimeStudy) -> float:
    return float(pd.Timedelta(days=365) / pd.Series(study.bars.index).diff().median())


def transition_table(study: RegimeStudy) -> pd.DataFrame:
    """The chance, in percent, to go from a regime to one in the next bar."""
    model = last_model(study)
    if model is None:
        return pd.DataFrame()
    frame = pd.DataFrame(
        100.0 * np.asarray(model.transition), columns=[f"to {name}" for name in model.labels]
    )
    return frame.round(2).set_axis(pd.Index([f"from {name}" for name in model.labels], name="%"))


def refit_table(study: RegimeStudy) -> pd.DataFrame:
    """The fits: taken over or refused and why, how far from the last, and how far they agree with it."""
    starts = study.walk.begins
    agreements = (math.nan, *study.agreements)
    rows = [
        {
            "fitted before": f"{study.bars.index[begin - study.walk.first]:{DAY}}",
            "outcome": "taken over" if refit.refusal is None else f"refused: {refit.refusal}",
            "distance to the last": round(refit.distance, 3),
            "bars called as by the last, %": round(100.0 * share, 1),
            "found": refit.detail,
        }
        for begin, refit, share in zip(starts, study.walk.refits, agreements, strict=True)
    ]
    return pd.DataFrame(rows).set_index("fitted before")


def price_picture(study: RegimeStudy) -> Picture:
    """The price with the regime in force, and both portfolios."""
    figure = Figure(figsize=(10.5, 6.0), layout="constrained")
    price, value = bare_axes(figure, 2)
    times, count = study.bars.index, study.walk.probabilities.shape[1]
    price.plot(times, study.bars["close"], color="#23272e", linewidth=0.8)
    model = last_model(study)
    labels = model.labels if model is not None else tuple(f"regime {at + 1}" for at in range(count))
    for at, (label, colour) in enumerate(zip(labels, COLOURS[count], strict=True)):
        inside = study.walk.regimes == at
        inside[1:] |= inside[:-1]  # a bar reaches to the next one
        span = {"where": inside, "transform": price.get_xaxis_transform(), "lw": 0}
        price.fill_between(times, 0, 1, color=colour, alpha=0.25, label=label, **span)
    price.set(yscale="log", ylabel="price")
    for set_formatter in (price.yaxis.set_major_formatter, price.yaxis.set_minor_formatter):
        set_formatter(FuncFormatter(lambda level, _: f"{level:,.6g}"))
    price.legend(frameon=False, fontsize=9, loc="upper left", ncols=count)
    value.plot(study.overlay.value.index, study.overlay.value, color=LINE, linewidth=1.1, label="calm only")
    value.plot(
        study.bought.value.index, study.bought.value, color="#8b919b", linewidth=0.9, label="bought and held"
    )
    value.axhline(1.0, color="#c9ced6", linewidth=0.9)
    value.set(ylabel="value of 1")
    value.legend(frameon=False, fontsize=9, loc="upper left")
    return finished(
        figure, "Price with the regime in force as known at the time, and the value of both portfolios"
    )
