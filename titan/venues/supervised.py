"""Tasks that run for as long as a connection: one that dies tells of it, for nobody awaits it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


def supervised(work: Coroutine[Any, Any, None], fault: Callable[[BaseException], None]) -> asyncio.Task[None]:
    """Start a task; `fault` is called with what it dies of, and not where it is cancelled."""
    task = asyncio.get_running_loop().create_task(work)

    def done(ended: asyncio.Task[None]) -> None:
        error = None if ended.cancelled() else ended.exception()
        if error is not None:
            fault(error)

    task.add_done_callback(done)
    return task
