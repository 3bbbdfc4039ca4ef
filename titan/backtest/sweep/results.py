"""What a sweep found, set by set, in whole numbers and exact money."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

FILL = np.dtype(
    [("time_ns", "i8"), ("side", "i8"), ("price", "i8"), ("lots", "i8"), ("mid", "i8")],
)
"""A fill: exchange time, +1 bought or -1 sold, ticks, lots, and the mid before it in half ticks."""

Integers = npt.NDArray[np.int64]


class Counts(NamedTuple):
    """How many orders a set sent, and what became of them."""

    placed: int
    cancels: int
    accepted: int
    refused: int
    cancelled: int


class Pnl(NamedTuple):
    """Where the money came from, quote currency, exact: `spread + inventory - fees` is `total`."""

    spread: Decimal  # what fills earned against the mid before them
    inventory: Decimal  # what the position earned as the mid moved
    fees: Decimal
    total: Decimal  # cash and the position at the last mid, less fees; summed on its own


@dataclass(frozen=True)
class SetResult:
    """One set's fills, money and path.

    Parameters
    ----------
    how : str
        ``compiled``, or why not: then the same rules ran as plain Python.
    fills : array of `FILL`
        In order of time.
    position, cash : array
        Lots, and ticks times lots, at the exchange, at each point of the sweep's path.
    """

    name: str
    how: str
    fills: npt.NDArray[Any]
    counts: Counts
    pnl: Pnl
    last_position: int
    position: Integers
    cash: Integers

    @property
    def by(self) -> str:
        """``sweep`` if it was simulated in the compiled pass; ``replay`` if by the same rules in plain Python."""
        return "sweep" if self.how == "compiled" else "replay"


@dataclass(frozen=True)
class SweepResult:
    """All sets of a sweep, in the order given.

    Parameters
    ----------
    path_ns, mid : array
        Exchange time of each point of the path, and the mid then in half ticks (0: none yet).
    """

    sets: tuple[SetResult, ...]
    events: int
    path_ns: Integers
    mid: Integers
    tick_size: Decimal
    lot_size: Decimal

    def __getitem__(self, name: str) -> SetResult:
        """The set of this name; KeyError names those there are."""
        for found in self.sets:
            if found.name == name:
                return found
        raise KeyError(
            f"{name}: there is no such set; there are {', '.join(found.name for found in self.sets)}"
        )

    @property
    def digest(self) -> str:
        """A hash of everything found: the same inputs give the same one."""
        found = hashlib.sha256()
        for one in self.sets:
            found.update(repr((one.name, one.how, one.counts, one.pnl, one.last_position)).encode())
            for array in (one.fills, one.position, one.cash):
                found.update(np.ascontiguousarray(array).tobytes())
        found.update(self.path_ns.tobytes() + self.mid.tobytes())
        return found.hexdigest()

    def equity(self, name: str) -> npt.NDArray[np.float64]:
        """A set's cash and position at the mid, before fees, quote currency, along the path; NaN without a mid."""
        one = self[name]
        half_ticks = 2 * one.cash + one.position * self.mid
        unit = float(self.tick_size * self.lot_size / 2)
        return np.where(self.mid > 0, half_ticks * unit, np.nan)

    def frame(self) -> pd.DataFrame:
        """One row a set: money, fills, orders, and how it was computed."""
        import pandas as pd

        rows = [
            {
                "set": one.name,
                **{name: float(value) for name, value in one.pnl._asdict().items()},
                "fills": len(one.fills),
                "bought": int(one.fills["lots"][one.fills["side"] > 0].sum()),
                "sold": int(one.fills["lots"][one.fills["side"] < 0].sum()),
                "last_position": one.last_position,
                **one.counts._asdict(),
                "how": one.how,
            }
            for one in self.sets
        ]
        return pd.DataFrame(rows).set_index("set")

    def _repr_html_(self) -> str:
        html: str = self.frame()._repr_html_()
        return html


def pnl_of(
    spread: int, inventory: int, cash: int, position: int, mid: int, traded: int, unit: Decimal, fee: Decimal
) -> Pnl:
    """Money from whole numbers; `spread`, `inventory` and `mid` are doubled, `unit` is a tick times a lot."""
    fees = fee * traded * unit
    half = unit / 2
    total = (2 * cash + position * mid) * half - fees
    return Pnl(spread * half, inventory * half, fees, total)
