"""A time-out after acceptance: the exchange has the order, the answer never comes, and the private stream is deaf."""

from __future__ import annotations

from pathlib import Path

from scripts.drills.stage import SEED, WARM_UP_S, Drill, Stage, in_virtual_time, page, section
from titan.loopback.faults import Fault, Kind, Plan
from titan.model.commands import PlaceOrder

FILE = "time_out_after_acceptance.md"
TITLE = "time-out after acceptance"
PROMISE = """
The exchange takes an order, its answer is lost, and for 6 s the private stream loses every frame. Silence is no
refusal: the order is unknown and counts in full, nothing is sent in its place, and a query by its client id proves that
it stands. One intent is one order; an order is never sent again.
"""
PLACE = "POST /fapi/v1/order"
PLAN = Plan(
    seed=SEED,
    faults=(
        Fault(kind=Kind.LOSE_ANSWER, at_s=WARM_UP_S, call=PLACE),
        Fault(kind=Kind.LOSE_FRAME, at_s=WARM_UP_S, for_s=6.0, stream="private"),
    ),
)
UNPROVEN_S, WATCHED_S = 2.0, 12.0


def rehearse() -> Drill:
    """Lose the answer to the first order that is sent after the warm-up."""
    return in_virtual_time(_rehearse)


async def _rehearse(folder: Path) -> Drill:
    first: list[PlaceOrder] = []

    def doubted(command: PlaceOrder) -> bool:
        """The order whose answer is lost, and whatever is sent on its side while it is not proven."""
        if first and not (command.side == first[0].side and _unproven(stage, first[0])):
            return False
        first.append(command)
        return True

    stage = Stage(folder, PLAN, doubted, layers=1)
    await stage.open()
    await stage.until(lambda: stage.world.elapsed_s >= WARM_UP_S - 0.2, "the warm-up")
    stage.transcript.begin()
    await stage.until(lambda: bool(first), "an order is sent")
    for holds in (lambda: stage.elapsed_s > UNPROVEN_S, lambda: not _unproven(stage, first[0])):
        await stage.until(holds, "the order is proven")
        stage.note_moment()
    await stage.until_s(WATCHED_S)
    stage.note_moment()
    return await stage.end()


def _unproven(stage: Stage, command: PlaceOrder) -> bool:
    order = stage.desk.orders.get(command.client_id)
    return order is not None and not order.venue_id


def text() -> str:
    """The page."""
    return page(TITLE, PROMISE, section(rehearse()))
