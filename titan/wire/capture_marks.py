"""A recorder's own lines in a capture: when it was connected, what it missed, and the terms of the instruments.

A mark is a frame of the stream `MARKS`, so that it stands among the venue's frames in the order of receipt, and whoever
does not know it passes it over.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

MARKS = "!titan"
"""The stream of every mark; no venue's stream has this name."""

PREFIX = b'{"stream":"!titan"'

MarkKind = Literal["started", "connected", "disconnected", "gap", "unreadable", "terms", "ended"]


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One word of the recorder.

    Attributes
    ----------
    mark : str
        ``started`` and ``ended`` bound a recording, ``connected`` and ``disconnected`` a connection; ``gap`` is a
        break of a symbol's update ids; ``unreadable`` a frame that is no line of JSON; ``terms`` a symbol's terms.
    symbol : str
        Whose it is; empty where it is of all.
    reason : str
        Why, for people.
    terms : mapping, optional
        The venue's own entry of exchangeInfo.
    frame : str
        What was unreadable, its first bytes.
    """

    mark: MarkKind
    symbol: str = ""
    reason: str = ""
    terms: dict[str, Any] | None = None
    frame: str = ""


class _Line(msgspec.Struct, frozen=True):
    stream: str
    data: Mark


_decode = msgspec.json.Decoder(_Line).decode


def encode_mark(mark: Mark) -> bytes:
    """A mark as the frame that a capture holds."""
    return msgspec.json.encode(_Line(MARKS, mark))


def decode_mark(payload: bytes) -> Mark | None:
    """The mark that a frame is; None for any other frame, and for a mark of a later version of this codec."""
    if not payload.startswith(PREFIX):
        return None
    try:
        return _decode(payload).data
    except msgspec.DecodeError:
        return None
