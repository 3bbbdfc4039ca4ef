"""Write docs/studies.md from the studies themselves, or check it with ``--check``.

Names, claims, parameters and their meanings are those of the notebooks of research/; units and what is allowed are
those of the schema by which each notebook checks what it was given.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

from scripts.generated_page import page_command
from scripts.notebooks import load, source_of
from scripts.screenshots import SHOTS
from titan.model.contract import Range
from titan.reports.studies import RESEARCH, Study, Text, list_studies

PAGE = Path(__file__).resolve().parents[1] / "docs" / "studies.md"
YESTERDAY = "$(date -u -d yesterday +{})"
COMPACT = YESTERDAY.format("%Y%m%d")


class Way(NamedTuple):
    """How a study is run: with which parameters, and at which time UTC, by its day of the week if not daily.

    Without a time it is run by hand.
    """

    given: dict[str, str]
    at: str = ""
    day: str = ""


WAYS = {
    "backtest_study": Way(
        {"captures": "$DESK/catalogue", "venue": "binance", "symbol": "BTCUSDT"}, "02:00", "Sun"
    ),
    "calibration_review": Way(
        {
            "captures": f'"$(ls $DESK/var/data/*-{COMPACT}T*.capture.gz | paste -sd,)"',
            "artefacts": "$DESK/var/artefacts",
        },
        "00:10",
    ),
    "compare": Way(
        {"first": "20260101T000000Z-0a1b2c", "second": "20260101T000000Z-3d4e5f", "period_s": "60"}
    ),
    "daily_risk": Way(
        {"date": f'"{YESTERDAY.format("%Y-%m-%d")}"', "settings": "$DESK/settings.ini"}, "00:05"
    ),
    "funding_study": Way({"rates": "$DESK/funding"}, "03:00", "Sun"),
    "incident": Way({"session": "20260101T000000Z-0a1b2c", "begin": "12:00:05", "end": "12:00:09"}),
    "index": Way({"reports": "$DESK/var/reports"}, "00:55"),
    "parity": Way({"session": f'"$(ls -d $DESK/var/sessions/{COMPACT}T* | tail -1)"'}, "00:20"),
    "regime_study": Way({"candles": "$DESK/BTCUSDT_4h.parquet"}, "04:00", "Sun"),
    "tail_risk": Way({"prices": "$DESK/prices.csv", "column": "BTC"}, "00:40"),
}
DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")

INTRODUCTION = """# Studies

> Each is a notebook of `research/` that is run with parameters, and leaves a notebook and a page.

`titan report` lists them, and `titan report NAME -p key=value` runs one: its `.ipynb` and its `.html`, which needs no
network and no script, are put into [reports] out, or `--out`. An unknown parameter, or a value out of range, is refused
before anything is read. A study that stops is rendered as far as it came, and the command ends with a number that is
not 0. Without a recording most draw a market from a seed, and say so in their first sentence. {doc}`/desk_reports` says
how to read those about sessions.

`research/quick_start.ipynb` takes no parameters: it is a notebook to read and to change, and begins with `make lab`.
"""
AT_THEIR_TIMES = """## At their times

`titan schedule` runs the daily report, calibration and parity: once for each date, tried again, with an alert
({doc}`/scheduling`). cron and systemd run any study, by `titan report` or by papermill alone. papermill leaves the
notebook and no page, works from any folder, and ends with 1 if a cell raised. Each study below has its lines. They
stand under these, which name the places:

:::{container} lines
```text
# crontab; its times are those of the machine where cron does not know CRON_TZ
CRON_TZ=UTC
BIN=/path/to/venv/bin
RESEARCH=/path/to/titan/research
DESK=/path/to/desk
```
:::

