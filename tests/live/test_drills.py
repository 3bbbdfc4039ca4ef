"""Drills: an operator's commands on a running desk, and what they print, as docs/drills keeps it.

``TITAN_WRITE_DRILLS=1`` writes a transcript anew. Otherwise it is compared with the one that is kept, without the
numbers, which are the market's of that day.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from pathlib import Path

from tests.live.desks import REPOSITORY, RUNNER, TITAN, open_exchange, running, start, until, write_settings
from tests.live.test_exits import Trading, one_sided

DRILLS = REPOSITORY / "docs" / "drills"
TITLE = """# Drill: out of a position in a market with one side

A desk holds a position. Then nobody stands any more where it could be closed, and nobody takes; the operator wants out.
The exit must not send what cannot fill, must not say that it is done, and must be done by itself once somebody comes.

Written by `TITAN_WRITE_DRILLS=1 .venv/bin/python -m pytest tests/live/test_drills.py` from a real run of `titan-live`
against the loopback exchange: these are the commands and what they printed. Ids of the session and of orders are
replaced by their kind. `exit_timeout_s` was 2 and `shutdown_timeout_s` 1: the first answer is not long in coming.
"""


class Transcript:
    """Runs commands on a desk and keeps what they print."""

    def __init__(self, settings: Path) -> None:
        self._settings = settings
        self.text = TITLE

    def say(self, text: str) -> None:
        self.text += f"\n{text}\n"

    async def run(self, *words: str) -> int:
        process = start(TITAN, *words, "--settings", self._settings)
        out, err = await asyncio.to_thread(process.communicate)
        shown = " ".join(f'"{word}"' if " " in word else word for word in words)
        self.text += f"\n    $ titan {shown}\n"
        self.text += "".join(f"    {line}\n" for line in (out + err).splitlines())
        self.text += f"    (exit code {process.returncode})\n"
        return process.returncode


def named(text: str) -> str:
    """Without the ids of this run."""
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{6}", "SESSION", text)
    return re.sub(r"\bT[0-9a-z]{18,25}\b", "ORDER", text)


def shape(text: str) -> str:
    """Without the numbers of this run, the side that the market had left, and an amend that was just on its way."""
    text = re.sub(
        r"^ {6}.+ of .+ = .+\n", "", text, flags=re.M
    )  # the measures of risk: some are read later than others
    text = re.sub(r"-?\d+(\.\d+)?", "#", text)
    return re.sub(r"\b(buy|sell)\b", "SIDE", text).replace("pending_amend", "open")


async def test_flatten_in_a_market_with_one_side(tmp_path):
    async with open_exchange() as (exchange, url):
        desk = Trading(tmp_path, exchange)
        settings = write_settings(
            tmp_path, venue__rest_url=url, risk__exit_timeout_s=2, live__shutdown_timeout_s=1
        )
        drill = Transcript(settings)
        with running(RUNNER, "--settings", settings, "--json"):
            await desk.fill()
            with one_sided(desk):
                drill.say("One side of the book is empty, and nobody takes. The desk is told to get out:")
                assert await drill.run("flatten", "--operator", "Ada", "--reason", "one side is gone") == 1
                drill.say("It was not proven, so it is not called done. It goes on, at the touch:")
                assert await drill.run("status") == 0
                assert desk.lots
            await until(lambda: desk.lots == 0 and desk.open_orders == 0)
            drill.say(
                "Somebody stands on the other side again, and it is done by itself; the desk stays in STOP:"
            )
            assert await drill.run("status") == 0
            drill.say("Asked once more, the venue is asked once more:")
            assert await drill.run("flatten", "--operator", "Ada", "--reason", "is it?") == 0
            await until(
                lambda: min(Counter(o.side for o in desk.crowd).get(side, 0) for side in (1, -1)) > 10
            )
            drill.say("Nobody trades on by accident:")
            assert await drill.run("resume") == 1
            assert await drill.run("resume", "--operator", "Ada", "--reason", "both sides are back") == 0
            await until(lambda: desk.open_orders >= 2)
    found = named(drill.text)
    kept = DRILLS / "flatten_one_sided.md"
    if os.environ.get("TITAN_WRITE_DRILLS"):
        kept.write_text(found, encoding="utf-8")
    assert shape(found) == shape(kept.read_text(encoding="utf-8"))
