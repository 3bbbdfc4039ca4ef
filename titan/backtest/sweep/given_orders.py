"""Orders as they were, on a tape: what they would have filled by a queue model, and a tape cut to their time."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from titan.backtest.sweep.market import ASK, BID
from titan.backtest.sweep.plain_exchange import Own, PlainExchange
from titan.backtest.sweep.tape import Tape, TapeError, as_columns
from titan.model.orders import Lifetime, Order, OrderState
from titan.simulation.queue_position import QueueModel, QueueState


class Word(NamedTuple):
    """The exchange's word on one order: from this time on it rests with this price and total size, or does not.

    `time_ns` is the exchange's; `price` in ticks and `size` in lots, 0 lots: it is gone.
    """

    time_ns: int
    client_id: str
    side: int
    price: int
    size: int


class OrderFill(NamedTuple):
    """A fill of a given order, at the exchange's time, in ticks and lots."""

    time_ns: int
    client_id: str
    side: int
    price: int
    lots: int


class Given(NamedTuple):
    """What given orders filled; `refused` are those that would have taken when they came, `ahead` the lots before
    each order when it was last seen."""

    fills: list[OrderFill]
    refused: set[str]
    ahead: dict[str, float]


def given_orders(tape: Tape, words: Sequence[Word], queue: QueueModel) -> Given:
    """Let orders rest on a tape exactly when and where they rested.

    Parameters
    ----------
    words : sequence of Word
        In order of time; at equal times the market's events come first.
    """
    orders = _Orders(queue)
    waiting = deque(words)
    columns = tape.columns
    events = (columns.time_ns, columns.price, columns.lots, columns.kind)
    for event in zip(*(column.tolist() for column in events), strict=True):
        while waiting and waiting[0].time_ns < event[0]:
            orders.take(waiting.popleft())
        orders.exchange.on_event(*event)
    for word in waiting:
        orders.take(word)
    return Given(orders.fills, orders.refused, orders.ahead)


class _Orders:
    """Orders that do what they are told to, and what became of them."""

    def __init__(self, queue: QueueModel) -> None:
        self.exchange = PlainExchange(queue, False, self._filled)
        self.fills: list[OrderFill] = []
        self.refused: set[str] = set()
        self.ahead: dict[str, float] = {}
        self._resting: dict[str, tuple[Own, Word]] = {}
        self._lots: dict[str, int] = defaultdict(int)
        self._serial = 0

    def take(self, word: Word) -> None:
        """Let an order rest, move, or go."""
        name = word.client_id
        own, last = self._resting.get(name, (None, None))
        if own is not None and last is not None:
            if word.size and (word.price, word.size) == (last.price, last.size):
                return
            del self._resting[name]
            self.ahead[name] = own.place.ahead
            self.exchange.owns.remove(own)
        remaining = word.size - self._lots[name]
        if word.size and remaining > 0:
            self._join(word, remaining)

    def _join(self, word: Word, remaining: int) -> None:
        self._serial += 1
        order = Order(
            venue="tape", symbol="", client_id=word.client_id, strategy="", side=word.side, price=word.price,
            size=remaining, lifetime=Lifetime.POST_ONLY, reduce_only=False, state=OrderState.OPEN,
            created_ns=self._serial, changed_ns=word.time_ns,
        )  # fmt: skip
        own = Own(order, QueueState(0.0, 0.0, remaining))
        if self.exchange.join(own):
            self.exchange.owns.append(own)
            self._resting[word.client_id] = own, word
        else:
            self.refused.add(word.client_id)

    def _filled(self, now_ns: int, own: Own, lots: int) -> None:
        order = own.known
        self._lots[order.client_id] += lots
        self.fills.append(OrderFill(now_ns, order.client_id, order.side, order.price, lots))


def cut(tape: Tape, from_ns: int, to_ns: int) -> Tape:
    """The tape from one time to another, both included, begun with the book as it was.

    Raises
    ------
    TapeError
        If there was no book yet, or nothing happens in between.
    """
    columns = tape.columns
    begin, end = np.searchsorted(columns.time_ns, [from_ns, to_ns + 1])
    if begin == end:
        raise TapeError(f"the tape holds no event from {from_ns} to {to_ns} ns: it is of another time")
    levels: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for price, lots, kind in zip(
        columns.price[:begin].tolist(),
        columns.lots[:begin].tolist(),
        columns.kind[:begin].tolist(),
        strict=True,
    ):
        if kind in (BID, ASK):
            levels[kind][price] = lots
    book = [(price, lots, kind) for kind in (BID, ASK) for price, lots in levels[kind].items() if lots]
    if begin and not book:
        raise TapeError(f"the tape has no book at {from_ns} ns")
    table = np.array(book, dtype=np.int64).reshape(len(book), 3)
    return Tape(
        as_columns(
            np.concatenate([np.full(len(book), from_ns), columns.time_ns[begin:end]]),
            np.concatenate([np.zeros(len(book), dtype=np.int64), columns.delay_ns[begin:end]]),
            np.concatenate([table[:, 0], columns.price[begin:end]]),
            np.concatenate([table[:, 1], columns.lots[begin:end]]),
            np.concatenate([table[:, 2], columns.kind[begin:end]]),
        ),
        tape.tick_size,
        tape.lot_size,
    )
