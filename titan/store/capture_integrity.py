"""What a capture's frames tell of the recording itself: times, counts, trade ids, breaks of the connection."""

from __future__ import annotations

import msgspec

from titan.model.events import (
    BadFrame,
    BookDelta,
    BookSnapshot,
    MarketEvent,
    MarkPrice,
    TopOfBook,
    TradePrint,
)
from titan.store.captures import CapturedFrame
from titan.wire.capture_marks import Mark

KINDS: dict[type, str] = {
    BookDelta: "depth",
    BookSnapshot: "snapshot",
    TopOfBook: "top",
    TradePrint: "trade",
    MarkPrice: "mark_price",
    BadFrame: "bad",
    type(None): "other",
}
_TRADE_STREAMS = (b'"e":"trade"', b'"e":"aggTrade"')
_HEAD = 160
"""The bytes of a frame in which its kind stands."""


class _Ids(msgspec.Struct):
    s: str = ""
    t: int = -1
    a: int | list[tuple[str, str]] = -1


class _Frame(msgspec.Struct):
    data: _Ids | None = None
    s: str = ""
    t: int = -1
    a: int | list[tuple[str, str]] = -1


_decode_ids = msgspec.json.Decoder(_Frame).decode


class _TradeIds:
    """The ids of one stream of trades, which count up by one."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.last: int | None = None

    def take(self, trade_id: int) -> tuple[int, int]:
        """How many were repeated by this one, and how many it shows to be missing (-1: one came late)."""
        if trade_id in self.seen:
            return 1, 0
        self.seen.add(trade_id)
        last = self.last
        self.last = trade_id if last is None else max(last, trade_id)
        if last is None:
            return 0, 0
        return 0, trade_id - last - 1 if trade_id > last else -1


class Integrity:
    """Counts over one file.

    Attributes
    ----------
    first_ns, last_ns : int
        Receipt times of the first and the last frame, ns UTC; 0 where there is none.
    events : dict of str to int
        Frames by what they are: those of `KINDS`, and ``recorder`` for the recorder's own.
    clock_back : int
        Frames received before the one above them.
    duplicate_trades, missing_trades : int
        Ids told twice, and ids never told between two that were, off-market prints included; what was missed
        while the recorder says that it was disconnected is not counted.
    disconnects, marked_gaps : int
        As the recorder marked them.
    bad : str
        The first frame that the codec could not read; empty if it read all.
    """

    def __init__(self) -> None:
        self.first_ns = 0
        self.last_ns = 0
        self.events: dict[str, int] = {}
        self.clock_back = 0
        self.duplicate_trades = 0
        self.missing_trades = 0
        self.disconnects = 0
        self.marked_gaps = 0
        self.bad = ""
        self._trades: dict[tuple[str, bool], _TradeIds] = {}

    def see_mark(self, frame: CapturedFrame, mark: Mark) -> None:
        """Take in a recorder's own line."""
        self._count(frame, "recorder")
        if mark.mark in ("started", "connected"):
            self._trades.clear()
        elif mark.mark == "disconnected":
            self.disconnects += 1
        elif mark.mark == "gap":
            self.marked_gaps += 1
        elif mark.mark == "unreadable":
            self.bad = self.bad or f"line {frame.line}: the venue sent no JSON ({mark.reason})"

    def see(self, frame: CapturedFrame, event: MarketEvent | None) -> None:
        """Take in a frame and what the codec made of it."""
        self._count(frame, KINDS[type(event)])
        if isinstance(event, BadFrame):
            self.bad = self.bad or f"line {frame.line} is unreadable ({event.reason})"
        elif isinstance(event, TradePrint) or event is None:
            self._see_trade(frame.payload)

    def _count(self, frame: CapturedFrame, kind: str) -> None:
        self.events[kind] = self.events.get(kind, 0) + 1
        self.first_ns = self.first_ns or frame.time_ns
        self.clock_back += frame.time_ns < self.last_ns
        self.last_ns = frame.time_ns

    def _see_trade(self, payload: bytes) -> None:
        head = payload[:_HEAD].replace(b" ", b"")
        aggregated = _TRADE_STREAMS[1] in head
        if not aggregated and _TRADE_STREAMS[0] not in head:
            return
        frame = _decode_ids(payload)
        ids = frame.data or frame
        trade_id = ids.a if aggregated else ids.t
        if isinstance(trade_id, int):
            repeated, missing = self._trades.setdefault((ids.s, aggregated), _TradeIds()).take(trade_id)
            self.duplicate_trades += repeated
            self.missing_trades += missing

    def wrong(self) -> str:
        """The first thing that is wrong, or nothing."""
        for count, what in (
            (self.duplicate_trades, "trades told twice"),
            (self.missing_trades, "trades missing by their ids"),
            (self.clock_back, "frames received before the one above them: the recorder's clock went back"),
        ):
            if count:
                return f"{count} {what}"
        return self.bad
