"""What follows from the risk state: orders that add to risk are pulled, a STOP halts the desk, the operator is told."""

from __future__ import annotations

import math
from collections.abc import Sequence

from titan.engine import operator, risk_measures, risk_standing, stopping
from titan.engine.account import cancel
from titan.engine.desk import Desk
from titan.model.events import RiskPart, RiskResult, StrategyPart
from titan.model.instruments import InstrumentKey
from titan.model.orders import Order, OrderState
from titan.risk.shutdown import Level

STANDING = frozenset(
    {OrderState.INTENT, OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.PENDING_AMEND}
)
"""States in which a cancel is worth sending; of any other order its end is on the way."""

PARTS_WITHIN = 1e-6
"""Relative difference that the parts of a risk result may have from their sum: rounding, and no more."""


def observe(desk: Desk) -> None:
    """Read every channel and do what its level asks; on the fixed clock, and after every execution."""
    desk.revalued = False
    before = desk.risk.level
    risk_measures.update(desk)
    now = desk.risk.level
    risk_standing.tell_if_due(desk, changed=now is not before)
    if now is not before:
        level = ("info", "info", "warning", "error", "error")[now] if now > before else "info"
        reasons = desk.risk.reasons(now) if now else "every channel is calm"
        desk.note(level, "risk_level", f"{now.name} (was {before.name}): {reasons}")
    if now is Level.STOP and before is not Level.STOP:
        _stop(desk)
    elif desk.level >= Level.CRITICAL:
        pull_increasing(desk)


def _stop(desk: Desk) -> None:
    reason = risk_measures.stop_reason(desk)
    operator.halt(desk, reason)
    # Where nobody is there to resume, a session that only stands in STOP would never end.
    if desk.config.risk.end_on_stop:
        stopping.request_stop(desk, reason, stopping.STOPPED_BY_RISK)


def pull_increasing(desk: Desk) -> None:
    """Cancel the orders that could, all of their side together, do more than close the position."""
    for key in desk.markets:
        position = desk.ledger.lots(key)
        for side in (1, -1):
            room = max(-side * position, 0)
            for order in sorted(_of_side(desk, key, side), key=lambda order: order.created_ns):
                room -= order.remaining
                if room < 0 and order.state in STANDING and not desk.owned_by_exit(order):
                    cancel(desk, order)


def on_result(desk: Desk, event: RiskResult) -> None:
    """Take up a risk result, unless it contradicts itself or is older than the one held."""
    refusal = _refusal(desk, event)
    if refusal:
        desk.note(
            "warning",
            "risk_result_refused",
            f"{event.source}: {refusal}; the last one stays until it expires",
        )
        return
    desk.risk.result = event


def _of_side(desk: Desk, key: InstrumentKey, side: int) -> list[Order]:
    return [order for order in desk.orders.live(key) if order.side == side]


def _refusal(desk: Desk, event: RiskResult) -> str:
    """What is wrong with a risk result; empty if nothing is."""
    held = desk.risk.result
    divisions: dict[str, Sequence[RiskPart | StrategyPart]] = {
        "parts": event.parts,
        "strategies": event.strategies,
    }
    shares = [share for division in divisions.values() for share in division]
    errors = [event.error, *(share.error for share in shares)]
    numbers = [event.shortfall, *(share.shortfall for share in shares), *(s.loss for s in event.stresses)]
    if event.currency != desk.config.reporting_currency:
        return f"currency = {event.currency}: must be reporting_currency = {desk.config.reporting_currency}"
    if not all(map(math.isfinite, numbers)):
        return f"shortfall = {event.shortfall}, parts or stresses: must be finite numbers"
    if not all(error is None or 0 <= error < math.inf for error in errors):
        return f"error = {event.error}, or a part's: must be a finite number that is not negative, or absent"
    for name, division in divisions.items():
        total = math.fsum(share.shortfall for share in division)
        if division and not math.isclose(total, event.shortfall, rel_tol=PARTS_WITHIN, abs_tol=PARTS_WITHIN):
            return f"{name} sum to {total:g}: must sum to shortfall = {event.shortfall:g}"
    if not event.computed_ns <= desk.now_ns < event.expires_ns:
        return f"computed_ns = {event.computed_ns}, expires_ns = {event.expires_ns}: must hold {desk.now_ns} between"
    if held is not None and event.computed_ns < held.computed_ns:
        return f"computed_ns = {event.computed_ns}: must be at least that of the one held, {held.computed_ns}"
    return ""
