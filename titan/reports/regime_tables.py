"""P&L by strategy, and by the regime in force as the decisions of a session tell it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pandas as pd

from titan.evaluation.pnl import Parts, add_parts
from titan.model.instruments import InstrumentKey
from titan.reports.accounts import stakes
from titan.reports.periods import between, converted, stake_parts
from titan.reports.recording import Factors, Recording
from titan.reports.session_tables import SessionResult, contributions, executions

BEFORE = "before the first decision"
NOT_RECORDED = "not recorded: no model of regimes was given"


def strategy_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """P&L by strategy over all instruments and sessions, reporting currency; what has no price is left aside."""
    found: dict[tuple[str, str], list[Parts]] = defaultdict(list)
    for result in results:
        for line in result.lines:
            parts = converted(result.recording, line.asset, line.parts)
            found[line.strategy, result.currency].append(parts)
    counts = _counts((row.strategy, result.currency) for result, row in executions(results))
    return _table(found, counts, "strategy")


def regime_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """P&L by the regime in force, all strategies and instruments with a model together; empty if none had one.

    A regime counts from the first decision that tells it until one that tells another.
    """
    found: dict[tuple[str, str], list[Parts]] = defaultdict(list)
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for result in results:
        for key in _modelled(result.recording):
            _regime_rows(result, key, found, seconds, counts)
    return _table(found, counts, "regime", seconds)


def missing_regimes(results: Sequence[SessionResult]) -> str:
    """Of which instruments no regime is recorded; empty if there is none."""
    without = {
        str(key)
        for result in results
        for key in set(result.recording.markets) - set(_modelled(result.recording))
    }
    return f"{NOT_RECORDED} for {', '.join(sorted(without))}" if without else ""


def _modelled(recording: Recording) -> list[InstrumentKey]:
    symbols = {each.symbol for each in recording.config.regimes}
    return [key for key in recording.markets if key.symbol in symbols]


def _regime_rows(
    result: SessionResult,
    key: InstrumentKey,
    found: dict[tuple[str, str], list[Parts]],
    seconds: dict[tuple[str, str], float],
    counts: dict[tuple[str, str], int],
) -> None:
    recording, currency = result.recording, result.currency
    mids = recording.markets[key].mids
    if not mids:
        return
    told = recording.regimes.get(key, [])
    names = [BEFORE, *(_name(recording, key, factors) for _, factors in told)]
    bounds = [mids[0][0], *(time_ns for time_ns, _ in told), max(recording.ended_ns, mids[-1][0])]
    # The account may be read again after the first decision: nothing counts before it was.
    bounds = [max(bound, bounds[0]) for bound in bounds]
    own = [stake_parts(recording, stake, bounds) for stake in stakes(recording) if stake.key == key]
    for column in own:
        # What happened on the opening's own input belongs to the first period.
        for name, parts in zip([BEFORE, *names], [column[0], *between(column)], strict=True):
            found[name, currency].append(parts)
    times = [row.time_ns for row in recording.executions if row.key == key]
    for name, (begin, end) in zip(names, pairwise(bounds), strict=True):
        found.setdefault((name, currency), [])
        seconds[name, currency] += (end - begin) / 1e9
        counts[name, currency] += sum(begin < time_ns <= end for time_ns in times)
    counts[BEFORE, currency] += sum(time_ns <= bounds[0] for time_ns in times)


def _name(recording: Recording, key: InstrumentKey, factors: Factors) -> str:
    """A regime by the model's label and what it does; by the latter alone where the model has no such one."""
    if factors.spread is None or factors.size is None:
        return "not known, for want of bars"
    does = f"spread x {factors.spread:g}, size x {factors.size:g}"
    for each in recording.config.regimes:
        if each.symbol == key.symbol:
            known = zip(each.model.labels, each.spread_factors, each.size_factors, strict=True)
            own = [label for label, *pair in known if tuple(pair) == factors]
            return f"{' or '.join(own)}: {does}" if own else does
    return does


def _counts(names: Iterator[tuple[str, str]]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return counts


def _table(
    found: dict[tuple[str, str], list[Parts]],
    counts: dict[tuple[str, str], int],
    first: str,
    seconds: dict[tuple[str, str], float] | None = None,
) -> pd.DataFrame:
    rows = []
    for name, currency in sorted(found):
        parts = add_parts(found[name, currency] or [Parts()])
        rows.append(
            {
                first: name,
                **({"minutes in force": seconds[name, currency] / 60} if seconds is not None else {}),
                "executions": counts.get((name, currency), 0),
                **{part: float(amount) for part, amount in contributions(parts).items()},
                f"total, {currency}": float(parts.total),
            }
        )
    return pd.DataFrame(rows).set_index(first) if rows else pd.DataFrame()
