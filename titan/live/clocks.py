"""The session's clock: the machine's, or the loopback exchange's own."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import msgspec

from titan.live.errors import StartRefused
from titan.model.clock import Clock, SetClock


class Hello(msgspec.Struct, frozen=True):
    """What a loopback exchange says first on its control socket."""

    clock: str
    now_ns: int
    speed: float
    instance: str


class ScaledClock:
    """Runs `speed` times as fast as the machine's clock, from the moment it is made.

    Parameters
    ----------
    start_ns : int
        What it shows then, ns UTC.
    speed : float
        1 for a venue that lives in our own time.
    """

    def __init__(self, start_ns: int, speed: float) -> None:
        self._start_ns = start_ns
        self._speed = speed
        self._made_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Ns UTC on the venue's time line; never goes back, whatever is done to the machine's clock."""
        return self._start_ns + int((time.monotonic_ns() - self._made_ns) * self._speed)


class _Refusal(msgspec.Struct, frozen=True):
    """What it says instead when another runner holds its lock-step."""

    error: str


def _hello(control_url: str, data: str) -> Hello:
    try:
        return msgspec.json.decode(data, type=Hello)
    except msgspec.ValidationError:
        refusal = msgspec.json.decode(data, type=_Refusal)
    raise StartRefused(f"{control_url}: {refusal.error}")


async def session_clock(control_url: str) -> tuple[Clock, Hello]:
    """Ask a loopback exchange for its time and make a clock that follows it.

    Raises
    ------
    StartRefused
        If nobody answers there, or it is no loopback exchange.
    """
    try:
        async with aiohttp.ClientSession() as http, http.ws_connect(control_url) as socket:
            asked_ns = time.monotonic_ns()
            message = await asyncio.wait_for(socket.receive(), 5)
            hello = _hello(control_url, message.data)
            travelled_ns = (time.monotonic_ns() - asked_ns) // 2
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StartRefused(
            f"no exchange answers at {control_url} ({type(error).__name__}); start 'titan exchange' there, "
            "or leave rest_url empty so that one is started for you"
        ) from None
    except (msgspec.DecodeError, TypeError):
        raise StartRefused(f"{control_url} is no loopback exchange; mode loopback needs one") from None
    if hello.clock == "lockstep":
        return SetClock(hello.now_ns), hello
    return ScaledClock(hello.now_ns + int(travelled_ns * hello.speed), hello.speed), hello


class MachineClock:
    """The machine's own clock, which follows the network's time and may be set."""

    def now_ns(self) -> int:
        """Integer ns UTC."""
        return time.time_ns()
