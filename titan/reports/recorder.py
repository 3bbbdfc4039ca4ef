"""Reads a session's journal and capture in one pass.

Books are rebuilt from the recorded frames; executions and bookings are taken from the recorded answers of the
venue, each once.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from titan.engine.client_ids import account_prefix, strategy_of
from titan.engine.configuration import KernelConfig
from titan.evaluation.pnl import ZERO
from titan.model import events as e
from titan.model.commands import AmendOrder, AnyCommand, EndSession, Notice, PlaceOrder
from titan.model.instruments import Instrument, InstrumentKey
from titan.reports.errors import ReportError
from titan.reports.limit_usage import Usage
from titan.reports.order_lives import OrderLives
from titan.reports.recording import (
    MANUAL,
    Booking,
    Execution,
    Factors,
    MarketRecord,
    Recording,
    Remark,
    VenueRecord,
)
from titan.store.journal import SessionReader
from titan.store.replay import session_events


def read_recording(directory: Path) -> Recording:
    """Read a session.

    Raises
    ------
    JournalError
        If the session cannot be read.
    ReportError
        If it holds what no P&L can be made of; the message says what.
    """
    reader = SessionReader(directory)
    config = msgspec.msgpack.decode(reader.header.config, type=KernelConfig)
    commands: dict[int, list[AnyCommand]] = defaultdict(list)
    for seq, _, command in reader.commands():
        commands[seq].append(command)
    recorder = _Recorder(reader, config)
    for seq, event in session_events(reader, config):
        recorder.take(event, commands.get(seq, ()))
    recorder.recording.truncated = tuple(str(torn) for torn in reader.truncated)
    return recorder.recording


class _Recorder:
    """Takes a session's inputs and commands in order."""

    def __init__(self, reader: SessionReader, config: KernelConfig) -> None:
        prefixes = {venue.name: account_prefix(venue.account) for venue in config.venues}
        self.recording = Recording(
            directory=reader.directory,
            header=reader.header,
            config=config,
            markets={key: MarketRecord(key) for key in config.keys},
            venues={venue.name: VenueRecord(venue.name) for venue in config.venues},
            lives=OrderLives(prefixes, config.strategy_names),
            usage=Usage(config.limits),
        )
        self._prefixes = prefixes
        self._now_ns = 0
        self._seen: set[str] = set()

    def take(self, event: Any, commands: Any) -> None:
        """One input, and what the engine decided on it."""
        found = self.recording
        self._now_ns = max(self._now_ns, event.time_ns)
        found.started_ns = found.started_ns or self._now_ns
        found.ended_ns = self._now_ns
        found.events[type(event).__name__] += 1
        if isinstance(event, e.VenueEvent) and event.venue_ns:
            self._note_delay(event)
        self._book_event(event)
        touched = found.lives.event(event, self._now_ns)
        for command in commands:
            touched |= self._command(command)
        if isinstance(event, e.RiskResult) and not any(map(_refuses, commands)):
            found.risk_results.append(event)
        if isinstance(event, e.Fill | e.FillsQueried):
            touched |= {InstrumentKey(event.venue, event.symbol)}
        for key in touched:
            self._measure(key)

    def _note_delay(self, event: e.VenueEvent) -> None:
        streamed = getattr(event, "source", "stream") == "stream"
        if streamed and not isinstance(
            event, e.Income | e.FeeRates | e.OrderAbsent | e.CommandOutcome | e.BookSnapshot
        ):
            self.recording.feed_delays[type(event).__name__].append(event.time_ns - event.venue_ns)

    def _command(self, command: AnyCommand) -> set[InstrumentKey]:
        found = self.recording
        if isinstance(command, Notice):
            where = f"{command.venue}:{command.symbol}" if command.venue else ""
            found.remarks.append(
                Remark(self._now_ns, command.level, command.code, command.message, where, command.client_id)
            )
        elif isinstance(command, EndSession):
            found.ended = command
        elif isinstance(command, PlaceOrder | AmendOrder):
            self._measure_order(command)
            self._note_regime(command)
        return found.lives.command(command, self._now_ns, found.usage)

    def _measure_order(self, command: PlaceOrder | AmendOrder) -> None:
        """Take an order's value and its distance from the mid, as it was decided."""
        found = self.recording
        market = found.markets[command.key]
        # An order at the market has no price: it is worth what the mid says, and no distance was decided on.
        terms, price = market.known, market.known.price(command.price) or market.mid or ZERO
        rate = found.rate(terms.quote)
        notional = terms.notional(price, command.size)
        found.usage.note(
            "max_order_notional", None if rate is None else notional * rate, self._now_ns, str(command.key)
        )
        if market.mid is not None and command.price:
            away_bps = abs(price - market.mid) / market.mid * 10_000
            found.usage.note("collar_bps", away_bps, self._now_ns, str(command.key))

    def _note_regime(self, command: PlaceOrder | AmendOrder) -> None:
        if command.decision is None:
            return
        factors = Factors(command.decision.regime_spread, command.decision.regime_size)
        told = self.recording.regimes[command.key]
        if not told or told[-1][1] != factors:
            told.append((self._now_ns, factors))

    def _measure(self, key: InstrumentKey) -> None:
        """Take the worst case of an instrument after something changed it."""
        found = self.recording
        market = found.markets.get(key)
        if market is None or market.terms is None or market.mid is None:
            return
        rate = found.rate(market.terms.quote)
        lots = int(market.quantity / market.units(1))
        buying, selling = found.lives.open_lots(key)
        worst = max(abs(lots + buying), abs(lots - selling))
        notional = market.terms.notional(market.mid, worst)
        found.usage.position(
            key, self._now_ns, None if rate is None else notional * rate, found.lives.open_orders(key)
        )

    # ---- The market ------------------------------------------------------------------------------------------

    def _book_event(self, event: Any) -> None:
        found = self.recording
        if isinstance(event, e.BookSnapshot | e.BookDelta):
            market = found.markets.get(event.key)
            if market is not None:
                market.book.apply(event)
                self._note_mid(market)
        elif isinstance(event, e.TopOfBook):
            market = found.markets.get(event.key)
            if market is not None:
                market.book.note_top(event)
        elif isinstance(event, e.TopsLeftOut):
            market = found.markets.get(event.key)
            if market is not None:
                market.book.skip_tops()
        elif isinstance(event, e.BadFrame):
            self._reset(event.venue, event.symbol, event.reason)
        elif isinstance(event, e.StreamState) and event.stream == "market":
            self._reset(event.venue, "", "market stream changed")
        elif isinstance(event, e.InstrumentUpdate):
            self._on_terms(event.instrument)
        elif isinstance(event, e.Fill):
            self._on_fill(event)
        elif isinstance(event, e.FillsQueried):
            for fill in event.fills:
                self._on_fill(fill)
        elif isinstance(event, e.Income):
            self._on_income(event)
        elif isinstance(event, e.AccountSnapshot):
            self._on_account(event)

    def _reset(self, venue: str, symbol: str, reason: str) -> None:
        for key, market in self.recording.markets.items():
            if key.venue == venue and symbol in {"", key.symbol}:
                market.book.reset(reason)

    def _note_mid(self, market: MarketRecord) -> None:
        book = market.book
        if not (book.ready and book.best_bid and book.best_ask):
            return
        mid = (book.best_bid + book.best_ask) * market.known.tick_size / 2
        if mid == market.mid:
            return
        market.mid = mid
        venue = self.recording.venues[market.key.venue]
        if venue.opening is not None and venue.closing is None:
            market.mids.append((self._now_ns, mid))

    def _on_terms(self, terms: Instrument) -> None:
        market = self.recording.markets.get(terms.key)
        if market is None:
            return
        if market.terms is not None and not market.terms.same_grid(terms):
            market.book.reset("the instrument's terms changed")
        market.terms = terms

    # ---- The account -----------------------------------------------------------------------------------------

    def _on_fill(self, fill: e.Fill) -> None:
        name = f"fill:{fill.venue}:{fill.symbol}:{fill.trade_id}:{fill.venue_id}"
        if name in self._seen:
            return
        self._seen.add(name)
        found = self.recording
        venue, market = found.venues[fill.venue], found.markets.get(fill.key)
        if venue.opening is None:
            found.before_opening += 1
            return
        if venue.closing is not None:
            found.after_closing += 1
            return
        if market is None or market.mid is None:
            raise ReportError(
                f"{fill.key}: execution {fill.trade_id} has no mid before it; its P&L cannot be split: "
                "compare it with the venue's own trades by hand"
            )
        strategy = self._owner(fill)
        row = Execution(
            time_ns=self._now_ns,
            venue_ns=fill.venue_ns,
            key=fill.key,
            strategy=strategy,
            client_id=fill.client_id,
            trade_id=fill.trade_id,
            side=fill.side,
            quantity=market.units(fill.size),
            price=fill.price_in(market.known),
            mid_before=market.mid,
            maker=fill.maker,
            fee=fill.fee,
            fee_asset=fill.fee_asset,
            realized=fill.realized,
        )
        market.quantity += fill.side * row.quantity
        found.executions.append(row)
        found.usage.execution(strategy, self._now_ns)

    def _owner(self, fill: e.Fill) -> str:
        found = self.recording
        life = found.lives.get(fill.client_id)
        if life is not None and life.strategy:
            return life.strategy
        ours = fill.client_id.startswith(self._prefixes[fill.venue])
        return (strategy_of(fill.client_id, found.config.strategy_names) if ours else "") or MANUAL

    def _on_income(self, income: e.Income) -> None:
        name = f"income:{income.venue}:{income.kind}:{income.income_id}"
        if name in self._seen:
            return
        self._seen.add(name)
        venue = self.recording.venues[income.venue]
        if venue.opening is None or venue.closing is not None:
            return
        self.recording.bookings.append(
            Booking(
                self._now_ns,
                income.venue_ns or self._now_ns,
                income.key,
                income.kind,
                income.asset,
                income.amount,
            )
        )

    def _on_account(self, snapshot: e.AccountSnapshot) -> None:
        found = self.recording
        venue = found.venues[snapshot.venue]
        if snapshot.purpose == "start":
            # A start that was answered twice counts from the second: as the session itself did.
            venue.opening = snapshot
            found.before_opening += sum(row.key.venue == venue.name for row in found.executions)
            found.executions = [row for row in found.executions if row.key.venue != venue.name]
            found.bookings = [row for row in found.bookings if row.key.venue != venue.name]
            venue.held_at_opening = self._held(snapshot)
            for market in self._markets_of(venue.name):
                market.quantity = venue.held_at_opening.get(market.key.symbol, ZERO)
                market.marked = market.mid is not None
                market.mids = [] if market.mid is None else [(self._now_ns, market.mid)]
        elif snapshot.purpose == "end" and venue.closing is None:
            venue.closing = snapshot
            venue.held_at_closing = self._held(snapshot)
            for market in self._markets_of(venue.name):
                if market.mids and market.mid is not None:
                    market.mids.append((self._now_ns, market.mid))

    def _held(self, snapshot: e.AccountSnapshot) -> dict[str, Decimal]:
        held = {}
        for position in snapshot.positions:
            market = self.recording.markets.get(InstrumentKey(snapshot.venue, position.symbol))
            if market is not None:
                held[position.symbol] = market.units(position.lots)
        return held

    def _markets_of(self, venue: str) -> list[MarketRecord]:
        return [market for key, market in self.recording.markets.items() if key.venue == venue]


def _refuses(command: AnyCommand) -> bool:
    return isinstance(command, Notice) and command.code == "risk_result_refused"
