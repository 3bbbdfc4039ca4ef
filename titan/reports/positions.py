"""Where each instrument stands after the sessions of a report, how far it went, and how surely its end is known."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from titan.model.instruments import InstrumentKey
from titan.reports.session_tables import SessionResult, narrow
from titan.store.session import SessionInfo

KILLED = "killed or still running"


class Standing(NamedTuple):
    """One instrument of one account over the sessions of a report; quantities in the contract's units.

    `end` is of the last session that read the account, None if none did. `doubt` says why it is only the last
    known one, and is empty if it is sure. `open_orders` of that session were not proven ended.
    """

    name: str
    end: Decimal | None
    least: Decimal
    most: Decimal
    doubt: str
    open_orders: int


def standings(results: Sequence[SessionResult], unreadable: Sequence[SessionInfo] = ()) -> list[Standing]:
    """Every instrument of the sessions, which are in order of time; `unreadable` ones belong to the same report."""
    traded: dict[tuple[str, InstrumentKey], list[SessionResult]] = {}
    for result in results:
        for key in result.recording.markets:
            traded.setdefault((result.recording.header.account, key), []).append(result)
    keys = [key for _, key in traded]
    return [
        _standing(
            str(key) if keys.count(key) == 1 else f"{key} ({account})",
            key,
            own,
            [info for info in unreadable if info.header is None or info.header.account == account],
        )
        for (account, key), own in traded.items()
    ]


def _standing(
    name: str, key: InstrumentKey, own: Sequence[SessionResult], unreadable: Sequence[SessionInfo]
) -> Standing:
    paths = {result.session: path for result in own if (path := held_path(result, key))}
    if not paths:
        return Standing(name, None, Decimal(0), Decimal(0), "never read", open_orders(own[-1], key))
    last = [result for result in own if result.session in paths][-1]
    later = [info.session for info in unreadable if info.session > last.session]
    doubt = doubt_of(last, key)
    if not doubt and last is not own[-1]:
        doubt = "a later session never read the account"
    if not doubt and later:
        doubt = f"{later[-1]} after it cannot be read"
    held = [quantity for path in paths.values() for quantity in path]
    return Standing(name, paths[last.session][-1], min(held), max(held), doubt, open_orders(last, key))


def held_path(result: SessionResult, key: InstrumentKey) -> list[Decimal]:
    """What was held at the opening and after every execution; empty if the account was never read."""
    recording = result.recording
    venue = recording.venues[key.venue]
    if venue.opening is None:
        return []
    path = [venue.held_at_opening.get(key.symbol, Decimal(0))]
    for row in recording.executions:
        if row.key == key:
            path.append(path[-1] + row.side * row.quantity)
    return path


def doubt_of(result: SessionResult, key: InstrumentKey) -> str:
    """Why the position at a session's end is only the last known one; empty if the account was read at a good end."""
    recording = result.recording
    if recording.ended is None:
        return KILLED
    if recording.venues[key.venue].closing is None:
        return "ended without a closing account"
    return "executions after the closing account" if recording.after_closing else ""


def open_orders(result: SessionResult, key: InstrumentKey) -> int:
    """Orders of an instrument that were not proven ended when the session's journal ends."""
    return sum(life.key == key and not life.end for life in result.recording.lives.lives.values())


def position_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """Position at both ends of each session, in the contract's units, and its value at the closing mid.

    `end known` says from what: the closing account, or only the executions until the journal ends. Positions are
    NaN where the account was never read.
    """
    rows = [_position_row(result, key) for result in results for key in result.recording.markets]
    return narrow(pd.DataFrame(rows), results)


def _position_row(result: SessionResult, key: InstrumentKey) -> dict[str, object]:
    market = result.recording.markets[key]
    path = [float(quantity) for quantity in held_path(result, key)]
    linear = market.terms is None or market.terms.kind == "linear"
    unit_value = None if market.mid is None else float(market.mid) if linear else 1.0
    doubt = doubt_of(result, key)
    known = f"last known: {doubt}" if doubt else "closing account"
    return {
        "session": result.session,
        "instrument": str(key),
        "at the start": path[0] if path else float("nan"),
        "at the end": path[-1] if path else float("nan"),
        "end known": known if path else "never read",
        "orders still open": open_orders(result, key),
        "least": min(path, default=float("nan")),
        "most": max(path, default=float("nan")),
        "closing mid": float(market.mid) if market.mid is not None else float("nan"),
        "value at the end": path[-1] * unit_value if path and unit_value is not None else float("nan"),
    }


# ---- In words ------------------------------------------------------------------------------------------------


def left_behind(found: Sequence[Standing]) -> str:
    """How it ended, for the sentence of a report: only what is sure is stated as a fact."""
    sure = [each for each in found if each.end is not None and not each.doubt]
    told = [_ended(sure, everything=len(sure) == len(found))] if sure or not found else []
    for doubt in dict.fromkeys(each.doubt for each in found if each.end is not None and each.doubt):
        own = [each for each in found if each.doubt == doubt]
        held = ", ".join(_held(each) for each in own)
        told.append(f"last known {held} ({doubt}, {_still_open(sum(each.open_orders for each in own))})")
    unread = ", ".join(each.name for each in found if each.end is None)
    return "; ".join([*told, *([f"position of {unread} never read"] if unread else [])])


def _ended(sure: Sequence[Standing], *, everything: bool) -> str:
    held = ", ".join(_held(each) for each in sure if each.end)
    flat = "flat" if everything else f"flat in {', '.join(each.name for each in sure)}"
    count = sum(each.open_orders for each in sure)
    left = f", {_orders(count)} not proven ended" if count else ""
    return f"it ended holding {held}{left}" if held else f"it ended {flat}{left}"


def _held(standing: Standing) -> str:
    end = standing.end or Decimal(0)
    return f"{end.normalize():+f} {standing.name}" if end else f"flat in {standing.name}"


def _orders(count: int) -> str:
    return f"{count or 'no'} order{'' if count in {0, 1} else 's'}"


def _still_open(count: int) -> str:
    return f"{_orders(count)} still open then"


def position_line(standing: Standing) -> str:
    """One instrument for the first screen."""
    name, end, least, most, doubt, count = standing
    if end is None:
        return f"{name}: never read"
    span = f"({float(least):+g} to {float(most):+g})"
    if doubt:
        return f"{name}: last known {float(end):+g} {span}: {doubt}, {_still_open(count)}"
    left = f", {_orders(count)} not proven ended" if count else ""
    return f"{name}: {float(end):+g} at the end {span}{left}"
