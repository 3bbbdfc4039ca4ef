"""Orders that take at once: their size and limit, what forbids them, and that there is never a second one."""

import math
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.pairs import (
    NOTHING,
    PAIRS,
    QUIET,
    SYMBOLS,
    Pair,
    both,
    filled,
    first_bid,
    pair,
    running,
    takes,
    under_way,
)
from tests.engine.scripted import LIMITS, Session, codes, configuration, of, strategy
from tests.engine.scripted_venue import MID, SECOND, ScriptedVenue, instrument
from titan.engine.portfolios import PortfolioHost
from titan.engine.strategies import Outlook
from titan.model import commands as c
from titan.model import events as e
from titan.model.contract import Leg, Quotes, Take
from titan.model.orders import Lifetime, OrderState

# ---- A hedge ---------------------------------------------------------------------------------------------


def test_a_fill_on_one_leg_is_hedged_by_a_take_on_the_other():
    session = running(pair(**QUIET))
    (take,) = takes(filled(session))
    assert (take.symbol, take.side, take.size, take.strategy) == ("ETHUSDT", -1, 3, "pair")
    # The bid is 49,999.50, the limit asked is 49,999.17: a sale at no less than that is one at 49,999.20.
    assert take.price == MID - 8
    assert (take.decision.wanted, take.decision.rounded) == pytest.approx((49_999.17, 49_999.2))
    assert take.decision.inventory == 0.0
    key = session.desk.config.keys[1]
    assert session.desk.ledger.strategy_lots(key, "pair") == session.lots("ETHUSDT") == -3
    fill = session.venue.fills[-1]
    assert (fill.price, fill.maker) == (MID - 5, False)
    assert not takes(both(session, 1))
    session.stop()
    both(session, 2)
    assert session.desk.differences == 0


def test_what_the_book_could_not_give_is_taken_later():
    session = running(pair(**QUIET))
    session.tick(symbol="ETHUSDT", size=2)
    session.fill(first_bid(session).client_id, 5)
    (first,) = takes(session.tick())
    assert (first.size, session.lots("ETHUSDT")) == (5, -2)
    order = session.desk.orders.get(first.client_id)
    assert (order.state, order.filled) == (OrderState.EXPIRED, 2)
    (second,) = takes(session.tick(wait_s=0.1))
    assert (second.size, session.lots("ETHUSDT")) == (3, -4)
    (third,) = takes(session.tick(wait_s=0.1))
    assert (third.size, session.lots("ETHUSDT")) == (1, -5)


def test_it_begins_the_sessions_duration():
    session = running(pair(size=0.0, **QUIET), duration_ns=SECOND)
    assert not session.desk.first_quote_ns
    session.venue.rest("by hand", 1, MID, 4, session.now)
    session.desk.ledger.adopt(session.desk.config.keys[0], "pair", 4)
    assert takes(session.tick())
    assert session.desk.first_quote_ns == session.now
    assert session.timers["duration"] == session.now + SECOND


def test_takes_go_before_quotes():
    session = running()
    session.fill(first_bid(session).client_id, 10)
    places = of(session.tick(MID + 1), c.PlaceOrder, c.AmendOrder)
    assert isinstance(places[0], c.PlaceOrder)
    assert places[0].lifetime is Lifetime.IOC
    assert len(places) > 1


# ---- Size and limit --------------------------------------------------------------------------------------


def asked(take, terms, bid=MID - 5, ask=MID + 5):
    """What the host makes of a take on its only leg."""
    module = type("One", (Pair,), {"LEGS": 1, "quote": staticmethod(lambda *_: (Leg(NOTHING, take),))})
    book = SimpleNamespace(best_bid=bid, best_bid_size=9, best_ask=ask, best_ask_size=9)
    fees = SimpleNamespace(maker=Decimal(0), taker=Decimal(0))
    outlook = Outlook(0.0, book, terms, fees, None, 1, 0, 1.0, 1.0)
    return PortfolioHost(pair(symbols=("BTCUSDT",)), module).evaluate([outlook])[0].take


