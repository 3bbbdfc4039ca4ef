"""What becomes of the frames of one connection under a plan: lost, doubled, reordered, spoiled, late, or silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from titan.loopback.clock import ExchangeClock
from titan.loopback.fault_answers import spoiled_frame
from titan.loopback.fault_gate import FaultGate
from titan.loopback.faults import Kind


class Sent(NamedTuple):
    """What goes out in place of a frame, in order, and how much later than it would, seconds of the machine."""

    frames: Sequence[bytes]
    delay_s: float = 0.0


class FrameFaults:
    """Follows one connection.

    Parameters
    ----------
    gate : FaultGate
        What goes wrong.
    stream : str
        ``market`` or ``private``.
    clock : ExchangeClock
        The exchange's: a silence is of the connections that were there before it.
    """

    def __init__(self, gate: FaultGate, stream: str, clock: ExchangeClock) -> None:
        self._gate = gate
        self._stream = stream
        self._clock = clock
        self._opened_ns = clock.now_ns()
        self._was_silent = False
        self.swallowed_ns = 0
        """When the silence that lasts swallowed its first frame; 0 if it has swallowed none, or none lasts."""
        self._held: bytes | None = None

    @property
    def silent(self) -> bool:
        """Whether the connection is half dead: nothing goes out any more, no answer to a ping either."""
        fault = self._gate.silence(self._clock.now_ns(), self._stream, self._opened_ns)
        if fault is not None and not self._was_silent:
            self._gate.strike(fault, self._stream)
        self._was_silent = fault is not None
        self.swallowed_ns *= self._was_silent
        return self._was_silent

    def take(self, payload: bytes) -> Sent:
        """What goes out in place of a frame."""
        now_ns = self._clock.now_ns()
        if self.silent:
            self.swallowed_ns = self.swallowed_ns or now_ns
            return Sent(())
        fault = self._gate.frame(now_ns, self._stream)
        kind = fault.kind if fault else None
        if kind is Kind.LOSE_FRAME:
            return Sent(())
        if kind is Kind.REORDER_FRAME and self._held is None:
            self._held = payload
            return Sent(())
        frames = [spoiled_frame(payload, kind)] * (2 if kind is Kind.DUPLICATE_FRAME else 1)
        if self._held is not None:
            frames.append(self._held)
            self._held = None
        late_s = fault.delay_s if fault and kind is Kind.DELAY_FRAME else 0.0
        return Sent(frames, late_s / self._clock.speed)
