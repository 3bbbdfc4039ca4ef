"""What is written is read back, up to the last whole record; damage is told from a torn end."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.samples import SESSION, commands, events, example_of, header, timer, values_of, write_session
from titan.model.commands import AnyCommand
from titan.model.events import AnyEvent, TimerFired
from titan.store.framing import (
    COMMIT,
    FILE_HEADER_BYTES,
    JOURNAL,
    MAX_RECORD_BYTES,
    JournalCorrupt,
    JournalError,
    file_header,
    frame,
)
from titan.store.journal import Frame, Record, SessionReader
from titan.store.upcasters import Upcasters
from titan.store.writer import SessionWriter

DATA = Path(__file__).parent / "data"


def test_inputs_come_back_in_order_over_both_files(tmp_path: Path) -> None:
    reader = SessionReader(write_session(tmp_path, 9))
    found = list(reader.inputs())
    assert [seq for seq, _ in found] == list(range(1, 10))
    assert found[0][1] == timer(1)
    assert found[2][1] == Frame(30, "binance", b'{"u":3}')
    assert [(seq, index) for seq, index, _ in reader.commands()][:4] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert reader.header == header()
    assert reader.last_seq == 9
    assert reader.truncated == ()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(inputs=st.lists(st.one_of(events, st.binary(min_size=1, max_size=40)), max_size=6), command=commands)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, inputs: list[Any], command: Any) -> None:
    directory = tmp_path_factory.mktemp("journals") / SESSION
    writer = SessionWriter.create(directory, header())
    for seq, each in enumerate(inputs, 1):
        if isinstance(each, bytes):
            writer.append_frame(seq, seq, "okx", each)
        else:
            writer.append_event(seq, each)
        writer.append_command(seq, 0, command)
    writer.close()
    reader = SessionReader(directory)
    expected = [
        Frame(seq, "okx", each) if isinstance(each, bytes) else each for seq, each in enumerate(inputs, 1)
    ]
    assert [value for _, value in reader.inputs()] == expected
    assert [value for _, _, value in reader.commands()] == [command] * len(inputs)
    framed = [(seq, each) for seq, each in enumerate(inputs, 1) if not isinstance(each, bytes)]
    assert list(reader.journalled()) == framed


@pytest.mark.parametrize("kind", [*get_args(AnyEvent), *get_args(AnyCommand)])
def test_every_type_of_the_model_round_trips(tmp_path: Path, kind: Any) -> None:
    value = example_of(kind)
    writer = SessionWriter.create(tmp_path / SESSION, header())
    is_event = kind in get_args(AnyEvent)
    writer.append_event(1, value if is_event else timer(1))
    if not is_event:
        writer.append_command(1, 0, value)
    writer.close()
    reader = SessionReader(tmp_path / SESSION)
    got = next(reader.inputs())[1] if is_event else next(reader.commands())[2]
    assert got == value
    assert type(got) is kind


def _record_ends(data: bytes) -> list[int]:
    """Offsets where the file header and each record end."""
    ends = [FILE_HEADER_BYTES]
    while ends[-1] < len(data):
        ends.append(ends[-1] + 8 + int.from_bytes(data[ends[-1] : ends[-1] + 4], "little"))
    return ends


def _open_session(directory: Path, groups: list[list[int]]) -> Path:
    """A journal of timers as it stands while its session still runs, committed in the given groups."""
    directory.mkdir()
    data = file_header(JOURNAL, 1, directory.name)
    data += frame(msgspec.msgpack.encode(Record(0, "header", 1, 0, header())))
    for group in groups:
        data += COMMIT
        for seq in group:
            data += frame(msgspec.msgpack.encode(Record(seq, "event", 1, 0, timer(seq))))
    path = directory / JOURNAL.name(1)
    path.write_bytes(data)
    return path


def test_a_cut_at_every_byte_leaves_exactly_the_records_wholly_before(tmp_path: Path) -> None:
    path = _open_session(tmp_path / SESSION, [[1, 2], [3, 4, 5]])
    whole = path.read_bytes()
    ends = _record_ends(whole)
    assert len(ends) == 1 + 1 + 2 + 5
    sizes = {end: count for count, end in zip([0, 0, 0, 1, 2, 2, 3, 4, 5], ends, strict=True)}
    for before, after in pairwise(ends[1:]):
        for cut in range(before, after):
            path.write_bytes(whole[:cut])
            reader = SessionReader(tmp_path / SESSION)
            assert [value for _, value in reader.inputs()] == [
                timer(seq) for seq in range(1, sizes[before] + 1)
            ]
            assert bool(reader.truncated) is (cut != before)
            if reader.truncated:
                assert reader.truncated[0].offset == before
                assert reader.truncated[0].lost_bytes == cut - before


def test_a_cut_within_the_header_is_a_session_that_never_began(tmp_path: Path) -> None:
    path = _open_session(tmp_path / SESSION, [])
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(JournalError, match="never began"):
            SessionReader(tmp_path / SESSION)


def test_a_flipped_byte_anywhere_in_a_closed_session_is_corruption(tmp_path: Path) -> None:
    directory = write_session(tmp_path, 4)
    for path in sorted(directory.iterdir()):
        whole = path.read_bytes()
        for offset in range(len(whole) - len(COMMIT)):
            path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x40]) + whole[offset + 1 :])
            with pytest.raises(JournalCorrupt) as caught:
                list(SessionReader(directory).inputs())
            assert caught.value.path == path
            assert caught.value.offset <= offset
            assert "restore it from a backup" in str(caught.value)
        path.write_bytes(whole)


def test_a_flipped_byte_in_an_earlier_group_of_a_running_session_is_corruption(tmp_path: Path) -> None:
    path = _open_session(tmp_path / SESSION, [[1, 2], [3]])
    whole = bytearray(path.read_bytes())
    whole[_record_ends(whole)[3] + 9] ^= 1
    path.write_bytes(whole)
    with pytest.raises(JournalCorrupt, match="checksum differs"):
        list(SessionReader(tmp_path / SESSION).inputs())


def test_frames_written_ahead_of_a_lost_record_are_reported_and_not_read(tmp_path: Path) -> None:
    directory = write_session(tmp_path, 6)
    path = directory / JOURNAL.name(1)
    whole = path.read_bytes()
    # The journal as it stood when only inputs 1 and 2 had been committed to it.
    path.write_bytes(whole[: whole.index(b"timer-4") - 30])
    reader = SessionReader(directory)
    assert reader.last_seq == 3
    assert any("ahead of input 4" in torn.reason for torn in reader.truncated)
    assert {seq for seq, _, _ in reader.commands()} == {1, 2}


def test_a_journal_record_without_its_earlier_frames_is_corruption(tmp_path: Path) -> None:
    directory = write_session(tmp_path, 4)
    next(directory.glob("capture-*")).unlink()
    with pytest.raises(JournalCorrupt, match="input 3 is nowhere"):
        list(SessionReader(directory).inputs())


def test_segments_follow_each_other_and_none_may_be_missing(tmp_path: Path) -> None:
    directory = tmp_path / SESSION
    writer = SessionWriter.create(directory, header(), segment_bytes=1)
    for seq in range(1, 6):
        writer.append_event(seq, timer(seq))
        while writer.durable_seq < seq:
            assert writer.failed is None
    writer.close()
    assert len(list(directory.glob("journal-*.tj"))) >= 5
    assert SessionReader(directory).last_seq == 5
    (directory / JOURNAL.name(3)).unlink()
    with pytest.raises(JournalCorrupt, match="missing"):
        list(SessionReader(directory).inputs())


def test_a_segment_of_another_session_is_refused(tmp_path: Path) -> None:
    directory = write_session(tmp_path, 2)
    moved = directory.rename(tmp_path / "20240808T120000Z-ffffff")
    with pytest.raises(JournalError, match="another file's"):
        SessionReader(moved)


def test_a_newer_schema_is_named(tmp_path: Path) -> None:
    path = _open_session(tmp_path / SESSION, [])
    data = bytearray(path.read_bytes())
    data[8] = 9
    data[40:44] = __import__("zlib").crc32(bytes(data[:40])).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(JournalError, match="schema 9"):
        SessionReader(tmp_path / SESSION)


@pytest.mark.parametrize("body", [b"\xc1", msgspec.msgpack.encode([1, "event", 1, 0, {"type": "nonsense"}])])
def test_a_whole_record_that_cannot_be_decoded_is_corruption(tmp_path: Path, body: bytes) -> None:
    path = _open_session(tmp_path / SESSION, [])
    path.write_bytes(path.read_bytes() + frame(body))
    with pytest.raises(JournalCorrupt, match="cannot be decoded"):
        list(SessionReader(tmp_path / SESSION).inputs())


def test_a_whole_frame_that_cannot_be_decoded_is_corruption(tmp_path: Path) -> None:
    directory = write_session(tmp_path, 3)
    path = directory / "capture-000001.tc"
    path.write_bytes(path.read_bytes() + frame(b"\xc1"))
    with pytest.raises(JournalCorrupt, match="cannot be decoded"):
        list(SessionReader(directory).inputs())


def test_records_of_an_impossible_size_are_refused() -> None:
    with pytest.raises(ValueError, match="0 bytes"):
        frame(b"")
    assert MAX_RECORD_BYTES < 2**32


# ---- Earlier versions


def _agrees(expected: Any, got: Any) -> bool:
    """Equal, but for fields that the model has gained since."""
    if isinstance(expected, dict):
        return all(key in got and _agrees(value, got[key]) for key, value in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(got) and all(map(_agrees, expected, got))
    return bool(expected == got)


def _plain(values: list[Any]) -> Any:
    return json.loads(msgspec.json.encode(values))


def test_the_stored_journal_of_schema_1_reads_as_it_was_written() -> None:
    expected = json.loads((DATA / "schema-1.json").read_text())
    reader = SessionReader(DATA / SESSION)
    found = [value for _, value in reader.inputs()]
    assert _agrees(expected["header"], _plain([reader.header])[0])
    assert found[-1] == Frame(99, "binance", b'{"e":"depthUpdate"}')
    assert _agrees(expected["events"], _plain(found[:-1]))
    assert _agrees(expected["commands"], _plain([value for _, _, value in reader.commands()]))
    assert len(expected["events"]) >= 23
    assert reader.truncated == ()


def _renamed(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "name": f"{body['name']}, renamed"}


def test_earlier_records_pass_through_every_step(tmp_path: Path) -> None:
    directory = write_session(tmp_path, 2)
    steps = Upcasters({("event", "timer", 1): _renamed, ("event", "timer", 2): _renamed})
    assert steps.current("event", "timer") == 3
    found = [value for _, value in SessionReader(directory, steps).inputs()]
    assert found[0] == TimerFired(time_ns=1, name="timer-1, renamed, renamed")


def test_a_record_of_today_is_left_alone_by_other_steps(tmp_path: Path) -> None:
    directory = write_session(tmp_path, 2)
    steps = Upcasters(
        {("event", "fill", 1): _renamed, ("header", "header", 1): lambda body: {**body, "commit": "old"}}
    )
    reader = SessionReader(directory, steps)
    assert reader.header.commit == "old"
    assert next(reader.inputs())[1] == timer(1)


def test_a_record_of_a_later_version_says_so(tmp_path: Path) -> None:
    path = _open_session(tmp_path / SESSION, [])
    record = Record(1, "event", 2, 0, timer(1))
    path.write_bytes(path.read_bytes() + frame(msgspec.msgpack.encode(record)))
    with pytest.raises(JournalError, match="version 2, this program reads up to 1"):
        list(SessionReader(tmp_path / SESSION).inputs())


def test_a_chain_of_steps_with_a_hole_is_refused() -> None:
    with pytest.raises(ValueError, match="none from 1"):
        Upcasters({("event", "timer", 2): _renamed})


def test_values_of_covers_every_type() -> None:
    for kind in (*get_args(AnyEvent), *get_args(AnyCommand)):
        assert values_of(kind) is not None
