"""Trials: they repeat, they pass, and they catch what they are there to catch."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from pathlib import Path

import pytest

from titan.chaos import run as module
from titan.chaos.coverage import STATES, UNREACHABLE, holes, impossible, table
from titan.chaos.crash_disk import CrashDisk
from titan.chaos.invariants import Checker
from titan.chaos.protections import PROTECTIONS
from titan.chaos.run import Failure, StateError, attempt, run_trials, shortened, told
from titan.chaos.sabotage import sabotage
from titan.chaos.schedule import Schedule, draw_schedule
from titan.chaos.trial import Outcome, run_trial
from titan.chaos.virtual_time import NothingLeftToDo, VirtualClock, VirtualLoop
from titan.chaos.world import MemoryWorld
from titan.cli import main
from titan.engine import exits
from titan.engine.desk import Desk, Market
from titan.engine.exit_state import Exit, Stage
from titan.engine.orders import OrderManager
from titan.loopback.fault_acts import FaultActs
from titan.loopback.faults import Fault, Kind, Plan
from titan.model.commands import OperatorAnswer
from titan.store.stepped_writer import SteppedWriter
from titan.venues.websocket import StreamSettings

CALM = Schedule(Plan(), ())
SEEDS = 15
"""`make test` runs five hundred beside the tests: these are for the coverage."""


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


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("durable_first", "before its intent was durable"),
        ("fills_once", "the venue states a position"),
        ("limits_judged", "beyond max_position_notional"),
        ("stopped_while_blind", "that adds risk without"),
        ("watchdog", "nothing was heard for"),
        ("bad_frame_survived", "nothing was heard for"),
        ("listen_key_renewed", "the private stream is not connected"),
        ("deaf_stream_rebuilt", "the private stream has told nothing for"),
        ("failed_query_changes_nothing", "for the engine, and open at the exchange"),
        ("grid_of_the_decision", "while the mark is"),
        ("reducing_passes", "somebody wanted out of them"),
        ("losses_reach_risk", "max_drawdown = 0.12 has not stopped the desk"),
        ("behind_the_touch", "would take at"),
        ("collar", "while the mark is"),
    ],
)
@pytest.mark.timeout(300)
def test_a_protection_that_is_taken_away_is_missed(name: str, said: str) -> None:
    """The others take longer: `titan chaos --sabotage` tells how long."""
    found = sabotage(name, 30)
    assert found.seeds is not None
    assert said in found.violation
    assert found.duty == PROTECTIONS[name].duty


def test_a_duplicate_id_taken_for_a_refusal_is_missed_where_no_stream_tells_of_the_order() -> None:
    """Drawn seldom: an open order that its stream tells of is taken up again."""
    deaf = Fault(kind=Kind.SILENCE_STREAM, at_s=8.0, for_s=6.0, stream="private")
    refused = Fault(kind=Kind.DUPLICATE_ID, at_s=8.2, for_s=4.0)
    schedule = Schedule(Plan(faults=(deaf, refused)), ())
    assert attempt(1, schedule).violations == ()
    with PROTECTIONS["duplicate_id_unknown"].taken_away():
        assert "rejected for the engine, and open at the exchange" in attempt(1, schedule).violations[0]


@pytest.mark.parametrize("name", PROTECTIONS)
def test_what_is_put_in_its_place_runs(name: str) -> None:
    """A trial must fail for the lack of the protection, not for a mistake in what replaces it."""
    with PROTECTIONS[name].taken_away():
        found = attempt(4, PROTECTIONS[name].schedule(4)).violations
    assert not any(
        text.startswith(("TypeError", "AttributeError", "NameError", "KeyError")) for text in found
    )


def test_a_protection_comes_back() -> None:
    """What was replaced is as before: also where it was inherited."""
    for protection in PROTECTIONS.values():
        patches = (*protection.setting, *protection.patches)
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in patches]
        with protection.taken_away():
            assert all(getattr(owner, name) is not found for owner, name, found in before)
        assert all(getattr(owner, name) is found for owner, name, found in before)
    assert "wait_durable" not in vars(SteppedWriter)


def test_a_protection_that_nothing_misses_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("titan.chaos.sabotage.attempt", lambda seed, drawn: outcome_of(seed))
    assert sabotage("sent_once", 7).seeds is None
    assert main(["chaos", "--sabotage", "failed_query_changes_nothing", "--seeds", "3"]) == 1
    told_of = capsys.readouterr().out
    assert "(on a desk that lets a list end the orders that it lacks" in told_of
    assert "not missed: an invariant is lacking" in told_of
    monkeypatch.setattr("titan.chaos.sabotage.attempt", lambda seed, drawn: outcome_of(seed, "broken"))
    assert sabotage("sent_once", 7).seeds is None  # these fail with it, too
    answers = itertools.cycle([("broken",), ()])
    monkeypatch.setattr("titan.chaos.sabotage.attempt", lambda seed, drawn: outcome_of(seed, *next(answers)))
    assert main(["chaos", "--sabotage", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["protection"] for each in told] == list(PROTECTIONS)
    assert {(each["seeds"], each["violation"]) for each in told} == {(1, "broken")}


def test_an_unknown_protection_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chaos", "--sabotage", "luck"]) == 2
    assert "sabotage luck: must be one of durable_first" in capsys.readouterr().err


def violations(seeds: range) -> str:
    return "\n".join(text for seed in seeds for text in attempt(seed, draw_schedule(seed)).violations)


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


def test_an_exit_leaves_an_order_placed_by_hand_alone() -> None:
    assert attempt(42, Schedule(Plan(), ((4.3, "by hand"), (8.7, "flatten")))).violations == ()


def test_an_exit_goes_on_after_a_death_in_the_middle() -> None:
    assert attempt(3, Schedule(Plan(), ((8.0, "flatten"), (8.1, "kill")))).violations == ()


def test_a_fault_of_ours_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: OrderManager, outcome: object) -> None:
        raise LookupError("a fault of ours")

    monkeypatch.setattr(OrderManager, "apply_outcome", broken)
    assert "LookupError: a fault of ours" in violations(range(1, 6))


# ---- What was met


def test_a_table_says_what_was_met_and_what_was_not() -> None:
    text = table({("halt", "open"): 12}, range(1, 5))
    assert "Trials of seeds 1 to 4." in text
    assert "| halt | 0 | 12 | 0 | 0 | 0 | 0 |" in text
    assert "| duplicate_id | 0 | - | - | - | 0 | - |" in text
    assert "halt while intent" in text
    assert "halt while open" not in text


def test_no_cell_is_called_unreachable_that_is_met() -> None:
    met = {(kind, state): 1 for kind in Kind for state in STATES}
    assert holes(met) == []
    assert set(impossible(met)) == set(UNREACHABLE)
    assert impossible({}) == []


def test_trials_meet_orders_in_their_states(tmp_path: Path) -> None:
    """A refused answer of a placement meets an intent; a halt meets whatever stands."""
    refused = Fault(kind=Kind.SERVER_ERROR_AFTER, at_s=5.0, call="POST /fapi/v1/order")
    faults = (refused, Fault(kind=Kind.HALT, at_s=8.0))
    met = {(kind, state): count for kind, state, count in run_trial(2, Schedule(Plan(faults=faults), ())).met}
    assert met[Kind.SERVER_ERROR_AFTER, "intent"] == 1
    assert {state for kind, state in met if kind == Kind.HALT} & {"open", "partially_filled"}
    path = tmp_path / "table.md"
    assert main(["chaos", "--seeds", "1", "--table", str(path)]) == 0
    assert path.read_text(encoding="utf-8").startswith("# Faults that met orders")
    assert main(["chaos", "--seeds", "1", "--table", str(tmp_path)]) == 2


# ---- Over sockets


@pytest.mark.timeout(120)
def test_a_trial_over_real_sockets_keeps_the_same_promises() -> None:
    faults = (
        Fault(kind=Kind.LOSE_ANSWER, at_s=1.5, call="POST /fapi/v1/order"),
        Fault(kind=Kind.RESTART, at_s=2.5, for_s=0.5),
    )
    schedule = Schedule(Plan(faults=faults), ((4.0, "kill"),), length_s=5.0, rest_s=8.0)
    outcome = run_trial(1, schedule, sockets=True)
    assert outcome.violations == ()
    assert (outcome.crashes, outcome.commands > 10, outcome.faults >= 2) == (1, True, True)


def test_a_failure_over_sockets_is_told_as_it_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_seed", lambda seed, sockets: outcome_of(seed, "broken"))
    monkeypatch.setattr(module, "shortened", lambda *asked: pytest.fail("it need not come again"))
    told: list[Failure] = []
    run_trials(range(3, 4), workers=1, state=None, failed=told.append, sockets=True)
    assert told[0].schedule == draw_schedule(3)


def test_a_market_that_stands_still_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against an exchange that has died every promise is easily kept."""

    def broken(self: FaultActs) -> None:
        raise LookupError("the exchange's own fault")

    monkeypatch.setattr(FaultActs, "carry_out", broken)
    assert attempt(1, CALM).violations == ("LookupError: the exchange's own fault",)


