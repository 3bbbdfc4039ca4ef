"""hftbacktest's queue in the form of `titan.backtest.sweep.rules`, to prove that nothing else differs.

Its probability models differ from Titan's formulas in three rules. What traded at our price since the level was last
stated counts as standing behind us when a cancellation is shared; the part of a lot by which trades have passed us is
kept, not dropped; and an order fills when half a lot has passed it, not a whole one. Without fractions, as in the
risk-averse model, all three are the same.
"""

from __future__ import annotations

import math

from titan.simulation.queue_position import QueueModel, QueueState


def joined(displayed: int, traded: int, size: int, whole: bool) -> QueueState:
    """Behind all that is displayed."""
    return QueueState(float(displayed), 0.0, size)


def passed(
    place: QueueState, side: int, price: int, trade_price: int, lots: int, whole: bool
) -> tuple[QueueState, int]:
    """A trade through our price fills us; one at it moves us up, below 0 if it must."""
    if side * (price - trade_price) > 0:
        return place, place.remaining
    ahead = place.ahead - float(lots)
    filled = place.remaining if -ahead >= 0.5 else 0  # rounded, half a lot is one
    return QueueState(0.0 if filled > 0 else ahead, place.behind, place.remaining), filled


def reached(
    place: QueueState, side: int, price: int, opposite: int, lots: int, whole: bool
) -> tuple[QueueState, int]:
    """The other side's best at our price fills us."""
    return place, place.remaining


def changed(place: QueueState, displayed_before: int, displayed: int, model: QueueModel) -> QueueState:
    """Share a cancellation; `ahead + behind` is what was displayed before, less what has traded since."""
    ahead, size = place.ahead, float(displayed)
    cancelled = (
        math.floor(ahead + place.behind + 0.5) - size
    )  # whole lots, which the peer sums without a fraction
    if model.kind != 0 and cancelled >= 0.0:
        behind = displayed_before - ahead
        share = _share_behind(ahead, behind, model)
        ahead = ahead - (1.0 - share) * cancelled + min(behind - share * cancelled, 0.0)
    # Of a number and NaN the peer's minimum is the number.
    ahead = size if math.isnan(ahead) else min(ahead, size)
    return QueueState(ahead, size - ahead, place.remaining)


def _share_behind(ahead: float, behind: float, model: QueueModel) -> float:
    if model.kind == 1:
        before, after = math.log(1.0 + ahead), math.log(1.0 + behind)
    else:
        before, after = math.pow(ahead, model.exponent), math.pow(behind, model.exponent)
    return after / (after + before) if after + before != 0.0 else math.nan
