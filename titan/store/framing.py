"""The bytes of a session's files: a file header, then records of length, checksum and payload.

Notes
-----
A file begins with 44 bytes: 8 of magic, u32 schema, u32 segment number, 24 of session name (zero padded), u32
CRC-32 of the foregoing. A record is u32 payload length, u32 CRC-32 of length and payload, payload. All
integers are little-endian.

A commit mark, `COMMIT`, begins each group of records. It is written only after everything before it was
synced, so a damaged record with a mark behind it was once whole (the file is corrupt), and one without a mark
behind it belongs to the group that a crash cut short (the tail is torn, and nothing in it was ever reported
durable).
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SCHEMA = 1
"""Schema of the files written by this version; `titan.store.upcasters` reads the earlier ones."""

MAX_RECORD_BYTES = 1 << 28
"""No payload is larger; a length beyond it can only be damage."""

_FILE_HEADER = struct.Struct("<8sII24s")
_U32 = struct.Struct("<I")
_PAIR = struct.Struct("<II")
FILE_HEADER_BYTES = _FILE_HEADER.size + _U32.size


class FileKind(NamedTuple):
    """One of the two sorts of file of a session: its magic, and what its segments are called."""

    magic: bytes
    stem: str
    suffix: str

    def name(self, segment: int) -> str:
        """File name of a segment, counted from 1."""
        return f"{self.stem}-{segment:06d}{self.suffix}"


JOURNAL = FileKind(b"TITANJRN", "journal", ".tj")
CAPTURE = FileKind(b"TITANCAP", "capture", ".tc")


class JournalError(ValueError):
    """A session that cannot be read; the message says where and what to do."""


class JournalCorrupt(JournalError):
    """A file of a session that is damaged where it once was whole.

    Parameters
    ----------
    path : Path
        The damaged file.
    offset : int
        Where in it, bytes from its beginning.
    what : str
        What is wrong there.
    """

    def __init__(self, path: Path, offset: int, what: str) -> None:
        super().__init__(
            f"{path} is damaged at byte {offset}: {what}. Keep the directory as it is, restore it from a "
            "backup if there is one, and check the disk; a new session does not need it: "
            "orders and positions are read from the venue"
        )
        self.path = path
        self.offset = offset


class Truncation(NamedTuple):
    """The torn end of a file: what a crash cut short, and was never reported durable."""

    path: Path
    offset: int
    lost_bytes: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path.name}: {self.lost_bytes} bytes after byte {self.offset} are lost ({self.reason})"


def file_header(kind: FileKind, segment: int, session: str) -> bytes:
    """The first bytes of a segment."""
    start = _FILE_HEADER.pack(kind.magic, SCHEMA, segment, session.encode("ascii"))
    return start + _U32.pack(zlib.crc32(start))


def frame(payload: bytes) -> bytes:
    """A payload with its length and checksum before it.

    Raises
    ------
    ValueError
        If the payload is empty or larger than `MAX_RECORD_BYTES`.
    """
    size = len(payload)
    if not 0 < size <= MAX_RECORD_BYTES:
        raise ValueError(f"a record of {size} bytes cannot be written; allowed is 1 to {MAX_RECORD_BYTES}")
    return _PAIR.pack(size, zlib.crc32(payload, zlib.crc32(_U32.pack(size)))) + payload


COMMIT_PAYLOAD = b"TITAN-COMMIT"
COMMIT = frame(COMMIT_PAYLOAD)


def header_fault(data: bytes | mmap.mmap, kind: FileKind, segment: int, session: str) -> str:
    """What is wrong with the first bytes of a segment, empty if nothing."""
    if len(data) < FILE_HEADER_BYTES:
        return "the file header is cut short"
    start = data[: _FILE_HEADER.size]
    if zlib.crc32(start) != _U32.unpack_from(data, _FILE_HEADER.size)[0]:
        return "the file header's checksum differs"
    magic, _, number, name = _FILE_HEADER.unpack(start)
    if magic != kind.magic or number != segment or name.rstrip(b"\0") != session.encode("ascii"):
        return f"the file header is another file's (segment {number} of {name.rstrip(bytes(1)).decode()!r})"
    return ""


def record_fault(data: bytes | mmap.mmap, offset: int) -> str:
    """What is wrong with the record at `offset`, empty if it is whole."""
    if len(data) - offset < _PAIR.size:
        return "a record's length is cut short"
    size, checksum = _PAIR.unpack_from(data, offset)
    if not 0 < size <= MAX_RECORD_BYTES:
        return f"a record claims {size} bytes"
    payload = memoryview(data)[offset + _PAIR.size : offset + _PAIR.size + size]
    if len(payload) < size:
        return f"a record of {size} bytes is cut short"
    if zlib.crc32(payload, zlib.crc32(_U32.pack(size))) != checksum:
        return "a record's checksum differs"
    return ""


def record_at(data: bytes | mmap.mmap, offset: int) -> tuple[bytes, int]:
    """The payload of the whole record at `offset`, and where the next one begins."""
    start = offset + _PAIR.size
    end = start + _U32.unpack_from(data, offset)[0]
    return data[start:end], end


def _mapped(path: Path) -> bytes | mmap.mmap:
    """The file's bytes, read from disk as they are used: finding a header does not load the whole segment."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


class Segment:
    """One file of a session, read whole; iterate it for (offset, payload) of each record.

    Parameters
    ----------
    path : Path
        The file.
    kind : FileKind
        Which sort of file it is.
    number : int
        Its place among the segments, from 1.
    session : str
        The session that it must belong to.
    last : bool
        True if no later segment of the sort exists: only then may its tail be torn.
    """

    def __init__(self, path: Path, kind: FileKind, number: int, session: str, *, last: bool) -> None:
        self.path = path
        self.torn: Truncation | None = None
        self._last = last
        self._data = _mapped(path)
        self._start = FILE_HEADER_BYTES
        fault = header_fault(self._data, kind, number, session)
        if fault:
            self._start = len(self._data)
            self._end(0, fault)
            return
        schema = _FILE_HEADER.unpack_from(self._data)[1]
        if schema > SCHEMA:
            raise JournalError(
                f"{path} has schema {schema}, this program reads up to {SCHEMA}: use the newer one"
            )

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        offset = self._start
        while offset < len(self._data):
            fault = record_fault(self._data, offset)
            if fault:
                self._end(offset, fault)
                return
            payload, after = record_at(self._data, offset)
            if payload != COMMIT_PAYLOAD:
                yield offset, payload
            offset = after

    def _end(self, offset: int, fault: str) -> None:
        """A torn tail is noted, damage raises."""
        if not self._last or self._data.find(COMMIT, offset) >= 0:
            raise JournalCorrupt(self.path, offset, fault)
        self.torn = Truncation(self.path, offset, len(self._data) - offset, fault)
