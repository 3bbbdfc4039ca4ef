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
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, NamedTuple, cast

import msgspec

from titan.wire.binance_usdm import wrap_snapshot

_NS_OF_DIGITS = {19: 1, 16: 1_000, 13: 1_000_000}
"""Nanoseconds a unit, by the number of digits of a time between 2001 and 2286."""

_NS_PER_S = 1_000_000_000
_SECONDS = re.compile(rb"(?P<url>\S+ -> )?(?P<time>\d{9,10}\.\d+): (?P<payload>.*)", re.DOTALL)
_DEPTH_OF = re.compile(rb"/depth\?(?:.*&)?symbol=(\w+)")
_RECORDER_LINE = re.compile(rb"configuration: |\S+ <-> \d")
_PACKING = re.compile(r"(\.(capture|dat|gz|xz|zip))+$")
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_CUT = (gzip.BadGzipFile, zlib.error, lzma.LZMAError)


SUFFIX = ".capture.gz"
"""How the files of `titan record` end."""


class CaptureError(ValueError):
    """A capture that cannot be read; the message says which, where, and what to do."""


class DamagedCapture(CaptureError):
    """A capture whose bytes or lines are no longer what was recorded."""


class CapturedFrame(NamedTuple):
    """One market frame: receipt time on the recorder's clock (ns UTC), bytes, and line in the file."""

    time_ns: int
    payload: bytes
    line: int


def plain_name(path: Path) -> str:
    """A file's name without what says how it is packed."""
    return _PACKING.sub("", path.name)


def captures_in(paths: Iterable[Path]) -> list[Path]:
    """Files as they are, and in place of a folder every recorded capture in it, by name.

    Raises
    ------
    CaptureError
        For a folder that holds none.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(path.rglob(f"*{SUFFIX}"))
        if not inside:
            raise CaptureError(f"{path}: holds no file *{SUFFIX}; name the captures themselves")
        found += inside
    return found


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


def read_capture(path: Path, on_torn: Callable[[str], None] | None = None) -> Iterator[CapturedFrame]:
    """The frames of a capture in the order they were recorded.

    Parameters
    ----------
    path : Path
        The file.
    on_torn : function of str, optional
        Called once, with where and how, if the file merely ends too early, as that of a killed recorder does: the
        frames up to its last whole line are then read. Without it such an end is an error.

    Raises
    ------
    CaptureError
        If the file is missing, damaged, or holds a line of no known format, or no frame at all, and for an end that
        came too early unless `on_torn` takes it.
    """
    number = 0
    found = False
    torn = ""
    with open_capture(path) as file:
        try:
            for number, line in enumerate(file, start=1):
                if on_torn is not None and not line.endswith(b"\n") and not _whole(line):
                    torn = f"line {number} is cut short"
                    break
                frame = _parse(line.rstrip(), number, path)
                if frame is not None:
                    found = True
                    yield frame
        except EOFError as error:
            torn = f"the compressed data ends after line {number}"
            if on_torn is None:
                raise _damaged(path, number, error) from None
        except _CUT as error:
            raise _damaged(path, number, error) from None
        except OSError as error:
            raise CaptureError(f"{path}: cannot be read after line {number} ({error.strerror})") from None
    if on_torn is not None and (torn or not number):
        on_torn(torn or "nothing was written yet")
    elif not found:
        raise CaptureError(f"{path}: holds no frame; a capture has one `<time> <json>` a line")


def _damaged(path: Path, line: int, error: Exception) -> DamagedCapture:
    return DamagedCapture(
        f"{path}: cut short or damaged after line {line} ({error}); fetch or record the file again"
    )


def _whole(last_line: bytes) -> bool:
    """Tell whether a line without an end of line can be all of it."""
    if _RECORDER_LINE.match(last_line):
        return True
    try:
        msgspec.json.decode(last_line[last_line.index(b" ") + 1 :])
    except (ValueError, RecursionError):
        return False
    return True


def _parse(line: bytes, number: int, path: Path) -> CapturedFrame | None:
    stamp, _, payload = line.partition(b" ")
    if stamp.isdigit() and len(stamp) in _NS_OF_DIGITS:
        time_ns = int(stamp) * _NS_OF_DIGITS[len(stamp)]
    else:
        timed = _SECONDS.fullmatch(line)
        if timed is None:
            if not line or _RECORDER_LINE.match(line):
                return None
            raise DamagedCapture(
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
        raise DamagedCapture(
            f"{path}: line {number} is cut short; fetch or record the file again, or drop that line"
        )
    return CapturedFrame(time_ns, payload, number)
