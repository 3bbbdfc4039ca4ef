"""The life of orders at the exchange: placing, matching, amending, ending, and telling everyone concerned."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from titan.matching.account import Account
from titan.matching.book import Match, SelfMatch
from titan.matching.checks import (
    MarginRules,
    check_form,
    check_notional,
    check_price,
    check_reduces,
    check_size,
)
from titan.matching.clearing import Clearing
from titan.matching.market import Market
from titan.matching.orders import LiveOrder
from titan.matching.statements import account_changed
from titan.matching.terms import ExchangeSettings
from titan.matching.types import (
    Change,
    ExchangeEvent,
    Execution,
    OrderChanged,
    OrderKind,
    OrderRecord,
    OrderRequest,
    Refusal,
    RefusalReason,
    SelfTrade,
    Status,
)
from titan.model.orders import Lifetime


class OrderDesk:
    """Carries orders through their life. The exchange sets `now_ns` and collects `events`."""

    def __init__(
        self,
        markets: dict[str, Market],
        accounts: dict[str, Account],
        clearing: Clearing,
        margin: MarginRules,
        settings: ExchangeSettings,
    ) -> None:
        self.now_ns = 0
        self.events: list[ExchangeEvent] = []
        self._markets = markets
        self._accounts = accounts
        self._clearing = clearing
        self._margin = margin
        self._settings = settings
        self._last_order_id = 0
        self._last_trade_id = 0

    # ---- calls -------------------------------------------------------------------------------------------

    def place(self, account: Account, market: Market, request: OrderRequest) -> OrderRecord:
        """Check a new order, match it, queue what remains."""
        size = request.size if account.background else self._check_new(account, market, request)
        if request.lifetime is Lifetime.POST_ONLY and market.book.crosses(request.side, request.price):
            raise Refusal(
                RefusalReason.POST_ONLY_WOULD_CROSS,
                f"post-only order at {request.price} ticks would trade at once",
            )
        self._last_order_id += 1
        order = LiveOrder(
            order_id=self._last_order_id,
            account=account.name,
            request=request,
            client_id=request.client_id or f"titan-{self._last_order_id}",
            price=request.price,
            size=size,
            created_ns=self.now_ns,
            updated_ns=self.now_ns,
        )
        account.store.add(order)
        self._tell(order, "new")
        self._work(market, order)
        self.publish(market)
        return order.record()

    def amend(self, account: Account, market: Market, order: LiveOrder, price: int, size: int) -> OrderRecord:
        """Change price and total size; the order goes to the back of its new queue."""
        if size <= order.filled:
            return self.end(market, order, Status.CANCELLED, "amended_below_filled")
        if (price, size) == (order.price, order.size):
            raise Refusal(
                RefusalReason.NO_AMEND_NEEDED, f"order {order.order_id} already has this price and size"
            )
        if not account.background:
            size = self._check_amend(account, market, order, price, size)
        if order.request.lifetime is Lifetime.POST_ONLY and market.book.crosses(order.side, price):
            return self.end(market, order, Status.CANCELLED, "post_only")
        self._lift(market, order)
        order.price, order.size, order.updated_ns = price, size, self.now_ns
        self._tell(order, "amended")
        self._work(market, order)
        self.publish(market)
        return order.record()

    def end(self, market: Market, order: LiveOrder, status: Status, reason: str) -> OrderRecord:
        """End one order before it is filled, and publish the book."""
        self._end(market, order, status, reason)
        self.publish(market)
        return order.record()

    def settle_all(self, market: Market, matches: Iterable[Match | SelfMatch]) -> None:
        """Book matches as they arise; between two of them orders may end."""
        for step in matches:
            if isinstance(step, SelfMatch):
                self._prevent(market, step)
            else:
                self._settle(market, step)

    def publish(self, market: Market) -> None:
        """Emit what changed in a generated book, and begin the mark price."""
        self.events.extend(market.book_events(self.now_ns))
        market.first_mark(self.now_ns)

    # ---- checks ------------------------------------------------------------------------------------------

    def _check_new(self, account: Account, market: Market, request: OrderRequest) -> int:
        """Every rule for a new order; returns its size, trimmed if reduce-only."""
        instrument = market.instrument
        if not instrument.trading:
            raise Refusal(RefusalReason.NOT_TRADING, f"{instrument.key} is {instrument.status}")
        check_form(request)
        check_size(instrument, request.kind, request.size)
        limit = request.kind is OrderKind.LIMIT
        if limit:
            check_price(market, request.side, request.price)
        if request.client_id and account.store.find_open(request.symbol, 0, request.client_id) is not None:
            raise Refusal(
                RefusalReason.DUPLICATE_CLIENT_ID, f"client id {request.client_id} belongs to an open order"
            )
        if sum(1 for _ in account.store.open(request.symbol)) >= self._settings.max_open_orders:
            raise Refusal(
                RefusalReason.MAX_ORDERS,
                f"{request.symbol}: {self._settings.max_open_orders} orders are open already",
            )
        if request.reduce_only:
            return check_reduces(account, request.symbol, request.side, request.size)
        price = instrument.price(request.price) if limit else market.reference(request.side)
        check_notional(instrument, price, request.size)
        self._margin.check(account, market, request.side, price, request.size)
        return request.size

    def _check_amend(self, account: Account, market: Market, order: LiveOrder, price: int, size: int) -> int:
        """Every rule for an amended order; returns its total size, trimmed if reduce-only."""
        instrument = market.instrument
        if not instrument.trading:
            raise Refusal(RefusalReason.NOT_TRADING, f"{instrument.key} is {instrument.status}")
        check_size(instrument, OrderKind.LIMIT, size)
        check_price(market, order.side, price)
        remaining = size - order.filled
        if order.request.reduce_only:
            return order.filled + check_reduces(account, order.symbol, order.side, remaining, but=order)
        at: Decimal = instrument.price(price)
        check_notional(instrument, at, size)
        self._margin.check(account, market, order.side, at, remaining, replaces=order)
        return size

    # ---- matching ----------------------------------------------------------------------------------------

    def _work(self, market: Market, order: LiveOrder) -> None:
        """Match an order that is not in the book, then queue or expire the remainder."""
        lifetime = order.request.lifetime
        if lifetime is Lifetime.FOK and market.book.fillable(order) < order.remaining:
            self._end(market, order, Status.EXPIRED, "unfilled")
            return
        self.settle_all(market, market.book.take(order))
        if not order.live:
            return
        if order.request.kind is OrderKind.MARKET or lifetime in (Lifetime.IOC, Lifetime.FOK):
            self._end(market, order, Status.EXPIRED, "unfilled")
            return
        market.book.rest(order)
        order.resting = True

    def _settle(self, market: Market, match: Match) -> None:
        """Book both sides of a match under one trade id."""
        self._last_trade_id += 1
        if market.matching is not None:
            market.last_trade = (match.price, match.size, self.now_ns)
            self.events.append(
                market.trade_event(self._last_trade_id, match.price, match.size, match.side, self.now_ns)
            )
        sides = [
            (order, maker)
            for order, maker in ((match.maker, True), (match.taker, False))
            if order is not None
        ]
        for order, maker in sides:
            self._book_side(market, order, match, maker)
        for order, _ in sides:
            self._trim_reduce_only(market, self._accounts[order.account])

    def _book_side(self, market: Market, order: LiveOrder, match: Match, maker: bool) -> None:
        account = self._accounts[order.account]
        execution = self._clearing.execute(
            account,
            order,
            market.instrument,
            match.price,
            match.size,
            maker=maker,
            trade_id=self._last_trade_id,
            time_ns=self.now_ns,
        )
        if order.remaining == 0:
            order.ended, order.resting = Status.FILLED, False
            account.store.end(order)
        if account.background:
            return
        self._tell(order, "trade", execution)
        change = execution.realized - execution.fee
        self.events.append(
            account_changed(account, market, self._margin.brackets, "order", change, self.now_ns)
        )

    def _prevent(self, market: Market, met: SelfMatch) -> None:
        """Keep an account from trading with itself."""
        mode = met.taker.request.self_trade
        if mode is not SelfTrade.EXPIRE_TAKER:
            self._end(market, met.maker, Status.EXPIRED, "self_trade")
        if mode is not SelfTrade.EXPIRE_MAKER:
            self._end(market, met.taker, Status.EXPIRED, "self_trade")

    def _trim_reduce_only(self, market: Market, account: Account) -> None:
        """Reduce-only orders never exceed the position: the oldest keep their size, the others shrink or
        expire.
        """
        if account.background:
            return
        held = account.lots(market.instrument.symbol)
        room = abs(held)
        for order in account.store.open(market.instrument.symbol):
            if not order.request.reduce_only:
                continue
            allowed = min(order.remaining, room) if order.side * held < 0 else 0
            room -= allowed
            if allowed == 0:
                self._end(market, order, Status.EXPIRED, "reduce_only")
            elif allowed < order.remaining:
                self._shrink(market, order, order.filled + allowed)

    def _shrink(self, market: Market, order: LiveOrder, size: int) -> None:
        market.book.shrink(order, size)
        order.updated_ns = self.now_ns
        self._tell(order, "amended")

    def _lift(self, market: Market, order: LiveOrder) -> None:
        if order.resting:
            market.book.remove(order)
            order.resting = False

    def _end(self, market: Market, order: LiveOrder, status: Status, reason: str) -> None:
        self._lift(market, order)
        order.ended, order.reason, order.updated_ns = status, reason, self.now_ns
        self._accounts[order.account].store.end(order)
        self._tell(order, "cancelled" if status is Status.CANCELLED else "expired")

    def _tell(self, order: LiveOrder, change: Change, execution: Execution | None = None) -> None:
        if not self._accounts[order.account].background:
            self.events.append(
                OrderChanged(time_ns=self.now_ns, change=change, order=order.record(), execution=execution)
            )
