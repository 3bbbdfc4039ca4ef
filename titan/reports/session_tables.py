"""A session's result and a day's, and their tables: P&L by component, the proof, executions, what the desk was told.

Tables are pandas frames for reading: money as float here, after the exact arithmetic is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd

from titan.evaluation.pnl import Parts, add_parts
from titan.reports.accounts import Line, Proof, Total, pnl_lines, position_differences, prove, reported
from titan.reports.recorder import read_recording
from titan.reports.recording import Execution, Recording

NOTABLE = {"warning", "error"}
ALWAYS_NOTABLE = {"funding", "foreign_order", "position_adopted"}


@dataclass(frozen=True)
class SessionResult:
    """One session, read, split and proven."""

    recording: Recording
    lines: list[Line]
    proofs: list[Proof]
    total: Total
    differing: list[str]
    """Instruments whose position at the end the recorded executions do not explain."""

    @property
    def session(self) -> str:
        """The session's name."""
        return self.recording.header.session

    @property
    def currency(self) -> str:
        """The reporting currency."""
        return self.recording.config.reporting_currency

    @property
    def failed(self) -> bool:
        """True if the parts are not the change in the venue's equity."""
        return bool(self.differing) or any(proof.verdict == "differs" for proof in self.proofs)

    @property
    def checkable(self) -> bool:
        """True if every account was read at both ends."""
        return all(venue.opening and venue.closing for venue in self.recording.venues.values())


def read_session(directory: Path) -> SessionResult:
    """Read one session's directory.

    Raises
    ------
    JournalError, ReportError
        If it cannot be read, or no P&L can be made of it.
    """
    recording = read_recording(directory)
    lines = pnl_lines(recording)
    proofs = prove(recording, lines)
    return SessionResult(
        recording, lines, proofs, reported(recording, lines), position_differences(recording)
    )


def time_text(time_ns: int) -> str:
    """UTC to the second; empty for never."""
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}" if time_ns else ""


def moment(time_ns: int) -> pd.Timestamp:
    """A moment as pandas counts it, UTC."""
    return pd.Timestamp(time_ns, unit="ns", tz="UTC")


COMPONENTS = ("spread", "adverse selection", "inventory", "fees and rebates", "funding")


def contributions(parts: Parts) -> dict[str, Decimal]:
    """What each part adds to the profit: a fee charged is negative here. They add up to the total."""
    amounts = (parts.spread, parts.adverse_selection, parts.inventory, -parts.fees, parts.funding)
    return dict(zip(COMPONENTS, amounts, strict=True))


def _row(parts: Parts) -> dict[str, float]:
    return {
        **{name: float(amount) for name, amount in contributions(parts).items()},
        "total": float(parts.total),
    }


def pnl_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """P&L by instrument, strategy and asset, and its sum in the reporting currency."""
    rows = [
        {
            "session": result.session,
            "instrument": str(line.key),
            "strategy": line.strategy,
            "asset": line.asset,
            **_row(line.parts),
        }
        for result in results
        for line in result.lines
    ]
    for currency, parts in totals_by_currency(results).items():
        rows.append({"session": "", "instrument": "all", "strategy": "all", "asset": currency, **_row(parts)})
    return narrow(pd.DataFrame(rows), results)


def totals_by_currency(results: Sequence[SessionResult]) -> dict[str, Parts]:
    """The sum of the sessions' parts, by reporting currency: sums of unlike currencies are never formed."""
    currencies = dict.fromkeys(result.currency for result in results)
    return {
        currency: add_parts([result.total.parts for result in results if result.currency == currency])
        for currency in currencies
    }


def narrow(frame: pd.DataFrame, results: Sequence[SessionResult]) -> pd.DataFrame:
    """Without the session's column where there is only one; without a numbered index."""
    if len(results) == 1 and "session" in frame:
        frame = frame.drop(columns="session")
    return frame.set_index(frame.columns[0]) if len(frame.columns) else frame


def proof_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """The parts beside the change in the venues' equity, exact, by venue and asset."""
    rows = [
        {
            "session": result.session,
            "venue": proof.venue,
            "asset": proof.asset,
            "parts": f"{proof.total:f}",
            "equity change": "" if proof.equity is None else f"{proof.equity:f}",
            "transfers": f"{proof.transfers:f}",
            "difference": "" if proof.difference is None else f"{proof.difference:.10f}",
            "within": f"{proof.allowed:.8f}",
            "verdict": proof.verdict,
        }
        for result in results
        for proof in result.proofs
    ]
    return narrow(pd.DataFrame(rows, columns=list(rows[0]) if rows else ["venue", "verdict"]), results)


