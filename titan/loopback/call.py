"""One REST call after its checks, and the description of an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from titan.loopback import errors
from titan.loopback.desk import Desk
from titan.loopback.params import Params
from titan.model.instruments import Instrument


class Security(Enum):
    """What a call must carry."""

    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


class Call(NamedTuple):
    """A call as its handler gets it: parameters checked, account known (empty on public calls)."""

    desk: Desk
    params: Params
    account: str
    now_ns: int

    def instrument(self) -> Instrument:
        """The listed instrument of the mandatory parameter ``symbol``."""
        return self.listed(self.params.text("symbol"))

    def listed(self, symbol: str) -> Instrument:
        """A listed instrument; -1121 for anything else."""
        found = self.desk.exchange.instruments().get(symbol.upper())
        if found is None:
            raise errors.unknown_symbol()
        return found

    def terms_then(self, symbol: str, time_ns: int) -> Instrument:
        """The terms in whose ticks a record of that moment is written."""
        return self.desk.exchange.terms_at(symbol, time_ns)

    def instruments(self) -> tuple[Instrument, ...]:
        """The instrument of ``symbol``, or all without it."""
        if "symbol" in self.params:
            return (self.instrument(),)
        return tuple(self.desk.exchange.instruments().values())


class Endpoint(NamedTuple):
    """One method and path.

    `weight` is the request weight, from the parameters where it depends on them; `orders` what it counts in
    the order windows of 10 s and of a minute.
    """

    handler: Callable[[Call], object]
    security: Security
    weight: Callable[[Params], int]
    orders: tuple[int, int] = (0, 0)


def flat(weight: int) -> Callable[[Params], int]:
    """A weight that depends on nothing."""
    return lambda params: weight


def by_symbol(with_symbol: int, without: int) -> Callable[[Params], int]:
    """A weight that is higher for all symbols at once."""
    return lambda params: with_symbol if "symbol" in params else without
