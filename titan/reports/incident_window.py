"""Which part of a session an incident is: between two times, or around an execution or an order."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from titan.engine.configuration import KernelConfig
from titan.model import events as e
from titan.model.contract import Range
from titan.reports.errors import ParameterProblem, ReportError
from titan.reports.parameters import journals_folder, session_directory
from titan.reports.session_tables import time_text
from titan.reports.studies import Text
from titan.store.journal import SessionReader
from titan.store.replay import session_events
from titan.store.session import last_begun


class Asked(NamedTuple):
    """What an incident is asked by."""

    session: Annotated[str, Text("a session's name or directory; empty takes the one last begun")] = ""
    begin: Annotated[str, Text("UTC, HH:MM:SS or YYYY-MM-DDTHH:MM:SS, with decimals if wanted")] = ""
    end: Annotated[str, Text("UTC, as begin")] = ""
    around: Annotated[str, Text("a trade id or an order's client id, instead of begin and end")] = ""
    margin_s: Annotated[float, Range(0.0, 3_600.0, "s", "shown before and after what `around` names")] = 2.0
    tests: Annotated[str, Text("folder into which a regression test is written; empty writes none")] = ""
    journals: Annotated[str, Text("folder of the sessions; empty takes the one of the settings")] = ""
    settings: Annotated[str, Text("settings file; empty takes the nearest settings.ini")] = ""


class Window(NamedTuple):
    """A part of a session, session clock ns, both ends included."""

    directory: Path
    begin_ns: int
    end_ns: int


def find_window(asked: Asked) -> Window:
    """The part of a session that is asked for.

    Raises
    ------
    ReportError
        If it is not clear which, or the session holds nothing of it.
    JournalError
        If the session cannot be read.
    """
    timed = bool(asked.begin or asked.end)
    if timed == bool(asked.around):
        raise ReportError("say when: either begin and end, or around = a trade id or an order's client id")
    reader = SessionReader(_directory(asked))
    span, named = _span(reader, asked.around)
    if timed:
        begin_ns = _moment("begin", asked.begin, span[0]) if asked.begin else span[0]
        end_ns = _moment("end", asked.end, span[0]) if asked.end else span[1]
    elif named is None:
        raise ReportError(
            f"around = {asked.around}: session {reader.header.session} knows no such trade or order; give the venue's "
            "trade id or the order's client id, as the daily report lists them"
        )
    else:
        margin_ns = round(asked.margin_s * 1e9)
        begin_ns, end_ns = named[0] - margin_ns, named[1] + margin_ns
    if begin_ns > end_ns or begin_ns > span[1] or end_ns < span[0]:
        raise ReportError(
            f"session {reader.header.session} holds nothing from {time_text(begin_ns)} to {time_text(end_ns)}: it ran "
            f"from {time_text(span[0])} to {time_text(span[1])} UTC"
        )
    return Window(reader.directory, max(begin_ns, span[0]), min(end_ns, span[1]))


def _directory(asked: Asked) -> Path:
    if asked.session:
        return session_directory(asked.session, "session", asked.journals, asked.settings)
    folder = journals_folder(asked.journals, asked.settings)
    last = last_begun(folder)
    if last is None:
        raise ReportError(f"no session in {folder}; run titan-live first, or name the folder of its journals")
    return last.directory


def _span(reader: SessionReader, name: str) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """When the session ran; and when the execution was, or the order lived, that `name` names."""
    config = msgspec.msgpack.decode(reader.header.config, type=KernelConfig)
    begun_ns = now_ns = 0
    found: list[int] = []
    for _, event in session_events(reader, config):
        now_ns = max(event.time_ns, now_ns)
        begun_ns = begun_ns or now_ns
        # A list of executions repeats what the stream told; it counts where it is the first word.
        if name and (name in _names(event) or (not found and name in _listed(event))):
            found.append(now_ns)
    if not begun_ns:
        raise ReportError(f"session {reader.header.session} holds no input: nothing happened in it")
    return (begun_ns, now_ns), (found[0], found[-1]) if found else None


def _names(event: object) -> set[str]:
    """The trade and the order that an input is about."""
    if isinstance(event, e.Fill):
        return {event.trade_id, event.client_id}
    if isinstance(event, e.OrderUpdate | e.CommandOutcome | e.OrderAbsent):
        return {event.client_id}
    return set()


def _listed(event: object) -> set[str]:
    """The trades and orders of a list of executions."""
    fills = event.fills if isinstance(event, e.FillsQueried) else ()
    return {name for fill in fills for name in (fill.trade_id, fill.client_id)}


def _moment(name: str, text: str, started_ns: int) -> int:
    """A moment in ns; a time without a day is the first such one since the session's first second."""
    started = datetime.fromtimestamp(started_ns // 1_000_000_000, UTC)
    bare = re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", text) is not None
    try:
        given = datetime.fromisoformat(f"{started:%Y-%m-%d}T{text:0>5}" if bare else text)
    except ValueError:
        raise ParameterProblem(
            f"parameter {name} = {text!r} is no time; write HH:MM:SS or YYYY-MM-DDTHH:MM:SS, UTC"
        ) from None
    moment = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    if bare and moment < started:
        moment += timedelta(days=1)
    whole = moment - datetime.fromtimestamp(0, UTC)
    return (whole.days * 86_400 + whole.seconds) * 1_000_000_000 + whole.microseconds * 1_000
