"""The frame of the long trials: one line each, a table, and an exit code; what has passed is not run again."""

from __future__ import annotations

import importlib
import json
import sys
import types
from collections import Counter
from pathlib import Path

import pytest

from proof import __main__ as frame
from proof import chaos, coverage, sabotage, sockets
from proof.parts import pages, seeds, sources, without
from proof.parts.without import TESTED
from proof.result import Result
from titan.chaos.coverage import STATES, UNREACHABLE
from titan.chaos.protections import PROTECTIONS
from titan.chaos.run import Failure, Total
from titan.chaos.sabotage import Missed
from titan.chaos.schedule import draw_schedule
from titan.chaos.trial import Outcome
from titan.loopback.faults import Kind


@pytest.fixture
def trial(monkeypatch):
    """A trial that comes to whatever is put in, and how often it was run."""
    calls: list[float] = []
    module = types.ModuleType("proof.chaos")
    module.result = Result("chaos", True, "nothing was broken", ())

    def run(state: Path, scale: float = 1.0) -> Result:
        calls.append(scale)
        if module.result is None:
            raise OSError("no disk")
        return module.result

    module.run = run
    monkeypatch.setitem(sys.modules, "proof.chaos", module)
    return module, calls


def test_what_there_is_is_listed(capsys):
    assert frame.main(["--list"]) == 0
    told = capsys.readouterr().out
    assert {"chaos", "coverage", "sockets"} <= {line.split()[0] for line in told.splitlines()}
    assert "Three hundred trials over real sockets" in told


@pytest.mark.parametrize("name", frame.trials())
def test_every_trial_is_one_and_is_told_of(name):
    module = importlib.import_module(f"proof.{name}")
    assert callable(module.run)
    assert frame.purpose(name).endswith(".") or frame.purpose(name)
    assert f"\n{name}\n" in (importlib.import_module("proof").__doc__ or "")


def test_what_has_passed_is_not_run_again(trial, tmp_path, capsys):
    _, calls = trial
    asked = ["chaos", "--scale", "0.5", "--state", str(tmp_path)]
    assert frame.main(asked) == frame.main(asked) == 0
    assert calls == [0.5]
    assert "chaos: passed in 0.0 min: nothing was broken" in capsys.readouterr().out
    assert frame.main(["chaos", "--state", str(tmp_path)]) == 0
    assert calls == [0.5, 1.0]


def test_other_sources_begin_anew(trial, tmp_path, monkeypatch):
    _, calls = trial
    frame.main(["chaos", "--state", str(tmp_path)])
    monkeypatch.setattr(sources, "digest", lambda: "other")
    frame.main(["chaos", "--state", str(tmp_path)])
    assert calls == [1.0, 1.0]


def test_a_failure_is_told_with_its_details_and_run_again(trial, tmp_path, capsys):
    module, calls = trial
    module.result = Result("chaos", False, "2 violations", ("seed 7: a promise",))
    asked = ["chaos", "--state", str(tmp_path)]
    assert frame.main(asked) == frame.main(asked) == 1
    assert len(calls) == 2
    told = capsys.readouterr().out
    assert "chaos: FAILED in 0.0 min: 2 violations\n  seed 7: a promise\n" in told
    assert "chaos  NO      0.0      2 violations" in told


def test_a_trial_that_breaks_off_has_failed(trial, tmp_path, capsys):
    module, _ = trial
    module.result = None
    assert frame.main(["chaos", "--state", str(tmp_path)]) == 1
    assert "broke off: OSError: no disk" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "said"),
    [(["luck"], "no trial luck; there are chaos"), (["--scale", "0"], "must be more than 0")],
)
def test_what_cannot_be_asked_is_refused(asked, said, capsys):
    with pytest.raises(SystemExit):
        frame.main(asked)
    assert said in capsys.readouterr().err


def test_the_sources_are_named_by_what_is_in_them(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "titan").mkdir()
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    before = sources.digest()
    (tmp_path / "titan" / "new.py").write_text("x = 1\n")
    assert before != sources.digest()
    assert len(before) == 16


def total(least: int, **counts: int) -> Total:
    met = Counter(
        {(kind, state): least for kind in Kind for state in STATES if (kind, state) not in UNREACHABLE}
    )
    return Total(Total().counts | counts, met)


