"""The map from formulas to functions: each equation in display of each chapter, and each formula in a docstring.

An equation leads to a function if the function's docstring holds the formula, if the chapter's notation gives its left
side the function's name, or if `NAMED` says so; otherwise it leads to the chapter's module as a whole.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, NamedTuple

from scripts.notebooks import source_of
from scripts.pages.chapters import Chapter
from scripts.pages.computed_by import NAMED

INTRODUCTION = """# From formula to function

Each equation of the chapters, and the function that computes it; one that no single function computes leads to the
module. The chapters say what the symbols mean and where the formulas come from.
"""
DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
INLINE = re.compile(r"(?<![\\$])\$([^$\n]+?)(?<!\\)\$(?!\$)")
RELATION = re.compile(r"=|\\(?:leftarrow|le|ge|sim|in)(?![a-zA-Z])")
SPACING = re.compile(r"\\[,;:! ]|\\(?:left|right|[bB]igg?)(?![a-zA-Z])|\s|~")
SPACED = re.compile(r"\\[,;:! ]|\\(?:left|right|[bB]igg?)(?![a-zA-Z])")
OPENING = re.compile(r"\\Rightarrow$|:\}?$")
SHORTEST = 6


class Formula(NamedTuple):
    """One equation: its chapter, its text, and what in the chapter's module computes it; no name is the module."""

    chapter: Chapter
    latex: str
    names: tuple[str, ...]


def plain(latex: str) -> str:
    """Return a formula without what only spaces it, for comparison."""
    return SPACING.sub("", latex)


def pieces(block: str, wide: bool = False) -> list[str]:
    r"""Return the parts of a block in display between its outermost \quad and \qquad; only the latter if ``wide``."""
    parts, depth, start = [], 0, 0
    for found in re.finditer(
        r"\\qquad(?![a-zA-Z])|\\.|[{}]" if wide else r"\\q?quad(?![a-zA-Z])|\\.|[{}]", block
    ):
        word = found[0]
        depth += (word == "{") - (word == "}")
        if "quad" in word and depth == 0:
            parts.append(block[start : found.start()])
            start = found.end()
    return [part.strip() for part in [*parts, block[start:]] if part.strip()]


def stacked(markdown: str, widest: int = 58) -> str:
    r"""Return ``markdown`` with the equations of a wide block in display below one another, where \qquad parts them."""

    def stack(found: re.Match[str]) -> str:
        block = found[1]
        parts = pieces(block, wide=True)
        if len(parts) < 2 or len(visible(block)) <= widest or r"\begin" in block:
            return found[0]
        lines: list[str] = []
        for part in parts:
            fits = lines and len(visible(lines[-1] + part)) <= widest
            lines = [*lines[:-1], rf"{lines[-1]}\qquad {part}"] if fits else [*lines, part]
        return "$$\\begin{gathered}\n" + " \\\\[1ex]\n".join(lines) + "\n\\end{gathered}$$"

    return DISPLAY.sub(stack, markdown)


def visible(latex: str) -> str:
    """Return about as many letters as a formula is wide: of a fraction one part counts, a command is one letter."""
    once = re.sub(r"\\[td]?frac\s*(?:\{([^{}]*)\}|.)\s*(?:\{[^{}]*\}|.)", r"\1", SPACED.sub("", latex))
    drawn = re.sub(r"\\(?:text|mathrm|overline|sqrt|widehat|hat|bar|frac|underbrace)(?![a-zA-Z])", "", once)
    return re.sub(r"\s|[{}_^]", "", re.sub(r"\\[a-zA-Z]+", "x", drawn))


def equations(markdown: str) -> list[str]:
    """Return the equations in display, in order; what has no relation stays with its neighbour."""
    found: list[str] = []
    for block in DISPLAY.findall(markdown):
        first, begun = len(found), ""
        for piece in pieces(block):
            if RELATION.search(piece):
                found.append(begun + piece)
                begun = ""
            elif OPENING.search(piece):
                begun = piece + r"\ "
            elif len(found) > first:
                found[-1] += r"\quad " + piece
            else:
                found.append(piece)
    return [re.sub(r"(?:[\s,.]|\\ )+$", "", latex) for latex in found]


