"""Captures as pandas frames, for a notebook: `titan.load_capture`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from titan.store import tape as t
from titan.store.capture_tapes import Part, parts_of
from titan.store.captures import CaptureError, captures_in
from titan.store.tape_build import join

_NONE = np.int8(0)


class CaptureFrames(NamedTuple):
    """What a capture holds, ordered by receipt.

    In each frame `symbol` is a category, `time` the venue's stamp and `received` the recorder's, both UTC (`received`
    exact to a microsecond); prices are in quote currency, sizes in the venue's quantity unit (coins, or contracts).

    Attributes
    ----------
    trades : DataFrame
        price, size, side (+1 the aggressor bought, -1 it sold).
    top : DataFrame
        bid, bid_size, ask, ask_size: the venue's own best prices; NaN where a side is empty.
    depth : DataFrame
        kind (``depth``: a level's new size, 0 removes it; ``snapshot``: a level of the whole book; ``clear``: every
        level is void), side (+1 bids, -1 asks, 0 both), price, size, last (the last row of its message), reason (why a
        ``clear`` that ends its message left the book unknown; empty otherwise).
    marks : DataFrame
        mark_price, index_price, funding_rate (a fraction, of one settlement), next_funding (UTC).
    notes : tuple of str
        Files that end too early, and how many depth messages came while a book was unknown, so have no rows.
    """

    trades: pd.DataFrame
    top: pd.DataFrame
    depth: pd.DataFrame
    marks: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def memory_bytes(self) -> int:
        """Bytes of all four frames."""
        return sum(int(frame.memory_usage(deep=True).sum()) for frame in self[:4])


def load_capture(
    path: str | Path | Iterable[str | Path], venue: str = "capture", snapshot: str | Path | None = None
) -> CaptureFrames:
    """Read captures into pandas frames.

    Parameters
    ----------
    path : str, Path or several of them
        A capture, a folder of captures as `titan record` writes it, or several of either.
    venue : str
        Name of the venue, where the capture does not carry the instruments' terms.
    snapshot : str or Path, optional
        A depth snapshot, for a capture that begins without one.

    Returns
    -------
    CaptureFrames
        Trades, top of book, depth and marks of all symbols.

    Raises
    ------
    CaptureError
        If a file is damaged or no capture. One that merely ends too early is read up to its last whole line.
    TapeError
        For numbers that no tape can hold.
    """
    given = [path] if isinstance(path, str | Path) else list(path)
    captures = captures_in([Path(each) for each in given])
    parts = list(parts_of(captures, venue, None if snapshot is None else Path(snapshot)))
    tapes: dict[str, list[t.Tape]] = {}
    for part in parts:
        tapes.setdefault(part.tape.instrument.symbol, []).append(part.tape)
    if not tapes:
        raise CaptureError(f"{', '.join(map(str, given))}: holds no market event; was anything recorded?")
    return frames_of([join(found) for found in tapes.values()], _notes(parts))


def _notes(parts: Sequence[Part]) -> tuple[str, ...]:
    torn = {f"{part.source}: torn, {part.torn}": None for part in parts if part.torn}
    left_out = [
        f"{part.source}: {part.left_out} depth messages of {part.tape.instrument.symbol} came while its book was "
        "unknown"
        for part in parts
        if part.left_out
    ]
    return (*torn, *left_out)


def frames_of(tapes: Sequence[t.Tape], notes: tuple[str, ...] = ()) -> CaptureFrames:
    """Tapes as pandas frames; see `CaptureFrames` for columns and units."""
    made = [(_trades(tape), _top(tape), _depth(tape), _marks(tape)) for tape in tapes]
    trades, top, depth, marks = (_one(frames) for frames in zip(*made, strict=True))
    return CaptureFrames(trades, top, depth, marks, notes)


def _one(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames of several symbols as one, ordered by receipt."""
    symbols = pd.CategoricalDtype(
        sorted(str(symbol) for frame in frames for symbol in frame["symbol"].cat.categories)
    )
    whole = pd.concat([frame.astype({"symbol": symbols}) for frame in frames], ignore_index=True)
    return whole if len(frames) == 1 else whole.sort_values("received", kind="stable", ignore_index=True)


