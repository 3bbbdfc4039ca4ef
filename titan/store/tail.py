"""A session's files while they grow: what was written since the last look, in order, without a lock or a write."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from titan.store.framing import (
    CAPTURE,
    COMMIT,
    COMMIT_PAYLOAD,
    FILE_HEADER_BYTES,
    JOURNAL,
    FileKind,
    JournalCorrupt,
    header_fault,
    record_at,
    record_fault,
)
from titan.store.journal import SessionReader, decode_frame, decode_record
from titan.store.upcasters import Upcasters


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One input of a session, or one command that it caused.

    Parameters
    ----------
    seq : int
        Number of the input.
    time_ns : int
        Session clock when it was taken, ns UTC; a command has that of its input.
    value : event, command or Frame
        As the journal has it.
    """

    seq: int
    time_ns: int
    value: Any


class FileTail:
    """The files of one sort of one session, read from where the last look ended.

    Parameters
    ----------
    directory : Path
        The session's.
    kind : FileKind
        Journal or capture.
    """

    def __init__(self, directory: Path, kind: FileKind) -> None:
        self._directory = directory
        self._kind = kind
        self._segment = 1
        self._offset = 0

    def read(self) -> Iterator[tuple[Path, int, bytes]]:
        """Yield (file, offset, payload) of every whole record that is new.

        A record that is not whole yet is left for the next look. Once a later file is there, nothing more comes to
        this one.

        Raises
        ------
        JournalCorrupt
            If a record is damaged, and was whole once.
        """
        while True:
            path = self._directory / self._kind.name(self._segment)
            # Looked for before the reading: what the file lacks after that, it lacks for good.
            followed = (self._directory / self._kind.name(self._segment + 1)).exists()
            yield from self._rest(path, followed=followed)
            if not followed:
                return
            self._segment, self._offset = self._segment + 1, 0

    def _rest(self, path: Path, *, followed: bool) -> Iterator[tuple[Path, int, bytes]]:
        start, data = self._offset, _bytes_from(path, self._offset)
        place = 0
        if not start and data:
            fault = header_fault(data, self._kind, self._segment, self._directory.name)
            if fault:
                self._refuse(path, 0, fault, whole_once=followed or COMMIT in data)
                return
            place = FILE_HEADER_BYTES
        while place < len(data):
            fault = record_fault(data, place)
            if fault:
                self._refuse(path, start + place, fault, whole_once=followed or data.find(COMMIT, place) >= 0)
                return
            payload, after = record_at(data, place)
            offset, place = start + place, after
            self._offset = start + after
            if payload != COMMIT_PAYLOAD:
                yield path, offset, payload

    @staticmethod
    def _refuse(path: Path, offset: int, fault: str, *, whole_once: bool) -> None:
        if whole_once:
            raise JournalCorrupt(path, offset, fault)


def _bytes_from(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()
    except FileNotFoundError:
        return b""  # its name is made durable before anything is in it, and the first capture's after the journal


class SessionTail:
    """A session's inputs and commands as they are written.

    Parameters
    ----------
    directory : Path
        The session's.

    Raises
    ------
    JournalError
        If there is no readable header.
    """

    def __init__(self, directory: Path) -> None:
        self.header = SessionReader(directory).header
        self._upcasters = Upcasters()
        self._journal = FileTail(directory, JOURNAL)
        self._capture = FileTail(directory, CAPTURE)
        self._frames: deque[Entry] = deque()
        self._now_ns = self.header.created_ns

    def read(self) -> list[Entry]:
        """What is new: frames in their places between the journal's records.

        Raises
        ------
        JournalError
            As of `titan.store.journal.SessionReader`.
        """
        # A record is durable after every earlier frame: what is read here first has its frames in what is read next.
        records = [decode_record(*found, self._upcasters) for found in self._journal.read()]
        for path, offset, payload in self._capture.read():
            frame = decode_frame(path, offset, payload)
            self._frames.append(Entry(frame.seq, frame.value.time_ns, frame.value))
        new: list[Entry] = []
        for record in records:
            if record.kind == "header":
                continue
            new += self._frames_until(record.seq)
            if record.kind == "event":
                self._now_ns = record.value.time_ns
            new.append(Entry(record.seq, self._now_ns, record.value))
        return new

    def _frames_until(self, seq: int) -> Iterator[Entry]:
        while self._frames and self._frames[0].seq <= seq:
            entry = self._frames.popleft()
            self._now_ns = entry.time_ns
            yield entry
