"""The mutator itself: what it changes, that a tested change is noticed, that an untested one is told."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from proof import mutation
from proof.mutation import Outcome, Target, Tried
from proof.parts.mutant_trial import Bench, TrialError, Verdict
from proof.parts.mutants import functions, mutants, mutated

TOY = '''"""A toy."""
from collections.abc import Sequence

LEAST: int = 3


def enough(values: Sequence[int], most: int = 9) -> bool:
    """True for some, but not too many."""
    if not values:
        raise ValueError(f"no {values}: give some")
    return LEAST <= len(values) < most


def told(values: Sequence[int]) -> str:
    text = "many" if len(values) > 5 else "few"
    return text
'''
TOY_TESTS = """
import pytest
from toy import enough

def test_the_edges():
    assert [enough([1] * n) for n in (2, 3, 8, 9)] == [False, True, True, False]

def test_nothing():
    with pytest.raises(ValueError, match="give some"):
        enough([])
"""


def test_each_kind_of_change_is_made_and_nothing_else() -> None:
    whats = {mutant.what for mutant in mutants("toy.py", TOY)}
    assert {
        "LEAST: int = 3 → LEAST: int = 4",
        "LEAST <= len(values) < most → LEAST < len(values) < most",
        "return LEAST <= len(values) < most → return None",
        "not values → not not values",
        "removed: raise ValueError(f'no {values}: give some')",
        "values: Sequence[int], most: int=9 → values: Sequence[int], most: int=8",
        "len(values) > 5 → len(values) >= 5",
    } <= whats
    assert [what for what in whats if "A toy" in what or "Sequence[str]" in what] == []
    assert functions(TOY) == ["enough", "told"]


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("f(a, b)", "f(b, a)"),
        ("f(a, key=1)", "f(a)"),
        ("max(a, b)", "min(a, b)"),
        ("{1, 2}", "{2}"),
        ("[x for x in y if x]", "[x for x in y]"),
        ("a and b", "a or b"),
        ("a is None", "a is not None"),
        ("a * b", "a / b"),
        ("'word'", "'word~'"),
    ],
)
def test_a_change_is_found_by_its_number(source: str, changed: str) -> None:
    source = f"x = {source}"
    made = [ast.unparse(mutated(source, mutant.number)) for mutant in mutants("toy.py", source)]
    assert f"x = {changed}" in made
    assert source not in made


@pytest.mark.parametrize(
    "source", ["x = 'some prose'", "x = f'{y} 1'", "x: Range[1] = y", "import a", "'doc'"]
)
def test_prose_types_and_imports_are_left_alone(source: str) -> None:
    assert mutants("toy.py", source) == []


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    (tmp_path / "toy.py").write_text(TOY, encoding="utf-8")
    (tmp_path / "test_toy.py").write_text(TOY_TESTS, encoding="utf-8")
    return tmp_path


TARGET = Target("toy", ("toy.py",), ("test_toy.py",))


def test_what_is_tested_is_noticed_and_what_is_not_is_told(toy: Path) -> None:
    said: list[str] = []
    outcome = mutation.try_target(TARGET, toy, toy / "state", 100, 1, said.append)
    by_what = {each.mutant.what: each.verdict for each in outcome.tried}
    assert by_what["len(values) > 5 → len(values) <= 5"] == Verdict("survived", ""), "no test runs this line"
    edges = "test_toy.py::test_the_edges"
    assert by_what["LEAST <= len(values) < most → LEAST < len(values) < most"] == Verdict("killed", edges)
    assert by_what["LEAST: int = 3 → LEAST: int = 4"] == Verdict("killed", edges), "imported anew"
    assert {each.mutant.function for each in outcome.tried if each.verdict.verdict == "survived"} == {"told"}
    assert len(said) == len(outcome.tried) == outcome.possible
    again = mutation.try_target(TARGET, toy, toy / "state", 100, 1, said.append)
    assert again == outcome
    assert len(said) == outcome.possible, "all is remembered"


def test_tests_that_fail_without_a_mutant_tell_nothing(toy: Path) -> None:
    (toy / "test_toy.py").write_text(TOY_TESTS + "\ndef test_wrong():\n    assert False\n", encoding="utf-8")
    with pytest.raises(TrialError, match=r"test_toy\.py::test_wrong; repair"):
        Bench(toy, ["toy.py"], ["test_toy.py"])


def test_the_page_tells_every_survivor_and_every_function_left_out(toy: Path) -> None:
    everything = mutants("toy.py", TOY)
    tried = [
        Tried(everything[0], Verdict("killed", "test_toy.py::test_the_edges")),
        Tried(everything[3], Verdict("survived", "")),
        Tried(everything[4], Verdict("timed out", "")),
    ]
    text = mutation.page([Outcome(TARGET, len(everything), tuple(tried))], "abc", 7, toy)
    assert f"| toy | {len(everything)} | 3 | 1 | 1 | 1 | 66.7% |" in text
    assert "at commit `abc`, seed 7" in text
    assert f"- toy.py:{everything[3].line} (enough): `{everything[3].what}`" in text
    assert "`told` (not drawn)" in text
    assert not mutation.result_of([Outcome(TARGET, len(everything), tuple(tried))]).passed


def test_every_target_names_files_that_there_are(repository: Path) -> None:
    named = [name for target in mutation.TARGETS for name in (*target.files, *target.tests)]
    assert [name for name in named if not (repository / name.partition("::")[0]).exists()] == []
    for target in mutation.TARGETS:
        assert (
            len(mutation.sample_of(target, repository, mutation.SAMPLE, mutation.SEED)[0]) == mutation.SAMPLE
        )
