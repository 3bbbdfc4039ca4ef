"""Executing notebooks once for all pages, and keeping what came out until something that it depends on changes.

The common notebook caches look at the notebook alone: a chapter would show yesterday's numbers after its module
was edited. Here the key holds every module of Titan that the notebook reaches, the locks, and what data lie there.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from scripts.notebooks import load, source_of
from scripts.pages.chapters import ChapterError
from titan._oracles import Oracle

DOTTED = re.compile(r"\btitan(?:\.\w+)+")
FROM = re.compile(r"^\s*from\s+(titan[\w.]*)\s+import\s+(\([^)]*\)|[^\n(]*)", re.MULTILINE)
CELL_SECONDS = 600
# A kernel on 127.0.0.1 warns of its sockets; its errors are still told.
QUIET = ["--IPKernelApp.log_level=40"]
FIRST = "%config InlineBackend.figure_formats = ['svg', 'retina']"
LAST = """import json
from titan import _oracles
print(json.dumps([list(found) for found in _oracles.recorded]))"""


class Executed(NamedTuple):
    """A notebook with its outputs, and the oracles that it recorded."""

    notebook: dict[str, Any]
    oracles: list[Oracle]


def mentioned(text: str) -> set[str]:
    """Return every dotted name below titan that ``text`` imports or spells out."""
    names = set(DOTTED.findall(text))
    for package, imported in FROM.findall(text):
        names |= {package, *(f"{package}.{name}" for name in re.findall(r"\w+", imported))}
    return names


def module_file(root: Path, name: str) -> Path | None:
    """Return the source of the longest module that begins ``name``, or None."""
    parts = name.split(".")
    while parts:
        place = root.joinpath(*parts)
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
        parts.pop()
    return None


def reached(root: Path, text: str) -> list[Path]:
    """Return the sources of Titan that ``text`` reaches, directly or through others, sorted."""
    found: set[Path] = set()
    waiting = [text]
    while waiting:
        for name in mentioned(waiting.pop()):
            path = module_file(root, name)
            if path is not None and path not in found:
                found.add(path)
                waiting.append(path.read_text(encoding="utf-8"))
    return sorted(found)


def data_listing(data: Path | None) -> str:
    """Return names and sizes of the recorded data, so that a changed record is a changed key."""
    if data is None:
        return "no data"
    files = sorted(path for path in data.rglob("*") if path.is_file())
    return "\n".join(f"{path.relative_to(data).as_posix()} {path.stat().st_size}" for path in files)


def key_of(root: Path, notebook: Path, data: str) -> str:
    """Return the digest of all that the outputs of ``notebook`` depend on."""
    text = "\n".join(source_of(cell) for cell in load(notebook)["cells"])
    own = "titan." + notebook.relative_to(root / "nbs").with_suffix("").as_posix().replace("/", ".")
    locks = sorted((root / "requirements").glob("*.txt"))
    digest = hashlib.sha256(f"{sys.version}\n{data}\n{text}".encode())
    for path in [*reached(root, f"{text}\n{own} titan._oracles"), *locks, Path(__file__)]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:24]


def code_cell(name: str, source: str) -> dict[str, Any]:
    """Return a code cell without outputs."""
    empty: dict[str, Any] = {"metadata": {}, "execution_count": None, "outputs": []}
    return {"cell_type": "code", "id": name, "source": source, **empty}


def refuse_errors(name: str, cells: Iterable[dict[str, Any]]) -> None:
    """Raise ChapterError if a cell wrote to stderr: a warning is no part of a chapter."""
    for at, cell in enumerate(cells):
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise ChapterError(f"{name}, cell {at} wrote to stderr: {''.join(output['text']).strip()}")


async def execute(name: str, notebook: dict[str, Any], environment: dict[str, str], folder: Path) -> Executed:
    """Run ``notebook`` in a fresh kernel that works in ``folder``.

    Raises
    ------
    ChapterError
        If a cell raises, or writes to stderr.
    """
    cells = [code_cell("first", FIRST), *notebook["cells"], code_cell("last", LAST)]
    node = nbformat.reads(json.dumps({**notebook, "cells": cells}), as_version=4)  # type: ignore[no-untyped-call]
    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        node, kernel_name="python3", timeout=CELL_SECONDS, resources=place, extra_arguments=QUIET
    )
    try:
        await client.async_execute(env=environment)
    except CellExecutionError as error:
        raise ChapterError(f"{name}: {error}") from None
    done = json.loads(json.dumps(node))
    *shown, last = done["cells"][1:]
    refuse_errors(name, shown)
    rows = json.loads("".join(last["outputs"][0]["text"]))
    return Executed({**done, "cells": shown}, [Oracle(*row) for row in rows])


def kernel_environment(work: Path, data: Path | None) -> dict[str, str]:
    """Return the environment of a kernel: one thread, inline figures, and no file in the reader's home."""
    chosen = {"TITAN_DATA": str(data)} if data else {}
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    inline = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "IPYTHONDIR": str(work / "ipython")}
    return {**os.environ, **threads, **inline, **chosen}


def execute_all(
    root: Path, names: list[str], work: Path, data: Path | None, workers: int = 2
) -> dict[str, Executed]:
    """Return every notebook of ``names`` executed, from ``work``/executed where nothing changed.

    Parameters
    ----------
    names
        room/notebook, below ``root``/nbs.
    work
        Folder for the kept results and the kernels' files.
    data
        Folder of recorded market data; without it the notebooks skip what needs it.

    Raises
    ------
    ChapterError
        If a notebook fails.
    """
    kept = work / "executed"
    for folder in (kept, work / "kernel"):
        folder.mkdir(parents=True, exist_ok=True)
    listing = data_listing(data)
    places = {name: kept / f"{key_of(root, root / 'nbs' / f'{name}.ipynb', listing)}.json" for name in names}
    environment = kernel_environment(work, data)

    async def one(name: str, slots: asyncio.Semaphore) -> None:
        async with slots:
            print(f"executing {name}", flush=True)
            notebook = load(root / "nbs" / f"{name}.ipynb")
            done = await execute(name, notebook, environment, work / "kernel")
            places[name].write_text(json.dumps(done), encoding="utf-8")

    async def rest() -> None:
        slots = asyncio.Semaphore(workers)
        async with asyncio.TaskGroup() as group:
            for name in names:
                if not places[name].exists():
                    group.create_task(one(name, slots))

    try:
        asyncio.run(rest())
    except* ChapterError as errors:
        raise ChapterError(str(errors.exceptions[0])) from None
    for path in set(kept.glob("*.json")) - set(places.values()):
        path.unlink()
    found = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in places.items()}
    return {
        name: Executed(notebook, [Oracle(*row) for row in rows]) for name, (notebook, rows) in found.items()
    }
