"""Captures to tapes: one part for each file, instrument and UTC day of receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from titan.model.events import BadFrame, BookDelta, MarketEvent
from titan.model.instruments import Instrument
from titan.store.capture_scale import Scale, instrument_on, scales_of
from titan.store.capture_start import StartSnapshot
from titan.store.captures import CapturedFrame, CaptureError, read_capture
from titan.store.tape import DISCONNECTED, Tape, TapeError
from titan.store.tape_build import TapeBuilder, join
from titan.wire.binance_terms import instrument_from_exchange_info
from titan.wire.binance_usdm import MarketCodec, WireError
from titan.wire.capture_marks import Mark, decode_mark

_DAY_NS = 86_400_000_000_000
_BREAKS = ("started", "connected", "disconnected")


class Part(NamedTuple):
    """What one file holds of one instrument on one UTC day; it can be read without any other part.

    Attributes
    ----------
    source : Path
        The capture.
    day : date
        UTC day of receipt.
    tape : Tape
        The market.
    left_out : int
        Depth messages that came while the book was unknown, and so have no rows.
    torn : str
        Where and how the file ends too early; empty if it is whole.
    """

    source: Path
    day: date
    tape: Tape
    left_out: int
    torn: str


def day_of(time_ns: int) -> date:
    """The UTC day of a moment."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).date()


def instruments_of(
    paths: Iterable[Path], venue: str, on_torn: Callable[[str], None], start: Scale | None = None
) -> dict[Path, dict[str, Instrument]]:
    """Each capture's instruments: by the venue's terms where the recorder wrote them, else inferred from the numbers.

    Parameters
    ----------
    paths : iterable of Path
        The captures; an inferred grid holds the numbers of all of them.
    venue : str
        Name given to the instruments' venue.
    on_torn : function of str
        Told of each file that ends too early.
    start : Scale, optional
        Decimals of a start snapshot, which an inferred grid must hold as well.

    Raises
    ------
    CaptureError
        If a file is unreadable, or terms in it are.
    """
    told: dict[Path, dict[str, Instrument]] = {}
    scales: dict[Path, dict[str, Scale]] = {}
    merged: dict[str, Scale] = {}
    for path in paths:
        told[path] = _terms(path, venue)
        scales[path] = {} if told[path] else scales_of(path, on_torn)
        for symbol, scale in scales[path].items():
            merged.setdefault(symbol, Scale()).widen(scale)
    for scale in merged.values():
        scale.widen(start or Scale())
    inferred = {symbol: instrument_on(scale, symbol, venue) for symbol, scale in merged.items()}
    return {path: told[path] | {symbol: inferred[symbol] for symbol in scales[path]} for path in told}


def _terms(path: Path, venue: str) -> dict[str, Instrument]:
    """The terms that stand among the first lines of a file, before the venue's own."""
    found: dict[str, Instrument] = {}
    for frame in read_capture(path, lambda where: None):
        mark = decode_mark(frame.payload)
        if mark is None:
            break
        if mark.terms is not None:
            try:
                found[mark.symbol] = instrument_from_exchange_info(mark.terms, venue)
            except WireError as error:
                raise CaptureError(
                    f"{path}: line {frame.line} holds no terms ({error}); drop that line"
                ) from None
    return found


def parts_of(paths: Sequence[Path], venue: str = "capture", snapshot: Path | None = None) -> Iterator[Part]:
    """Read captures and give their parts, each as soon as it is complete.

    Parameters
    ----------
    paths : sequence of Path
        Captures, in any order; a book is carried from one into the one after it where that continues it.
    venue : str
        Name of the venue.
    snapshot : Path, optional
        A depth snapshot for a capture that begins without one.

    Raises
    ------
    CaptureError
        For a file that is damaged or no capture. One that merely ends too early gives what it holds.
    TapeError
        For numbers that no tape can hold.
    """
    start = StartSnapshot(snapshot)
    instruments = instruments_of(paths, venue, lambda where: None, start.scale)
    builders: dict[str, TapeBuilder] = {}
    for path in _by_time(paths):
        own = instruments[path]
        for symbol, instrument in own.items():
            known = builders.get(symbol)
            if known is None or not known.instrument.same_grid(instrument):
                builders[symbol] = TapeBuilder(instrument)
        # Of the file's own symbols only: a snapshot that names none belongs to the only one of its file.
        yield from _File(
            path, {symbol: builders[symbol] for symbol in own}, MarketCodec(own, venue), start
        ).parts()
    start.require_used()


