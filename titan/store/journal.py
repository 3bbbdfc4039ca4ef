"""A session as it stands on disk: the header, and every input and command in order.

Notes
-----
Everything but market frames is a record in ``journal-NNNNNN.tj``; market frames, as received, are in
``capture-NNNNNN.tc``. Each input has one sequence number, 1, 2, 3 and so on over both files. A command
carries the number of the input that caused it. `titan.store.writer` writes them, `SessionReader` reads them
back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from titan.model.commands import AnyCommand
from titan.model.events import AnyEvent
from titan.store.framing import CAPTURE, JOURNAL, FileKind, JournalCorrupt, JournalError, Segment, Truncation
from titan.store.upcasters import RecordTooNew, Upcasters


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a session began from, and what is needed to run it again.

    Parameters
    ----------
    schema : int
        Schema of the files, `titan.store.framing.SCHEMA`.
    session : str
        The session's name, from `titan.store.session.new_session_id`.
    predecessor : str or None
        The account's session before this one.
    created_ns : int
        Session clock, ns UTC.
    commit, lock_hash, cpu_flags : str
        The program's commit, the hash of its locked dependencies, and the processor's flags: a replay is bit
        for bit where they agree.
    source_hashes : dict of str to str
        Module name to hash of its source.
    config : bytes
        The kernel's configuration, msgpack.
    snapshot : bytes or None
        The kernel's state at the start, msgpack; None for an empty one.
    state_hash : str or None
        Hash of that state.
    account : str
        The account that the session trades; `titan.store.session.latest_session` looks for it.
    """

    schema: int
    session: str
    predecessor: str | None
    created_ns: int
    commit: str
    lock_hash: str
    cpu_flags: str
    source_hashes: dict[str, str]
    config: bytes
    snapshot: bytes | None
    state_hash: str | None
    account: str = ""


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A market frame as received: session clock ns, venue, and the bytes untouched."""

    time_ns: int
    venue: str
    payload: bytes


class FrameRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A market frame in the capture."""

    seq: int
    time_ns: int
    venue: str
    payload: bytes


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Anything else in the journal; `index` counts the commands of one input, `version` is the body's."""

    seq: int
    kind: Literal["header", "event", "command"]
    version: int
    index: int
    body: Any


class _StoredRecord(msgspec.Struct, array_like=True, gc=False):
    """A record whose body is not yet decoded."""

    seq: int
    kind: Literal["header", "event", "command"]
    version: int
    index: int
    body: msgspec.Raw


_records = msgspec.msgpack.Decoder(_StoredRecord)
_frames = msgspec.msgpack.Decoder(FrameRecord)
_bodies: Mapping[str, msgspec.msgpack.Decoder[Any]] = {
    "header": msgspec.msgpack.Decoder(Header),
    "event": msgspec.msgpack.Decoder(AnyEvent),
    "command": msgspec.msgpack.Decoder(AnyCommand),
}


def _segments(directory: Path, kind: FileKind) -> Iterator[Segment]:
    """The segments of one sort, in order; none may be missing in between."""
    present = len(list(directory.glob(f"{kind.stem}-*{kind.suffix}")))
    for number in range(1, present + 1):
        path = directory / kind.name(number)
        if not path.exists():
            raise JournalCorrupt(path, 0, "the file is missing, though a later one is there")
        yield Segment(path, kind, number, directory.name, last=number == present)


class Found(msgspec.Struct, gc=False):
    """A decoded record and where it stood."""

    path: Path
    offset: int
    seq: int
    kind: str
    index: int
    value: Any


def decode_record(path: Path, offset: int, payload: bytes, upcasters: Upcasters) -> Found:
    """A record of a journal's file, read as this version has it.

    Raises
    ------
    JournalError
        If a newer version wrote it.
    JournalCorrupt
        If it cannot be decoded.
    """
    try:
        record = _records.decode(payload)
        body = upcasters.read(record.kind, record.version, bytes(record.body))
        value = _bodies[record.kind].decode(body)
    except RecordTooNew as error:
        raise JournalError(f"{path}, record at byte {offset}: {error}") from error
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(path, offset, f"a whole record cannot be decoded ({error})") from error
    return Found(path, offset, record.seq, record.kind, record.index, value)