def test_a_cell_that_was_met_too_seldom_fails_the_table():
    assert coverage.result_of(total(50), 50).passed
    seldom = total(50)
    seldom.met[Kind.HALT, "open"] = 49
    found = coverage.result_of(seldom, 50)
    assert found.details == ("halt while open: met 49 times, 50 are asked for",)
    assert "the rarest 49 times" in found.summary
    wrong = total(50)
    wrong.met[next(iter(UNREACHABLE))] = 1
    assert "called unreachable" in coverage.result_of(wrong, 50).details[0]


def test_the_page_says_what_made_it(tmp_path, monkeypatch):
    monkeypatch.setattr(chaos, "run_all", lambda state, scale: total(60, seeds=20))
    monkeypatch.setattr(sources, "commit", lambda: "0123456789ab")
    file = tmp_path / "coverage.md"
    assert pages.page_command("coverage", coverage.page, file, ["--page", "--state", str(tmp_path)]) == 0
    text = file.read_text()
    assert "Made by `python -m proof.coverage --page` at commit `0123456789ab`." in text
    assert "Trials of seeds 1 to 20." in text


@pytest.mark.parametrize("module", [chaos, sockets])
def test_seeds_that_fail_are_kept_and_told_once(module, tmp_path, monkeypatch):
    def run_trials(asked, *, workers, state, failed, sockets=False):
        for seed in (9, 7, 9):
            outcome = Outcome(seed, 0, 0, 0, 0, ("a promise",), "")
            failed(Failure(outcome, draw_schedule(seed)))
        return Total(Total().counts | {"seeds": len(asked), "violations": 2})

    monkeypatch.setattr(seeds, "run_trials", run_trials)
    found = module.run(tmp_path, 0.1)
    assert not found.passed
    assert found.summary.startswith(f"{module.SEEDS // 10:,} seeds")
    assert found.details == ("seed 7: a promise", "seed 9: a promise")
    assert len([json.loads(line) for line in (tmp_path / "failures.jsonl").read_text().splitlines()]) == 3


def test_protections_are_taken_away_once_each_and_the_table_says_how_they_were_missed(tmp_path, monkeypatch):
    asked = []

    def missed(name: str, most_seeds: int) -> Missed:
        asked.append((name, most_seeds))
        return Missed(name, f"the duty of {name}", 7, "60.000 s: a promise | broken", "a scene")

    monkeypatch.setattr(sabotage, "sabotage", missed)
    monkeypatch.setattr(sabotage, "first_failure", lambda name: f"tests/of_{name}.py::test")
    found = sabotage.run(tmp_path / "sabotage", 0.01)
    assert found.passed
    many = len(PROTECTIONS) + len(TESTED)
    assert found.summary.startswith(f"{many} of {many} protections missed")
    file = tmp_path / "protections.md"
    asked_for = ["--page", "--scale", "0.01", "--state", str(tmp_path)]
    monkeypatch.setattr(sources, "digest", lambda: "")
    assert pages.page_command("sabotage", sabotage.page, file, asked_for) == 0
    assert asked == [(name, 20) for name in PROTECTIONS]
    text = file.read_text()
    assert "| the duty of sent_once | a scene | 7 | `a promise / broken` |" in text
    assert "| no trial: its tests |  | `tests/of_three_acts.py::test` |" in text


def test_a_protection_that_nothing_misses_fails_the_trial():
    none = Missed("sent_once", "a duty", None, "")
    assert sabotage.result_of([none]) == Result(
        "sabotage", False, "0 of 1 protections missed", ("sent_once: a duty: not missed",)
    )


def test_a_test_misses_what_it_is_there_for():
    assert without.first_failure("ended_orders_forgotten").endswith(
        "test_ended_orders_are_forgotten_after_a_while_and_live_ones_never"
    )


def test_tests_that_miss_nothing_say_so_and_those_that_do_not_run_are_an_error(monkeypatch):
    kept = TESTED["ended_orders_forgotten"]._replace(instead=lambda before: before)
    monkeypatch.setattr(without, "TESTED", {"ended_orders_forgotten": kept})
    done = types.SimpleNamespace(returncode=0, stdout="", stderr="")
    monkeypatch.setattr(without.subprocess, "run", lambda *asked, **more: done)
    assert without.first_failure("ended_orders_forgotten") == ""
    done.returncode = 4
    with pytest.raises(RuntimeError, match="did not run"):
        without.first_failure("ended_orders_forgotten")


@pytest.mark.parametrize("name", TESTED)
def test_what_a_test_is_to_miss_is_there(name):
    found = TESTED[name]
    owner = importlib.import_module(found.module)
    for part in found.name.split("."):
        owner = getattr(owner, part)
    assert found.instead(owner) is not owner
    assert (sources.ROOT / found.tests).is_file()
