"""A venue's decimal texts onto the integer grid of an instrument: exact, and remembered, because books repeat them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from titan.model.events import Levels
from titan.model.instruments import Instrument, OffGridError

LARGEST_COUNT = 10**15
"""More ticks or lots than this in one number is absurd."""

REMEMBERED = 1 << 13
"""Texts remembered for each of price and size before all are forgotten and learned again: 3 MB an instrument."""

_PLAIN = re.compile(r"\d{1,24}(?:\.\d{1,24})?", re.ASCII)


class WireError(ValueError):
    """A message that cannot be trusted; the text says what is wrong with it."""


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What typed decoding raises on bytes that are no such message."""


class _Counts(dict[str, int]):
    """Decimal text to whole steps: converted once, then looked up. `WireError` for what is no such number."""

    def __init__(self, convert: Callable[[str | Decimal], int], smallest: int, what: str) -> None:
        super().__init__()
        self._convert = convert
        self._smallest = smallest
        self._what = what

    def __missing__(self, text: str) -> int:
        if not _PLAIN.fullmatch(text):
            raise WireError(f"{self._what} {text[:40]!r} is not a number of 0 or more")
        try:
            count = self._convert(text)
        except OffGridError as error:
            raise WireError(str(error)) from None
        if not self._smallest <= count < LARGEST_COUNT:
            raise WireError(f"{self._what} {text} is out of range: it must be above 0, or 0 for a size")
        if len(self) >= REMEMBERED:
            self.clear()
        self[text] = count
        return count


class Grid:
    """Texts to ticks and lots of one instrument.

    Attributes
    ----------
    ticks : mapping of str to int
        Price text to ticks; `WireError` unless above 0 and on the grid.
    lots : mapping of str to int
        Size text to lots; `WireError` unless 0 or more and on the grid.
    """

    __slots__ = ("lots", "ticks")

    def __init__(self, instrument: Instrument) -> None:
        self.ticks = _Counts(instrument.ticks, 1, "price")
        self.lots = _Counts(instrument.lots, 0, "size")

    def levels(self, pairs: Sequence[tuple[str, str]]) -> Levels:
        """Price and size texts to levels."""
        ticks, lots = self.ticks, self.lots
        return tuple([(ticks[price], lots[size]) for price, size in pairs])

    def idle_ticks(self, price: str) -> int:
        """Ticks of a price at which nothing stands, so that it may be 0."""
        return self.ticks[price] if price.strip("0.") else 0
