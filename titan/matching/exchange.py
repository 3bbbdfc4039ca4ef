"""The exchange without I/O: accounts, orders, matching, funding and mark prices of several instruments.

It reads no clock and draws no random number: the same calls give the same ids, the same fills and the same
events. Order ids and trade ids count up from 1. A face translates its protocol into these calls and `drain`
into its streams.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from titan.matching.account import Account
from titan.matching.checks import MarginRules
from titan.matching.clearing import Clearing
from titan.matching.desk import OrderDesk
from titan.matching.market import Market, check_mark
from titan.matching.orders import LiveOrder
from titan.matching.regrid import regrid
from titan.matching.replay_book import ReplayBook, SequenceGap
from titan.matching.statements import account_changed, balance_records, position_record, transferred
from titan.matching.terms import SECOND_NS, AccountTerms, ExchangeSettings
from titan.matching.types import (
    BalanceRecord,
    Depth,
    ExchangeEvent,
    Execution,
    FundingRecord,
    IncomeRecord,
    MarkRecord,
    OrderRecord,
    OrderRequest,
    PositionRecord,
    Refusal,
    RefusalReason,
    Status,
)
from titan.model.events import (
    BadFrame,
    BookDelta,
    BookSnapshot,
    MarketEvent,
    MarkPrice,
    TopOfBook,
    TradePrint,
)
from titan.model.instruments import Instrument

FAR_NS = 2**63 - 1
"""Later than every stamp."""


class Exchange:
    """One venue: all its instruments, accounts and orders.

    Every method that is asked in the name of an account raises `Refusal` where the venue would answer with
    an error; nothing has changed then. Events collect until `drain` is called.

    Parameters
    ----------
    instruments : iterable of Instrument
        What is traded; all of one venue.
    settings : ExchangeSettings
        How the exchange behaves.
    now_ns : int
        Where its clock begins; 0 lets the first `advance` set it.
    """

    def __init__(
        self, instruments: Iterable[Instrument], settings: ExchangeSettings, now_ns: int = 0
    ) -> None:
        self.settings = settings
        self._markets = {terms.symbol: Market(terms, settings, now_ns) for terms in instruments}
        self._accounts: dict[str, Account] = {}
        self._clearing = Clearing(settings.fees)
        self._margin = MarginRules(self._markets, settings.brackets)
        self._desk = OrderDesk(self._markets, self._accounts, self._clearing, self._margin, settings)
        self._desk.now_ns = now_ns
        self._countdowns: dict[tuple[str, str], int] = {}

    # ---- the clock ---------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The exchange's clock, ns UTC."""
        return self._desk.now_ns

    def advance(self, now_ns: int) -> None:
        """Move the clock; what falls due on the way happens at its own stamp, in order.

        Countdowns, funding settlements and mark prices fall due. After a jump over several mark stamps with
        nothing else between them only the last mark is emitted.

        Raises
        ------
        ValueError
            If the clock would run backwards.
        """
        if now_ns < self.now_ns:
            raise ValueError(f"the exchange's clock stands at {self.now_ns} and cannot go back to {now_ns}")
        if self.now_ns == 0:
            self._desk.now_ns = now_ns
            return
        while True:
            counted = self._next_countdown()
            funded = {market: market.next_funding_ns(self.now_ns) for market in self._markets.values()}
            until = min(counted, now_ns, *funded.values())
            self._mark_up_to(until)
            self._desk.now_ns = until
            due = [market for market, stamp in funded.items() if stamp == until]
            if counted == until:
                self._count_down(until)
            self._settle_funding(due, until)
            if not due and counted != until:
                return

    def _next_countdown(self) -> int:
        return min(self._countdowns.values(), default=FAR_NS)

    def _mark_up_to(self, until_ns: int) -> None:
        interval_ns = self.settings.mark_interval_s * SECOND_NS
        stamp = until_ns // interval_ns * interval_ns
        if stamp <= self.now_ns:
            return
        for market in self._markets.values():
            market.refresh_mark(stamp)
            event = market.mark_event(stamp)
            if event is not None:
                self._desk.events.append(event)

    def _count_down(self, now_ns: int) -> None:
        due = [key for key, at_ns in self._countdowns.items() if at_ns <= now_ns]
        for key in due:
            del self._countdowns[key]
            account, symbol = key
            self._cancel_open(self._account(account), self._market(symbol), "countdown")

    def _settle_funding(self, markets: Iterable[Market], now_ns: int) -> None:
        for market in markets:
            if market.mark is None:
                continue
            rate, mark, symbol = market.funding_rate, market.mark, market.instrument.symbol
            market.funding_records.append(FundingRecord(symbol, rate, mark, now_ns))
            for account in self._accounts.values():
                amount = self._clearing.fund(account, market.instrument, rate, mark, now_ns)
                if amount and not account.background:
                    self._desk.events.append(
                        account_changed(
                            account, market, self.settings.brackets, "funding_fee", amount, now_ns
                        )
                    )

    def drain(self) -> list[ExchangeEvent]:
        """Everything since the last call, in order: public, and private of all accounts that are not
        background.
        """
        events, self._desk.events = self._desk.events, []
        return events

    # ---- the market --------------------------------------------------------------------------------------

    def apply_market(self, event: MarketEvent) -> None:
        """Apply a recorded event to a replayed market, and fill what it fills.

        Deltas before the first snapshot are kept and applied after it; stale ones are dropped. The touch
        (`TopOfBook`) changes nothing: depth events alone make the book. The clock moves to the event's time
        if that is later.

        Raises
        ------
        ValueError
            If the event is absurd, out of sequence, or of an unknown symbol; then it has not been applied
            at all. After a gap the book waits for a snapshot (`synchronised`).
        """
        market = self._markets.get(event.symbol)
        if market is None:
            raise ValueError(f"{event.key}: no such symbol here; the recorded event cannot be applied")
        book = market.book_replayed()
        if isinstance(event, BadFrame):
            raise ValueError(f"{event.key}: recorded frame cannot be trusted: {event.reason}")
        if isinstance(event, MarkPrice):
            check_mark(event)
            self._move_to(event.time_ns)
            if market.settled_by(event):
                self._settle_funding([market], self.now_ns)
            market.record_mark(event)
            return
        if isinstance(event, TopOfBook):
            return
        self._apply_book(market, book, event)

    def _apply_book(
        self, market: Market, book: ReplayBook, event: BookSnapshot | BookDelta | TradePrint
    ) -> None:
        try:
            book.check(event)
        except SequenceGap as gap:
            book.lose(gap.delta)
            raise
        self._move_to(event.time_ns)
        if isinstance(event, TradePrint):
            market.last_trade = (event.price, event.size, event.venue_ns or event.time_ns)
        self._desk.settle_all(market, book.apply(event))
        market.first_mark(self.now_ns)

    def _move_to(self, now_ns: int) -> None:
        if now_ns > self.now_ns:
            self.advance(now_ns)

    def synchronised(self, symbol: str) -> bool:
        """True once the book can be traded on: generated, or replayed from a snapshot without a gap since."""
        return self._market(symbol).synchronised

    def instruments(self) -> Mapping[str, Instrument]:
        """Present terms by symbol."""
        return {symbol: market.instrument for symbol, market in self._markets.items()}

    def set_instrument(self, instrument: Instrument) -> None:
        """State new terms (status, filters); ValueError if the grid would change under open orders and
        positions.
        """
        market = self._market(instrument.symbol)
        if not market.instrument.same_grid(instrument):
            raise ValueError(
                f"{instrument.key}: tick, lot, multiplier or kind cannot change while the exchange runs"
            )
        market.instrument = instrument

    def regrid(self, symbol: str, tick_size: Decimal) -> Instrument:
        """State another tick; positions stay. ValueError if an order stands, or an event of the old grid waits."""
        if self._desk.events:
            raise ValueError(f"{symbol}: the tick cannot change while events are not drained")
        return regrid(self._market(symbol), self._accounts.values(), tick_size, self.now_ns)

    def terms_at(self, symbol: str, time_ns: int) -> Instrument:
        """The terms whose grid held at a moment: ticks and lots of a record mean what they meant when it was made."""
        return self._market(symbol).terms_at(time_ns)

    def depth(self, symbol: str, levels: int = 0) -> Depth:
        """The best levels of each side (0: all)."""
        return self._market(symbol).depth(levels, self.now_ns)

    def mark(self, symbol: str) -> MarkRecord | None:
        """Mark price and funding; None before the book ever had two sides."""
        return self._market(symbol).mark_record(self.now_ns)

    def last_trade(self, symbol: str) -> tuple[int, int, int] | None:
        """Price (ticks), size (lots) and time (ns) of the latest public trade."""
        return self._market(symbol).last_trade

    def set_index(self, symbol: str, index: Decimal) -> None:
        """State the index price; until then it equals the mark."""
        self._market(symbol).index = index

    def set_funding_rate(self, symbol: str, rate: Decimal) -> None:
        """State the rate of the next settlements."""
        self._market(symbol).funding_rate = rate

    def funding_history(self, symbol: str) -> tuple[FundingRecord, ...]:
        """Past settlements, oldest first."""
        return tuple(self._market(symbol).funding_records)

    # ---- accounts ----------------------------------------------------------------------------------------

    def open_account(self, account: str, terms: AccountTerms) -> None:
        """Open an account with its starting balances and positions; ValueError if it exists."""
        if account in self._accounts:
            raise ValueError(f"account {account} is open already")
        opened = self._accounts[account] = Account(account, terms, self.settings.history_limit)
        for held in terms.holdings:
            opened.position(self._market(held.symbol).instrument).take_over(held, self.now_ns)
        for asset, amount in terms.balances:
            self._clearing.move(opened, asset, amount, "transfer", "", self.now_ns)
        if terms.balances and not terms.background:
            self._desk.events.append(transferred(opened, self.now_ns))

    def accounts(self) -> tuple[str, ...]:
        """Names of all accounts."""
        return tuple(self._accounts)

    def balances(self, account: str) -> tuple[BalanceRecord, ...]:
        """Every asset the account ever held, by name."""
        return balance_records(self._account(account), self._markets, self._margin)

    def positions(self, account: str, symbol: str = "") -> tuple[PositionRecord, ...]:
        """One record for every symbol (or the one asked for), flat ones included."""
        owner = self._account(account)
        markets = [self._market(symbol)] if symbol else list(self._markets.values())
        return tuple(position_record(owner, market, self.settings.brackets) for market in markets)

    def lots(self, account: str, symbol: str) -> int:
        """Signed lots held of a symbol."""
        return self._account(account).lots(symbol)

    def fees(self, account: str, symbol: str) -> tuple[Decimal, Decimal]:
        """Commission (maker, taker) as fractions of notional."""
        self._market(symbol)
        rates = self._clearing.fees_of(self._account(account))
        return rates.maker, rates.taker

    def leverage(self, account: str, symbol: str) -> int:
        """The leverage set for a symbol."""
        return self._account(account).leverage(self._market(symbol).instrument.symbol)

    def set_leverage(self, account: str, symbol: str, leverage: int) -> None:
        """Set the leverage of a symbol; refused beyond the brackets, or where margin would no longer
        suffice.
        """
        self._margin.check_leverage(self._account(account), self._market(symbol), leverage)
        self._account(account).leverages[symbol] = leverage

    def income(self, account: str, symbol: str = "", since_ns: int = 0) -> tuple[IncomeRecord, ...]:
        """Wallet movements, oldest first, `since_ns` included."""
        return tuple(
            record
            for record in self._account(account).income
            if symbol in ("", record.symbol) and record.time_ns >= since_ns
        )

    def trades(
        self, account: str, symbol: str = "", since_ns: int = 0, from_id: int = 0
    ) -> tuple[Execution, ...]:
        """Own executions, oldest first, `since_ns` and `from_id` included."""
        return tuple(
            execution
            for execution in self._account(account).executions
            if symbol in ("", execution.symbol)
            and execution.time_ns >= since_ns
            and execution.trade_id >= from_id
        )

    # ---- orders ------------------------------------------------------------------------------------------

    def place(self, account: str, request: OrderRequest) -> OrderRecord:
        """Place an order; returns it after matching: open, partially filled, filled or expired."""
        return self._desk.place(self._account(account), self._market(request.symbol), request)

    def amend(
        self,
        account: str,
        symbol: str,
        *,
        price: int,
        size: int,
        side: int = 0,
        order_id: int = 0,
        client_id: str = "",
    ) -> OrderRecord:
        """Give an open order a new price and TOTAL size; it always goes to the back of the queue.

        A post-only order that would cross, or a size not above the filled part, CANCELS the order: the
        returned status says so. A `side`, if given, must be the order's.
        """
        owner, market = self._account(account), self._market(symbol)
        order = self._open_order(owner, symbol, order_id, client_id)
        if side not in (0, order.side):
            raise Refusal(
                RefusalReason.BAD_PARAMETER,
                f"order {order.order_id} is of side {order.side:+d}, not {side:+d}",
            )
        return self._desk.amend(owner, market, order, price, size)

    def cancel(self, account: str, symbol: str, *, order_id: int = 0, client_id: str = "") -> OrderRecord:
        """Cancel one open order."""
        owner, market = self._account(account), self._market(symbol)
        order = self._open_order(owner, symbol, order_id, client_id)
        return self._desk.end(market, order, Status.CANCELLED, "requested")

    def cancel_all(self, account: str, symbol: str) -> tuple[OrderRecord, ...]:
        """Cancel every open order of a symbol."""
        return self._cancel_open(self._account(account), self._market(symbol), "requested")

    def set_countdown(self, account: str, symbol: str, countdown_ns: int) -> None:
        """Cancel all orders of the symbol in `countdown_ns` unless called again before; 0 ends the
        countdown.
        """
        key = (self._account(account).name, self._market(symbol).instrument.symbol)
        if countdown_ns < 0:
            raise Refusal(
                RefusalReason.BAD_PARAMETER, f"countdown of {countdown_ns} ns: must not be negative"
            )
        if countdown_ns == 0:
            self._countdowns.pop(key, None)
        else:
            self._countdowns[key] = self.now_ns + countdown_ns

    def order(self, account: str, symbol: str, *, order_id: int = 0, client_id: str = "") -> OrderRecord:
        """One order, open or ended; by client id the open one, else the latest."""
        found = self._account(account).store.find(self._market(symbol).instrument.symbol, order_id, client_id)
        if found is None:
            raise Refusal(RefusalReason.UNKNOWN_ORDER, f"{symbol}: no order {order_id or client_id}")
        return found

    def open_orders(self, account: str, symbol: str = "") -> tuple[OrderRecord, ...]:
        """Open orders in the order they were placed."""
        return tuple(order.record() for order in self._account(account).store.open(symbol))

    def orders(self, account: str, symbol: str, since_ns: int = 0) -> tuple[OrderRecord, ...]:
        """Open and ended orders by id, placed at `since_ns` or later."""
        records = self._account(account).store.records(self._market(symbol).instrument.symbol)
        return tuple(record for record in records if record.created_ns >= since_ns)

    def queue_ahead(self, account: str, symbol: str, order_id: int) -> float | None:
        """Recorded lots ahead of an open order of a replayed market; None in a generated one."""
        order = self._open_order(self._account(account), symbol, order_id, "")
        replay = self._market(symbol).replay
        return None if replay is None else replay.ahead(order)

    # ---- pieces ------------------------------------------------------------------------------------------

    def _account(self, account: str) -> Account:
        found = self._accounts.get(account)
        if found is None:
            raise Refusal(RefusalReason.UNKNOWN_ACCOUNT, f"no account {account}")
        return found

    def _market(self, symbol: str) -> Market:
        found = self._markets.get(symbol)
        if found is None:
            raise Refusal(RefusalReason.UNKNOWN_SYMBOL, f"no symbol {symbol}")
        return found

    def _open_order(self, account: Account, symbol: str, order_id: int, client_id: str) -> LiveOrder:
        found = account.store.find_open(symbol, order_id, client_id)
        if found is None:
            raise Refusal(RefusalReason.UNKNOWN_ORDER, f"{symbol}: no open order {order_id or client_id}")
        return found

    def _cancel_open(self, account: Account, market: Market, reason: str) -> tuple[OrderRecord, ...]:
        orders = account.store.open(market.instrument.symbol)
        return tuple(self._desk.end(market, order, Status.CANCELLED, reason) for order in orders)
