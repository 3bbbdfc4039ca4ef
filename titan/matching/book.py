"""Price-time priority: the sides of a book, what the exchange asks of any book, and the book that orders
alone make.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from titan.matching.orders import LiveOrder
from titan.matching.types import OrderKind, SelfTrade
from titan.model.orders import BUY, SELL


class Match(NamedTuple):
    """One match, already taken from both orders' remainders; a side that is no order of ours is None."""

    taker: LiveOrder | None
    maker: LiveOrder | None
    price: int
    size: int
    side: int  # the taker's


class SelfMatch(NamedTuple):
    """A taker met an order of its own account: the exchange ends one or both, and the matching goes on if
    the taker lives.
    """

    taker: LiveOrder
    maker: LiveOrder


class VenueBook(Protocol):
    """What the exchange asks of a book, be it made of orders or recorded."""

    def best(self, side: int) -> int:
        """Best price of a side in ticks, 0 if it is empty."""

    def levels(self, side: int, count: int) -> tuple[tuple[int, int], ...]:
        """The best `count` levels (0: all), best first."""

    def crosses(self, side: int, price: int) -> bool:
        """True if a limit order would trade at once."""

    def fillable(self, order: LiveOrder) -> int:
        """Lots of the order that would trade at once, self-trade prevention considered."""

    def take(self, order: LiveOrder) -> Iterator[Match | SelfMatch]:
        """Match an incoming order step by step; whoever iterates may end orders between two steps."""

    def rest(self, order: LiveOrder) -> None:
        """Queue the remainder of an order."""

    def remove(self, order: LiveOrder) -> None:
        """Take a resting order out."""

    def shrink(self, order: LiveOrder, size: int) -> None:
        """Lower a resting order's total size, keeping its place."""


class BookSide:
    """Resting orders of one side, by price and then by time."""

    def __init__(self, side: int) -> None:
        self._side = side
        self._queues: dict[int, dict[int, LiveOrder]] = {}
        self._sizes: dict[int, int] = {}
        self._keys: list[int] = []  # side * price, rising: the best is the last

    def __len__(self) -> int:
        return len(self._keys)

    def best(self) -> int:
        """Best price in ticks, 0 if empty."""
        return self._keys[-1] * self._side if self._keys else 0

    def prices(self) -> Iterator[int]:
        """Prices, best first."""
        return (key * self._side for key in reversed(self._keys))

    def size_at(self, price: int) -> int:
        """Lots resting at a price."""
        return self._sizes.get(price, 0)

    def at(self, price: int) -> tuple[LiveOrder, ...]:
        """Orders at a price, oldest first."""
        return tuple(self._queues.get(price, {}).values())

    def first(self, price: int) -> LiveOrder | None:
        """The oldest order at a price."""
        queue = self._queues.get(price)
        return next(iter(queue.values())) if queue else None

    def add(self, order: LiveOrder) -> None:
        """Queue an order behind all others at its price."""
        queue = self._queues.get(order.price)
        if queue is None:
            queue = self._queues[order.price] = {}
            insort(self._keys, self._side * order.price)
        queue[order.order_id] = order
        self._sizes[order.price] = self._sizes.get(order.price, 0) + order.remaining

    def remove(self, order: LiveOrder) -> None:
        """Take an order out."""
        queue = self._queues[order.price]
        del queue[order.order_id]
        self._sizes[order.price] -= order.remaining
        if not queue:
            del self._queues[order.price], self._sizes[order.price]
            del self._keys[bisect_left(self._keys, self._side * order.price)]

    def fill(self, order: LiveOrder, size: int) -> None:
        """Fill part of a resting order; it leaves when nothing remains."""
        order.filled += size
        self._sizes[order.price] -= size
        if order.remaining == 0:
            self.remove(order)

    def shrink(self, order: LiveOrder, size: int) -> None:
        """Lower an order's total size to above its filled part, keeping its place."""
        self._sizes[order.price] -= order.size - size
        order.size = size


def reaches(taker: LiveOrder, price: int) -> bool:
    """True if an incoming order would trade at an opposite price."""
    return taker.request.kind is OrderKind.MARKET or taker.side * (taker.price - price) >= 0


class MatchingBook:
    """A book that consists of the exchange's orders alone (a generated market)."""

    def __init__(self) -> None:
        self._sides = {BUY: BookSide(BUY), SELL: BookSide(SELL)}
        self._touched: dict[tuple[int, int], None] = {}

    def best(self, side: int) -> int:
        """Best price of a side in ticks, 0 if it is empty."""
        return self._sides[side].best()

    def size_at(self, side: int, price: int) -> int:
        """Lots resting at a price."""
        return self._sides[side].size_at(price)

    def levels(self, side: int, count: int) -> tuple[tuple[int, int], ...]:
        """The best `count` levels (0: all), best first."""
        book_side = self._sides[side]
        stop = count or len(book_side)
        return tuple(
            (price, book_side.size_at(price))
            for price, _ in zip(book_side.prices(), range(stop), strict=False)
        )

    def crosses(self, side: int, price: int) -> bool:
        """True if a limit order would trade at once."""
        opposite = self.best(-side)
        return opposite != 0 and side * (price - opposite) >= 0

    def fillable(self, order: LiveOrder) -> int:
        """Lots of the order that would trade at once, self-trade prevention considered."""
        found = 0
        opposite = self._sides[-order.side]
        for price in opposite.prices():
            if found >= order.remaining or not reaches(order, price):
                break
            for maker in opposite.at(price):
                if maker.account != order.account:
                    found += maker.remaining
                elif order.request.self_trade is not SelfTrade.EXPIRE_MAKER:
                    return min(found, order.remaining)
        return min(found, order.remaining)

    def take(self, order: LiveOrder) -> Iterator[Match | SelfMatch]:
        """Match an incoming order step by step; whoever iterates may end orders between two steps."""
        opposite = self._sides[-order.side]
        while order.live and order.remaining:
            price = opposite.best()
            maker = opposite.first(price)
            if maker is None or not reaches(order, price):
                return
            if maker.account == order.account:
                yield SelfMatch(order, maker)
                continue
            size = min(order.remaining, maker.remaining)
            order.filled += size
            opposite.fill(maker, size)
            self._touched[(-order.side, price)] = None
            yield Match(order, maker, price, size, order.side)

    def rest(self, order: LiveOrder) -> None:
        """Queue the remainder of an order."""
        self._sides[order.side].add(order)
        self._touched[(order.side, order.price)] = None

    def remove(self, order: LiveOrder) -> None:
        """Take a resting order out."""
        self._sides[order.side].remove(order)
        self._touched[(order.side, order.price)] = None

    def shrink(self, order: LiveOrder, size: int) -> None:
        """Lower a resting order's total size, keeping its place."""
        self._sides[order.side].shrink(order, size)
        self._touched[(order.side, order.price)] = None

    def drain_changes(self) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
        """Levels (bids, asks) that changed since the last call, with their present sizes (0: gone)."""
        bids, asks = (
            tuple((price, self.size_at(side, price)) for of, price in self._touched if of == side)
            for side in (BUY, SELL)
        )
        self._touched.clear()
        return bids, asks
