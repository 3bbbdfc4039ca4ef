"""A session as parity needs it: the market that it saw, its orders as the exchange had them, its messages' times."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from titan.backtest.sweep.given_orders import Word
from titan.engine.configuration import KernelConfig, StrategyConfig
from titan.model import events as e
from titan.model.commands import AnyCommand, CancelOrder, PlaceOrder
from titan.model.instruments import Instrument
from titan.model.orders import TERMINAL
from titan.reports.errors import ReportError
from titan.reports.session_tables import SessionResult, read_session
from titan.simulation.latency import Stamps
from titan.store.journal import SessionReader
from titan.store.replay import session_events
from titan.store.tape import DISCONNECTED, Tape
from titan.store.tape_build import TapeBuilder

STAMPS = ("venue", "receipt")
"""Whose clock orders the session's inputs: the exchange's stamps, or their receipt, where an exchange replays a
recording in lock-step and repeats its stamps of old."""


@dataclass
class Told:
    """One strategy of one session, on one instrument.

    Parameters
    ----------
    market : Tape
        What the session saw, as columns; in receipt's order each input has a nanosecond of its own.
    words : list of Word
        The exchange's words on its orders, in order of its time.
    trips : list of Stamps
        Requests with their answers, in the order sent.
    first_ns, last_ns : int
        When the first order was decided, and until when it quoted, by the clock of `words`.
    maker_fee : Decimal
        The rate that the venue told first.
    stamps_ns : list of int
        The time of each input, in their order, by which `market` and `words` are ordered.
    grain_ns : int
        What the stamps of executions are rounded down to, where the market's are finer.
    """

    result: SessionResult
    strategy: StrategyConfig
    terms: Instrument
    market: Tape
    words: list[Word] = field(default_factory=list)
    trips: list[Stamps] = field(default_factory=list)
    first_ns: int = 0
    last_ns: int = 0
    maker_fee: Decimal = Decimal(0)
    stamps_ns: list[int] = field(default_factory=list)
    grain_ns: int = 1


def read_told(directory: Path, stamps: str) -> Told:
    """Read a session of one strategy on one linear instrument.

    Raises
    ------
    JournalError
        If it cannot be read.
    ReportError
        If it has several strategies or instruments, an inverse one, or never sent an order.
    """
    result = read_session(directory)
    config = result.recording.config
    if len(config.strategies) != 1 or len(config.keys) != 1:
        raise ReportError(
            f"{result.session} ran {len(config.strategies)} strategies on {len(config.keys)} instruments: parity "
            "compares one on one; run them in sessions of their own"
        )
    (strategy,) = config.strategies
    terms = result.recording.markets[strategy.key].known
    if terms.kind != "linear":
        raise ReportError(f"{terms.key} is inverse, and a sweep knows linear contracts only")
    reader = SessionReader(directory)
    return _Teller(reader, config, terms, stamps).tell(result, strategy)


class _Teller:
    """Goes through a session's inputs in order."""

    def __init__(self, reader: SessionReader, config: KernelConfig, terms: Instrument, stamps: str) -> None:
        self._reader, self._config, self._terms = reader, config, terms
        self._by_receipt = stamps == "receipt"
        self._builder = TapeBuilder(terms)
        self._now_ns = 0
        self._stamp_ns = 0
        self._stamps_ns: list[int] = []
        self._asked: dict[str, int] = {}
        self._words: list[Word] = []
        self._trips: list[Stamps] = []
        self._known: dict[str, Word] = {}
        self._filled: list[Word] = []
        self._first: tuple[int, int] | None = None
        self._last_ns = 0
        self._maker: Decimal | None = None

    def tell(self, result: SessionResult, strategy: StrategyConfig) -> Told:
        commands: dict[int, list[AnyCommand]] = defaultdict(list)
        for seq, _, command in self._reader.commands():
            commands[seq].append(command)
        for seq, event in session_events(self._reader, self._config):
            self._take(event)
            for command in commands.get(seq, ()):
                self._command(command)
        self._let_go()
        if self._first is None:
            raise ReportError(f"{result.session} never sent an order: there is nothing to compare")
        first_ns, ours_ns = self._first
        offset_ns = 0 if self._by_receipt else clock_offset_ns(self._trips)
        return Told(
            result=result,
            strategy=strategy,
            terms=self._terms,
            market=self._builder.take(),
            words=sorted(self._words, key=lambda word: word.time_ns),
            trips=self._trips,
            first_ns=first_ns if self._by_receipt else ours_ns - offset_ns,
            last_ns=self._last_ns or self._stamp_ns,
            maker_fee=self._maker or Decimal(0),
            stamps_ns=self._stamps_ns,
        )

    def _take(self, event: Any) -> None:
        if event.time_ns > self._now_ns:
            self._let_go()
        self._now_ns = max(self._now_ns, event.time_ns)
        stamp_ns = self._stamp(event)
        self._stamps_ns.append(stamp_ns)
        if isinstance(event, e.BookSnapshot | e.BookDelta | e.TradePrint):
            self._market(event, stamp_ns)
        elif isinstance(event, e.StreamState) and event.stream == "market":
            self._builder.interrupt(event.time_ns, DISCONNECTED, event.reason)
        elif isinstance(event, e.OrderUpdate):
            self._order(event, stamp_ns)
        elif isinstance(event, e.FeeRates) and event.symbol == self._terms.symbol:
            self._maker = event.maker if self._maker is None else self._maker
        elif isinstance(event, e.StopRequested) and not self._last_ns:
            self._last_ns = self._stamp_ns

    def _stamp(self, event: Any) -> int:
        """The time by which this input is ordered; by receipt each has one of its own, in their sequence."""
        if self._by_receipt:
            self._stamp_ns = max(self._stamp_ns + 1, event.time_ns)
            return self._stamp_ns
        stamp_ns: int = getattr(event, "venue_ns", 0) or event.time_ns
        if isinstance(event, e.BookDelta | e.TradePrint):
            self._stamp_ns = max(self._stamp_ns, stamp_ns)
        return stamp_ns

    def _market(self, event: e.BookSnapshot | e.BookDelta | e.TradePrint, stamp_ns: int) -> None:
        if event.symbol != self._terms.symbol:
            return
        changed = msgspec.structs.replace(event, venue_ns=stamp_ns) if self._by_receipt else event
        self._builder.add(changed)

    def _order(self, update: e.OrderUpdate, stamp_ns: int) -> None:
        asked_ns = self._asked.pop(update.client_id, None)
        if asked_ns is not None and update.venue_ns:
            self._trips.append(Stamps(asked_ns, self._now_ns if self._by_receipt else stamp_ns, self._now_ns))
        gone = update.state in TERMINAL
        word = Word(stamp_ns, update.client_id, update.side, update.price, 0 if gone else update.size)
        known = self._known.get(update.client_id)
        if known is not None and (known.size == 0 or known[1:] == word[1:]):
            return
        self._known[update.client_id] = word
        if self._by_receipt and update.state == "filled":
            self._filled.append(word)
        else:
            self._words.append(word)

    def _let_go(self) -> None:
        """Take filled orders away, once all that arrived at that time is in: the word may come before its cause."""
        for word in self._filled:
            self._stamp_ns += 1
            self._words.append(word._replace(time_ns=self._stamp_ns))
        self._filled.clear()

    def _command(self, command: AnyCommand) -> None:
        if isinstance(command, PlaceOrder):
            if self._first is None:
                self._first = self._stamp_ns, self._now_ns
            self._asked[command.client_id] = self._now_ns
        elif isinstance(command, CancelOrder):
            self._asked[command.client_id] = self._now_ns


def clock_offset_ns(trips: list[Stamps]) -> int:
    """How far our clock is ahead of the exchange's: the middle of what the messages allow.

    Where stamps in whole milliseconds allow none, the middle of what they come closest to.
    """
    if not trips:
        return 0
    low = max(trip.sent_ns - trip.exchange_ns for trip in trips)
    high = min(trip.received_ns - trip.exchange_ns for trip in trips)
    return (low + high) // 2
