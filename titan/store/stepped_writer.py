"""The session's writer without a thread: the event loop makes its commits, so that a run in virtual time repeats."""

from __future__ import annotations

import asyncio

from titan.store.writer import SessionWriter

COMMIT_S = 0.001
"""How long a commit takes on the loop's clock once it is asked for."""


class SteppedWriter(SessionWriter):
    """A `SessionWriter` whose commits the running event loop makes; everything else is the same code."""

    commit_s = COMMIT_S
    _due: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Nothing to start."""

    def _noted(self) -> None:
        self._commit_within(max(self._flush_interval_s, self.commit_s))

    def _hasten(self) -> None:
        if not self._closing:
            self._commit_within(self.commit_s)

    def _commit_within(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._due is not None and self._due.when() <= loop.time() + seconds:
            return
        if self._due is not None:
            self._due.cancel()
        self._due = loop.call_later(seconds, self._step)

    def _step(self) -> None:
        self._due = None
        if self._ended:
            return
        try:
            if not self._is_empty():
                self._commit()
        except OSError as error:
            self._end_with(error)

    def _join(self) -> None:
        if self._due is not None:
            self._due.cancel()
        if not self._ended:
            self._run()

    def kill(self) -> None:
        """The process dies here: nothing more is written, nobody is told."""
        if self._due is not None:
            self._due.cancel()
        self._ended = True

    def _end_with(self, error: OSError) -> None:
        self._give_up(error)
        self._close_files(error)
        self._settle_waiters(ended=True)