def day_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """One row a session, and the sums."""
    rows = []
    for result in results:
        recording = result.recording
        rows.append(
            {
                "session": result.session,
                "account": recording.header.account,
                "minutes": (recording.ended_ns - recording.started_ns) / 60e9,
                "executions": float(len(recording.executions)),
                "currency": result.currency,
                **_row(result.total.parts),
                "check": verdict_of(result),
            }
        )
    for currency, parts in totals_by_currency(results).items():
        own = [row for row in rows if row["currency"] == currency]
        sums = {name: sum(float(str(row[name])) for row in own) for name in ("minutes", "executions")}
        rows.append(
            {"session": "sum", "account": "", **sums, "currency": currency, **_row(parts), "check": ""}
        )
    return pd.DataFrame(rows).set_index("session") if rows else pd.DataFrame({"session": []})


def verdict_of(result: SessionResult) -> str:
    """One word or two on the proof of a session."""
    if result.failed:
        return "differs"
    return "equal" if result.checkable else "not checkable"


# ---- Executions ----------------------------------------------------------------------------------------------


def executions(results: Sequence[SessionResult]) -> Iterator[tuple[SessionResult, Execution]]:
    """Every execution with the session it belongs to, in order."""
    for result in results:
        for row in result.recording.executions:
            yield result, row


def fill_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """Every execution, oldest first: edge is what it gained against the mid just before it, bps of that mid.

    That mid is of the depth book as last received, up to 100 ms old.
    """
    rows = [
        {
            "time": moment(row.time_ns),
            "session": result.session,
            "instrument": str(row.key),
            "strategy": row.strategy,
            "side": "buy" if row.side > 0 else "sell",
            "quantity": float(row.quantity),
            "price": float(row.price),
            "mid before": float(row.mid_before),
            "edge, bps": float(row.side * (row.mid_before - row.price) / row.mid_before) * 1e4,
            "maker": row.maker,
            "fee": float(row.fee),
            "fee asset": row.fee_asset,
            "client id": row.client_id,
        }
        for result, row in executions(results)
    ]
    return pd.DataFrame(rows)


def fill_summary(results: Sequence[SessionResult]) -> pd.DataFrame:
    """Executions by instrument, strategy and side; quantities in the contract's units (coins, or quote currency)."""
    fills = fill_table(results)
    if fills.empty:
        return pd.DataFrame({"executions": []})
    grouped = fills.groupby(["instrument", "strategy", "side"])
    return pd.DataFrame(
        {
            "executions": grouped.size(),
            "quantity": grouped["quantity"].sum(),
            "mean price": grouped.apply(
                lambda rows: (rows["price"] * rows["quantity"]).sum() / rows["quantity"].sum()
            ),
            "mean edge, bps": grouped["edge, bps"].mean(),
            "as maker": grouped["maker"].mean(),
        }
    )


# ---- What the desk was told ----------------------------------------------------------------------------------


def remark_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """The engine's notices by code, the gravest first."""
    rows = [
        {"level": note.level, "code": note.code, "time": note.time_ns, "message": note.message}
        for result in results
        for note in result.recording.remarks
    ]
    if not rows:
        return pd.DataFrame({"level": [], "count": []})
    grouped = pd.DataFrame(rows).groupby(["level", "code"], sort=False)
    table = pd.DataFrame(
        {
            "count": grouped.size(),
            "first": grouped["time"].min().map(time_text),
            "last": grouped["time"].max().map(time_text),
            "last message": grouped["message"].last(),
        }
    ).reset_index()
    grave = table["level"].map({"error": 0, "warning": 1}).fillna(2)
    return (
        table.assign(grave=grave)
        .sort_values(["grave", "count"], ascending=[True, False])
        .drop(columns="grave")
        .set_index("code")
    )


def notable(results: Sequence[SessionResult]) -> pd.DataFrame:
    """Warnings, errors, funding and positions taken over, by code: what an operator should have seen."""
    table = remark_table(results)
    return table[table["level"].isin(NOTABLE) | table.index.isin(ALWAYS_NOTABLE)]
