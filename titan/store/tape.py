"""A tape: one instrument's recorded market as columns, 21 bytes an event, in the order of receipt.

Every row is one change: a price level, one side of the best bid and ask, a trade, or the word that the book is
unknown. Rows that came in one message stand together and the last of them carries `LAST`: between them a book may be
crossed. Depth rows continue each other without a gap: a book is whatever the rows since the last `CLEAR` made of it.

======== ============================================================================================================
what     price_ticks, size_lots
======== ============================================================================================================
DEPTH    the level now holds so many lots, 0 removes it
SNAPSHOT a level of a whole book; the rows follow a `CLEAR` of the same message
TOP      the venue's own best price of that side and its lots; 0 and 0 where the side is empty
TRADE    a public trade; the side is the aggressor's: `ASK` where it sold
CLEAR    every level is void; with `LAST` the book is unknown from here to the next `SNAPSHOT`, and size_lots says why
======== ============================================================================================================
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from titan.model.instruments import Instrument

ASK = 0x01
"""Of the ask side, or sold into the bid; without it of the bid side, or bought from the ask."""

LAST = 0x80
"""The last row of its message."""

DEPTH, SNAPSHOT, TOP, TRADE, CLEAR = 0x02, 0x04, 0x06, 0x08, 0x0A
KIND = 0x7E
"""Mask: ``what & KIND`` is one of the five above."""

KIND_NAMES = {DEPTH: "depth", SNAPSHOT: "snapshot", TOP: "top", TRADE: "trade", CLEAR: "clear"}

DISCONNECTED, LOST_UPDATES, CROSSED, UNREADABLE = 1, 2, 3, 4
REASONS = {
    DISCONNECTED: "disconnected",
    LOST_UPDATES: "updates lost",
    CROSSED: "crossed",
    UNREADABLE: "unreadable frame",
}
"""What `size_lots` of a `CLEAR` with `LAST` stands for."""

NS_PER_LAG = 1_000
"""Unit of `lag_us` in nanoseconds."""

LARGEST_LAG_US = 2**31 - 1
"""Some 35 minutes: a receipt further from the venue's stamp than this is a fault of a clock."""

LARGEST_SMALL_SIZE = 2**31 - 1
"""Up to this many lots a size takes four bytes."""


class TapeError(ValueError):
    """Rows that no tape can hold; the message says which, and what to do."""


class Columns(NamedTuple):
    """The rows, all of one length, ordered by receipt; compiled loops take this tuple as it is.

    Attributes
    ----------
    time_ns : ndarray of int64
        The venue's stamp, ns UTC; the receipt time where the venue gives none. It may step back between kinds.
    lag_us : ndarray of int32
        Receipt time minus `time_ns`, microseconds rounded down; below 0 where the recorder's clock runs behind.
    what : ndarray of uint8
        Kind, `ASK` and `LAST`.
    price_ticks : ndarray of int32
        Price in ticks of the tape's instrument; 0 where there is none.
    size_lots : ndarray of int32, or of int64
        Size in lots; int64 (25 bytes an event) only in a tape that holds a size above `LARGEST_SMALL_SIZE`.
    """

    time_ns: npt.NDArray[np.int64]
    lag_us: npt.NDArray[np.int32]
    what: npt.NDArray[np.uint8]
    price_ticks: npt.NDArray[np.int32]
    size_lots: npt.NDArray[np.int32] | npt.NDArray[np.int64]


class MarkColumns(NamedTuple):
    """Mark prices, ordered by receipt. They may lie off the grid, and are few: some one a second.

    Attributes
    ----------
    time_ns, next_funding_ns : ndarray of int64
        The venue's stamp and the next settlement, ns UTC.
    lag_us : ndarray of int32
        As in `Columns`.
    mark_price, index_price, funding_rate : ndarray of float64
        Quote currency, quote currency, and the rate of one settlement as a fraction.
    """

    time_ns: npt.NDArray[np.int64]
    lag_us: npt.NDArray[np.int32]
    mark_price: npt.NDArray[np.float64]
    index_price: npt.NDArray[np.float64]
    funding_rate: npt.NDArray[np.float64]
    next_funding_ns: npt.NDArray[np.int64]


class Tape(msgspec.Struct, frozen=True):
    """One instrument's recorded market.

    Attributes
    ----------
    instrument : Instrument
        What ticks and lots are counted in.
    columns : Columns
        Book, best bid and ask, and trades.
    marks : MarkColumns
        Mark prices and funding.
    """

    instrument: Instrument
    columns: Columns
    marks: MarkColumns

    def __len__(self) -> int:
        return len(self.columns.time_ns)

    @property
    def memory_bytes(self) -> int:
        """Bytes of all columns, marks included."""
        return sum(column.nbytes for column in (*self.columns, *self.marks))

    @property
    def bytes_per_event(self) -> int:
        """Bytes a row of `columns`: 21, or 25 with sizes of eight bytes."""
        return sum(column.dtype.itemsize for column in self.columns)

    def received_ns(self) -> npt.NDArray[np.int64]:
        """Receipt times, ns UTC on the recorder's clock, exact to a microsecond."""
        return received_ns(self.columns.time_ns, self.columns.lag_us)


def received_ns(time_ns: npt.NDArray[np.int64], lag_us: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Receipt times, ns UTC, of rows with these stamps and lags."""
    return time_ns + lag_us.astype(np.int64) * NS_PER_LAG


def lag_between(time_ns: int, received_ns: int) -> int:
    """The `lag_us` of one row.

    Raises
    ------
    TapeError
        If the two clocks are further apart than a tape can say.
    """
    lag_us = (received_ns - time_ns) // NS_PER_LAG
    if abs(lag_us) > LARGEST_LAG_US:
        raise TapeError(
            f"an event stamped {time_ns} ns was received at {received_ns} ns, {lag_us / 60e6:.0f} minutes apart; "
            "one of the clocks was wrong: correct the receipt times of the capture, or record again"
        )
    return lag_us
