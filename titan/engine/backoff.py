"""Post-only orders refused in a row: the side waits, ever longer, and does not ask anew with each change of the book.

A quote priced from a book that is a moment old may cross in the one that the venue has, and is refused; so is one for
which margin is missing. Each side of a strategy on an instrument is counted by itself, until an order of it stands.
"""

from __future__ import annotations

from titan.engine.desk import Desk
from titan.engine.strategies import Seat, Wait
from titan.model.events import CommandOutcome, OrderUpdate
from titan.model.orders import Lifetime, Order, OrderState

MOST_DOUBLINGS = 5
"""A wait is at most 32 times the first one."""


def waits(seat: Seat, side: int, now_ns: int) -> bool:
    """Whether nothing may be placed on this side just now."""
    return now_ns < seat.waits[side].until_ns


def on_outcome(desk: Desk, outcome: CommandOutcome) -> None:
    """Count a definite refusal of a new order."""
    order = desk.orders.get(outcome.client_id)
    if order is not None and outcome.action == "place" and outcome.outcome == "rejected":
        _refused(desk, order, outcome.message)


def on_update(desk: Desk, update: OrderUpdate) -> None:
    """Count an order that the venue ended unasked, as it does with one that would cross; forget all once one stands."""
    order = desk.orders.find(update, update.client_id, update.venue_id)
    if order is None:
        return
    crossed = update.state == OrderState.EXPIRED or (
        update.state == OrderState.CANCELLED and order.state is OrderState.PENDING_AMEND
    )
    if crossed and not update.filled:
        _refused(desk, order, update.reason or f"the venue ended it: {update.state}")
    elif update.state == OrderState.OPEN and order.state is OrderState.INTENT:
        wait = _wait_of(desk, order)
        if wait is not None:
            wait.refused_ns, wait.rounds = (), 0


def _wait_of(desk: Desk, order: Order) -> Wait | None:
    """Where this order's refusals are counted; None for an order that is no quote, or that has ended before."""
    if order.lifetime is not Lifetime.POST_ONLY or order.reduce_only or not order.live or order.ends_as:
        return None
    seats = (seat for seat in desk.seats if (seat.key, seat.config.name) == (order.key, order.strategy))
    return next((seat.waits[order.side] for seat in seats), None)


def _refused(desk: Desk, order: Order, why: str) -> None:
    settings, wait = desk.config.refusals, _wait_of(desk, order)
    if wait is None or not settings.in_a_row:
        return
    recent = (time_ns for time_ns in wait.refused_ns if desk.now_ns - time_ns < settings.within_ns)
    wait.refused_ns = (*recent, desk.now_ns)[-settings.in_a_row :]
    if len(wait.refused_ns) < settings.in_a_row and not wait.rounds:
        return
    wait_ns = settings.wait_ns << min(wait.rounds, MOST_DOUBLINGS)
    wait.until_ns, wait.rounds, wait.why = desk.now_ns + wait_ns, wait.rounds + 1, why
    text = (
        f"{order.strategy}: {'buy' if order.side > 0 else 'sell'} orders are refused in a row, the last one with "
        f"{why or 'no reason'}; that side waits {wait_ns / 1e9:g} s"
    )
    desk.note("warning", "side_waits", text, order.key, order.client_id)
