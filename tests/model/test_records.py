"""Events and commands keep their names in the journal, and come back from it as they were."""

import typing
from decimal import Decimal

import msgspec
import pytest

from titan.model import commands, events
from titan.model.clock import SetClock
from titan.model.instruments import InstrumentKey
from titan.model.orders import BUY, SELL, TERMINAL, Lifetime, Order, OrderState

# These names stand in journals that have been written: none may ever change or be given to something else.
EVENT_TAGS = [
    "account_setup", "account_snapshot", "bad_frame", "balance_update", "book_delta", "book_snapshot",
    "clock_sync", "command_outcome", "fee_rates", "fill", "fills_queried", "income", "instrument",
    "kept_alive", "kill_switch", "mark_price", "open_orders", "operator", "order_absent", "order_update",
    "query_failed", "risk_inherited", "risk_result", "session_started", "settings_reloaded", "stop_requested",
    "storage_failed", "stream_state", "timer", "top_of_book", "tops_left_out", "trade", "venue_shut",
]  # fmt: skip
COMMAND_TAGS = [
    "amend", "cancel", "cancel_all", "end_session", "keep_alive", "notice", "operator_answer", "place",
    "query_account", "query_fills", "query_instruments", "query_open_orders", "query_order",
    "query_setup", "rebuild_stream", "request_book", "risk_standing", "set_timer",
]  # fmt: skip


def kinds(union):
    return typing.get_args(union)


def tags(union):
    return sorted(kind.__struct_config__.tag for kind in kinds(union))


def test_tags_are_the_committed_ones():
    assert tags(events.AnyEvent) == EVENT_TAGS
    assert tags(commands.AnyCommand) == COMMAND_TAGS


def test_no_name_means_two_things():
    assert len(set(EVENT_TAGS)) == len(EVENT_TAGS)
    assert not set(EVENT_TAGS) & set(COMMAND_TAGS)


def test_every_kind_is_in_its_union():
    def below(base):
        return {leaf for kind in base.__subclasses__() for leaf in (below(kind) or {kind})}

    assert below(events.Event) == set(kinds(events.AnyEvent))
    assert below(commands.Command) == set(kinds(commands.AnyCommand))
    assert set(kinds(events.MarketEvent)) & set(kinds(events.JournalledEvent)) == set()


EXAMPLES = [
    events.Fill(
        time_ns=1, venue="v", symbol="S", client_id="a", venue_id="7", trade_id="1", side=BUY, price=2, size=3,
        maker=True, fee=Decimal("-0.00000001"), fee_asset="USDT", realized=Decimal("1.50"), source="stream",
    ),
    events.StreamState(time_ns=1, venue="v", stream="market", up=False, reason="x"),
    events.AccountSnapshot(
        time_ns=1, venue="v", purpose="end", balances=(events.Balance("USDT", Decimal("0.10")),),
        positions=(events.Position("S", -3, Decimal(1), Decimal(2), Decimal("-3")),),
    ),
]  # fmt: skip


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event):
    decoder = msgspec.msgpack.Decoder(events.AnyEvent)
    assert decoder.decode(msgspec.msgpack.encode(event)) == event


def test_a_command_comes_back_as_it_was():
    decision = commands.Decision(
        fair_value=1.0,
        reservation=1.0,
        wanted=1.0,
        rounded=1.0,
        inventory=0.0,
        spread_multiplier=1.0,
        size_multiplier=1.0,
    )
    place = commands.PlaceOrder(
        venue="v", symbol="S", client_id="a", strategy="as", side=SELL, price=2, size=3, lifetime=Lifetime.POST_ONLY,
        reduce_only=False, decision=decision,
    )  # fmt: skip
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(place), type=commands.AnyCommand) == place
    assert place.key == EXAMPLES[0].key == InstrumentKey("v", "S")


def test_what_adds_risk_must_be_durable_first():
    assert set(commands.NEEDS_DURABLE) == {commands.PlaceOrder, commands.AmendOrder}


def test_a_set_clock_never_goes_back():
    clock = SetClock(5)
    clock.set(9)
    clock.set(7)
    assert clock.now_ns() == 9


def an_order(**changes):
    return Order(
        venue="v", symbol="S", client_id="a", strategy="as", side=BUY, price=1, size=10, lifetime=Lifetime.GTC,
        reduce_only=False, state=OrderState.OPEN, created_ns=1, changed_ns=1, **changes,
    )  # fmt: skip


def test_what_remains_of_an_order_is_its_worst_case():
    assert an_order(filled=4).remaining == 6
    assert an_order(filled=4, pending_size=12).remaining == 8
    assert an_order(filled=4, pending_size=5).remaining == 6
    assert an_order(filled=4, venue_filled=5, ends_as=OrderState.CANCELLED).remaining == 1
    assert an_order(filled=12).remaining == 0


@pytest.mark.parametrize("state", list(OrderState))
def test_an_order_lives_until_it_has_ended(state):
    order = an_order()
    order.state = state
    assert order.live is (state not in TERMINAL)
    assert order.key == InstrumentKey("v", "S")
