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
    assert "--carry-back titan/market/demo.py" in said
    assert tree(project) == before
    write_notebook(project, "market/demo", DOUBLE.replace("2", "3"), "assert double(2) == 4")
    assert export(project) == 0
    assert not is_hand_edited(module.read_text())


def test_an_edit_is_carried_back_into_the_cell_it_was_made_in_and_nowhere_else(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    imports = "#| export\nimport math\n\nfrom titan.market.other import half"
    loose = "#| export\n#| hide_input\ndef quarter(x): return half(  half(x))"
    edited = "#| export\ndef root(x): return math.sqrt( x )"
    other = write_notebook(project, "market/other", "#| export\ndef half(x):\n    return x/2")
    notebook = write_notebook(project, "market/demo", imports, DOUBLE, loose, edited, "assert double(2) == 4")
    assert export(project) == 0
    module = project / "titan/market/demo.py"
    assert "from .other import half" in module.read_text()
    module.write_text(
        module.read_text()
        .replace("math.sqrt(x)", "math.sqrt(abs( x ))")
        .replace("import half", "import half as halve\n\nhalf = halve")
    )
    before = other.read_bytes()
    cells = json.loads(notebook.read_text())["cells"]
    assert export(project, "--carry-back", "titan/market/demo.py") == 0
    assert "nbs/market/demo.ipynb: carries the edit" in capsys.readouterr().out
    assert other.read_bytes() == before
    after = json.loads(notebook.read_text())["cells"]
    changed = [at for at, (old, new) in enumerate(zip(cells, after, strict=True)) if old != new]
    assert changed == [2, 5]
    assert "from titan.market.other import half as halve" in "".join(after[2]["source"])
    assert "".join(after[5]["source"]) == "#| export\ndef root(x):\n    return math.sqrt(abs( x ))"
    assert export(project) == 0
    assert "math.sqrt(abs(x))" in module.read_text()
    assert not is_hand_edited(module.read_text())
    assert export(project, "--check") == 0


def test_an_edit_that_cannot_be_exported_leaves_notebook_and_module_alone(project: Path) -> None:
    write_notebook(project, "market/demo", "#| export\nimport sys\nx = sys.path", "#| export\ny = 1")
    assert export(project) == 0
    module = project / "titan/market/demo.py"
    module.write_text(
        module.read_text().replace("x = sys.path\n", "").replace("y = 1", "import math\n\ny = math.pi")
    )
    before = tree(project)
    assert export(project, "--carry-back", "titan/market/demo.py") == 1
    assert tree(project) == before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"""A claim."""', '"""Another."""', "the edit is not inside a cell"),
        ("# %% ../../nbs", "# %% ../../nbs/x.ipynb #new\nx = 1\n\n# %% ../../nbs", "not inside a cell"),
        ("return 2 * x", "return 2 *", "is no Python"),
    ],
)
def test_an_edit_that_no_cell_can_take_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, expected: str
) -> None:
    export(project)
    module = project / "titan/market/demo.py"
    assert old in module.read_text()
    module.write_text(module.read_text().replace(old, new))
    before = tree(project)
    assert export(project, "--carry-back", "titan/market/demo.py") == 1
    assert expected in capsys.readouterr().err
    assert tree(project) == before


def test_a_module_without_a_notebook_takes_nothing_back(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(project, "--carry-back", "titan/market/__init__.py") == 1
    assert "no notebook exports this module" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["market/helper.py", "risk/deep/_inner.py"])
def test_a_hand_written_module_in_an_exported_room_is_refused_by_name(
    project: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    export(project)
    module = project / "titan" / name
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text("x = 1\n")
    for arguments in (("--check",), ()):
        assert export(project, *arguments) == 1
        assert f"written by hand in an exported room: titan/{name}" in capsys.readouterr().err
    module.unlink()
    (project / "titan" / "live").mkdir()
    (project / "titan" / "live" / "runner.py").write_text("x = 1\n")
    assert export(project, "--check") == 0


def test_another_package_may_hold_modules_of_its_own(project: Path) -> None:
    (project / "pyproject.toml").write_text(PYPROJECT.replace('"titan"', '"desk"'), encoding="utf-8")
    (project / "desk" / "market").mkdir(parents=True)
    (project / "desk" / "market" / "own.py").write_text("x = 1\n")
    assert export(project) == 0


@pytest.mark.parametrize(
    "text", ["{", "<<<<<<< ours\n", "[]", '{"cells": 1}', '{"cells": [{}]}', "{}", "\x80"]
)
@pytest.mark.parametrize("folder", ["nbs/market", "research"])
def test_a_broken_notebook_is_one_line_that_names_the_file(
    project: Path, capsys: pytest.CaptureFixture[str], text: str, folder: str
) -> None:
    path = project / folder / "broken.ipynb"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode("latin-1"))
    assert export(project, "--check") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"export: {path}: is no notebook: ")


def test_the_chapters_of_a_built_site_are_left_alone(project: Path) -> None:
    built = project / "docs" / "_build" / "source" / "chapters" / "demo.ipynb"
    built.parent.mkdir(parents=True)
    built.write_text("{", encoding="utf-8")
    assert export(project) == 0
    assert built.read_text(encoding="utf-8") == "{"


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
