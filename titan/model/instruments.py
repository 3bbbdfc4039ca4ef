"""Instruments, and every conversion between a venue's strings and the integers Titan works in.

Inside Titan a price is an integer number of ticks and a size an integer number of lots. The two conversions live here,
are exact (built from the venue's decimal strings), and are used only by the wire codecs and by the strategy
host.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal, NamedTuple

import msgspec


class InstrumentKey(NamedTuple):
    """The name of an instrument: `venue` is the settings' [venue.NAME], `symbol` the venue's own identifier."""

    venue: str
    symbol: str

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}"


class OffGridError(ValueError):
    """A price or size that is no whole number of ticks or lots, where only those can be."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a contract's terms, as the venue last stated them.

    Parameters
    ----------
    multiplier : Decimal
        What one unit of quantity stands for: base coins (linear) or quote currency (inverse).
    tick_size : Decimal
        Smallest price step, quote currency.
    lot_size : Decimal
        Smallest quantity step, in the venue's quantity unit (coins or contracts).
    min_lots, max_lots, max_market_lots : int
        Bounds of one order; the last one for market orders.
    min_notional : Decimal
        Smallest order value, quote currency (exempt: reduce-only orders).
    band_up, band_down : Decimal
        A limit price must lie within mark * band_down .. mark * band_up.
    status : str
        ``trading``, or the venue's own word for anything else.
    version : int
        Rises by one with each change of terms.
    """

    venue: str
    symbol: str
    base: str
    quote: str
    settle: str
    kind: Literal["linear", "inverse"]
    multiplier: Decimal
    tick_size: Decimal
    lot_size: Decimal
    min_lots: int
    max_lots: int
    max_market_lots: int
    min_notional: Decimal
    band_up: Decimal
    band_down: Decimal
    status: str
    version: int = 1

    @property
    def key(self) -> InstrumentKey:
        """The instrument's name."""
        return InstrumentKey(self.venue, self.symbol)

    @property
    def trading(self) -> bool:
        """True while the venue accepts orders that add risk."""
        return self.status == "trading"

    def same_grid(self, other: Instrument) -> bool:
        """True if ticks and lots of both versions mean the same."""
        return (self.tick_size, self.lot_size, self.multiplier, self.kind) == (
            other.tick_size,
            other.lot_size,
            other.multiplier,
            other.kind,
        )

    # Venue text <-> integers: exact.

    def ticks(self, price: str | Decimal) -> int:
        """Whole ticks of a price; `OffGridError` if it lies between two."""
        return self._whole(price, self.tick_size, "price", "tick")

    def lots(self, size: str | Decimal) -> int:
        """Whole lots of a size; `OffGridError` if it lies between two."""
        return self._whole(size, self.lot_size, "size", "lot")

    def price(self, ticks: int) -> Decimal:
        """Price in quote currency."""
        return ticks * self.tick_size

    def size(self, lots: int) -> Decimal:
        """Size in the venue's quantity unit (coins or contracts)."""
        return lots * self.lot_size

    def price_text(self, ticks: int) -> str:
        """The price as the venue writes it (no exponent)."""
        return f"{self.price(ticks):f}"

    def size_text(self, lots: int) -> str:
        """The size as the venue writes it (no exponent)."""
        return f"{self.size(lots):f}"

    def _whole(self, value: str | Decimal, step: Decimal, what: str, unit: str) -> int:
        count = Decimal(value) / step
        whole = int(count)
        if whole != count:
            raise OffGridError(
                f"{self.key}: {what} {value} is no whole number of {unit}s of {step}; "
                "the instrument's terms may have changed: re-read them"
            )
        return whole

    # The mathematics' floats <-> integers.

    def ticks_below(self, price: float) -> int:
        """The last tick at or below a real-valued price."""
        return self._directed(price, self.tick_size, ROUND_FLOOR, "price")

    def ticks_above(self, price: float) -> int:
        """The first tick at or above a real-valued price."""
        return self._directed(price, self.tick_size, ROUND_CEILING, "price")

    def lots_within(self, coins: float, price: float) -> int:
        """Whole lots of a size in base coins, rounded towards zero; `price` converts inverse contracts."""
        units = (
            coins / float(self.multiplier)
            if self.kind == "linear"
            else coins * price / float(self.multiplier)
        )
        sign = -1 if units < 0 else 1
        return sign * self._directed(abs(units), self.lot_size, ROUND_FLOOR, "size")

    def coins(self, lots: int, price: float) -> float:
        """Base coins behind a number of lots; `price` converts inverse contracts."""
        units = float(lots * self.lot_size)
        return (
            units * float(self.multiplier)
            if self.kind == "linear"
            else units * float(self.multiplier) / price
        )

    def _directed(self, value: float, step: Decimal, rounding: str, what: str) -> int:
        if not math.isfinite(value):
            raise ValueError(
                f"{self.key}: {what} {value} is not a finite number; nothing can be quoted from it"
            )
        # 12 significant digits first: 50000.1 computed as 50000.09999999999 must not lose a tick.
        count = Decimal(f"{value:.12g}") / step
        return int(count.to_integral_value(rounding=rounding))

    # Money, exact.

    def notional(self, price: Decimal, lots: int) -> Decimal:
        """Unsigned value of a size at a price, quote currency (linear) or quote currency of the contracts (inverse)."""
        units = abs(lots) * self.lot_size * self.multiplier
        return units * price if self.kind == "linear" else units
