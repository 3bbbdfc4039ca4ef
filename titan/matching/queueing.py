"""Place in a recorded queue, event by event."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

QueueModel = Literal["risk_averse", "power", "logarithmic"]


class QueueState(NamedTuple):
    """Recorded lots ahead of and behind an order."""

    ahead: float
    behind: float


def on_trade(state: QueueState, traded: float) -> tuple[QueueState, float]:
    """Consume the queue ahead; returns the new state and the lots that reach the order."""
    reached = max(traded - state.ahead, 0.0)
    return QueueState(max(state.ahead - traded, 0.0), state.behind), reached


def on_level_change(
    state: QueueState, old_size: float, new_size: float, traded: float, model: QueueModel, exponent: float
) -> QueueState:
    """Split what left a level beyond the trades between ahead and behind; additions go behind."""
    cancelled = max(old_size - traded - new_size, 0.0)
    ahead = state.ahead
    behind = max(old_size - traded - ahead, 0.0)
    if cancelled and model != "risk_averse":
        front, back = _weight(ahead, model, exponent), _weight(behind, model, exponent)
        share_behind = back / (front + back) if front + back else 0.0
        ahead -= cancelled * (1.0 - share_behind)
    ahead = min(max(ahead, 0.0), new_size)
    return QueueState(ahead, max(new_size - ahead, 0.0))


def _weight(size: float, model: QueueModel, exponent: float) -> float:
    return math.log1p(size) if model == "logarithmic" else float(size**exponent)
