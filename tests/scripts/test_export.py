"""The notebook export on a small project of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.export import digest_of, is_hand_edited, main, same_code, with_digest

DOUBLE = "#| export\ndef double(x):\n    return 2*x"
PYPROJECT = """
[project]
name = "small"
version = "0"
[tool.nbdev]
lib_path = "titan"
nbs_path = "nbs"
put_version_in_init = false
update_pyproject = false
[tool.ruff.lint.isort]
known-first-party = ["titan"]
"""


def write_notebook(project: Path, name: str, *code: str, default_exp: str | None = None) -> Path:
    """Write nbs/NAME.ipynb with one title cell, a default_exp cell and the given code cells."""
    sources = ["# Title\n> A claim.", f"#| default_exp {default_exp or name.replace('/', '.')}", *code]
    cells = [
        {"cell_type": "markdown" if number == 0 else "code", "id": f"{name[-4:]}{number:04d}", "metadata": {}}
        | {"source": source.splitlines(keepends=True)}
        | ({} if number == 0 else {"execution_count": None, "outputs": []})
        for number, source in enumerate(sources)
    ]
    path = project / "nbs" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (tmp_path / "titan" / "market").mkdir(parents=True)
    (tmp_path / "titan" / "__init__.py").touch()
    (tmp_path / "titan" / "market" / "__init__.py").touch()
    write_notebook(tmp_path, "market/demo", DOUBLE, "assert double(2) == 4")
    return tmp_path


def export(project: Path, *arguments: str) -> int:
    return main(["--root", str(project), *arguments])


def tree(project: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(project.rglob("*")) if path.is_file()}


def test_export_writes_a_formatted_module_and_is_then_current(project: Path) -> None:
    assert export(project) == 0
    text = (project / "titan/market/demo.py").read_text()
    assert "return 2 * x" in text
    assert "File to edit: ../../nbs/market/demo.ipynb." in text
    assert not is_hand_edited(text)
    before = tree(project)
    stamp = (project / "titan/market/demo.py").stat().st_mtime_ns
    assert export(project, "--check") == 0
    assert export(project) == 0
    assert tree(project) == before
    assert (project / "titan/market/demo.py").stat().st_mtime_ns == stamp


def test_check_lists_the_drift_and_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(project)
    write_notebook(project, "market/demo", "#| export\ndef double(x):\n    return x + x")
    before = tree(project)
    assert export(project, "--check") == 1
    assert "titan/market/demo.py: differs from its notebook" in capsys.readouterr().out
    assert tree(project) == before


def test_orphan_is_removed(project: Path) -> None:
    export(project)
    (project / "nbs/market/demo.ipynb").unlink()
    assert export(project, "--check") == 1
    assert export(project) == 0
    assert not (project / "titan/market/demo.py").exists()
    assert not (project / "titan/_modidx.py").exists()


def test_hand_edit_is_refused_until_the_notebook_carries_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(project)
    module = project / "titan/market/demo.py"
    module.write_text(module.read_text().replace("2 * x", "3 * x"))
    before = tree(project)
    assert export(project) == 1
    said = capsys.readouterr().err
    assert "titan/market/demo.py" in said
    assert "nbdev-update" in said
    assert tree(project) == before
    write_notebook(project, "market/demo", DOUBLE.replace("2", "3"), "assert double(2) == 4")
    assert export(project) == 0
    assert not is_hand_edited(module.read_text())


def test_hand_edited_orphan_is_refused(project: Path) -> None:
    export(project)
    module = project / "titan/market/demo.py"
    module.write_text(module.read_text() + "extra = 1\n")
    (project / "nbs/market/demo.ipynb").unlink()
    assert export(project) == 1
    assert module.exists()


def test_two_notebooks_with_one_default_exp_are_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(project, "market/other", "#| export\ndef f():\n    return 1", default_exp="market.demo")
    assert export(project) == 1
    assert "nbs/market/other.ipynb" in capsys.readouterr().err


def test_notebook_that_exports_nothing_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebook(project, "market/empty", "x = 1")
    assert export(project) == 1
    assert "nothing is exported by nbs/market/empty.ipynb" in capsys.readouterr().err


def test_imports_in_two_neighbouring_cells_are_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(
        project, "market/demo", "#| export\nimport sys", "#| export\nimport math\nx = math.pi, sys.path"
    )
    assert export(project) == 1
    assert "put them into one cell" in capsys.readouterr().err


def test_outputs_are_reported_and_cleared(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(project)
    path = project / "nbs/market/demo.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][-1]["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["4"]}]
    notebook["cells"][-1]["execution_count"] = 7
    path.write_text(json.dumps(notebook))
    assert export(project, "--check") == 1
    assert "nbs/market/demo.ipynb: carries outputs" in capsys.readouterr().out
    assert export(project) == 0
    cell = json.loads(path.read_text())["cells"][-1]
    assert cell["outputs"] == []
    assert cell["execution_count"] is None


def test_digest_covers_every_line_but_its_own() -> None:
    text = with_digest("# AUTOGENERATED! DO NOT EDIT! File to edit: a.ipynb.\nx = 1\n")
    assert not is_hand_edited(text)
    assert is_hand_edited(text.replace("x = 1", "x = 2"))
    assert is_hand_edited("x = 1\n")
    assert digest_of(text) == digest_of(with_digest(text).replace("\r", ""))
    assert same_code(text, text.replace("x = 1", "\nx = 1"))
