"""The estimating process as a child of the runner: asked on a fixed beat, ended when it fails, started anew.

Whatever becomes of it, quoting goes on: a result that does not come grows old, and [risk] max_estimate_age_s says what
that means.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec

from titan.live.risk_question import Answer, Question, Setup
from titan.live.risk_results import Ingest, event_of
from titan.venues.supervised import supervised

PROGRAM = (sys.executable, "-m", "titan.live.risk_process")
ANSWER_TIMEOUT_S = 10.0
"""Longest wait for an answer, the start of the process included; beyond it the process is ended."""
END_TIMEOUT_S = 1.0
"""Wait for the end of a process that has closed its output."""
WELL_AFTER = 3
"""Answers of one process after which those before it are forgotten: one that dies after each must not be hurried."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Pauses before a new start; they double while starts fail in a row."""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""An estimate takes one core at the most, and the same numbers come out in the same order."""
MOST_BYTES = 1 << 20
"""Of an answer."""
KEPT_BYTES = 500
"""Of what it said on standard error, for the note on its end."""


class ChildFailed(Exception):
    """What the process did wrong, in words."""


class RiskChild:
    """Keeps the process alive and hands over what it answers.

    Parameters
    ----------
    setup : Setup
        What it is started with.
    question : function of int
        Makes the question of this moment from its number; None where there is none to ask.
    ingest : callable
        Takes a function of the time that makes an event of the session.
    complain : callable
        Takes one line on what went wrong.
    program : sequence of str
        What is started.
    answer_timeout_s, first_pause_s : float
        See `ANSWER_TIMEOUT_S`, `FIRST_PAUSE_S`.
    """

    def __init__(
        self,
        setup: Setup,
        question: Callable[[int], Question | None],
        ingest: Ingest,
        complain: Callable[[str], object],
        program: tuple[str, ...] = PROGRAM,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._setup = setup
        self._question = question
        self._ingest = ingest
        self._complain = complain
        self._command = [*program, msgspec.json.encode(setup).decode()]
        self._timeout_s = answer_timeout_s
        self._first_pause_s = self._pause_s = first_pause_s
        self._number = 0
        self._problem = ""
        self.failures = 0
        """How often the process failed in this session."""
        self.pid = 0
        """Of the process that runs now; 0 while none does."""

    @asynccontextmanager
    async def kept(self, on_fault: Callable[[BaseException], None]) -> AsyncIterator[None]:
        """Keep the process while the context is open; `on_fault` takes a fault of ours."""
        keeping = supervised(self._keep(), on_fault)
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})

    async def _keep(self) -> None:
        # The first question is due after one period: before that there is nothing to say that is not assumed.
        await asyncio.sleep(self._setup.every_s)
        while True:
            failure = await self._live()
            self.failures += 1
            self._complain(
                f"the process that estimates risk {failure}; it is started anew in {self._pause_s:g} s"
            )
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    async def _live(self) -> str:
        """Start the process and ask it until it fails; what it did wrong."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True, limit=MOST_BYTES,
                env=os.environ | ONE_THREAD,
            )  # fmt: skip
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        said = bytearray()
        listening = asyncio.create_task(_listen(process, said))
        failure = ""
        try:
            self.pid = process.pid
            await self._ask_on_the_beat(process)
        except ChildFailed as error:
            failure = str(error)
        finally:
            self.pid = 0
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            await listening
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        return f"{failure}, its last words: {last}" if last else failure

    async def _ask_on_the_beat(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        due_s, answers = loop.time(), 0
        while True:
            self._number += 1
            question = self._question(self._number)
            if question is not None:
                self._take(await self._asked(process, question))
                answers += 1
            if answers >= WELL_AFTER:
                self._pause_s = self._first_pause_s
            due_s = max(due_s + self._setup.every_s, loop.time())
            with suppress(TimeoutError):
                code = await asyncio.wait_for(process.wait(), due_s - loop.time())
                raise ChildFailed(f"ended with {code}")

    async def _asked(self, process: Process, question: Question) -> Answer:
        """Its answer.

        Raises
        ------
        ChildFailed
            If it is late, or no answer to this question.
        """
        if process.stdin is None or process.stdout is None:
            raise TypeError("the process was started without pipes")
        try:
            async with asyncio.timeout(self._timeout_s):
                process.stdin.write(msgspec.json.encode(question) + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
        except TimeoutError:
            raise ChildFailed(f"did not answer within {self._timeout_s:g} s") from None
        except OSError:
            line = b""
        except ValueError:
            raise ChildFailed(f"answered more than {MOST_BYTES} bytes without an end") from None
        if not line:
            with suppress(TimeoutError):
                code = await asyncio.wait_for(process.wait(), END_TIMEOUT_S)
                raise ChildFailed(f"ended with {code}")
            raise ChildFailed("closed its output")
        try:
            answer = msgspec.json.decode(line, type=Answer)
        except msgspec.MsgspecError as error:
            raise ChildFailed(f"answered what is no result: {error}") from None
        if answer.number != question.number:
            raise ChildFailed(f"answered question {answer.number} to question {question.number}")
        return answer

    def _take(self, answer: Answer) -> None:
        """Hand the result over; a problem is told when it is a new one."""
        if answer.problem and answer.problem != self._problem:
            self._complain(f"{'risk result' if answer.result else 'no risk result'}: {answer.problem}")
        self._problem = answer.problem
        result = answer.result
        if result is not None:
            self._ingest(lambda now_ns, stated=result: event_of(stated, now_ns))  # type: ignore[misc]


async def _listen(process: Process, said: bytearray) -> None:
    """Keep the end of its standard error, however much that is, with or without lines."""
    if process.stderr is None:
        raise TypeError("the process was started without pipes")
    while chunk := await process.stderr.read(KEPT_BYTES):
        said += chunk
        del said[:-KEPT_BYTES]
