"""The oracle table: every number known from elsewhere that the notebooks reproduced while the site was built."""

from __future__ import annotations

from bench.oracles import row
from scripts.pages.chapters import Chapter, ChapterError
from titan._oracles import Oracle

INTRODUCTION = """# Oracles

A number that is known from elsewhere, from a paper, another library or a closed form, and that Titan must reproduce.
Each chapter states its own, and all of them were computed while this site was built. `make oracles` prints the same.

The tolerance is absolute and part of the oracle. The site is not built if one is not met.
"""
HEAD = [
    "| what | expected | got | tolerance | source | met |",
    "| :--- | ---: | ---: | ---: | :--- | :---: |",
]


def number(value: float | None, digits: int = 10) -> str:
    """Return a number as the table shows it; what is not finite is a dash."""
    return "–" if value is None else f"{value:.{digits}g}"


def text(words: str) -> str:
    """Return words that stand in a cell of a table as they are."""
    return (
        words.replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("$", "\\$")
        .replace("*", "\\*")
        .replace("_", "\\_")
    )


def line(found: Oracle) -> str:
    """Return one oracle as a row of the table."""
    shown = row(found)
    numbers = [number(shown["expected"]), number(shown["got"]), number(shown["tolerance"], 3)]
    return f"| {' | '.join([text(found.name), *numbers, text(found.source), 'yes' if found.ok else 'no'])} |"


def refuse_unmet(by_chapter: dict[str, list[Oracle]]) -> None:
    """Raise ChapterError naming every oracle that is not met."""
    short = [
        f"{name}: {found.name}: expected {found.expected} +- {found.tolerance} ({found.source}), got {found.got}"
        for name, rows in by_chapter.items()
        for found in rows
        if not found.ok
    ]
    if short:
        raise ChapterError("oracles that are not met:\n" + "\n".join(short))


def oracle_page(chapters: list[Chapter], by_chapter: dict[str, list[Oracle]], data: bool) -> str:
    """Return the page, one section a chapter that states oracles.

    Parameters
    ----------
    by_chapter
        The oracles of each chapter, by its name.
    data
        Whether recorded market data were there when the notebooks ran.

    Raises
    ------
    ChapterError
        If one is not met.
    """
    refuse_unmet(by_chapter)
    stated = [chapter for chapter in chapters if by_chapter[chapter.name]]
    total = sum(len(rows) for rows in by_chapter.values())
    where = (
        "with recorded market data"
        if data
        else "without recorded market data, so any that need it are missing"
    )
    summary = f"**{total} oracles in {len(stated)} chapters, all met**, computed {where}.\n"
    sections = [
        "\n".join(
            [
                f"## {{doc}}`{chapter.title} </chapters/{chapter.name}>`\n",
                *HEAD,
                *map(line, by_chapter[chapter.name]),
            ]
        )
        for chapter in stated
    ]
    return "\n\n".join([INTRODUCTION + "\n" + summary, *sections]) + "\n"
