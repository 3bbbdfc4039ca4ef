"""The router: turns the difference between wanted quotes and working orders into place, amend and cancel.

It keeps an order where it stands unless the change is worth its place in the queue, and it never adds a
second order where one is still unproven.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from titan.model.orders import Order, OrderState

STEADY = frozenset({OrderState.OPEN, OrderState.PARTIALLY_FILLED})
"""States in which an order may be amended; anything else is still on its way somewhere."""


class Wanted(NamedTuple):
    """One quote that should stand in the book: side +1 or -1, ticks, lots."""

    side: int
    price: int
    size: int


class Place(NamedTuple):
    """Send a new order for this quote."""

    wanted: Wanted


class Amend(NamedTuple):
    """Move this order to this price and TOTAL size."""

    order: Order
    price: int
    size: int


class Cancel(NamedTuple):
    """Take this order out of the book."""

    order: Order


Change = Place | Amend | Cancel


def plan(
    wanted: Sequence[Wanted], working: Iterable[Order], *, requote_ticks: int, use_amend: bool
) -> list[Change]:
    """The changes that bring `working` to `wanted`; cancels first, then amends, then new orders.

    Parameters
    ----------
    wanted : sequence of Wanted
        At most one quote per side and layer.
    working : iterable of Order
        Every live order of the same strategy and instrument.
    requote_ticks : int
        An order stays if its price is off by fewer ticks than this and its size still serves. Never applied
        to a quote that moves away from the market: risk is taken off at once.
    use_amend : bool
        Whether the venue amends; otherwise an order is cancelled, and its successor placed once that is
        proven.
    """
    changes: list[Change] = []
    orders = list(working)
    for side in (1, -1):
        quotes = sorted((w for w in wanted if w.side == side), key=lambda w: -side * w.price)
        standing = sorted(
            (o for o in orders if o.side == side), key=lambda o: (-side * o.price, o.created_ns)
        )
        for quote in tuple(quotes):
            kept = next((order for order in standing if _stays(order, quote, requote_ticks)), None)
            if kept is not None:
                quotes.remove(quote)
                standing.remove(kept)
        for index, order in enumerate(standing):
            if index >= len(quotes):
                changes += [Cancel(order)] if _cancellable(order) else []
            else:
                changes += _move(order, quotes[index], use_amend)
        changes += [Place(quote) for quote in quotes[len(standing) :]]
    rank = {Cancel: 0, Amend: 1, Place: 2}
    return sorted(changes, key=lambda change: rank[type(change)])


def _cancellable(order: Order) -> bool:
    if order.ends_as is not None:
        return False  # the venue has ended it: it only waits for its executions
    return order.state in STEADY or order.state in {OrderState.PENDING_AMEND, OrderState.UNKNOWN}


def _movable(order: Order) -> bool:
    return order.state in STEADY and order.ends_as is None


def _stays(order: Order, quote: Wanted, requote_ticks: int) -> bool:
    towards_market = (quote.price - order.price) * order.side
    same_price = quote.price == order.price or 0 < towards_market < requote_ticks
    # A partly filled order keeps its queue place while at least half the wanted size is left of it.
    serves = quote.size >= order.remaining and 2 * order.remaining >= quote.size
    return _movable(order) and same_price and serves


def _move(order: Order, quote: Wanted, use_amend: bool) -> list[Change]:
    if not _movable(order):
        return []
    return [Amend(order, quote.price, order.filled + quote.size)] if use_amend else [Cancel(order)]
