"""Which call, frame or moment a plan of faults hits: asked by whatever carries calls and frames."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

from titan.loopback.faults import ACT_KINDS, CALL_KINDS, FRAME_KINDS, Fault, Kind, Plan

_S = 1_000_000_000
BUILT_FOR_CALLS = {
    Kind.DUPLICATE_ID: ("POST /fapi/v1/order",),
    Kind.LYING_SNAPSHOT: ("GET /fapi/v1/depth",),
    Kind.UNKNOWN_RESULT: ("POST /fapi/v1/order", "PUT /fapi/v1/order", "DELETE /fapi/v1/order"),
}
"""Kinds that mean something for some calls alone."""


class FaultGate:
    """Follows a plan.

    Parameters
    ----------
    plan : Plan
        What goes wrong, and the seed.
    start_ns : int
        The exchange's start, from which the plan's times count.
    """

    def __init__(self, plan: Plan, start_ns: int) -> None:
        self._start_ns = start_ns
        self._random = random.Random(plan.seed)
        self._calls = [fault for fault in plan.faults if fault.kind in CALL_KINDS]
        self._outages = [
            fault
            for fault in self._calls
            if fault.kind is Kind.REFUSE_CONNECTION and fault.for_s > 0 and not fault.call
        ]
        self._frames = [fault for fault in plan.faults if fault.kind in FRAME_KINDS]
        self._silences = [fault for fault in plan.faults if fault.kind is Kind.SILENCE_STREAM]
        self._acts = sorted((f for f in plan.faults if f.kind in ACT_KINDS), key=lambda fault: fault.at_s)
        self._waiting: list[Fault] = []
        self._spent: set[int] = set()
        self._away_until_ns = 0
        self.hits: Counter[Kind] = Counter()
        """How often each kind has struck."""
        self.struck: Callable[[Fault, str], None] = lambda fault, on: None
        """Told of each: the fault, and the client id or the stream that it struck; empty for the exchange itself."""
        self.may: Callable[[Fault, str], bool] = lambda fault, on: True
        """Asked before each in the same words; one that may not strike now waits until it may."""

    # ---- Calls

    def call(self, now_ns: int, method: str, path: str, client_id: str = "") -> Fault | None:
        """The fault of this call, the first of the plan that fits; None if it goes well."""
        if self.refuses(now_ns, client_id):
            return Fault(kind=Kind.REFUSE_CONNECTION)
        name = f"{method} {path}"
        for fault in self._calls:
            only = BUILT_FOR_CALLS.get(fault.kind)
            fits = (not fault.call or fault.call == name) and (only is None or name in only)
            if fits and self._strikes(fault, now_ns, client_id):
                return fault
        return None

    def unreachable(self, now_ns: int) -> bool:
        """Whether nobody can connect just now."""
        if now_ns < self._away_until_ns:
            return True
        return any(self._within(fault, now_ns) for fault in self._outages)

    def refuses(self, now_ns: int, client_id: str = "") -> bool:
        """Whether a call that would connect now is refused; that counts."""
        if not self.unreachable(now_ns):
            return False
        self.strike(Fault(kind=Kind.REFUSE_CONNECTION), client_id)
        return True

    def away(self, until_ns: int) -> None:
        """The exchange restarts and is back then."""
        self._away_until_ns = max(self._away_until_ns, until_ns)

    # ---- Frames

    def frame(self, now_ns: int, stream: str) -> Fault | None:
        """The fault of this frame; None if it arrives as it is."""
        for fault in self._frames:
            if fault.stream in {"", stream} and self._strikes(fault, now_ns, stream):
                return fault
        return None

    def silence(self, now_ns: int, stream: str, opened_ns: int) -> Fault | None:
        """What makes a connection of this stream, open since `opened_ns`, half dead: a new one would not be."""
        for fault in self._silences:
            before = opened_ns < self._at_ns(fault)
            if before and fault.stream in {"", stream} and self._within(fault, now_ns):
                return fault
        return None

    # ---- The exchange itself

    def next_act_ns(self) -> int | None:
        """When the exchange itself has its next fault; None if there is none, or it waits for what nobody can date."""
        return self._at_ns(self._acts[0]) if self._acts else None

    def due_acts(self, now_ns: int) -> Iterator[Fault]:
        """The acts that are due, each once; one that must wait is looked at again each time."""
        while self._acts and self._at_ns(self._acts[0]) <= now_ns:
            self._waiting.append(self._acts.pop(0))
        for fault in [fault for fault in self._waiting if self.may(fault, "")]:
            self._waiting.remove(fault)
            self.strike(fault, "")
            yield fault

    def end(self) -> None:
        """Nothing strikes any more, nor what still waits for a call or frame that fits."""
        self._calls.clear()
        self._frames.clear()
        self._acts.clear()
        self._waiting.clear()

    # ---- Pieces

    def _at_ns(self, fault: Fault) -> int:
        return self._start_ns + round(fault.at_s * _S)

    def _within(self, fault: Fault, now_ns: int) -> bool:
        begin_ns = self._at_ns(fault)
        return begin_ns <= now_ns and (fault.for_s == 0 or now_ns < begin_ns + round(fault.for_s * _S))

    def _strikes(self, fault: Fault, now_ns: int, on: str) -> bool:
        """Whether it hits this one. A fault of one moment hits the first that fits, and is spent."""
        if not self._within(fault, now_ns) or id(fault) in self._spent:
            return False
        if fault.share < 1.0 and self._random.random() >= fault.share:
            return False
        if not self.may(fault, on):
            return False
        if fault.for_s == 0:
            self._spent.add(id(fault))
        self.strike(fault, on)
        return True

    def strike(self, fault: Fault, on: str) -> None:
        """Count a fault that strikes, and tell of it."""
        self.hits[fault.kind] += 1
        self.struck(fault, on)