def decode_frame(path: Path, offset: int, payload: bytes) -> Found:
    """A frame of a capture's file.

    Raises
    ------
    JournalCorrupt
        If it cannot be decoded.
    """
    try:
        record = _frames.decode(payload)
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(path, offset, f"a whole record cannot be decoded ({error})") from error
    frame = Frame(record.time_ns, record.venue, record.payload)
    return Found(path, offset, record.seq, "frame", 0, frame)


class SessionReader:
    """Reads one session's directory.

    Parameters
    ----------
    directory : Path
        The session's directory, named as the session.
    upcasters : Upcasters, optional
        How earlier versions of records are read.

    Raises
    ------
    JournalError
        If there is no readable header.
    """

    def __init__(self, directory: Path, upcasters: Upcasters | None = None) -> None:
        self.directory = directory
        self._upcasters = upcasters or Upcasters()
        self.header = self._read_header()

    def inputs(self) -> Iterator[tuple[int, Any]]:
        """Every input in order, as (seq, event or `Frame`), up to the last whole one.

        Raises
        ------
        JournalCorrupt
            If a file is damaged before its end, or inputs are missing that a later journal record proves were
            written.
        """
        for found in self._merged([]):
            yield found.seq, found.value

    def journalled(self) -> Iterator[tuple[int, Any]]:
        """Every input that is no market frame, in order: what the account tells, without reading the capture.

        Raises
        ------
        JournalCorrupt
            If the journal is damaged before its end.
        """
        for found in self._journal([]):
            if found.kind == "event":
                yield found.seq, found.value

    def commands(self) -> Iterator[tuple[int, int, Any]]:
        """Every command, as (seq of the input that caused it, index, command)."""
        last = self.last_seq
        for found in self._journal([]):
            if found.kind == "command" and found.seq <= last:
                yield found.seq, found.index, found.value

    @property
    def last_seq(self) -> int:
        """Sequence number of the last input that can be read, 0 if there is none."""
        return self._survey[0]

    @property
    def truncated(self) -> tuple[Truncation, ...]:
        """What a crash cut short, per file; empty if nothing was. Reads the session once through."""
        return self._survey[1]

    @cached_property
    def _survey(self) -> tuple[int, tuple[Truncation, ...]]:
        torn: list[Truncation] = []
        last = 0
        for found in self._merged(torn):
            last = found.seq
        return last, tuple(torn)

    def _merged(self, torn: list[Truncation]) -> Iterator[Found]:
        journal = (found for found in self._journal(torn) if found.kind == "event")
        capture = self._capture(torn)
        event, framed = next(journal, None), next(capture, None)
        expected = 1
        while event is not None or framed is not None:
            if event is not None and event.seq == expected:
                yield event
                event = next(journal, None)
            elif framed is not None and framed.seq == expected:
                yield framed
                framed = next(capture, None)
            else:
                self._hole(expected, event, framed, torn)
                return
            expected += 1

    def _hole(self, expected: int, event: Found | None, framed: Found | None, torn: list[Truncation]) -> None:
        """Input `expected` is in neither file: only frames are written ahead, so only frames may follow."""
        if event is not None:
            raise JournalCorrupt(
                event.path, event.offset, f"record {event.seq} follows, but input {expected} is nowhere"
            )
        if framed is not None:
            reason = f"frames from {framed.seq} on were written ahead of input {expected}, which never was"
            torn.append(
                Truncation(framed.path, framed.offset, framed.path.stat().st_size - framed.offset, reason)
            )

    def _journal(self, torn: list[Truncation]) -> Iterator[Found]:
        for segment in _segments(self.directory, JOURNAL):
            for offset, payload in segment:
                yield decode_record(segment.path, offset, payload, self._upcasters)
            if segment.torn is not None:
                torn.append(segment.torn)

    def _capture(self, torn: list[Truncation]) -> Iterator[Found]:
        for segment in _segments(self.directory, CAPTURE):
            for offset, payload in segment:
                yield decode_frame(segment.path, offset, payload)
            if segment.torn is not None:
                torn.append(segment.torn)

    def _read_header(self) -> Header:
        path = self.directory / JOURNAL.name(1)
        if not path.is_file():
            raise JournalError(
                f"{self.directory} is no session: {path.name} is missing; name a session's directory"
            )
        first = next(self._journal([]), None)
        if first is None or first.kind != "header":
            raise JournalError(
                f"{path} ends before its header: the session never began, nothing was sent in it"
            )
        header: Header = first.value
        return header
