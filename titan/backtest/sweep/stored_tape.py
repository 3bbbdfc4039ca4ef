"""A tape for sweeps from a catalogue's: the first whole book on, in the order of the exchange's time."""

from __future__ import annotations

import numpy as np

from titan.backtest.sweep.market import BID, BUY
from titan.backtest.sweep.results import Integers
from titan.backtest.sweep.tape import Tape, TapeError, as_columns
from titan.simulation.latency import clock_line, feed_latency
from titan.store import tape as t


def stored_tape(stored: t.Tape, least_delay_ns: int = 0, *, delayed: bool = True) -> Tape:
    """Turn one stretch of a catalogue's tape without a gap into a tape for sweeps.

    Parameters
    ----------
    least_delay_ns : int
        What the quickest message took, which no recording tells.
    delayed : bool
        Whether an event reaches us by its receipt time; otherwise at once.

    Raises
    ------
    TapeError
        If it holds no whole book, a gap after it, or an inverse contract.
    """
    if least_delay_ns < 0:
        raise ValueError(f"least_delay_ns = {least_delay_ns}: must be >= 0")
    instrument, columns = stored.instrument, stored.columns
    if instrument.kind != "linear":
        raise TapeError(
            f"{instrument.symbol} is inverse, and a sweep knows linear contracts only; use titan backtest"
        )
    kind = columns.what & t.KIND
    books = np.flatnonzero(kind == t.SNAPSHOT)
    if not len(books):
        raise TapeError(f"{instrument.symbol}: no whole book is recorded; record snapshots, too")
    first = int(books[0])
    # A book that is merely told anew, at midnight or by a later snapshot, states its levels again.
    gaps = np.flatnonzero((kind[first:] == t.CLEAR) & ((columns.what[first:] & t.LAST) != 0))
    if len(gaps):
        raise TapeError(
            f"{instrument.symbol}: the book is lost {len(gaps)} times, first at row {first + int(gaps[0])}; "
            "name days without a gap, or use titan backtest"
        )
    rows = first + np.flatnonzero((kind[first:] != t.TOP) & (kind[first:] != t.CLEAR))
    rows = rows[np.argsort(columns.time_ns[rows], kind="stable")]
    stamps, heard = columns.time_ns[rows], stored.received_ns()[rows]
    delays = _delays(heard, stamps, least_delay_ns) if delayed else np.zeros(len(rows), dtype=np.int64)
    sold = (columns.what[rows] & t.ASK) != 0
    kinds = np.where(kind[rows] == t.TRADE, BUY, BID) + sold
    return Tape(
        as_columns(
            stamps,
            delays,
            columns.price_ticks[rows],
            columns.size_lots[rows],
            kinds,
        ),
        instrument.tick_size,
        instrument.lot_size * instrument.multiplier,
    )


def _delays(heard: Integers, stamps: Integers, least_ns: int) -> Integers:
    """What each message took, the recorder's clock brought to the exchange's."""
    order = np.argsort(heard, kind="stable")
    line = clock_line(heard[order], stamps[order])
    delays = [
        round(feed_latency(line, int(received), int(stamp), float(least_ns)))
        for received, stamp in zip(heard, stamps, strict=True)
    ]
    return np.maximum(delays, least_ns)
