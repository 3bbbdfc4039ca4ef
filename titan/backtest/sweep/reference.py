"""The same rules for one set as one would write them down: dictionaries, objects, the strategy and the engine's router.

It is what the compiled pass is tested against, and what runs a strategy that numba cannot compile.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, NamedTuple

import numpy as np

from titan.backtest.sweep.market import ASK, BID, BUY
from titan.backtest.sweep.parameter_sets import ParameterSet, latency_draws
from titan.backtest.sweep.plain_exchange import Own, PlainExchange
from titan.backtest.sweep.results import FILL, Counts, SetResult, pnl_of
from titan.backtest.sweep.tape import Tape
from titan.engine.router import Cancel, Place, Wanted, plan
from titan.model.contract import View
from titan.model.orders import Lifetime, Order, OrderState
from titan.simulation.queue_position import QueueState
from titan.strategy.quoting import ladder, minimum_edge, round_inside, ticks_below


class Message(NamedTuple):
    """Something under way: an order and what is asked or told."""

    arrival_ns: int
    own: Own
    word: str
    lots: int = 0


class Wire:
    """One way, in order."""

    def __init__(self, latencies_ns: list[int]) -> None:
        self._latencies_ns = latencies_ns
        self._sent = 0
        self._last_ns = 0
        self.under_way: deque[Message] = deque()

    def send(self, now_ns: int, own: Own, word: str, lots: int = 0) -> None:
        """Send a message; it never overtakes the one before."""
        latency_ns = self._latencies_ns[self._sent % len(self._latencies_ns)]
        self._sent += 1
        self._last_ns = max(self._last_ns, now_ns + latency_ns)
        self.under_way.append(Message(self._last_ns, own, word, lots))


class Reference:
    """One set on one tape.

    Parameters
    ----------
    interval_ns, path_every
        As for `titan.backtest.sweep.run.sweep`.
    """

    def __init__(self, tape: Tape, one: ParameterSet, interval_ns: int, path_every: int) -> None:
        one.check()
        self._tape, self._set = tape, one
        self._interval_ns, self._path_every = interval_ns, path_every
        self._parameters = one.build()
        self._state = one.module.initial(self._parameters)
        self._exchange = PlainExchange(one.queue, one.whole_fills, self._on_fill)
        self._requests = Wire(latency_draws([one.entry], [2 * one.seed])[0].tolist())
        self._answers = Wire(latency_draws([one.response], [2 * one.seed + 1])[0].tolist())
        self._looks: deque[tuple[int, ...]] = deque()
        self._flow = [0, 0]
        self._known_position = 0
        self._serial = 0
        self._counts = dict.fromkeys(Counts._fields, 0)
        self._path: list[tuple[int, int, int]] = []

    def run(self, how: str = "plain Python") -> SetResult:
        """Trade on the whole tape."""
        columns, start_ns = self._tape.columns, self._tape.start_ns
        seen_until_ns = self._tape.seen_until_ns
        step_ns = look_ns = start_ns + self._interval_ns
        for time_ns, delay_ns, price, lots, kind in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            while time_ns + delay_ns > look_ns:
                self._look()
                look_ns += self._interval_ns
            while min(step_ns, self._next_request_ns()) < time_ns:
                step_ns = self._catch_up(step_ns)
            self._on_event(time_ns, price, lots, kind)
        while look_ns < seen_until_ns:
            self._look()
            look_ns += self._interval_ns
        while step_ns < seen_until_ns:
            step_ns = self._catch_up(step_ns)
        return self._result(how)

    @property
    def mids(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The doubled mid at each point of the path."""
        return _column(self._path[self._path_every - 1 :: self._path_every], 2)

    # ---- the exchange ------------------------------------------------------------------------------------

    def _on_event(self, now_ns: int, price: int, lots: int, kind: int) -> None:
        if kind not in (BID, ASK):
            self._flow[0 if kind == BUY else 1] += lots
        self._exchange.on_event(now_ns, price, lots, kind)

    def _next_request_ns(self) -> float:
        under_way = self._requests.under_way
        return under_way[0].arrival_ns if under_way else math.inf

    def _serve(self) -> None:
        """Answer the next request; all orders are post-only."""
        asked = self._requests.under_way.popleft()
        own = asked.own
        if asked.word == "cancel":
            if own.live:
                own.live = False
                self._tell(asked, "cancelled")
            return
        self._tell(asked, "accepted" if self._exchange.join(own) else "refused")

    def _on_fill(self, now_ns: int, own: Own, lots: int) -> None:
        self._answers.send(now_ns, own, "filled", lots)

    def _tell(self, asked: Message, word: str) -> None:
        self._counts[word] += 1
        self._answers.send(asked.arrival_ns, asked.own, word)

    # ---- the set -----------------------------------------------------------------------------------------

    def _look(self) -> None:
        bids, asks = self._exchange.sides[1], self._exchange.sides[-1]
        sizes = bids.displayed.get(bids.best, 0), asks.displayed.get(asks.best, 0)
        self._looks.append((bids.best, asks.best, *sizes, *self._flow))
        self._flow = [0, 0]

    def _catch_up(self, step_ns: int) -> int:
        """Answer the requests that arrive next, or take the step; when the next step is."""
        arrival_ns = self._next_request_ns()
        if arrival_ns > step_ns:
            self._step(step_ns)
            return step_ns + self._interval_ns
        while self._next_request_ns() <= arrival_ns:
            self._serve()
        return step_ns

    def _step(self, now_ns: int) -> None:
        self._path.append((self._exchange.position, self._exchange.cash, self._exchange.mid))
        self._learn(now_ns)
        look = self._looks.popleft()
        wanted = self._wanted(now_ns, look) if 0 < look[0] < look[1] else []
        standing = {own.known.client_id: own for own in self._exchange.owns}
        orders = [own.known for own in self._exchange.owns if own.known.live]
        for change in plan(wanted, orders, requote_ticks=self._set.requote_ticks, use_amend=False):
            if isinstance(change, Cancel):
                change.order.state = OrderState.PENDING_CANCEL
                self._counts["cancels"] += 1
                self._requests.send(now_ns, standing[change.order.client_id], "cancel")
            elif isinstance(change, Place):
                self._place(now_ns, change.wanted)

    def _learn(self, now_ns: int) -> None:
        """Take in the answers that have arrived."""
        under_way = self._answers.under_way
        while under_way and under_way[0].arrival_ns <= now_ns:
            told = under_way.popleft()
            order = told.own.known
            if told.word == "accepted":
                order.state = OrderState.OPEN
            elif told.word == "filled":
                order.filled += told.lots
                self._known_position += order.side * told.lots
                if order.remaining == 0:
                    order.state = OrderState.FILLED
            else:
                order.state = OrderState.CANCELLED if told.word == "cancelled" else OrderState.EXPIRED
        self._exchange.owns = [own for own in self._exchange.owns if own.live or own.known.live]

    def _wanted(self, now_ns: int, look: tuple[int, ...]) -> list[Wanted]:
        view, tick = self._view(now_ns, look), float(self._tape.tick_size)
        module = self._set.module
        self._state = module.update(self._parameters, self._state, view)
        quotes = module.quote(self._parameters, self._state, view)
        quotes = minimum_edge(quotes, view.maker_fee, self._set.minimum_edge_bps)
        prices = round_inside(quotes.bid, quotes.ask, look[0], look[1], tick)
        levels = [(level, ticks_below(level.size, view.lot_size)) for level in ladder(quotes, prices, tick)]
        return [Wanted(level.side, level.price_ticks, lots) for level, lots in levels if lots > 0]

    def _view(self, now_ns: int, look: tuple[int, ...]) -> View:
        tick = float(self._tape.tick_size)
        bid_lots, ask_lots, bought, sold = (self._coins(lots) for lots in look[2:])
        unknown = {name: math.nan for name in ("mark_price", "index_price", "funding_rate", "funding_in_s")}
        return View(
            time_s=(now_ns - self._tape.start_ns) / 1e9,
            bid=look[0] * tick,
            ask=look[1] * tick,
            bid_size=bid_lots,
            ask_size=ask_lots,
            bought=bought,
            sold=sold,
            inventory=self._coins(self._known_position),
            maker_fee=float(self._set.maker_fee),
            taker_fee=float(self._set.taker_fee),
            tick_size=tick,
            lot_size=float(self._tape.lot_size),
            **unknown,
        )

    def _coins(self, lots: int) -> float:
        return float(lots * self._tape.lot_size)

    def _place(self, now_ns: int, wanted: Wanted) -> None:
        self._serial += 1
        self._counts["placed"] += 1
        order = Order(
            venue="tape", symbol="", client_id=str(self._serial), strategy=self._set.name, side=wanted.side,
            price=wanted.price, size=wanted.size, lifetime=Lifetime.POST_ONLY, reduce_only=False,
            state=OrderState.INTENT, created_ns=self._serial, changed_ns=now_ns,
        )  # fmt: skip
        own = Own(order, QueueState(0.0, 0.0, wanted.size))
        self._exchange.owns.append(own)
        self._requests.send(now_ns, own, "new")

    # ---- the sums ----------------------------------------------------------------------------------------

    def _result(self, how: str) -> SetResult:
        points = self._path[self._path_every - 1 :: self._path_every]
        exchange = self._exchange
        position, inventory, mark = 0, 0, 0
        for _, sign, _, lots, mid in exchange.fills:
            inventory += position * (mid - mark)
            position, mark = position + sign * lots, mid
        inventory += position * (exchange.mid - mark)
        spread = sum(sign * (mid - 2 * price) * lots for _, sign, price, lots, mid in exchange.fills)
        traded = sum(price * lots for _, _, price, lots, _ in exchange.fills)
        unit = self._tape.tick_size * self._tape.lot_size
        return SetResult(
            name=self._set.name,
            how=how,
            fills=np.array(exchange.fills, dtype=FILL),
            counts=Counts(**self._counts),
            pnl=pnl_of(
                spread, inventory, exchange.cash, position, exchange.mid, traded, unit, self._set.maker_fee
            ),
            last_position=position,
            position=_column(points, 0),
            cash=_column(points, 1),
        )


def _column(points: list[tuple[int, int, int]], at: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([point[at] for point in points], dtype=np.int64)
