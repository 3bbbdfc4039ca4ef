"""Amends, silence and memory: what is not answered counts, what is not proven stays, what is restored is the same."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.test_orders import (
    KEY,
    PROOF_NS,
    S,
    absent,
    an_order,
    fill,
    managed,
    outcome,
    standing,
    update,
)
from titan.engine import orders
from titan.engine.orders import KEEP_ENDED_NS, OrderManager
from titan.model.instruments import InstrumentKey

# ---- Amends ----------------------------------------------------------------------------------------------


def amending(size=16):
    manager, order = standing()
    manager.begin_amend(order, 101, size, 20)
    return manager, order


def test_the_worse_size_counts_while_an_amend_is_under_way():
    assert amending(16)[0].open_lots(KEY, 1) == 16
    assert amending(4)[0].open_lots(KEY, 1) == 10


def test_an_amend_is_confirmed_by_its_answer():
    manager, order = amending()
    manager.apply_update(update(price=101, size=16, venue_ns=30))
    assert (order.state, order.price, order.size, order.pending_size) == (S.OPEN, 101, 16, 0)


def test_a_word_of_the_old_terms_does_not_end_an_amend():
    manager, order = amending()
    manager.apply_update(update("partially_filled", 2, venue_ns=30, source="stream"))
    assert (order.state, order.venue_filled, order.remaining) == (S.PENDING_AMEND, 2, 16)


def test_an_amend_without_answer_counts_until_it_can_no_longer_arrive():
    manager, order = amending()
    manager.apply_outcome(outcome("amend"))
    order.queried_ns = 20 + PROOF_NS
    manager.apply_update(update(venue_ns=30, source="query"), PROOF_NS)
    assert (order.state, order.remaining) == (S.UNKNOWN, 16)
    order.queried_ns += 1
    manager.apply_update(update(venue_ns=30, source="query"), PROOF_NS)
    assert (order.state, order.remaining) == (S.OPEN, 10)


def test_a_refused_amend_leaves_the_old_terms():
    for filled, state in ((0, S.OPEN), (3, S.PARTIALLY_FILLED)):
        manager, order = amending()
        manager.apply_update(update(filled=filled, venue_ns=25, source="stream"))
        manager.apply_outcome(outcome("amend", "rejected"))
        assert (order.state, order.remaining, order.pending_price) == (state, 10, 0)
    manager, order = amending()
    manager.doubt(order, 25)
    manager.apply_outcome(outcome("amend", "rejected"))
    assert (order.state, order.remaining) == (S.UNKNOWN, 10)


def test_an_order_that_ends_larger_than_known_is_not_over_filled():
    """As when its amend was lost with the end of a journal, or made by hand."""
    manager, order = standing(size=10)
    ended = msgspec.structs.replace(update("filled", 14, venue_ns=30, source="query"), size=14)
    manager.apply_update(ended)
    for number, size in ((1, 4), (2, 10)):
        manager.apply_fill(fill(number, size))
    assert (order.state, order.filled, order.size) == (S.FILLED, 14, 14)


def test_an_execution_proves_an_amend_that_has_had_no_answer():
    manager, order = amending(16)
    manager.doubt(order, 25)
    manager.apply_fill(fill(1, 16))
    assert (order.state, order.filled, order.size) == (S.FILLED, 16, 16)


def test_an_execution_beyond_every_size_leaves_the_size_for_the_alarm():
    manager, order = amending(16)
    manager.apply_fill(fill(1, 17))
    assert (order.filled, order.size) == (17, 10)


# ---- Silence ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["place", "amend", "cancel"])
def test_an_outcome_that_proves_nothing_leaves_the_order_unknown_and_counted(action):
    manager, order = managed() if action == "place" else standing()
    manager.apply_outcome(outcome(action))
    assert (order.state, manager.open_lots(KEY, 1)) == (S.UNKNOWN, 10)


def test_silence_about_a_place_that_the_stream_has_confirmed_means_nothing():
    manager, order = standing()
    manager.apply_outcome(outcome("place"))
    assert order.state is S.OPEN


def test_a_refused_cancel_leaves_the_order_to_be_asked_about():
    manager, order = standing()
    manager.begin_cancel(order, 20)
    manager.apply_outcome(outcome("cancel", "rejected"))
    assert order.state is S.UNKNOWN
    manager.apply_update(update(source="query", venue_ns=10))
    assert order.state is S.OPEN


def test_only_a_query_shows_that_a_cancel_did_not_work():
    manager, order = standing()
    manager.begin_cancel(order, 20)
    manager.apply_update(update(venue_ns=30, source="stream"))
    assert order.state is S.PENDING_CANCEL
    manager.apply_update(update(venue_ns=30, source="query"))
    assert order.state is S.OPEN


def test_no_such_order_is_no_proof_while_the_order_may_be_on_its_way():
    manager, order = managed(created_ns=100)
    manager.apply_absence(absent(100 + PROOF_NS), PROOF_NS)
    assert (order.state, order.absences) == (S.UNKNOWN, 0)
    manager.apply_absence(absent(101 + PROOF_NS), PROOF_NS)
    assert order.absences == 1


def test_a_cancel_does_not_put_off_the_proof():
    manager, order = managed(created_ns=100)
    order.asked_ns = 100 + PROOF_NS
    manager.apply_absence(absent(101 + PROOF_NS), PROOF_NS)
    assert order.absences == 1


def test_executions_must_be_read_after_the_first_absence():
    manager, order = managed()
    order.fills_read = True
    manager.apply_absence(absent(8_000), PROOF_NS)
    assert not order.fills_read
    order.fills_read = True
    manager.apply_absence(absent(8_001), PROOF_NS)
    assert (order.absences, order.fills_read) == (2, True)


def test_a_word_in_between_begins_the_proof_anew():
    manager, order = managed()
    manager.apply_absence(absent(8_000), PROOF_NS)
    manager.apply_update(update(source="query"))
    assert (order.state, order.absences) == (S.OPEN, 0)


def test_absence_proves_nothing_about_an_order_that_waits_for_its_executions():
    manager, order = standing()
    manager.apply_update(update("cancelled", 4, venue_ns=20))
    manager.apply_absence(absent(8_000), PROOF_NS)
    assert (order.absences, order.remaining) == (0, 4)


def test_how_an_absent_order_ends():
    manager, order = managed()
    manager.conclude_absent(order, 9)
    assert order.state is S.REJECTED
    manager, order = standing()
    manager.apply_fill(fill(1, 4))
    manager.apply_update(update("partially_filled", 6, venue_ns=21))
    manager.doubt(order, 30)
    manager.conclude_absent(order, 40)
    assert (order.state, manager.open_lots(KEY, 1)) == (S.CANCELLED, 0)


# ---- Memory ----------------------------------------------------------------------------------------------


def test_ended_orders_are_forgotten_after_a_while_and_live_ones_never():
    manager, order = standing()
    other = an_order("b")
    manager.add(other)
    manager.apply_update(update("cancelled", venue_ns=50))
    manager.forget(50)
    assert manager.get("a") is order
    manager.forget(51 + KEEP_ENDED_NS)
    assert (manager.get("a"), manager.get("b")) == (None, other)
    assert manager.find(fill(1, 1), "", "7") is None


def test_no_more_ended_orders_are_remembered_than_the_bound(monkeypatch):
    monkeypatch.setattr(orders, "MOST_ENDED", 3)
    manager = OrderManager()
    for number in range(7):
        manager.add(an_order(f"o{number}"))
        if number != 1:
            manager.apply_outcome(outcome("place", "rejected", f"o{number}"))
    manager.forget(0)
    assert [name for name in (f"o{n}" for n in range(7)) if manager.get(name)] == ["o1", "o4", "o5", "o6"]


def test_orders_are_listed_by_instrument_and_then_by_age():
    manager = OrderManager()
    for client_id, symbol in (("b", "Z"), ("a", "Z"), ("c", "A")):
        manager.add(an_order(client_id, symbol=symbol))
    assert [o.client_id for o in manager.live()] == ["c", "b", "a"]
    assert [o.client_id for o in manager.live(InstrumentKey("v", "Z"))] == ["b", "a"]
    assert manager.open_lots(InstrumentKey("v", "Z"), 1, without="b") == 10
    assert manager.open_lots(InstrumentKey("v", "Z"), -1) == 0


def test_a_new_grid_never_makes_an_order_smaller():
    manager, order = standing(size=15, price=100)
    order.filled, order.pending_size, order.pending_price = 5, 25, 102
    manager.rekey(KEY, Decimal(2), Decimal("0.1"))
    assert (order.price, order.pending_price) == (200, 204)
    assert (order.size, order.pending_size, order.filled, order.remaining) == (2, 3, 0, 3)


def test_a_restored_manager_is_the_same():
    manager, order = amending()
    manager.add(an_order("b"))
    manager.apply_fill(fill(1, 4))
    again = OrderManager()
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(manager.snapshot())))
    assert again.snapshot() == manager.snapshot()
    assert [o.client_id for o in again.live()] == [o.client_id for o in manager.live()]
    assert not again.apply_fill(fill(1, 4))
    assert again.apply_fill(fill(2, 4, client_id=""))
    assert again.get("a").filled == order.filled + 4
