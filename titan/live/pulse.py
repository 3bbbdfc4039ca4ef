"""What keeps a session going: inputs taken in, timers fired when due, the first fault kept, the end noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from titan.live.inbox import Inbox
from titan.live.lockstep import Mailbox
from titan.live.outbox import Outbox
from titan.live.session import Session
from titan.model.events import JournalledEvent, StreamState, TopsLeftOut
from titan.venues.adapter import Sinks
from titan.venues.binance_streams import replaceable, symbol_of_tops

TIMER_LIMIT_S = 0.5
"""The longest wait between two looks at the timers: a machine's clock may be set."""


class Pulse:
    """Drives one session.

    Parameters
    ----------
    session : Session
        Stepped by whatever arrives.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.stopped = asyncio.Event()
        self._wake = asyncio.Event()
        self.fault: BaseException | None = None
        self.inboxes: dict[str, Inbox] = {}
        """Market frames of each venue on their way."""
        session.timer_set = self._wake.set

    def ingest(self, make: Callable[[int], JournalledEvent]) -> None:
        """Take in an event made for this moment."""
        self.guard(lambda: self._session.ingest(make(self._session.clock.now_ns())))

    def guard(self, act: Callable[[], None]) -> None:
        """A fault inside a callback must end the session, not vanish in a socket's task."""
        if self._session.ended is not None:
            return
        try:
            act()
        # Whatever it is, it is ours: it is kept and raised again where the session is run.
        except Exception as error:
            self.fail(error)
        self._look()

    def fail(self, error: BaseException) -> None:
        """Keep the first fault and end."""
        self.fault = self.fault or error
        self.end()

    def end(self) -> None:
        """Let `beat` return."""
        self.stopped.set()
        self._wake.set()

    def _look(self) -> None:
        if self._session.ended is not None:
            self.end()

    def sinks(self, venue: str, mailbox: Mailbox | None = None) -> Sinks:
        """Where the streams of a venue deliver: at once, or held in the mailbox for their round in lock-step."""
        session = self._session

        def market(payload: bytes, heard_ns: int) -> None:
            self.guard(lambda: session.ingest_frame(venue, payload, heard_ns))

        def left_out(channel: bytes) -> None:
            symbol = symbol_of_tops(channel)
            if symbol:
                self.ingest(lambda now_ns: TopsLeftOut(time_ns=now_ns, venue=venue, symbol=symbol))

        def private(events: list[JournalledEvent]) -> None:
            for event in events:
                self.guard(lambda event=event: session.ingest(event))  # type: ignore[misc]

        if mailbox is None:
            inbox = self.inboxes[venue] = Inbox(market, replaceable, left_out)
            return Sinks(
                inbox.put, private, lambda event: self.guard(lambda: session.ingest(event)), self.fail
            )

        def stream(event: JournalledEvent) -> None:
            if isinstance(event, StreamState) and not event.up:
                mailbox.lose(event.reason)
            self.guard(lambda: session.ingest(event))

        return Sinks(
            lambda payload: mailbox.put_public(lambda: market(payload, 0)),
            lambda events: mailbox.put_private(lambda: private(events)),
            stream,
            self.fail,
        )

    async def beat(self, outbox: Outbox, each: Callable[[], None] = lambda: None) -> None:
        """Fire timers until the session has ended or failed; `each` is called at every look."""
        session = self._session
        while not self.stopped.is_set():
            each()
            self.guard(session.fire_due)
            due = session.timers.next_ns
            wait_s = TIMER_LIMIT_S if due is None else (due - session.clock.now_ns()) / 1e9
            await self._wait(min(max(wait_s, 0.0), TIMER_LIMIT_S), outbox)

    async def _wait(self, seconds: float, outbox: Outbox) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()
        if outbox.fault is not None:
            self.fail(outbox.fault)
        self._look()
