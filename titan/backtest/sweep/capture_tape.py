"""A tape from a raw capture: the book from its first synchronised moment on, and the trades.

Events stand at the exchange's transaction time. The recorder's clock is none of the exchange's: the least delays seen
give its offset and drift, and what a message took beyond the least is its delay here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from titan.backtest.sweep.market import ASK, BID, BUY, SELL
from titan.backtest.sweep.tape import Tape, TapeError, as_columns
from titan.loopback.capture_reader import CaptureLine, CaptureReader, Pairs, RawDepth, RawSnapshot, RawTrade
from titan.model.instruments import Instrument
from titan.simulation.latency import clock_line, feed_latency
from titan.store.capture_scale import infer_instruments

_NS_PER_MS = 1_000_000


class _Event(NamedTuple):
    exchange_ns: int
    received_ns: int
    price: int
    lots: int
    kind: int


def capture_tape(path: Path, symbol: str = "", least_delay_ns: int = 0) -> Tape:
    """Read a USD-M capture with depth diffs, an inline snapshot and trades.

    Parameters
    ----------
    symbol : str
        Which one; the only one if not given.
    least_delay_ns : int
        What the quickest message took, which no recording tells.

    Raises
    ------
    TapeError
        If the capture is damaged, holds a gap, has no synchronised book, or is of an inverse contract.
    """
    if least_delay_ns < 0:
        raise ValueError(f"least_delay_ns = {least_delay_ns}: must be >= 0")
    instrument = _instrument(path, symbol)
    reader = CaptureReader(path)
    events = list(_events(reader.lines(), instrument, path))
    if reader.damage:
        raise TapeError(f"{path}: {reader.damage}; cut the capture there, or copy it anew")
    if not events:
        raise TapeError(
            f"{path}: {instrument.symbol} never has a whole book; record diffs and a snapshot together"
        )
    table = np.array(events, dtype=np.int64)
    table = table[np.argsort(table[:, 0], kind="stable")]
    received = np.sort(table[:, 1])  # the line is of clocks, whatever overtook what
    line = clock_line(received, table[np.argsort(table[:, 1], kind="stable"), 0])
    delays = [
        round(feed_latency(line, int(heard), int(stamp), float(least_delay_ns)))
        for stamp, heard in table[:, :2]
    ]
    return Tape(
        as_columns(table[:, 0], np.maximum(delays, least_delay_ns), table[:, 2], table[:, 3], table[:, 4]),
        instrument.tick_size,
        instrument.lot_size * instrument.multiplier,
    )


def _instrument(path: Path, symbol: str) -> Instrument:
    found = infer_instruments([path], "capture")
    if not symbol and len(found) > 1:
        raise TapeError(f"{path}: holds {', '.join(sorted(found))}; name one")
    name = symbol or next(iter(found))
    if name not in found:
        raise TapeError(f"{path}: holds no {name}, but {', '.join(sorted(found))}")
    if found[name].kind != "linear":
        raise TapeError(
            f"{path}: {name} is inverse, and a sweep knows linear contracts only; use titan backtest"
        )
    return found[name]


def _events(lines: Iterator[CaptureLine], instrument: Instrument, path: Path) -> Iterator[_Event]:
    """Events from the first diff that joins the snapshot on, in the order received."""
    held: list[CaptureLine] = []
    last_id = -1
    for line in lines:
        message = line.message
        if isinstance(message, RawSnapshot):
            if last_id >= 0:
                continue
            last_id = message.lastUpdateId
            joining = [
                diff for diff in held if isinstance(diff.message, RawDepth) and diff.message.u >= last_id
            ]
            stamp = message.T or _stamp_of(joining, line)
            yield from _levels(stamp, line.time_ns, message.bids, message.asks, instrument)
            for diff in joining:
                yield from _diff(diff, instrument)
                last_id = _last_id(diff, last_id)
        elif isinstance(message, RawDepth) and message.s == instrument.symbol:
            if last_id < 0:
                held.append(line)
                continue
            if message.u < last_id:
                continue
            if not (message.pu == last_id or message.U <= last_id <= message.u):
                raise TapeError(
                    f"{path}: line {line.number} does not follow update {last_id}; cut the capture there"
                )
            yield from _diff(line, instrument)
            last_id = message.u
        elif isinstance(message, RawTrade) and last_id >= 0 and _counts(message, instrument):
            price, lots = instrument.ticks(message.p), instrument.lots(message.q)
            yield _Event(message.T * _NS_PER_MS, line.time_ns, price, lots, SELL if message.m else BUY)


def _counts(trade: RawTrade, instrument: Instrument) -> bool:
    """Whether a print is of the instrument and of its order book."""
    return trade.s == instrument.symbol and trade.X == "MARKET"


def _last_id(line: CaptureLine, default: int) -> int:
    return line.message.u if isinstance(line.message, RawDepth) else default


def _stamp_of(joining: list[CaptureLine], line: CaptureLine) -> int:
    """The snapshot's time, where it states none: that of the first diff that joins it."""
    first = joining[0].message if joining else None
    if not isinstance(first, RawDepth):
        raise TapeError(f"line {line.number}: the snapshot has no time, and no diff was held that joins it")
    return first.T


def _diff(line: CaptureLine, instrument: Instrument) -> Iterator[_Event]:
    message = line.message
    assert isinstance(message, RawDepth)
    return _levels(message.T, line.time_ns, message.b, message.a, instrument)


def _levels(
    stamp: int, received_ns: int, bids: Pairs, asks: Pairs, instrument: Instrument
) -> Iterator[_Event]:
    for kind, levels in ((BID, bids), (ASK, asks)):
        for price, size in levels:
            yield _Event(
                stamp * _NS_PER_MS, received_ns, instrument.ticks(price), instrument.lots(size), kind
            )
