"""A journal cut at every byte of its last 4 KiB opens with exactly what was whole; orders lost with it are adopted.

The sessions are those of the simulated runner, in virtual time on a generated market: session, outbox, adapter and
journal are the ones that trade live. Cut is what a crash left, so synced records are lost as well, which no crash does
but a broken disk or an old backup.

- Opening: for every cut the records that are wholly before it are found by a reading of its own, and compared. A cut
  capture is refused where the journal proves that frames are missing, and nowhere else.
- Starting: a runner that finds its journal cut takes up what is left and asks the exchange. Every order that stands
  there, lost ones included, must be known as ours once it trades, and the position must agree.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from proof.result import Result
from titan.chaos.life import Life
from titan.chaos.trial import MODULES, ORIGIN, configuration
from titan.chaos.virtual_time import VirtualLoop
from titan.chaos.world import ACCOUNT, VENUE, MemoryWorld
from titan.engine.desk import Phase
from titan.loopback.faults import Plan
from titan.loopback.limits import Limiter
from titan.model.commands import Notice
from titan.model.instruments import InstrumentKey
from titan.settings import Project, Settings, Store
from titan.store.framing import CAPTURE, COMMIT, FILE_HEADER_BYTES, JOURNAL, FileKind, JournalCorrupt
from titan.store.journal import SessionReader
from titan.store.replay import replay_session
from titan.store.session import new_session_id

CUT_BYTES = 4_096
A_WORLD = 16
"""Starts on one exchange, one after the other; the next exchange has another market."""

STARTS = 256
FIRST_S = 8.0
LIFE_S = 6.0
READY_S = 30.0
RESTART_S = 0.1
OVER_FILL = "filled "
"""How the word of an order begins that filled beyond what is known of its size."""

_PAIR = struct.Struct("<II")


class _Record(NamedTuple):
    end: int
    seq: int
    kind: str


def run(state: Path, scale: float = 1.0) -> Result:
    """Cut and open, then cut and start; goes on behind the last part that was finished."""
    state.mkdir(parents=True, exist_ok=True)
    file = state / "journal_cut.json"
    kept: dict[str, Any] = {"opened": None, "worlds": 0, "counts": {}, "violations": []}
    if file.exists():
        kept = json.loads(file.read_text(encoding="utf-8"))

    def keep() -> None:
        file.write_text(json.dumps(kept), encoding="utf-8")

    if kept["opened"] is None:
        opened, wrong = _opening(state / "cut", step=max(round(1 / scale), 1))
        kept["opened"] = opened
        kept["violations"] += wrong
        keep()
    starts = max(round(STARTS * scale), 4)
    while kept["counts"].get("starts", 0) < starts:
        wanted = min(A_WORLD, starts - kept["counts"].get("starts", 0))
        counts, wrong = _in_virtual_time(_starting(state / "starts", kept["worlds"], wanted))
        kept["counts"] = Counter(kept["counts"]) + counts
        kept["violations"] += wrong
        kept["worlds"] += 1
        keep()
    return _result(kept["opened"], Counter(kept["counts"]), kept["violations"])


def _result(opened: dict[str, int], counts: Counter[str], violations: list[str]) -> Result:
    gone = sum(count for name, count in counts.items() if name.startswith("gone"))
    return Result(
        "journal_cut",
        not violations,
        f"{opened['journal']} cuts of a journal and {opened['capture']} of a capture: {opened['wrong']} opened "
        f"otherwise than expected; {counts['starts']} starts on a cut journal: of {counts['lost']} standing orders "
        f"that were lost with it {counts['adopted']} adopted, {gone} had ended before, {counts['unknown']} unknown",
        (
            f"of the cut captures {opened['refused']} were refused, because the journal proves that frames are missing",
            f"{counts['standing']} orders stood at the exchange at the cuts; {counts['foreign']} were taken for "
            "somebody else's; the position agreed after every start, unless told below",
            f"{counts['alarms']} alarms of an over-fill, where the amend that made the order larger was lost as well",
            *violations[:20],
        ),
    )


def _in_virtual_time(work: Any) -> Any:
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(1))  # a life that was killed closes what it held
        loop.close()


# ---- A runner that is killed -------------------------------------------------------------------------------


class _Lives:
    """Lives of the runner on one exchange in memory, without faults."""

    def __init__(self, folder: Path, seed: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.draw = random.Random(f"journal cut {seed}")
        self.world = MemoryWorld(seed, Plan(faults=(), seed=seed))
        self.settings = Settings(
            project=Project(journals=folder / "journals", kill_file=folder / "KILL"), store=Store()
        )
        self.settings.project.journals.mkdir(parents=True)

    def begin(self) -> Life:
        """A new life, taking up the last one's journal."""
        # A venue's minute has room for some ten starts: here each has one of its own.
        self.world.desk.limiter = Limiter(self.world.desk.limits)
        session = new_session_id(self.world.clock.now_ns(), self.draw.randbytes(3))
        config = configuration(session, self.world.symbol)
        return Life(self.world, self.settings, config, MODULES, ORIGIN, self.draw)

    async def live(self, seconds: float) -> Path:
        """A life that is killed after so many seconds; its journal."""
        life = self.begin()
        life.start()
        if await life.ended(seconds):
            raise RuntimeError(f"the runner ended by itself: {life.session.ended}")
        life.kill()
        return life.journal


