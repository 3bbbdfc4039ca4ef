"""The loopback exchange as a child process of the runner."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from types import TracebackType

from titan.live.errors import StartRefused

START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 5.0
PROGRAM = (sys.executable, "-m", "titan.cli", "exchange", "--port", "0", "--until-stdin-ends")


class ChildExchange:
    """Runs ``titan exchange --port 0`` while the context is open.

    It is kept out of the terminal's process group, so that Ctrl-C reaches the runner alone, which then still finds an
    exchange to cancel at; and it ends when our end of its standard input closes, however we die.

    Parameters
    ----------
    arguments : list of str
        Further arguments: ``--replay``, ``--speed``, ``--seed``.
    say : function of str
        Takes each line that it writes on standard error once its port is open; what it says before, it says of a
        start that failed, and stands in `StartRefused`.
    program : sequence of str
        What is started.
    """

    def __init__(
        self, arguments: list[str], say: Callable[[str], object], program: tuple[str, ...] = PROGRAM
    ) -> None:
        self._command = [*program, *arguments]
        self._say = say
        self._process: Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._said: list[str] = []
        self.port = 0

    async def __aenter__(self) -> ChildExchange:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
        self._process = process
        self._listener = asyncio.create_task(self._listen(_pipe(process.stderr)))
        try:
            line = await asyncio.wait_for(_pipe(process.stdout).readline(), START_TIMEOUT_S)
        except TimeoutError:
            await self._end()
            raise StartRefused(
                f"the loopback exchange did not open its port within {START_TIMEOUT_S:g} s"
            ) from None
        except asyncio.CancelledError:
            await self._end()
            raise
        if not line:
            code = await process.wait()
            await self._listener
            why = self._said[-1] if self._said else f"it ended with code {code} and said nothing"
            raise StartRefused(f"the loopback exchange does not start: {why.removeprefix('exchange: ')}")
        self.port = int(json.loads(line)["port"])
        for said in self._said:
            self._say(said)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def wait(self) -> int:
        """Return its exit code once it has ended by itself."""
        if self._process is None:
            raise RuntimeError("the exchange is waited for before it was started")
        return await self._process.wait()

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        async for raw in stream:
            line = raw.decode(errors="replace").rstrip()
            if self.port:
                self._say(line)
            elif line:
                self._said.append(line)

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), END_TIMEOUT_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._listener is not None:
            await self._listener


def _pipe(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
    if stream is None:
        raise StartRefused("the loopback exchange has no pipe to us; this is a fault of the runner")
    return stream
