"""A recorded book with our orders laid over it.

The recorded book is never changed by us. What our takers have consumed of a recorded level is remembered
until the next recorded change of that level, so that it cannot be taken twice. Our makers wait in the
recorded queue: they fill when a recorded trade goes through their price, when it trades at their price and
nothing recorded is left ahead, or when the recorded opposite best reaches their price. While the recorded
book is crossed nothing fills.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from titan.matching.book import BookSide, Match, SelfMatch, reaches
from titan.matching.orders import LiveOrder
from titan.matching.types import SelfTrade
from titan.model.events import BookDelta, BookSnapshot, Levels, TradePrint
from titan.model.orders import BUY, SELL
from titan.simulation.queue_position import (
    QueueModel,
    QueueState,
    fill_by_touch,
    fill_by_trade,
    join_queue,
    on_level_change,
)

HELD_DELTAS = 10_000


class SequenceGap(ValueError):
    """A recorded delta that does not follow the last one: the book is lost until a snapshot."""

    def __init__(self, delta: BookDelta, last_id: int) -> None:
        ids = f"{delta.first_id}..{delta.last_id}"
        super().__init__(f"{delta.key}: update {ids} does not follow {last_id}: apply a snapshot")
        self.delta = delta


class Level(NamedTuple):
    """A price level that an incoming order may take: recorded lots, or an order of ours."""

    price: int
    recorded: int
    maker: LiveOrder | None


class RecordedSide:
    """One side of the recorded book, with what we consumed and what traded since the level's last change."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.sizes: dict[int, int] = {}
        self.consumed: dict[int, int] = {}
        self.traded: dict[int, int] = {}
        self._best = 0

    def best(self) -> int:
        """Best recorded price, 0 if empty."""
        return self._best

    def free(self, price: int) -> int:
        """Recorded lots at a price that we have not consumed."""
        return max(self.sizes.get(price, 0) - self.consumed.get(price, 0), 0)

    def prices(self) -> list[int]:
        """Prices, best first."""
        return sorted(self.sizes, reverse=self.side == BUY)

    def put(self, price: int, size: int) -> None:
        """State a level anew (0: gone)."""
        self.consumed.pop(price, None)
        self.traded.pop(price, None)
        if size:
            self.sizes[price] = size
            if self._best == 0 or self.side * (price - self._best) > 0:
                self._best = price
        elif self.sizes.pop(price, 0) and price == self._best:
            choose = max if self.side == BUY else min
            self._best = choose(self.sizes, default=0)


