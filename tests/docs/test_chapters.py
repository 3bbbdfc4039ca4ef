"""The reading order, and notebooks as chapters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.export import EXPORTED_ROOMS
from scripts.pages import chapters as module
from scripts.pages.cells import as_chapter, only_imports, shown_cell
from scripts.pages.chapters import (
    PARTS,
    Chapter,
    ChapterError,
    chapter,
    chapters,
    disagreements,
    reading_order,
)

CHAPTER = Chapter("risk/tail", "titan.risk.tail", "Tail", "How much is lost.")


def code(source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "outputs": [], "source": source, **more}


def write_notebook(root: Path, name: str, first: str) -> None:
    path = root / "nbs" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = {"cell_type": "markdown", "metadata": {}, "source": first}
    path.write_text(
        json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8"
    )


def test_every_notebook_is_a_chapter_and_the_reverse(repository: Path) -> None:
    assert [found.name for found in chapters(repository)] == reading_order()


def test_parts_are_the_exported_rooms_in_their_order() -> None:
    assert tuple(part.room for part in PARTS) == EXPORTED_ROOMS


def test_a_notebook_in_no_part_or_in_two_is_named() -> None:
    assert disagreements(["a/b"], ["a/b"]) == []
    assert disagreements(["a/b", "a/b", "a/gone"], ["a/b", "a/new"]) == [
        "a/new: is in no part; enter it in PARTS",
        "a/gone: there is no such notebook; take it out of PARTS",
        "a/b: is entered twice in PARTS",
    ]


def test_a_new_notebook_is_refused_until_it_is_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PARTS", ())
    write_notebook(tmp_path, "risk/tail", "# Tail\n\n> How much\n> is lost.\n")
    with pytest.raises(ChapterError, match="risk/tail: is in no part"):
        chapters(tmp_path)
    assert chapter(tmp_path, "risk/tail") == CHAPTER._replace(claim="How much is lost.")


def test_a_notebook_without_a_claim_is_refused(tmp_path: Path) -> None:
    write_notebook(tmp_path, "risk/tail", "# Tail\n\nNo claim.")
    with pytest.raises(ChapterError, match="risk/tail: must begin with '# Title'"):
        chapter(tmp_path, "risk/tail")


@pytest.mark.parametrize("source", ["#| default_exp risk.tail", "#| hide\nimport os", "#| export", "  \n"])
def test_plumbing_is_not_shown(source: str) -> None:
    assert shown_cell(code(source)) is None


def test_exported_code_is_marked_and_its_directive_gone() -> None:
    shown = shown_cell(code("#| export\ndef f() -> int:\n    return 1"))
    assert shown is not None
    assert (shown["source"], shown["metadata"]["tags"]) == ("def f() -> int:\n    return 1", ["exported"])


def test_exported_imports_are_folded_and_an_example_is_plain() -> None:
    imports, example = shown_cell(code("#| export\nimport math")), shown_cell(code("#| eval: false\nf()"))
    assert imports is not None
    assert imports["metadata"]["tags"] == ["exported", "hide-input"]
    assert example is not None
    assert (example["source"], example["metadata"]["tags"]) == ("f()", [])


@pytest.mark.parametrize(
    ("source", "expected"), [("import math", True), ("import math\nx = 1", False), ("", False)]
)
def test_only_imports(source: str, expected: bool) -> None:
    assert only_imports(source) is expected


def test_a_chapter_begins_with_its_module_and_keeps_outputs() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "1\n"}
    first = {"cell_type": "markdown", "metadata": {}, "source": "# Tail\n\n> How much is lost."}
    notebook = {"cells": [first, code("#| hide\nx"), code("f()", outputs=[output])], "metadata": {}}
    cells = as_chapter(CHAPTER, notebook)["cells"]
    assert cells[0]["source"].startswith(
        "# Tail\n\n> How much is lost.\n\nExports {py:mod}`titan.risk.tail`."
    )
    assert [cell["source"] for cell in cells[1:]] == ["f()"]
    assert cells[1]["outputs"] == [output]
