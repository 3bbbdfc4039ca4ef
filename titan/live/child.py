"""The loopback exchange as a child process of the runner."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from types import TracebackType

from titan.live.errors import StartRefused

START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 5.0


class ChildExchange:
    """Runs ``titan exchange --port 0`` while the context is open.

    It is kept out of the terminal's process group, so that Ctrl-C reaches the runner alone, which then still finds an
    exchange to cancel at; and it ends when our end of its standard input closes, however we die.

    Parameters
    ----------
    arguments : list of str
        Further arguments: ``--replay``, ``--speed``, ``--seed``.
    """

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._process: Process | None = None
        self.port = 0

    async def __aenter__(self) -> ChildExchange:
        command = [sys.executable, "-m", "titan.cli", "exchange", "--port", "0", "--until-stdin-ends"]
        self._process = await asyncio.create_subprocess_exec(
            *command, *self._arguments, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        output = self._process.stdout
        if output is None:
            raise StartRefused("the loopback exchange has no standard output; this is a fault of the runner")
        try:
            line = await asyncio.wait_for(output.readline(), START_TIMEOUT_S)
        except TimeoutError:
            await self._end()
            raise StartRefused(
                f"the loopback exchange did not open its port within {START_TIMEOUT_S:g} s"
            ) from None
        if not line:
            code = await self._process.wait()
            text = (
                f"the loopback exchange ended with code {code} before it opened its port; see the line above"
            )
            raise StartRefused(text)
        self.port = int(json.loads(line)["port"])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), END_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
