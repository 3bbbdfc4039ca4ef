"""Every notebook under nbs/: its shape, and its own examples run against the module that it exports."""

from __future__ import annotations

import ast
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts.notebooks import load, notebook_paths, source_of
from scripts.run_notebook import EXPORTED, code_cells, exported_cells, run_cell, run_examples

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = notebook_paths(REPOSITORY / "nbs")
RESEARCH = notebook_paths(REPOSITORY / "research")
MOST_CELLS, MOST_EXPORTED_LINES, MOST_CELL_LINES = 44, 220, 33
DATA = REPOSITORY.parent / "shared" / "data"


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_examples_hold(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_examples(REPOSITORY, path, DATA if DATA.is_dir() else None)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook_is_short(path: Path) -> None:
    assert len(load(path)["cells"]) <= MOST_CELLS
    assert sum(len(source.splitlines()) for source in exported_cells(path)) <= MOST_EXPORTED_LINES
    long = [at for at, source in code_cells(path) if len(source.splitlines()) > MOST_CELL_LINES]
    assert long == [], f"cells of more than {MOST_CELL_LINES} lines"


@pytest.mark.parametrize("path", [*NOTEBOOKS, *RESEARCH], ids=name_of)
def test_notebook_begins_with_title_and_claim(path: Path) -> None:
    first = load(path)["cells"][0]
    assert first["cell_type"] == "markdown"
    assert re.match(r"# \S.*\n+> \S", source_of(first)), (
        "the first cell is '# Title' and '> one-sentence claim'"
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook_has_a_lowercase_noun_for_a_name(path: Path) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*", path.stem)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_exports_use_no_star_import_no_patch_and_no_name_twice(path: Path) -> None:
    names: Counter[str] = Counter()
    for _, source in code_cells(path):
        assert not re.search(r"^\s*from \S+ import \*", source, re.MULTILINE), "star import"
        assert not re.search(r"^@patch", source, re.MULTILINE), "@patch"
    for source in exported_cells(path):
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names[node.name] += 1
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("path", [*NOTEBOOKS, *RESEARCH], ids=name_of)
def test_notebook_has_no_outputs(path: Path) -> None:
    cells = [cell for cell in load(path)["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)


@pytest.mark.timeout(300)  # it may be the first to compile its sweep
def test_quick_start_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY / "research")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    namespace: dict[str, Any] = {}
    for at, source in code_cells(REPOSITORY / "research" / "quick_start.ipynb"):
        run_cell(source, f"<quick_start, cell {at}>", namespace)
    assert namespace["settings"].live.mode == "loopback"
    assert set(namespace["swept"].frame["how"]) == {"compiled"}
    assert namespace["own"].fills["strategy"].unique().tolist() == ["leaning"]


def test_a_failing_example_shows_its_line() -> None:
    with pytest.raises(AssertionError) as caught:
        run_cell("x = 1\nassert x == 2", "<example, cell 3>", {})
    assert str(caught.traceback[-1].statement) == "assert x == 2"


def test_await_at_the_top_level_of_a_cell() -> None:
    namespace: dict[str, Any] = {}
    run_cell("import asyncio\nx = await asyncio.sleep(0, 5)", "<example>", namespace)
    assert namespace["x"] == 5


def test_a_cell_is_compiled_as_a_kernel_does() -> None:
    namespace: dict[str, Any] = {}
    run_cell("def half(number: float): return number / 2", "<example>", namespace)
    assert namespace["half"].__annotations__ == {"number": float}


def names_used(node: ast.AST) -> set[str]:
    """Return the names that are read, without those that are its own: arguments, and what it assigns."""
    names = [found for found in ast.walk(node) if isinstance(found, ast.Name)]
    own = {found.arg for found in ast.walk(node) if isinstance(found, ast.arg)}
    own |= {found.id for found in names if isinstance(found.ctx, ast.Store)}
    return {found.id for found in names if isinstance(found.ctx, ast.Load)} - own


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_helper_stands_before_the_first_example_that_needs_it(path: Path) -> None:
    """Examples run on the whole module here; a reader's kernel knows only the cells above."""
    needs: dict[str, set[str]] = {}
    for source in exported_cells(path):
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                needs[node.name] = names_used(node)
    known: set[str] = set()
    for at, source in code_cells(path):
        tree = ast.parse(source)
        if EXPORTED.search(source):
            known |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            continue
        wanted = names_used(tree) & set(needs)
        while more := {name for one in wanted for name in needs[one] & set(needs)} - wanted:
            wanted |= more
        assert wanted <= known, f"cell {at} needs {sorted(wanted - known)}, which only a later cell defines"
