"""The order manager: legal steps only, executions once, and nothing concluded from silence."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.engine.orders import TRANSITIONS, IllegalTransition, OrderManager
from titan.model.events import CommandOutcome, Fill, OrderAbsent, OrderUpdate
from titan.model.instruments import InstrumentKey
from titan.model.orders import TERMINAL, Lifetime, Order, OrderState

S = OrderState
KEY = InstrumentKey("v", "S")
PROOF_NS = 7_000


def an_order(client_id="a", state=S.INTENT, size=10, **changes):
    order = Order(
        venue="v", symbol="S", client_id=client_id, strategy="as", side=1, price=100, size=size,
        lifetime=Lifetime.POST_ONLY, reduce_only=False, state=state, created_ns=1, changed_ns=1, asked_ns=1,
    )  # fmt: skip
    return msgspec.structs.replace(order, **changes)


def update(
    state="open", filled=0, *, client_id="a", price=100, size=10, venue_ns=10, source="answer", venue_id="7"
):
    return OrderUpdate(
        time_ns=venue_ns, venue="v", symbol="S", venue_ns=venue_ns, client_id=client_id, venue_id=venue_id,
        state=state, side=1, price=price, size=size, filled=filled, reduce_only=False, source=source,
    )  # fmt: skip


def fill(trade_id, size, *, client_id="a", venue_id="7", venue_ns=20):
    return Fill(
        time_ns=venue_ns, venue="v", symbol="S", venue_ns=venue_ns, client_id=client_id, venue_id=venue_id,
        trade_id=str(trade_id), side=1, price=100, size=size, maker=True, fee=Decimal(0), fee_asset="USDT",
        realized=Decimal(0), source="stream",
    )  # fmt: skip


def outcome(action="place", result="unknown", client_id="a", time_ns=30):
    return CommandOutcome(
        time_ns=time_ns,
        venue="v",
        symbol="S",
        action=action,
        client_id=client_id,
        outcome=result,
        code="-1",
        message="",
    )


def absent(venue_ns, client_id="a"):
    return OrderAbsent(time_ns=venue_ns, venue="v", symbol="S", venue_ns=venue_ns, client_id=client_id)


def managed(**changes):
    manager, order = OrderManager(), an_order(**changes)
    manager.add(order)
    return manager, order


def standing(**changes):
    """A manager with one order that the venue has acknowledged."""
    manager, order = managed(**changes)
    manager.apply_update(update(size=order.size))
    return manager, order


# ---- The life of an order --------------------------------------------------------------------------------

ILLEGAL = [(old, new) for old in S for new in S if new is not old and new not in TRANSITIONS[old]]


@pytest.mark.parametrize(("old", "new"), ILLEGAL, ids=lambda state: str(state))
def test_every_step_that_is_not_listed_raises(old, new):
    manager, order = managed()
    order.state = old
    with pytest.raises(IllegalTransition, match=f"order a: {old} -> {new} is no step"):
        manager._move(order, new, 5)
    assert order.state is old


def test_ended_states_have_no_way_out_and_all_others_have_one_to_each_end():
    assert {state for state in S if not TRANSITIONS[state]} == TERMINAL
    for state in set(S) - TERMINAL:
        assert {S.FILLED, S.CANCELLED, S.EXPIRED} <= TRANSITIONS[state]


def test_a_client_id_is_never_used_twice():
    manager, _ = managed()
    with pytest.raises(IllegalTransition, match="the client id is in use"):
        manager.add(an_order())


def test_our_own_acts_obey_the_table():
    manager, order = managed()
    with pytest.raises(IllegalTransition):
        manager.begin_amend(order, 101, 10, 5)
    manager.begin_cancel(order, 5)
    assert order.state is S.PENDING_CANCEL


STATES = ["open", "partially_filled", "filled", "cancelled", "rejected", "expired"]
words = st.one_of(
    st.builds(
        update,
        st.sampled_from(STATES),
        st.integers(0, 12),
        price=st.sampled_from([100, 101]),
        size=st.sampled_from([10, 12]),
        venue_ns=st.integers(1, 30),
        source=st.sampled_from(["answer", "stream", "query"]),
        venue_id=st.sampled_from(["", "7"]),
    ),
    st.builds(fill, st.integers(1, 6), st.integers(1, 6), client_id=st.sampled_from(["a", ""])),
    st.builds(
        outcome,
        st.sampled_from(["place", "amend", "cancel"]),
        st.sampled_from(["rejected", "unknown", "not_sent"]),
    ),
    st.builds(absent, st.integers(1, 9_000)),
    st.sampled_from(["amend", "cancel", "doubt"]),
)


@given(st.lists(words, max_size=25))
def test_nothing_that_a_venue_says_can_raise_or_lower_what_is_filled(told):
    manager, order = managed()
    for word in told:
        filled, told_filled, ended = order.filled, order.venue_filled, not order.live
        match word:
            case OrderUpdate():
                manager.apply_update(word, PROOF_NS)
            case Fill():
                manager.apply_fill(word)
            case CommandOutcome():
                manager.apply_outcome(word)
            case OrderAbsent():
                manager.apply_absence(word, PROOF_NS)
            case "amend" if order.state in {S.OPEN, S.PARTIALLY_FILLED}:
                manager.begin_amend(order, 101, 12, 5)
            case "cancel" if S.PENDING_CANCEL in TRANSITIONS[order.state]:
                manager.begin_cancel(order, 5)
            case "doubt" if order.live and S.UNKNOWN in TRANSITIONS[order.state]:
                manager.doubt(order, 5)
        assert order.filled >= filled
        assert order.venue_filled >= told_filled
        assert not (ended and order.live)
        assert (order in list(manager.live())) == order.live
        assert order.live or order.filled >= order.venue_filled


# ---- The venue's word ------------------------------------------------------------------------------------


def test_an_order_opens_fills_and_ends():
    manager, order = standing()
    assert (order.state, order.venue_id, manager.counts.acked) == (S.OPEN, "7", 1)
    manager.apply_update(update("partially_filled", 4, venue_ns=20, source="stream"))
    assert (order.state, order.venue_filled, order.filled, order.remaining) == (S.PARTIALLY_FILLED, 4, 0, 10)
    manager.apply_fill(fill(1, 4))
    assert order.remaining == 6
    manager.apply_update(update("filled", 10, venue_ns=30, source="stream"))
    assert order.live, "an execution is still missing here"
    assert (order.ends_as, order.remaining) == (S.FILLED, 6)
    manager.apply_fill(fill(2, 6, venue_ns=30))
    assert (order.state, order.remaining, list(manager.live())) == (S.FILLED, 0, [])


def test_late_and_repeated_updates_change_nothing():
    manager, order = standing()
    manager.apply_update(update("partially_filled", 4, venue_ns=20))
    manager.apply_update(update("open", 0, venue_ns=15))
    manager.apply_update(update("partially_filled", 2, venue_ns=25))
    manager.apply_update(update("partially_filled", 4, venue_ns=20))
    assert (order.state, order.venue_filled, order.venue_ns, manager.counts.acked) == (
        S.PARTIALLY_FILLED,
        4,
        20,
        1,
    )


def test_an_ended_order_stays_ended():
    manager, order = standing()
    manager.apply_update(update("cancelled", venue_ns=20))
    before = msgspec.to_builtins(order)
    assert manager.apply_update(update("open", venue_ns=30)) is order
    assert manager.apply_outcome(outcome("cancel", "rejected")) is order
    assert manager.apply_absence(absent(9_000), PROOF_NS) is order
    assert msgspec.to_builtins(order) == before


def test_an_end_that_arrives_late_still_ends():
    manager, order = standing()
    manager.apply_update(update("open", venue_ns=30))
    manager.apply_update(update("cancelled", venue_ns=20))
    assert order.state is S.CANCELLED


@pytest.mark.parametrize(
    ("state", "filled", "end"),
    [
        ("cancelled", 0, S.CANCELLED),
        ("cancelled", 10, S.FILLED),
        ("rejected", 0, S.CANCELLED),
        ("expired", 3, S.EXPIRED),
    ],
)
def test_how_an_acknowledged_order_ends(state, filled, end):
    manager, order = standing()
    if filled:
        manager.apply_fill(fill(1, min(filled, 9)))
        manager.apply_update(update(state, filled, venue_ns=30))
        manager.apply_fill(fill(2, filled - 9)) if filled > 9 else None
    manager.apply_update(update(state, filled, venue_ns=30))
    assert order.state is end


def test_a_rejection_without_a_venue_id_never_breaks_an_open_order():
    manager, order = managed()
    manager.apply_update(update(venue_id=""))
    manager.apply_update(update("rejected", venue_id="", venue_ns=20))
    assert order.state is S.CANCELLED


def test_a_refused_place_is_rejected():
    for result in ("rejected", "not_sent"):
        manager, order = managed()
        manager.apply_outcome(outcome("place", result))
        assert order.state is S.REJECTED
        assert manager.open_lots(KEY, 1) == 0


def test_a_refusal_cannot_end_what_has_stood_in_the_book():
    manager, order = standing()
    manager.doubt(order, 20)
    manager.apply_outcome(outcome("place", "rejected"))
    assert (order.state, manager.open_lots(KEY, 1)) == (S.UNKNOWN, 10)


def test_words_about_orders_that_are_not_known_are_handed_back():
    manager = OrderManager()
    assert manager.apply_update(update()) is None
    assert manager.apply_outcome(outcome()) is None
    assert manager.apply_absence(absent(1), 0) is None


# ---- Executions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(S))
def test_an_execution_is_booked_once_in_every_state(state):
    manager, order = managed(venue_id="7")
    order.state = state
    if state in TERMINAL:
        del manager._live[order.key][order.client_id]
    assert manager.apply_fill(fill(1, 4))
    assert not manager.apply_fill(fill(1, 4))
    assert (order.filled, order.venue_filled) == (4, 4)


def test_only_the_sessions_own_executions_are_counted_and_enter_the_digest():
    manager, _ = managed(venue_id="7")
    manager.count_fill(fill(1, 4), in_session=False)
    assert (manager.counts.fills, manager.counts.fills_before_opening, manager.counts.fills_digest) == (
        0,
        1,
        "",
    )
    manager.count_fill(fill(2, 4), in_session=True)
    assert (manager.counts.fills, manager.counts.fills_before_opening) == (1, 1)
    first = manager.counts.fills_digest
    manager.count_fill(fill(3, 4), in_session=True)
    assert len(first) == 16
    assert manager.counts.fills_digest not in {"", first}


def test_an_execution_before_the_first_answer_acknowledges_the_order():
    manager, order = managed()
    manager.apply_fill(fill(1, 4))
    assert (order.state, order.venue_id, manager.counts.acked) == (S.PARTIALLY_FILLED, "7", 1)
    manager.apply_update(update("open", 0))
    assert (order.state, order.venue_filled) == (S.PARTIALLY_FILLED, 4)


def test_an_execution_told_by_the_venues_id_alone_finds_its_order():
    manager, order = standing()
    assert manager.apply_fill(fill(1, 4, client_id=""))
    assert not manager.apply_fill(fill(1, 4)), "the same trade, now with its client id"
    assert order.filled == 4
    assert manager.find(fill(2, 1), "", "7") is order
    assert manager.find(fill(2, 1), "", "8") is None


def test_a_venues_id_belongs_to_one_instrument():
    manager, order = standing()
    stranger = msgspec.structs.replace(fill(1, 4, client_id=""), symbol="OTHER")
    assert manager.apply_fill(stranger)
    assert order.filled == 0


def test_both_halves_of_a_self_trade_are_booked():
    manager = OrderManager()
    assert manager.apply_fill(fill(1, 4, venue_id="7"))
    assert manager.apply_fill(fill(1, 4, venue_id="8"))


def test_an_adopted_order_does_not_count_twice_what_it_had_done_before():
    manager, order = managed(state=S.PARTIALLY_FILLED, venue_id="7", filled=4, venue_filled=4, adopted_ns=20)
    assert manager.apply_fill(fill(1, 4, venue_ns=20))
    assert order.filled == 4
    assert manager.apply_fill(fill(2, 3, venue_ns=21))
    assert (order.filled, order.remaining) == (7, 3)


def test_old_trade_ids_are_forgotten_first(monkeypatch):
    monkeypatch.setattr("titan.engine.orders.KEEP_TRADES", 2)
    manager = OrderManager()
    assert [manager.apply_fill(fill(t, 1)) for t in (1, 2, 3, 2, 3, 1)] == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]


def test_of_two_words_with_one_stamp_the_larger_size_counts_until_it_is_asked_anew():
    """The answer to a query of before an amend arrives behind the amend's own answer, within one stamp."""
    orders = OrderManager()
    order = an_order(size=1)
    orders.add(order)
    orders.apply_update(update(size=1, venue_ns=10))
    orders.begin_amend(order, 100, 2, 10)
    orders.apply_update(update(size=2, venue_ns=10))
    assert order.remaining == 2
    orders.apply_update(update(size=1, venue_ns=10, source="query"))
    assert order.remaining == 2, "nobody can tell which came first"
    order.queried_ns = order.changed_ns + 1
    orders.apply_update(update(size=1, venue_ns=10, source="query"))
    assert order.remaining == 1
