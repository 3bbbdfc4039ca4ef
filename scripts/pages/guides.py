"""The guides: sections of README and CONTRIBUTING as pages, and the handwritten pages of docs/ as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from scripts.pages.chapters import Chapter, ChapterError, Part

START = ("Start", "What one can do", "A strategy of your own", "What is promised")
OPERATING = (
    "runbook",
    "controls",
    "orders",
    "reconciliation",
    "faults",
    "protections",
    "coverage",
    "drills/index",
    "proofs",
)
LINKS = {
    "docs/runbook.md": "/runbook",
    "docs/settings.md": "/settings",
    "docs/modes.md": "/modes",
    "docs/risk.md": "/risk",
    "docs/exchange.md": "/exchange",
    "docs/recorded_data.md": "/recorded_data",
    "docs/sweep.md": "/sweep",
    "docs/promotion.md": "/promotion",
    "docs/scheduling.md": "/scheduling",
    "docs/desk_reports.md": "/desk_reports",
    "docs/studies.md": "/studies",
    "docs/glossary.md": "/glossary",
}


def sections(markdown: str) -> dict[str, str]:
    """Return the text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", markdown, flags=re.MULTILINE)
    return {title.strip(): text.strip("\n") for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def inside(markdown: str) -> str:
    """Return ``markdown`` with links to files that are pages here leading to the pages, and others as plain words."""

    def lead(found: re.Match[str]) -> str:
        words, target = found[1], found[2]
        if target in LINKS:
            return f"{{doc}}`{words} <{LINKS[target]}>`"
        return found[0] if re.match(r"https?:", target) else words

    return re.sub(r"\[([^\]]+)\]\(([^)]+)\)", lead, markdown)


def shell_blocks(markdown: str) -> str:
    """Return ``markdown`` with indented blocks as fenced ones, which are shown as commands."""
    blocks = re.compile(r"(?:^(?: {4}.*\n?|\n(?= {4})))+", re.MULTILINE)

    def fence(found: re.Match[str]) -> str:
        lines = found[0].strip("\n").splitlines()
        return "\n```console\n" + "\n".join(line.removeprefix("    ") for line in lines) + "\n```\n"

    return blocks.sub(fence, markdown)


def start_page(readme: str) -> str:
    """Return the first guide: how to start, from the sections `START` of the README.

    Raises
    ------
    ChapterError
        If a section is missing.
    """
    found = sections(readme)
    missing = [title for title in START if title not in found]
    if missing:
        raise ChapterError(
            f"README.md has no section {missing}; name its sections anew in scripts/pages/guides.py"
        )
    first, *others = [shell_blocks(inside(found[title])) for title in START]
    rest = [f"## {title}\n\n{text}" for title, text in zip(START[1:], others, strict=True)]
    return "\n\n".join([f"# {START[0]}", first, *rest]) + "\n"


def contributing_page(text: str) -> str:
    """Return CONTRIBUTING.md as a guide."""
    return shell_blocks(inside(text))


def chapters_page(parts: Iterable[Part], chapters: Iterable[Chapter]) -> str:
    """Return the contents of the book: the parts in the order of reading, each with its chapters and their claims."""
    known = {chapter.name: chapter for chapter in chapters}
    blocks = ["# The chapters\n\nThe mathematics, one question a chapter; each builds on those before it.\n"]
    for part in parts:
        lines = [
            f"{{doc}}`{known[name].title} </chapters/{name}>`\n: {known[name].claim}\n"
            for name in (f"{part.room}/{notebook}" for notebook in part.notebooks)
        ]
        blocks.append("\n".join([f"## {part.room.capitalize()}\n\n{part.question}\n", *lines]))
    return "\n".join(blocks)


def toctree(caption: str, pages: Iterable[str]) -> str:
    """Return one group of the side bar."""
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""])


def front_page(text: str, parts: Iterable[Part]) -> str:
    """Return the front page: the handwritten text, and the side bar's groups, one a part."""
    groups = [
        toctree(
            "Guides",
            [
                "start",
                "settings",
                "modes",
                "risk",
                "exchange",
                "recorded_data",
                "sweep",
                "studies",
                "desk_reports",
                "promotion",
                "scheduling",
                "contributing",
            ],
        ),
        toctree("Operating", OPERATING),
        *(
            toctree(part.room.capitalize(), [f"chapters/{part.room}/{name}" for name in part.notebooks])
            for part in parts
        ),
        toctree(
            "Reference",
            ["chapters/index", "gallery", "formulas", "oracles", "mutation", "glossary", "api/index"],
        ),
    ]
    return "\n".join([text, *groups])


def handwritten(docs: Path) -> dict[str, str]:
    """Return the pages of docs/ and docs/drills by their paths below docs/."""
    found = [*docs.glob("*.md"), *docs.glob("drills/*.md")]
    return {path.relative_to(docs).as_posix(): path.read_text(encoding="utf-8") for path in sorted(found)}


def pictures(docs: Path) -> dict[str, bytes]:
    """Return the pictures that handwritten pages show, by their paths below docs/."""
    return {f"_static/{path.name}": path.read_bytes() for path in sorted(docs.glob("_static/*.png"))}
