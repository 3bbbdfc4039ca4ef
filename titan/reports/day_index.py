"""The reports of a day in a folder: what each says first, and whether it failed, by the error that it raised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import msgspec

from titan.reports.errors import ReportError
from titan.reports.figures import LOSS
from titan.reports.parameters import day_of
from titan.reports.screen import Page
from titan.reports.studies import INDEX, Text
from titan.settings import load as load_settings

UNFINISHED = "unfinished: it still runs, or was killed"


class Asked(NamedTuple):
    """What an index is asked for."""

    reports: Annotated[str, Text("folder of the reports; empty takes [reports] out of the settings")] = ""
    date: Annotated[str, Text("the UTC day on which they were run; empty takes the last one")] = ""
    settings: Annotated[str, Text("settings file; empty takes the nearest settings.ini")] = ""


class Entry(NamedTuple):
    """One report: its file's name without the ending, its study, when it was run, and what it says first."""

    name: str
    study: str
    begun: datetime
    sentence: str
    failure: str
    has_page: bool


class DayIndex(NamedTuple):
    """The reports of a day, failed ones first; `unreadable` notebooks of the folder belong to no day."""

    day: date
    entries: list[Entry]
    unreadable: list[str]

    @property
    def failed(self) -> list[Entry]:
        """Those that raised an error, or never came to their end."""
        return [entry for entry in self.entries if entry.failure]


def read_index(asked: Asked) -> DayIndex:
    """Read the day's reports.

    Raises
    ------
    ReportError
        If the folder is not there, or holds none of that day.
    """
    folder = (
        Path(asked.reports).expanduser()
        if asked.reports
        else load_settings(asked.settings or None).reports.out
    ).absolute()
    if not folder.is_dir():
        raise ReportError(
            f"folder {folder} of the reports does not exist; run a report first, or name another one"
        )
    entries: list[Entry] = []
    unreadable: list[str] = []
    for path in sorted(folder.glob("*.ipynb")):
        try:
            entry = _entry(path)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            unreadable.append(f"{path.name}: {type(error).__name__}: {error}")
            continue
        entries += [entry] if entry is not None else []
    wanted = day_of(asked.date) or max((entry.begun.date() for entry in entries), default=None)
    own = [entry for entry in entries if entry.begun.date() == wanted]
    if wanted is None or not own:
        when = f"of {wanted}" if wanted else "at all"
        raise ReportError(
            f"no report {when} in {folder}; run one by 'titan report NAME', or name another folder"
        )
    own.sort(key=lambda entry: (not entry.failure, entry.study, entry.begun))
    return DayIndex(wanted, own, unreadable)


def _entry(path: Path) -> Entry | None:
    """A report that papermill has run; None for an index, and for a notebook that is no report."""
    notebook: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    run: Mapping[str, Any] = notebook["metadata"].get("papermill", {})
    study = Path(str(run.get("input_path", ""))).stem
    if not run.get("start_time") or study == INDEX:
        return None
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    raised = [
        f"{output['ename']}: {output['evalue']}" for output in outputs if output["output_type"] == "error"
    ]
    claim = next(_claims(notebook), "")
    return Entry(
        path.stem,
        study,
        datetime.fromisoformat(run["start_time"]).astimezone(UTC),
        next(_texts(outputs), claim),
        raised[0] if raised else "" if run.get("end_time") else UNFINISHED,
        path.with_suffix(".html").is_file(),
    )


def _claims(notebook: Mapping[str, Any]) -> Iterator[str]:
    """What a study says that it is for; in one that failed, papermill's own word on it stands above."""
    for cell in notebook["cells"]:
        for line in "".join(cell["source"]).splitlines() if cell["cell_type"] == "markdown" else ():
            if line.startswith("> "):
                yield line.removeprefix("> ")


def _texts(outputs: list[dict[str, Any]]) -> Iterator[str]:
    """The first line of each text that was shown; what a picture says for itself is none."""
    for output in outputs:
        data = output.get("data", {})
        text = "".join(
            output.get("text", "") if output["output_type"] == "stream" else data.get("text/plain", "")
        )
        if text.strip() and "image/png" not in data and output.get("name") != "stderr":
            yield text.strip().splitlines()[0]


# ---- As a page -----------------------------------------------------------------------------------------------


def headline(found: DayIndex) -> Page:
    """How many there are, and which failed."""
    count = len(found.entries)
    said = f"{found.day} (UTC): {count} report{'' if count == 1 else 's'}, "
    failed = [entry.name for entry in found.failed]
    said += f"{len(failed)} failed: {', '.join(failed)}." if failed else "none failed."
    colour = f";color:{LOSS}" if failed else ""
    html = [f'<p style="font-size:1.35em;line-height:1.35;margin:0.2em 0 0.5em{colour}">{escape(said)}</p>']
    told = [f"not listed, cannot be read: {each}" for each in found.unreadable]
    html += [f'<p style="color:{LOSS}">{escape(each)}</p>' for each in told]
    return Page("".join(html), "\n".join([said, *told]))


def listing(found: DayIndex) -> Page:
    """One block a report: its link, when it was run, what it says first, and why it failed."""
    html = "".join(_block(entry) for entry in found.entries)
    return Page(
        html, "\n".join(f"{entry.name}: {entry.failure or entry.sentence}" for entry in found.entries)
    )


def _block(entry: Entry) -> str:
    name = escape(entry.name)
    link = f'<a href="{quote(entry.name)}.html">{name}</a>' if entry.has_page else f"{name} (no page)"
    state = f'<strong style="color:{LOSS}">failed</strong>' if entry.failure else "stands"
    why = f'<br><span style="color:{LOSS}">{escape(entry.failure)}</span>' if entry.failure else ""
    return (
        f'<div style="margin:0 0 .9em;border-left:3px solid {LOSS if entry.failure else "#c9ced6"};padding-left:.8em">'
        f"<strong>{link}</strong> &nbsp; {state}, begun {entry.begun:%H:%M:%S} UTC, "
        f'<a href="{quote(entry.name)}.ipynb">notebook</a><br>{escape(entry.sentence)}{why}</div>'
    )
