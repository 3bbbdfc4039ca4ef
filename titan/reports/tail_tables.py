"""What the study of the tail shows: the result in a sentence, the forecasts, the tests, and the days beyond."""

from __future__ import annotations

from html import escape

import numpy as np
import numpy.typing as npt
import pandas as pd

from titan.reports.drawing import Figure
from titan.reports.figures import FAINT, LINE, LOSS, Picture, bare_axes, finished
from titan.reports.screen import Page
from titan.reports.tail_risk import Asked, Judged, TailStudy
from titan.risk.tail_backtests import kupiec_band
from titan.risk.tail_forecasts import Bent

SPACE = "\N{NO-BREAK SPACE}"
LEVEL = 0.05
"""A test below it refuses a model."""

MEANINGS = {
    "Kupiec": "as many days beyond VaR as were to be expected",
    "independence": "Christoffersen: a day beyond VaR tells nothing of the next one",
    "coverage": "Christoffersen: both together",
    "Z1": "Acerbi-Székely: days beyond VaR are as deep as forecast; below 0 they are deeper",
    "Z2": "Acerbi-Székely: their number and depth together",
    "Z3": "Acerbi-Székely: depth of the ranks",
    "U": "Du-Escanciano: depth of the ranks below the tail; above 0 they are deeper",
    "C": "Du-Escanciano: a deep day tells nothing of the five after it",
}


def headline(study: TailStudy, asked: Asked) -> Page:
    """The result in a sentence, and what each model is refused by."""
    deep = {name: model.next_day.expected_shortfall for name, model in study.models.items()}
    least, most = min(deep, key=lambda name: deep[name]), max(deep, key=lambda name: deep[name])
    first, last = study.pnl.index[0], study.pnl.index[-1]
    text = (
        f"{study.name}{' (drawn, no market)' if study.drawn else ''}: the next day, if it is one of the worst "
        f"{100.0 * asked.tail:g}%, loses {deep[least]:.2%} ({least}) to {deep[most]:.2%} ({most}) on average; "
        f"judged on {len(study.pnl):,} days, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    )
    refusals = {name: refused_by(model) for name, model in study.models.items()}
    passed = [name for name, tests in refusals.items() if not tests]
    told = [f"{name} by {', '.join(tests)}" for name, tests in refusals.items() if tests]
    verdict = f"No test at {LEVEL:.0%} refuses {', '.join(passed) or 'none of them'}"
    if not passed:
        verdict = "Every model is refused by some test"
    if told:
        verdict += f"; refused are {'; '.join(told)}"
    colour = "" if passed else f' style="color:{LOSS}"'
    return Page(
        f"<p><strong>{escape(text)}.</strong></p><p{colour}><strong>{escape(verdict)}.</strong></p>",
        f"{text}.\n{verdict}.",
    )


def refused_by(model: Judged) -> list[str]:
    """The tests that refuse a model at 5%."""
    return [name for name, verdict in model.verdicts.items() if verdict.p_value < LEVEL]


def forecast_table(study: TailStudy, asked: Asked) -> pd.DataFrame:
    """The models: what they say of the next day, and how many days were beyond."""
    days = len(study.pnl)
    least, most = kupiec_band(days, asked.tail)
    rows = {
        name: {
            "next day's VaR, %": round(100.0 * model.next_day.value_at_risk, 2),
            "next day's ES, %": round(100.0 * model.next_day.expected_shortfall, 2),
            "mean ES, %": round(100.0 * float(model.forecast.shortfall.mean()), 2),
            "days beyond VaR": int(model.hits.sum()),
            "expected": round(asked.tail * days, 1),
            "accepted": f"{least} to {most}",
            "refused by": ", ".join(refused_by(model)) or "no test",
        }
        for name, model in study.models.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def verdict_table(study: TailStudy) -> pd.DataFrame:
    """Each test's statistic and p-value, a column for each model."""
    columns = {
        name: [f"{one.statistic:.2f}{SPACE}(p{SPACE}{one.p_value:.3f})" for one in model.verdicts.values()]
        for name, model in study.models.items()
    }
    return pd.DataFrame(columns, index=pd.Index(list(MEANINGS), name="test"))


def meaning_table() -> pd.DataFrame:
    """What each test asks."""
    return pd.DataFrame({"if the model is right": MEANINGS}).rename_axis("test")


def deepest_table(study: TailStudy, count: int = 10) -> pd.DataFrame:
    """The worst days, and what each model had allowed for on average beyond VaR."""
    worst = study.pnl.nsmallest(count)
    at = study.pnl.index.get_indexer(worst.index)
    columns = {name: percent(model.forecast.shortfall[at]) for name, model in study.models.items()}
    index = pd.Index(worst.index.strftime("%Y-%m-%d"), name="day")
    return pd.DataFrame({"loss": percent(-worst.to_numpy()), **columns}, index=index)


def percent(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fractions as percent, to two decimals."""
    return np.round(100.0 * values, 2)


def bearing_line(study: TailStudy) -> Page:
    """On how many days the expansion bore less than the moments."""
    law = study.models["Cornish-Fisher"].forecast.law
    if not isinstance(law, Bent):
        raise TypeError(f"a law of {type(law).__name__} has no moments")
    short = int(np.count_nonzero(law.borne < 1.0))
    text = (
        f"Moments lay beyond what the expansion of Cornish and Fisher bears on {short:,} of {len(study.pnl):,} days, "
        "and were drawn towards the normal's."
    )
    return Page(f"<p>{escape(text)}</p>", text)


def breach_picture(study: TailStudy) -> Picture:
    """Losses against each model's forecasts, the days beyond marked."""
    figure = Figure(figsize=(10.5, 2.1 * len(study.models)), layout="constrained")
    losses = -100.0 * study.pnl
    most = max(100.0 * float(model.forecast.shortfall.max()) for model in study.models.values())
    for axes, (name, model) in zip(bare_axes(figure, len(study.models)), study.models.items(), strict=True):
        axes.vlines(losses.index, 0.0, losses.clip(lower=0.0), color=FAINT, linewidth=0.7)
        axes.plot(losses.index, 100.0 * model.forecast.value_at_risk, color=LINE, linewidth=1.0, label="VaR")
        axes.plot(
            losses.index, 100.0 * model.forecast.shortfall, color=LINE, linewidth=0.8, ls=":", label="ES"
        )
        beyond = losses[model.hits]
        axes.plot(beyond.index, beyond, ".", color=LOSS, markersize=4, label=f"beyond VaR: {len(beyond)}")
        axes.set_title(name, loc="left", fontsize=10)
        axes.set(ylabel="loss, %", ylim=(0.0, 1.05 * max(most, float(losses.max()))))
        axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=3)
    said = ", ".join(f"{name} {int(model.hits.sum())}" for name, model in study.models.items())
    return finished(figure, f"Losses against forecast VaR and ES; days beyond VaR: {said}")
