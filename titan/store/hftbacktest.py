"""Tapes in hftbacktest's format (2.4): one array of events, saved as ``.npz`` under the key ``data``.

Each event may be valid at the exchange at `exch_ts`, with the local side at `local_ts`, or both, as its flags say; the
events of either side must be in order of that side's time. A row whose two orders disagree is therefore split in two,
one event for each side, as that library's own ``correct_event_order`` does. Where the recorder's clock ran behind, all
local times are moved so that the fastest message took `base_latency_ns`.

======== =======================================
tape     event
======== =======================================
DEPTH    depth, px and qty of a level
SNAPSHOT depth snapshot
CLEAR    depth clear, of both sides
TRADE    trade, buy or sell by the aggressor
TOP      best bid or offer, only if asked for
======== =======================================
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from titan.store import tape as t

DEPTH_EVENT, TRADE_EVENT, DEPTH_CLEAR_EVENT, DEPTH_SNAPSHOT_EVENT, DEPTH_BBO_EVENT = 1, 2, 3, 4, 5
EXCH_EVENT, LOCAL_EVENT, BUY_EVENT, SELL_EVENT = 1 << 31, 1 << 30, 1 << 29, 1 << 28

_KINDS = {
    t.DEPTH: DEPTH_EVENT,
    t.SNAPSHOT: DEPTH_SNAPSHOT_EVENT,
    t.TOP: DEPTH_BBO_EVENT,
    t.TRADE: TRADE_EVENT,
    t.CLEAR: DEPTH_CLEAR_EVENT,
}

EVENT = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ],
    align=True,
)
"""hftbacktest's `event_dtype`."""

Events = npt.NDArray[np.void]


class EventsError(ValueError):
    """Events that hftbacktest would refuse or misread; the message says which."""


def to_events(tape: t.Tape, *, top: bool = False, base_latency_ns: int = 0) -> Events:
    """A tape as hftbacktest's events.

    Parameters
    ----------
    tape : Tape
        The market; px is in quote currency, qty in the venue's quantity unit.
    top : bool
        Whether the venue's own best bid and ask go in as well.
    base_latency_ns : int
        Of the fastest message, where local times must be moved; at least 0.

    Returns
    -------
    ndarray of `EVENT`
        It passes `validate_events`.
    """
    columns = tape.columns
    kind = columns.what & t.KIND
    wanted = (kind != t.TOP) | top
    # A row of no price tells that a known book is empty; only the clear before it says anything here.
    wanted &= (columns.price_ticks > 0) | (kind == t.CLEAR)
    events = np.zeros(int(wanted.sum()), EVENT)
    of = np.zeros(256, np.uint64)
    for ours, theirs in _KINDS.items():
        of[ours] = theirs
    side = np.where(columns.what & t.ASK, np.uint64(SELL_EVENT), np.uint64(BUY_EVENT))
    side[kind == t.CLEAR] = 0
    events["ev"] = (of[kind] | side)[wanted]
    events["exch_ts"] = columns.time_ns[wanted]
    events["local_ts"] = tape.received_ns()[wanted]
    cleared = kind[wanted] == t.CLEAR
    # Divided, not multiplied: 12345 ticks of 0.1 are 1234.5 and not its neighbour.
    events["px"] = _decimal(columns.price_ticks[wanted], tape.instrument.tick_size.as_integer_ratio())
    events["qty"] = np.where(
        cleared, 0.0, _decimal(columns.size_lots[wanted], tape.instrument.lot_size.as_integer_ratio())
    )
    _move_local_times(events, base_latency_ns)
    return _in_order(events)


def _decimal(counts: npt.NDArray[np.integer], step: tuple[int, int]) -> npt.NDArray[np.float64]:
    numerator, denominator = step
    return counts.astype(np.float64) * numerator / denominator


def _move_local_times(events: Events, base_latency_ns: int) -> None:
    latency_ns = events["local_ts"] - events["exch_ts"]
    if len(events) and latency_ns.min() < 0:
        events["local_ts"] += base_latency_ns - latency_ns.min()


def _in_order(events: Events) -> Events:
    """Events in both orders: together where the two agree, split where they do not."""
    by_exchange = np.lexsort((np.arange(len(events)), events["exch_ts"]))
    by_local = np.lexsort((np.arange(len(events)), events["local_ts"]))
    rows, flags = _merge(
        by_exchange.tolist(), by_local.tolist(), events["exch_ts"].tolist(), events["local_ts"].tolist()
    )
    ordered = events[rows]
    ordered["ev"] |= np.asarray(flags, np.uint64)
    return ordered


def _merge(
    by_exchange: list[int], by_local: list[int], exchange_ns: list[int], local_ns: list[int]
) -> tuple[list[int], list[int]]:
    """Walk along both orders at once; rows, and the sides at which each is valid."""
    rows: list[int] = []
    flags: list[int] = []
    count, at_exchange, at_local = len(by_exchange), 0, 0
    while at_exchange < count or at_local < count:
        here = by_exchange[at_exchange] if at_exchange < count else -1
        there = by_local[at_local] if at_local < count else -1
        if here == there:
            rows.append(here)
            flags.append(EXCH_EVENT | LOCAL_EVENT)
            at_exchange += 1
            at_local += 1
        elif there < 0 or (
            here >= 0 and (exchange_ns[here], local_ns[here]) <= (exchange_ns[there], local_ns[there])
        ):
            rows.append(here)
            flags.append(EXCH_EVENT)
            at_exchange += 1
        else:
            rows.append(there)
            flags.append(LOCAL_EVENT)
            at_local += 1
    return rows, flags


def validate_events(events: Events) -> None:
    """Check what hftbacktest asks of its data.

    Raises
    ------
    EventsError
        If the array is of another type, the events of a side are out of its order, one was received before it was
        sent, or one is of no side.
    """
    if events.dtype != EVENT:
        raise EventsError(f"events are {events.dtype}; hftbacktest reads {EVENT}")
    for flag, column, name in ((EXCH_EVENT, "exch_ts", "exchange"), (LOCAL_EVENT, "local_ts", "local")):
        times = events[column][(events["ev"] & np.uint64(flag)) != 0]
        if np.any(np.diff(times) < 0):
            raise EventsError(f"{name} events are out of order; convert the capture again")
    early = np.flatnonzero(events["local_ts"] < events["exch_ts"])
    if len(early):
        raise EventsError(f"event {early[0]} was received before it was sent; correct the local times")
    if np.any((events["ev"] & np.uint64(EXCH_EVENT | LOCAL_EVENT)) == 0):
        raise EventsError("an event is of neither side: nothing would ever see it")


def write_events(path: Path, events: Events) -> None:
    """Validate, and save as hftbacktest loads it; whole or not at all.

    Raises
    ------
    EventsError
        As `validate_events` does, and if the file cannot be written.
    """
    validate_events(events)
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            np.savez_compressed(file, data=events)
        unfinished.replace(path)
    except OSError as error:
        raise EventsError(f"{path}: {error.strerror}; make room, or name another folder") from None
