"""One instrument's book as an array of levels over all prices of a tape, with its best prices followed.

Both sides count places away from their far end, so that a higher place is a better price on either side and one
code serves both. Levels are told one at a time, so the two sides may cross for a moment. Then what the newer level
has passed is stale: the other side's best moves beyond it, and its lots stay until the tape states them anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BIDS, ASKS = 0, 1
DISPLAYED, TRADED, OURS, LAST = 0, 1, 2, 3
"""Of a level: lots displayed, lots traded since it was stated, and the links to the first and the last of our live
orders there."""

_COLUMNS = 4  # 16 bytes a level, so that none lies across two lines of the processor's cache


class Book(NamedTuple):
    """Levels (2, places, 4), and of each side the places of its best level (-1: none) and of the worst ever stated."""

    lowest_ticks: int
    highest_ticks: int
    levels: npt.NDArray[np.int32]
    best: npt.NDArray[np.int64]
    worst: npt.NDArray[np.int64]


def empty_book(lowest_ticks: int, highest_ticks: int) -> Book:
    """A book without levels, over an inclusive range of prices."""
    count = highest_ticks - lowest_ticks + 1
    levels = np.zeros((2, count, _COLUMNS), dtype=np.int32)
    return Book(lowest_ticks, highest_ticks, levels, np.array([-1, -1]), np.array([count, count]))


def place_of(book: Book, side: int, price: int) -> int:
    """The place of a price in ticks on one side; outside of the array if it is off the tape's prices."""
    return price - book.lowest_ticks if side == BIDS else book.highest_ticks - price


def put(book: Book, side: int, place: int, lots: int) -> bool:
    """State a level anew, 0 lots: it is gone; whether a best price changed."""
    levels, best = book.levels, book.best
    levels[side, place, DISPLAYED] = lots
    levels[side, place, TRADED] = 0
    book.worst[side] = min(book.worst[side], place)
    if place < best[side]:
        return False
    if lots == 0:
        if place > best[side]:
            return False
        best[side] = next_level(book, side, place)
        return True
    if place == best[side]:
        return False
    best[side] = place
    facing = levels.shape[1] - 1 - place
    if best[1 - side] >= facing:
        best[1 - side] = next_level(book, 1 - side, facing)
    return True


def next_level(book: Book, side: int, place: int) -> int:
    """The best level behind a place, -1 if there is none."""
    levels, worst = book.levels, book.worst[side]
    behind = place - 1
    while behind >= worst and levels[side, behind, DISPLAYED] == 0:
        behind -= 1
    return behind if behind >= worst else -1


def best_bid(book: Book) -> int:
    """Best bid in ticks, 0 if there is none."""
    return book.lowest_ticks + book.best[BIDS] if book.best[BIDS] >= 0 else 0


def best_ask(book: Book) -> int:
    """Best ask in ticks, 0 if there is none."""
    return book.highest_ticks - book.best[ASKS] if book.best[ASKS] >= 0 else 0
