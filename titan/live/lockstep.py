"""Lock-step replay: the exchange's clock moves only when everything that its last move caused is done.

A round is: timers due, public frames, private frames, then commands one by one with their answers, until nothing is
left. The order never depends on which socket was faster, so two runs are the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal

import aiohttp
import msgspec

from titan.live.errors import CLEAN, INTERNAL, StartRefused
from titan.live.outbox import Outbox
from titan.live.session import Session
from titan.model.clock import SetClock


class ControlMessage(msgspec.Struct):
    """What the exchange says on its control socket; frame counts are totals since the runner connected."""

    op: Literal["advance", "settle", "end"]
    now_ns: int = 0
    public: int = 0
    private: int = 0


class StreamLost(ConnectionError):
    """A stream ended in the middle of a lock-step session: frames are missing that will never come."""


class Mailbox:
    """Frames as they come from the sockets, held until their round.

    Frames are counted as they arrive and taken in order, public ones before private ones.
    """

    def __init__(self) -> None:
        self._public: deque[Callable[[], None]] = deque()
        self._private: deque[Callable[[], None]] = deque()
        self.taken_public = 0
        self.taken_private = 0
        self._arrived = asyncio.Event()
        self._lost = ""

    def put_public(self, handle: Callable[[], None]) -> None:
        """Hold a public frame."""
        self._public.append(handle)
        self._arrived.set()

    def put_private(self, handle: Callable[[], None]) -> None:
        """Hold a private frame."""
        self._private.append(handle)
        self._arrived.set()

    def lose(self, reason: str) -> None:
        """A stream is down: what has not arrived yet never will."""
        self._lost = reason
        self._arrived.set()

    async def wait_for(self, public: int, private: int) -> None:
        """Return once these totals have arrived.

        Raises
        ------
        StreamLost
            If they cannot arrive any more.
        """
        while (
            self.taken_public + len(self._public) < public
            or self.taken_private + len(self._private) < private
        ):
            if self._lost:
                raise StreamLost(self._lost)
            self._arrived.clear()
            await self._arrived.wait()

    @property
    def waiting(self) -> int:
        """Frames that have arrived and are not taken."""
        return len(self._public) + len(self._private)

    def take_all(self) -> None:
        """Handle everything that has arrived."""
        self.take(self.taken_public + len(self._public), self.taken_private + len(self._private))

    def take(self, public: int, private: int) -> None:
        """Handle frames up to these totals."""
        while self.taken_public < public:
            self.taken_public += 1
            self._public.popleft()()
        while self.taken_private < private:
            self.taken_private += 1
            self._private.popleft()()


async def follow(
    url: str,
    session: Session,
    outbox: Outbox,
    mailbox: Mailbox,
    clock: SetClock,
    on_end: Callable[[str, int], Awaitable[None]],
) -> None:
    """Follow the exchange's control socket until the session has ended.

    Parameters
    ----------
    url : str
        The control socket, on this machine.
    on_end : function
        Called with a reason and an exit code when the capture is over or the exchange is gone: requests the stop.

    Raises
    ------
    StartRefused
        If another runner holds the exchange's lock-step.
    """
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, heartbeat=None, timeout=aiohttp.ClientWSTimeout()) as socket,
    ):
        hello = await socket.receive_json()
        if "error" in hello:
            raise StartRefused(f"{url}: {hello['error']}")
        await work(session, outbox)
        try:
            over = await _rounds(socket, session, outbox, mailbox, clock)
        except ConnectionError as error:
            over = (f"the exchange in lock-step is gone: {error}", INTERNAL)
    if session.ended is None:
        await on_end(*over)
        await run_out(session, outbox, clock)


async def _rounds(
    socket: aiohttp.ClientWebSocketResponse,
    session: Session,
    outbox: Outbox,
    mailbox: Mailbox,
    clock: SetClock,
) -> tuple[str, int]:
    """Go round after round; returns why there is no other, and the exit code for it."""
    await socket.send_json({"op": "start"})
    async for raw in socket:
        message = msgspec.json.decode(raw.data, type=ControlMessage)
        if message.op == "end":
            return "the capture is over", CLEAN
        await mailbox.wait_for(message.public, message.private)
        clock.set(message.now_ns)
        session.fire_due()
        mailbox.take(message.public, message.private)
        await work(session, outbox)
        if session.ended is not None:
            return session.ended.reason, session.ended.exit_code
        drained = {"op": "drained", "public": mailbox.taken_public, "private": mailbox.taken_private}
        await socket.send_json(drained)
    raise StreamLost("it closed the control socket")


async def work(session: Session, outbox: Outbox) -> None:
    """Carry out commands and what they lead to, until nothing is left to do."""
    while session.ended is None and await outbox.run():
        pass


async def run_out(session: Session, outbox: Outbox, clock: SetClock) -> None:
    """After the last frame only timers move the clock: let them, until the session has ended."""
    await work(session, outbox)
    while session.ended is None and (due := session.timers.next_ns) is not None:
        clock.set(due)
        session.fire_due()
        await work(session, outbox)
