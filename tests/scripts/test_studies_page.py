"""The page of the studies: complete, current, and its commands are such as titan and papermill take."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scripts import studies_page
from titan import cli
from titan.reports.parameters import day_of
from titan.reports.studies import Study, chosen, list_studies, parse_values

STUDIES = list_studies()
TIMED = {name: way for name, way in studies_page.WAYS.items() if way.at}
STUB = '#!/bin/sh\nprintf \'%s\\n\' "$0" "$@"\n'
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A desk with yesterday's session and captures, and programs that print what they are given."""
    folder = tmp_path_factory.mktemp("desk")
    day = f"{YESTERDAY:%Y%m%d}"
    (folder / "var" / "sessions" / f"{day}T000000Z-0a1b2c").mkdir(parents=True)
    (folder / "var" / "data").mkdir()
    for hour in ("00", "01"):
        (folder / "var" / "data" / f"venue-{day}T{hour}0000Z.capture.gz").touch()
    for program in ("titan", "papermill"):
        (folder / program).write_text(STUB)
        (folder / program).chmod(0o755)
    return {**os.environ, "BIN": str(folder), "DESK": str(folder), "RESEARCH": "research"}


def arguments(line: str, desk: dict[str, str]) -> list[str]:
    """What a program is given by a command line, the program first."""
    done = subprocess.run(["/bin/sh", "-c", line], env=desk, capture_output=True, text=True, check=True)
    program, *given = done.stdout.splitlines()
    return [Path(program).name, *given]


def scheduled(study: Study) -> Iterator[str]:
    """The study's commands as cron and systemd hand them to a shell."""
    section = studies_page.section(study)
    for line in re.findall(r"^\d+ \d+ \* \* \S+ (.+)$", section, re.MULTILINE):
        yield line.replace("\\%", "%")
    for line in re.findall(r"^ExecStart=/bin/sh -c '([^']+)'$", section, re.MULTILINE):
        yield line.replace("%%", "%").replace("$$", "$")


def asked(words: list[str], options: list[Any]) -> tuple[str, dict[str, Any]]:
    """The study that a command runs, and its parameters, as titan or papermill would understand them."""
    if words[0] == "titan":
        assert cli.main(words[1:]) == 0
        option = options.pop()
        if option.name == "daily":
            return "daily_risk", {"date": option.date, "settings": str(option.settings)}
        return option.name, parse_values(chosen(option.name), option.given)
    name = Path(words[1]).stem
    pairs = zip(words[3::3], words[4::3], words[5::3], strict=True)
    given = {key: value for option, key, value in pairs if option == "-p"}
    assert len(given) == len(words[3::3])
    return name, parse_values(chosen(name), [f"{key}={value}" for key, value in given.items()])


def test_every_study_and_parameter_stands_on_the_page_with_its_meaning() -> None:
    page = studies_page.page()
    assert set(studies_page.WAYS) == set(STUDIES)
    for name, study in STUDIES.items():
        assert f"| [`{name}`](#{name}) | {study.claim} |" in page
        assert set(studies_page.comments(study)) == set(study.defaults)
        assert all(studies_page.comments(study).values()), name
        rows = studies_page.parameter_table(study)[2:]
        assert [row.split("`")[1] for row in rows] == list(study.defaults)


def test_units_and_bounds_are_those_of_the_schemas() -> None:
    page = studies_page.page()
    assert "| `latency_ms` | `2.0` | 0 to 10,000 ms | to the exchange, and back |" in page
    assert "| `queue` | `risk_averse` | `risk_averse`, `logarithm`, `square` |" in page
    checked = {name for name, study in STUDIES.items() if studies_page.schema(study)}
    assert set(STUDIES) - checked == {"daily_risk"}
    for name in checked:
        assert set(studies_page.schema(STUDIES[name])) == set(STUDIES[name].defaults)


@pytest.mark.parametrize("name", TIMED)
def test_the_four_lines_of_a_study_ask_the_same(
    name: str, desk: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options: list[Any] = []
    monkeypatch.setattr(cli, "_report", lambda given: options.append(given) or 0)
    found = [asked(arguments(line, desk), options) for line in scheduled(STUDIES[name])]
    assert len(found) == 4
    assert all(study == name and given.keys() == TIMED[name].given.keys() for study, given in found)
    assert all(given == found[0][1] for _, given in found)


def test_yesterday_is_the_day_before(desk: dict[str, str]) -> None:
    def first(name: str) -> list[str]:
        return arguments(next(scheduled(STUDIES[name])), desk)

    assert day_of(first("daily_risk")[first("daily_risk").index("--date") + 1]) == YESTERDAY.date()
    assert f"{YESTERDAY:%Y%m%d}T000000Z-0a1b2c" in " ".join(first("parity"))
    assert " ".join(first("calibration_review")).count(".capture.gz") == 2


def test_cron_and_systemd_run_at_the_same_time() -> None:
    way = studies_page.Way({}, "02:05", "Sun")
    assert studies_page.cron(way, "x %") == "5 2 * * 0 x \\%"
    assert studies_page.systemd(way, "$x %")[0] == "ExecStart=/bin/sh -c 'exec $$x %%'"
    assert studies_page.systemd(way, "x")[1] == "OnCalendar=Sun *-*-* 02:05:00 UTC"
    assert studies_page.systemd(way._replace(day=""), "x")[1] == "OnCalendar=*-*-* 02:05:00 UTC"


def test_the_page_is_current() -> None:
    assert studies_page.main(["--check"]) == 0


def test_a_page_that_is_not_current_is_told_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "studies.md"
    assert studies_page.main(["--check", "--page", str(page)]) == 1
    assert "studies.md is not current; run 'make export'" in capsys.readouterr().err
    assert not page.exists()
    assert studies_page.main(["--page", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == studies_page.page()
