"""Every figure of the chapters, as a file, with the words that introduce it."""

from __future__ import annotations

import base64
import re
from typing import Any, NamedTuple

from scripts.notebooks import source_of
from scripts.pages.chapters import Chapter

LARGEST_SVG = 400_000
INTRODUCTION = """# Gallery

Every figure of the chapters, in the order of reading. Each is drawn by its notebook while this site is built; a
click opens the chapter.
"""


class Figure(NamedTuple):
    """One figure: its chapter, its number there, its bytes and their kind, and its caption."""

    chapter: Chapter
    number: int
    suffix: str
    content: bytes
    caption: str

    @property
    def file(self) -> str:
        """The name of the figure's file."""
        return f"{self.chapter.name.replace('/', '-')}-{self.number}{self.suffix}"


def caption_of(markdown: str) -> str:
    """Return the last paragraph of prose in ``markdown`` as one line; formulas in display and tables are no prose."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", markdown)]
    prose = [part for part in paragraphs if part and not re.match(r"#|\||\$\$|>|- |\d+\. ", part)]
    return " ".join(prose[-1].split()) if prose else ""


def picture(data: dict[str, Any]) -> tuple[str, bytes] | None:
    """Return suffix and bytes of an output's picture: drawn in lines where that is small, in dots otherwise."""
    drawn = "".join(data.get("image/svg+xml", ""))
    if drawn and len(drawn) <= LARGEST_SVG:
        return ".svg", drawn.encode()
    if "image/png" in data:
        return ".png", base64.b64decode("".join(data["image/png"]))
    return (".svg", drawn.encode()) if drawn else None


def only_picture(data: dict[str, Any]) -> dict[str, Any]:
    """Return an output's data with the one form of its picture that `picture` chooses."""
    chosen = picture(data)
    if chosen is None:
        return data
    kind = "image/svg+xml" if chosen[0] == ".svg" else "image/png"
    return {name: value for name, value in data.items() if not name.startswith("image/") or name == kind}


def figures_of(chapter: Chapter, notebook: dict[str, Any]) -> list[Figure]:
    """Return the figures of an executed notebook."""
    found: list[Figure] = []
    caption = ""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            caption = caption_of(source_of(cell)) or caption
        for output in cell.get("outputs", ()):
            drawn = picture(output.get("data", {}))
            if drawn is not None:
                found.append(Figure(chapter, len(found) + 1, *drawn, caption))
    return found


def lean(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return ``notebook`` with one form of each picture."""
    cells = []
    for cell in notebook["cells"]:
        outputs = [
            {**output, "data": only_picture(output["data"])} if "data" in output else output
            for output in cell.get("outputs", ())
        ]
        cells.append({**cell, "outputs": outputs} if "outputs" in cell else cell)
    return {**notebook, "cells": cells}


def card(figure: Figure) -> str:
    """Return one figure of the gallery: the picture and the chapter's name lead to the chapter."""
    target = f"/chapters/{figure.chapter.name}"
    alt = f"Figure {figure.number} of the chapter {figure.chapter.title}"
    return "\n".join(
        [
            "::::{container} card",
            f":::{{image}} /figures/{figure.file}",
            f":alt: {alt}",
            f":target: chapters/{figure.chapter.name}.html",
            ":::",
            f"**{{doc}}`{figure.chapter.title} <{target}>`**",
            "",
            figure.caption,
            "::::",
        ]
    )


def gallery_page(figures: list[Figure]) -> str:
    """Return the gallery as a MyST page."""
    cards = "\n".join(card(figure) for figure in figures)
    return f"{INTRODUCTION}\n:::::{{container}} gallery\n{cards}\n:::::\n"
