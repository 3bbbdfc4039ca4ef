"""What grows is read once, in order, whole; what is torn waits; what is damaged is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.store.samples import SESSION, append, header
from titan.store.framing import CAPTURE, COMMIT, JOURNAL, JournalCorrupt, JournalError
from titan.store.journal import Frame, SessionReader
from titan.store.tail import SessionTail
from titan.store.writer import SessionWriter


def write(journals: Path, segment_bytes: int) -> Path:
    """A closed session of 20 inputs, each committed by itself."""
    journals.mkdir()
    writer = SessionWriter.create(journals / SESSION, header(), segment_bytes=segment_bytes)

    async def one_by_one() -> None:
        for seq in range(1, 21):
            append(writer, seq)
            await writer.wait_durable(seq)

    asyncio.run(one_by_one())
    writer.close()
    assert writer.failed is None
    return writer.directory


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """One of many small files."""
    return write(tmp_path / "written", segment_bytes=300)


def whole(directory: Path) -> list[tuple[int, object]]:
    """Inputs and commands as the reader of closed sessions has them, without their order."""
    reader = SessionReader(directory)
    found: list[tuple[int, object]] = list(reader.inputs())
    return sorted([*found, *((seq, command) for seq, _, command in reader.commands())], key=repr)


def grown(source: Path, target: Path, pieces: dict[str, int]) -> None:
    """Make the files of `target` those of `source`, each up to so many bytes; a file of none is not there."""
    target.mkdir(parents=True, exist_ok=True)
    for name, size in pieces.items():
        if size:
            (target / name).write_bytes((source / name).read_bytes()[:size])


def sizes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(directory.iterdir())}


def test_a_closed_session_is_read_whole(written: Path) -> None:
    assert len(sizes(written)) > 6
    tail = SessionTail(written)
    found = tail.read()
    assert sorted([(each.seq, each.value) for each in found], key=repr) == whole(written)
    assert tail.read() == []
    assert [each.seq for each in found] == sorted(each.seq for each in found)
    assert [each.time_ns for each in found if isinstance(each.value, Frame)] == list(range(30, 200, 30))


@pytest.mark.parametrize("step", [23, 300])
def test_whatever_is_there_at_each_look_everything_comes_once(
    written: Path, tmp_path: Path, step: int
) -> None:
    """The capture is ahead of the journal, as the writer commits them; each grows by a few bytes between looks."""
    complete, live = sizes(written), tmp_path / "live" / SESSION
    first = JOURNAL.name(1)
    captures = {name: size for name, size in complete.items() if name.startswith("capture")}
    journals = {name: size for name, size in complete.items() if name.startswith("journal")}
    begun = 44 + 8 + int.from_bytes((written / first).read_bytes()[44:48], "little")
    grown(written, live, {first: begun, **captures})
    tail = SessionTail(live)
    found = tail.read()
    for name, size in journals.items():
        for length in [*range(begun if name == first else 1, size, step), size]:
            grown(written, live, {name: length})
            found += tail.read()
    assert sorted([(each.seq, each.value) for each in found], key=repr) == whole(written)


def test_a_torn_end_waits(tmp_path: Path) -> None:
    written = write(tmp_path / "written", segment_bytes=1 << 20)
    complete = sizes(written)
    last = JOURNAL.name(1)
    live = tmp_path / "live" / SESSION
    torn = (written / last).read_bytes().rindex(COMMIT) - 3
    grown(written, live, {**complete, last: torn})
    tail = SessionTail(live)
    before = tail.read()
    assert tail.read() == []
    grown(written, live, complete)
    after = tail.read()
    assert len(after) == 1
    assert sorted([(each.seq, each.value) for each in before + after], key=repr) == whole(written)


@pytest.mark.parametrize("segment_bytes", [300, 1 << 20])
@pytest.mark.parametrize("place", [20, 80])
def test_damage_where_it_was_whole_is_told(tmp_path: Path, segment_bytes: int, place: int) -> None:
    """In a file that another one follows, and in one that goes on behind it; in its head, and in a record."""
    written = write(tmp_path / "written", segment_bytes)
    path = written / CAPTURE.name(1)
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    tail = SessionTail(written)
    with pytest.raises(JournalCorrupt, match=f"{path.name} is damaged"):
        tail.read()


def test_what_is_no_session_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="is no session"):
        SessionTail(tmp_path)
