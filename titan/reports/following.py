"""A live session's journal as it grows, for a notebook: `titan.follow`."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pandas as pd

from titan.engine.configuration import KernelConfig
from titan.model.commands import EndSession
from titan.model.events import InstrumentUpdate
from titan.reports.errors import ReportError
from titan.reports.session_frames import SessionFrames, session_folder
from titan.reports.session_tables import moment
from titan.store.journal import Frame
from titan.store.tail import Entry, SessionTail
from titan.wire.frames import FrameDecoder


class Followed(NamedTuple):
    """One thing that happened in a session.

    Attributes
    ----------
    seq : int
        Number of the input; a command has that of the input that caused it.
    time : Timestamp
        Session clock, UTC.
    kind : str
        The class of `value`: ``Fill``, ``OrderUpdate``, ``PlaceOrder``, ``Notice`` and so on.
    value : event or command
        Of `titan.model.events` or `titan.model.commands`: prices in ticks, sizes in lots, money as Decimal.
    """

    seq: int
    time: pd.Timestamp
    kind: str
    value: Any

    def _repr_html_(self) -> str:
        fields = {name: getattr(self.value, name) for name in self.value.__struct_fields__}
        cells = "".join(
            f"<tr><td>{name}</td><td>{escape(str(each))}</td></tr>" for name, each in fields.items()
        )
        return (
            f"<p>{self.time:%H:%M:%S.%f} <strong>{self.kind}</strong> ({self.seq})</p><table>{cells}</table>"
        )


def follow(
    session: str | Path | SessionFrames = "",
    *,
    kinds: str | tuple[str, ...] = (),
    market: bool = False,
    seconds: float = math.inf,
    quiet_s: float = 60.0,
    look_every_s: float = 0.2,
    journals: str | Path | None = None,
    wait: Callable[[float], object] | None = None,
) -> Iterator[Followed]:
    """Iterate over what happens in a session, from its start on and then as it is written.

    Nothing is locked and nothing is written: the session does not notice. A record that is not whole yet is given once
    it is.

    Parameters
    ----------
    session : str, Path or SessionFrames
        As for `titan.load_session`.
    kinds : str or tuple of str
        Only these classes, such as ``"Fill"``; empty takes all.
    market : bool
        Whether market events are given too; they are most of a session.
    seconds : float
        End after so long.
    quiet_s : float
        End once nothing was written for so long: a session writes several times a second, so it was killed.
    look_every_s : float
        Time between two looks at the files.
    journals : str or Path, optional
        Where a name is looked for; the settings' [project] journals unless given.
    wait : function of float, optional
        Waits for so many seconds; tests put something else here.

    Yields
    ------
    Followed
        Inputs and commands in order, until `EndSession` and what was written with it.

    Raises
    ------
    SessionNotFound
        If it is not there.
    ReportError
        For a time that is not above 0.
    JournalError
        If a file is damaged.
    """
    if not (seconds > 0 and quiet_s > 0 and look_every_s > 0):
        raise ReportError(
            f"seconds = {seconds:g}, quiet_s = {quiet_s:g}, look_every_s = {look_every_s:g}: must be above 0"
        )
    folder = session.directory if isinstance(session, SessionFrames) else session_folder(session, journals)
    chosen = (kinds,) if isinstance(kinds, str) else kinds
    reading = _Reading(SessionTail(folder), market=market)
    return _looks(reading, frozenset(chosen), seconds, quiet_s, look_every_s, wait or threading.Event().wait)


def _looks(
    reading: _Reading,
    kinds: frozenset[str],
    seconds: float,
    quiet_s: float,
    look_every_s: float,
    wait: Callable[[float], object],
) -> Iterator[Followed]:
    began_s = heard_s = time.monotonic()
    while not reading.ended:
        news = reading.look()
        yield from (each for each in news if not kinds or each.kind in kinds)
        now_s = time.monotonic()
        if news:
            heard_s = now_s
        if reading.ended or now_s - began_s >= seconds or now_s - heard_s >= quiet_s:
            return
        # Another process writes, and nothing but its files tells of it: so they are looked at.
        wait(look_every_s)


class _Reading:
    """Turns what is new into what is shown."""

    def __init__(self, tail: SessionTail, *, market: bool) -> None:
        self.ended = False
        self._tail = tail
        self._market = market
        config = msgspec.msgpack.decode(tail.header.config, type=KernelConfig)
        self._decoder = FrameDecoder({venue.name: venue.protocol for venue in config.venues})

    def look(self) -> list[Followed]:
        """Everything since the last look."""
        news = []
        for entry in self._tail.read():
            value = self._value(entry)
            if value is not None:
                news.append(Followed(entry.seq, moment(entry.time_ns), type(value).__name__, value))
            self.ended |= isinstance(value, EndSession)
        return news

    def _value(self, entry: Entry) -> Any:
        if isinstance(entry.value, Frame):
            found = entry.value
            return self._decoder.decode(found.venue, found.payload, found.time_ns) if self._market else None
        if isinstance(entry.value, InstrumentUpdate):
            self._decoder.learn(entry.value.instrument)
        return entry.value
