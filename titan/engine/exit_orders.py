"""The orders of an exit: at what price, how large, for whose book, and judged like any other.

Every one is reduce-only and no larger than the position that the venue has just stated, less whatever else of that
side may still fill. It passes limits and STOP for that reason, and neither collar, size, duplicate check nor the
venue's filters.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from titan.engine import sending
from titan.engine.account import MANUAL, cancel
from titan.engine.desk import Desk, Market
from titan.engine.exit_state import Exit, Stage
from titan.engine.judgement import judge, reference_ticks
from titan.engine.router import Wanted
from titan.model.orders import Lifetime, Order
from titan.risk.denials import Denial, explain

TAKES = 3
"""Orders that take within the collar before the market is taken."""

NOBODY_ACROSS = "nobody stands across within the collar; an order waits at the touch"

MOST_DOUBLINGS = 4
"""Orders that close nothing come ever slower, up to 16 intervals apart."""


def touch(market: Market, side: int) -> tuple[int, int]:
    """The best price of the order's own side and that across, ticks; 0 where nobody stands."""
    book = market.book
    return (book.best_bid, book.best_ask) if side > 0 else (book.best_ask, book.best_bid)


def passive_price(market: Market, side: int) -> int:
    """At the touch, and never where it would trade: a tick before the other side if nobody stands on this one."""
    own, across = touch(market, side)
    if not across:
        return own
    behind = across - side
    return behind if not own or side * (own - behind) > 0 else own


def bound(desk: Desk, market: Market, side: int, collar_bps: float) -> int:
    """The worst price, in ticks, that lies within the collar; 0 if there is nothing to measure it from."""
    reference = reference_ticks(market, exiting=True)
    if reference is None:
        return 0
    collar = Decimal(str(min(collar_bps, desk.config.limits.collar_bps))) / 10_000
    worst = reference * (1 + side * collar)
    return int(worst.to_integral_value(ROUND_FLOOR if side > 0 else ROUND_CEILING))


def reachable(desk: Desk, market: Market, side: int, stage: Stage) -> bool:
    """Whether somebody stands across within the collar of this stage. In a book that is not known nobody can say."""
    if not market.book.ready:
        return stage is Stage.MARKET
    limits, exits = desk.config.limits, desk.config.exits
    collar_bps = limits.collar_bps if stage is Stage.MARKET else exits.exit_collar_bps
    _, across = touch(market, side)
    return bool(across) and side * (bound(desk, market, side, collar_bps) - across) >= 0


def why_passive(desk: Desk, market: Market, side: int, stage: Stage) -> str:
    """Why an order only stands at the touch where it could not be taken for more than that; empty if it might."""
    _, across = touch(market, side)
    alone = market.book.ready and not across
    return (
        NOBODY_ACROSS
        if alone or (stage is not Stage.CHASE and not reachable(desk, market, side, stage))
        else ""
    )


def books(desk: Desk, market: Market) -> dict[str, int]:
    """Signed lots by strategy, with executions that the venue has counted and not told yet: its position has them."""
    held = desk.ledger.books(market.key)
    for order in desk.orders.live(market.key):
        untold = order.side * max(order.venue_filled - order.filled, 0)
        if untold:
            name = order.strategy or MANUAL
            held[name] = held.get(name, 0) + untold
    return held


def owner(held: dict[str, int], side: int, lots: int) -> tuple[str, int]:
    """Whose position an order of `side` closes next, and how much of it: of the books that hold it the largest.

    Among equals the first by name. What no book accounts for is by nobody's strategy. Books that hold the other way
    are left as they are: they sum with the rest to what the venue holds, before and after.
    """
    largest = min(((-abs(own), name) for name, own in held.items() if own * side < 0), default=None)
    if largest is None:
        return MANUAL, lots
    size, name = largest
    return name, min(-size, lots)


def send(desk: Desk, market: Market, found: Exit, lots: int, strategy: str) -> None:
    """Send one order that closes some of `lots`, what a strategy holds of the position, as hard as the stage says."""
    side = -1 if lots > 0 else 1
    stage = found.stage if reachable(desk, market, side, found.stage) else Stage.CHASE
    _count(desk, found, stage)
    price, lifetime = _terms_of(desk, market, side, stage)
    if not price:
        unknown = "neither a mid nor a mark is known" if stage is Stage.MARKET else "no touch is known"
        found.waiting = f"there is no price to ask for: the book is {market.book.state}, {unknown}"
        return
    size = min(abs(lots), _largest(desk, market, price, lifetime))
    denial = judge(
        desk, market, strategy=strategy, side=side, price=price, size=size,
        post_only=lifetime is Lifetime.POST_ONLY, confirmed=found.lots, reduce_only=True,
    )  # fmt: skip
    if denial is not None:
        found.waiting = explain(denial)
        return
    found.waiting = why_passive(desk, market, side, found.stage)
    found.forget_position()
    sending.place(desk, market, strategy, Wanted(side, price, size), lifetime, reduce_only=True)


def _count(desk: Desk, found: Exit, stage: Stage) -> None:
    """One more order; at the market they come ever slower while they close nothing."""
    found.tries += 1
    if stage is not Stage.MARKET or found.closed > found.closed_before:
        found.idle = 0
    found.next_ns = desk.now_ns + (desk.config.exits.interval_ns << min(found.idle, MOST_DOUBLINGS))
    found.idle += stage is Stage.MARKET
    found.closed_before = found.closed


def _terms_of(desk: Desk, market: Market, side: int, stage: Stage) -> tuple[int, Lifetime]:
    """Price and lifetime of an order of this stage. One at the market is judged at the price across."""
    if stage is Stage.CHASE:
        return passive_price(market, side), Lifetime.POST_ONLY
    if stage is Stage.TAKE:
        return bound(desk, market, side, desk.config.exits.exit_collar_bps), Lifetime.IOC
    _, across = touch(market, side)
    reference = reference_ticks(market, exiting=True)
    return across or (0 if reference is None else round(reference)), Lifetime.MARKET


def room(desk: Desk, market: Market, side: int, lots: int, strategy: str) -> int:
    """How much of a position of `lots`, signed, may be closed beside what others have on that side that may yet fill.

    The strategy's own orders are out of the way before its exit sends one.
    """
    others = [order for order in desk.orders.live(market.key) if order.strategy != strategy]
    coming = sum(order.remaining for order in others if order.side == side and order.ends_as is None)
    return max(-side * lots - coming, 0)


def _largest(desk: Desk, market: Market, price: int, lifetime: Lifetime) -> int:
    """The most lots of one order: the venue's maximum, and what the most that an order may be worth allows."""
    terms, limit = market.terms, desk.config.limits.max_order_notional
    most = terms.max_market_lots if lifetime is Lifetime.MARKET else terms.max_lots
    rate = desk.conversion(terms.quote)
    worth = terms.notional(terms.price(price), 1) * (rate or 0)
    return min(most, int(Decimal(str(limit)) / worth)) if worth else most


def follow(desk: Desk, market: Market, order: Order) -> None:
    """Bring a standing order to the touch; one that may not be moved there is taken out, and another one sent."""
    price = passive_price(market, order.side)
    if not price or price == order.price:
        return
    if not desk.config.venue(order.venue).use_amend:
        cancel(desk, order)
        return
    denial = judge(
        desk, market, strategy=order.strategy, side=order.side, price=price, size=order.size - order.filled,
        replaces=order, reduce_only=True,
    )  # fmt: skip
    if denial is None:
        sending.amend(desk, order, price, order.size)
    elif denial is not Denial.MESSAGE_BUDGET:
        cancel(desk, order)
