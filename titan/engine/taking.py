"""Orders that take at once: one on an instrument at a time, and never against an order of the same strategy."""

from __future__ import annotations

from titan.engine.desk import Desk, Market
from titan.engine.portfolios import Answer
from titan.engine.quoting import carry_out, send
from titan.engine.router import Wanted
from titan.engine.strategies import Seat
from titan.model.orders import Lifetime, Order


def under_way(desk: Desk, market: Market, strategy: str) -> Order | None:
    """The strategy's order that takes here and is not proven ended with its executions booked; None if none is."""
    return next((order for order in _own(desk, market, strategy) if order.lifetime is Lifetime.IOC), None)


def take(desk: Desk, market: Market, seat: Seat, answer: Answer) -> None:
    """Send the order that takes, unless one is under way or it would meet a quote of the same strategy.

    Such a quote is withdrawn by `quote`; the order is asked for anew once that is proven. An order of another strategy
    that it would meet makes the gatekeeper refuse it.
    """
    if answer.take is None or under_way(desk, market, seat.config.name) is not None:
        return
    wanted, decision = answer.take
    if not any(_meets(wanted, order) for order in _own(desk, market, seat.config.name)):
        send(desk, market, seat, wanted, decision, Lifetime.IOC)


def quote(desk: Desk, market: Market, seat: Seat, answer: Answer) -> None:
    """Bring the quotes to what is wanted, without those that an order which takes would meet."""
    order = under_way(desk, market, seat.config.name)
    taking = Wanted(order.side, order.price, order.size) if order else answer.take and answer.take[0]
    quotes = [
        (wanted, decision)
        for wanted, decision in answer.quotes
        if taking is None or not _reaches(taking, wanted.side, wanted.price)
    ]
    carry_out(desk, market, seat, quotes)


def _own(desk: Desk, market: Market, strategy: str) -> list[Order]:
    return [order for order in desk.orders.live(market.key) if order.strategy == strategy]


def _meets(taking: Wanted, order: Order) -> bool:
    """True if an order of ours stands, or is being moved to, where it would be taken."""
    prices = {order.price, order.pending_price or order.price}
    return any(_reaches(taking, order.side, price) for price in prices)


def _reaches(taking: Wanted, side: int, price: int) -> bool:
    return side == -taking.side and taking.side * (taking.price - price) >= 0
