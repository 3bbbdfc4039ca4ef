"""What the exchange refuses before an order reaches the book, each rule on its own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from titan.matching.account import Account, settle_value, to_money
from titan.matching.margin import (
    Exposure,
    exposure_of,
    initial_margin,
    notional_limit,
    unrealized,
)
from titan.matching.market import Market
from titan.matching.orders import LiveOrder
from titan.matching.terms import Bracket
from titan.matching.types import OrderKind, OrderRequest, Refusal, RefusalReason
from titan.model.instruments import Instrument
from titan.model.orders import BUY, SELL, Lifetime

CLIENT_ID_LENGTH = 36


def check_form(request: OrderRequest) -> None:
    """Parameters that must go together."""
    if request.side not in (BUY, SELL):
        raise Refusal(RefusalReason.BAD_PARAMETER, f"side {request.side}: must be +1 (buy) or -1 (sell)")
    if len(request.client_id) > CLIENT_ID_LENGTH:
        raise Refusal(
            RefusalReason.BAD_PARAMETER, f"client id {request.client_id}: longer than {CLIENT_ID_LENGTH}"
        )
    if request.kind is OrderKind.MARKET and (request.price != 0 or request.lifetime is Lifetime.POST_ONLY):
        raise Refusal(RefusalReason.BAD_PARAMETER, "a market order takes no price and cannot be post-only")


def check_size(instrument: Instrument, kind: OrderKind, size: int) -> None:
    """Smallest and largest size of one order."""
    if size < max(instrument.min_lots, 1):
        raise Refusal(
            RefusalReason.LOT, f"size of {size} lots: the smallest order is {instrument.min_lots} lots"
        )
    largest = instrument.max_lots if kind is OrderKind.LIMIT else instrument.max_market_lots
    if size > largest:
        raise Refusal(
            RefusalReason.MAX_SIZE, f"size of {size} lots: the largest {kind} order is {largest} lots"
        )


def check_price(market: Market, side: int, price: int) -> None:
    """On the grid, and inside the band around the mark (buys from above, sells from below)."""
    if price < 1:
        raise Refusal(RefusalReason.TICK, f"price of {price} ticks: must be at least one tick")
    if market.mark is None:
        return
    at = market.instrument.price(price)
    highest = market.mark * market.instrument.band_up
    lowest = market.mark * market.instrument.band_down
    if side == BUY and at > highest:
        raise Refusal(RefusalReason.PRICE_BAND, f"limit price can't be higher than {highest:.8f}")
    if side == SELL and at < lowest:
        raise Refusal(RefusalReason.PRICE_BAND, f"limit price can't be lower than {lowest:.8f}")


def check_notional(instrument: Instrument, price: Decimal | None, size: int) -> None:
    """Smallest order value; unknown where there is no price at all."""
    if price is not None and instrument.notional(price, size) < instrument.min_notional:
        raise Refusal(RefusalReason.MIN_NOTIONAL, f"order value must be at least {instrument.min_notional}")


def reducible(account: Account, symbol: str, side: int, but: LiveOrder | None = None) -> int:
    """Lots that a reduce-only order of a side may have, beside the reduce-only orders that already rest."""
    held = account.lots(symbol)
    if held * side >= 0:
        return 0
    ordered = sum(
        order.remaining
        for order in account.store.open(symbol)
        if order.request.reduce_only and order.side == side and order is not but
    )
    return max(abs(held) - ordered, 0)


def check_reduces(account: Account, symbol: str, side: int, size: int, but: LiveOrder | None = None) -> int:
    """The size that a reduce-only order may have: what it asks for, trimmed to what reduces the position."""
    room = reducible(account, symbol, side, but)
    if room == 0:
        raise Refusal(
            RefusalReason.REDUCE_ONLY_REJECTED,
            f"{symbol}: a reduce-only order of side {side:+d} does not reduce {account.lots(symbol)} lots",
        )
    return min(size, room)


class MarginRules:
    """Margin and position limits of an account over all markets."""

    def __init__(self, markets: Mapping[str, Market], brackets: tuple[Bracket, ...]) -> None:
        self._markets = markets
        self.brackets = brackets

    def mark_of(self, symbol: str) -> Decimal | None:
        """The mark price of a symbol; None before there is one."""
        return self._markets[symbol].mark

    def check(
        self,
        account: Account,
        market: Market,
        side: int,
        price: Decimal | None,
        size: int,
        replaces: LiveOrder | None = None,
    ) -> None:
        """Refuse an order that the account cannot carry; one that adds nothing to the worst case passes."""
        instrument = market.instrument
        now = exposure_of(account, instrument, market.mark)
        then = with_order(now, instrument, side, price, size, replaces)
        if then.worst <= now.worst:
            return
        leverage = account.leverage(instrument.symbol)
        limit = notional_limit(self.brackets, leverage)
        if then.worst > limit:
            raise Refusal(
                RefusalReason.MAX_POSITION,
                f"{instrument.symbol}: {then.worst} exceeds {limit}, the most at leverage {leverage}",
            )
        self._check_margin(account, instrument.settle, instrument.symbol, to_money(then.worst / leverage))

    def check_leverage(self, account: Account, market: Market, leverage: int) -> None:
        """Refuse a leverage that the brackets or the account's margin do not allow."""
        instrument = market.instrument
        highest = max(bracket.max_leverage for bracket in self.brackets)
        if not 1 <= leverage <= highest:
            raise Refusal(RefusalReason.BAD_PARAMETER, f"leverage {leverage}: must be from 1 to {highest}")
        exposure = exposure_of(account, instrument, market.mark).worst
        limit = notional_limit(self.brackets, leverage)
        if exposure > limit:
            raise Refusal(
                RefusalReason.MAX_LEVERAGE,
                f"leverage {leverage} allows {limit}, {exposure} is held and ordered",
            )
        if leverage >= account.leverage(instrument.symbol):
            return
        self._check_margin(account, instrument.settle, instrument.symbol, to_money(exposure / leverage))

    def _check_margin(self, account: Account, asset: str, symbol: str, bound_here: Decimal) -> None:
        bound = bound_here + self.bound_elsewhere(account, asset, symbol)
        margin = account.wallet(asset) + unrealized(account, asset, self.mark_of)
        if bound > margin:
            raise Refusal(
                RefusalReason.INSUFFICIENT_MARGIN,
                f"{bound} {asset} of initial margin needed, the margin balance is {margin}",
            )

    def bound_elsewhere(self, account: Account, asset: str, but: str = "") -> Decimal:
        """Initial margin of all symbols that settle in an asset, one left out."""
        total = Decimal(0)
        for symbol, market in self._markets.items():
            if symbol != but and market.instrument.settle == asset:
                total += initial_margin(account, market.instrument, market.mark)
        return total


def with_order(
    now: Exposure,
    instrument: Instrument,
    side: int,
    price: Decimal | None,
    size: int,
    replaces: LiveOrder | None,
) -> Exposure:
    """The exposure once an order of `size` lots is added, in the place of another one or not."""
    change = settle_value(instrument, price, size) if price is not None else Decimal(0)
    if replaces is not None:
        change -= settle_value(instrument, instrument.price(replaces.price), replaces.remaining)
    if side == BUY:
        return now._replace(buys=now.buys + change)
    return now._replace(sells=now.sells + change)
