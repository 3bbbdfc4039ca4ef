"""The process that estimates risk beside the runner: ``python -m titan.live.risk_process SETUP``.

A question is one line on standard input, its answer one line on standard output. It ends when standard input does, and
on Linux with the runner, however either of them dies and even if it hangs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec

from titan.live.risk_estimate import answer
from titan.live.risk_question import Answer, Question, Setup
from titan.live.risk_record import PriceRecord

NICER = 10
"""Steps of priority below the runner's: an estimate may wait, an order may not."""

_SET_PARENT_DEATH_SIGNAL = 1


def die_with(parent: int) -> bool:
    """Have the kernel kill this process when the runner dies; False if it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    return os.getppid() == parent


def serve(setup: Setup, questions: Iterable[bytes], answers: BinaryIO) -> None:
    """Answer every question until there are no more."""
    complaints: list[str] = []
    record = PriceRecord(_path(setup.record), _path(setup.inherited), setup.window, complaints.append)
    decoder = msgspec.json.Decoder(Question)
    for line in questions:
        question = decoder.decode(line)
        mids = {held.instrument.key: float(held.mid) for held in question.held if held.mid}
        record.note(question.now_ns, mids)
        try:
            told = answer(setup, question, record)
        except ValueError as error:
            # The mathematics refuses its input: it is told, and the next question may be another.
            told = Answer(number=question.number, result=None, problem=str(error))
        if complaints:
            told = msgspec.structs.replace(told, problem="; ".join(filter(None, [told.problem, *complaints])))
        answers.write(msgspec.json.encode(told) + b"\n")
        answers.flush()


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def main(arguments: list[str]) -> int:
    """Serve the runner that started this process."""
    setup = msgspec.json.decode(arguments[0], type=Setup)
    if not die_with(setup.parent):
        return 0
    os.nice(NICER)
    serve(setup, sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