# ---- Opening -----------------------------------------------------------------------------------------------


def _opening(folder: Path, step: int) -> tuple[dict[str, int], list[str]]:
    """Cut the last file of each sort at every `step`-th byte of its end, from the end on, and open the session."""
    session = _in_virtual_time(_recorded(folder))
    opened = {"journal": 0, "capture": 0, "refused": 0, "wrong": 0}
    violations: list[str] = []
    whole = _Whole(session)
    for kind in (JOURNAL, CAPTURE):
        copy = folder / kind.stem / session.name
        shutil.copytree(session, copy)
        path = copy / kind.name(1)
        size = path.stat().st_size
        for cut in range(size - 1, max(size - CUT_BYTES, FILE_HEADER_BYTES) - 1, -step):
            os.truncate(path, cut)
            wrong = whole.differs(copy, kind, cut)
            opened[kind.stem] += 1
            opened["refused"] += whole.refused(kind, cut)
            if wrong:
                opened["wrong"] += 1
                violations.append(f"{kind.stem} cut at byte {cut} of {size}: {wrong}")
    return opened, violations


async def _recorded(folder: Path) -> Path:
    lives = _Lives(folder, 0)
    await lives.world.open()
    session = await lives.live(FIRST_S)
    await lives.world.close()
    return session


class _Whole:
    """A session before it is cut, and what a cut must leave of it."""

    def __init__(self, session: Path) -> None:
        reader = SessionReader(session)
        self._inputs = list(reader.inputs())
        self._commands = list(reader.commands())
        self._records = {kind: list(_records(session / kind.name(1), kind)) for kind in (JOURNAL, CAPTURE)}

    def _left(self, kind: FileKind, cut: int) -> tuple[set[int], int, int]:
        """The inputs that are whole, how many of the commands are, and up to where no input is missing."""
        whole = {
            each: [record for record in records if each != kind or record.end <= cut]
            for each, records in self._records.items()
        }
        records = [record for each in whole.values() for record in each]
        seqs = {record.seq for record in records if record.kind in {"event", "frame"}}
        commands = sum(record.kind == "command" for record in records)
        last = 0
        while last + 1 in seqs:
            last += 1
        return {record.seq for record in whole[JOURNAL] if record.kind == "event"}, commands, last

    def refused(self, kind: FileKind, cut: int) -> bool:
        """Whether a later record of the journal proves that an input is missing."""
        events, _, last = self._left(kind, cut)
        return any(seq > last for seq in events)

    def differs(self, copy: Path, kind: FileKind, cut: int) -> str:
        """How the cut session opens otherwise than it must; empty if it does not."""
        _, commands, last = self._left(kind, cut)
        reader = SessionReader(copy)
        try:
            inputs = list(reader.inputs())
        except JournalCorrupt as error:
            clear = self.refused(kind, cut) and f"input {last + 1} is nowhere" in str(error)
            return "" if clear else f"refused: {error}"
        if self.refused(kind, cut):
            return f"opened, although input {last + 1} is missing"
        if inputs != self._inputs[:last]:
            return f"{len(inputs)} inputs, not the first {last}"
        expected = [command for command in self._commands[:commands] if command[0] <= last]
        found = list(reader.commands())
        return "" if found == expected else f"{len(found)} commands, not {len(expected)}"


