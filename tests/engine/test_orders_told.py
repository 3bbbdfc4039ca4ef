"""Every word of a venue about a known order hands that order back, and is believed as far as it proves something."""

import pytest

from tests.engine.scripted import Session
from tests.engine.scripted_venue import SECOND
from tests.engine.test_orders import KEY, PROOF_NS, S, an_order, fill, managed, outcome, standing, update
from titan.engine import orders
from titan.model.orders import Order


def amending(size=16, price=101):
    manager, order = standing()
    manager.begin_amend(order, price, size, 20)
    return manager, order


def cancelling():
    manager, order = standing()
    manager.begin_cancel(order, 20)
    return manager, order


def doubted_amend():
    manager, order = amending()
    manager.apply_outcome(outcome("amend"))
    return manager, order


@pytest.mark.parametrize(
    ("make", "word", "state"),
    [
        (standing, update(size=8, venue_ns=10, source="stream"), S.OPEN),  # one stamp, a smaller size
        (standing, update(venue_ns=9, source="stream"), S.OPEN),  # late
        (amending, update(venue_ns=30, source="stream"), S.PENDING_AMEND),
        (cancelling, update(venue_ns=30, source="stream"), S.PENDING_CANCEL),
        (doubted_amend, update(venue_ns=30, source="stream"), S.UNKNOWN),
        (standing, update("cancelled", venue_ns=30), S.CANCELLED),
    ],
)
def test_a_word_hands_back_its_order_whatever_it_proves(make, word, state):
    """None would mean that the order is not known: it would be adopted a second time."""
    manager, order = make()
    assert manager.apply_update(word, PROOF_NS) is order
    assert order.state is state


def test_a_later_word_may_make_an_order_smaller():
    manager, order = standing()
    manager.apply_update(update(size=8, venue_ns=20, source="stream"))
    assert (order.size, manager.open_lots(KEY, 1)) == (8, 8)


@pytest.mark.parametrize(("source", "size"), [("answer", 5), ("stream", 10)])
def test_of_two_words_with_one_stamp_the_smaller_size_counts_only_as_the_answer_to_our_amend(source, size):
    manager, order = amending(size=5, price=100)
    manager.apply_update(update(size=5, venue_ns=10, source=source))
    assert order.size == size


def test_a_first_word_without_a_stamp_may_tell_a_smaller_order_than_was_asked_for():
    """Nothing was told before: there is no other word of the same stamp."""
    manager, order = managed()
    manager.apply_update(update(size=8, venue_ns=0))
    assert order.size == 8


def test_an_answer_that_does_not_confirm_the_amend_leaves_it_in_doubt():
    manager, order = amending()
    manager.apply_update(update(venue_ns=30, source="answer"), PROOF_NS)
    assert (order.state, order.remaining) == (S.UNKNOWN, 16)


def test_the_last_lot_ends_an_order_without_another_word():
    manager, order = standing()
    manager.apply_fill(fill(1, 10))
    assert (order.state, order.pending_size, list(manager.live())) == (S.FILLED, 0, [])


def test_an_open_order_with_an_execution_is_partly_filled():
    manager, order = standing()
    manager.apply_fill(fill(1, 4))
    assert order.state is S.PARTIALLY_FILLED


def test_a_refused_amend_of_an_order_that_has_filled_leaves_it_partly_filled():
    manager, order = standing()
    manager.apply_fill(fill(1, 4))
    manager.begin_amend(order, 101, 16, 20)
    manager.apply_outcome(outcome("amend", "rejected"))
    assert (order.state, order.remaining) == (S.PARTIALLY_FILLED, 6)


def test_an_order_that_filled_to_its_old_size_is_filled_however_the_venue_calls_its_end():
    manager, order = amending()
    manager.apply_fill(fill(1, 10))
    assert order.live, "the larger size may still be reached"
    manager.apply_update(update("cancelled", 10, venue_ns=30))
    assert order.state is S.FILLED


def test_of_an_order_that_was_only_decided_nothing_is_known():
    told = {name: getattr(an_order(), name) for name in Order.__struct_fields__ if name.endswith("_ns")}
    assert told == {**dict.fromkeys(told, 0), "created_ns": 1, "changed_ns": 1, "asked_ns": 1}
    order = an_order()
    assert (order.venue_id, order.ends_as, order.fills_read, order.live) == ("", None, False, True)
    assert (
        order.venue_filled == order.filled == order.pending_price == order.pending_size == order.absences == 0
    )


def test_an_amend_under_way_is_no_part_of_an_order_that_has_ended():
    manager, order = amending()
    manager.apply_update(update("cancelled", venue_ns=30))
    assert (order.pending_price, order.pending_size, order.remaining) == (0, 0, 0)


@pytest.mark.parametrize(
    "told", [outcome("cancel", "rejected"), outcome("place"), outcome("amend", "rejected")]
)
def test_an_outcome_hands_back_its_order(told):
    manager, order = standing()
    assert manager.apply_outcome(told) is order


def test_a_place_that_is_refused_while_its_cancel_is_on_the_way_never_stood():
    manager, order = managed()
    manager.begin_cancel(order, 20)
    manager.apply_outcome(outcome("place", "rejected"))
    assert (order.state, list(manager.live())) == (S.REJECTED, [])


def test_an_execution_that_was_booked_is_known():
    manager, _ = standing()
    assert manager.knows(fill(1, 4)) is False
    manager.apply_fill(fill(1, 4))
    assert manager.knows(fill(1, 4)) is True


def test_an_ended_order_is_remembered_for_an_hour_less_a_moment():
    session = Session()
    session.start()
    session.tick()
    bid = session.live[0]
    session.fill(bid.client_id, 10)
    ended_ns = bid.changed_ns
    session.now = ended_ns + 3_600 * SECOND - 2 * SECOND
    session.quiet(1.5)
    assert session.now < ended_ns + orders.KEEP_ENDED_NS
    assert session.desk.orders.get(bid.client_id) is bid
    session.quiet(2)
    assert session.desk.orders.get(bid.client_id) is None
