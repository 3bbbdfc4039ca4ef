"""The pages of the API: one a module, grouped by room, from the docstrings."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from scripts.export import EXPORTED_ROOMS
from scripts.pages.chapters import Chapter

ROOMS = (
    *("model", "market", "calibration", "strategy", "risk", "simulation", "evaluation", "engine", "matching"),
    *("wire", "store", "venues", "loopback", "live", "reports", "dashboard", "backtest", "chaos"),
)
"""From the ground up, as the imports run; a room that is not built yet is left out."""
TOP = "titan"


class Module(NamedTuple):
    """One public module: its dotted name, and the first sentence of its docstring."""

    name: str
    summary: str

    @property
    def page(self) -> str:
        """The name of its page below api/."""
        return self.name.removeprefix("titan.").replace(".", "/")


def docstring(path: Path) -> str:
    """Return the docstring of the module at ``path``, or nothing."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def summary(path: Path) -> str:
    """Return the first paragraph of a module's docstring on one line."""
    return " ".join(docstring(path).split("\n\n")[0].split())


def modules_of(root: Path, room: str) -> list[Module]:
    """Return the public modules of a room, inner rooms included, sorted; for `TOP`, those that belong to no room."""
    package = root / "titan"
    found = package.glob("[a-z]*.py") if room == TOP else (package / room).rglob("[a-z]*.py")
    return [
        Module(".".join(path.relative_to(root).with_suffix("").parts), summary(path))
        for path in sorted(found)
    ]


def below(room: str, module: Module) -> str:
    """Return where a module's page lies below its room's."""
    return module.page.removeprefix(f"{room}/")


def rooms(root: Path) -> list[str]:
    """Return the rooms that stand, from the ground up; one that `ROOMS` does not know yet comes last."""
    standing = {path.parent.name for path in (root / "titan").glob("*/__init__.py")}
    return [room for room in ROOMS if room in standing] + sorted(standing - set(ROOMS))


def module_page(module: Module, chapter: Chapter | None) -> str:
    """Return the page of one module, with the way to its chapter if a notebook exports it."""
    title = f"{module.name}\n{'=' * len(module.name)}\n"
    origin = (
        f"Exported from the chapter :doc:`{chapter.title} </chapters/{chapter.name}>`.\n" if chapter else ""
    )
    options = "   :members:\n   :ignore-module-all:\n   :show-inheritance:\n"
    return f"{title}\n{origin}\n.. automodule:: {module.name}\n{options}"


def kind_of(room: str) -> str:
    """Return how the modules of a room come about."""
    return "exported from notebooks" if room in EXPORTED_ROOMS else "written by hand"


def room_page(room: str, about: str, modules: list[Module]) -> str:
    """Return the page of one room: what it is, and its modules."""
    name = "titan" if room == TOP else f"titan.{room}"
    rows = [
        f"   * - :doc:`{module.name} <{below(room, module)}>`\n     - {module.summary}" for module in modules
    ]
    tree = [f"   {below(room, module)}" for module in modules]
    table = [".. list-table::", "   :class: modules", "   :widths: 30 70", "", *rows]
    hidden = [".. toctree::", "   :hidden:", "", *tree]
    return "\n".join([f"{name}\n{'=' * len(name)}\n", about, "", *table, "", *hidden, ""])


def index_page(entries: list[tuple[str, str, int]]) -> str:
    """Return the first page of the API; an entry is a room, what it is, and how many modules it has."""
    rows = [
        f"   * - :doc:`{room} <{room}/index>`\n     - {about}\n     - {kind_of(room)}\n     - {count}"
        for room, about, count in entries
    ]
    head = ["   * - room", "     - what it is", "     - kind", "     - modules"]
    table = [".. list-table::", "   :header-rows: 1", "   :widths: 14 56 20 10", "", *head, *rows]
    tree = [".. toctree::", "   :hidden:", "", *(f"   {room}/index" for room, _, _ in entries)]
    words = (
        "Every public module, by room, from the ground up: a room imports only from rooms above it in this list. "
        "The last line holds what belongs to no room."
    )
    return "\n".join(["API\n===\n", words, "", *table, "", *tree, ""])


def api_pages(root: Path, chapters: list[Chapter]) -> dict[str, str]:
    """Return every page of the API by its path below the site's sources."""
    exported = {chapter.module: chapter for chapter in chapters}
    pages: dict[str, str] = {}
    entries = []
    for room in [*rooms(root), TOP]:
        folder = root / "titan" if room == TOP else root / "titan" / room
        about = (
            summary(folder / "__init__.py")
            if room != TOP
            else "The command line, the settings, the scaffold."
        )
        modules = modules_of(root, room)
        entries.append((room, about, len(modules)))
        pages[f"api/{room}/index.rst"] = room_page(room, about, modules)
        for module in modules:
            pages[f"api/{room}/{below(room, module)}.rst"] = module_page(module, exported.get(module.name))
    pages["api/index.rst"] = index_page(entries)
    return pages
