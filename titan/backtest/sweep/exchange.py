"""What the market does to resting orders, and what the exchange answers to requests."""

from __future__ import annotations

from typing import NamedTuple

from titan.backtest.sweep.book import ASKS, BIDS, DISPLAYED, OURS, TRADED, Book, best_ask, best_bid, place_of
from titan.backtest.sweep.orders import (
    ACCEPTED,
    CANCELLED,
    FILLED,
    NEVER,
    NO_LINK,
    REFUSED,
    Desk,
    Integers,
    answer,
    at_turn,
    leave,
    slot_of,
    stand,
)
from titan.backtest.sweep.rules import changed, joined, passed, reached
from titan.simulation.queue_position import QueueModel, QueueState

FILL_COLUMNS = 6
"""A fill: set, time (ns), side, price (ticks), size (lots), mid before it (half ticks)."""


class Fills(NamedTuple):
    """Fills in order of time; `used`, (1,), counts them."""

    rows: Integers
    used: Integers


def book_fill(
    desk: Desk, k: int, side: int, price: int, lots: int, now_ns: int, mid: int, fills: Fills
) -> None:
    """Enter a fill of set `k`; `mid` is the doubled mid before it."""
    one = desk.sets[k]
    one.inventory += one.position * (mid - one.mark)
    one.mark = mid
    one.spread += side * (mid - 2 * price) * lots
    one.position += side * lots
    one.cash -= side * price * lots
    one.traded += price * lots
    row = fills.rows[fills.used[0]]
    row[0], row[1], row[2], row[3], row[4], row[5] = k, now_ns, side, price, lots, mid
    fills.used[0] += 1


def meet(
    desk: Desk,
    book: Book,
    side: int,
    price: int,
    lots: int,
    is_trade: bool,
    now_ns: int,
    mid: int,
    fills: Fills,
) -> None:
    """Let lots of the other side, traded or come to rest at a price, meet our orders on `side`.

    Of each set the best come first, then the oldest; no set's orders stand in the way of another's.
    """
    row = BIDS if side > 0 else ASKS
    desk.left[:] = lots
    for place in range(place_of(book, row, desk.reach[row]), place_of(book, row, price) - 1, -1):
        link = int(book.levels[row, place, OURS])
        while link != NO_LINK:
            at = link - 1
            link = desk.all_orders[at].next
            k = desk.all_orders[at].owner
            if desk.left[k] == 0:
                continue
            filled = fill(desk, k, at, side, price, desk.left[k], is_trade, now_ns, mid, fills)
            if filled > 0 and desk.all_orders[at].remaining == 0:
                leave(desk, k, slot_of(desk, k, at), book)
            if not desk.sets[k].whole:
                desk.left[k] -= filled


def fill(
    desk: Desk,
    k: int,
    at: int,
    side: int,
    price: int,
    lots: int,
    is_trade: bool,
    now_ns: int,
    mid: int,
    fills: Fills,
) -> int:
    """Let lots meet one order; how many it took."""
    one, order = desk.sets[k], desk.all_orders[at]
    place = QueueState(order.ahead, order.behind, order.remaining)
    if is_trade:
        place, filled = passed(place, side, order.price, price, lots, one.whole)
    else:
        place, filled = reached(place, side, order.price, price, lots, one.whole)
    order.ahead, order.behind = place.ahead, place.behind
    if filled > 0:
        order.remaining -= filled
        book_fill(desk, k, side, order.price, filled, now_ns, mid, fills)
        answer(desk, k, slot_of(desk, k, at), FILLED, filled, now_ns)
    return filled


def on_level(desk: Desk, first: int, before: int, lots: int) -> None:
    """Our orders at a level that was stated anew, from link `first` on, move up by what was cancelled before them."""
    link = first
    while link != NO_LINK:
        order = desk.all_orders[link - 1]
        one = desk.sets[order.owner]
        place = QueueState(order.ahead, order.behind, order.remaining)
        place = changed(place, before, lots, QueueModel(one.queue_kind, one.queue_exponent))
        order.ahead, order.behind = place.ahead, place.behind
        link = order.next


def serve(desk: Desk, k: int, book: Book) -> None:
    """Answer the next request of set `k`, which has arrived: all orders are post-only."""
    one = desk.sets[k]
    ring = desk.requests[k]
    asked = ring[at_turn(one.requests_read, len(ring))]
    one.requests_read += 1
    more = one.requests_read < one.requests_sent
    desk.request_ns[k] = ring[at_turn(one.requests_read, len(ring))].arrival_ns if more else NEVER
    slot, order = asked.slot, desk.orders[k, asked.slot]
    if not asked.is_new:
        if order.live and order.serial == asked.serial:
            leave(desk, k, slot, book)
            one.cancelled += 1
            answer(desk, k, slot, CANCELLED, 0, asked.arrival_ns)
        return
    opposite = best_ask(book) if order.side > 0 else best_bid(book)
    if opposite > 0 and order.side * (order.price - opposite) >= 0:
        one.refused += 1
        answer(desk, k, slot, REFUSED, 0, asked.arrival_ns)
        return
    displayed, traded = shown(book, order.side, order.price)
    place = joined(displayed, traded, order.remaining, one.whole)
    order.ahead, order.behind = place.ahead, place.behind
    stand(desk, k, slot, book)
    one.accepted += 1
    answer(desk, k, slot, ACCEPTED, 0, asked.arrival_ns)


def shown(book: Book, side: int, price: int) -> tuple[int, int]:
    """Lots that a level displays, and lots that have traded there since it was stated."""
    row = BIDS if side > 0 else ASKS
    place = place_of(book, row, price)
    if place < 0 or place >= book.levels.shape[1]:
        return 0, 0
    return int(book.levels[row, place, DISPLAYED]), int(book.levels[row, place, TRADED])
