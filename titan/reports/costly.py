"""What each execution came to by its markout's horizon, and the command that says why it happened."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from titan.evaluation.pnl import gain, mid_at
from titan.reports.recording import Execution
from titan.reports.session_tables import SessionResult, executions, time_text

MOST = 10


class Outcome(NamedTuple):
    """An execution, and what it brought until the horizon: against the mid then, less the fee; reporting currency."""

    result: SessionResult
    row: Execution
    edge: Decimal
    markout: Decimal
    fee: Decimal

    @property
    def brought(self) -> Decimal:
        """Edge and markout less the fee; negative is what it cost."""
        return self.edge + self.markout - self.fee


def outcomes(results: Sequence[SessionResult]) -> tuple[list[Outcome], int]:
    """What every execution brought, in order, and how many have no price in the reporting currency."""
    found = [_outcome(result, row) for result, row in executions(results)]
    known = [each for each in found if each is not None]
    return known, len(found) - len(known)


def _outcome(result: SessionResult, row: Execution) -> Outcome | None:
    recording = result.recording
    market = recording.markets[row.key]
    rate, fee_rate = recording.rate(market.known.settle), recording.rate(row.fee_asset)
    if rate is None or fee_rate is None:
        return None
    after = mid_at(market.mids, row.time_ns + recording.config.timing.markout_ns)
    signed, kind = row.side * row.quantity, market.known.kind
    return Outcome(
        result,
        row,
        gain(kind, signed, row.price, row.mid_before) * rate,
        gain(kind, signed, row.mid_before, after) * rate,
        row.fee * fee_rate,
    )


def costliest(results: Sequence[SessionResult]) -> pd.DataFrame:
    """The executions that cost most by their markout's horizon, worst first; empty if none cost anything."""
    known, _ = outcomes(results)
    worst = sorted((each for each in known if each.brought < 0), key=lambda each: each.brought)[:MOST]
    one_day = len({time_text(each.row.time_ns)[:10] for each in worst}) == 1
    currencies = {each.result.currency for each in worst}
    brought = f"brought, {min(currencies)}" if len(currencies) == 1 else "brought"
    rows = [
        {
            "time": time_text(each.row.time_ns)[11 if one_day else 0 :],
            "instrument": str(each.row.key),
            "side": "buy" if each.row.side > 0 else "sell",
            "quantity": float(each.row.quantity),
            "price": float(each.row.price),
            "edge": float(each.edge),
            "markout": float(each.markout),
            "fee": float(each.fee),
            brought: float(each.brought),
            **({"currency": each.result.currency} if len(currencies) > 1 else {}),
            "why": f"titan trace {each.row.trade_id} --session {each.result.session}",
        }
        for each in worst
    ]
    # The command names the session: no column needs to.
    return pd.DataFrame(rows).set_index("time") if rows else pd.DataFrame()


def none_cost(results: Sequence[SessionResult]) -> str:
    """Why the list of the costliest executions is empty."""
    known, unpriced = outcomes(results)
    if unpriced:
        return (
            f"{unpriced} executions have no price in the reporting currency; of the others none cost anything"
        )
    return "no execution cost anything by its horizon" if known else "nothing was executed"
