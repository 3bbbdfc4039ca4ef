"""Lines of a raw capture, by a codec of this exchange's own: a fault in the runner's cannot hide here."""

from __future__ import annotations

import gzip
import lzma
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from titan.loopback.errors import ExchangeStartError

_LINE = re.compile(rb"^(\d+)(?:\.(\d+))?:? (\{.*\})\s*$")
_UNIT_NS = {10: 1_000_000_000, 13: 1_000_000, 16: 1_000, 19: 1}

Pairs = list[tuple[str, str]]


class RawDepth(msgspec.Struct, frozen=True):
    """A depth diff as it stands in the capture."""

    s: str
    U: int
    u: int
    pu: int
    b: Pairs
    a: Pairs
    E: int
    T: int


class RawTrade(msgspec.Struct, frozen=True):
    """A public trade as it stands in the capture; `X` is absent in older recordings."""

    s: str
    t: int
    p: str
    q: str
    m: bool
    T: int
    X: str = "MARKET"


class RawSnapshot(msgspec.Struct, frozen=True):
    """A REST depth answer written into the capture."""

    lastUpdateId: int
    bids: Pairs
    asks: Pairs
    T: int = 0


class RawOther(msgspec.Struct, frozen=True):
    """A message that is forwarded and does not move the book."""

    s: str = ""


RawMessage = RawDepth | RawTrade | RawSnapshot | RawOther

_KINDS: dict[str, type[RawMessage]] = {"depthUpdate": RawDepth, "trade": RawTrade}


class _Envelope(msgspec.Struct, frozen=True):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    lastUpdateId: int = -1


class _Kind(msgspec.Struct, frozen=True):
    e: str = ""


class CaptureLine(NamedTuple):
    """One line: receipt time, stream kind (the part after ``@``), decoded message, payload as received."""

    number: int
    time_ns: int
    kind: str
    message: RawMessage
    payload: bytes


class CaptureReader:
    """Reads a capture once, plain, gzip or xz, up to its first unreadable place.

    Parameters
    ----------
    path : Path
        Lines of ``<local time> <json>``; the time in s, ms, us or ns.

    Attributes
    ----------
    damage : str or None
        Where and why reading ended early; None after a whole file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: str | None = None

    def lines(self) -> Iterator[CaptureLine]:
        """Every line up to the end or the first damage."""
        number = 0
        try:
            with _open(self.path) as source:
                for number, line in enumerate(source, start=1):
                    found = _parse(number, line)
                    if found is not None:
                        yield found
        except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
            self.damage = f"the compressed data ends or breaks after line {number} ({error})"
        except (msgspec.DecodeError, ValueError) as error:
            self.damage = f"line {number} cannot be read ({error})"


def require_whole(path: Path) -> None:
    """Refuse a capture that was cut short or is damaged anywhere, before anything is traded on it.

    Raises
    ------
    ExchangeStartError
        With what to do.
    """
    number = 0
    advice = "it was cut short or damaged: copy it anew, or repack its whole lines"
    try:
        with _open(path) as source:
            for number, line in enumerate(source, start=1):
                _parse(number, line)
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise ExchangeStartError(
            f"capture {path}: the compressed data ends or breaks after line {number} ({error}); {advice}"
        ) from None
    except (msgspec.DecodeError, ValueError) as error:
        raise ExchangeStartError(
            f"capture {path}: line {number} cannot be read ({error}); {advice}"
        ) from None
    except OSError as error:
        raise ExchangeStartError(f"cannot read capture {path}: {error.strerror}; check --replay") from None


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    with path.open("rb") as probe:
        magic = probe.read(6)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(path, "rb")
    if magic == b"\xfd7zXZ\x00":
        return lzma.open(path, "rb")
    return path.open("rb")


def _parse(number: int, line: bytes) -> CaptureLine | None:
    match = _LINE.match(line)
    if match is None:
        if number == 1 or not line.strip():
            return None  # a recorder's heading
        raise ValueError("it is not <time> <json object>")
    whole, fraction, text = match.groups()
    time_ns = _time_ns(whole, fraction or b"")
    envelope = msgspec.json.decode(text, type=_Envelope)
    if envelope.lastUpdateId >= 0:
        return CaptureLine(number, time_ns, "snapshot", msgspec.json.decode(text, type=RawSnapshot), text)
    payload = bytes(envelope.data) or text
    if envelope.stream.endswith("@snapshot"):
        return CaptureLine(
            number, time_ns, "snapshot", msgspec.json.decode(payload, type=RawSnapshot), payload
        )
    kind = msgspec.json.decode(payload, type=_Kind).e
    if kind == "":
        return None  # the answer to a subscription
    message = msgspec.json.decode(payload, type=_KINDS.get(kind, RawOther))
    return CaptureLine(number, time_ns, _STREAM_NAMES.get(kind, kind), message, payload)


_STREAM_NAMES = {"depthUpdate": "depth", "markPriceUpdate": "markPrice"}


def _time_ns(whole: bytes, fraction: bytes) -> int:
    unit_ns = _UNIT_NS.get(len(whole))
    if unit_ns is None:
        raise ValueError(f"its time {whole.decode()} is in no known unit")
    part_ns = int(fraction.ljust(9, b"0")[:9]) * unit_ns // 1_000_000_000 if fraction else 0
    return int(whole) * unit_ns + part_ns
