"""Studies: what is in a folder, what they may be asked, and what a run leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import nbformat
import pytest

from titan import cli
from titan.model.contract import Range
from titan.reports import command
from titan.reports.errors import ParameterProblem, ReportError
from titan.reports.studies import Study, Text, chosen, list_studies, parse_values, read, run_name

PARAMETERS = 'model = "calm"\ndays = 20\nshare = 0.5\nplain = False'
BODY = """
from typing import Annotated, NamedTuple

from titan.model.contract import Range
from titan.reports.studies import Text, read


class Asked(NamedTuple):
    model: Annotated[str, Text("which model", ("calm", "wild"))] = "calm"
    days: Annotated[int, Range(1, 99, "days", "how many")] = 20
    share: Annotated[float, Range(0.0, 1.0, "", "of them")] = 0.5
    plain: Annotated[bool, Range(0, 1, "", "without a picture")] = False


asked = read(globals(), Asked)
print(f"{asked.days} days of {asked.model}")
if asked.model == "wild":
    raise ValueError("a wild model cannot be carried to its end")
"""


class Asked(NamedTuple):
    model: Annotated[str, Text("which model", ("calm", "wild"))] = "calm"
    days: Annotated[int, Range(1, 99, "days", "how many")] = 20
    share: Annotated[float, Range(0.0, 1.0, "", "of them")] = 0.5
    plain: Annotated[bool, Range(0, 1, "", "without a picture")] = False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One study, and a notebook that is none."""
    book = nbformat.v4.new_notebook()
    book.cells = [
        nbformat.v4.new_markdown_cell("# Weather\n\n> What the days are like."),
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(BODY),
    ]
    nbformat.write(book, tmp_path / "weather.ipynb")
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "notes.ipynb")
    return tmp_path


def test_a_notebook_with_parameters_is_a_study(folder: Path) -> None:
    (weather,) = list_studies(folder).values()
    assert weather == Study(
        "weather",
        folder / "weather.ipynb",
        "What the days are like.",
        {"model": "calm", "days": 20, "share": 0.5, "plain": False},
    )
    assert chosen("weather", folder) == weather
    with pytest.raises(ReportError, match="no study is called whether; did you mean weather"):
        chosen("whether", folder)
    with pytest.raises(ReportError, match="studies are run from a checkout"):
        chosen("weather", folder / "absent")


def test_the_command_lines_values_get_the_types_of_the_defaults(folder: Path) -> None:
    weather = chosen("weather", folder)
    given = parse_values(weather, ["days=7", "share=1", "plain=TRUE", "model=a=b"])
    assert given == {"days": 7, "share": 1.0, "plain": True, "model": "a=b"}
    assert run_name(weather, {}) == run_name(weather, {"days": 20})
    assert run_name(weather, {}) != run_name(weather, {"days": 21})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["days"], "-p days: write -p name=value"),
        (["day=3"], "parameter day is unknown; did you mean days? Known are model, days, share, plain"),
        (["days=3", "days=4"], "parameter days is given twice"),
        (["days=three"], "parameter days = 'three' is no int"),
        (["plain=1"], "parameter plain = '1': must be true or false"),
    ],
)
def test_bad_values_on_the_command_line(given: list[str], message: str, folder: Path) -> None:
    with pytest.raises(ParameterProblem) as caught:
        parse_values(chosen("weather", folder), given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"day": 3}, "parameter day is unknown; did you mean days?"),
        ({"days": 0}, "parameter days = 0: must be between 1 and 99 days"),
        ({"days": 2.5}, "parameter days = 2.5 is a float; give int"),
        ({"days": True}, "parameter days = True is a bool; give int"),
        ({"share": float("nan")}, "parameter share = nan: must be between 0 and 1"),
        ({"plain": 1}, "parameter plain = 1 is a int; give bool"),
        ({"model": "mild"}, "parameter model = 'mild': must be one of calm, wild"),
        ({"model": None}, "parameter model = None is a NoneType; give str"),
    ],
)
def test_bad_values_in_a_notebook(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterProblem) as caught:
        read(given, Asked)
    assert message in str(caught.value)


def test_a_notebooks_globals_are_read() -> None:
    given = {"days": 3, "share": 1, "In": [""], "Out": {}, "_i": "x", "read": read, "Asked": Asked}
    assert read(given, Asked) == Asked("calm", 3, 1.0, False)
    with pytest.raises(TypeError, match="annotate it"):
        read({"days": 3}, NamedTuple("Bare", [("days", int)]))


@pytest.mark.timeout(120)
def test_a_study_is_run_and_a_failed_one_rendered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "chosen", lambda name: chosen(name, folder))
    monkeypatch.setattr(command, "list_studies", lambda: list_studies(folder))
    assert cli.main(["report"]) == 0
    assert "What the days are like." in capsys.readouterr().out
    out = tmp_path / "out"
    assert cli.main(["report", "weather", "-p", "days=7", "--out", str(out)]) == 0
    made = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.suffix for path in made] == [".ipynb", ".html"]
    assert "7 days of calm" in made[1].read_text(encoding="utf-8")
    assert cli.main(["report", "weather", "-p", "model=wild", "--out", str(out)]) == 2
    assert "stopped before its end: ValueError: a wild model" in capsys.readouterr().err
    assert len(list(out.glob("weather-*.html"))) == 2
    assert cli.main(["report", "weather", "--date", "2024-01-01", "--out", str(out)]) == 2
    assert "--session and --date belong to daily" in capsys.readouterr().err
    assert cli.main(["report", "daily", "-p", "date=2024-01-01", "--out", str(out)]) == 2
    assert "not by -p" in capsys.readouterr().err
