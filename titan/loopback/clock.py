"""The exchange's clock: it stamps everything served. Only here does this room read the machine's."""

from __future__ import annotations

import time
from typing import Protocol


class ExchangeClock(Protocol):
    """Integer ns UTC on the exchange's own time line."""

    @property
    def name(self) -> str: ...

    @property
    def speed(self) -> float: ...

    def now_ns(self) -> int: ...


class WallClock:
    """The machine's own time."""

    name = "wall"
    speed = 1.0

    def now_ns(self) -> int:
        """Nanoseconds UTC."""
        return time.time_ns()


class ScaledClock:
    """Starts at `start_ns` when made and runs `speed` times as fast as the machine's."""

    name = "scaled"

    def __init__(self, start_ns: int, speed: float) -> None:
        self.speed = speed
        self._start_ns = start_ns
        self._made_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Nanoseconds UTC."""
        return self._start_ns + int((time.monotonic_ns() - self._made_ns) * self.speed)


class LockstepClock:
    """Stands still until it is set: the lock-step driver owns it."""

    name = "lockstep"
    speed = 0.0

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """Nanoseconds UTC."""
        return self._now_ns

    def set(self, now_ns: int) -> None:
        """Move forward; time never goes back."""
        self._now_ns = max(self._now_ns, now_ns)
