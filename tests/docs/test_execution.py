"""Executing notebooks: what a result depends on, and what no chapter may hold."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from scripts.pages.chapters import ChapterError
from scripts.pages.execution import (
    data_listing,
    execute,
    execute_all,
    kernel_environment,
    key_of,
    mentioned,
    module_file,
    reached,
    refuse_errors,
)
from titan._oracles import Oracle


def notebook_of(*sources: str) -> dict[str, Any]:
    cells = [
        {
            "cell_type": "code",
            "id": f"c{at}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        for at, source in enumerate(sources)
    ]
    kernel = {"display_name": "python3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository of two modules, of which the notebook reaches one through the other, and a lock."""
    texts = {
        "titan/risk/tail.py": "from titan.risk.base import (\n    one,\n)\n",
        "titan/risk/base.py": "one = 1\n",
        "titan/risk/other.py": "two = 2\n",
        "titan/_oracles.py": "",
        "requirements/dev.txt": "numpy==1\n",
        "nbs/risk/tail.ipynb": json.dumps(notebook_of("1 + 1")),
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_mentioned_finds_each_way_to_import() -> None:
    text = "import titan.a.b as m\nfrom titan.c import (\n    d,\n    e,\n)\nfrom titan import f\nprint(titan.g.h)"
    assert mentioned(text) == {
        *("titan", "titan.a.b", "titan.c", "titan.c.d", "titan.c.e", "titan.f", "titan.g.h"),
    }


def test_a_name_leads_to_its_module(house: Path) -> None:
    assert module_file(house, "titan.risk.base.one") == house / "titan" / "risk" / "base.py"
    assert module_file(house, "titan.nothing") is None
    assert [path.stem for path in reached(house, "import titan.risk.tail")] == ["base", "tail"]


@pytest.mark.parametrize(
    "name", ["titan/risk/tail.py", "titan/risk/base.py", "requirements/dev.txt", "titan/_oracles.py"]
)
def test_a_result_is_stale_once_what_it_depends_on_changes(house: Path, name: str) -> None:
    notebook = house / "nbs" / "risk" / "tail.ipynb"
    before = key_of(house, notebook, "no data")
    assert key_of(house, notebook, "no data") == before
    (house / name).write_text("# changed\n", encoding="utf-8")
    assert key_of(house, notebook, "no data") != before


def test_a_result_outlives_a_change_of_what_it_does_not_reach(house: Path) -> None:
    notebook = house / "nbs" / "risk" / "tail.ipynb"
    before = key_of(house, notebook, "no data")
    (house / "titan" / "risk" / "other.py").write_text("two = 3\n", encoding="utf-8")
    assert key_of(house, notebook, "no data") == before
    assert key_of(house, notebook, "data") != before


def test_data_are_listed_by_name_and_size(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(b"12")
    assert data_listing(tmp_path) == "b/c 2"
    assert data_listing(None) == "no data"


def test_a_notebook_is_run_and_kept(house: Path) -> None:
    notebook = notebook_of("from titan._oracles import oracle\noracle('one', 1, 1, 0, 'exact')\n2 + 2")
    (house / "nbs" / "risk" / "tail.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    first = execute_all(house, ["risk/tail"], house / "work", None)
    (kept,) = (house / "work" / "executed").glob("*.json")
    at = kept.stat().st_mtime_ns
    (house / "work" / "executed" / "old.json").write_text("{}", encoding="utf-8")
    second = execute_all(house, ["risk/tail"], house / "work", None)
    assert first == second
    assert first["risk/tail"].oracles == [Oracle("one", 1.0, 1.0, 0.0, "exact")]
    (cell,) = first["risk/tail"].notebook["cells"]
    assert cell["outputs"][0]["data"]["text/plain"] == "4"
    assert [path.stat().st_mtime_ns for path in (house / "work" / "executed").glob("*.json")] == [at]


def test_a_notebook_that_fails_is_named(house: Path) -> None:
    (house / "nbs" / "risk" / "tail.ipynb").write_text(
        json.dumps(notebook_of("assert 1 == 2")), encoding="utf-8"
    )
    with pytest.raises(ChapterError, match=r"(?s)risk/tail: .*assert 1 == 2"):
        execute_all(house, ["risk/tail"], house / "work", None)


def test_a_warning_is_no_part_of_a_chapter(tmp_path: Path) -> None:
    run = execute(
        "a/b",
        notebook_of("import sys", "print('oh', file=sys.stderr)"),
        kernel_environment(tmp_path, None),
        tmp_path,
    )
    with pytest.raises(ChapterError, match="a/b, cell 1 wrote to stderr: oh"):
        asyncio.run(run)
    refuse_errors("a/b", [{"outputs": [{"name": "stdout", "text": "1"}]}, {}])


def test_the_kernel_is_told_where_the_data_lie(tmp_path: Path) -> None:
    assert kernel_environment(tmp_path, tmp_path / "data")["TITAN_DATA"] == str(tmp_path / "data")
