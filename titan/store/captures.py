"""Research captures: market frames as they came over the wire, one a line, in the recorders' own formats.

Read are ``<local time> <json>`` (integer ns, us or ms) and ``<unix seconds>: <json>``, plain, gzip or xz. In
the second format the recorder's own lines (its configuration, the connection) are passed over, and a REST depth
answer (``<url> -> <seconds>: <json>``) becomes a snapshot frame of its symbol.
"""

from __future__ import annotations

import gzip
import lzma
import re
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, NamedTuple, cast

from titan.wire.binance_usdm import wrap_snapshot

_NS_OF_DIGITS = {19: 1, 16: 1_000, 13: 1_000_000}
"""Nanoseconds a unit, by the number of digits of a time between 2001 and 2286."""

_NS_PER_S = 1_000_000_000
_SECONDS = re.compile(rb"(?P<url>\S+ -> )?(?P<time>\d{9,10}\.\d+): (?P<payload>.*)", re.DOTALL)
_DEPTH_OF = re.compile(rb"/depth\?(?:.*&)?symbol=(\w+)")
_RECORDER_LINE = re.compile(rb"configuration: |\S+ <-> \d")
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_CUT = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)


class CaptureError(ValueError):
    """A capture that cannot be read; the message says which, where, and what to do."""


class CapturedFrame(NamedTuple):
    """One market frame: receipt time on the recorder's clock (ns UTC), bytes, and line in the file."""

    time_ns: int
    payload: bytes
    line: int


def open_capture(path: Path) -> IO[bytes]:
    """Open a plain, gzip or xz file for reading, as its first bytes say."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_XZ))
        if head.startswith(_GZIP):
            return cast("IO[bytes]", gzip.open(path, "rb"))
        if head.startswith(_XZ):
            return lzma.open(path, "rb")
        return path.open("rb")
    except OSError as error:
        raise CaptureError(f"{path}: cannot be opened ({error.strerror}); check the path") from None


def read_capture(path: Path) -> Iterator[CapturedFrame]:
    """The frames of a capture in the order they were recorded.

    Raises
    ------
    CaptureError
        If the file is missing, cut short, or holds a line of no known format, or no frame at all.
    """
    number = 0
    found = False
    with open_capture(path) as file:
        try:
            for number, line in enumerate(file, start=1):
                frame = _parse(line.rstrip(), number, path)
                if frame is not None:
                    found = True
                    yield frame
        except _CUT as error:
            raise CaptureError(
                f"{path}: cut short or damaged after line {number} ({error}); fetch or record the file again"
            ) from None
        except OSError as error:
            raise CaptureError(f"{path}: cannot be read after line {number} ({error.strerror})") from None
    if not found:
        raise CaptureError(f"{path}: holds no frame; a capture has one `<time> <json>` a line")


def _parse(line: bytes, number: int, path: Path) -> CapturedFrame | None:
    stamp, _, payload = line.partition(b" ")
    if stamp.isdigit() and len(stamp) in _NS_OF_DIGITS:
        time_ns = int(stamp) * _NS_OF_DIGITS[len(stamp)]
    else:
        timed = _SECONDS.fullmatch(line)
        if timed is None:
            if not line or _RECORDER_LINE.match(line):
                return None
            raise CaptureError(
                f"{path}: line {number} is no `<time> <json>`: {line[:60]!r}; is this a capture?"
            )
        time_ns = int(Decimal(timed["time"].decode()) * _NS_PER_S)
        payload = timed["payload"]
        if timed["url"]:
            depth = _DEPTH_OF.search(timed["url"])
            if depth is None:
                return None
            payload = wrap_snapshot(depth[1].decode(), payload)
    if not payload.endswith((b"}", b"]")):
        raise CaptureError(
            f"{path}: line {number} is cut short; fetch or record the file again, or drop that line"
        )
    return CapturedFrame(time_ns, payload, number)
