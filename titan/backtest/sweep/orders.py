"""The orders of all sets at once, as the exchange has them and as each set knows them, in one record a slot.

What a set knows is late by its latencies. So every slot is kept twice: `live` is the exchange's word, `known` the
set's, and messages travel between the two in order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from titan.backtest.sweep.book import ASKS, BIDS, LAST, OURS, Book, place_of

Integers = npt.NDArray[np.int64]
Records = Any
"""A record array: its fields are attributes of its elements."""

FREE, SENT, OPEN, CANCELLING = 0, 1, 2, 3
"""What a set knows of a slot."""

ACCEPTED, REFUSED, FILLED, CANCELLED = 0, 1, 2, 3
"""Kinds of answers."""

NEVER = np.iinfo(np.int64).max
NO_SELL, NO_BUY = 1 << 40, -1
"""Prices that nothing reaches, in ticks."""

NO_LINK = 0
"""The end of a level's orders; any other link is the place of an order among all slots of all sets, plus one."""

ORDER = np.dtype(
    [
        ("price", "i8"),  # ticks
        ("side", "i8"),
        ("live", "?"),  # at the exchange
        ("remaining", "i8"),  # lots, at the exchange
        ("ahead", "f8"),  # lots, as in `QueueState`
        ("behind", "f8"),
        ("serial", "i8"),  # rises with each order of a set
        ("known", "i8"),  # FREE ... CANCELLING
        ("known_lots", "i8"),  # what the set believes to remain
        ("doomed", "?"),  # to be cancelled in this step
        ("owner", "i8"),  # its set
        ("next", "i8"),  # links to our other live orders of its level
        ("previous", "i8"),
    ],
    align=True,
)

SET = np.dtype(
    [
        # its world
        ("queue_kind", "i8"),
        ("queue_exponent", "f8"),
        ("whole", "?"),
        ("maker_fee", "f8"),
        ("taker_fee", "f8"),
        ("edge_bps", "f8"),
        ("requote_ticks", "i8"),
        ("strategy", "i8"),
        # its messages
        ("requests_sent", "i8"),
        ("requests_read", "i8"),
        ("answers_sent", "i8"),
        ("answers_read", "i8"),
        # what it knows and did
        ("known_position", "i8"),
        ("serial", "i8"),
        ("used", "i8"),  # slots ever used: those beyond need not be looked at
        ("placed", "i8"),
        ("cancels", "i8"),
        # the exchange's ledger: lots, ticks times lots, or, where doubled is said, half of that
        ("position", "i8"),
        ("cash", "i8"),
        ("traded", "i8"),  # notional
        ("spread", "i8"),  # doubled: side x (mid - price)
        ("inventory", "i8"),  # doubled: position x change of mid
        ("mark", "i8"),  # the doubled mid to which `inventory` goes
        ("accepted", "i8"),
        ("refused", "i8"),
        ("cancelled", "i8"),
    ],
    align=True,
)

REQUEST = np.dtype([("arrival_ns", "i8"), ("slot", "i8"), ("serial", "i8"), ("is_new", "?")], align=True)
ANSWER = np.dtype([("arrival_ns", "i8"), ("slot", "i8"), ("kind", "i8"), ("lots", "i8")], align=True)


class Desk(NamedTuple):
    """All sets with their orders and messages. Rings and draws have lengths of two to a power: see `at_turn`."""

    sets: Records  # (sets,) of SET
    orders: Records  # (sets, slots) of ORDER
    all_orders: Records  # the same in one row, for links
    requests: Records  # (sets, most that may be under way), rings
    answers: Records
    entry_ns: Integers  # (sets, draws), taken in turn
    response_ns: Integers
    request_ns: Integers  # (sets,): when the next request arrives; NEVER if none is under way
    nearest: Integers  # (2, sets): highest buy and lowest sell that live, ticks
    reach: Integers  # (2,): the same of all sets
    left: Integers  # (sets,): lots of one event that a set's orders have not taken yet


def records(dtype: np.dtype[Any], *shape: int) -> Records:
    """Zeros whose fields are attributes."""
    return np.zeros(shape, dtype=dtype).view(np.recarray)


def empty_desk(sets: int, slots: int, under_way: int, entry_ns: Integers, response_ns: Integers) -> Desk:
    """Nothing in the book and nothing under way, where `under_way` messages of a set may be, two to a power."""
    rows, orders = records(SET, sets), records(ORDER, sets, slots)
    orders.owner[:] = np.arange(sets)[:, None]
    return Desk(
        rows,
        orders,
        orders.reshape(-1),
        records(REQUEST, sets, under_way),
        records(ANSWER, sets, under_way),
        entry_ns,
        response_ns,
        np.full(sets, NEVER),
        np.array([[NO_BUY] * sets, [NO_SELL] * sets]),
        np.array([NO_BUY, NO_SELL]),
        np.zeros(sets, dtype=np.int64),
    )


def at_turn(number: int, length: int) -> int:
    """The place of the message of a number in a ring whose length is two to a power: no division."""
    return number & (length - 1)


