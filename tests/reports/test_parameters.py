"""Parameters are checked by name, type and range, in one line."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pytest

from titan.reports.errors import ParameterProblem
from titan.reports.parameters import read_parameters

SESSION = "20240101T000000Z-000007"


def test_a_notebooks_globals_are_read(tmp_path: Path) -> None:
    given = {
        "session": SESSION, "date": "", "journals": str(tmp_path), "settings": "", "In": [""], "Out": {},
        "_i1": "x = 1", "math": math, "read_parameters": read_parameters,
    }  # fmt: skip
    assert read_parameters(given) == (tmp_path, SESSION, None)


@pytest.mark.parametrize("written", [20261121, "20261121", "2026-11-21", " 2026-11-21 "])
def test_a_date_may_come_as_the_number_that_papermill_makes_of_it(written: object, tmp_path: Path) -> None:
    assert read_parameters({"date": written, "journals": str(tmp_path)}).day == date(2026, 11, 21)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sesion": SESSION}, "parameter sesion is unknown; did you mean session? Known are session, date"),
        ({"colour": "red"}, "parameter colour is unknown; known are session, date, journals, settings"),
        ({"session": 20240101}, "parameter session = 20240101 is a int; give text"),
        ({"session": "yesterday"}, "'yesterday' is no session's name"),
        ({"date": "2026-02-30"}, "date = '2026-02-30' is no day"),
        ({"date": 20261341}, "date = 20261341 is no day"),
        ({"date": True}, "parameter date = True is a bool"),
        ({"date": 1.5}, "parameter date = 1.5 is a float"),
        ({"date": "2026-11-21", "session": SESSION}, "exclude each other"),
        ({"journals": "/nowhere/at/all"}, "journals folder /nowhere/at/all does not exist"),
        ({"journals": 3}, "parameter journals = 3"),
        ({"settings": "/nowhere/settings.ini"}, "no such settings file; or give parameter journals"),
    ],
)
def test_bad_parameters_are_one_line(given: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterProblem) as caught:
        read_parameters({"journals": str(tmp_path), **given} if "settings" not in given else given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_name_the_journals(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "settings.ini").write_text(
        (repository / "settings.ini").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (tmp_path / "var" / "sessions").mkdir(parents=True)
    found = read_parameters({"settings": str(tmp_path / "settings.ini")})
    assert found.journals == tmp_path / "var" / "sessions"
