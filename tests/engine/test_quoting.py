"""From the market to orders: what makes a strategy quote, withdraw, move, and fall silent."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.scripted import LIMITS, MODULES, Session, codes, configuration, of, strategy
from tests.engine.scripted_venue import MID, SECOND, ScriptedVenue
from titan.engine.strategies import StrategyError, load_strategy
from titan.model import commands as c
from titan.model import events as e
from titan.model.orders import OrderState


def running(*, modules=None, venues=None, **changes):
    session = Session(configuration(**changes), modules=modules, venues=venues)
    session.start()
    session.tick()
    return session


@pytest.fixture
def session():
    quoting = running()
    assert [(o.side, o.price, o.size) for o in quoting.live] == [(1, MID - 10, 10), (-1, MID + 10, 10)]
    return quoting


# ---- The market ------------------------------------------------------------------------------------------


def test_quotes_follow_the_market_by_amends(session):
    commands = session.tick(MID + 3)
    assert sorted((a.side, a.price, a.size) for a in of(commands, c.AmendOrder)) == [
        (-1, MID + 13, 10),
        (1, MID - 7, 10),
    ]
    assert not of(commands, c.PlaceOrder, c.CancelOrder)
    assert of(commands, c.AmendOrder)[0].decision.fair_value == pytest.approx((MID + 3) / 10)


def test_without_amends_an_order_is_cancelled_and_placed_anew_once_that_is_proven():
    session = running(use_amend=False)
    session.venue.silent.add(c.CancelOrder)
    assert not of(session.tick(MID + 3), c.PlaceOrder)
    session.venue.silent.clear()
    session.quiet(4)
    assert sorted(order.price for order in session.live) == [MID - 7, MID + 13]


def test_a_strategy_is_asked_no_more_often_than_the_interval(session):
    assert not of(session.tick(MID + 3, wait_s=0.09), c.AmendOrder)
    assert of(session.tick(MID + 3, wait_s=0.01), c.AmendOrder)


def test_trades_reach_the_strategy(session):
    for side, size in ((1, 300), (1, 200), (-1, 100)):
        session.send(
            e.TradePrint(
                time_ns=session.now, venue="v", symbol="BTCUSDT", trade_id=1, price=MID, size=size, side=side
            )
        )
    session.tick()
    assert session.desk.hosts[0].state.flow == pytest.approx(0.4)


def test_a_mark_price_reaches_the_checks_and_a_strange_one_nobody(session):
    def mark(symbol):
        return e.MarkPrice(
            time_ns=session.now, venue="v", symbol=symbol, mark=Decimal("50000.1"), index=Decimal(50000),
            funding_rate=0.0001, next_funding_ns=session.now + SECOND,
        )  # fmt: skip

    session.send(mark("BTCUSDT"), mark("OTHER"))
    assert [market.mark.mark for market in session.desk.markets.values()] == [Decimal("50000.1")]
    session.tick(MID + 2)
    assert session.desk.hosts[0].quarantined == ""


def test_strange_instruments_are_no_business_of_ours(session):
    strange = msgspec.structs.replace(session.venue.delta(session.now), symbol="OTHER")
    top = e.TopOfBook(
        time_ns=session.now, venue="v", symbol="OTHER", update_id=1, bid=1, bid_size=1, ask=2, ask_size=1
    )
    assert session.send(strange, top) == []
    bad = e.BadFrame(time_ns=session.now, venue="v", symbol="OTHER", reason="?")
    assert codes(session.send(bad)) == ["bad_frame"]
    assert len(session.live) == 2


def gone(session, commands):
    """All quotes are pulled, and come back with the next good book."""
    assert len(of(commands, c.CancelOrder)) == 2
    assert not session.live
    assert len(of(session.quiet(2), c.PlaceOrder)) == 2


@pytest.mark.parametrize("symbol", ["", "BTCUSDT"])
def test_a_bad_frame_pulls_the_quotes_and_rebuilds_the_book(session, symbol):
    commands = session.send(e.BadFrame(time_ns=session.now, venue="v", symbol=symbol, reason="negative size"))
    assert codes(commands)[:2] == ["bad_frame", "not_quoting"]
    gone(session, commands)


def test_a_gap_in_the_book_pulls_the_quotes(session):
    session.venue._book_ids["BTCUSDT"] += 5
    commands = session.tick()
    assert codes(commands)[0] == "book_doubtful"
    gone(session, commands)


def test_a_touch_that_differs_from_the_venues_own_pulls_the_quotes(session):
    def top(update_id, bid, ask):
        return e.TopOfBook(
            time_ns=session.now, venue="v", symbol="BTCUSDT", update_id=update_id, bid=bid, bid_size=2000, ask=ask,
            ask_size=2000,
        )  # fmt: skip

    assert session.send(top(session.venue._book_ids["BTCUSDT"], MID - 5, MID + 5)) == []
    commands = session.send(top(session.venue._book_ids["BTCUSDT"], MID + 5, MID - 5))
    assert codes(commands)[0] == "book_doubtful"
    gone(session, commands)


def test_a_touch_is_not_judged_across_those_that_were_left_out(session):
    def top(update_id, bid, ask):
        return e.TopOfBook(
            time_ns=session.now, venue="v", symbol="BTCUSDT", update_id=update_id, bid=bid, bid_size=2000, ask=ask,
            ask_size=2000,
        )  # fmt: skip

    assert session.send(top(session.venue._book_ids["BTCUSDT"] + 1, MID - 7, MID + 7)) == []
    session.tick()
    session.send(e.TopsLeftOut(time_ns=session.now, venue="v", symbol="BTCUSDT"))
    assert "book_doubtful" not in codes(
        session.send(top(session.venue._book_ids["BTCUSDT"] + 1, MID - 6, MID + 6))
    )
    session.tick()
    last = session.venue._book_ids["BTCUSDT"]
    assert "book_doubtful" in codes(session.send(top(last + 1, MID - 5, MID + 5)))


def test_a_book_with_one_side_pulls_the_quotes(session):
    delta = session.venue.delta(session.now)
    bare = msgspec.structs.replace(delta, asks=tuple((price, 0) for price, _ in delta.asks))
    commands = session.send(bare)
    assert session.desk.hosts[0].obstacle == "a side of the book is empty"
    gone(session, commands)


def test_a_book_that_falls_silent_is_stale_though_mark_prices_come(session):
    for _ in range(7):
        commands = session.wait(1)
        session.send(
            e.MarkPrice(
                time_ns=session.now, venue="v", symbol="BTCUSDT", mark=Decimal(50000), index=Decimal(50000),
                funding_rate=0.0, next_funding_ns=0,
            )
        )  # fmt: skip
        if "stale_book" in codes(commands):
            break
    assert session.now - session.desk.markets[session.desk.config.keys[0]].heard_ns > 5 * SECOND
    gone(session, commands)


@pytest.mark.parametrize("stream", ["market", "private"])
def test_a_stream_that_drops_pulls_the_quotes_until_all_is_read_again(session, stream):
    commands = session.streams(up=False, which=[stream])
    assert codes(commands)[0] == f"{stream}_stream_down"
    assert len(of(commands, c.CancelOrder)) == 2
    session.tick()
    assert not session.live
    session.held = []
    commands = session.streams(which=[stream])
    assert bool(of(commands, c.QueryOpenOrders, c.QueryFills)) == (stream == "private")
    assert not of(session.tick(), c.PlaceOrder)
    session.release()
    session.quiet(2)
    assert len(session.live) == 2


def test_a_depth_that_cannot_be_had_is_asked_for_once_a_second(session):
    session.venue.failing.add(c.RequestBook)
    session.streams(up=False, which=["market"])
    session.streams(which=["market"])
    commands = session.quiet(5, step_s=0.1)
    assert 4 <= len(of(commands, c.RequestBook)) <= 6
    assert "query_failed" in codes(commands)


# ---- Strategies ------------------------------------------------------------------------------------------


def test_a_strategy_that_raises_is_quarantined_and_the_others_go_on():
    strategies = (strategy("bad", parameters=(2.0, 0.01, 3.0, 1)), strategy("good"))
    session = running(strategies=strategies)
    commands = session.tick(MID + 1) + session.tick(MID + 2)
    assert codes(commands)[:2] == ["strategy_quarantined", "not_quoting"]
    assert {order.strategy for order in session.live} == {"good"}
    assert session.desk.hosts[0].quarantined == "ArithmeticError: a strategy's own fault"
    commands = session.quiet(3)
    assert not {"not_quoting", "quoting"} & set(codes(commands)), "each obstacle is told once"
    assert {order.strategy for order in session.live} == {"good"}


def test_sizes_that_round_to_nothing_are_not_quoted():
    session = running(strategies=(strategy(parameters=(1.0, 0.0004, 0.0, 1)),))
    assert session.live == []


def test_layers_stand_behind_each_other():
    session = running(strategies=(strategy(parameters=(1.0, 0.01, 0.0, 3)),))
    assert sorted(o.price - MID for o in session.live) == [-20, -15, -10, 10, 15, 20]


def test_a_strategy_is_loaded_by_its_name():
    assert hasattr(load_strategy("titan.strategy.avellaneda_stoikov"), "quote")
    with pytest.raises(StrategyError, match=r"code = titan\.nonsense: cannot be imported"):
        load_strategy("titan.nonsense")
    with pytest.raises(StrategyError, match=r"code = json: lacks Parameters, State, initial, update, quote"):
        load_strategy("json")


# ---- Answers ---------------------------------------------------------------------------------------------


def test_a_refused_place_leaves_nothing_and_is_told():
    session = Session()
    session.venue.refusing.add(c.PlaceOrder)
    session.start()
    assert "place_rejected" in codes(session.tick())
    assert session.live == []


def test_silence_about_a_place_counts_and_adds_no_second_order():
    session = Session()
    session.venue.silent.add(c.PlaceOrder)
    session.start()
    session.tick()
    session.quiet(1)
    assert [order.state for order in session.live] == [OrderState.INTENT] * 2
    commands = session.quiet(3)
    assert not of(commands, c.PlaceOrder)
    assert len(of(commands, c.QueryOrder)) == 2
    assert [order.state for order in session.live] == [OrderState.OPEN] * 2


def test_a_lost_place_is_asked_about_twice_with_executions_read_and_then_closed():
    session = Session()
    session.venue.lost.add(c.PlaceOrder)
    session.start()
    session.tick()
    first = [order.client_id for order in session.live]
    commands = session.quiet(7)
    assert not of(commands, c.PlaceOrder)
    commands = session.quiet(7)
    told = [
        type(event).__name__ for event, _ in session.log if isinstance(event, e.OrderAbsent | e.FillsQueried)
    ]
    assert told.count("OrderAbsent") >= 4
    assert codes(commands).count("order_absent") == 2
    assert all(session.desk.orders.get(name).state is OrderState.REJECTED for name in first)


def test_an_unclear_cancel_is_not_repeated_with_every_change_of_the_book(session):
    session.venue.failing |= {c.CancelOrder, c.QueryOrder}
    session.send(e.OperatorAction(time_ns=session.now, action="pause", target="", who="Ada", why="look"))
    assert len(of(session.quiet(1.8, step_s=0.1), c.CancelOrder)) == 0
    assert len(of(session.quiet(2.5, step_s=0.1), c.CancelOrder)) == 4


def test_an_order_that_the_venue_has_ended_is_not_cancelled_again(session):
    update, fill = session.venue.execute(session.live[0].client_id, 10, session.now)
    session.venue.fills.clear()
    session.send(update)
    commands = session.quiet(3, step_s=0.1)
    assert not of(commands, c.CancelOrder)
    assert of(commands, c.QueryFills), "its executions are asked for"
    assert not [place for place in of(commands, c.PlaceOrder) if place.side > 0]
    session.send(fill)
    assert [place.side for place in of(session.tick(), c.PlaceOrder)] == [1]


def test_a_refused_amend_is_followed_by_a_query(session):
    session.venue.refusing.add(c.AmendOrder)
    commands = session.tick(MID + 3)
    assert codes(commands).count("amend_rejected") == 2
    assert len(of(commands, c.QueryOrder)) == 2
    assert [order.price for order in session.live] == [MID - 10, MID + 10]


def test_a_wallet_update_is_only_a_hint(session):
    update = e.BalanceUpdate(time_ns=session.now, venue="v", balances=(), cause="ORDER")
    assert session.send(update) == []


# ---- Denials ---------------------------------------------------------------------------------------------


def test_a_denial_is_told_once():
    session = running(limits=LIMITS._replace(max_order_notional=10.0))
    commands = [command for _, out in session.log for command in out] + session.quiet(3)
    assert codes(commands).count("denied_order_notional") == 1
    assert session.live == []


def test_an_amend_that_is_denied_takes_the_order_away(session):
    session.venue.terms["BTCUSDT"] = msgspec.structs.replace(session.venue.terms["BTCUSDT"], max_lots=4)
    session.send(e.InstrumentUpdate(time_ns=session.now, instrument=session.venue.terms["BTCUSDT"]))
    commands = session.tick(MID + 3)
    assert "denied_over_max_size" in codes(commands)
    assert len(of(commands, c.CancelOrder)) == 2


def test_without_budget_a_quote_stays_unless_the_market_goes_through_it():
    session = running(limits=LIMITS._replace(messages_per_s=1, message_burst=12, cancel_reserve=10))
    assert session.desk.gate.messages("v", session.now) == 10
    commands = session.tick(MID + 3)
    assert "denied_message_budget" in codes(commands)
    assert [x.client_id for x in of(commands, c.CancelOrder)] == [
        name for name, order in session.venue.orders.items() if order.side < 0
    ], "the ask must move up and may not stay"
    assert [order.price for order in session.live] == [MID - 10]


def test_two_venues_keep_their_own_books_and_budgets():
    strategies = (strategy("here"), strategy("there", venue="w"))
    session = Session(
        configuration(venues=("v", "w"), strategies=strategies), venues=[ScriptedVenue("v"), ScriptedVenue("w")],
        modules=MODULES,
    )  # fmt: skip
    session.start()
    session.tick()
    session.tick(venue="w", mid=MID + 50)
    assert {(o.venue, o.price) for o in session.live} == {
        ("v", MID - 10), ("v", MID + 10), ("w", MID + 40), ("w", MID + 60)
    }  # fmt: skip
    session.streams(up=False, venue="w")
    assert {order.venue for order in session.live} == {"v"}
