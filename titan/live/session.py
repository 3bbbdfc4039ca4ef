"""One session: every input gets its number, is recorded, decoded and stepped; every command is recorded and handed on.

There is no decision here. The same loop serves live trading and lock-step replay.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable

from titan.engine.kernel import Kernel
from titan.model.clock import Clock
from titan.model.commands import AnyCommand, EndSession, OperatorAnswer, SetTimer
from titan.model.events import AnyEvent, InstrumentUpdate, JournalledEvent, TimerFired
from titan.store.writer import SessionWriter
from titan.wire.frames import FrameDecoder

Submit = Callable[[int, AnyCommand, int], None]
"""Takes (sequence number, command, perf-counter ns at which its cause was received)."""


class Timers:
    """Requested timers; a second request of the same name replaces the first."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def set(self, name: str, at_ns: int) -> None:
        """Wake at `at_ns`."""
        self._at[name] = at_ns
        heapq.heappush(self._heap, (at_ns, name))

    @property
    def next_ns(self) -> int | None:
        """When the next timer is due; None if there is none."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now_ns: int) -> str | None:
        """The next timer that is due, or None."""
        due = self.next_ns
        if due is None or due > now_ns:
            return None
        name = heapq.heappop(self._heap)[1]
        del self._at[name]
        return name


class Session:
    """Steps the kernel through a session's inputs.

    Parameters
    ----------
    kernel : Kernel
        The decisions.
    writer : SessionWriter
        Where inputs and commands are recorded.
    decoder : FrameDecoder
        Market frames to events.
    clock : Clock
        The session's clock.
    """

    def __init__(self, kernel: Kernel, writer: SessionWriter, decoder: FrameDecoder, clock: Clock) -> None:
        self.kernel = kernel
        self.writer = writer
        self.clock = clock
        self.timers = Timers()
        self.events = 0
        self.ended: EndSession | None = None
        self.timer_set: Callable[[], None] = lambda: None
        self.answered: Callable[[OperatorAnswer], None] = lambda answer: None
        self.submit: Submit = lambda seq, command, heard_ns: None
        self.observe: Callable[[AnyEvent, tuple[AnyCommand, ...], int, int], None] = lambda *observed: None
        self._decoder = decoder
        self._seq = 0

    @property
    def seq(self) -> int:
        """The number of the latest input."""
        return self._seq

    def ingest(self, event: JournalledEvent) -> None:
        """Take in anything but a market frame."""
        heard_ns = time.perf_counter_ns()
        self._seq += 1
        self.writer.append_event(self._seq, event)
        if isinstance(event, InstrumentUpdate):
            self._decoder.learn(event.instrument)
        self._step(event, heard_ns)

    def ingest_frame(self, venue: str, payload: bytes, heard_ns: int = 0) -> None:
        """Take in a market frame as received, at `heard_ns` of the perf-counter or just now."""
        heard_ns = heard_ns or time.perf_counter_ns()
        now_ns = self.clock.now_ns()
        self._seq += 1
        self.writer.append_frame(self._seq, now_ns, venue, payload)
        event = self._decoder.decode(venue, payload, now_ns)
        if event is not None:
            self._step(event, heard_ns)

    def fire_due(self) -> None:
        """Fire every timer that is due, each at the moment it was asked for or now."""
        now_ns = self.clock.now_ns()
        while (name := self.timers.pop_due(now_ns)) is not None:
            self.ingest(TimerFired(time_ns=now_ns, name=name))

    def _step(self, event: AnyEvent, heard_ns: int) -> None:
        commands = self.kernel.step(event)
        decided_ns = time.perf_counter_ns()
        self.events += 1
        seq = self._seq
        for index, command in enumerate(commands):
            self.writer.append_command(seq, index, command)
        for command in commands:
            if isinstance(command, SetTimer):
                self.timers.set(command.name, command.at_ns)
                self.timer_set()
            elif isinstance(command, EndSession):
                self.ended = command
            elif isinstance(command, OperatorAnswer):
                self.answered(command)
            else:
                self.submit(seq, command, heard_ns)
        self.observe(event, commands, heard_ns, decided_ns)
