"""A fill that overtakes its cancel: the venue no longer knows the order that is to be cancelled, because it traded."""

from __future__ import annotations

from pathlib import Path

from scripts.drills.stage import SEED, Drill, Stage, in_virtual_time, page, section
from titan.chaos.world import ACCOUNT
from titan.loopback.faults import Fault, Kind, Plan
from titan.model.orders import SELL

FILE = "fill_while_cancelling.md"
TITLE = "a fill while cancelling"
BEGIN_S = 22.0
CANCEL_LATE_S, STREAM_LATE_S, TAKEN_AFTER_S, WATCHED_S = 1.0, 2.0, 0.1, 10.0
PROMISE = f"""
An operator cancels one order. The cancel is {CANCEL_LATE_S:g} s on its way; meanwhile somebody takes the order, and
the private stream tells of it {STREAM_LATE_S:g} s late. The venue answers the cancel with "unknown order". That ends
nothing: the order is asked for, it waits for the execution that the venue has counted, and that is booked once.
"""
PLAN = Plan(
    seed=SEED,
    faults=(
        Fault(
            kind=Kind.DELAY_CALL, at_s=BEGIN_S, for_s=TAKEN_AFTER_S, delay_s=CANCEL_LATE_S,
            call="DELETE /fapi/v1/order",
        ),
        Fault(
            kind=Kind.DELAY_FRAME, at_s=BEGIN_S, for_s=2 * TAKEN_AFTER_S, delay_s=STREAM_LATE_S, stream="private"
        ),
    ),
)  # fmt: skip


def rehearse() -> Drill:
    """Cancel an order that is taken while its cancel is on its way."""
    return in_virtual_time(_rehearse)


async def _rehearse(folder: Path) -> Drill:
    stage = Stage(folder, PLAN)
    await stage.open()
    await stage.until_s(BEGIN_S)
    target = _best_bid(stage, await stage.until_resting(2))
    stage.transcript.begin([target])
    stage.note_moment()
    stage.ask("cancel", target)
    await stage.until_s(TAKEN_AFTER_S)
    price = stage.world.exchange.order(ACCOUNT, stage.world.symbol, client_id=target).price
    stage.take(SELL, price)
    for after_s in (2 * TAKEN_AFTER_S, 2 * CANCEL_LATE_S, WATCHED_S):
        await stage.until_s(after_s)
        stage.note_moment()
    return await stage.end()


def _best_bid(stage: Stage, resting: tuple[str, ...]) -> str:
    """The client id of our bid that is nearest to the touch."""
    orders = stage.world.exchange.open_orders(ACCOUNT, stage.world.symbol)
    bids = [order for order in orders if order.client_id in resting and order.side > 0]
    return max(bids, key=lambda order: order.price).client_id


def text() -> str:
    """The page."""
    return page(TITLE, PROMISE, section(rehearse()))
