"""From an executed notebook to a chapter: no plumbing, no directives, imports folded, a link to what it exports."""

from __future__ import annotations

import ast
import re
from typing import Any

from scripts.notebooks import source_of
from scripts.pages.chapters import Chapter
from scripts.pages.formulas import stacked

DIRECTIVE = re.compile(r"^#\|[^\n]*\n?", re.MULTILINE)
HIDDEN = re.compile(r"^#\|\s*(?:hide\s*$|default_exp\b)", re.MULTILINE)
EXPORTED = re.compile(r"^#\|\s*export", re.MULTILINE)


def only_imports(source: str) -> bool:
    """Tell whether ``source`` does nothing but import."""
    body = ast.parse(source).body
    return bool(body) and all(isinstance(node, ast.Import | ast.ImportFrom) for node in body)


def cell_tags(source: str, exported: bool) -> list[str]:
    """Return the tags of a shown code cell; the style sheet marks what is exported, imports are folded."""
    tags = ["exported"] if exported else []
    return [*tags, "hide-input"] if exported and only_imports(source) else tags


def shown_cell(cell: dict[str, Any]) -> dict[str, Any] | None:
    """Return a cell as the reader sees it, or None if it is the notebook's own business."""
    source = source_of(cell)
    if cell["cell_type"] != "code":
        return {**cell, "source": stacked(source)}
    if HIDDEN.search(source):
        return None
    code = DIRECTIVE.sub("", source).strip("\n")
    if not code.strip():
        return None
    tags = cell_tags(code, EXPORTED.search(source) is not None)
    return {**cell, "source": code, "metadata": {"tags": tags}, "execution_count": None}


def heading(chapter: Chapter) -> str:
    """Return the chapter's first cell: title, claim, and where its functions are."""
    exported = f"Exports {{py:mod}}`{chapter.module}`. The code that carries a line at its left is the module itself."
    return f"# {chapter.title}\n\n> {chapter.claim}\n\n{exported}\n"


def as_chapter(chapter: Chapter, notebook: dict[str, Any]) -> dict[str, Any]:
    """Return ``notebook`` as the chapter that Sphinx reads; its outputs stay as they are."""
    first, *rest = notebook["cells"]
    cells = [cell for cell in map(shown_cell, rest) if cell is not None]
    return {**notebook, "cells": [{**first, "source": heading(chapter)}, *cells]}
