"""`python -m bench.oracles`: the objects that it prints, and how it ends."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from bench import ROOT, oracles
from titan import _oracles
from titan._oracles import oracle

NOTEBOOK = ROOT / "nbs" / "strategy" / "quoting.ipynb"
FIELDS = {"name", "expected", "got", "tolerance", "source", "ok"}


@pytest.fixture(autouse=True)
def own_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_oracles, "recorded", [])


def stated(
    monkeypatch: pytest.MonkeyPatch, *oracles_of_it: tuple[str, float, float], holds: bool = True
) -> None:
    """Let a notebook state these (name, expected, got)."""

    def run(root: Path, notebook: Path, data: Path | None) -> None:
        print("for the reader")
        for name, expected, got in oracles_of_it:
            oracle(name, expected, got, 1e-6, "exact")
        assert holds, "a check without a number"

    monkeypatch.setattr(oracles, "run_examples", run)


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_notebook_of_the_repository(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "nbs" / "evaluation" / "pnl.ipynb"
    assert oracles.main([str(path)]) == 0
    rows = printed(capsys)
    assert rows
    assert all(set(found) == FIELDS and found["ok"] for found in rows)


def test_met_oracles_end_with_0_and_stdout_has_objects_alone(monkeypatch, capsys) -> None:
    stated(monkeypatch, ("pi", 3.0, 3.0), ("e", 2.0, 2.0))
    assert oracles.main([str(NOTEBOOK)]) == 0
    assert [found["name"] for found in printed(capsys)] == ["pi", "e"]


@pytest.mark.parametrize(("got", "shown"), [(4.0, 4.0), (math.nan, None)])
def test_an_oracle_that_falls_short_ends_with_1(monkeypatch, capsys, got, shown) -> None:
    stated(monkeypatch, ("e", 2.0, 2.0), ("pi", 3.0, got), ("never", 1.0, 1.0))
    assert oracles.main([str(NOTEBOOK)]) == 1
    rows = printed(capsys)
    assert [(found["name"], found["got"], found["ok"]) for found in rows] == [
        ("e", 2.0, True),
        ("pi", shown, False),
    ]


def test_a_check_without_a_number_falls_short_too(monkeypatch, capsys) -> None:
    stated(monkeypatch, ("pi", 3.0, 3.0), holds=False)
    assert oracles.main([str(NOTEBOOK)]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1])["name"] == "nbs/strategy/quoting.ipynb: examples"
    assert "nbs/strategy/quoting.ipynb: an example does not hold" in said.err
