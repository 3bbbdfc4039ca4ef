"""A made market: a seeded tape of level updates and trades on a mid that wanders, with a book that holds together."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from titan.backtest.sweep.linking import allocates, link
from titan.backtest.sweep.market import ASK, BID, BUY, SELL
from titan.backtest.sweep.tape import Tape, as_columns

DEPTH = 40
MEAN_GAP_NS = 1_200_000
DELAY_NS = (500_000, 4_000_000)


class Made(NamedTuple):
    """Columns under way."""

    time_ns: npt.NDArray[np.int64]
    delay_ns: npt.NDArray[np.int64]
    price: npt.NDArray[np.int64]
    lots: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int64]


def synthetic_tape(events: int, seed: int = 1, start_ticks: int = 600_000) -> Tape:
    """A tape of so many events at ticks of 0.1 and lots of 0.001 coins; the same seed gives the same tape.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    if events < 1:
        raise ValueError(f"events = {events}: must be >= 1")
    if start_ticks <= 10_000:
        raise ValueError(f"start_ticks = {start_ticks}: must be > 10000")
    columns = Made(*(np.zeros(events, dtype=np.int64) for _ in Made._fields))
    link([make]).make(columns, seed, start_ticks)
    return Tape(as_columns(*columns), Decimal("0.1"), Decimal("0.001"))


def uniform(state: npt.NDArray[np.uint64]) -> float:
    """The next number of a SplitMix64 stream, from 0 to 1."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = state[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return float(mixed >> np.uint64(11)) * 2.0**-53


def below(state: npt.NDArray[np.uint64], most: int) -> int:
    """A whole number from 0 to `most` - 1."""
    return int(uniform(state) * most)


def level_lots(state: npt.NDArray[np.uint64]) -> int:
    """A level's size: mostly small, sometimes large."""
    return 1 + int(40.0 * uniform(state) / (0.05 + uniform(state)))


@allocates
def make(columns: Made, seed: int, start_ticks: int) -> None:
    """Write the events.

    Notes
    -----
    Of the events a tenth are trades at the touch, which take lots of it and then restate it; the rest restate levels,
    nearer ones more often. A touch that is emptied moves the market, and a gap between the sides is soon closed from
    one of them.
    """
    state = np.zeros(1, dtype=np.uint64)
    state[0] = np.uint64(seed)
    bids, asks = np.zeros(DEPTH, dtype=np.int64), np.zeros(DEPTH, dtype=np.int64)
    bid, ask = start_ticks, start_ticks + 1
    now_ns, at, events = 1_700_000_000_000_000_000, 0, len(columns.time_ns)
    while at < events:
        now_ns += int(-np.log(1.0 - uniform(state)) * MEAN_GAP_NS)
        side = 1 if uniform(state) < 0.5 else -1
        lots, touch = (bids, bid) if side > 0 else (asks, ask)
        filled = at < 2 * DEPTH
        chance = uniform(state)
        if not filled and chance < 0.1 and lots[0] > 0:
            size = min(1 + below(state, 12), lots[0])
            at = put(columns, at, now_ns, touch, size, SELL if side > 0 else BUY, state)
            lots[0] -= size
            at = put(columns, at, now_ns, touch, lots[0], BID if side > 0 else ASK, state)
        elif not filled and chance < 0.6 and ask - bid > 1:
            # Someone improves the touch.
            for depth in range(DEPTH - 1, 0, -1):
                lots[depth] = lots[depth - 1]
            lots[0] = level_lots(state)
            bid, ask = (bid + 1, ask) if side > 0 else (bid, ask - 1)
            at = put(columns, at, now_ns, touch + side, lots[0], BID if side > 0 else ASK, state)
        else:
            depth = at // 2 % DEPTH if filled else int(DEPTH * uniform(state) ** 3)
            gone = not filled and uniform(state) < 0.12
            lots[depth] = 0 if gone else level_lots(state)
            at = put(columns, at, now_ns, touch - side * depth, lots[depth], BID if side > 0 else ASK, state)
        while not filled and lots[0] == 0:
            # An emptied touch gives way to the next level.
            for depth in range(DEPTH - 1):
                lots[depth] = lots[depth + 1]
            lots[DEPTH - 1] = 0
            bid, ask = (bid - 1, ask) if side > 0 else (bid, ask + 1)
            if ask - bid > DEPTH:
                lots[0] = level_lots(state)
                at = put(
                    columns, at, now_ns, bid if side > 0 else ask, lots[0], BID if side > 0 else ASK, state
                )


def put(
    columns: Made, at: int, now_ns: int, price: int, lots: int, kind: int, state: npt.NDArray[np.uint64]
) -> int:
    """Write one event, if there is room; where the next one goes."""
    if at < len(columns.time_ns):
        columns.time_ns[at], columns.price[at], columns.lots[at], columns.kind[at] = now_ns, price, lots, kind
        columns.delay_ns[at] = DELAY_NS[0] + below(state, DELAY_NS[1] - DELAY_NS[0])
    return at + 1
