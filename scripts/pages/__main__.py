"""`python -m scripts.pages`: execute the notebooks and write every source of the site below docs/_build/source."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import data_folder
from scripts.pages.api import api_pages
from scripts.pages.cells import as_chapter
from scripts.pages.chapters import PARTS, Chapter, ChapterError, chapters
from scripts.pages.controls import controls_page
from scripts.pages.execution import Executed, execute_all
from scripts.pages.formulas import formula_page, formulas_of
from scripts.pages.gallery import figures_of, gallery_page, lean
from scripts.pages.guides import (
    chapters_page,
    contributing_page,
    front_page,
    handwritten,
    pictures,
    start_page,
)
from scripts.pages.oracle_table import oracle_page
from scripts.pages.orders import orders_page
from scripts.pages.reconciliation import reconciliation_page

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "docs" / "_build"


def chapter_files(found: list[Chapter], done: dict[str, Executed]) -> dict[str, bytes]:
    """Return the chapters as notebooks with outputs, their figures, and the pages made from all of them."""
    files: dict[str, bytes] = {}
    figures, formulas = [], []
    for chapter in found:
        notebook = lean(as_chapter(chapter, done[chapter.name].notebook))
        text = json.dumps(notebook, ensure_ascii=False, indent=1)
        files[f"chapters/{chapter.name}.ipynb"] = text.encode()
        figures += figures_of(chapter, notebook)
        module = ROOT / f"{chapter.module.replace('.', '/')}.py"
        formulas += formulas_of(chapter, done[chapter.name].notebook, module)
    files |= {f"figures/{figure.file}": figure.content for figure in figures}
    files["gallery.md"] = gallery_page(figures).encode()
    files["formulas.md"] = formula_page(formulas).encode()
    return files


def pages(found: list[Chapter], done: dict[str, Executed], data: bool) -> dict[str, bytes]:
    """Return every file of the site's sources by its path."""
    written = handwritten(ROOT / "docs")
    texts = {
        **written,
        "index.md": front_page(written["index.md"], PARTS),
        **api_pages(ROOT, found),
        "start.md": start_page((ROOT / "README.md").read_text(encoding="utf-8")),
        "contributing.md": contributing_page((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")),
        "chapters/index.md": chapters_page(PARTS, found),
        "controls.md": controls_page(),
        "orders.md": orders_page(),
        "reconciliation.md": reconciliation_page(),
        "oracles.md": oracle_page(found, {name: run.oracles for name, run in done.items()}, data),
    }
    encoded = {name: text.encode() for name, text in texts.items()}
    return {**chapter_files(found, done), **pictures(ROOT / "docs"), **encoded}


def write_changed(folder: Path, files: dict[str, bytes]) -> None:
    """Make ``folder`` hold exactly ``files``, touching only what differs, so that Sphinx reads only that anew."""
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sources, and return the exit code."""
    parser = argparse.ArgumentParser(prog="pages", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="notebooks that run at a time; default 2")
    options = parser.parse_args(arguments)
    data = data_folder() if data_folder().is_dir() else None
    try:
        found = chapters(ROOT)
        done = execute_all(ROOT, [chapter.name for chapter in found], BUILD / "work", data, options.workers)
        write_changed(BUILD / "source", pages(found, done, data is not None))
    except ChapterError as error:
        print(f"pages: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
