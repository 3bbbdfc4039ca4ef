"""A recorded or made market as columns of 21 bytes an event, in the order in which it happened at the exchange."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from titan.backtest.sweep.market import ASK, BID, SELL, Columns

MOST_DELAY_NS = 2**32 - 1
MOST_PLACES = 50_000_000
_FORMAT = "titan sweep tape 1"


class TapeError(ValueError):
    """Columns that are no tape; the message says which event is wrong, and how."""


@dataclass(frozen=True)
class Tape:
    """Events of one linear instrument.

    Parameters
    ----------
    columns : Columns
        Exchange time (ns, never falling), delay to us (ns), price (ticks), size (lots; 0 takes a level away) and kind:
        0 a bid level stated anew, 1 an ask level, 2 a trade whose aggressor bought, 3 one whose aggressor sold.
    tick_size : Decimal
        Quote currency.
    lot_size : Decimal
        Coins.

    Raises
    ------
    TapeError
        If a column is of another length or out of range.
    """

    columns: Columns
    tick_size: Decimal
    lot_size: Decimal

    def __post_init__(self) -> None:
        columns = self.columns
        if len({len(column) for column in columns}) != 1 or not len(columns.time_ns):
            raise TapeError("the columns of a tape must be of one length, 1 or more")
        _refuse("time_ns falls", np.diff(columns.time_ns, prepend=columns.time_ns[0]) < 0)
        _refuse("price is not above 0", columns.price <= 0)
        _refuse("kind is not from 0 to 3", columns.kind > SELL)
        _refuse("a trade has no lots", (columns.lots <= 0) & (columns.kind > ASK))
        _refuse("lots are negative", columns.lots < 0)
        if self.highest - self.lowest >= MOST_PLACES:
            raise TapeError(
                f"prices from {self.lowest} to {self.highest} ticks: more than {MOST_PLACES} places"
            )
        if not (self.tick_size > 0 and self.lot_size > 0):
            raise TapeError(f"tick_size = {self.tick_size}, lot_size = {self.lot_size}: must be > 0")

    def __len__(self) -> int:
        return len(self.columns.time_ns)

    @property
    def bytes_per_event(self) -> float:
        """Memory of the columns over the number of events."""
        return sum(column.nbytes for column in self.columns) / len(self)

    @cached_property
    def lowest(self) -> int:
        """Lowest price, ticks."""
        return int(self.columns.price.min())

    @cached_property
    def highest(self) -> int:
        """Highest price, ticks."""
        return int(self.columns.price.max())

    @property
    def start_ns(self) -> int:
        """Exchange time of the first event."""
        return int(self.columns.time_ns[0])

    @cached_property
    def seen_until_ns(self) -> int:
        """When the last event reaches us, or an earlier one that is longer under way."""
        return int((self.columns.time_ns + self.columns.delay_ns).max())

    def counts(self) -> dict[str, int]:
        """How many events there are of each kind."""
        found = np.bincount(self.columns.kind, minlength=4)
        return {
            "levels": int(found[BID] + found[ASK]),
            "trades": int(found.sum() - found[BID] - found[ASK]),
        }

    def save(self, path: Path) -> None:
        """Write the tape as a .npz file."""
        np.savez(
            path,
            format=_FORMAT,
            grid=np.array([str(self.tick_size), str(self.lot_size)]),
            **self.columns._asdict(),
        )


def load_tape(path: Path) -> Tape:
    """Read a tape that `Tape.save` wrote.

    Raises
    ------
    TapeError
        If the file holds something else.
    """
    with np.load(path) as found:
        if "format" not in found or str(found["format"]) != _FORMAT:
            raise TapeError(f"{path}: is no tape; make one with `capture_tape` or `synthetic_tape`")
        tick, lot = (Decimal(str(text)) for text in found["grid"])
        return Tape(Columns(*(found[name] for name in Columns._fields)), tick, lot)


def as_columns(time_ns: Any, delay_ns: Any, price: Any, lots: Any, kind: Any) -> Columns:
    """Columns in their types; a delay grows where an event would overtake the one before it.

    Raises
    ------
    TapeError
        If an event is on its way for more than 4.29 s, or less than 0.
    """
    times = np.asarray(time_ns, dtype=np.int64)
    seen = np.maximum.accumulate(times + np.asarray(delay_ns, dtype=np.int64))
    delays = seen - times
    _refuse(f"delay_ns is not from 0 to {MOST_DELAY_NS}", (delays < 0) | (delays > MOST_DELAY_NS))
    return Columns(
        times,
        delays.astype(np.uint32),
        np.asarray(price, dtype=np.int32),
        np.asarray(lots, dtype=np.int32),
        np.asarray(kind, dtype=np.uint8),
    )


def _refuse(what: str, wrong: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    if wrong.any():
        raise TapeError(f"event {int(np.argmax(wrong))} of the tape: {what}")
