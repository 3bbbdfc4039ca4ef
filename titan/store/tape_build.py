"""From market events to tapes: the book's rows in sequence, times as stamps and lags, sizes in few bytes.

Depth is told as the engine's own book takes it (`titan.engine.book`): a delta that continues the book becomes rows, one
that does not voids it, and each snapshot is written as the whole book that it and the deltas held for it make. So what
reads a tape needs no update ids, and sees what a runner would have seen.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from titan.engine.book import Book
from titan.model.events import (
    BadFrame,
    BookDelta,
    BookSnapshot,
    Levels,
    MarketEvent,
    MarkPrice,
    TopOfBook,
    TradePrint,
    VenueEvent,
)
from titan.model.instruments import Instrument
from titan.store import tape as t

_LARGEST_TICKS = 2**31 - 1
_LARGEST_LOTS = 2**63 - 1


class TapeBuilder:
    """Collects one instrument's events, in the order of receipt.

    Parameters
    ----------
    instrument : Instrument
        Its terms; events are counted in its ticks and lots.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.left_out = 0
        """Depth messages that came while the book was unknown, so have no rows; the next snapshot tells their sum."""
        self._book = Book(instrument.venue, instrument.symbol)
        self._forget()

    def _forget(self) -> None:
        self._time_ns, self._lag_us = array("q"), array("i")
        self._what, self._ticks, self._lots = array("B"), array("q"), array("q")
        self._mark_ns, self._mark_lag_us, self._funding_ns = array("q"), array("i"), array("q")
        self._mark, self._index, self._rate = array("d"), array("d"), array("d")

    @property
    def synchronised(self) -> bool:
        """True while the book is known."""
        return self._book.ready

    def add(self, event: MarketEvent) -> None:
        """Take the next event of this instrument, or a bad frame of it.

        Raises
        ------
        TapeError
            For a price, size or lag that no tape can hold.
        """
        if isinstance(event, TradePrint):
            ask = t.ASK if event.side < 0 else 0
            self._row(event, t.TRADE | ask | t.LAST, event.price, event.size)
        elif isinstance(event, TopOfBook):
            self._row(event, t.TOP, event.bid if event.bid_size else 0, event.bid_size)
            self._row(event, t.TOP | t.ASK | t.LAST, event.ask if event.ask_size else 0, event.ask_size)
        elif isinstance(event, BookDelta):
            self._take_delta(event)
        elif isinstance(event, BookSnapshot):
            self._take_snapshot(event)
        elif isinstance(event, MarkPrice):
            self._add_mark(event)
        elif isinstance(event, BadFrame):
            self.interrupt(event.time_ns, t.UNREADABLE, event.reason)

    def interrupt(self, received_ns: int, why: int, reason: str) -> None:
        """The book is unknown from here on; `why` is one of `titan.store.tape.REASONS`."""
        was_ready = self._book.ready
        self._book.reset(reason)
        if was_ready:
            self._void(received_ns, why)

    def begin_part(self, received_ns: int) -> None:
        """Tell the whole book, if it is known, so that what follows can be read without what went before."""
        if self._book.ready:
            self._tell_book(received_ns, received_ns)

    def take(self) -> t.Tape:
        """What was collected, which is then forgotten; the book goes on."""
        small = max(self._lots, default=0) <= t.LARGEST_SMALL_SIZE
        columns = t.Columns(
            time_ns=_column(self._time_ns, np.int64),
            lag_us=_column(self._lag_us, np.int32),
            what=_column(self._what, np.uint8),
            price_ticks=_column(self._ticks, np.int32),
            size_lots=_column(self._lots, np.int32 if small else np.int64),
        )
        marks = t.MarkColumns(
            time_ns=_column(self._mark_ns, np.int64),
            lag_us=_column(self._mark_lag_us, np.int32),
            mark_price=_column(self._mark, np.float64),
            index_price=_column(self._index, np.float64),
            funding_rate=_column(self._rate, np.float64),
            next_funding_ns=_column(self._funding_ns, np.int64),
        )
        self._forget()
        return t.Tape(self.instrument, columns, marks)

    # ---- The book ----------------------------------------------------------------------------------------

    def _take_delta(self, delta: BookDelta) -> None:
        was_ready, last_id = self._book.ready, self._book.last_id
        self._book.apply(delta)
        if self._book.ready:
            if self._book.last_id != last_id:
                time_ns = delta.venue_ns or delta.time_ns
                self._levels(time_ns, delta.time_ns, t.DEPTH, delta.bids, delta.asks)
            return
        self.left_out += 1
        if was_ready:
            self._void(delta.time_ns, _why(self._book))

    def _take_snapshot(self, snapshot: BookSnapshot) -> None:
        was_ready = self._book.ready
        stale = was_ready and snapshot.last_id < self._book.last_id
        self._book.apply(snapshot)
        if self._book.ready and not stale:
            self._tell_book(self._book.venue_ns or snapshot.time_ns, snapshot.time_ns)
        elif was_ready and not self._book.ready:
            self._void(snapshot.time_ns, _why(self._book))

    def _tell_book(self, time_ns: int, received_ns: int) -> None:
        image = self._book.snapshot()
        empty = not image.bids and not image.asks
        self._append(time_ns, received_ns, t.CLEAR, 0, 0)
        self._levels(time_ns, received_ns, t.SNAPSHOT, image.bids, image.asks)
        if empty:
            # A known book without a level: a side told as empty, for a CLEAR that ends a message means unknown.
            self._append(time_ns, received_ns, t.SNAPSHOT | t.LAST, 0, 0)

    def _void(self, received_ns: int, why: int) -> None:
        self._append(received_ns, received_ns, t.CLEAR | t.LAST, 0, why)

    # ---- Rows --------------------------------------------------------------------------------------------

    def _levels(self, time_ns: int, received_ns: int, kind: int, bids: Levels, asks: Levels) -> None:
        before = len(self._time_ns)
        for side, levels in ((0, bids), (t.ASK, asks)):
            for ticks, lots in levels:
                self._append(time_ns, received_ns, kind | side, ticks, lots)
        if len(self._time_ns) > before:
            self._what[-1] |= t.LAST

    def _row(self, event: VenueEvent, what: int, ticks: int, lots: int) -> None:
        self._append(event.venue_ns or event.time_ns, event.time_ns, what, ticks, lots)

    def _append(self, time_ns: int, received_ns: int, what: int, ticks: int, lots: int) -> None:
        if ticks > _LARGEST_TICKS or lots > _LARGEST_LOTS:
            raise t.TapeError(
                f"{self.instrument.key}: price {ticks} ticks or size {lots} lots is too large for a tape; "
                "the tick is far too fine for such prices: check the instrument's terms"
            )
        self._lag_us.append(t.lag_between(time_ns, received_ns))
        self._time_ns.append(time_ns)
        self._what.append(what)
        self._ticks.append(ticks)
        self._lots.append(lots)

    def _add_mark(self, event: MarkPrice) -> None:
        time_ns = event.venue_ns or event.time_ns
        self._mark_lag_us.append(t.lag_between(time_ns, event.time_ns))
        self._mark_ns.append(time_ns)
        self._mark.append(float(event.mark))
        self._index.append(float(event.index))
        self._rate.append(event.funding_rate)
        self._funding_ns.append(event.next_funding_ns)


def join(tapes: Sequence[t.Tape]) -> t.Tape:
    """Tapes of one instrument, in order of time, as one.

    Raises
    ------
    TapeError
        If there is none, or they count in different ticks or lots.
    """
    if not tapes:
        raise t.TapeError("no tape to join")
    first = tapes[0]
    for other in tapes[1:]:
        if not first.instrument.same_grid(other.instrument):
            raise t.TapeError(
                f"{first.instrument.key}: tapes on ticks of {first.instrument.tick_size} and "
                f"{other.instrument.tick_size}, lots of {first.instrument.lot_size} and "
                f"{other.instrument.lot_size}; convert their captures together, or load them apart"
            )
    return t.Tape(
        first.instrument,
        t.Columns(*(np.concatenate(parts) for parts in zip(*(tape.columns for tape in tapes), strict=True))),
        t.MarkColumns(
            *(np.concatenate(parts) for parts in zip(*(tape.marks for tape in tapes), strict=True))
        ),
    )


def _why(book: Book) -> int:
    return t.CROSSED if book.fault == "crossed" else t.LOST_UPDATES


def _column(values: array[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.frombuffer(values, dtype=values.typecode).astype(dtype) if values else np.empty(0, dtype)
