"""The gatekeeper's memory: budgets by venue, orders by instrument, executions by strategy, each for its window."""

import msgspec
import pytest

from titan.engine.gatekeeper import Gatekeeper
from titan.model.instruments import InstrumentKey
from titan.risk.budget import RecentOrder
from titan.risk.limits import LimitSettings

SECOND_NS = 10**9
HERE, THERE = InstrumentKey("v", "S"), InstrumentKey("w", "S")
LIMITS = LimitSettings(
    messages_per_s=2, message_burst=5, duplicate_window_s=0.5, execution_window_s=3.0, max_executions=9
)


def a_gate(venues=("v", "w")):
    return Gatekeeper(LIMITS, venues)


def test_a_budget_begins_full_and_each_message_of_its_venue_takes_one():
    gate = a_gate()
    assert gate.messages("v", 0) == 5
    for _ in range(6):
        gate.note_message("v", 0)
    assert (gate.messages("v", 0), gate.messages("w", 0)) == (-1, 5)


def test_a_budget_refills_by_the_second_up_to_its_most():
    gate = a_gate()
    for _ in range(5):
        gate.note_message("v", SECOND_NS)
    assert gate.messages("v", SECOND_NS) == 0
    assert gate.messages("v", 2 * SECOND_NS) == 2
    assert gate.messages("v", 9 * SECOND_NS) == 5


@pytest.mark.parametrize(("after_ns", "seen"), [(0, 1), (SECOND_NS // 2 - 1, 1), (SECOND_NS // 2, 0)])
def test_the_same_order_is_seen_within_its_window_on_its_instrument(after_ns, seen):
    gate = a_gate()
    gate.note_order(HERE, RecentOrder(7, 1, 100, 3))
    assert gate.duplicates(HERE, RecentOrder(7 + after_ns, 1, 100, 3)) == seen
    assert gate.duplicates(THERE, RecentOrder(7 + after_ns, 1, 100, 3)) == 0


def test_orders_are_remembered_as_long_as_their_window():
    gate = a_gate()
    for time_ns in (0, SECOND_NS // 2 - 1, SECOND_NS // 2):
        gate.note_order(HERE, RecentOrder(time_ns, 1, 100, 3))
    assert gate.duplicates(HERE, RecentOrder(SECOND_NS // 2, 1, 100, 3)) == 2
    assert len(gate.snapshot()["recent"][str(HERE)]) == 2


@pytest.mark.parametrize(("after_ns", "seen"), [(0, 2), (3 * SECOND_NS - 1, 2), (3 * SECOND_NS, 1)])
def test_executions_are_counted_within_their_window_by_strategy(after_ns, seen):
    gate = a_gate()
    gate.note_execution("as", 0)
    gate.note_execution("as", 1)
    assert (gate.executions("as", after_ns), gate.executions("glft", after_ns)) == (seen, 0)


def test_executions_are_remembered_as_long_as_their_window():
    gate = a_gate()
    for time_ns in (0, 3 * SECOND_NS - 1, 3 * SECOND_NS):
        gate.note_execution("as", time_ns)
    assert gate.snapshot()["executions"] == {"as": [3 * SECOND_NS - 1, 3 * SECOND_NS]}


def test_a_restored_gatekeeper_goes_on_where_it_was():
    gate = a_gate()
    gate.note_message("v", 0)
    gate.note_order(HERE, RecentOrder(0, 1, 100, 3))
    gate.note_execution("as", 0)
    again = a_gate()
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(gate.snapshot())))
    assert again.snapshot() == gate.snapshot()
    assert (again.messages("v", 0), again.messages("w", 0)) == (4, 5)
    assert again.duplicates(HERE, RecentOrder(1, 1, 100, 3)) == again.executions("as", 1) == 1


def test_a_venue_that_is_no_longer_configured_is_left_out_and_a_new_one_begins_full():
    gate = a_gate(("v", "w"))
    gate.note_message("v", 0)
    again = a_gate(("v", "x"))
    again.restore(gate.snapshot())
    assert set(again.snapshot()["buckets"]) == {"v", "x"}
    assert (again.messages("v", 0), again.messages("x", 0)) == (4, 5)
