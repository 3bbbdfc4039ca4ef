"""What holds in every exit: it only reduces, it repeats exactly; and the working out of old inventory."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.leaving import KEY, QUIET, answers, ask, changed, holding, restarted
from tests.engine.scripted import LIMITS, Session, codes, configuration, of, strategy
from tests.engine.scripted_venue import MID, ScriptedVenue
from titan.engine.configuration import ExitSettings
from titan.engine.exit_state import Cause
from titan.engine.kernel import Kernel
from titan.model import commands as c
from titan.model import events as e
from titan.model.orders import Lifetime

# ---- It never does more than reduce ----------------------------------------------------------------------

ACTS = (
    "tick",
    "one-sided",
    "fill",
    "lose",
    "silence",
    "fail",
    "heal",
    "by-hand",
    "liquidate",
    "pause",
    "restart",
)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(-40, 40).filter(bool),
    st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 9)), max_size=14),
)
def test_an_exit_never_raises_the_position_nor_turns_it(lots, acts):
    session = holding(lots)
    sign = 1 if lots > 0 else -1
    ask(session)
    for number, (act, size) in enumerate(acts):
        session = _happens(session, act, size, number)
        held = session.venue.holdings["BTCUSDT"].lots
        assert 0 <= sign * held <= abs(lots)
        session.tick(MID + size, only=sign if act == "one-sided" else 0)
    for kinds in (session.venue.lost, session.venue.silent, session.venue.failing):
        kinds.clear()
    session.quiet(30, 0.25)
    assert session.venue.holdings["BTCUSDT"].lots == session.lots() == 0
    assert session.venue.excess == []
    assert sum(session.desk.ledger.books(KEY).values()) == 0
    session.stop()
    session.wait(2)
    summary = session.kernel.summary()
    assert summary.pnl == summary.parts.total == summary.equity_change_at_venue
    assert summary.differences == 0


def _happens(session, act, size, number):
    venue, held = session.venue, session.venue.holdings["BTCUSDT"].lots
    standing = [name for name in venue.orders if venue.alive(name)]
    hidden = {"lose": venue.lost, "silence": venue.silent, "fail": venue.failing}
    if act in hidden:
        hidden[act] |= {c.PlaceOrder, c.AmendOrder, c.CancelOrder, c.QueryAccount}
    elif act == "heal":
        for kinds in hidden.values():
            kinds.clear()
    elif act == "fill" and standing:
        order = venue.orders[standing[0]]
        session.fill(standing[0], min(size, order.size - order.filled))
    elif act == "by-hand" and held and not standing:
        name = f"by-hand-{number}"
        venue.rest(name, -1 if held > 0 else 1, MID, min(size, abs(held)), session.now)
        session.send(*venue.execute(name, venue.orders[name].size, session.now))
    elif act == "liquidate" and held and not standing:
        name = f"autoclose-{number}"
        venue.rest(name, -1 if held > 0 else 1, MID, abs(held), session.now)
        session.send(*venue.execute(name, abs(held), session.now))
    elif act == "pause":
        ask(session, "pause")
    elif act == "restart":
        for kinds in hidden.values():
            kinds.clear()
        session = restarted(session, f"20270115T09{number:02d}00Z-abcdef")
        session.start()
        session.quiet(3, 0.25)
    session.wait(size / 4)
    return session


def test_the_same_events_give_the_same_exit():
    session = holding(30)
    ask(session)
    session.fill(session.live[0].client_id, 4)
    session.quiet(3, 0.1)
    session.stop()
    kernel = Kernel(session.config, {"straddle": session.desk.hosts[0].module})
    for event, commands in session.log:
        assert kernel.step(event) == commands
        if session.log.index((event, commands)) % 7 == 0:
            kernel = Kernel(session.config, {"straddle": session.desk.hosts[0].module}, kernel.snapshot())
    assert kernel.state_hash() == session.kernel.state_hash()


# ---- Old inventory ---------------------------------------------------------------------------------------


def aged(age_s=60.0, **changes):
    session = holding(0, config=changed(
        configuration(**changes), exits=ExitSettings(max_inventory_age_s=age_s)
    ), quoting=True)  # fmt: skip
    session.fill(session.live[0].client_id, 4)
    return session


def test_old_inventory_is_worked_out_at_the_touch_and_never_harder():
    session = aged()
    assert not [x for x in of(session.quiet(58), c.PlaceOrder) if x.reduce_only]
    commands = session.quiet(4)
    (order,) = [x for x in of(commands, c.PlaceOrder) if x.reduce_only]
    assert (order.side, order.price, order.size, order.lifetime) == (-1, MID + 5, 4, Lifetime.POST_ONLY)
    assert order.strategy == "as"
    assert "4 lots of as are older than max_inventory_age_s = 60" in session.desk.markets[KEY].obstacle
    commands = session.quiet(30)
    assert {x.lifetime for x in of(commands, c.PlaceOrder)} <= {Lifetime.POST_ONLY}
    commands = session.fill(order.client_id, 4)
    commands += session.quiet(1)
    assert "exit_ended" in codes(commands)
    assert len(session.live) == 2, "it quotes again"


def test_only_what_is_too_old_is_worked_out():
    session = aged()
    session.quiet(30)
    session.fill(next(o for o in session.live if o.side > 0).client_id, 3)
    session.quiet(32)
    assert [(o.size, o.side) for o in session.live] == [(4, -1)]
    assert session.lots() == 7


def test_a_pause_ends_the_working_out_of_old_inventory():
    session = aged()
    session.quiet(62)
    assert [o.reduce_only for o in session.live] == [True]
    ask(session, "pause")
    session.quiet(1)
    assert session.live == []
    assert session.desk.exits == {}
    assert not of(session.quiet(3), c.PlaceOrder)


def test_a_flatten_takes_over_from_old_inventory():
    session = aged()
    session.quiet(62)
    ask(session)
    assert session.desk.exits[KEY].cause is Cause.OPERATOR
    session.quiet(4, 0.1)
    assert session.lots() == 0


def test_what_another_strategy_holds_the_other_way_leaves_no_room():
    session = aged(strategies=(strategy("as"), strategy("b", parameters=(2.0, 0.01, 0.0, 1))))
    other = next(o for o in session.live if o.strategy == "b" and o.side < 0)
    session.fill(other.client_id, 4)
    assert session.lots() == 0
    session.quiet(63)
    assert session.desk.exits == {}


def test_by_default_inventory_grows_as_old_as_it_likes():
    session = holding(5, quoting=True)
    session.quiet(120, 1)
    assert session.desk.exits == {}


# ---- Whose position it is --------------------------------------------------------------------------------


def books(session, **lots):
    for name, held in lots.items():
        session.desk.ledger._book(KEY, name).lots = held


def test_the_largest_book_is_closed_first_and_the_books_always_sum_to_what_the_venue_holds():
    config = configuration(
        strategies=tuple(strategy(name, parameters=(1.0, 0.0, 0.0, 1)) for name in ("a", "b", "c"))
    )
    session = holding(9, config=config)
    books(session, manual=0, a=3, b=8, c=-2)
    ask(session)
    order = session.live[0]
    assert (order.strategy, order.size) == ("b", 8)
    session.fill(order.client_id, 8)
    session.quiet(1, 0.1)
    order = session.live[0]
    assert (order.strategy, order.size) == ("a", 1), "the venue holds one more; what a and c hold cancels out"
    session.fill(order.client_id, 1)
    assert session.desk.ledger.books(KEY) == {"manual": 0, "a": 2, "b": 0, "c": -2}
    assert session.lots() == session.venue.holdings["BTCUSDT"].lots == 0


def test_executions_that_are_counted_and_not_told_yet_are_in_the_books():
    config = configuration(
        strategies=tuple(strategy(name, parameters=(1.0, 0.0, 0.0, 1)) for name in ("a", "b"))
    )
    session = holding(11, config=config)
    books(session, manual=0, a=8, b=3)
    ask(session)
    update, fill = session.venue.execute(session.live[0].client_id, 8, session.now)
    session.send(update)
    session.quiet(0.4, 0.1)
    assert [(o.strategy, o.remaining) for o in session.live if not o.ends_as] == [("b", 3)]
    session.send(fill)
    session.quiet(6, 0.1)
    assert session.desk.ledger.books(KEY) == {"manual": 0, "a": 0, "b": 0}


def test_what_no_book_accounts_for_is_closed_by_hand_as_it_were():
    session = holding(10)
    books(session, **{"as": 4})
    ask(session)
    assert (session.live[0].strategy, session.live[0].size) == ("as", 4)
    session.fill(session.live[0].client_id, 4)
    session.quiet(1, 0.1)
    assert (session.live[0].strategy, session.live[0].size) == ("manual", 6)


# ---- Where it cannot go on as it was ----------------------------------------------------------------------


def test_an_order_that_may_not_be_moved_to_the_touch_is_taken_out():
    session = holding(config=configuration(strategies=QUIET, limits=LIMITS._replace(collar_bps=1.0)))
    ask(session)
    commands = []
    for _ in range(3):
        commands += session.wait(0.2)
        commands += session.send(
            session.venue.delta(session.now, mid=MID, half_ticks=60)
        )  # 1.2 bps from the mid
    assert of(commands, c.CancelOrder)
    assert not of(commands, c.AmendOrder)
    assert "price_collar" in session.desk.exits[KEY].waiting


def test_with_no_message_left_but_those_for_cancels_it_stays_where_it_is():
    limits = LIMITS._replace(messages_per_s=1, message_burst=2, cancel_reserve=1)
    session = holding(config=configuration(strategies=QUIET, limits=limits))
    ask(session)
    commands = session.tick(MID - 3, wait_s=0.35)
    assert not of(commands, c.AmendOrder, c.CancelOrder)
    assert len(session.live) == 1


def test_an_order_in_the_way_that_nothing_is_known_of_is_asked_for_at_a_bounded_pace():
    session = holding(quoting=True)
    session.venue.failing |= {c.CancelOrder, c.QueryOrder}
    commands = ask(session) + session.quiet(10, 0.1)
    assert not of(commands, c.PlaceOrder)
    assert 8 <= len(of(commands, c.CancelOrder)) <= 16
    session.venue.failing.clear()
    session.quiet(8, 0.1)
    assert session.lots() == 0


def test_a_flatten_before_there_was_a_mid_is_measured_from_the_first_one():
    venue = ScriptedVenue("v", ("BTCUSDT",))
    venue.holdings["BTCUSDT"].lots = 10
    venue.holdings["BTCUSDT"].cost = Decimal(500)
    session = Session(configuration(strategies=QUIET), venues=[venue])
    session.send(e.SessionStarted(time_ns=session.now))
    assert "the account has not been read yet" in answers(ask(session) + session.wait(60))[0][2]
    session.streams()
    session.quiet(8, 0.1)
    assert session.lots() == 0
    assert "cost against the mid at its start" in session.desk.exits[KEY].price_paid("USDT")
    assert session.desk.exits[KEY].arrival is not None


def test_old_inventory_leaves_to_other_strategies_what_they_may_still_close():
    session = aged(strategies=(strategy("as"), strategy("b", parameters=(2.0, 0.005, 0.0, 1))))
    session.quiet(63)
    assert [(o.strategy, o.size) for o in session.live if o.side < 0] == [("b", 2), ("as", 2)]


def test_old_inventory_is_let_be_once_it_is_not_in_the_position_any_more():
    session = aged()
    session.quiet(62)
    (mine,) = session.live
    order = session.venue.orders[mine.client_id]
    order.state = "cancelled"
    by_hand = session.venue.rest("by-hand", -1, MID, 4, session.now)
    told = session.venue.execute(by_hand.client_id, 4, session.now)
    commands = session.send(*told, session.venue.update(order, session.now, "stream"))
    assert "exit_ended" in codes(commands)
    assert session.desk.exits == {}
    assert session.venue.excess == []


def test_a_resume_leaves_an_order_that_is_being_cancelled_to_its_cancel():
    session = holding()
    ask(session)
    session.venue.silent.add(c.CancelOrder)
    ask(session, "cancel", "all")
    assert not of(ask(session, "resume"), c.CancelOrder)


def test_an_order_in_the_way_is_asked_for_again_where_neither_cancel_nor_query_was_answered():
    session = holding(quoting=True)
    session.venue.silent |= {c.CancelOrder, c.QueryOrder, c.QueryOpenOrders, c.QueryAccount}
    first = ask(session)
    again = session.quiet(6, 0.1)
    assert len(of(first, c.CancelOrder)) == 2
    assert 4 <= len(of(again, c.CancelOrder)) <= 8
    assert not of(again, c.PlaceOrder)
