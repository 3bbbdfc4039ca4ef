"""The gatekeeper's judgement: gathers what the checks of `titan.risk.limits` need, and asks them.

Cancels never come here.
"""

from __future__ import annotations

from decimal import Decimal

from titan.engine.desk import Desk, Market
from titan.model.orders import Order
from titan.risk.budget import RecentOrder
from titan.risk.denials import Denial
from titan.risk.limits import Exposure, MarketReference, OrderRequest, evaluate


def judge(
    desk: Desk,
    market: Market,
    *,
    strategy: str,
    side: int,
    price: int,
    size: int,
    replaces: Order | None = None,
    post_only: bool = True,
    confirmed: int | None = None,
    reduce_only: bool = False,
) -> Denial | None:
    """May this order, or this order as an amend would make it, be sent?

    Parameters
    ----------
    side, price, size : int
        +1 or -1, ticks, and the lots that may still fill.
    replaces : Order, optional
        The order that is amended: until the venue answers, the worse of both counts.
    post_only : bool
        False for an order that is meant to take: it may reach the market's touch, but no order of ours.
    confirmed : int, optional
        An exit's: the position as the venue has just stated it, which orders that it has ended are part of.
    reduce_only : bool
        The venue itself lets the order do no more than reduce.
    """
    terms = market.terms
    request = OrderRequest(
        side=side,
        price=price,
        size=size,
        notional=terms.notional(terms.price(price), size),
        replaced=replaces.remaining if replaces else 0,
        post_only=post_only,
        reduce_only=reduce_only,
    )
    recent = RecentOrder(desk.now_ns, side, price, size)
    return evaluate(
        request,
        _exposure(desk, market, strategy, recent, replaces, confirmed),
        _reference(desk, market, exiting=reduce_only),
        desk.gate.limits,
    )


def _exposure(
    desk: Desk,
    market: Market,
    strategy: str,
    recent: RecentOrder,
    replaces: Order | None,
    confirmed: int | None,
) -> Exposure:
    key, without = market.key, replaces.client_id if replaces else ""
    others = [order for order in desk.orders.live(key) if order.client_id != without]
    if confirmed is not None:
        others = [order for order in others if order.ends_as is None]
    own_bids = [max(o.price, o.pending_price) for o in others if o.side > 0]
    own_asks = [min(o.price, o.pending_price or o.price) for o in others if o.side < 0]
    return Exposure(
        position=desk.ledger.lots(key) if confirmed is None else confirmed,
        buying=sum(order.remaining for order in others if order.side > 0),
        selling=sum(order.remaining for order in others if order.side < 0),
        gross_elsewhere=_gross_elsewhere(desk, market),
        open_orders=len(others),
        own_bid=max(own_bids, default=0),
        own_ask=min(own_asks, default=0),
        messages=desk.gate.messages(key.venue, desk.now_ns),
        duplicates=0 if replaces else desk.gate.duplicates(key, recent),
        executions=desk.gate.executions(strategy, desk.now_ns),
        day_loss=desk.day_loss,
        may_increase=desk.action.may_increase,
    )


def reference_ticks(market: Market, *, exiting: bool = False) -> Decimal | None:
    """What a price is judged against, in ticks: the last trustworthy mid.

    An exit may have to be judged long after it, in a market with one side or with none that is known: then the mark.
    """
    two_sided = market.book.best_bid and market.book.best_ask
    if exiting and not two_sided and market.mark is not None:
        return market.mark.mark / market.terms.tick_size
    return Decimal(market.mid_half_ticks) / 2 if market.mid_half_ticks else None


def _reference(desk: Desk, market: Market, *, exiting: bool) -> MarketReference:
    terms = market.terms
    mid_ticks = reference_ticks(market, exiting=exiting)
    return MarketReference(
        trading=terms.trading,
        min_lots=terms.min_lots,
        max_lots=terms.max_lots,
        min_notional=terms.min_notional,
        reference=mid_ticks,
        mark=market.mark.mark / terms.tick_size if market.mark else mid_ticks,
        band_down=terms.band_down,
        band_up=terms.band_up,
        best_bid=market.book.best_bid,
        best_ask=market.book.best_ask,
        lot_notional=None if mid_ticks is None else terms.notional(mid_ticks * terms.tick_size, 1),
        conversion=desk.conversion(terms.quote),
    )


def _gross_elsewhere(desk: Desk, market: Market) -> Decimal | None:
    """The worst case of every other instrument, reporting currency; None as soon as one cannot be valued."""
    gross = Decimal(0)
    for key, other in desk.markets.items():
        if key == market.key:
            continue
        position = desk.ledger.lots(key)
        worst = max(
            abs(position + desk.orders.open_lots(key, 1)), abs(position - desk.orders.open_lots(key, -1))
        )
        if not worst:
            continue
        rate = desk.conversion(other.instrument.quote) if other.instrument else None
        if rate is None or not other.mid_half_ticks:
            return None
        gross += other.terms.notional(other.mid, worst) * rate
    return gross
