"""What is compiled is the source as it stands now, in words that numba has."""

from __future__ import annotations

import ast
import importlib
import math
import sys
from typing import NamedTuple

import pytest

from titan.backtest.sweep.linking import Linker, LinkError, link, load
from titan.backtest.sweep.rewriting import Rewriter
from titan.strategy import glft_table


class Point(NamedTuple):
    x: float
    n: int


def rewritten(text: str) -> str:
    tree = Rewriter({"Point": Point}).visit(ast.parse(text))
    return ast.unparse(tree).split("\n", 1)[1].strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(p: Point):\n return p._replace(x=1.0)", "return Point(1.0, p.n)"),
        ("def f(x):\n p = Point(x, 1)\n return p._replace(n=2)", "p = Point(x, 1)\n    return Point(p.x, 2)"),
        ("def f(p):\n return p._replace(x=1.0)", "return p._replace(x=1.0)"),
        ("def f(x):\n a, b = [x + i for i in (1, 2)]", "a, b = (x + 1, x + 2)"),
        ("def f(x):\n a, b = [x + i for i in x]", "a, b = [x + i for i in x]"),
        ("def f():\n a: list[Point] = []", "a = [Point(0.0, 0) for _ in range(0)]"),
        ("def f():\n a: list[int] = []", "a = []"),
        ("def f(x):\n raise ValueError(f'x = {x}: must be > 0')", "raise ValueError('x = {x}: must be > 0')"),
        ('def f(x):\n """Say so."""\n return x', "return x"),
    ],
)
def test_what_numba_lacks_is_put_in_other_words(text, expected):
    assert rewritten(text) == expected


def write_strategy(folder, spread: float) -> None:
    (folder / "distance_of.py").write_text(f"def distance(x):\n    return {spread} * x\n")
    (folder / "edited_strategy.py").write_text(
        "from distance_of import distance\n\n\ndef quote(x):\n    return 100.0 - distance(x)\n"
    )


def test_an_edit_in_an_imported_function_changes_the_compiled_quote_and_the_plain_one(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for spread in (1.0, 2.0):
        write_strategy(tmp_path, spread)
        for name in ("edited_strategy", "distance_of"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        quote = importlib.import_module("edited_strategy").quote
        assert quote(3.0) == 100.0 - spread * 3.0
        assert link([quote]).quote(3.0) == quote(3.0)
    for name in ("edited_strategy", "distance_of"):
        sys.modules.pop(name, None)


def test_the_same_source_is_the_same_module_and_a_substitute_another(tmp_path):
    def text(substitutes=None):
        linker = Linker(substitutes)
        linker.add(glft_table.log_ratio)
        return linker.text

    assert load(text(), tmp_path) is load(text(), tmp_path)
    assert text() != text({glft_table._lowest_site: glft_table._inward})
    assert "import numba" in text()


def test_constants_come_from_where_they_stand():
    compiled = link([glft_table.fill_terms]).fill_terms
    assert compiled(0.5) == glft_table.fill_terms(0.5)
    with pytest.raises(ValueError, match="must be >= 0 and finite"):
        compiled(math.inf)


def test_a_function_that_calls_itself_is_compiled():
    compiled = link([greatest_divisor]).greatest_divisor
    assert compiled(84, 36) == greatest_divisor(84, 36) == 12


def greatest_divisor(one: int, other: int) -> int:
    return one if other == 0 else greatest_divisor(other, one % other)


def test_what_has_no_source_is_named():
    with pytest.raises(LinkError, match="its source cannot be read"):
        link([eval("lambda x: x")])


def test_what_numba_cannot_take_is_named():
    with pytest.raises(LinkError, match=r"uses sys, a module: numba takes functions, tuples and numbers"):
        Linker().add(uses_a_module)


def uses_a_module() -> int:
    return sys.maxsize
