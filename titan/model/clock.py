"""Where time enters: everything above the engine asks a `Clock`, the engine asks nobody."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The session's time."""

    def now_ns(self) -> int:
        """Integer ns UTC on the session's own time line."""
        ...


class SetClock:
    """Stands still until it is set: the clock of a replay, moved by what is replayed."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """The moment last set, ns UTC."""
        return self._now_ns

    def set(self, now_ns: int) -> None:
        """Move forward; time never goes back."""
        self._now_ns = max(self._now_ns, now_ns)
