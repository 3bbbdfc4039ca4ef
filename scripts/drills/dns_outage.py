"""Two minutes without a name server, with six orders in the book."""

from __future__ import annotations

from pathlib import Path

import msgspec

from scripts.drills.stage import Drill, Stage, in_virtual_time, page, section
from titan.engine.configuration import KernelConfig

FILE = "dns_outage.md"
TITLE = "two minutes without a name server"
OUTAGE_S, REST_S = 120.0, 40.0
SIX = 6
PROMISE = f"""
While six orders rest, both streams end, and for {OUTAGE_S:.0f} s nothing can be connected to. No order may be taken for
lost: what cannot be asked stays unknown, and counts at its worst case. When the venue can be reached again each order
is known for what it is, and every execution is booked.
"""


def rehearse(dead_man_s: float) -> Drill:
    """Rehearse, with the dead-man switch at so many seconds; 0 is without."""
    return in_virtual_time(lambda folder: _rehearse(folder, round(dead_man_s * 1e9)))


async def _rehearse(folder: Path, dead_man_ns: int) -> Drill:
    def armed(config: KernelConfig) -> KernelConfig:
        resilience = msgspec.structs.replace(config.resilience, dead_man_ns=dead_man_ns)
        return msgspec.structs.replace(config, resilience=resilience)

    stage = Stage(folder)
    stage.configure = armed
    await stage.open()
    six = await stage.until_resting(SIX)
    stage.transcript.begin(six)
    stage.note_moment()
    _cut_off(stage)
    for after_s in (5.0, 90.0, OUTAGE_S - 1.0, OUTAGE_S + REST_S):
        await stage.until_s(after_s)
        stage.note_moment()
    return await stage.end()


def _cut_off(stage: Stage) -> None:
    """End both streams, and let nothing be connected to for a while."""
    world = stage.world
    stage.transcript.say("fault", f"both streams end; nothing can be connected to for {OUTAGE_S:.0f} s")
    for connection in world.desk.register.connections():
        world.desk.register.remove(connection)
        connection.drop()
    world.gate.away(world.desk.clock.now_ns() + round(OUTAGE_S * 1e9))


def text() -> str:
    """The page."""
    return page(
        TITLE,
        PROMISE,
        section(
            rehearse(0.0),
            "Without the dead-man switch",
            "The orders stay in the book, and trade unseen.",
            compact=True,
        ),
        section(
            rehearse(60.0),
            "With the dead-man switch at 60 s",
            "The exchange cancels by itself what has not traded by then, and says so later.",
            compact=True,
        ),
    )
