"""Market frames on their way to a session that may be behind: the newest counts, the book's chain never breaks.

A frame is handed on at once while the session keeps up. Behind a burst frames wait, so that orders, timers and the
private stream are served in between; of what waits, a channel that only tells the present keeps its newest frame alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

MOST_AT_ONCE = 50
"""Frames that are handed on before anything else gets its turn."""

MOST_WAITING = 20_000
"""Frames that may wait. Beyond it all of them are dropped: their books show a gap, and are read anew."""


class Inbox:
    """Between one venue's market stream and the session.

    Parameters
    ----------
    deliver : function of bytes and int
        Takes a frame, and the perf-counter ns at which it was received.
    replaceable : function of bytes
        Names the channel of a frame that a newer one makes void; empty for any other frame.
    left_out : function of bytes
        Takes the name of a channel of which frames were left out, right before the next frame of it.
    """

    def __init__(
        self,
        deliver: Callable[[bytes, int], None],
        replaceable: Callable[[bytes], bytes],
        left_out: Callable[[bytes], None] = lambda channel: None,
    ) -> None:
        self._deliver = deliver
        self._replaceable = replaceable
        self._left_out = left_out
        self._waiting: dict[bytes | int, tuple[bytes, int]] = {}
        self._broken: set[bytes] = set()
        self._names = 0
        self._turn: asyncio.Handle | None = None
        self._in_turn = 0
        self.conflated = 0
        """Frames that a newer one made void before the session took them."""
        self.dropped = 0
        """Frames that were dropped because too many waited."""

    def put(self, payload: bytes) -> None:
        """Hand on a frame, now or in a later turn of the event loop."""
        heard_ns = time.perf_counter_ns()
        if self._turn is None:
            self._in_turn = 0
            self._turn = asyncio.get_running_loop().call_soon(self._next_turn)
        if not self._waiting and self._in_turn < MOST_AT_ONCE:
            self._in_turn += 1
            self._hand_on(payload, heard_ns)
            return
        channel = self._replaceable(payload)
        if channel and self._waiting.pop(channel, None) is not None:
            self.conflated += 1
            self._broken.add(channel)
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += len(self._waiting)
            self._broken.update(name for name in self._waiting if isinstance(name, bytes))
            self._waiting.clear()
        self._names += 1
        self._waiting[channel or self._names] = payload, heard_ns

    def _next_turn(self) -> None:
        self._turn = None
        if not self._waiting:
            return
        self._in_turn = MOST_AT_ONCE
        self._turn = asyncio.get_running_loop().call_soon(self._next_turn)
        for name in list(self._waiting)[:MOST_AT_ONCE]:
            self._hand_on(*self._waiting.pop(name))

    def _hand_on(self, payload: bytes, heard_ns: int) -> None:
        if self._broken and (channel := self._replaceable(payload)) in self._broken:
            self._broken.discard(channel)
            self._left_out(channel)
        self._deliver(payload, heard_ns)

    @property
    def waiting(self) -> int:
        """Frames that wait."""
        return len(self._waiting)
