"""From a session's records up to an incident to a test that must give the same commands and the same state."""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from titan.live.provenance import cpu_flags
from titan.model.commands import AnyCommand
from titan.reports.errors import ReportError
from titan.store.journal import Frame, SessionReader
from titan.store.replay import Replay, replay_session
from titan.store.writer import SessionWriter

TEST = '''"""Session {session} up to input {last}: what the engine decided then is what it decides now.

Written by `titan report incident`, with the records beside it. Where the engine is meant to decide otherwise from now
on, write it anew from the session; where only its state is kept differently, correct STATE.
"""

from hashlib import sha256
from pathlib import Path

import pytest

from titan.live.provenance import cpu_flags
from titan.store.replay import replay_session

RECORDS = Path(__file__).parent / "{folder}" / "{session}"
DIGEST = "{digest}"
INPUTS, COMMANDS = {inputs}, {commands}
STATE = "{state}"
PROCESSOR = "{processor}"


def test_the_records_are_those_of_the_incident() -> None:
    digest = sha256()
    for path in sorted(RECORDS.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    assert digest.hexdigest() == DIGEST


def test_the_same_inputs_give_the_same_commands_and_state() -> None:
    replay = replay_session(RECORDS)
    assert replay.truncated == ()
    assert replay.identical, replay.difference
    assert (replay.events, replay.commands) == (INPUTS, COMMANDS)
    if cpu_flags() != PROCESSOR:
        pytest.skip("another processor: the commands are the same, a state need not be bit for bit")
    assert replay.state_hash == STATE
'''


class Regression(NamedTuple):
    """What was written: the test, its records, and how much they hold."""

    test: Path
    records: Path
    inputs: int
    commands: int
    size_bytes: int


def write_regression(directory: Path, last_seq: int, folder: Path) -> Regression:
    """Write a pytest module and the session's records up to input `last_seq` beside it.

    Parameters
    ----------
    directory : Path
        Of the session.
    last_seq : int
        The last input that the test replays.
    folder : Path
        Where they are written; made if it is absent.

    Raises
    ------
    ReportError
        If they are there already, or the engine as it stands here decides otherwise than was recorded.
    JournalError, StrategyError
        If the session cannot be read or its strategy cannot be loaded.
    """
    reader = SessionReader(directory)
    session = reader.header.session
    name = f"incident_{session.replace('-', '_')}_{last_seq}"
    test, records = folder / f"test_{name}.py", folder / name
    for path in (test, records):
        if path.exists():
            raise ReportError(f"{path} is there already: remove it, or name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".incident-") as aside:
        copied = Path(aside) / "records" / session
        copied.parent.mkdir()
        _copy(reader, last_seq, copied)
        replay = replay_session(copied)
        if not replay.identical:
            raise ReportError(
                f"session {session}: the engine as it stands here decides otherwise than was recorded, "
                f"{replay.difference}; check out commit {reader.header.commit}, and write the test there"
            )
        text = _text(replay, last_seq, copied, name)
        size = sum(path.stat().st_size for path in copied.iterdir())
        copied.parent.replace(records)
    unfinished = test.with_suffix(".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(test)
    return Regression(test, records, replay.events, replay.commands, size)


def _copy(reader: SessionReader, last_seq: int, target: Path) -> None:
    """The same session, ending with one input and the commands that it caused."""
    commands: dict[int, list[tuple[int, AnyCommand]]] = defaultdict(list)
    for seq, index, command in reader.commands():
        commands[seq].append((index, command))
    failures: list[OSError] = []
    writer = SessionWriter.create(target, reader.header, on_failure=failures.append)
    try:
        for seq, found in reader.inputs():
            if seq > last_seq:
                break
            if isinstance(found, Frame):
                writer.append_frame(seq, found.time_ns, found.venue, found.payload)
            else:
                writer.append_event(seq, found)
            for index, command in commands.get(seq, ()):
                writer.append_command(seq, index, command)
    finally:
        writer.close()
    if failures:
        raise ReportError(f"{target} could not be written: {failures[0]}; free space, then run it again")


def _text(replay: Replay, last_seq: int, records: Path, folder: str) -> str:
    digest = hashlib.sha256()
    for path in sorted(records.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return TEST.format(
        session=replay.session,
        last=last_seq,
        folder=folder,
        digest=digest.hexdigest(),
        inputs=replay.events,
        commands=replay.commands,
        state=replay.state_hash,
        processor=cpu_flags(),
    )
