"""Trials: they repeat, they pass, and they catch what they are there to catch."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest

from titan.chaos import run as module
from titan.chaos.crash_disk import CrashDisk
from titan.chaos.invariants import Checker
from titan.chaos.run import Failure, StateError, attempt, run_trials, shortened, told
from titan.chaos.schedule import Schedule, draw_schedule
from titan.chaos.trial import Outcome, run_trial
from titan.chaos.virtual_time import NothingLeftToDo, VirtualClock, VirtualLoop
from titan.cli import main
from titan.engine import exits
from titan.engine.desk import Desk, Market
from titan.engine.exit_state import Exit, Stage
from titan.engine.orders import OrderManager
from titan.loopback.faults import Fault, Kind, Plan
from titan.model.commands import OperatorAnswer
from titan.store.stepped_writer import SteppedWriter

CALM = Schedule(Plan(), ())
SEEDS = 40


@pytest.mark.timeout(300)
def test_no_promise_is_broken() -> None:
    found = [outcome for outcome in map(module.run_seed, range(1, SEEDS + 1)) if outcome.violations]
    assert found == []


def test_a_trial_is_as_long_and_as_bad_as_promised() -> None:
    outcome = run_trial(4, draw_schedule(4))
    assert outcome.events >= 300
    assert outcome.commands >= 50
    assert outcome.faults >= 3
    assert outcome.crashes == 1
    assert all(len(draw_schedule(seed).plan.faults) >= 3 for seed in range(200))
    assert all(
        any(act == "kill" for _, act in draw_schedule(seed).acts) == (seed % 2 == 0) for seed in range(200)
    )


def test_a_trial_repeats_exactly() -> None:
    assert run_trial(6, draw_schedule(6)) == run_trial(6, draw_schedule(6))


def test_exits_are_drawn() -> None:
    drawn = [act for seed in range(200) for _, act in draw_schedule(seed).acts]
    assert min(drawn.count("flatten"), drawn.count("close")) > 20


def test_every_fault_is_drawn() -> None:
    drawn = {fault.kind for seed in range(400) for fault in draw_schedule(seed).plan.faults}
    assert drawn == set(Kind)


# ---- What a missing protection does


def violations(seeds: range) -> str:
    return "\n".join(text for seed in seeds for text in attempt(seed, draw_schedule(seed)).violations)


async def _at_once(self: SteppedWriter, seq: int) -> None:
    """A journal that says that everything is durable."""


def test_an_order_sent_before_it_is_durable_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SteppedWriter, "wait_durable", _at_once)
    assert "before its intent was durable" in violations(range(1, 2))


def test_fills_booked_twice_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = OrderManager.apply_fill

    def forgetful(self: OrderManager, fill: object) -> bool:
        self._trades.clear()
        return apply(self, fill)  # type: ignore[arg-type]

    monkeypatch.setattr(OrderManager, "apply_fill", forgetful)
    assert violations(range(1, 4))


def test_a_position_called_flat_that_is_not_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def believed(desk: Desk, market: Market, found: Exit, lots: int) -> None:
        found.stage = Stage.FLAT

    monkeypatch.setattr(exits, "_get_out", believed)
    flattened = [Schedule(Plan(), ((at_s, "flatten"),)) for at_s in (8.0, 12.0)]
    told_of = [text for schedule in flattened for text in attempt(3, schedule).violations]
    assert any("position" in text and "0 orders" in text for text in told_of)


@pytest.mark.parametrize("act", ["flatten", "close"])
def test_an_exit_is_acknowledged_and_the_trial_ends_flat(act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []
    answered = Checker._answered

    def listening(self: Checker, answer: OperatorAnswer) -> None:
        heard.append((answer.request.split()[0], answer.done))
        answered(self, answer)

    monkeypatch.setattr(Checker, "_answered", listening)
    assert attempt(3, Schedule(Plan(), ((8.0, act),))).violations == ()
    assert heard[0] == (act, True)


def test_an_exit_goes_on_after_a_death_in_the_middle() -> None:
    assert attempt(3, Schedule(Plan(), ((8.0, "flatten"), (8.1, "kill")))).violations == ()


def test_a_fault_of_ours_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: OrderManager, outcome: object) -> None:
        raise LookupError("a fault of ours")

    monkeypatch.setattr(OrderManager, "apply_outcome", broken)
    assert "LookupError: a fault of ours" in violations(range(1, 6))


# ---- Running many


def outcome_of(seed: int, *violated: str) -> Outcome:
    return Outcome(seed, 10, 5, 3, seed % 2, violated, "d")


def test_sums_are_kept_and_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_seed", outcome_of)
    state = tmp_path / "state.json"
    first = run_trials(range(1, 4), workers=1, state=state, failed=print)
    assert first == {"seeds": 3, "steps": 30, "commands": 15, "faults": 9, "crashes": 2, "violations": 0}
    monkeypatch.setattr(
        module, "run_seed", lambda seed: outcome_of(seed) if seed > 3 else pytest.fail("done before")
    )
    assert run_trials(range(1, 6), workers=1, state=state, failed=print)["seeds"] == 5
    with pytest.raises(StateError, match="is of other trials"):
        run_trials(range(2, 6), workers=1, state=state, failed=print)


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"seeds": 1}', '{"first_seed": 1}'])
def test_a_state_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(text)
    with pytest.raises(StateError, match="name another file, or remove it"):
        run_trials(range(1, 2), workers=1, state=state, failed=print)


def test_a_failure_is_shortened_to_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the halt and the death together break this one."""

    def needs(seed: int, schedule: Schedule) -> Outcome:
        kinds = {fault.kind for fault in schedule.plan.faults}
        broken = Kind.HALT in kinds and any(act == "kill" for _, act in schedule.acts)
        return outcome_of(seed, *(["broken"] if broken else []))

    monkeypatch.setattr(module, "attempt", needs)
    faults = tuple(
        Fault(kind=kind, at_s=at) for at, kind in enumerate((Kind.SWEEP, Kind.HALT, Kind.LOSE_FRAME))
    )
    schedule = Schedule(Plan(faults=faults), ((1.0, "pause"), (2.0, "kill")))
    short = shortened(1, schedule)
    assert [fault.kind for fault in short.plan.faults] == [Kind.HALT]
    assert short.acts == ((2.0, "kill"),)
    failure = Failure(outcome_of(1, "broken"), short)
    assert json.loads(told(failure, as_json=True))["plan"]["faults"][0]["kind"] == "halt"
    assert told(failure, as_json=False).splitlines()[:2] == ["seed 1: violated", "  broken"]


def test_the_command_says_what_was_tried(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["chaos", "--seeds", "1", "--first-seed", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["violations"] == 0
    state = tmp_path / "state"
    state.write_text("nonsense")
    assert main(["chaos", "--seeds", "1", "--state", str(state)]) == 2


# ---- Time and power


def test_time_passes_only_where_everyone_waits() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop, 1_000)
    loop.run_until_complete(asyncio.wait_for(asyncio.sleep(3_600), 7_200))
    assert (loop.time(), clock.now_ns()) == (3_600.0, 3_600 * 10**9 + 1_000)
    with pytest.raises(NothingLeftToDo):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_a_crash_keeps_what_was_synced_and_perhaps_more(tmp_path: Path) -> None:
    kept = set()
    for seed in range(20):
        disk = CrashDisk(random.Random(seed))
        path = tmp_path / f"{seed}"
        file = disk.create(path)
        disk.write(file, b"safe")
        disk.fdatasync(file)
        disk.write(file, b"not safe")
        disk.crash()
        disk.close(file)
        left = path.read_bytes()
        assert b"safenot safe".startswith(left)
        assert len(left) >= 4
        kept.add(len(left))
    assert len(kept) > 3
