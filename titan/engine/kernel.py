"""The kernel: one event in, the commands decided on out. No clock, no socket, no random number, no file.

Backtest, paper, live and replay are this class on different inputs: the same events give the same commands
and the same state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, cast

from titan.engine import (
    account,
    backoff,
    comparing,
    exits,
    operator,
    portfolio_quoting,
    protection,
    quoting,
    reloading,
    risk_standing,
    risk_watch,
    starting,
    stopping,
)
from titan.engine.book import Book
from titan.engine.client_ids import ClientIds
from titan.engine.configuration import KernelConfig
from titan.engine.desk import Desk, Market, Phase, VenueDesk
from titan.engine.gatekeeper import Gatekeeper
from titan.engine.ledger import Ledger
from titan.engine.orders import KEEP_ENDED_NS, OrderManager
from titan.engine.portfolios import PortfolioHost
from titan.engine.regimes import BarRegimes
from titan.engine.risk_state import RiskState
from titan.engine.signals import MarketSignals, RegimeModel
from titan.engine.state import freeze, thaw
from titan.engine.strategies import AnyStrategyModule, StrategyHost
from titan.evaluation.pnl import Parts
from titan.model import events as e
from titan.model.commands import AnyCommand
from titan.model.contract import PortfolioModule, StrategyModule
from titan.model.instruments import InstrumentKey
from titan.model.orders import OrderState

DAY_NS = 86_400 * 10**9
SETTLED_NS = 1_000_000_000
"""Silence after which nothing more is expected of what has happened: a venue tells depth ten times a second."""

STOPPED_BY_STORAGE = 5


class Summary(NamedTuple):
    """The session in numbers, money in the reporting currency; None where a price for the conversion is missing."""

    pnl: Decimal | None
    parts: Parts | None
    equity_change_at_venue: Decimal | None
    positions: Mapping[str, int]
    unknown_orders: int
    open_orders: int
    differences: int
    unpriced: tuple[str, ...]


class Kernel:
    """The decision-making core of one session.

    Parameters
    ----------
    config : KernelConfig
        What the session trades, where and within which limits.
    strategies : mapping of str to StrategyModule or PortfolioModule
        The strategy modules by their `code`.
    snapshot : bytes, optional
        The state a predecessor ended with, or this session at an earlier event.
    regimes : mapping of InstrumentKey to RegimeModel, optional
        A model of regimes for some instruments. A replay needs the same ones.
    """

    def __init__(
        self,
        config: KernelConfig,
        strategies: Mapping[str, AnyStrategyModule],
        snapshot: bytes | None = None,
        regimes: Mapping[InstrumentKey, RegimeModel] | None = None,
    ) -> None:
        measured = config.signals
        models: Mapping[InstrumentKey, RegimeModel] = regimes or {
            key: BarRegimes(each)
            for each in config.regimes
            for key in config.keys
            if key.symbol == each.symbol
        }
        self.desk = Desk(
            config=config,
            ids=ClientIds(config.session),
            orders=OrderManager(),
            ledger=Ledger(config.timing.markout_ns),
            markets={
                key: Market(key, Book(), MarketSignals(measured, models.get(key)) if measured else None)
                for key in config.keys
            },
            venues={venue.name: VenueDesk(venue.name) for venue in config.venues},
            hosts=[
                StrategyHost(each, cast("StrategyModule", strategies[each.code]))
                for each in config.strategies
                if not each.legs
            ],
            gate=Gatekeeper(config.limits, [venue.name for venue in config.venues]),
            risk=RiskState(config),
            portfolios=[
                PortfolioHost(each, cast("PortfolioModule", strategies[each.code]))
                for each in config.strategies
                if each.legs
            ],
        )
        if snapshot is not None:
            thaw(self.desk, snapshot)
        self._handlers: dict[type, Callable[[Any], None]] = {
            e.BookDelta: self._on_book,
            e.BookSnapshot: self._on_book,
            e.TopOfBook: self._on_top,
            e.TradePrint: self._on_trade,
            e.MarkPrice: self._on_mark,
            e.BadFrame: self._on_bad_frame,
            e.OrderUpdate: self._on_order_update,
            e.Fill: self._on_fill,
            e.CommandOutcome: self._on_outcome,
            e.OrderAbsent: lambda event: account.on_absent(self.desk, event),
            e.BalanceUpdate: lambda event: None,  # a hint only: wallets are compared where they are queried
            e.AccountSnapshot: self._on_account,
            e.OpenOrders: self._on_open_orders,
            e.FillsQueried: self._on_fills_queried,
            e.Income: lambda event: account.on_income(self.desk, event),
            e.QueryFailed: self._on_query_failed,
            e.FeeRates: lambda event: starting.on_fee_rates(self.desk, event),
            e.InstrumentUpdate: lambda event: starting.on_instrument(self.desk, event),
            e.AccountSetup: lambda event: comparing.on_setup(self.desk, event),
            e.KeptAlive: lambda event: protection.on_alive(self.desk, event),
            e.VenueShut: self._on_health,
            e.ClockSync: self._on_health,
            e.SessionStarted: self._on_start,
            e.StreamState: self._on_stream,
            e.TimerFired: self._on_timer,
            e.StopRequested: lambda event: stopping.request_stop(self.desk, event.reason, event.exit_code),
            e.TopsLeftOut: self._on_tops_left_out,
            e.StorageFailed: self._on_storage_failed,
            e.OperatorAction: lambda event: operator.on_action(self.desk, event),
            e.RiskInherited: lambda event: risk_standing.on_inherited(self.desk, event),
            e.SettingsReloaded: lambda event: reloading.on_reload(self.desk, event),
            e.KillSwitch: lambda event: operator.on_kill_switch(self.desk, event),
            e.RiskResult: lambda event: risk_watch.on_result(self.desk, event),
        }

    def step(self, event: e.AnyEvent) -> tuple[AnyCommand, ...]:
        """Take in one event and return what is to be done about it, in order."""
        desk = self.desk
        desk.now_ns = max(desk.now_ns, event.time_ns)
        if not desk.epoch_ns:
            desk.epoch_ns = event.time_ns
        desk.out = []
        desk.touched.clear()
        if desk.phase is not Phase.ENDED:
            self._handlers[type(event)](event)
            if desk.revalued:
                risk_watch.observe(desk)
            portfolio_quoting.evaluate(desk)
            if desk.exits:
                exits.advance(desk)
            if desk.phase is Phase.STARTING:
                starting.advance(desk)
            elif desk.phase is Phase.STOPPING:
                stopping.advance(desk)
            if desk.requests:
                operator.advance(desk)
        return tuple(desk.out)

    # ---- The market --------------------------------------------------------------------------------------

    def _on_book(self, event: e.BookDelta | e.BookSnapshot) -> None:
        market = self._heard(event)
        if market is None:
            return
        before = market.book.state
        market.book.apply(event)
        if market.book.state == "doubtful" and before != "doubtful":
            self.desk.note("warning", "book_doubtful", market.book.reason, market.key)
        self._after_market(market)

    def _on_top(self, event: e.TopOfBook) -> None:
        market = self._heard(event)
        if market is None:
            return
        before = market.book.state
        market.book.note_top(event)
        if market.book.state != before:
            self.desk.note("warning", "book_doubtful", market.book.reason, market.key)
            self._after_market(market)

    def _on_tops_left_out(self, event: e.TopsLeftOut) -> None:
        market = self.desk.markets.get(event.key)
        if market is not None:
            market.book.skip_tops()

    def _on_trade(self, event: e.TradePrint) -> None:
        key = event.key
        for seat in self.desk.seats:
            if seat.key == key:
                seat.note_trade(event.side, event.size)
        market = self.desk.markets.get(key)
        if market is not None and market.signals is not None:
            market.signals.note_trade(event.side, event.size, self.desk.now_ns)

    def _on_mark(self, event: e.MarkPrice) -> None:
        market = self.desk.markets.get(event.key)
        if market is not None:
            market.mark = event

    def _on_bad_frame(self, event: e.BadFrame) -> None:
        desk = self.desk
        doubted = [m for m in desk.markets_of(event.venue) if event.symbol in {"", m.key.symbol}]
        for market in doubted:
            market.book.reset(event.reason)
            desk.note("warning", "bad_frame", f"{event.reason}; the book is rebuilt", market.key)
            self._after_market(market)
        if not doubted:
            desk.note("warning", "bad_frame", f"{event.reason}; no book of ours is of it", event.key)

    def _heard(self, event: e.VenueEvent) -> Market | None:
        """Only the book's own messages show that it is alive: a mark price comes whatever has become of it."""
        market = self.desk.markets.get(event.key)
        if market is not None:
            market.heard_ns = event.time_ns
        return market

    def _after_market(self, market: Market) -> None:
        book = market.book
        if book.state == "ready" and book.best_bid and book.best_ask:
            market.mid_half_ticks = book.best_bid + book.best_ask
            self.desk.ledger.note_mid(market.key, self.desk.now_ns, market.mid)
            if market.signals is not None:
                tick_size = float(market.terms.tick_size)
                market.signals.note_mid(market.mid_half_ticks * tick_size / 2, self.desk.now_ns)
        starting.ask_book(self.desk, market)
        quoting.evaluate(self.desk, market)

    # ---- The account -------------------------------------------------------------------------------------

    def _on_order_update(self, event: e.OrderUpdate) -> None:
        backoff.on_update(self.desk, event)
        protection.before_update(self.desk, event)
        account.on_order_update(self.desk, event)

    def _on_fill(self, event: e.Fill) -> None:
        protection.note_told(self.desk, event)
        account.on_fill(self.desk, event)

    def _on_fills_queried(self, event: e.FillsQueried) -> None:
        protection.before_fills(self.desk, event)
        account.on_fills_queried(self.desk, event)

    def _on_outcome(self, event: e.CommandOutcome) -> None:
        backoff.on_outcome(self.desk, event)
        protection.note_outcome(self.desk, event)
        account.on_outcome(self.desk, event)

    def _on_health(self, event: e.VenueShut | e.ClockSync) -> None:
        """What forbids quoting pulls the quotes at once."""
        if isinstance(event, e.VenueShut):
            protection.on_shut(self.desk, event)
        else:
            protection.on_clock(self.desk, event)
        for market in self.desk.markets_of(event.venue):
            quoting.evaluate(self.desk, market)

    def _on_account(self, event: e.AccountSnapshot) -> None:
        venue = self.desk.venues[event.venue]
        venue.account = event
        if event.purpose == "start" and "account" in venue.unread:
            starting.on_opening(self.desk, venue, event)
            # The first quote must know what the time since the predecessor has cost.
            self.desk.revalue()
            return
        account.check_positions(self.desk, event)
        exits.on_account(self.desk, event)
        if event.purpose == "end":
            account.check_wallets(self.desk, event)
            venue.closing = event
            mids = {m.key: m.mid for m in self.desk.markets_of(event.venue) if m.mid_half_ticks}
            self.desk.ledger.close_session(mids)

    def _on_open_orders(self, event: e.OpenOrders) -> None:
        for update in event.orders:
            protection.before_update(self.desk, update)
        account.on_open_orders(self.desk, event)
        protection.on_answer(self.desk, self.desk.venues[event.venue])
        stopping.on_open_orders(self.desk, event)
        operator.on_open_orders(self.desk, event)

    def _on_query_failed(self, event: e.QueryFailed) -> None:
        what = " ".join(word for word in (event.query, event.symbol, event.client_id) if word)
        if event.final and self.desk.phase is Phase.STARTING:
            stopping.request_stop(self.desk, f"{what}: {event.reason}", stopping.REFUSED)
            return
        self.desk.note("warning", "query_failed", f"{what}: {event.reason}; it is asked again")
        exits.on_query_failed(self.desk, event)
        protection.on_query_failed(self.desk, event)

    # ---- The session -------------------------------------------------------------------------------------

    def _on_start(self, event: e.SessionStarted) -> None:
        starting.on_start(self.desk, event)
        today = event.time_ns // DAY_NS
        if self.desk.day != today:
            self.desk.day, self.desk.day_open = today, Decimal(0)

    def _on_stream(self, event: e.StreamState) -> None:
        starting.on_stream(self.desk, event)
        protection.on_stream(self.desk, event)
        for market in self.desk.markets_of(event.venue):
            self._after_market(market)

    def _on_timer(self, event: e.TimerFired) -> None:
        desk = self.desk
        if event.name == "stop":
            stopping.on_timer(desk)
        elif event.name == "duration":
            stopping.request_stop(desk, "the session's duration is over", 0)
        elif event.name == exits.TIMER:
            exits.on_timer(desk)
        elif event.name == "check":
            self._check()
            desk.timer("check", desk.config.timing.check_ns)
        elif event.name == "reconcile":
            if desk.phase is Phase.RUNNING:
                self._reconcile()
            elif desk.phase is Phase.STARTING:
                starting.ask_again(desk)
            desk.timer("reconcile", desk.config.timing.reconcile_ns)
        elif event.name == "terms":
            if desk.phase is Phase.RUNNING:
                starting.ask_terms(desk)
            desk.timer("terms", desk.config.timing.terms_ns)
        elif event.name == "alive":
            protection.on_alive_timer(desk)
        elif event.name.startswith("probe "):
            protection.probe(desk, event.name.removeprefix("probe "))

    def _check(self) -> None:
        desk = self.desk
        desk.revalue()
        risk_watch.observe(desk)
        account.ask_unanswered(desk)
        exits.begin_aged(desk)
        for market in desk.markets.values():
            self._check_silence(market)
            self._after_market(market)
            quoting.pull_orphans(desk, market)
        operator.on_timer(desk)
        protection.check_private(desk)
        desk.orders.forget(desk.now_ns - KEEP_ENDED_NS)

    def _check_silence(self, market: Market) -> None:
        """A book of which nothing is heard is compared with the venue's last word, and is given up in the end."""
        desk, book = self.desk, market.book
        silent_ns = desk.now_ns - market.heard_ns
        if not book.ready or silent_ns <= SETTLED_NS:
            return
        if silent_ns > desk.config.timing.stale_after_ns:
            book.reset(f"nothing was heard for {desk.config.timing.stale_after_ns / 1e9:g} s")
            desk.note("warning", "stale_book", book.reason, market.key)
            return
        if not book.note_silence():
            desk.note("warning", "book_doubtful", book.reason, market.key)

    def _reconcile(self) -> None:
        for name, venue in self.desk.venues.items():
            unread = not venue.streams["private"] and "terms" in venue.unread
            if unread or venue.health.shut:
                continue
            account.ask_orders(self.desk, name)
            for market in self._due_for_fills(name):
                account.ask_fills(self.desk, market)
            account.ask_account(self.desk, name, "periodic")
        self.desk.looks += 1

    def _due_for_fills(self, venue: str) -> list[Market]:
        """The instruments whose turn it is; what streams and differences tell is asked about at once."""
        markets = list(self.desk.markets_of(venue))
        count = min(self.desk.config.timing.fills_a_look, len(markets))
        first = self.desk.looks * count
        return [markets[(first + step) % len(markets)] for step in range(count)]

    def _on_storage_failed(self, event: e.StorageFailed) -> None:
        self.desk.storage_failed = event.reason
        self.desk.note(
            "error", "storage_failed", f"{event.reason}; every order is cancelled, nothing is added"
        )
        stopping.request_stop(self.desk, f"storage failed: {event.reason}", STOPPED_BY_STORAGE)

    # ---- What it came to ---------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The whole state, enough to go on from here: canonical, so equal states give equal bytes."""
        return freeze(self.desk)

    def state_hash(self) -> str:
        """SHA-256 of the snapshot."""
        return hashlib.sha256(self.snapshot()).hexdigest()

    def summary(self) -> Summary:
        """The session so far in numbers."""
        desk = self.desk
        live = list(desk.orders.live())
        parts = desk.ledger.parts(desk.conversion)
        return Summary(
            pnl=parts.total if parts else None,
            parts=parts,
            equity_change_at_venue=desk.ledger.equity_change(
                [(venue.opening, venue.closing) for venue in desk.venues.values()], desk.conversion
            ),
            positions={str(key): desk.ledger.lots(key) for key in desk.markets},
            unknown_orders=sum(order.state is OrderState.UNKNOWN for order in live),
            open_orders=len(live),
            differences=desk.differences,
            unpriced=desk.ledger.unpriced(desk.conversion),
        )
