"""Faults that wait for an order in a certain state: each trial aims one at its cell of the table, so that all are met.

By chance alone some meetings are too rare to be counted: a partial fill lasts for a moment, and so does a cancel.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from titan.chaos.coverage import STATES, UNREACHABLE, Cell
from titan.loopback.faults import Fault, Kind
from titan.model.orders import OrderState

FIRST_S, LAST_S = 4.0, 22.0
"""From when on a fault waits, seconds."""

DELAY_S = 3.0
"""By how much an aimed call or frame is late, and how long a pause or a ban lasts: within what a request may be old."""

LASTS_S = 3.0
"""How long an aimed outage, halt or silence lasts."""

DELAYED = {Kind.DELAY_CALL, Kind.LATE_ANSWER, Kind.DELAY_FRAME, Kind.RATE_LIMITED, Kind.BANNED}
LASTING = {Kind.RESTART, Kind.RESTART_LOSING_ORDERS, Kind.HALT, Kind.SILENCE_STREAM}

SELDOM: Mapping[Cell, int] = {
    (Kind.LYING_SNAPSHOT, OrderState.PARTIALLY_FILLED): 6,
    (Kind.LYING_SNAPSHOT, OrderState.PENDING_AMEND): 6,
    (Kind.LYING_SNAPSHOT, OrderState.OPEN): 2,
    (Kind.RESTART, OrderState.PENDING_CANCEL): 3,
}
"""Cells that a trial often misses, and how many trials aim at them for one at each other."""

CELLS: tuple[Cell, ...] = tuple(
    (kind, state)
    for state in STATES
    for kind in Kind
    if (kind, state) not in UNREACHABLE
    for _ in range(SELDOM.get((kind, state), 1))
)


class Aim(NamedTuple):
    """A fault of the plan that strikes only where it meets an order in this state."""

    fault: Fault
    state: OrderState


class Scene(NamedTuple):
    """What a trial aims at, and what else goes wrong so that orders come into that state at all."""

    aims: tuple[Aim, ...]
    faults: tuple[Fault, ...] = ()
    acts: tuple[tuple[float, str], ...] = ()
    slow_disk: bool = False


def aimed(seed: int) -> Scene:
    """What a trial aims at: its cell, some times, each from some moment on."""
    kind, state = Kind(CELLS[seed % len(CELLS)][0]), OrderState(CELLS[seed % len(CELLS)][1])
    draw = random.Random(f"{seed} aims")
    last_s = FIRST_S if (kind, state) in SELDOM else LAST_S
    # No two alike: a fault is known by what it says.
    times = sorted(
        round(draw.uniform(FIRST_S, last_s), 3) + 0.001 * number
        for number in range(1 if kind in LASTING else 3)
    )
    aims = tuple(Aim(_fault(kind, at_s), state) for at_s in times)
    if kind is Kind.LYING_SNAPSHOT:
        return _resynced(aims, state)
    if (kind, state) == (Kind.DUPLICATE_ID, OrderState.PENDING_CANCEL):
        return Scene(aims, acts=_back_and_forth("pause", 1.5, 0.6), slow_disk=True)
    if (kind, state) == (Kind.UNKNOWN_RESULT, OrderState.UNKNOWN):
        doubt = _of_calls(Kind.SERVER_ERROR_AFTER, "PUT /fapi/v1/order", share=0.3)
        return Scene(aims, (doubt,), _back_and_forth("pause", 1.5, 0.6), slow_disk=True)
    return Scene(aims)


def _fault(kind: Kind, at_s: float) -> Fault:
    return Fault(
        kind=kind,
        at_s=at_s,
        for_s=LASTS_S if kind in LASTING else 0.0,
        delay_s=DELAY_S if kind in DELAYED else 0.0,
    )


def _resynced(aims: tuple[Aim, ...], state: OrderState) -> Scene:
    """The book is lost again and again. Quotes are cancelled then: only an exit's orders stay, and slow placements."""
    times = (FIRST_S + 0.5 * number for number in range(44))
    gaps = tuple(Fault(kind=Kind.LOSE_FRAME, at_s=at_s, stream="market") for at_s in times)
    slow = {OrderState.INTENT: "POST /fapi/v1/order", OrderState.PENDING_AMEND: "PUT /fapi/v1/order"}
    late = (_of_calls(Kind.DELAY_CALL, slow[state], share=0.7),) if state in slow else ()
    if state in {OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.PENDING_AMEND}:
        acts = _back_and_forth("flatten", 5.0, 4.0)
        drops = (at_s + later_s for at_s, act in acts if act == "flatten" for later_s in (0.2, 1.2))
        gaps = tuple(Fault(kind=Kind.DROP_STREAM, at_s=at_s, stream="market") for at_s in drops)
        return Scene(aims, (*late, *gaps), acts)
    return Scene(aims, (*late, *gaps))


def _of_calls(kind: Kind, call: str, share: float) -> Fault:
    return Fault(kind=kind, at_s=FIRST_S, for_s=20.0, share=share, delay_s=1.0, call=call)


def _back_and_forth(act: str, every_s: float, for_s: float) -> tuple[tuple[float, str], ...]:
    """An operator acts and resumes, again and again."""
    times = [FIRST_S + every_s * number for number in range(round(18.0 / every_s))]
    return tuple(pair for at_s in times for pair in ((at_s, act), (at_s + for_s, "resume")))


class Marksman:
    """Holds a fault back until it meets what it is aimed at, or until it is too late to begin.

    Parameters
    ----------
    aims : iterable of Aim
        The trial's.
    until_s : float
        When the last thing that goes wrong must be over, seconds from the trial's beginning.
    """

    def __init__(self, aims: Iterable[Aim], until_s: float) -> None:
        self._states = {aim.fault: aim.state for aim in aims}
        self._until_s = until_s

    def may(self, fault: Fault, met: Iterable[OrderState], elapsed_s: float) -> bool:
        """Whether a fault that is due may strike where it meets orders in these states."""
        wanted = self._states.get(fault)
        if wanted is None:
            return True
        return wanted in set(met) and elapsed_s + max(fault.for_s, fault.delay_s) < self._until_s
