"""Is a capture whole, and does our book read it right?

The book's best bid and ask, price and size, after each depth event with last id u must equal the latest
bookTicker whose id is at most u, by id and not by arrival. Checked is every depth event after synchronisation
that has a bookTicker to compare with.

A depth snapshot holds so many levels and no more, and deltas tell only what changes: an old order beyond the
snapshot's range is unknown until it is touched. Where the price reaches such an order the bookTicker shows it
and no book built from the capture can. These events count as checked and not matched; `untold` says how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from titan.engine.book import Book, Touch
from titan.model.events import BadFrame, BookDelta, BookSnapshot, TopOfBook
from titan.model.instruments import Instrument
from titan.store.capture_integrity import Integrity
from titan.store.capture_scale import Scale, instrument_on, scales_of
from titan.store.capture_start import StartSnapshot
from titan.store.captures import DamagedCapture, read_capture
from titan.wire.binance_usdm import MarketCodec
from titan.wire.capture_marks import Mark, decode_mark

_VENUE = "capture"
_NEVER = 2**63
"""Above every update id."""


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one file.

    Attributes
    ----------
    first_ns, last_ns : int
        Receipt times of the first and the last frame, ns UTC; 0 where there is none.
    events : dict of str to int
        Frames by kind; ``other`` is what is no market data, ``recorder`` the recorder's own marks.
    depth, checked, matched : int
        Depth events, those that could be compared, and those that agreed.
    untold : int
        Of those that did not agree, the ones whose bookTicker stands at a price that neither the snapshot
        nor any delta up to then has told: the capture lacks that level, the book did not lose it.
    gaps, crossed : int
        Breaks of the update ids after synchronisation, and crossed books or bookTickers.
    duplicate_trades, missing_trades : int
        Trades told twice, and trade ids between two that were told, while connected.
    clock_back : int
        Frames received before the one above them.
    disconnects : int
        Times that the recorder was disconnected; what was missed then is known, and no fault of the file.
    torn : str
        Where and how the file ends too early, as that of a killed recorder does; empty if it is whole.
    ok : bool
        True if nothing is wrong.
    reason : str
        The first thing that is wrong; empty if nothing is.
    note : str
        What could not be checked though nothing is wrong.
    """

    file: str
    first_ns: int = 0
    last_ns: int = 0
    events: dict[str, int] = {}
    depth: int = 0
    checked: int = 0
    matched: int = 0
    untold: int = 0
    gaps: int = 0
    crossed: int = 0
    duplicate_trades: int = 0
    missing_trades: int = 0
    clock_back: int = 0
    disconnects: int = 0
    torn: str = ""
    ok: bool
    reason: str = ""
    note: str = ""


def verify_captures(paths: Sequence[Path], snapshot: Path | None = None) -> list[FileReport]:
    """Read each capture through the codec and the book, and compare with its own bookTickers.

    Parameters
    ----------
    paths : sequence of Path
        Captures, in order of time where they follow one another: the book of a file is carried into the
        next one whose first depth event of that symbol continues it.
    snapshot : Path, optional
        A REST depth answer, used where a depth event joins its update id; it then wins over a carried book.

    Raises
    ------
    CaptureError
        For a file that cannot be opened or is no capture, and for a snapshot that joins none of the files. Damage
        within a file is reported, not raised.
    """
    scales: dict[Path, dict[str, Scale]] = {}
    damage: dict[Path, str] = {}
    for path in paths:
        torn: list[str] = []
        try:
            scales[path] = scales_of(path, torn.append)
        except DamagedCapture as error:
            damage[path] = str(error)
    start = StartSnapshot(snapshot)
    carried: dict[str, _Track] = {}
    reports = []
    for path in paths:
        if path in damage:
            reports.append(FileReport(file=str(path), ok=False, reason=damage[path]))
            continue
        instruments = {symbol: _instrument(symbol, scales, start.scale) for symbol in scales[path]}
        check = _FileCheck(path, instruments, start, carried)
        reports.append(check.run())
    start.require_used()
    return reports


