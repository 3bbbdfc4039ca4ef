"""What the gatekeeper asks of an order's limits: every number that it gathers, against the desk as it stands."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.scripted import LIMITS
from tests.engine.scripted_venue import MID
from tests.engine.test_judgement import desk_of, with_mark, with_orders
from titan.engine import judgement
from titan.engine.permission import permitted, restriction
from titan.engine.router import Wanted
from titan.model.orders import Lifetime, OrderState
from titan.risk.budget import RecentOrder
from titan.risk.limits import Exposure, MarketReference, OrderRequest
from titan.risk.shutdown import Level

D = Decimal
TWO = ("BTCUSDT", "ETHUSDT")


@pytest.fixture
def asked(monkeypatch):
    """The arguments of the last judgement, which refuses nothing."""
    seen = {}

    def evaluate(order, exposure, market, settings):
        seen.update(order=order, exposure=exposure, market=market, settings=settings)

    monkeypatch.setattr(judgement, "evaluate", evaluate)

    def ask(session, **changes):
        market = session.desk.markets[session.desk.config.keys[0]]
        order = {"strategy": "as", "side": 1, "price": MID - 50, "size": 10, **changes}
        assert judgement.judge(session.desk, market, **order) is None
        return seen

    return ask


def test_an_order_is_asked_about_as_it_is(asked):
    session = desk_of()
    seen = asked(session)
    assert seen["order"] == OrderRequest(1, MID - 50, 10, D("499.950"), 0, reduce_only=False, post_only=True)
    assert seen["settings"] is session.desk.gate.limits
    taking = asked(session, side=-1, price=MID + 50, size=20, post_only=False, reduce_only=True)["order"]
    assert taking == OrderRequest(-1, MID + 50, 20, D("1000.100"), 0, reduce_only=True, post_only=False)


def test_the_account_is_asked_about_at_its_worst(asked):
    session = with_orders(
        desk_of(lots=7),
        (1, MID - 60, 5),
        (1, MID - 55, 6),
        (1, MID - 58, 1),
        (-1, MID + 60, 3),
        (-1, MID + 57, 4),
        (-1, MID + 62, 2),
    )
    desk = session.desk
    for _ in range(3):
        desk.gate.note_execution("as", session.now)
    desk.gate.note_order(desk.config.keys[0], RecentOrder(session.now, 1, MID - 50, 10))
    desk.pnl = D(-12)
    exposure = asked(session)["exposure"]
    assert exposure == Exposure(
        position=7, buying=12, selling=9, gross_elsewhere=D(0), open_orders=6, own_bid=MID - 55,
        own_ask=MID + 57, messages=desk.gate.messages("v", session.now), duplicates=1, executions=3,
        day_loss=D(12), may_increase=True,
    )  # fmt: skip
    assert exposure.messages == LIMITS.message_burst


def test_without_orders_of_ours_there_is_nothing_to_cross(asked):
    exposure = asked(desk_of())["exposure"]
    assert (exposure.own_bid, exposure.own_ask, exposure.open_orders) == (0, 0, 0)
    assert (exposure.buying, exposure.selling, exposure.duplicates) == (0, 0, 0)


def test_an_order_that_is_amended_counts_as_replaced_and_nowhere_else(asked):
    session = with_orders(desk_of(), (1, MID - 60, 5), (1, MID - 70, 8))
    first = session.live[0]
    first.filled = 2
    session.desk.gate.note_order(session.desk.config.keys[0], RecentOrder(session.now, 1, MID - 50, 10))
    seen = asked(session, replaces=first)
    assert seen["order"].replaced == 3
    exposure = seen["exposure"]
    assert (exposure.buying, exposure.open_orders, exposure.own_bid, exposure.duplicates) == (
        8,
        1,
        MID - 70,
        0,
    )


def test_amends_under_way_count_at_the_nearer_price(asked):
    session = with_orders(desk_of(), (1, MID - 60, 5), (-1, MID + 60, 5))
    bid, offer = session.live
    session.desk.orders.begin_amend(bid, MID - 90, 5, session.now)
    session.desk.orders.begin_amend(offer, MID + 90, 5, session.now)
    exposure = asked(session)["exposure"]
    assert (exposure.own_bid, exposure.own_ask) == (MID - 60, MID + 60)


def test_an_exit_is_judged_by_the_position_that_the_venue_has_just_stated(asked):
    """Which what the venue has ended is a part of, its executions told or not."""
    session = with_orders(desk_of(lots=7), (1, MID - 60, 5), (1, MID - 70, 8))
    ended = session.live[0]
    ended.ends_as, ended.venue_filled = OrderState.CANCELLED, 4
    exposure = asked(session, confirmed=-3)["exposure"]
    assert (exposure.position, exposure.buying, exposure.open_orders) == (-3, 8, 1)
    assert asked(session, confirmed=0)["exposure"].position == 0
    exposure = asked(session)["exposure"]
    assert (exposure.position, exposure.buying, exposure.open_orders) == (7, 12, 2)


@pytest.mark.parametrize(
    ("held", "orders", "worst"),
    [
        (0, (), 0),
        (4, (), 4),
        (-4, (), 4),
        (4, ((1, 3), (-1, 5)), 7),
        (-4, ((1, 3), (-1, 5)), 9),
        (0, ((-1, 5),), 5),
        (4, ((-1, 4),), 4),
        (-4, ((1, 4),), 4),
    ],
)
def test_the_others_count_at_what_they_may_come_to(asked, held, orders, worst):
    session = desk_of(symbols=TWO, others=held)
    with_orders(session, *((side, MID, size) for side, size in orders))
    for order in session.live:
        session.desk.orders.drop(order)
        order.symbol = "ETHUSDT"
        session.desk.orders.add(order)
    mid = session.desk.markets[session.desk.config.keys[1]].mid
    assert asked(session)["exposure"].gross_elsewhere == worst * mid * D("0.001")


def test_another_instrument_that_holds_nothing_needs_no_price(asked):
    session = desk_of(symbols=TWO)
    session.desk.markets[session.desk.config.keys[1]].mid_half_ticks = 0
    assert asked(session)["exposure"].gross_elsewhere == 0


def test_the_market_is_asked_about_as_the_venue_last_told_it(asked):
    session = with_mark(desk_of(), 50_010)
    market = session.desk.markets[session.desk.config.keys[0]]
    terms = market.terms
    assert asked(session)["market"] == MarketReference(
        trading=True, min_lots=terms.min_lots, max_lots=terms.max_lots, min_notional=terms.min_notional,
        reference=D(market.mid_half_ticks) / 2, mark=D(500_100), band_down=terms.band_down,
        band_up=terms.band_up, best_bid=market.book.best_bid, best_ask=market.book.best_ask,
        lot_notional=market.mid * D("0.001"), conversion=D(1),
    )  # fmt: skip
    assert market.book.best_bid < MID < market.book.best_ask
    assert asked(session)["market"].reference == MID


def test_without_a_mark_the_band_is_around_the_mid_and_without_a_mid_nothing_is_known(asked):
    session = desk_of()
    market = session.desk.markets[session.desk.config.keys[0]]
    market.mark = None
    assert asked(session)["market"].mark == MID
    market.mid_half_ticks = 0
    seen = asked(session)["market"]
    assert (seen.reference, seen.mark, seen.lot_notional) == (None, None, None)


@pytest.mark.parametrize("empty", ["best_bid", "best_ask"])
def test_an_exit_in_a_market_with_one_side_is_judged_against_the_mark(asked, monkeypatch, empty):
    session = with_mark(desk_of(), 50_010)
    market = session.desk.markets[session.desk.config.keys[0]]
    assert asked(session, reduce_only=True)["market"].reference == MID, "two sides: the mid"
    monkeypatch.setattr(type(market.book), empty, 0)
    assert asked(session)["market"].reference == MID, "not an exit"
    assert asked(session, reduce_only=True)["market"].reference == 500_100
    market.mark = None
    assert asked(session, reduce_only=True)["market"].reference == MID


# ---- What may stand at CRITICAL ------------------------------------------------------------------------------


def at_critical(session, monkeypatch):
    monkeypatch.setattr(type(session.desk), "level", Level.CRITICAL)
    return session


def quotes(*wanted):
    return [(Wanted(side=side, price=MID - 5 * side, size=size), None) for side, size in wanted]


def stands(session, *wanted, strategy="as"):
    market = session.desk.markets[session.desk.config.keys[0]]
    kept = permitted(session.desk, market, strategy, quotes(*wanted))
    return [(each.side, each.size) for each, _ in kept]


def test_below_critical_everything_that_is_wanted_stands():
    session = desk_of(lots=3)
    assert stands(session, (1, 5), (-1, 9)) == [(1, 5), (-1, 9)]
    assert restriction(session.desk) == ""


@pytest.mark.parametrize(
    ("held", "expected"),
    [(7, [(-1, 5), (-1, 2)]), (-7, [(1, 4), (1, 3)]), (5, [(-1, 5)]), (0, [])],
)
def test_at_critical_quotes_are_cut_to_what_closes_the_position(monkeypatch, held, expected):
    session = at_critical(desk_of(lots=held), monkeypatch)
    assert stands(session, (1, 4), (1, 6), (-1, 5), (-1, 5)) == expected
    assert restriction(session.desk).startswith("risk is CRITICAL: only orders that reduce pass; ")


def test_what_closes_the_position_is_dealt_out_once(monkeypatch):
    session = at_critical(desk_of(lots=7), monkeypatch)
    assert stands(session, (-1, 5), (-1, 2), (-1, 1)) == [(-1, 5), (-1, 2)]


def test_what_others_and_takers_may_close_is_left_to_them(monkeypatch):
    session = with_orders(desk_of(lots=10), (-1, MID + 60, 3), (-1, MID + 70, 2), (1, MID - 60, 4))
    own, taker, other_side = session.live
    assert own.strategy == taker.strategy == other_side.strategy == "as"
    at_critical(session, monkeypatch)
    assert stands(session, (-1, 20)) == [(-1, 10)], "its own quotes are these"
    taker.lifetime = Lifetime.IOC
    assert stands(session, (-1, 20)) == [(-1, 8)]
    assert stands(session, (-1, 20), strategy="glft") == [(-1, 5)]
    other = msgspec.structs.replace(own, client_id="x", size=9)
    session.desk.orders.add(other)
    assert stands(session, (-1, 20), strategy="glft") == [], "they close all of it"
