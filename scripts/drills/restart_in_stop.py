"""A desk in STOP is killed and started again: it stays in STOP until a named operator resumes, with a reason."""

from __future__ import annotations

import asyncio
from pathlib import Path

from scripts.drills.stage import Drill, Stage, in_virtual_time, page, section

FILE = "restart_in_stop.md"
TITLE = "a restart in STOP"
SIX = 6
KILLED_S, BACK_S, ASKED_S, NAMED_S, RESUMED_S, END_S = 3.0, 4.0, 14.0, 15.0, 16.0, 24.0
PROMISE = f"""
An operator stops the desk, and the venue proves that nothing is open. After {KILLED_S:g} s the process is killed,
without a word, and after {BACK_S:g} s started again. STOP holds: the new session reads everything, agrees with
the venue, and quotes nothing. A resume without a name or without a reason is refused; one with both lets trading go on.
"""


def rehearse() -> Drill:
    """Stop, kill, start, and resume."""
    return in_virtual_time(_rehearse)


async def _rehearse(folder: Path) -> Drill:
    stage = Stage(folder)
    await stage.open()
    six = await stage.until_resting(SIX)
    stage.transcript.begin(six)
    stage.note_moment()
    stage.ask("stop", why="something smells")
    await stage.until_s(KILLED_S)
    stage.note_moment()
    stage.transcript.say("fault", "the process is killed")
    stage.life.kill()
    await stage.until_s(BACK_S)
    stage.transcript.say("operator", "titan-live")
    stage.start()
    await asyncio.sleep(0)  # it has begun
    await stage.until_s(ASKED_S)
    stage.note_moment()
    stage.ask("resume", who="", why="")
    await stage.until_s(NAMED_S)
    stage.ask("resume", who="Ada", why="")
    await stage.until_s(RESUMED_S)
    stage.note_moment()
    stage.ask("resume", who="Ada", why="it was the coffee")
    await stage.until_s(END_S)
    stage.note_moment()
    return await stage.end()


def text() -> str:
    """The page."""
    return page(TITLE, PROMISE, section(rehearse()))