def _instrument(symbol: str, scales: dict[Path, dict[str, Scale]], start: Scale) -> Instrument:
    """One grid for a symbol over all files, so that a book can be carried from one to the next."""
    merged = Scale()
    merged.widen(start)
    for found in scales.values():
        merged.widen(found.get(symbol, merged))
    return instrument_on(merged, symbol, _VENUE)


class _Comparison(NamedTuple):
    checked: int
    matched: int
    untold: int


class _Track:
    """One symbol of one file: its book, and the touches to compare."""

    def __init__(self, symbol: str, carried: _Track | None) -> None:
        self.book = Book(_VENUE, symbol)
        self.carried = carried
        self.tops: list[Touch] = [max(carried.tops)] if carried and carried.tops else []
        self.touches: list[Touch] = []
        self._ended: list[_Comparison] = []
        self.synchronised = False
        self.depth = 0
        self.told_bids: dict[int, int] = {}
        self.told_asks: dict[int, int] = {}

    def take_over(self, before: _Track) -> None:
        """Go on with the book of the file before."""
        self.book, self.told_bids, self.told_asks = before.book, before.told_bids, before.told_asks

    def tell(self, event: BookDelta | BookSnapshot) -> None:
        """Note at which update each price was first told of."""
        for told, levels in ((self.told_bids, event.bids), (self.told_asks, event.asks)):
            for ticks, _ in levels:
                told.setdefault(ticks, event.last_id)

    def end_stretch(self) -> None:
        """Compare what was received without a break; what follows has touches and bookTickers of its own."""
        self._ended.append(self._compare())
        self.tops, self.touches = [], []

    def comparisons(self) -> list[_Comparison]:
        """One of each stretch, the last one included."""
        return [*self._ended, self._compare()]

    def _compare(self) -> _Comparison:
        """Compare each touch with the latest bookTicker at or before it, where there is one.

        One that differs, and after which no bookTicker came, may merely have been cut off from its own.
        """
        tops = sorted(self.tops)
        checked = matched = untold = at = 0
        for touch in self.touches:
            while at < len(tops) and tops[at].update_id <= touch.update_id:
                at += 1
            if not at:
                continue
            same = tops[at - 1][1:] == touch[1:]
            if not same and at == len(tops) and tops[-1].update_id < touch.update_id:
                continue
            checked += 1
            matched += same
            untold += not same and self._untold(tops[at - 1], touch)
        return _Comparison(checked, matched, untold)

    def _untold(self, top: Touch, touch: Touch) -> bool:
        """True if each side that differs does so by a price not told of until then."""
        bid = touch[1:3] == top[1:3] or self.told_bids.get(top.bid, _NEVER) > touch.update_id
        ask = touch[3:5] == top[3:5] or self.told_asks.get(top.ask, _NEVER) > touch.update_id
        return bid and ask


