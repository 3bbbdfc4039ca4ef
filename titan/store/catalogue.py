"""The catalogue of recorded data: Parquet files of a tape's columns by venue, symbol and UTC day of receipt.

::

    ROOT/venue=binance/symbol=BTCUSDT/day=2024-08-08/SOURCE.events.parquet
    ROOT/venue=binance/symbol=BTCUSDT/day=2024-08-08/SOURCE.marks.parquet

A file is what one capture or archive, its source, gives to one day. It begins with the whole book, if that is known,
so it stands by itself; writing the same source again replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from titan.model.instruments import Instrument
from titan.store import tape as t
from titan.store.capture_tapes import Part
from titan.store.captures import plain_name
from titan.store.tape_build import join

FORMAT = 1
_META = b"titan"
_EVENTS, _MARKS = ".events.parquet", ".marks.parquet"
_ENCODING = {
    "time_ns": "DELTA_BINARY_PACKED",
    "lag_us": "DELTA_BINARY_PACKED",
    "price_ticks": "BYTE_STREAM_SPLIT",
    "size_lots": "BYTE_STREAM_SPLIT",
}
"""Measured on a day of futures: a third smaller than with dictionaries, and five times as fast to read."""


class CatalogueError(ValueError):
    """A catalogue that cannot be read or written; the message says where, and what to do."""


class _Meta(msgspec.Struct, frozen=True):
    """What a file says of itself."""

    format: int
    source: str
    instrument: Instrument
    kinds: tuple[int, ...]
    first_ns: int
    last_ns: int
    left_out: int
    torn: str


class Entry(NamedTuple):
    """One file of a catalogue.

    Attributes
    ----------
    venue, symbol, day, source : str, str, date, str
        Where it belongs, and what it was made of.
    events : int
        Rows.
    first_ns, last_ns : int
        Receipt times of its first and last row, ns UTC.
    left_out : int
        Depth messages of the source that came while the book was unknown, and so have no rows.
    torn : str
        Where and how the source ended too early; empty if it was whole.
    size_bytes : int
        On disk, marks included.
    path : Path
        The file of events.
    """

    venue: str
    symbol: str
    day: date
    source: str
    events: int
    first_ns: int
    last_ns: int
    left_out: int
    torn: str
    size_bytes: int
    path: Path


def write_part(root: Path, part: Part) -> Path:
    """Write what a source gives to a day; replaces what it gave before, whole or not at all.

    Raises
    ------
    CatalogueError
        If it cannot be written.
    """
    instrument, tape = part.tape.instrument, part.tape
    source = plain_name(part.source)
    folder = (
        root / f"venue={instrument.venue}" / f"symbol={instrument.symbol}" / f"day={part.day.isoformat()}"
    )
    received = tape.received_ns()
    meta = _Meta(
        format=FORMAT,
        source=source,
        instrument=instrument,
        kinds=tuple(np.unique(tape.columns.what & t.KIND).tolist()),
        first_ns=int(received[0]) if len(tape) else 0,
        last_ns=int(received[-1]) if len(tape) else 0,
        left_out=part.left_out,
        torn=part.torn,
    )
    path = folder / f"{source}{_EVENTS}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{source}{_MARKS}", tape.marks, meta, {})
        _write(path, tape.columns, meta, _ENCODING)
    except OSError as error:
        raise CatalogueError(
            f"{folder}: {error.strerror or error}; make room, or name another folder"
        ) from None
    return path


def _write(path: Path, columns: t.Columns | t.MarkColumns, meta: _Meta, encoding: dict[str, str]) -> None:
    table = pa.table(dict(zip(columns._fields, columns, strict=True)))
    table = table.replace_schema_metadata({_META: msgspec.json.encode(meta)})
    unfinished = path.with_suffix(".unfinished")
    parquet.write_table(
        table,
        unfinished,
        compression="zstd",
        use_dictionary=[name for name in columns._fields if encoding and name not in encoding],
        column_encoding=encoding or None,
    )
    unfinished.replace(path)


def entries(root: Path) -> list[Entry]:
    """Every file of a catalogue, by venue, symbol and time; empty where there is none.

    Raises
    ------
    CatalogueError
        For a file that is none of a catalogue.
    """
    found = [_entry(path) for path in root.glob(f"venue=*/symbol=*/day=*/*{_EVENTS}")]
    return sorted(found, key=lambda entry: (entry.venue, entry.symbol, entry.first_ns, entry.source))


def _entry(path: Path) -> Entry:
    meta, rows = _read_meta(path)
    marks = _marks_of(path)
    return Entry(
        venue=meta.instrument.venue,
        symbol=meta.instrument.symbol,
        day=_day(path),
        source=meta.source,
        events=rows,
        first_ns=meta.first_ns,
        last_ns=meta.last_ns,
        left_out=meta.left_out,
        torn=meta.torn,
        size_bytes=path.stat().st_size + (marks.stat().st_size if marks.exists() else 0),
        path=path,
    )


def _day(path: Path) -> date:
    try:
        return date.fromisoformat(path.parent.name.removeprefix("day="))
    except ValueError:
        raise CatalogueError(
            f"{path.parent}: is no day; a catalogue's folders are venue=V/symbol=S/day=YYYY-MM-DD"
        ) from None


def _marks_of(events: Path) -> Path:
    return events.with_name(events.name.removesuffix(_EVENTS) + _MARKS)


def _read_meta(path: Path) -> tuple[_Meta, int]:
    try:
        file = parquet.read_metadata(path)
        meta = msgspec.json.decode((file.metadata or {})[_META], type=_Meta)
    except (pa.ArrowException, OSError, KeyError, msgspec.DecodeError) as error:
        raise CatalogueError(
            f"{path}: no file of a catalogue ({error}); remove it, and convert its capture again"
        ) from None
    if meta.format != FORMAT:
        raise CatalogueError(
            f"{path}: is of format {meta.format}, this version reads {FORMAT}; convert its capture again"
        )
    return meta, file.num_rows


def load(
    root: Path, venue: str, symbol: str, first_day: date | None = None, last_day: date | None = None
) -> t.Tape:
    """One instrument's tape over some days.

    Parameters
    ----------
    root : Path
        The catalogue.
    venue, symbol : str
        The instrument.
    first_day, last_day : date, optional
        UTC days of receipt, both included; all unless given.

    Raises
    ------
    CatalogueError
        If there is nothing of it, or two sources tell the same kind of events of one time.
    TapeError
        If the days count in different ticks or lots.
    """
    chosen = [
        entry
        for entry in entries(root)
        if (entry.venue, entry.symbol) == (venue, symbol)
        and (first_day is None or entry.day >= first_day)
        and (last_day is None or entry.day <= last_day)
    ]
    if not chosen:
        days = f" from {first_day or 'the beginning'} to {last_day or 'the end'}"
        raise CatalogueError(
            f"{root}: holds nothing of {venue} {symbol}{days}; 'titan data ls {root}' shows what it holds"
        )
    parts = [_load_file(entry.path) for entry in chosen]
    tape = join([tape for _, tape in parts])
    if not _overlap([meta for meta, _ in parts], root):
        return tape
    columns = _sorted(tape.columns, tape.received_ns())
    marks = _sorted(tape.marks, t.received_ns(tape.marks.time_ns, tape.marks.lag_us))
    return t.Tape(tape.instrument, t.Columns(*columns), t.MarkColumns(*marks))


def _load_file(path: Path) -> tuple[_Meta, t.Tape]:
    meta, _ = _read_meta(path)
    try:
        events, marks = (parquet.read_table(each, partitioning=None) for each in (path, _marks_of(path)))
    except (pa.ArrowException, OSError) as error:
        raise CatalogueError(f"{path}: cannot be read ({error}); convert its capture again") from None
    columns = t.Columns(*(events[name].to_numpy() for name in t.Columns._fields))
    mark_columns = t.MarkColumns(*(marks[name].to_numpy() for name in t.MarkColumns._fields))
    return meta, t.Tape(meta.instrument, columns, mark_columns)


def _overlap(metas: list[_Meta], root: Path) -> bool:
    """Tell whether parts lie over each other in time; that is only right if they tell of different things."""
    found = False
    for at, earlier in enumerate(metas):
        for later in metas[at + 1 :]:
            if later.first_ns >= earlier.last_ns:
                continue
            found = True
            if set(earlier.kinds) & set(later.kinds):
                raise CatalogueError(
                    f"{root}: {earlier.source} and {later.source} tell the same events of one time; remove the files "
                    "of one of the two"
                )
    return found


def _sorted(columns: Any, received_ns: Any) -> Iterator[Any]:
    order = np.argsort(received_ns, kind="stable")
    return (column[order] for column in columns)