:::{container} lines
```text
# NAME.service, to which ExecStart belongs; in NAME.timer, OnCalendar and Persistent=true stand below [Timer]
[Service]
Type=oneshot
Environment=BIN=/path/to/venv/bin RESEARCH=/path/to/titan/research DESK=/path/to/desk
```
:::
"""


def comments(study: Study) -> dict[str, str]:
    """What the notebook says of each parameter, in the comment beside it."""
    cell = next(
        cell for cell in load(study.path)["cells"] if "parameters" in cell["metadata"].get("tags", [])
    )
    source = source_of(cell)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    by_line = {
        token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT
    }
    assigned = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    return {ast.unparse(node.targets[0]): by_line.get(node.lineno, "") for node in assigned}


def schema(study: Study) -> dict[str, Any]:
    """The annotations of the schema that the notebook reads its parameters by; none if it has a reader of its own."""
    sources = [source_of(cell) for cell in load(study.path)["cells"] if cell["cell_type"] == "code"]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    read = [
        node.args[1]
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "read" and len(node.args) == 2
    ]
    if not read:
        return {}
    module, _, name = ast.unparse(read[0]).partition(".")
    room = next(
        node.module
        for node in nodes
        if isinstance(node, ast.ImportFrom) and module in [alias.name for alias in node.names]
    )
    return get_type_hints(getattr(import_module(f"{room}.{module}"), name), include_extras=True)


def number(value: float) -> str:
    """A bound as one reads it."""
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:g}"


def span(terms: Range) -> str:
    """What a number may be, with its unit."""
    bounds = "a number" if terms.low <= -1e9 else f"{number(terms.low)} to {number(terms.high)}"
    return f"{bounds} {terms.unit}".rstrip()


def allowed(hint: Any) -> str:
    """What a parameter may be, with its unit."""
    if hint is None:
        return "text"
    kind, terms = get_args(hint)[:2]
    if isinstance(terms, Range):
        return span(terms)
    assert isinstance(terms, Text)
    choices = ", ".join(f"`{choice}`" for choice in terms.choices)
    return choices or ("text" if kind is str else kind.__name__)


def parameter_table(study: Study) -> list[str]:
    """The parameters of a study in Markdown."""
    meanings, hints = comments(study), schema(study)
    rows = ["| parameter | default | allowed | meaning |", "| --- | --- | --- | --- |"]
    for name, default in study.defaults.items():
        shown = "" if default == "" else f"`{default}`"
        rows.append(
            f"| `{name}` | {shown} | {allowed(hints.get(name))} | {meanings[name]} |".replace("  ", " ")
        )
    return rows


def by_titan(study: Study, given: dict[str, str]) -> str:
    """The command of a study by titan."""
    if study.name == "daily_risk":
        return f"titan report daily --date {given['date']} --settings {given['settings']}"
    return " ".join(["titan report", study.name, *(f"-p {name}={value}" for name, value in given.items())])


def by_papermill(study: Study, given: dict[str, str]) -> str:
    """The command of a study by papermill alone."""
    words = [f"papermill $RESEARCH/{study.name}.ipynb $DESK/var/reports/{study.name}.ipynb"]
    return " ".join([*words, *(f"-p {name} {value}" for name, value in given.items())])


def placed(command: str, study: Study) -> str:
    """A command as a schedule has it: with its folder, and with the settings that say where the page goes."""
    settings = " --settings $DESK/settings.ini" if command.startswith("titan") else ""
    return f"$BIN/{command}{'' if study.name == 'daily_risk' else settings}"


def cron(way: Way, command: str) -> str:
    """A line of a crontab, in which a percent sign is a new line unless it is escaped."""
    hour, minute = map(int, way.at.split(":"))
    weekday = DAYS.index(way.day) if way.day else "*"
    return f"{minute} {hour} * * {weekday} {command.replace('%', chr(92) + '%')}"


def systemd(way: Way, command: str) -> list[str]:
    """The lines of a service and of its timer; systemd has percent and dollar signs of its own."""
    escaped = command.replace("%", "%%").replace("$", "$$")
    calendar = f"{way.day} *-*-* {way.at}:00 UTC".lstrip()
    return [f"ExecStart=/bin/sh -c 'exec {escaped}'", f"OnCalendar={calendar}"]


def run_lines(study: Study, way: Way) -> list[str]:
    """How a study is run, as code: by hand alone where it has no time."""
    commands = [by_titan(study, way.given), by_papermill(study, way.given)]
    if not way.at:
        words = (
            "It is run when there is a question, so it has no time: by `titan report`, or by papermill alone."
        )
        return [words, "", *block(commands)]
    there = [placed(command, study) for command in commands]
    (titan, timer), (papermill, _) = (systemd(way, each) for each in there)
    crontab = [
        "# crontab, by titan report",
        cron(way, there[0]),
        "# or by papermill alone",
        cron(way, there[1]),
    ]
    service = [
        "# systemd, by titan report",
        titan,
        "# or by papermill alone",
        papermill,
        "# its timer",
        timer,
    ]
    return [*block(crontab), *block(service)]


def block(lines: list[str]) -> list[str]:
    """Lines of code that the site wraps, because they are long and may not be broken."""
    return [":::{container} lines", "```text", *lines, "```", ":::", ""]


def section(study: Study) -> str:
    """One study: its claim, its picture if it has one, its parameters, and how it is run."""
    shot = SHOTS.get(study.name)
    picture = (
        [f"![{study.name}: {shot.shows}](_static/{shot.file(study.name)})", "", f"*{shot.shows}*", ""]
        if shot
        else []
    )
    lines = [
        f"## {study.name}",
        "",
        study.claim,
        "",
        *picture,
        ":::{container} parameters",
        *parameter_table(study),
        ":::",
        "",
    ]
    return "\n".join([*lines, *run_lines(study, WAYS[study.name])])


def contents(studies: dict[str, Study]) -> str:
    """The list of all studies."""
    rows = ["| study | what it says |", "| --- | --- |"]
    rows += [f"| [`{name}`](#{name}) | {study.claim} |" for name, study in studies.items()]
    return "\n".join([*rows, ""])


def page(folder: Path = RESEARCH) -> str:
    """Return the whole page."""
    studies = list_studies(folder)
    pictures = "The pictures are taken anew by `python -m scripts.screenshots`, and `make export` writes this page.\n"
    parts = [INTRODUCTION, contents(studies), pictures, AT_THEIR_TIMES]
    return "\n".join([*parts, *(section(study) for study in studies.values())])


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page, and return the exit code."""
    return page_command(__doc__, page, PAGE, arguments)


if __name__ == "__main__":
    sys.exit(main())