kinds = st.sampled_from([
    instrument(),
    instrument(tick_size=Decimal("0.25"), lot_size=Decimal("0.01")),
    instrument(kind="inverse", multiplier=Decimal(100), lot_size=Decimal(1)),
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(kinds, st.floats(-50, 50), st.integers(-400, 400), st.floats(0, 0.999))
def test_it_is_never_larger_nor_at_a_worse_price_than_asked(terms, size, beyond, rest):
    tick = float(terms.tick_size)
    limit = (MID + beyond + rest) * tick
    found = asked(Take(size, limit), terms)
    side = 1 if size > 0 else -1
    touch = MID + 5 * side
    if found is None:
        lost = side * (limit / tick - touch) < 1e-6
        small = abs(terms.coins(1, touch * tick)) > abs(size) * (1 - 1e-3) - 1e-12
        assert lost or small or (side < 0 and abs(terms.coins(1, limit)) > abs(size) * (1 - 1e-9))
        return
    wanted, decision = found
    assert wanted.side == side
    assert side * (wanted.price * tick - limit) <= 1e-9 * limit
    assert abs(wanted.price * tick - limit) < tick * (1 + 1e-6)
    assert decision.wanted == limit
    # Wherever between the touch and the limit it trades, no more coins than asked change hands.
    for price in (touch, wanted.price):
        assert terms.coins(wanted.size, price * tick) <= abs(size) * (1 + 1e-9)
    assert wanted.size > 0


@pytest.mark.parametrize(
    "take",
    [
        Take(),
        Take(0.0, 50_000.0),
        Take(1.0),
        Take(math.nan, 50_000.0),
        Take(0.0009, 50_001.0),
        Take(1.0, 50_000.4),  # the ask is at 50,000.50
        Take(-1.0, 49_999.6),
    ],
)
def test_nothing_is_taken_where_nothing_is_asked_or_nothing_stands_at_the_limit(take):
    assert asked(take, instrument()) is None


@pytest.mark.parametrize("take", [Take(1.0, math.inf), Take(math.inf, 50_001.0), Take(-math.inf, 49_999.0)])
def test_numbers_that_mean_nothing_are_faults(take):
    with pytest.raises(ValueError, match="is not a finite number"):
        asked(take, instrument())


def test_on_an_empty_side_nothing_is_taken():
    session = running(pair(**QUIET))
    session.fill(first_bid(session).client_id, 3)
    session.send(
        e.BookDelta(
            time_ns=session.now, venue="v", symbol="ETHUSDT", first_id=session.venue._book_ids["ETHUSDT"] + 1,
            last_id=session.venue._book_ids["ETHUSDT"] + 2, previous_id=session.venue._book_ids["ETHUSDT"],
            bids=((MID - 5, 0),), asks=(),
        )
    )  # fmt: skip
    assert not takes(session.tick())
    assert not session.desk.portfolios[0].seats[1].quarantined


# ---- What forbids it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("denial", "changes", "parameters"),
    [
        ("price_collar", {"collar_bps": 1.0}, {"reach": 10.0}),
        ("order_notional", {"max_order_notional": 120.0}, {"hedges": 4.0}),
        ("gross_exposure", {"max_gross_notional": 450.0}, {"hedges": 4.0}),
        ("position_limit", {"max_position_notional": 300.0}, {"hedges": 4.0}),
        ("message_budget", {"messages_per_s": 1, "message_burst": 22}, {}),
        ("repeated_execution", {"max_executions": 1}, {}),
    ],
)
def test_the_gatekeeper_judges_it_like_any_new_order(denial, changes, parameters):
    session = running(pair(size=0.002, **QUIET, **parameters), limits=LIMITS._replace(**changes))
    commands = filled(session, 2)
    assert not takes(commands)
    assert f"denied_{denial}" in codes(commands)


def test_the_same_one_again_within_the_window_is_a_duplicate():
    session = running(pair(**QUIET), quote_interval_ns=10_000_000)
    session.venue.refusing.add(c.PlaceOrder)
    assert takes(filled(session))
    commands = session.tick(wait_s=0.02)
    assert not takes(commands)
    assert "denied_duplicate" in codes(commands)
    assert takes(session.tick(wait_s=0.05))


def holding(lots, *, limits, **parameters):
    """A session whose second leg holds lots that the first one does not make up for, beyond the limits."""
    venue = ScriptedVenue("v", SYMBOLS)
    venue.holdings["ETHUSDT"].lots = lots
    config = configuration(
        symbols=SYMBOLS, strategies=(pair(size=0.0, **QUIET, **parameters),), limits=limits
    )
    session = Session(config, modules=PAIRS, venues=[venue])
    session.start()
    return session


@pytest.mark.parametrize("lots", [8, -8])
def test_one_that_only_reduces_passes_the_limits_but_not_the_collar(lots):
    tight = LIMITS._replace(max_position_notional=10.0, max_gross_notional=10.0)
    (take,) = takes(holding(lots, limits=tight).tick())
    assert take.side * take.size == -lots
    commands = holding(lots, limits=tight._replace(collar_bps=1.0), reach=10.0).tick()
    assert not takes(commands)
    assert "denied_price_collar" in codes(commands)


def crossing(parameters, state, views):
    """The pair's answers, with quotes on the second leg inside the touch, where its hedge would meet them."""
    first, second = Pair.quote(parameters, state, views)
    mid = (views[1].bid + views[1].ask) / 2
    return first, second._replace(quotes=Quotes(mid - 0.3, 0.01, mid + 0.3, 0.01, mid, mid))


def close():
    """A session in which a hedge is wanted and a quote of the same strategy stands in its way."""
    session = running(modules={**PAIRS, "pair": type("Close", (Pair,), {"quote": staticmethod(crossing)})})
    assert second_leg(session) == {1: MID - 3, -1: MID + 3}
    session.fill(first_bid(session).client_id, 3)
    return session


def second_leg(session):
    return {o.side: o.price for o in session.live if o.symbol == "ETHUSDT" and o.lifetime is not Lifetime.IOC}


def test_a_quote_of_its_own_in_the_way_is_cancelled_first_and_the_take_follows():
    session = close()
    commands = session.tick()
    assert [(x.symbol, type(x)) for x in of(commands, c.CancelOrder, c.PlaceOrder)] == [
        ("ETHUSDT", c.CancelOrder)
    ]
    assert second_leg(session) == {-1: MID + 3}
    assert "denied_self_trade" not in codes(commands)
    (take,) = takes(session.tick())
    assert (take.side, take.size, session.lots("ETHUSDT")) == (-1, 3, -3)
    session.tick()
    assert second_leg(session) == {1: MID - 3, -1: MID + 3}


def test_the_take_waits_until_the_cancel_of_that_quote_is_proven():
    session = close()
    session.venue.lost.add(c.CancelOrder)
    assert not takes(both(session, 1))
    assert second_leg(session) == {1: MID - 3, -1: MID + 3}
    session.venue.lost.clear()
    assert takes(both(session, 4))
    assert session.lots("ETHUSDT") == -3


def test_a_quote_that_is_being_moved_into_the_way_counts_where_it_goes():
    session = running(pair(half_spread=3.0))
    bid = next(o for o in session.live if (o.symbol, o.side) == ("ETHUSDT", 1))
    session.venue.silent.add(c.AmendOrder)
    session.tick(MID + 26, symbol="ETHUSDT")
    assert (bid.price, bid.pending_price, bid.state) == (MID - 30, MID - 4, OrderState.PENDING_AMEND)
    session.fill(first_bid(session).client_id, 3)
    commands = session.tick(MID, symbol="ETHUSDT")  # a sale at MID - 8 or more meets a bid at MID - 4
    assert not takes(commands)
    assert "denied_self_trade" not in codes(commands), "it waits, which is no refusal"
    session.venue.silent.clear()
    assert takes(both(session, 8)), "the amend is answered for, and the bid stands elsewhere"


def test_while_one_is_under_way_no_quote_is_placed_where_it_would_meet_it():
    session = close()
    session.tick()
    session.venue.lost.add(c.PlaceOrder)
    assert takes(session.tick())
    commands = session.tick() + session.tick()
    assert under_way(session)
    assert not of(commands, c.PlaceOrder)
    assert not [code for code in codes(commands) if code.startswith("denied")]
    assert second_leg(session) == {-1: MID + 3}


def test_another_strategys_order_in_the_way_makes_the_gatekeeper_refuse():
    other = strategy("other", symbol="ETHUSDT", parameters=(0.2, 0.01, 0.0, 1))
    session = running(pair(**QUIET), other)
    assert [o.price for o in session.live if o.strategy == "other" and o.side > 0] == [MID - 2]
    commands = filled(session)
    assert not takes(commands)
    assert "denied_self_trade" in codes(commands)
    assert session.venue.alive(next(o.client_id for o in session.live if o.strategy == "other"))
