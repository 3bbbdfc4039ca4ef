"""Tables of the risk that was estimated beside a session: shortfall, whose it is, stress losses, and their age."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from titan.model.events import RiskResult
from titan.reports.session_tables import SessionResult, narrow, time_text

UNKNOWN = float("nan")


def shortfall_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """The last expected shortfall of each session beside its standard error and age at the end, and the largest.

    Money in the reporting currency; NaN is not known, and no error means that the number was assumed.
    """
    rows = []
    for result in results:
        found = result.recording.risk_results
        last, worst = (found[-1], max(found, key=lambda each: each.shortfall)) if found else (None, None)
        rows.append(
            {
                "session": result.session,
                "shortfall": last.shortfall if last else UNKNOWN,
                "standard error": _known(last.error if last else None),
                "tail": last.tail if last else UNKNOWN,
                "horizon, s": last.horizon_s if last else UNKNOWN,
                "age at the end, s": _age_s(result, last) if last else UNKNOWN,
                "largest": worst.shortfall if worst else UNKNOWN,
                "its error": _known(worst.error if worst else None),
                "when": time_text(worst.computed_ns) if worst else "",
                "results": float(len(found)),
                "it rests on": last.basis or last.source
                if last
                else "no result was handed over: nothing is known",
            }
        )
    return narrow(pd.DataFrame(rows), results)


def share_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """What each position and each strategy adds to the last shortfall of its session, with standard errors."""
    rows = [
        {
            "session": result.session,
            "of": f"{kind} {name}",
            "shortfall": amount,
            "standard error": _known(error),
            "share": amount / last.shortfall if last.shortfall else UNKNOWN,
        }
        for result, last in _last(results)
        for kind, name, amount, error in _shares(last)
    ]
    return narrow(pd.DataFrame(rows), results)


def stress_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """The loss in each scenario by the last result of its session, the worst first, and the most that it ever was."""
    rows = []
    for result, last in _last(results):
        most: dict[str, float] = {}
        for each in result.recording.risk_results:
            for stress in each.stresses:
                most[stress.name] = max(stress.loss, most.get(stress.name, stress.loss))
        rows += [
            {
                "session": result.session,
                "scenario": stress.name,
                "loss": stress.loss,
                "most in the session": most[stress.name],
            }
            for stress in sorted(last.stresses, key=lambda stress: -stress.loss)
        ]
    return narrow(pd.DataFrame(rows), results)


def _last(results: Sequence[SessionResult]) -> Iterator[tuple[SessionResult, RiskResult]]:
    for result in results:
        if result.recording.risk_results:
            yield result, result.recording.risk_results[-1]


def _shares(last: RiskResult) -> Iterator[tuple[str, str, float, float | None]]:
    for part in last.parts:
        yield "position", f"{part.venue}:{part.symbol}", part.shortfall, part.error
    for strategy in last.strategies:
        yield "strategy", strategy.strategy, strategy.shortfall, strategy.error


def _age_s(result: SessionResult, last: RiskResult) -> float:
    return (result.recording.ended_ns - last.computed_ns) / 1e9


def _known(error: float | None) -> float:
    return UNKNOWN if error is None else error
