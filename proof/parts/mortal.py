"""The runner in a process that is killed at one of its points: a journal write or sync, a send, a receive.

The process is ``titan-live`` but for two seams. Its disk keeps what was written in memory until it is synced, so that
SIGKILL loses what a power failure would; and its event loop counts what goes over its connections. At the point that
was drawn for it the process kills itself with SIGKILL: nothing is caught, closed or flushed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import titan.live.runner
import titan.store.writer
from titan.cli import main_live
from titan.store.disk import SystemDisk

POINTS = ("write", "sync", "send", "receive")


class Death(NamedTuple):
    """When it dies: at the `number`-th point of a kind, right before it or behind it.

    `torn` is the share of what was written and not synced that survives; of an unknown kind it never dies by itself.
    """

    point: str
    number: int = 0
    behind: bool = False
    torn: float = 0.0


class Mortality:
    """Counts points and kills."""

    def __init__(self, death: Death) -> None:
        self._death = death
        self._passed: Counter[str] = Counter()
        self.disk: MortalDisk | None = None

    def before(self, point: str) -> None:
        """A point is about to be passed."""
        self._passed[point] += 1
        if not self._death.behind:
            self._at(point)

    def behind(self, point: str) -> None:
        """It was passed."""
        if self._death.behind:
            self._at(point)

    def _at(self, point: str) -> None:
        if point == self._death.point and self._passed[point] == self._death.number:
            if self.disk is not None:
                self.disk.tear(self._death.torn)
            os.kill(os.getpid(), signal.SIGKILL)


class MortalDisk(SystemDisk):
    """Real files that hold what was synced and nothing else. The medium is not waited for: the crash is ours."""

    def __init__(self, mortality: Mortality) -> None:
        self._mortality = mortality
        self._held: dict[int, bytearray] = {}
        mortality.disk = self

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Hold the bytes."""
        self._mortality.before("write")
        self._held.setdefault(descriptor, bytearray()).extend(data)
        self._mortality.behind("write")
        return len(data)

    def fdatasync(self, descriptor: int) -> None:
        """Let the file have what was held."""
        self._mortality.before("sync")
        self._release(descriptor, 1.0)
        self._mortality.behind("sync")

    def tear(self, share: float) -> None:
        """Let each file have the first part of what it lacks."""
        for descriptor in list(self._held):
            self._release(descriptor, share)

    def _release(self, descriptor: int, share: float) -> None:
        held = self._held.pop(descriptor, bytearray())
        view = memoryview(held)[: int(len(held) * share)]
        while view:
            view = view[os.write(descriptor, view) :]


class MortalLoop(asyncio.SelectorEventLoop):
    """An event loop that counts what its outgoing connections send and receive."""

    def __init__(self, mortality: Mortality) -> None:
        super().__init__()
        self._mortality = mortality

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect, and count from there on."""
        transport, protocol = await super().create_connection(*args, **kwargs)
        transport.write = self._counted(transport.write, "send")  # type: ignore[method-assign]
        transport.writelines = self._counted(transport.writelines, "send")  # type: ignore[method-assign]
        protocol.data_received = self._counted(protocol.data_received, "receive")
        return transport, protocol

    def _counted(self, act: Any, point: str) -> Any:
        def counted(data: Any) -> None:
            self._mortality.before(point)
            act(data)
            self._mortality.behind(point)

        return counted


class _Policy(asyncio.DefaultEventLoopPolicy):
    def __init__(self, mortality: Mortality) -> None:
        super().__init__()
        self._mortality = mortality

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return MortalLoop(self._mortality)


def live(arguments: list[str], folder: Path, death: Death) -> None:
    """Be ``titan-live`` until death; standard output and error go to files in `folder`."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, descriptor)
        os.close(file)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    mortality = Mortality(death)
    setattr(titan.store.writer, "SystemDisk", lambda: MortalDisk(mortality))  # noqa: B010
    asyncio.set_event_loop_policy(_Policy(mortality))
    code = main_live(arguments)
    sys.stdout.flush()
    sys.exit(code)
