"""A venue's decimal numbers onto the integer grid of an instrument, fast.

The exact conversion is `Instrument.ticks` (Decimal). Market frames hold dozens of levels, so here the
number arrives as a float and is proven to lie on the grid to within the float's own rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from titan.model.events import Levels
from titan.model.instruments import Instrument

LARGEST_COUNT = 1e14
"""More ticks or lots than this in one number is absurd, and beyond what a float can tell apart."""

ROUNDING = 4.5e-16
"""Bound of the relative error of parsing, inverting the step and multiplying (each half a unit, 1.1e-16)."""


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What typed decoding raises on bytes that are no such message."""


class WireError(ValueError):
    """A message that cannot be trusted; the text says what is wrong with it."""


class Grid:
    """Float to ticks and lots of one instrument."""

    __slots__ = ("_per_lot", "_per_tick", "instrument")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._per_tick = _inverse(instrument.tick_size)
        self._per_lot = _inverse(instrument.lot_size)

    def price(self, price: float) -> int:
        """Ticks of a price above 0; `WireError` if it is none, or off the grid."""
        count = price * self._per_tick
        if not 0.0 < count < LARGEST_COUNT:
            raise WireError(f"price {price} is not a positive number")
        ticks = round(count)
        if abs(count - ticks) > count * ROUNDING:
            raise WireError(f"price {price} is no whole number of ticks of {self.instrument.tick_size}")
        return ticks

    def size(self, size: float) -> int:
        """Lots of a size of 0 or more; `WireError` if it is none, or off the grid."""
        count = size * self._per_lot
        if not 0.0 <= count < LARGEST_COUNT:
            raise WireError(f"size {size} is not a number of 0 or more")
        lots = round(count)
        if abs(count - lots) > count * ROUNDING:
            raise WireError(f"size {size} is no whole number of lots of {self.instrument.lot_size}")
        return lots

    def levels(self, pairs: Sequence[tuple[float, float]]) -> Levels:
        """Whole levels: the checks of `price` and `size` in one loop, because it is the hot one."""
        per_tick, per_lot = self._per_tick, self._per_lot
        found = []
        for price, size in pairs:
            count = price * per_tick
            units = size * per_lot
            if not (0.0 < count < LARGEST_COUNT and 0.0 <= units < LARGEST_COUNT):
                raise WireError(
                    f"level [{price}, {size}] has a price not above 0, or a size below 0, or no number"
                )
            ticks = round(count)
            lots = round(units)
            if abs(count - ticks) > count * ROUNDING or abs(units - lots) > units * ROUNDING:
                raise WireError(
                    f"level [{price}, {size}] lies off the grid of ticks of {self.instrument.tick_size} "
                    f"and lots of {self.instrument.lot_size}: re-read the instrument's terms"
                )
            found.append((ticks, lots))
        return tuple(found)


def _inverse(step: Decimal) -> float:
    numerator, denominator = step.as_integer_ratio()
    return denominator / numerator
