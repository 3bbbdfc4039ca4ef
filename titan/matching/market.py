"""One instrument's market: its book, mark and index price, funding, and the public events of a generated
book.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

import msgspec

from titan.matching.account import to_money
from titan.matching.book import MatchingBook, VenueBook
from titan.matching.replay_book import ReplayBook
from titan.matching.terms import SECOND_NS, ExchangeSettings
from titan.matching.types import Depth, FundingRecord, MarkRecord
from titan.model.events import BookDelta, MarkPrice, TopOfBook, TradePrint
from titan.model.instruments import Instrument
from titan.model.orders import BUY, SELL
from titan.simulation.queue_position import LOGARITHM, RISK_AVERSE, QueueModel, power_model

FUNDING_RECORDS = 1_000
FUNDING_EARLY_NS = 10 * SECOND_NS
"""A recorded settlement may be over this long before its stamp: the recording clock may be behind the venue's."""


def queue_model(settings: ExchangeSettings) -> QueueModel:
    """The queue model that the settings name."""
    if settings.queue_model == "power":
        return power_model(settings.queue_exponent)
    return RISK_AVERSE if settings.queue_model == "risk_averse" else LOGARITHM


def check_mark(event: MarkPrice) -> None:
    """ValueError if a recorded mark price is absurd."""
    numbers = (event.mark, event.index, Decimal(str(event.funding_rate)))
    if not all(number.is_finite() for number in numbers) or event.mark <= 0 or event.index <= 0:
        raise ValueError(
            f"{event.key}: mark {event.mark}, index {event.index}, rate {event.funding_rate} is absurd"
        )


