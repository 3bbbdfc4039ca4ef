"""What a desk earned while nobody watched: from a predecessor's last mids to the opening of the session after it.

It is in no session's P&L, but a loss is a loss: the risk state counts it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from titan.evaluation.pnl import ZERO, Kind, gain
from titan.model.instruments import InstrumentKey


class Between(msgspec.Struct):
    """The mids that a predecessor left, by instrument, and what was earned since, by asset."""

    mids: dict[str, Decimal] = {}
    earned: dict[str, Decimal] = {}

    def add(self, asset: str, amount: Decimal) -> None:
        """A fee (negative) or a funding payment that was booked before the opening."""
        self.earned[asset] = self.earned.get(asset, ZERO) + amount

    def move(self, key: InstrumentKey, asset: str, kind: Kind, quantity: Decimal, mid: Decimal) -> None:
        """What is held when the session opens has moved from the mid that was left to this one."""
        left = self.mids.get(str(key))
        if left is not None:
            self.add(asset, gain(kind, quantity, left, mid))

    def trade(self, key: InstrumentKey, asset: str, kind: Kind, quantity: Decimal, price: Decimal) -> None:
        """A signed quantity was traded: against the mid that was left it has earned this at once."""
        self.add(asset, gain(kind, quantity, price, self.mids[str(key)]))

    def total(self, conversion: Callable[[str], Decimal | None]) -> Decimal | None:
        """All of it in the reporting currency; None if a price for it is missing."""
        total = ZERO
        for asset, amount in self.earned.items():
            rate = conversion(asset)
            if rate is None:
                return None
            total += amount * rate
        return total
