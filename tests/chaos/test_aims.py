"""Each trial aims a fault at its cell of the table, and the fault waits for it."""

from __future__ import annotations

import itertools
import json

import msgspec
import pytest

from titan.chaos.aims import CELLS, SELDOM, Aim, Marksman, aimed
from titan.chaos.coverage import STATES, UNREACHABLE
from titan.chaos.run import Failure, told
from titan.chaos.schedule import Schedule, draw_schedule
from titan.chaos.trial import Outcome, run_trial
from titan.loopback.fault_gate import FaultGate
from titan.loopback.faults import Fault, Kind, Plan
from titan.model.orders import OrderState

S = 1_000_000_000
REACHABLE = {(kind, state) for kind in Kind for state in STATES} - set(UNREACHABLE)


def test_every_reachable_cell_is_aimed_at_and_the_seldom_ones_more_often() -> None:
    aims = [aimed(seed).aims[0] for seed in range(len(CELLS))]
    found = [(aim.fault.kind, aim.state) for aim in aims]
    assert set(found) == REACHABLE
    assert all(found.count(cell) == SELDOM.get(cell, 1) for cell in REACHABLE)


@pytest.mark.parametrize("cell", [*sorted(SELDOM), (Kind.DUPLICATE_ID, OrderState.PENDING_CANCEL)])
def test_what_is_aimed_at_a_seldom_cell_meets_it(cell: tuple[str, str]) -> None:
    """Not in each trial, but in one of some dozens."""
    seeds = (seed for seed in itertools.count() if CELLS[seed % len(CELLS)] == cell)
    few = itertools.islice(seeds, 48)
    assert any(met[:2] == cell for seed in few for met in run_trial(seed, draw_schedule(seed)).met)


def test_a_fault_waits_for_the_state_that_it_is_aimed_at() -> None:
    fault = Fault(kind=Kind.HALT, at_s=4.0, for_s=3.0)
    marksman = Marksman([Aim(fault, OrderState.UNKNOWN)], until_s=30.0)
    assert not marksman.may(fault, {OrderState.OPEN}, 5.0)
    assert marksman.may(fault, {OrderState.OPEN, OrderState.UNKNOWN}, 5.0)
    assert not marksman.may(fault, {OrderState.UNKNOWN}, 28.0)  # it would last into the rest
    assert marksman.may(Fault(kind=Kind.HALT), (), 28.0)  # nobody has aimed this one


@pytest.mark.parametrize(
    "fault",
    [Fault(kind=Kind.SERVER_ERROR), Fault(kind=Kind.LOSE_FRAME), Fault(kind=Kind.SWEEP)],
    ids=["call", "frame", "act"],
)
def test_what_may_not_strike_strikes_later_and_once(fault: Fault) -> None:
    gate = FaultGate(Plan(faults=(fault,)), 0)

    def struck(now_ns: int) -> bool:
        found = gate.call(now_ns, "GET", "/"), gate.frame(now_ns, "market"), *gate.due_acts(now_ns)
        return any(found)

    gate.may = lambda fault, on: False
    assert not struck(1 * S)
    assert gate.next_act_ns() in {None, 0}
    gate.may = lambda fault, on: True
    assert [struck(now_ns) for now_ns in (2 * S, 3 * S)] == [True, False]
    assert gate.hits == {fault.kind: 1}


def test_an_act_that_waits_has_no_date_and_the_end_is_its_end() -> None:
    gate = FaultGate(Plan(faults=(Fault(kind=Kind.SWEEP, at_s=1.0),)), 0)
    gate.may = lambda fault, on: False
    assert gate.next_act_ns() == S
    assert list(gate.due_acts(S)) == []
    assert gate.next_act_ns() is None
    gate.end()
    gate.may = lambda fault, on: True
    assert list(gate.due_acts(2 * S)) == []


def test_a_failure_tells_what_was_aimed_at() -> None:
    schedule = draw_schedule(1)
    failure = Failure(Outcome(1, 0, 0, 0, 0, ("broken",), ""), schedule)
    aim = schedule.aims[0]
    shown = json.loads(told(failure, as_json=True))
    assert (len(shown["waits"]), shown["waits"][0]) == (len(schedule.plan.faults), aim.state)
    assert msgspec.convert(shown["plan"], Plan) == schedule.plan, "it can be given to titan exchange --faults"
    assert told(failure, as_json=False).count(f" once an order is {aim.state}") == len(schedule.aims)


def test_small_takers_and_a_slow_disk_come_where_they_are_needed() -> None:
    drawn = [draw_schedule(seed) for seed in range(len(CELLS))]
    assert all(each.nibbled == (each.aims[0].state is OrderState.PARTIALLY_FILLED) for each in drawn)
    slow = {(each.aims[0].fault.kind, each.aims[0].state) for each in drawn if each.slow_disk}
    assert slow == {
        (Kind.DUPLICATE_ID, OrderState.PENDING_CANCEL),
        (Kind.UNKNOWN_RESULT, OrderState.UNKNOWN),
    }
    assert not Schedule(Plan(), ()).nibbled
