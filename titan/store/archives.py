"""Days of a venue's public history archive, as zip files of CSV, to tapes.

Read are Binance's daily files, ``SYMBOL-KIND-YYYY-MM-DD.zip``, of trades, aggTrades and bookTicker, with and without a
heading, in milliseconds and in microseconds. They hold no receipt time: on the tape each event is received as it is
stamped.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from titan.model.events import MarketEvent, TopOfBook, TradePrint
from titan.model.instruments import Instrument
from titan.store.capture_scale import Scale, instrument_on
from titan.store.capture_tapes import Part
from titan.store.captures import CaptureError
from titan.store.tape_build import TapeBuilder
from titan.wire.grid import Grid

_NAME = re.compile(r"(?P<symbol>\w+)-(?P<kind>trades|aggTrades|bookTicker)-(?P<day>\d{4}-\d\d-\d\d)\.zip")
_NS_OF_DIGITS = {13: 1_000_000, 16: 1_000}


class _Layout(NamedTuple):
    """Where the columns of one kind stand; `maker` is -1 where there is no aggressor."""

    prices: tuple[int, ...]
    sizes: tuple[int, ...]
    time: int
    maker: int


_LAYOUTS = {
    "trades": _Layout((1,), (2,), 4, 5),
    "aggTrades": _Layout((1,), (2,), 5, 6),
    "bookTicker": _Layout((1, 3), (2, 4), 5, -1),
}
_TRUTH = {"true": True, "false": False, "True": True, "False": False}


def is_archive(path: Path) -> bool:
    """True for a file that is named like a day of an archive."""
    return _NAME.fullmatch(path.name) is not None


def archive_part(path: Path, venue: str) -> Part:
    """One day of an archive as a part of a catalogue.

    Parameters
    ----------
    path : Path
        ``SYMBOL-KIND-YYYY-MM-DD.zip``.
    venue : str
        Name of the venue.

    Raises
    ------
    CaptureError
        If the file is named otherwise, damaged, or holds a row of another shape.
    TapeError
        For numbers that no tape can hold.

    Notes
    -----
    The grid is inferred from the numbers: ticks and lots are units of the last decimal used.
    """
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise CaptureError(
            f"{path}: is not named SYMBOL-KIND-YYYY-MM-DD.zip, KIND being {', '.join(_LAYOUTS)}"
        )
    layout = _LAYOUTS[named["kind"]]
    instrument = instrument_on(_scale(path, layout), named["symbol"], venue)
    builder = TapeBuilder(instrument)
    grid = Grid(instrument)
    for number, row in _rows(path):
        try:
            builder.add(_event(row, layout, instrument, grid))
        except (IndexError, KeyError, ValueError) as error:
            raise CaptureError(
                f"{path}: row {number} is no {named['kind']} ({error}): {','.join(row)[:80]}; fetch the file again"
            ) from None
    return Part(path, date.fromisoformat(named["day"]), builder.take(), 0, "")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of the archive's one table, without its heading; numbered from 1, the heading counted."""
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = archive.namelist()
            with archive.open(name) as table:
                for number, row in enumerate(
                    csv.reader(io.TextIOWrapper(table, "ascii", newline="")), start=1
                ):
                    if number > 1 or (row and row[0].isdigit()):
                        yield number, row
    except (zipfile.BadZipFile, zlib.error, EOFError, csv.Error, UnicodeDecodeError) as error:
        raise CaptureError(f"{path}: damaged ({error}); fetch it again") from None
    except ValueError:
        raise CaptureError(f"{path}: holds not one table; is this a day of an archive?") from None
    except OSError as error:
        raise CaptureError(f"{path}: cannot be read ({error.strerror}); check the path") from None


def _scale(path: Path, layout: _Layout) -> Scale:
    """Decimals that the prices and sizes use; texts repeat, and are looked at once."""
    prices: set[str] = set()
    sizes: set[str] = set()
    for number, row in _rows(path):
        try:
            prices.update(row[at] for at in layout.prices)
            sizes.update(row[at] for at in layout.sizes)
        except IndexError:
            raise CaptureError(f"{path}: row {number} has {len(row)} columns; fetch the file again") from None
    scale = Scale()
    scale.price, scale.size = _decimals(prices), _decimals(sizes)
    return scale


def _decimals(texts: set[str]) -> int:
    return max((len(text.partition(".")[2].rstrip("0")) for text in texts), default=0)


def _event(row: list[str], layout: _Layout, instrument: Instrument, grid: Grid) -> MarketEvent:
    stamp = row[layout.time]
    time_ns = int(stamp) * _NS_OF_DIGITS[len(stamp)]
    prices, sizes = [row[at] for at in layout.prices], [grid.lots[row[at]] for at in layout.sizes]
    if layout.maker >= 0:
        return TradePrint(
            time_ns=time_ns,
            venue=instrument.venue,
            symbol=instrument.symbol,
            venue_ns=time_ns,
            trade_id=int(row[0]),
            price=grid.ticks[prices[0]],
            size=sizes[0],
            side=-1 if _TRUTH[row[layout.maker]] else 1,
        )
    bid, ask = (
        grid.ticks[price] if size else grid.idle_ticks(price)
        for price, size in zip(prices, sizes, strict=True)
    )
    return TopOfBook(
        time_ns=time_ns,
        venue=instrument.venue,
        symbol=instrument.symbol,
        venue_ns=time_ns,
        update_id=int(row[0]),
        bid=bid,
        bid_size=sizes[0],
        ask=ask,
        ask_size=sizes[1],
    )