def tapes_of(paths: Sequence[Path], venue: str = "capture", snapshot: Path | None = None) -> dict[str, Tape]:
    """The whole of some captures, a tape for each symbol; raises what `parts_of` and `join` do."""
    found: dict[str, list[Tape]] = {}
    for part in parts_of(paths, venue, snapshot):
        found.setdefault(part.tape.instrument.symbol, []).append(part.tape)
    return {symbol: join(tapes) for symbol, tapes in found.items()}


def _by_time(paths: Iterable[Path]) -> list[Path]:
    """Captures by their first frame; those that hold none are left out."""
    firsts = []
    for path in paths:
        frame = next(iter(read_capture(path, lambda where: None)), None)
        if frame is not None:
            firsts.append((frame.time_ns, str(path), path))
    return [path for _, _, path in sorted(firsts)]


class _File:
    """The reading of one file."""

    def __init__(
        self, path: Path, builders: Mapping[str, TapeBuilder], codec: MarketCodec, start: StartSnapshot
    ) -> None:
        self._path = path
        self._builders = builders
        self._codec = codec
        self._start = start
        self._seen: set[str] = set()
        self._with_depth: set[str] = set()
        self._day = 0
        self._torn = ""

    def parts(self) -> Iterator[Part]:
        for frame in read_capture(self._path, self._note_torn):
            day = frame.time_ns // _DAY_NS
            if day > self._day:
                yield from self._end_part()
                self._day = day
                for builder in self._builders.values():
                    builder.begin_part(frame.time_ns)
            mark = decode_mark(frame.payload)
            if mark is not None:
                self._take_mark(frame, mark)
            else:
                self._take(frame)
        yield from self._end_part()

    def _note_torn(self, where: str) -> None:
        self._torn = where

    def _take_mark(self, frame: CapturedFrame, mark: Mark) -> None:
        if mark.mark in _BREAKS:
            for symbol, builder in self._builders.items():
                if builder.synchronised:
                    self._seen.add(symbol)
                builder.interrupt(frame.time_ns, DISCONNECTED, f"the recorder was {mark.mark}")

    def _take(self, frame: CapturedFrame) -> None:
        event = self._codec.decode(frame.payload, frame.time_ns)
        if event is None:
            return
        try:
            for builder in self._told(event):
                self._add(builder, event)
        except TapeError as error:
            raise TapeError(f"{self._path}: line {frame.line}: {error}") from None

    def _told(self, event: MarketEvent) -> list[TapeBuilder]:
        """Whom an event is for; a bad frame that names no symbol puts every book in doubt."""
        if isinstance(event, BadFrame) and event.symbol not in self._builders:
            return list(self._builders.values())
        self._seen.add(event.symbol)
        return [self._builders[event.symbol]]

    def _add(self, builder: TapeBuilder, event: MarketEvent) -> None:
        if isinstance(event, BookDelta) and not (builder.synchronised and event.symbol in self._with_depth):
            self._with_depth.add(event.symbol)
            started = self._start.snapshot_for(event, self._codec)
            if started is not None:
                builder.add(started)
        builder.add(event)

    def _end_part(self) -> Iterator[Part]:
        """What was read of this day; an instrument that the file does not speak of gives none."""
        for symbol, builder in sorted(self._builders.items()):
            left_out, builder.left_out = builder.left_out, 0
            tape = builder.take()
            if symbol in self._seen:
                yield Part(self._path, day_of(self._day * _DAY_NS), tape, left_out, self._torn)
        self._seen.clear()