def left_side(latex: str) -> str:
    """Return what stands before the first relation, without spacing."""
    return plain(RELATION.split(latex.strip(), maxsplit=1)[0]).strip(",;")


def notation(markdown: str) -> dict[str, list[str]]:
    """Return the names that a notation table gives to each symbol."""
    table: dict[str, list[str]] = {}
    for line in markdown.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 3 and "$" in cells[0]:
            symbols = [plain(symbol) for symbol in INLINE.findall(cells[0])]
            names: list[str] = []
            for name in re.findall(r"`([\w.]+)`", cells[1]):
                names.append(names[-1].split(".")[0] + name if name.startswith(".") and names else name)
            paired = (
                zip(symbols, names, strict=False)
                if len(symbols) == len(names)
                else ((s, n) for s in symbols for n in names)
            )
            for symbol, name in paired:
                table.setdefault(symbol, []).append(name)
    return table


def documented(path: Path) -> dict[str, str]:
    """Return the docstring of every public function and class of a module, and of their methods."""
    found: dict[str, str] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            found[node.name] = ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign | ast.FunctionDef)]
            names = [
                part.name if isinstance(part, ast.FunctionDef) else ast.unparse(part.target)
                for part in fields
            ]
            found |= {f"{node.name}.{name}": "" for name in names}
    return found


def is_side(left: str, key: str) -> bool:
    """Tell whether ``key`` of `NAMED` means the left side ``left``: the whole of it, or an opening with a bracket."""
    return left == key or (
        left.startswith(key) and any(mark in key for mark in ("\\{s", "\\underbrace", "\\tfrac"))
    )


def names_for(latex: str, chapter: str, docs: dict[str, str], table: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the names in a chapter's module that compute ``latex``, those named by hand first."""
    left, whole = left_side(latex), plain(latex)
    named = [name for key, names in NAMED.get(chapter, {}).items() if is_side(left, key) for name in names]
    by_doc = []
    for name, words in docs.items():
        sides = [plain(RELATION.split(formula)[-1]) for formula in INLINE.findall(words)]
        if any(len(side) >= SHORTEST and side in whole for side in sides):
            by_doc.append(name)
    by_notation = [name for name in table.get(left, ()) if name in docs]
    return tuple(dict.fromkeys(named or [*by_doc, *by_notation]))


def formulas_of(chapter: Chapter, notebook: dict[str, Any], module: Path) -> list[Formula]:
    """Return the equations of a chapter in order, then those that only the docstring of another function holds."""
    texts = [source_of(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    docs, table = documented(module), notation("\n".join(texts))
    found = [
        Formula(chapter, latex, names_for(latex, chapter.name, docs, table))
        for text in texts
        for latex in equations(text)
    ]
    linked = {name.split(".")[0] for formula in found for name in formula.names}
    for name, words in docs.items():
        first = INLINE.search(words.split("\n\n")[0])
        if first is not None and name not in linked and len(plain(first[1])) >= SHORTEST:
            found.append(Formula(chapter, first[1], (name,)))
    return found


def link(formula: Formula, name: str) -> str:
    """Return the way to a name of the chapter's module; a field is found with its class."""
    return f"{{py:obj}}`{name} <{formula.chapter.module}.{name.split('.')[0]}>`"


def line(formula: Formula) -> str:
    """Return one formula as a row of a list-table."""
    links = [link(formula, name) for name in formula.names] or [f"{{py:mod}}`{formula.chapter.module}`"]
    latex = " ".join(formula.latex.split())
    return f"* - $\\displaystyle {latex}$\n  - {', '.join(links)}"


def formula_page(formulas: list[Formula]) -> str:
    """Return the page, one section a chapter that has formulas."""
    sections = []
    for chapter in dict.fromkeys(formula.chapter for formula in formulas):
        rows = "\n".join(line(formula) for formula in formulas if formula.chapter == chapter)
        table = f":::{{list-table}}\n:class: formulas\n:widths: 68 32\n\n{rows}\n:::"
        sections.append(f"## {{doc}}`{chapter.title} </chapters/{chapter.name}>`\n\n{table}")
    return "\n\n".join([INTRODUCTION, *sections]) + "\n"
