"""``titan trace``: why a fill happened."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from titan.live.errors import UsageError
from titan.model.events import Fill
from titan.reports.errors import ReportError
from titan.reports.trace import as_builtins, find_fill, lines
from titan.settings import load as load_settings
from titan.store.artefacts import Artefact, ArtefactError, folder_of, read_artefact
from titan.store.framing import JournalError
from titan.store.session import list_sessions


def run(options: argparse.Namespace) -> None:
    """Carry out the command."""
    try:
        found = find_fill(_directories(options), options.fill)
    except (ReportError, JournalError) as error:
        raise UsageError(str(error)) from None
    named = found.decision.artefact if found.decision else ""
    artefact = _artefact(found.fill, named, options) if named else None
    if options.json:
        print(json.dumps(as_builtins(found, artefact)))
    else:
        print("\n".join(lines(found, artefact)))


def _artefact(fill: Fill, name: str, options: argparse.Namespace) -> Artefact | ArtefactError:
    """What the fill's order was quoted by; or why it cannot be read, for the rest of the trace stands without it."""
    folder = folder_of(load_settings(options.settings).project.artefacts, fill.venue, fill.symbol)
    try:
        return read_artefact(folder / f"{name}.json")
    except ArtefactError as error:
        return error


def _directories(options: argparse.Namespace) -> list[Path]:
    """The sessions to look in, the last one first."""
    if options.session and Path(options.session).is_dir():
        return [Path(options.session)]
    journals = load_settings(options.settings).project.journals
    found = [info.directory for info in reversed(list_sessions(journals)) if info.header is not None]
    if options.session:
        found = [directory for directory in found if directory.name == options.session]
    if not found:
        wanted = options.session or "no session"
        raise ReportError(
            f"{wanted}: nothing of it in {journals}; run titan-live first, or name another session"
        )
    return found
