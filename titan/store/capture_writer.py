"""Research captures as files: gzip, a new one after so long or so many bytes, always readable up to the last flush.

A file is never appended to by another recorder, and a killed one loses what came since its last flush, no more: each
flush ends a block of the compressed stream, which a reader takes up to its last whole line.
"""

from __future__ import annotations

import os
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from titan.store.captures import SUFFIX

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_LEVEL = 6
_NS_PER_S = 1_000_000_000


class Rotation(NamedTuple):
    """When a file ends.

    Attributes
    ----------
    every_s : int
        At each whole multiple of this since 1970, so that an hour's file ends with the hour; above 0.
    at_bytes : int
        Once it has so many compressed bytes; above 0.
    """

    every_s: int = 3_600
    at_bytes: int = 256 << 20


class CaptureWriter:
    """Appends frames to a folder's newest capture.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    name : str
        How every file's name begins: the venue.
    rotation : Rotation
        When a file ends.

    Attributes
    ----------
    files : list of Path
        What was written, oldest first; the last one is open.
    lines : int
        Lines written to all files.
    """

    def __init__(self, folder: Path, name: str, rotation: Rotation) -> None:
        self.files: list[Path] = []
        self.lines = 0
        self._folder = folder
        self._name = name
        self._rotation = rotation
        self._file: BinaryIO | None = None
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        self._bytes = 0
        self._period = 0
        folder.mkdir(parents=True, exist_ok=True)

    def due(self, time_ns: int) -> bool:
        """True if what is received at `time_ns` belongs in a new file."""
        if self._file is None:
            return True
        return self._bytes >= self._rotation.at_bytes or self._period_of(time_ns) > self._period

    def begin(self, time_ns: int) -> None:
        """End the open file, if there is one, and open the next.

        Raises
        ------
        OSError
            If it cannot be written, or there is one of that name.
        """
        self.close()
        stamp = datetime.fromtimestamp(time_ns // _NS_PER_S, UTC).strftime("%Y%m%dT%H%M%S")
        path = self._folder / f"{self._name}-{stamp}.{time_ns % _NS_PER_S:09d}Z{SUFFIX}"
        self._file = path.open("xb")
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        self._bytes = 0
        self._period = self._period_of(time_ns)
        self.files.append(path)

    def write(self, time_ns: int, payload: bytes) -> None:
        """Append one frame, which must hold no end of line; it is in the file after the next flush."""
        if self._file is None:
            raise ValueError("no capture is open: call begin first")
        self._put(self._compressor.compress(b"%d %b\n" % (time_ns, payload)))
        self.lines += 1

    def flush(self) -> None:
        """Make everything written so far readable, by a reader of now and after a kill."""
        if self._file is not None:
            self._put(self._compressor.flush(zlib.Z_SYNC_FLUSH))
            self._file.flush()

    def close(self) -> None:
        """End the open file, whole and on disk; nothing if none is open."""
        if self._file is None:
            return
        file, self._file = self._file, None
        with file:
            file.write(self._compressor.flush(zlib.Z_FINISH))
            file.flush()
            os.fsync(file.fileno())

    def _put(self, compressed: bytes) -> None:
        if self._file is not None:
            self._file.write(compressed)
            self._bytes += len(compressed)

    def _period_of(self, time_ns: int) -> int:
        return time_ns // (self._rotation.every_s * _NS_PER_S)
