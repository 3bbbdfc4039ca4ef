"""Recorded shortfalls beside what came after: how often a loss was beyond them.

A journal holds the expected shortfall alone and no value at risk. A loss beyond the shortfall is rarer than one beyond
the value at risk, so more of them than the tail allows refute the shortfall as too low; fewer do not prove it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from titan.evaluation.pnl import ZERO, gain, mid_at
from titan.model.events import RiskResult
from titan.reports.periods import session_parts
from titan.reports.recording import Recording
from titan.reports.session_tables import SessionResult
from titan.risk.tail_backtests import kupiec_band

NOT_RECORDED = (
    "not recorded: no shortfall whose horizon ended within its session, so nothing to compare it with"
)
HELD, MADE = "what was held then, held on", "what was made, trades included"


class Beside(NamedTuple):
    """One shortfall and what came until its horizon's end, reporting currency; a gain is positive."""

    forecast: RiskResult
    held: Decimal
    made: Decimal


def beside(result: SessionResult) -> list[Beside]:
    """Shortfalls whose horizons do not overlap, each with what came after; those that can be told alone."""
    recording = result.recording
    opened = [market.mids[0][0] for market in recording.markets.values() if market.mids]
    closed = [market.mids[-1][0] for market in recording.markets.values() if market.mids]
    if not opened:
        return []
    free_ns, chosen = max(opened), []
    for forecast in sorted(recording.risk_results, key=lambda each: each.computed_ns):
        end_ns = _end_ns(forecast)
        told = forecast.horizon_s > 0 and 0 < forecast.tail < 1 and forecast.currency == result.currency
        if told and forecast.computed_ns >= free_ns and end_ns <= min(closed):
            chosen.append(forecast)
            free_ns = end_ns
    moments = sorted({at for each in chosen for at in (each.computed_ns, _end_ns(each))})
    totals = dict(zip(moments, session_parts(recording, moments), strict=True))
    return [
        Beside(each, _held_on(recording, each), totals[_end_ns(each)].total - totals[each.computed_ns].total)
        for each in chosen
    ]


def _end_ns(forecast: RiskResult) -> int:
    return forecast.computed_ns + round(forecast.horizon_s * 1e9)


def _held_on(recording: Recording, forecast: RiskResult) -> Decimal:
    """What the positions of then would have made until the horizon's end."""
    total = ZERO
    for key, market in recording.markets.items():
        if not market.mids or market.terms is None:
            continue
        held = recording.venues[key.venue].held_at_opening.get(key.symbol, ZERO)
        held += sum(
            (
                row.side * row.quantity
                for row in recording.executions
                if row.key == key and row.time_ns <= forecast.computed_ns
            ),
            ZERO,
        )
        rate = recording.rate(market.terms.settle)
        if held and rate is not None:
            before, after = (mid_at(market.mids, at) for at in (forecast.computed_ns, _end_ns(forecast)))
            total += gain(market.terms.kind, held, before, after) * rate
    return total


def backtest_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """By tail and horizon: how many losses were beyond the shortfall, and how many the tail allows at 5%."""
    found = [each for result in results for each in beside(result)]
    groups = dict.fromkeys((each.forecast.tail, each.forecast.horizon_s) for each in found)
    rows = [
        _row(
            tail,
            horizon_s,
            [each for each in found if (each.forecast.tail, each.forecast.horizon_s) == (tail, horizon_s)],
            of,
        )
        for tail, horizon_s in groups
        for of in (HELD, MADE)
    ]
    return pd.DataFrame(rows).set_index("loss of") if rows else pd.DataFrame()


def _row(tail: float, horizon_s: float, several: Sequence[Beside], of: str) -> dict[str, object]:
    losses = [-float(each.held if of == HELD else each.made) for each in several]
    forecasts = [each.forecast.shortfall for each in several]
    beyond = sum(loss > forecast for loss, forecast in zip(losses, forecasts, strict=True))
    _, allowed = kupiec_band(len(several), tail)
    return {
        "loss of": of,
        "tail": tail,
        "horizon, s": horizon_s,
        "horizons": len(several),
        "beyond the shortfall": beyond,
        "allowed": allowed,
        "mean shortfall": sum(forecasts) / len(forecasts),
        "worst loss": max(losses),
        "verdict": _verdict(beyond, allowed, len(several)),
    }


def _verdict(beyond: int, allowed: int, horizons: int) -> str:
    if allowed >= horizons:
        return "too few horizons to refute anything"
    return "refuted: too low" if beyond > allowed else "not refuted"
