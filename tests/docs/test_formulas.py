"""From formulas to functions, and wide formulas in chapters."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.notebooks import load
from scripts.pages.chapters import Chapter, chapters
from scripts.pages.formulas import (
    NAMED,
    Formula,
    documented,
    equations,
    formula_page,
    formulas_of,
    is_side,
    left_side,
    names_for,
    notation,
    pieces,
    plain,
    stacked,
)

CHAPTER = Chapter("risk/small", "titan.risk.small", "Small", "A claim.")
MODULE = '''
class Fit:
    """A fit."""

    rate: float

    @property
    def twice(self) -> float:
        """Twice."""


def mean(x: list[float]) -> float:
    r"""Return $m=\\sum_i x_i/n$."""


def spread(x: list[float]) -> float:
    r"""Return $\\sqrt{\\mathrm{var}(x)}$ of the values."""


def _hidden() -> None:
    r"""Return $m=\\sum_i x_i/n$."""
'''


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (r"a=b,\qquad c=d", ["a=b", "c=d"]),
        (r"\text{x \quad y}=1", [r"\text{x \quad y}=1"]),
        (r"\{a\quad b\}=c", [r"\{a", r"b\}=c"]),
        (r"a=b,\quad t>0", [r"a=b,\quad t>0"]),
        (r"[l,u],\quad p\in[0,1]", ["[l,u]", r"p\in[0,1]"]),
        (r"\text{mid:}\quad a=b \qquad \text{fill:}\quad c=d", [r"\text{mid:}\ a=b", r"\text{fill:}\ c=d"]),
        (r"a=b\quad\Rightarrow\quad c\le d .", ["a=b", r"\Rightarrow\ c\le d"]),
    ],
)
def test_a_block_is_parted_into_equations(block: str, expected: list[str]) -> None:
    assert equations(f"Words.\n\n$${block}$$\n\nMore.") == expected


def test_only_the_wider_space_parts_where_asked() -> None:
    assert pieces(r"a\quad b\qquad c") == ["a", "b", "c"]
    assert pieces(r"a\quad b\qquad c", wide=True) == [r"a\quad b", "c"]


def test_spacing_does_not_count() -> None:
    assert plain(r"\big( a\,b \bigg)\left|x\right|") == "(ab)|x|"
    assert left_side(r"E_{a,b} \, = \sum x = y") == "E_{a,b}"


def test_notation_gives_each_symbol_its_name() -> None:
    table = (
        "| symbol | name | unit |\n| --- | --- | --- |\n"
        "| $a$, $b$ | `Fit.rate`, `.twice` | 1 |\n| $c$ | `x`, `y` | s |"
    )
    assert notation(table) == {"a": ["Fit.rate"], "b": ["Fit.twice"], "c": ["x", "y"]}


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "small.py"
    path.write_text(MODULE, encoding="utf-8")
    return path


def test_an_equation_finds_its_function(module: Path) -> None:
    docs = documented(module)
    assert set(docs) == {"Fit", "Fit.rate", "Fit.twice", "mean", "spread"}
    assert names_for(r"\bar x = \sum_i x_i / n", "risk/small", docs, {}) == ("mean",)
    assert names_for("k = 2", "risk/small", docs, {"k": ["Fit.rate", "elsewhere"]}) == ("Fit.rate",)
    assert names_for("k = 2", "risk/small", docs, {}) == ()


def test_what_is_named_by_hand_goes_first(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NAMED, "risk/small", {"k": ("spread",)})
    assert names_for("k = 2", "risk/small", documented(module), {"k": ["Fit.rate"]}) == ("spread",)
    assert is_side(r"\underbrace{a}_b+c", r"\underbrace{a")
    assert not is_side("ab", "a")


def test_a_formula_that_only_a_docstring_holds_comes_last(module: Path) -> None:
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": r"$$m=\sum_i x_i/n$$"},
            {"cell_type": "code", "source": ""},
        ]
    }
    found = formulas_of(CHAPTER, notebook, module)
    assert [(formula.latex, formula.names) for formula in found] == [
        (r"m=\sum_i x_i/n", ("mean",)),
        (r"\sqrt{\mathrm{var}(x)}", ("spread",)),
    ]


def test_the_page_leads_to_functions_or_to_the_module() -> None:
    page = formula_page([Formula(CHAPTER, "a=\n b", ("Fit.rate", "mean")), Formula(CHAPTER, "c", ())])
    assert page.count("## {doc}`Small </chapters/risk/small>`") == 1
    assert r"* - $\displaystyle a= b$" in page
    assert "{py:obj}`Fit.rate <titan.risk.small.Fit>`, {py:obj}`mean <titan.risk.small.mean>`" in page
    assert "{py:mod}`titan.risk.small`" in page


def test_what_is_named_by_hand_exists_and_is_used(repository: Path) -> None:
    known = {chapter.name: chapter for chapter in chapters(repository)}
    assert set(NAMED) <= set(known)
    for name, entries in NAMED.items():
        module = repository / f"{known[name].module.replace('.', '/')}.py"
        found = formulas_of(known[name], load(repository / "nbs" / f"{name}.ipynb"), module)
        sides = [left_side(formula.latex) for formula in found]
        unused = [key for key in entries if not any(is_side(side, key) for side in sides)]
        assert unused == [], f"{name}: no equation begins so any more; take it out of NAMED"
        names = {function for functions in entries.values() for function in functions}
        assert names - set(documented(module)) == set(), name


def test_a_wide_block_is_stacked_and_a_narrow_one_left_alone() -> None:
    wide = "x" * 40
    assert stacked(rf"$${wide}=1,\qquad {wide}=2$$") == (
        "$$\\begin{gathered}\n" + f"{wide}=1, \\\\[1ex]\n{wide}=2\n" + "\\end{gathered}$$"
    )
    assert stacked(rf"$${wide}=1,\qquad a=b\qquad {wide}=2$$").count(r"\\[1ex]") == 1
    for text in (
        r"$$a=b\qquad c=d$$",
        f"$${wide}{wide}$$",
        rf"$$\begin{{x}}{wide}\qquad {wide}$$",
        f"`{wide}`",
    ):
        assert stacked(text) == text
