"""An event loop whose time passes only when nobody has anything to do: hours in seconds, and the same every time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class NothingLeftToDo(RuntimeError):
    """Every task waits for something that no timer will ever bring: a deadlock, found at once."""


class _Jump(selectors.SelectSelector):
    """Waits by letting the loop's time pass."""

    passed: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise NothingLeftToDo("every task waits and no timer is set")
        if timeout > 0:
            self.passed(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop in virtual time, without sockets and threads; its `time` begins at 0, in seconds."""

    def __init__(self) -> None:
        self._now_s = 0.0
        selector = _Jump()
        selector.passed = self._pass
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now_s

    def _pass(self, seconds: float) -> None:
        self._now_s += seconds


class VirtualClock:
    """The session's and the exchange's clock on a virtual loop.

    Parameters
    ----------
    loop : asyncio loop
        Whose time it shows.
    start_ns : int
        What it shows at the loop's 0, ns UTC.
    """

    name = "virtual"
    speed = 1.0

    def __init__(self, loop: asyncio.AbstractEventLoop, start_ns: int) -> None:
        self._loop = loop
        self._start_ns = start_ns

    def now_ns(self) -> int:
        """Ns UTC."""
        return self._start_ns + round(self._loop.time() * 1e9)
