"""The P&L of a recorded session by period: the running split, read at chosen moments.

What is told at a moment is what the parts were if the session had ended then, so that the differences between moments
add up to the whole, part by part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any

from titan.evaluation.pnl import Parts, add_parts
from titan.evaluation.running_pnl import Running, on_fill, on_funding, on_mid, open_running, parts_now
from titan.reports.accounts import Stake, fill_row, stakes
from titan.reports.recording import Recording


def session_parts(recording: Recording, moments: Sequence[int]) -> list[Parts]:
    """The session's parts so far at each of `moments` (ns, rising), reporting currency, converted at the closing mids.

    What no price is known for is left aside, as in `titan.reports.accounts.reported`.
    """
    columns = [stake_parts(recording, stake, moments) for stake in stakes(recording)]
    return [add_parts([column[at] for column in columns] or [Parts()]) for at in range(len(moments))]


def stake_parts(recording: Recording, stake: Stake, moments: Sequence[int]) -> list[Parts]:
    """As `session_parts`, of one strategy on one instrument."""
    market = recording.markets[stake.key]
    mids, settle = market.mids, market.known.settle
    running = open_running(
        market.known.kind, recording.config.timing.markout_ns, mids[0][0], mids[0][1], stake.opening
    )
    abroad = Parts()  # fees in other assets than the settle currency, already converted
    changes = _changes(recording, stake)
    change = next(changes, None)
    found = []
    for moment in moments:
        while change is not None and change[0] <= moment:
            running, abroad = _taken(recording, settle, running, abroad, change)
            change = next(changes, None)
        found.append(add_parts([converted(recording, settle, parts_now(running)), abroad]))
    return found


def _changes(recording: Recording, stake: Stake) -> Iterator[tuple[int, str, Any]]:
    changes: list[tuple[int, str, Any]] = [
        (time_ns, "mid", mid) for time_ns, mid in recording.markets[stake.key].mids
    ]
    changes += [(row.time_ns, "fill", row) for row in stake.rows]
    changes += [(time_ns, "funding", amount) for time_ns, amount in stake.funding]
    return iter(sorted(changes, key=itemgetter(0)))


def _taken(
    recording: Recording, settle: str, running: Running, abroad: Parts, change: tuple[int, str, Any]
) -> tuple[Running, Parts]:
    time_ns, what, item = change
    if what == "mid":
        return on_mid(running, time_ns, item), abroad
    if what == "funding":
        return on_funding(running, item), abroad
    if item.fee_asset != settle:
        abroad = add_parts([abroad, converted(recording, item.fee_asset, Parts(fees=item.fee))])
    return on_fill(running, fill_row(item, settle)), abroad


def converted(recording: Recording, asset: str, parts: Parts) -> Parts:
    """Parts in an asset to the reporting currency; nothing where no price is known."""
    rate = recording.rate(asset)
    return Parts() if rate is None else Parts(*(amount * rate for amount in parts))


def between(cumulated: Sequence[Parts]) -> list[Parts]:
    """What each period added: one fewer than the moments."""
    return [
        Parts(*(after - before for before, after in zip(earlier, later, strict=True)))
        for earlier, later in pairwise(cumulated)
    ]


def grid(begin_ns: int, end_ns: int, period_ns: int) -> list[int]:
    """The bounds of all whole periods in between, on the clock's own round times."""
    first = -(-begin_ns // period_ns) * period_ns
    return list(range(first, end_ns + 1, period_ns))
