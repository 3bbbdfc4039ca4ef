"""The risk state handed on by the journal itself: told as it stands, and taken up by a session that cannot replay it.

A successor with a changed strategy decides otherwise than its predecessor did, so a replay leads it elsewhere. What was
lost, and which latches hold, is no question of decisions: it is told, at every change of level and every few seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from titan.engine.desk import Desk
from titan.model.commands import RiskStanding
from titan.model.events import RiskInherited

TOLD_EVERY_NS = 10 * 10**9
"""What a session gains or loses in this time before it dies may be missing from what its successor takes up."""


def packed(risk: Mapping[str, Any]) -> bytes:
    """A risk state's snapshot as canonical bytes: what is not known in it is NaN, which equals nothing."""
    return msgspec.msgpack.encode(risk, order="sorted")


def unpacked(risk: bytes) -> dict[str, Any]:
    """The snapshot again."""
    return msgspec.msgpack.decode(risk, type=dict[str, Any])


def tell(desk: Desk) -> None:
    """Tell how the risk state stands now."""
    risk = desk.risk
    risk.told_ns = desk.now_ns
    earned = risk.known - desk.day_open
    desk.emit(RiskStanding(day=desk.day, earned_today=earned, risk=packed(risk.snapshot())))


def tell_if_due(desk: Desk, *, changed: bool) -> None:
    """Tell it if its level has changed or it has not been told for a while."""
    if desk.risk.begun and (changed or desk.now_ns - desk.risk.told_ns >= TOLD_EVERY_NS):
        tell(desk)


def on_inherited(desk: Desk, event: RiskInherited) -> None:
    """Take up what a predecessor told: its latches, all that was earned, and the loss of this day."""
    desk.risk.restore(unpacked(event.risk))
    desk.risk.begin_session()
    if desk.day == event.day:
        desk.day_open = -event.earned_today
    lost = max(-event.earned_today, Decimal(0)) if desk.day == event.day else Decimal(0)
    text = (
        f"{desk.risk.level.name}, {lost:f} {desk.config.reporting_currency} lost today, as session {event.session} "
        f"told it last; its last {TOLD_EVERY_NS / 1e9:g} s, and the time since, are not counted"
    )
    desk.note("warning", "risk_inherited", text)
