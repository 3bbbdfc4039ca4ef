"""When an order fills: the exported queue formulas, in the two forms that a sweep knows.

As traded, an order fills by as many lots as came to it, and joins behind what is displayed less what has traded
since: the rules of Titan's own exchange. Whole, it fills entirely as soon as one lot comes to it, and joins behind
all that is displayed: the rules of hftbacktest's exchange without partial fills.
"""

from __future__ import annotations

from titan.simulation.queue_position import (
    QueueModel,
    QueueState,
    fill_by_touch,
    fill_by_trade,
    join_queue,
    on_level_change,
)


def joined(displayed: int, traded: int, size: int, whole: bool) -> QueueState:
    """The place of a new order at a level that displays so many lots, `traded` of which have gone since."""
    return join_queue(float(displayed if whole else max(displayed - traded, 0)), size)


def passed(
    place: QueueState, side: int, price: int, trade_price: int, lots: int, whole: bool
) -> tuple[QueueState, int]:
    """The place after a trade against our side, and the lots of ours that it filled."""
    after, filled = fill_by_trade(place, side, price, -side, trade_price, float(lots))
    return after, place.remaining if whole and filled > 0 else filled


def reached(
    place: QueueState, side: int, price: int, opposite: int, lots: int, whole: bool
) -> tuple[QueueState, int]:
    """The place after lots of the other side came to rest at `opposite`, and the lots of ours filled."""
    after, filled = fill_by_touch(place, side, price, opposite, float(lots))
    return after, place.remaining if whole and filled > 0 else filled


def changed(place: QueueState, displayed_before: int, displayed: int, model: QueueModel) -> QueueState:
    """The place after our level was stated anew."""
    return on_level_change(place, float(displayed), model)