def _records(path: Path, kind: FileKind) -> Iterator[_Record]:
    """Every record of a whole file, read without the reader that is tried."""
    data = path.read_bytes()
    offset = FILE_HEADER_BYTES
    while offset < len(data):
        size, _ = _PAIR.unpack_from(data, offset)
        end = offset + _PAIR.size + size
        if data[offset:end] != COMMIT:
            plain = msgspec.msgpack.decode(data[offset + _PAIR.size : end])
            yield _Record(end, plain[0], plain[1] if kind == JOURNAL else "frame")
        offset = end


# ---- Starting ----------------------------------------------------------------------------------------------


async def _starting(folder: Path, number: int, starts: int) -> tuple[Counter[str], list[str]]:
    return await _Starts(folder, number, starts).run()


class _Starts:
    """One exchange on which a runner finds its journal cut, again and again."""

    def __init__(self, folder: Path, number: int, starts: int) -> None:
        self._lives = _Lives(folder, 100 + number)
        self._number = number
        self._starts = starts
        self._counts: Counter[str] = Counter()
        self._violations: list[str] = []
        self._errors: list[str] = []

    async def run(self) -> tuple[Counter[str], list[str]]:
        """Live, be killed, lose the end of the journal, start."""
        world = self._lives.world
        await world.open()
        session = await self._lives.live(FIRST_S)
        for start in range(self._starts):
            back = 1 + (start * CUT_BYTES) // self._starts + self._number % (CUT_BYTES // self._starts)
            session = await self._start_on(session, back)
        await world.close()
        return self._counts, self._violations

    async def _start_on(self, session: Path, back: int) -> Path:
        """Cut off so many bytes and start; the new session."""
        path = session / JOURNAL.name(1)
        first = next(record.end for record in _records(path, JOURNAL))
        os.truncate(path, max(path.stat().st_size - back, first))
        known = {order.client_id for order in replay_session(session).kernel.desk.orders.live()}
        standing = self._standing()
        self._counts["starts"] += 1
        self._counts["standing"] += len(standing)
        self._counts["lost"] += len(standing - known)
        await asyncio.sleep(RESTART_S)
        life = self._lives.begin()
        self._watch(life)
        life.start()
        end_s = self._lives.world.elapsed_s + READY_S
        while life.kernel.desk.phase is Phase.STARTING and self._lives.world.elapsed_s < end_s:
            if await life.ended(0.01):
                break
        self._judge(life, standing, standing - known, back)
        if await life.ended(LIFE_S):
            raise RuntimeError(f"the runner ended by itself: {life.session.ended}")
        life.kill()
        return life.journal

    def _standing(self) -> set[str]:
        world = self._lives.world
        return {order.client_id for order in world.exchange.open_orders(ACCOUNT, world.symbol)}

    def _watch(self, life: Life) -> None:
        """Hear what it says."""
        self._errors = []

        def observe(event: object, commands: tuple[object, ...], heard_ns: int, decided_ns: int) -> None:
            notices = [command for command in commands if isinstance(command, Notice)]
            self._counts["foreign"] += sum(notice.code == "foreign_order" for notice in notices)
            self._errors += [notice.message for notice in notices if notice.level == "error"]

        life.session.observe = observe

    def _judge(self, life: Life, before: set[str], lost: set[str], back: int) -> None:
        """It trades: whatever stood and still stands is known, the position agrees, nothing is unexplained."""
        world, desk = self._lives.world, life.kernel.desk
        where = f"world {self._number}, {back} bytes lost"
        if desk.phase is not Phase.RUNNING:
            self._violations.append(f"{where}: it does not trade, it is {desk.phase}")
            return
        for client_id in lost:
            order = world.exchange.order(ACCOUNT, world.symbol, client_id=client_id)
            adopted = desk.orders.get(client_id) is not None
            self._counts["adopted" if adopted else f"gone, {order.status}"] += 1
        unknown = (before & self._standing()) - {order.client_id for order in desk.orders.live()}
        self._counts["unknown"] += len(unknown)
        if unknown:
            self._violations.append(f"{where}: {sorted(unknown)} stand at the exchange and are not known")
        alarms = [each for each in self._errors if each.startswith(OVER_FILL)]
        self._counts["alarms"] += len(alarms)
        held, booked = (
            world.exchange.lots(ACCOUNT, world.symbol),
            desk.ledger.lots(InstrumentKey(VENUE, world.symbol)),
        )
        if held != booked or len(alarms) < desk.differences:
            self._violations.append(f"{where}: {held} lots at the exchange, {booked} booked: {self._errors}")