class _FileCheck:
    """The reading of one file."""

    def __init__(
        self,
        path: Path,
        instruments: dict[str, Instrument],
        start: StartSnapshot,
        carried: dict[str, _Track],
    ) -> None:
        self._path = path
        self._start = start
        self._all_tracks = carried
        self._codec = MarketCodec(instruments, _VENUE)
        self._tracks = {symbol: _Track(symbol, carried.get(symbol)) for symbol in instruments}
        self._integrity = Integrity()
        self._gaps = 0
        self._crossed = 0
        self._torn = ""
        self._first_reason = ""

    def run(self) -> FileReport:
        """Read the file to its end and report."""
        for frame in read_capture(self._path, self._note_torn):
            mark = decode_mark(frame.payload)
            if mark is not None:
                self._integrity.see_mark(frame, mark)
                self._on_mark(mark)
                continue
            event = self._codec.decode(frame.payload, frame.time_ns)
            self._integrity.see(frame, event)
            if isinstance(event, BookDelta):
                self._on_delta(self._tracks[event.symbol], event)
            elif isinstance(event, TopOfBook):
                self._on_top(self._tracks[event.symbol], event)
            elif isinstance(event, BookSnapshot):
                self._on_snapshot(self._tracks[event.symbol], event)
            elif isinstance(event, BadFrame):
                for symbol in [event.symbol] if event.symbol in self._tracks else list(self._tracks):
                    self._tracks[symbol].book.doubt(event.reason)
        self._all_tracks.update(self._tracks)
        return self._report()

    def _note_torn(self, where: str) -> None:
        self._torn = where

    def _on_mark(self, mark: Mark) -> None:
        """A book is not carried over a hole that the recorder knows of."""
        if mark.mark in ("started", "connected", "disconnected"):
            for track in self._tracks.values():
                track.end_stretch()
                track.book.reset(f"the recorder was {mark.mark}")
                track.carried = None

    def _on_delta(self, track: _Track, delta: BookDelta) -> None:
        track.depth += 1
        if track.depth == 1 or not track.book.ready:
            started = self._start.snapshot_for(delta, self._codec)
            if started is not None:
                track.book = Book(_VENUE, delta.symbol)
                track.book.apply(started)
                track.tell(started)
            elif track.depth == 1 and track.carried is not None and _continues(track.carried.book, delta):
                track.take_over(track.carried)
        track.tell(delta)
        was_ready = track.book.ready
        track.book.apply(delta)
        if track.book.ready:
            track.synchronised = True
            track.touches.append(_touch(track.book))
        elif was_ready:
            self._note_fault(track.book)

    def _on_snapshot(self, track: _Track, snapshot: BookSnapshot) -> None:
        last_id = track.book.last_id
        track.tell(snapshot)
        track.book.apply(snapshot)
        if track.book.fault == "crossed" and track.book.state == "doubtful":
            self._note_fault(track.book)
        elif track.book.ready and track.book.last_id != last_id:
            # The deltas held until now were applied with it.
            unproven = track.book.snapshot().unproven
            track.synchronised = track.synchronised or bool(unproven)
            track.touches.extend(unproven)

    def _on_top(self, track: _Track, top: TopOfBook) -> None:
        if top.bid_size and top.ask_size and top.bid >= top.ask:
            self._crossed += 1
            self._first_reason = self._first_reason or f"bookTicker {top.update_id} is crossed"
        track.tops.append(Touch(top.update_id, top.bid, top.bid_size, top.ask, top.ask_size))

    def _note_fault(self, book: Book) -> None:
        if book.fault == "crossed":
            self._crossed += 1
        else:
            self._gaps += 1
        self._first_reason = self._first_reason or book.reason

    def _report(self) -> FileReport:
        compared = [each for track in self._tracks.values() for each in track.comparisons()]
        checked, matched, untold = (sum(each[at] for each in compared) for at in range(3))
        seen = self._integrity
        reason = self._first_reason or seen.wrong()
        if not reason and matched < checked:
            reason = f"{checked - matched} touches differ from the bookTicker, {untold} at prices never told"
        if not reason and self._never_synchronised():
            reason = "the book was never synchronised: give the depth snapshot of its start, or the capture before it"
        if not reason and self._torn:
            reason = f"torn: {self._torn}; all before it can be used"
        return FileReport(
            file=str(self._path),
            first_ns=seen.first_ns,
            last_ns=seen.last_ns,
            events=dict(sorted(seen.events.items())),
            depth=sum(track.depth for track in self._tracks.values()),
            checked=checked,
            matched=matched,
            untold=untold,
            gaps=self._gaps,
            crossed=self._crossed,
            duplicate_trades=seen.duplicate_trades,
            missing_trades=seen.missing_trades,
            clock_back=seen.clock_back,
            disconnects=seen.disconnects,
            torn=self._torn,
            ok=not reason,
            reason=reason,
            note="" if checked else self._unchecked(),
        )

    def _never_synchronised(self) -> bool:
        return any(track.depth and not track.synchronised for track in self._tracks.values())

    def _unchecked(self) -> str:
        if not any(track.depth for track in self._tracks.values()):
            return "no depth event in it"
        return "no bookTicker to compare with"


def _continues(book: Book, delta: BookDelta) -> bool:
    previous = delta.previous_id if delta.previous_id >= 0 else delta.first_id - 1
    return book.ready and book.last_id == previous


def _touch(book: Book) -> Touch:
    return Touch(book.last_id, book.best_bid, book.best_bid_size, book.best_ask, book.best_ask_size)