# ---- Running many


def outcome_of(seed: int, *violated: str, sockets: bool = False) -> Outcome:
    return Outcome(seed, 10, 5, 3, seed % 2, violated, "d", (("halt", "open", 1),))


def test_sums_are_kept_and_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_seed", outcome_of)
    state = tmp_path / "state.json"
    first = run_trials(range(1, 4), workers=1, state=state, failed=print)
    assert first.counts == {
        "seeds": 3, "steps": 30, "commands": 15, "faults": 9, "crashes": 2, "violations": 0,
    }  # fmt: skip
    assert first.met == {("halt", "open"): 3}
    monkeypatch.setattr(
        module,
        "run_seed",
        lambda seed, sockets: outcome_of(seed) if seed > 3 else pytest.fail("done before"),
    )
    second = run_trials(range(1, 6), workers=1, state=state, failed=print)
    assert (second.counts["seeds"], second.met) == (5, {("halt", "open"): 5})
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

    def needs(seed: int, schedule: Schedule, sockets: bool = False) -> Outcome:
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


def test_frames_of_one_moment_arrive_in_their_order() -> None:
    """Behind a slow one all are due at once; only a fault may change their order."""

    async def heard() -> list[bytes]:
        world = MemoryWorld(1, Plan(faults=(Fault(kind=Kind.DELAY_FRAME, delay_s=1.0),)))
        connector = world.connector()()
        socket = await connector.connect("memory/stream?streams=none@trade", StreamSettings())
        sent = [b"%d" % number for number in range(50)]
        for frame in sent:
            world.desk.register.publish("none@trade", frame)
        found = [await anext(frames) for frames in [socket.payloads()] for _ in sent]
        await world.close()
        return found

    loop = VirtualLoop()
    assert loop.run_until_complete(heard()) == [
        b'{"stream":"none@trade","data":%d}' % number for number in range(50)
    ]
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
