"""Paths over time: mid, position and P&L of each instrument, as floats, for pictures and for the day's loss."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any

import pandas as pd

from titan.evaluation.pnl import ZERO, gain
from titan.model.instruments import InstrumentKey
from titan.reports.recording import Recording
from titan.reports.session_tables import SessionResult

COLUMNS = ["mid", "position", "pnl"]


def instrument_path(recording: Recording, key: InstrumentKey) -> pd.DataFrame:
    """Mid, position (contract units) and P&L since the opening (reporting currency) at every change of one of them.

    Fees in another asset count at its closing mid. Without a price for the settle currency the P&L is NaN.
    """
    market = recording.markets[key]
    if market.terms is None or not market.mids:
        return pd.DataFrame(columns=COLUMNS, index=pd.DatetimeIndex([], tz="UTC"), dtype=float)
    kind, settle = market.terms.kind, market.terms.settle
    rate = recording.rate(settle)
    position = recording.venues[key.venue].held_at_opening.get(key.symbol, ZERO)
    mid, pnl, rows = market.mids[0][1], ZERO, []
    for time_ns, what, item in _changes(recording, key):
        if what == "mid":
            pnl += gain(kind, position, mid, item)
            mid = item
        elif what == "fill":
            quantity = item.side * item.quantity
            pnl += gain(kind, quantity, item.price, mid) - _in_settle(
                recording, item.fee, item.fee_asset, settle
            )
            position += quantity
        else:
            pnl += item.amount
        value = float(pnl * rate) if rate is not None else float("nan")
        rows.append((time_ns, float(mid), float(position), value))
    frame = pd.DataFrame(rows, columns=["time", *COLUMNS])
    frame.index = pd.to_datetime(frame.pop("time"), unit="ns", utc=True)
    return frame


def _changes(recording: Recording, key: InstrumentKey) -> list[tuple[int, str, Any]]:
    mids = recording.markets[key].mids
    changes: list[tuple[int, str, Any]] = [(time_ns, "mid", mid) for time_ns, mid in mids]
    changes += [(row.time_ns, "fill", row) for row in recording.executions if row.key == key]
    changes += [
        (row.time_ns, "booking", row)
        for row in recording.bookings
        if row.key == key and row.kind == "funding"
    ]
    return sorted(changes, key=itemgetter(0))


def _in_settle(recording: Recording, fee: Decimal, asset: str, settle: str) -> Decimal:
    if asset == settle:
        return fee
    there, here = recording.rate(asset), recording.rate(settle)
    return fee * there / here if there is not None and here is not None else ZERO


def pnl_path(result: SessionResult) -> pd.Series:
    """The session's P&L since its opening, reporting currency, over all instruments."""
    paths = [instrument_path(result.recording, key)["pnl"] for key in result.recording.markets]
    columns = [path[~path.index.duplicated(keep="last")] for path in paths if len(path)]
    if not columns:
        return pd.Series(dtype=float, index=pd.DatetimeIndex([], tz="UTC"))
    return pd.concat(columns, axis=1).sort_index().ffill().fillna(0.0).sum(axis=1)


def largest_day_loss(results: Sequence[SessionResult]) -> tuple[float, pd.Timestamp | None]:
    """The most that a session was down on a UTC day's beginning (or its own), and when; 0 if it never was."""
    worst, when = 0.0, None
    for result in results:
        path = pnl_path(result)
        before = 0.0
        for _, day in path.groupby(path.index.floor("D")):
            loss = before - day
            if len(loss) and loss.max() > worst:
                worst, when = float(loss.max()), loss.idxmax()
            before = float(day.iloc[-1])
    return worst, when
