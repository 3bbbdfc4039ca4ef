"""The exchange of a sweep as one would write it down: a market in dictionaries, and our orders in its queues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from titan.backtest.sweep.market import ASK, BID, BUY
from titan.backtest.sweep.rules import changed, joined, passed, reached
from titan.model.orders import Order
from titan.simulation.queue_position import QueueModel, QueueState


class Side:
    """One side of the book; `sign` is +1 for bids."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.displayed: dict[int, int] = {}
        self.traded: dict[int, int] = {}
        self.best = 0

    def put(self, price: int, lots: int) -> None:
        """State a level anew."""
        self.displayed[price] = lots
        self.traded[price] = 0
        if lots and (not self.best or self.sign * (price - self.best) > 0):
            self.best = price
        elif not lots and price == self.best:
            self.retreat(price)

    def retreat(self, price: int) -> None:
        """The best is behind this price; what lies at it or before it is gone or stale."""
        behind = [at for at, lots in self.displayed.items() if lots and self.sign * (price - at) > 0]
        self.best = max(behind, key=lambda at: self.sign * at, default=0)


@dataclass
class Own:
    """One order of ours, as the exchange has it, beside what is known of it."""

    known: Order
    place: QueueState
    live: bool = False


class PlainExchange:
    """A tape's market and our orders in it.

    Parameters
    ----------
    queue : QueueModel
        How cancellations move our orders up.
    whole_fills : bool
        As of `titan.backtest.sweep.parameter_sets.ParameterSet`.
    told : function of int, Own and int
        Called at each fill with its time, the order and the lots.
    """

    def __init__(self, queue: QueueModel, whole_fills: bool, told: Callable[[int, Own, int], None]) -> None:
        self._queue, self._whole, self._told = queue, whole_fills, told
        self.sides = {1: Side(1), -1: Side(-1)}
        self.owns: list[Own] = []
        self.mid = 0
        self.position = 0
        self.cash = 0
        self.fills: list[tuple[int, ...]] = []

    def on_event(self, now_ns: int, price: int, lots: int, kind: int) -> None:
        """Take one event of the tape."""
        sign = 1 if kind in (BID, BUY) else -1
        if kind in (BID, ASK):
            side, other = self.sides[sign], self.sides[-sign]
            before = side.displayed.get(price, 0)
            side.put(price, lots)
            if side.best and other.best and sign * (side.best - other.best) >= 0:
                other.retreat(side.best)
            for own in self._live(sign):
                if own.known.price == price:
                    own.place = changed(own.place, before, lots, self._queue)
        else:
            traded = self.sides[-sign].traded
            traded[price] = traded.get(price, 0) + lots
        if lots:
            self._meet(now_ns, -sign, price, lots, kind not in (BID, ASK))
        bid, ask = self.sides[1].best, self.sides[-1].best
        self.mid = bid + ask if bid and ask else self.mid

    def join(self, own: Own) -> bool:
        """Rest an order, or refuse one that would take: all orders are post-only."""
        order = own.known
        opposite = self.sides[-order.side].best
        if opposite and order.side * (order.price - opposite) >= 0:
            return False
        side = self.sides[order.side]
        displayed, traded = side.displayed.get(order.price, 0), side.traded.get(order.price, 0)
        own.place = joined(displayed, traded, order.size, self._whole)
        own.live = True
        return True

    def _live(self, sign: int) -> list[Own]:
        """Our orders on a side, best first, then oldest."""
        found = [own for own in self.owns if own.live and own.known.side == sign]
        return sorted(found, key=lambda own: (-sign * own.known.price, own.known.created_ns))

    def _meet(self, now_ns: int, sign: int, price: int, lots: int, is_trade: bool) -> None:
        left, meet = lots, passed if is_trade else reached
        for own in self._live(sign):
            if sign * (own.known.price - price) < 0 or not left:
                return
            remaining = own.place.remaining
            place, filled = meet(own.place, sign, own.known.price, price, left, self._whole)
            own.place = place._replace(remaining=remaining - filled)
            if not filled:
                continue
            own.live = own.place.remaining > 0
            self.position += sign * filled
            self.cash -= sign * own.known.price * filled
            self.fills.append((now_ns, sign, own.known.price, filled, self.mid))
            self._told(now_ns, own, filled)
            if not self._whole:
                left -= filled
