"""Reading notebooks as files: which there are, what they export, and how they look without outputs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from fastcore.nbio import nb2str
from nbdev.clean import clean_nb

BUILT = "_build"
DEFAULT_EXP = re.compile(r"^#\|\s*default_exp:?\s+(\S+)", re.MULTILINE)


class NotebookError(Exception):
    """A notebook cannot be read or written; the message names the file, says why, and what to do."""


def notebook_paths(folder: Path) -> list[Path]:
    """Return the notebooks below ``folder``, sorted, without Jupyter's checkpoints and the chapters of a built site."""

    def is_ours(path: Path) -> bool:
        return not any(part.startswith(".") or part == BUILT for part in path.relative_to(folder).parts)

    return sorted(filter(is_ours, folder.rglob("*.ipynb")))


def load(path: Path) -> dict[str, Any]:
    """Return the notebook at ``path`` as a dictionary.

    Raises
    ------
    NotebookError
        If the file is no notebook, as after a merge with conflicts.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if all({"cell_type", "source"} <= set(cell) for cell in notebook["cells"]):
            return dict(notebook)
        fault = "a cell has no type or no source"
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        fault = str(error)
    except (KeyError, TypeError):
        fault = "it has no list of cells"
    raise NotebookError(f"{path}: is no notebook: {fault}; mend the file, or 'git restore' it")


def source_of(cell: dict[str, Any]) -> str:
    """Return a cell's source as one string."""
    return "".join(cell["source"])


def default_exports(path: Path) -> list[str]:
    """Return every module that the notebook at ``path`` names with ``#| default_exp``."""
    cells = [source_of(cell) for cell in load(path)["cells"] if cell["cell_type"] == "code"]
    return [name for cell in cells for name in DEFAULT_EXP.findall(cell)]


def cleaned(path: Path) -> str:
    """Return the notebook's text without outputs; cell tags stay, because papermill reads them."""
    notebook = load(path)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
    clean_nb(notebook, allowed_cell_metadata_keys=["tags"])
    text: str = nb2str(notebook)
    return text
