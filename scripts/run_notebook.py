"""Running a notebook's examples: its cells that are not exported, on the module that it exports."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import linecache
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.notebooks import load, source_of

EXPORTED = re.compile(r"^#\|\s*export", re.MULTILINE)
NOT_RUN = re.compile(r"^#\|\s*eval:\s*false", re.MULTILINE)


def code_cells(path: Path) -> list[tuple[int, str]]:
    """Return (position, source) of the code cells."""
    cells: list[dict[str, Any]] = load(path)["cells"]
    return [(at, source_of(cell)) for at, cell in enumerate(cells) if cell["cell_type"] == "code"]


def exported_cells(path: Path) -> list[str]:
    """Return the sources that become the module."""
    return [source for _, source in code_cells(path) if EXPORTED.search(source)]


def run_cell(source: str, name: str, namespace: dict[str, Any]) -> None:
    """Run one cell, with await at its top level, so that a traceback shows its lines."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    # As a kernel does: a cell inherits nothing of this file, whose annotations are texts.
    code = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, namespace))
    else:
        exec(code, namespace)


def run_examples(root: Path, notebook: Path, data: Path | None) -> None:
    """Run the examples of a notebook below ``root``/nbs on the shipped module.

    Parameters
    ----------
    data
        Folder of recorded market data; without it, what needs it is skipped by the notebook.

    Raises
    ------
    AssertionError
        If an example does not hold.
    """
    relative = notebook.relative_to(root / "nbs").with_suffix("")
    module = importlib.import_module(".".join(("titan", *relative.parts)))
    # A copy, so that an example cannot change the module for what runs after it.
    namespace = dict(vars(module))
    with _environment(MPLBACKEND="Agg", **({"TITAN_DATA": str(data)} if data else {})):
        try:
            for at, source in code_cells(notebook):
                if not EXPORTED.search(source) and not NOT_RUN.search(source):
                    run_cell(source, f"<{notebook.relative_to(root).as_posix()}, cell {at}>", namespace)
        finally:
            if "matplotlib.pyplot" in sys.modules:
                sys.modules["matplotlib.pyplot"].close("all")


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