class Market:
    """The state of one instrument that belongs to no account."""

    def __init__(self, instrument: Instrument, settings: ExchangeSettings, now_ns: int) -> None:
        self.instrument = instrument
        replayed = settings.market == "replayed"
        self.replay = ReplayBook(queue_model(settings)) if replayed else None
        self.matching = None if replayed else MatchingBook()
        self.funding_rate = settings.funding_rate
        self.funding_records: deque[FundingRecord] = deque(maxlen=FUNDING_RECORDS)
        self.mark: Decimal | None = None
        self.index: Decimal | None = None
        self.mark_ns = now_ns
        self.last_trade: tuple[int, int, int] | None = None
        self._mark_weight = Decimal(1) if replayed else Decimal(str(settings.mark_weight))
        self._interval_ns = settings.funding_interval_s * SECOND_NS
        self._mark_recorded = False
        self._funding_recorded_ns = 0
        self._update_id = 0
        self._top = (0, 0, 0, 0)
        self._past: list[tuple[int, Instrument]] = []

    def regrid(self, tick_size: Decimal, now_ns: int) -> None:
        """Another tick from here on; no order may stand in the book, and a recorded one waits for a snapshot."""
        self._past.append((now_ns, self.instrument))
        self.instrument = msgspec.structs.replace(self.instrument, tick_size=tick_size)
        if self.replay is not None:
            self.replay.forget()
        self.last_trade = None
        self._top = (0, 0, 0, 0)

    def terms_at(self, time_ns: int) -> Instrument:
        """The terms whose grid held at a moment; the last of a moment is the one before a change."""
        return next((terms for until_ns, terms in self._past if time_ns <= until_ns), self.instrument)

    @property
    def book(self) -> VenueBook:
        """The book that orders meet."""
        return self.book_replayed() if self.matching is None else self.matching

    def book_replayed(self) -> ReplayBook:
        """The recorded book; ValueError in a generated market."""
        if self.replay is None:
            raise ValueError(
                f"{self.instrument.key}: the market is generated; recorded events cannot be applied"
            )
        return self.replay

    @property
    def synchronised(self) -> bool:
        """True if the book can be traded on."""
        return self.replay is None or self.replay.synchronised

    def mid(self) -> Decimal | None:
        """Middle of the touch; None without two sides."""
        bid, ask = self.book.best(BUY), self.book.best(SELL)
        if not bid or not ask or bid >= ask:
            return None
        return to_money(self.instrument.price(bid + ask) / 2)

    def reference(self, side: int) -> Decimal | None:
        """What a market order of a side would first pay, else the mark."""
        opposite = self.book.best(-side)
        return self.instrument.price(opposite) if opposite else self.mark

    # ---- mark price and funding --------------------------------------------------------------------------

    def first_mark(self, now_ns: int) -> None:
        """Begin marking as soon as there is a mid."""
        if self.mark is None:
            self.refresh_mark(now_ns)

    def refresh_mark(self, now_ns: int) -> None:
        """Move the mark towards the mid; a recorded mark price goes before."""
        mid = self.mid()
        if mid is None or self._mark_recorded:
            return
        self.mark = mid if self.mark is None else to_money(self.mark + self._mark_weight * (mid - self.mark))
        self.mark_ns = now_ns

    def record_mark(self, event: MarkPrice) -> None:
        """Take a recorded mark price; from here on the mid no longer makes it."""
        self._mark_recorded = True
        self.mark, self.index = event.mark, event.index
        self.funding_rate = Decimal(str(event.funding_rate))
        self.mark_ns = event.time_ns
        self._funding_recorded_ns = event.next_funding_ns

    def settled_by(self, event: MarkPrice) -> bool:
        """True if a recorded mark price shows that the settlement is over, ahead of its stamp by our clock."""
        due_ns = self._funding_recorded_ns
        return event.time_ns < due_ns < event.next_funding_ns and due_ns - event.time_ns <= FUNDING_EARLY_NS

    def next_funding_ns(self, now_ns: int) -> int:
        """The next settlement after a moment: the recorded one, else by the interval."""
        if self._funding_recorded_ns > now_ns:
            return self._funding_recorded_ns
        return (now_ns // self._interval_ns + 1) * self._interval_ns

    def mark_record(self, now_ns: int) -> MarkRecord | None:
        """Mark price and funding as they stand."""
        if self.mark is None:
            return None
        index = self.mark if self.index is None else self.index
        next_ns = self.next_funding_ns(now_ns)
        return MarkRecord(self.instrument.symbol, self.mark, index, self.funding_rate, next_ns, self.mark_ns)

    def mark_event(self, now_ns: int) -> MarkPrice | None:
        """The mark price as a public event."""
        record = self.mark_record(now_ns)
        if record is None:
            return None
        return MarkPrice(
            time_ns=now_ns,
            venue=self.instrument.venue,
            symbol=self.instrument.symbol,
            venue_ns=now_ns,
            mark=record.mark,
            index=record.index_price,
            funding_rate=float(record.funding_rate),
            next_funding_ns=record.next_funding_ns,
        )

    # ---- the public view of a generated book -------------------------------------------------------------

    def depth(self, levels: int, now_ns: int) -> Depth:
        """The best levels of each side."""
        last_id = self._update_id if self.replay is None else self.replay.last_id
        return Depth(last_id, self.book.levels(BUY, levels), self.book.levels(SELL, levels), now_ns)

    def trade_event(self, trade_id: int, price: int, size: int, side: int, now_ns: int) -> TradePrint:
        """A match as a public event."""
        return TradePrint(
            time_ns=now_ns,
            venue=self.instrument.venue,
            symbol=self.instrument.symbol,
            venue_ns=now_ns,
            trade_id=trade_id,
            price=price,
            size=size,
            side=side,
        )

    def book_events(self, now_ns: int) -> list[BookDelta | TopOfBook]:
        """What changed in a generated book since the last call: one delta, and the touch if it moved."""
        if self.matching is None:
            return []
        bids, asks = self.matching.drain_changes()
        if not bids and not asks:
            return []
        self._update_id += 1
        events: list[BookDelta | TopOfBook] = [
            BookDelta(
                time_ns=now_ns,
                venue=self.instrument.venue,
                symbol=self.instrument.symbol,
                venue_ns=now_ns,
                first_id=self._update_id,
                last_id=self._update_id,
                previous_id=self._update_id - 1,
                bids=bids,
                asks=asks,
            )
        ]
        top = self._touch(self.matching)
        if top != self._top:
            self._top = top
            events.append(self._top_event(now_ns))
        return events

    @staticmethod
    def _touch(book: MatchingBook) -> tuple[int, int, int, int]:
        bid, ask = book.best(BUY), book.best(SELL)
        return bid, book.size_at(BUY, bid), ask, book.size_at(SELL, ask)

    def _top_event(self, now_ns: int) -> TopOfBook:
        bid, bid_size, ask, ask_size = self._top
        return TopOfBook(
            time_ns=now_ns,
            venue=self.instrument.venue,
            symbol=self.instrument.symbol,
            venue_ns=now_ns,
            update_id=self._update_id,
            bid=bid,
            bid_size=bid_size,
            ask=ask,
            ask_size=ask_size,
        )
