"""Carrying an edit that was made in an exported module back into the cells of its notebook.

nbdev-update writes every cell of every notebook anew, in the exporter's layout. Here a cell is touched only if its
code was edited, so that a notebook keeps its author's layout.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from fastcore.nbio import nb2str
from nbdev.maker import update_import
from nbdev.sync import absolute_import

from scripts.notebooks import NotebookError, load, source_of

MARK = re.compile(r"^# %% (?P<origin>.*)$", re.MULTILINE)
DIRECTIVES = re.compile(r"\A(?:[ \t]*(?:#[ \t]*\|.*)?\n)*")


def cells_of(text: str) -> dict[str, str]:
    """Return cell id -> code of an exported module; what stands before the first cell has the id "".

    The list of public names, which the exporter makes itself, is left out.
    """
    first, *rest = MARK.split(text)
    head = "".join(line for line in first.splitlines(keepends=True) if not line.startswith("# Digest"))
    cells = {"": head.strip("\n")}
    for origin, code in zip(rest[::2], rest[1::2], strict=True):
        if not origin.startswith("auto "):
            cells[origin.rpartition("#")[2]] = code.strip("\n")
    return cells


def with_absolute_imports(code: str, module: Path) -> str:
    """Return ``code`` with the imports that the exporter made relative as the notebook has them."""
    # The exporter's own reverse; it returns nothing where no import is relative.
    changed = update_import(code, ast.parse(code).body, str(module.parent), absolute_import)
    return "".join(changed) if changed else code


def carried_back(notebook: Path, module: Path, exported: str, edited: str) -> str:
    """Return the notebook's text with the edit.

    Parameters
    ----------
    notebook
        The notebook's file.
    module
        The module's path relative to the project, such as titan/market/fair_value.py.
    exported
        What the notebook exports now.
    edited
        The module's text with the edit.

    Raises
    ------
    NotebookError
        If the edit belongs to no cell, or is no Python.
    """
    before, after = cells_of(exported), cells_of(edited)
    if list(before) != list(after) or before[""] != after[""]:
        raise NotebookError(
            f"{module}: the edit is not inside a cell (a '# %%' line or what stands above the first differs); "
            f"make it in {notebook.name}, and 'git restore' the module"
        )
    found = load(notebook)
    for cell in found["cells"]:
        name = cell.get("id", "")
        if name and before.get(name) != after.get(name):
            directives = DIRECTIVES.match(source_of(cell))
            try:
                code = with_absolute_imports(after[name], module)
            except SyntaxError as error:
                raise NotebookError(
                    f"{module}: cell {name} is no Python: {error.msg}; mend it first"
                ) from error
            cell["source"] = (directives[0] if directives else "") + code
    text: str = nb2str(found)
    return text