def _times(tape: t.Tape, chosen: Any, columns: t.Columns | t.MarkColumns) -> dict[str, Any]:
    time_ns, lag_us = columns.time_ns[chosen], columns.lag_us[chosen]
    symbol = tape.instrument.symbol
    return {
        "symbol": pd.Categorical.from_codes(np.zeros(len(time_ns), np.int8), [symbol]),
        "time": pd.to_datetime(time_ns, unit="ns", utc=True),
        "received": pd.to_datetime(t.received_ns(time_ns, lag_us), unit="ns", utc=True),
    }


def _price(tape: t.Tape, chosen: Any) -> Any:
    numerator, denominator = tape.instrument.tick_size.as_integer_ratio()
    return tape.columns.price_ticks[chosen].astype(np.float64) * numerator / denominator


def _size(tape: t.Tape, chosen: Any) -> Any:
    numerator, denominator = tape.instrument.lot_size.as_integer_ratio()
    return tape.columns.size_lots[chosen].astype(np.float64) * numerator / denominator


def _sides(what: Any) -> Any:
    return np.where(what & t.ASK, np.int8(-1), np.int8(1))


def _trades(tape: t.Tape) -> pd.DataFrame:
    what = tape.columns.what
    chosen = np.flatnonzero((what & t.KIND) == t.TRADE)
    return pd.DataFrame(
        {
            **_times(tape, chosen, tape.columns),
            "price": _price(tape, chosen),
            "size": _size(tape, chosen),
            "side": _sides(what[chosen]),
        }
    )


def _top(tape: t.Tape) -> pd.DataFrame:
    """A message tells the bid, then the ask."""
    bids = np.flatnonzero((tape.columns.what & (t.KIND | t.ASK)) == t.TOP)
    columns = _times(tape, bids, tape.columns)
    for name, chosen in (("bid", bids), ("ask", bids + 1)):
        price, size = _price(tape, chosen), _size(tape, chosen)
        columns[name] = np.where(size > 0, price, np.nan)
        columns[f"{name}_size"] = np.where(size > 0, size, np.nan)
    return pd.DataFrame(columns)


def _depth(tape: t.Tape) -> pd.DataFrame:
    kinds = tape.columns.what & t.KIND
    chosen = np.flatnonzero((kinds == t.DEPTH) | (kinds == t.SNAPSHOT) | (kinds == t.CLEAR))
    what, kind = tape.columns.what[chosen], kinds[chosen]
    cleared = kind == t.CLEAR
    names = [t.KIND_NAMES[each] for each in (t.DEPTH, t.SNAPSHOT, t.CLEAR)]
    reasons = ["", *t.REASONS.values()]
    why = np.where(cleared & ((what & t.LAST) != 0), tape.columns.size_lots[chosen], 0)
    return pd.DataFrame(
        {
            **_times(tape, chosen, tape.columns),
            "kind": pd.Categorical.from_codes(
                np.select([kind == t.DEPTH, kind == t.SNAPSHOT], [0, 1], 2).astype(np.int8), names
            ),
            "side": np.where(cleared, _NONE, _sides(what)),
            "price": np.where(cleared, np.nan, _price(tape, chosen)),
            "size": np.where(cleared, np.nan, _size(tape, chosen)),
            "last": (what & t.LAST) != 0,
            "reason": pd.Categorical.from_codes(why.astype(np.int8), reasons),
        }
    )


def _marks(tape: t.Tape) -> pd.DataFrame:
    marks = tape.marks
    return pd.DataFrame(
        {
            **_times(tape, slice(None), marks),
            "mark_price": marks.mark_price,
            "index_price": marks.index_price,
            "funding_rate": marks.funding_rate,
            "next_funding": pd.to_datetime(marks.next_funding_ns, unit="ns", utc=True),
        }
    )