class ReplayBook:
    """Recorded levels, our resting orders, and the queue before each of them."""

    def __init__(self, model: QueueModel) -> None:
        self._model = model
        self._recorded = {BUY: RecordedSide(BUY), SELL: RecordedSide(SELL)}
        self._ours = {BUY: BookSide(BUY), SELL: BookSide(SELL)}
        self._queues: dict[int, QueueState] = {}
        self._held: deque[BookDelta] = deque(maxlen=HELD_DELTAS)
        self._joined = False  # a delta has been applied since the snapshot
        self.last_id = 0
        self.synchronised = False

    # ---- what the exchange asks of any book --------------------------------------------------------------

    def best(self, side: int) -> int:
        """Best recorded price of a side in ticks, 0 if it is empty."""
        return self._recorded[side].best()

    def levels(self, side: int, count: int) -> tuple[tuple[int, int], ...]:
        """The best `count` recorded levels (0: all), best first."""
        recorded = self._recorded[side]
        return tuple((price, recorded.sizes[price]) for price in islice(recorded.prices(), count or None))

    def crosses(self, side: int, price: int) -> bool:
        """True if a limit order would meet the recorded book or an order of ours."""
        opposite = (self._recorded[-side].best(), self._ours[-side].best())
        return any(best != 0 and side * (price - best) >= 0 for best in opposite)

    def fillable(self, order: LiveOrder) -> int:
        """Lots of the order that would trade at once, self-trade prevention considered."""
        found = 0
        for level in self._takeable(order):
            if level.maker is None:
                found += level.recorded
            elif level.maker.account != order.account:
                found += level.maker.remaining
            elif order.request.self_trade is not SelfTrade.EXPIRE_MAKER:
                break
            if found >= order.remaining:
                break
        return min(found, order.remaining)

    def take(self, order: LiveOrder) -> Iterator[Match | SelfMatch]:
        """Match an incoming order step by step; whoever iterates may end orders between two steps."""
        while order.live and order.remaining:
            level = next(self._takeable(order), None)
            if level is None:
                return
            if level.maker is not None and level.maker.account == order.account:
                yield SelfMatch(order, level.maker)
                continue
            size = min(order.remaining, level.maker.remaining if level.maker is not None else level.recorded)
            order.filled += size
            if level.maker is None:
                self._consume(-order.side, level.price, size)
            else:
                self._fill(level.maker, size)
            yield Match(order, level.maker, level.price, size, order.side)

    def rest(self, order: LiveOrder) -> None:
        """Queue the remainder of an order behind everything recorded at its price."""
        self._ours[order.side].add(order)
        recorded = self._recorded[order.side]
        price = order.price
        waiting = max(recorded.sizes.get(price, 0) - recorded.traded.get(price, 0), 0)
        self._queues[order.order_id] = join_queue(waiting, order.remaining)

    def remove(self, order: LiveOrder) -> None:
        """Take a resting order out."""
        self._ours[order.side].remove(order)
        del self._queues[order.order_id]

    def shrink(self, order: LiveOrder, size: int) -> None:
        """Lower a resting order's total size, keeping its place."""
        self._ours[order.side].shrink(order, size)

    def ahead(self, order: LiveOrder) -> float:
        """Recorded lots ahead of a resting order."""
        return self._queues[order.order_id].ahead

    # ---- recorded events ---------------------------------------------------------------------------------

    def check(self, event: BookSnapshot | BookDelta | TradePrint) -> None:
        """ValueError if an event is absurd or out of sequence; nothing changes here."""
        if isinstance(event, TradePrint):
            if event.price < 1 or event.size < 1 or event.side not in (BUY, SELL):
                raise ValueError(
                    f"{event.key}: trade {event.trade_id} of {event.size} lots at {event.price} ticks"
                )
            return
        lowest = 1 if isinstance(event, BookSnapshot) else 0
        for price, size in (*event.bids, *event.asks):
            if price < 1 or size < lowest:
                raise ValueError(f"{event.key}: update {event.last_id} states {size} lots at {price} ticks")
        if (
            isinstance(event, BookDelta)
            and self.synchronised
            and event.last_id > self.last_id
            and not self._follows(event)
        ):
            raise SequenceGap(event, self.last_id)

    def lose(self, event: BookDelta) -> None:
        """After a gap: trust nothing until a snapshot, and keep the deltas that may follow it."""
        self.synchronised = False
        self._held.clear()
        self._held.append(event)

    def forget(self) -> None:
        """Drop everything recorded: its prices are counted in ticks that no longer hold."""
        self._recorded = {BUY: RecordedSide(BUY), SELL: RecordedSide(SELL)}
        self.synchronised = False
        self._held.clear()

    def _follows(self, event: BookDelta) -> bool:
        if not self._joined:
            # A venue that numbers all its symbols together leaves gaps between two updates: the previous id counts.
            previous = event.first_id - 1 if event.previous_id == -1 else event.previous_id
            return min(previous, event.first_id - 1) <= self.last_id
        return event.previous_id == self.last_id or (
            event.previous_id == -1 and event.first_id == self.last_id + 1
        )

    def apply(self, event: BookSnapshot | BookDelta | TradePrint) -> Iterator[Match]:
        """Apply a checked event and give what it fills, step by step."""
        if isinstance(event, TradePrint):
            yield from self._traded(event)
        elif isinstance(event, BookSnapshot):
            yield from self._restart(event)
        elif not self.synchronised:
            self._held.append(event)
        elif event.last_id > self.last_id:
            self._change(event)
            yield from self._reached()

    def _restart(self, event: BookSnapshot) -> Iterator[Match]:
        for side, levels in ((BUY, event.bids), (SELL, event.asks)):
            gone = dict.fromkeys(self._recorded[side].sizes, 0)
            self._put_all(side, tuple({**gone, **dict(levels)}.items()))
        self.last_id, self.synchronised, self._joined = event.last_id, True, False
        held = [delta for delta in self._held if delta.last_id > event.last_id]
        self._held.clear()
        for delta in held:
            if not self._follows(delta):
                self.synchronised = False  # wait for a snapshot that joins
                return
            self._change(delta)
        yield from self._reached()

    def _change(self, event: BookDelta) -> None:
        self._put_all(BUY, event.bids)
        self._put_all(SELL, event.asks)
        self.last_id, self._joined = event.last_id, True

    def _put_all(self, side: int, levels: Levels) -> None:
        recorded = self._recorded[side]
        for price, size in levels:
            recorded.put(price, size)
            for order in self._ours[side].at(price):
                state = self._queues[order.order_id]
                self._queues[order.order_id] = on_level_change(state, size, self._model)

    def _traded(self, event: TradePrint) -> Iterator[Match]:
        """A recorded aggressor meets our orders before and at its price, best and oldest first."""
        if not self.synchronised or self._crossed():
            return
        side, left = -event.side, event.size
        for price in [price for price in self._ours[side].prices() if side * (price - event.price) >= 0]:
            for order in self._ours[side].at(price):
                if not order.resting:
                    continue
                size = self._pass(order, event, left)
                if size:
                    left -= size
                    yield Match(None, order, price, size, event.side)
        traded = self._recorded[side].traded
        traded[event.price] = traded.get(event.price, 0) + event.size

    def _pass(self, order: LiveOrder, event: TradePrint, left: int) -> int:
        """Let what is left of a recorded trade pass an order; returns the lots that it filled."""
        state = self._queues[order.order_id]._replace(remaining=order.remaining)
        state, size = fill_by_trade(state, order.side, order.price, event.side, event.price, left)
        self._queues[order.order_id] = state
        self._fill(order, size)
        return size

    def _reached(self) -> Iterator[Match]:
        """Recorded orders on the other side that reach our price trade with us, as far as they go."""
        if self._crossed():
            return
        for side in (BUY, SELL):
            opposite = self._recorded[-side]
            for price in list(self._ours[side].prices()):
                if not opposite.best() or side * (price - opposite.best()) < 0:
                    break
                for order in self._ours[side].at(price):
                    size = self._meet(order, opposite) if order.resting else 0
                    if size:
                        yield Match(None, order, price, size, -side)

    def _meet(self, order: LiveOrder, opposite: RecordedSide) -> int:
        """Take recorded lots that reach an order of ours; returns how many."""
        state = self._queues[order.order_id]._replace(remaining=order.remaining)
        for price in opposite.prices():
            if state.remaining == 0 or order.side * (order.price - price) < 0:
                break
            state, size = fill_by_touch(state, order.side, order.price, price, opposite.free(price))
            self._consume(opposite.side, price, size)
        size = order.remaining - state.remaining
        self._queues[order.order_id] = state
        self._fill(order, size)
        return size

    # ---- pieces ------------------------------------------------------------------------------------------

    def _crossed(self) -> bool:
        bid, ask = self.best(BUY), self.best(SELL)
        return bid != 0 and ask != 0 and bid >= ask

    def _consume(self, side: int, price: int, size: int) -> None:
        consumed = self._recorded[side].consumed
        consumed[price] = consumed.get(price, 0) + size

    def _fill(self, order: LiveOrder, size: int) -> None:
        self._ours[order.side].fill(order, size)
        if order.remaining == 0:
            del self._queues[order.order_id]

    def _takeable(self, order: LiveOrder) -> Iterator[Level]:
        """What an incoming order may take, best first; at one price an order of ours with nothing ahead
        goes first.
        """
        if not self.synchronised or self._crossed():
            return
        recorded, ours = self._recorded[-order.side], self._ours[-order.side]
        prices = {*recorded.sizes, *ours.prices()}
        for price in sorted(prices, reverse=order.side == SELL):
            if not reaches(order, price):
                return
            rank = [Level(price, 0, maker) for maker in ours.at(price)]
            place = next(
                (i for i, level in enumerate(rank) if level.maker and self.ahead(level.maker)), len(rank)
            )
            free = recorded.free(price)
            if free:
                rank.insert(place, Level(price, free, None))
            yield from rank
