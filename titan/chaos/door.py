"""When the exchange refuses everything, and what may be sent all the same: nothing through a ban, some cancels
through a pause.
"""

from __future__ import annotations

from collections.abc import Callable

from titan.chaos.world import World
from titan.loopback.faults import Fault, Kind
from titan.venues.weights import RateLimits

IN_FLIGHT_S = 0.5
"""Calls that were on their way when the exchange shut its door still arrive."""

MOST_CANCELS = RateLimits().cancels_limited
"""Of a pause: a quote that cannot be moved must not stay where it was."""

SHUT = {Kind.RATE_LIMITED, Kind.BANNED}
CUTS = {Kind.RESTART, Kind.RESTART_LOSING_ORDERS}
"""Faults that lose what is on its way: a refusal among it, of which nobody hears then."""


class Door:
    """The exchange's door, and who knocks while it is shut.

    Parameters
    ----------
    world : World
        Whose clock counts.
    violated : function of str
        Takes note of a promise that was not kept.
    """

    def __init__(self, world: World, violated: Callable[[str], None]) -> None:
        self._world = world
        self._violated = violated
        self._late_s = 0.0
        self.begin()

    def begin(self) -> None:
        """A new life knows of nothing that its predecessor was told."""
        self._shut_s: list[tuple[Kind, float, float]] = []
        self._cancels = 0

    def struck(self, fault: Fault) -> None:
        """Take note of a fault that shuts the door, or that keeps a call, or the word of a shut door, on its way."""
        now_s = self._world.elapsed_s
        if fault.kind in CUTS:
            self._shut_s = [shut for shut in self._shut_s if shut[1] <= now_s]
        if fault.kind is Kind.DELAY_CALL:
            self._late_s = max(self._late_s, now_s + fault.delay_s + IN_FLIGHT_S)
        if fault.kind in SHUT and not self._cut_off():
            if all(now_s >= end_s for _, _, end_s in self._shut_s):
                self._cancels = 0
            self._shut_s.append((fault.kind, now_s + IN_FLIGHT_S, now_s + max(int(fault.delay_s), 1)))

    def _cut_off(self) -> bool:
        """Whether the exchange is out of reach before its answer can have arrived."""
        arrived_ns = self._world.desk.clock.now_ns() + round(IN_FLIGHT_S * 1e9)
        return self._world.gate.unreachable(arrived_ns)

    def knocked(self, verb: str, path: str) -> None:
        """A call has arrived: none may while the door is shut, but for the first cancels of a pause."""
        now_s = self._world.elapsed_s
        shut = {kind for kind, begin_s, end_s in self._shut_s if begin_s < now_s < end_s}
        if not shut or now_s <= self._late_s:
            return
        if verb == "DELETE" and Kind.BANNED not in shut:
            self._cancels += 1
            if self._cancels <= MOST_CANCELS:
                return
        self._violated(f"{verb} {path}: sent although the venue refuses all requests just now")
