"""The summary of a session: one JSON object, and the same in a few lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from titan.engine.kernel import Kernel
from titan.evaluation.pnl import Parts
from titan.live.telemetry import STAGES, Latencies
from titan.model.commands import EndSession

SHARES = {"p50": 0.5, "p99": 0.99, "max": 1.0}
PARTS = ("spread", "adverse_selection", "inventory", "fees", "funding")


def money(amount: Decimal | None) -> str | None:
    """A decimal string without exponent; None where a price for the conversion is missing."""
    return None if amount is None else f"{amount.normalize() + Decimal(0):f}"


def summarise(
    kernel: Kernel,
    *,
    mode: str,
    events: int,
    sent: Mapping[str, int],
    latencies: Mapping[str, Latencies],
    cpu_to_first_quote_s: float | None,
    ended: EndSession | None,
    journal: Path,
) -> dict[str, Any]:
    """The object that ``--json`` prints last. Money is a decimal string in the reporting currency."""
    summary = kernel.summary()
    counts = kernel.desk.orders.counts
    parts = summary.parts
    return {
        "mode": mode,
        "events": events,
        "orders_sent": sent["place"],
        "orders_acked": counts.acked,
        "amends_sent": sent["amend"],
        "cancels_sent": sent["cancel"],
        "fills": counts.fills,
        "fills_before_opening": counts.fills_before_opening,
        "fills_digest": counts.fills_digest,
        "pnl": money(summary.pnl),
        "pnl_parts": _contributions(parts),
        "equity_change_at_venue": money(summary.equity_change_at_venue),
        "unpriced": list(summary.unpriced),
        "position": dict(summary.positions),
        "open_orders_at_exit": summary.open_orders,
        "unknown_orders_at_exit": summary.unknown_orders,
        "left_open": list(ended.left_open) if ended else [],
        "reconciliation_differences": summary.differences,
        "latency_us": {
            stage: {name: latencies[stage].percentile_us(share) for name, share in SHARES.items()}
            for stage in STAGES
        },
        "cpu_to_first_quote_s": cpu_to_first_quote_s,
        "stopped_because": ended.reason if ended else "",
        "session": kernel.desk.config.session,
        "journal": str(journal),
    }


def _contributions(parts: Parts | None) -> dict[str, str | None]:
    """What each part adds to the P&L, so that they sum to it: fees are negative when charged, positive as a rebate."""
    if parts is None:
        return dict.fromkeys(PARTS)
    added = parts._asdict() | {"fees": -parts.fees}
    return {name: money(added[name]) for name in PARTS}