def request(desk: Desk, k: int, slot: int, serial: int, is_new: bool, now_ns: int) -> None:
    """Send a request of set `k`; it never overtakes the one before."""
    one, ring = desk.sets[k], desk.requests[k]
    number = one.requests_sent
    if number - one.requests_read >= len(ring):
        raise ValueError("more requests are under way than there is room for: shorten the entry")
    arrival_ns = now_ns + desk.entry_ns[k, at_turn(number, desk.entry_ns.shape[1])]
    if number > 0:
        arrival_ns = max(arrival_ns, ring[at_turn(number - 1, len(ring))].arrival_ns)
    sent = ring[at_turn(number, len(ring))]
    sent.arrival_ns = arrival_ns
    sent.slot = slot
    sent.serial = serial
    sent.is_new = is_new
    if number == one.requests_read:
        desk.request_ns[k] = arrival_ns
    one.requests_sent = number + 1


def answer(desk: Desk, k: int, slot: int, kind: int, lots: int, now_ns: int) -> None:
    """Send the exchange's word to set `k`; it never overtakes the one before."""
    one, ring = desk.sets[k], desk.answers[k]
    number = one.answers_sent
    if number - one.answers_read >= len(ring):
        raise ValueError("more answers are under way than there is room for: shorten the response")
    arrival_ns = now_ns + desk.response_ns[k, at_turn(number, desk.response_ns.shape[1])]
    if number > 0:
        arrival_ns = max(arrival_ns, ring[at_turn(number - 1, len(ring))].arrival_ns)
    sent = ring[at_turn(number, len(ring))]
    sent.arrival_ns = arrival_ns
    sent.slot = slot
    sent.kind = kind
    sent.lots = lots
    one.answers_sent = number + 1


def next_request_ns(desk: Desk) -> int:
    """When the next request of any set arrives."""
    soonest = NEVER
    for arrival_ns in desk.request_ns:
        soonest = min(soonest, arrival_ns)
    return soonest


def stand(desk: Desk, k: int, slot: int, book: Book) -> None:
    """An order comes to rest: whoever looks for orders at its price will find it."""
    order = desk.orders[k, slot]
    order.live = True
    _join_level(desk, k, slot, book)
    if order.side > 0:
        desk.nearest[BIDS, k] = max(desk.nearest[BIDS, k], order.price)
        desk.reach[BIDS] = max(desk.reach[BIDS], order.price)
    else:
        desk.nearest[ASKS, k] = min(desk.nearest[ASKS, k], order.price)
        desk.reach[ASKS] = min(desk.reach[ASKS], order.price)


def leave(desk: Desk, k: int, slot: int, book: Book) -> None:
    """An order is gone from the book."""
    order = desk.orders[k, slot]
    order.live = False
    _leave_level(desk, k, slot, book)
    row = BIDS if order.side > 0 else ASKS
    if order.price == desk.nearest[row, k]:
        desk.nearest[row, k] = _nearest(desk, k, order.side)
        if order.price == desk.reach[row]:
            desk.reach[row] = _nearest_of_all(desk, row)


def _join_level(desk: Desk, k: int, slot: int, book: Book) -> None:
    """Put an order behind the others of its level; one off the tape's prices is at no level, and never meets one."""
    order = desk.orders[k, slot]
    row = BIDS if order.side > 0 else ASKS
    place = place_of(book, row, order.price)
    if 0 <= place < book.levels.shape[1]:
        link = k * desk.orders.shape[1] + slot + 1
        last = np.int64(book.levels[row, place, LAST])
        order.next, order.previous = NO_LINK, last
        if last != NO_LINK:
            desk.all_orders[last - 1].next = link
        else:
            book.levels[row, place, OURS] = link
        book.levels[row, place, LAST] = link


def _leave_level(desk: Desk, k: int, slot: int, book: Book) -> None:
    """Take an order out of its level."""
    order = desk.orders[k, slot]
    row = BIDS if order.side > 0 else ASKS
    place = place_of(book, row, order.price)
    if 0 <= place < book.levels.shape[1]:
        if order.next != NO_LINK:
            desk.all_orders[order.next - 1].previous = order.previous
        else:
            book.levels[row, place, LAST] = order.previous
        if order.previous != NO_LINK:
            desk.all_orders[order.previous - 1].next = order.next
        else:
            book.levels[row, place, OURS] = order.next


def _nearest(desk: Desk, k: int, side: int) -> int:
    """The price of the live order of a set that is nearest to the market."""
    found = NO_BUY if side > 0 else NO_SELL
    for slot in range(first_slot(side), desk.sets[k].used, 2):
        order = desk.orders[k, slot]
        if order.live and side * (order.price - found) > 0:
            found = order.price
    return found


def _nearest_of_all(desk: Desk, row: int) -> int:
    """The price of the live order of all sets that is nearest to the market."""
    found = int(desk.nearest[row, 0])
    for price in desk.nearest[row]:
        found = max(found, int(price)) if row == BIDS else min(found, int(price))
    return found


def slot_of(desk: Desk, k: int, at: int) -> int:
    """The slot of set `k` that stands at a place among all slots of all sets."""
    return int(at - k * desk.orders.shape[1])


def first_slot(side: int) -> int:
    """The first slot of a side: buys have the even ones, sells the odd ones."""
    return 0 if side > 0 else 1
