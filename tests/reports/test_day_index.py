"""The index of a day's reports: what each says first, and which failed, by what stands in the notebooks themselves."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import nbformat
import pytest

from titan import cli
from titan.reports.day_index import UNFINISHED, Asked, headline, listing, read_index
from titan.reports.errors import ParameterProblem, ReportError
from titan.reports.studies import chosen, run_name

DAY = "2024-01-02T"


def report(
    folder: Path, name: str, *outputs: Any, begun: str = "07:00:00", ended: bool = True, **run: Any
) -> None:
    """An executed notebook as papermill leaves it."""
    book = nbformat.v4.new_notebook()
    begun = begun if "T" in begun else f"{DAY}{begun}"
    book.metadata["papermill"] = {
        "input_path": f"research/{name.partition('-')[0]}.ipynb", "start_time": f"{begun}+00:00",
        "end_time": f"{DAY}08:00:00+00:00" if ended else None, **run,
    }  # fmt: skip
    book.cells = [
        nbformat.v4.new_markdown_cell("An exception was encountered"),
        nbformat.v4.new_markdown_cell("# Weather\n\n> What the days are like."),
        nbformat.v4.new_code_cell("", outputs=list(outputs)),
    ]
    nbformat.write(book, folder / f"{name}.ipynb")
    (folder / f"{name}.html").write_text("<p>a page</p>", encoding="utf-8")


def shown(text: str, **data: str) -> Any:
    return nbformat.v4.new_output("execute_result", {"text/plain": text, **data})


def raised(name: str, text: str) -> Any:
    return nbformat.v4.new_output("error", ename=name, evalue=text, traceback=[])


def test_the_first_sentence_and_the_error_are_told_failed_ones_first(tmp_path: Path) -> None:
    picture = shown("a picture of it", **{"image/png": "AAAA"})
    report(tmp_path, "calm-1", picture, shown("All is calm.\nAnd more."), shown("Later."))
    report(tmp_path, "wild-1", shown("Wild & wet."), raised("IdentityError", "1 is not 2"))
    report(tmp_path, "still-1", ended=False)
    report(tmp_path, "early-1", raised("ParameterProblem", "no such day"))
    report(tmp_path, "said-1", nbformat.v4.new_output("stream", text="\nPrinted.\n"))
    report(tmp_path, "index", shown("2024-01-02"))
    (tmp_path / "said-1.html").unlink()
    found = read_index(Asked(str(tmp_path)))
    assert [(entry.name, entry.sentence, entry.failure) for entry in found.entries] == [
        ("early-1", "What the days are like.", "ParameterProblem: no such day"),
        ("still-1", "What the days are like.", UNFINISHED),
        ("wild-1", "Wild & wet.", "IdentityError: 1 is not 2"),
        ("calm-1", "All is calm.", ""),
        ("said-1", "Printed.", ""),
    ]
    told = headline(found)
    assert told.text == "2024-01-02 (UTC): 5 reports, 3 failed: early-1, still-1, wild-1."
    page = listing(found).html
    assert "Wild &amp; wet." in page
    assert page.count("failed") == 3
    assert re.findall(r'href="([^"]+\.html)"', page) == [
        f"{entry.name}.html" for entry in found.entries if entry.has_page
    ]
    assert "said-1 (no page)" in page
    assert all((tmp_path / link).is_file() for link in re.findall(r'href="([^"]+)"', page))


def test_a_day_is_that_on_which_a_report_was_begun(tmp_path: Path) -> None:
    report(tmp_path, "calm-1", begun="2024-01-01T23:59:59")
    report(tmp_path, "calm-2", begun="00:00:00")
    assert [entry.name for entry in read_index(Asked(str(tmp_path))).entries] == ["calm-2"]
    found = read_index(Asked(str(tmp_path), "20240101"))
    assert (found.day, [entry.name for entry in found.entries]) == (date(2024, 1, 1), ["calm-1"])
    assert headline(found).text == "2024-01-01 (UTC): 1 report, none failed."
    with pytest.raises(ReportError, match="no report of 2024-01-03 in"):
        read_index(Asked(str(tmp_path), "2024-01-03"))
    with pytest.raises(ParameterProblem, match="date = 'soon' is no day"):
        read_index(Asked(str(tmp_path), "soon"))


def test_what_cannot_be_read_is_named_and_what_is_no_report_left_aside(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="does not exist; run a report first"):
        read_index(Asked(str(tmp_path / "absent")))
    (tmp_path / "half.ipynb").write_text('{"cells": [', encoding="utf-8")
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "notes.ipynb")
    with pytest.raises(ReportError, match="no report at all in"):
        read_index(Asked(str(tmp_path)))
    report(tmp_path, "calm-1")
    found = read_index(Asked(str(tmp_path)))
    assert [entry.name for entry in found.entries] == ["calm-1"]
    assert "not listed, cannot be read: half.ipynb: DecodeError" in headline(found).text


def test_the_index_keeps_its_name(tmp_path: Path) -> None:
    study = chosen("index")
    assert run_name(study, {"reports": str(tmp_path)}) == "index"
    assert run_name(study, {"reports": str(tmp_path), "date": "2024-01-02"}) == "index-2024-01-02"


@pytest.mark.timeout(60)
def test_the_study_is_run_by_its_name_on_the_folder_of_the_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report(tmp_path, "wild-1", shown("Wild & wet."), raised("IdentityError", "1 is not 2"))
    assert cli.main(["report", "index", "--out", str(tmp_path)]) == 0
    made = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert made == [tmp_path / "index.ipynb", tmp_path / "index.html"]
    page = made[1].read_text(encoding="utf-8")
    assert '<a href="wild-1.html">wild-1</a>' in page
    assert "IdentityError: 1 is not 2" in page
