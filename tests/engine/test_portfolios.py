"""Strategies over several instruments: when they are asked, what they are shown, and what falls silent with them."""

import math
from decimal import Decimal

import msgspec
import pytest

from tests.engine.pairs import NOTHING, PAIRS, SYMBOLS, Pair, pair, running
from tests.engine.scripted import Session, codes, configuration, of, strategy
from tests.engine.scripted_venue import MID, SECOND, ScriptedVenue, instrument
from titan.engine.portfolios import PortfolioHost
from titan.engine.strategies import StrategyError
from titan.model import commands as c
from titan.model import events as e
from titan.model.contract import Leg, Quotes
from titan.model.orders import OrderState


@pytest.fixture
def session():
    Pair.calls.clear()
    quoting = running()
    assert standing(quoting) == EVERYTHING
    return quoting


EVERYTHING = {(symbol, side) for symbol in SYMBOLS for side in (1, -1)}


def standing(session):
    return {(order.symbol, order.side) for order in session.live}


def order_of(session, symbol, side):
    return next(order for order in session.live if (order.symbol, order.side) == (symbol, side))


def memories(session):
    return session.desk.portfolios[0].state.memories


# ---- When it is asked ------------------------------------------------------------------------------------


def test_quotes_of_both_instruments_follow_their_markets(session):
    commands = session.tick(MID + 3, symbol="ETHUSDT")
    assert sorted((a.symbol, a.price) for a in of(commands, c.AmendOrder)) == [
        ("ETHUSDT", MID - 7),
        ("ETHUSDT", MID + 13),
    ]
    commands = session.tick(MID - 2, symbol="BTCUSDT")
    assert {a.symbol for a in of(commands, c.AmendOrder)} == {"BTCUSDT"}
    assert of(commands, c.AmendOrder)[0].decision.fair_value == pytest.approx((MID - 2) / 10)


def test_it_is_asked_no_more_often_than_the_interval(session):
    asked = len(Pair.calls)
    session.tick(MID + 3, wait_s=0.09)
    session.tick(MID + 3, symbol="ETHUSDT", wait_s=0.009)
    assert len(Pair.calls) == asked
    session.tick(MID + 3, wait_s=0.001)
    assert len(Pair.calls) == asked + 1


def test_it_is_asked_once_a_step_however_many_instruments_move():
    session = running(quote_interval_ns=0)
    for event in (
        e.TimerFired(time_ns=session.now, name="check"),
        e.OperatorAction(time_ns=session.now, action="resume", target="", who="Ada", why="look"),
        session.venue.delta(session.now),
    ):
        asked = len(Pair.calls)
        session.kernel.step(event)
        assert len(Pair.calls) == asked + 1


def test_a_market_that_it_does_not_trade_is_no_reason_to_ask_it():
    session = running(pair(symbols=("ETHUSDT", "XRPUSDT")), symbols=(*SYMBOLS, "XRPUSDT"))
    asked = len(Pair.calls)
    session.kernel.step(session.venue.delta(session.now + SECOND // 5))
    assert len(Pair.calls) == asked


def test_trades_reach_it_leg_by_leg_and_count_once(session):
    for symbol, side, size in (("BTCUSDT", 1, 300), ("ETHUSDT", -1, 200), ("OTHER", 1, 500)):
        session.send(
            e.TradePrint(
                time_ns=session.now, venue="v", symbol=symbol, trade_id=1, price=MID, size=size, side=side
            )
        )
    for _ in range(2):
        session.tick()
    assert [memory.flow for memory in memories(session)] == pytest.approx([0.3, -0.2])


def test_a_mark_price_reaches_the_view_of_its_leg(session):
    session.send(
        e.MarkPrice(
            time_ns=session.now, venue="v", symbol="ETHUSDT", mark=Decimal("50000.1"), index=Decimal(50000),
            funding_rate=0.0001, next_funding_ns=session.now + SECOND,
        )
    )  # fmt: skip
    session.tick()
    first, second = Pair.calls[-1]
    assert math.isnan(first.mark_price)
    assert (second.mark_price, second.funding_rate) == (50000.1, 0.0001)


def test_quotes_are_adjusted_like_those_of_any_other_strategy():
    config = msgspec.structs.replace(pair(), minimum_edge_bps=10.0)
    session = running(config)
    assert {(o.symbol, o.price) for o in session.live if o.side > 0} == {(s, MID - 500) for s in SYMBOLS}


# ---- A leg that cannot be traded -------------------------------------------------------------------------


def touch(view):
    return (view.bid, view.ask, view.bid_size, view.ask_size)


def lose_the_book(session, symbol):
    session.venue.silent.add(c.RequestBook)
    return session.send(e.BadFrame(time_ns=session.now, venue="v", symbol=symbol, reason="negative size"))


def test_a_leg_without_a_book_is_shown_without_a_touch_and_holds_no_quotes(session):
    session.fill(order_of(session, "BTCUSDT", 1).client_id, 3)
    session.tick()
    commands = lose_the_book(session, "BTCUSDT")
    assert {x.symbol for x in of(commands, c.CancelOrder)} == {"BTCUSDT"}
    session.tick(MID + 4, symbol="ETHUSDT")
    first, second = Pair.calls[-1]
    assert all(math.isnan(number) for number in touch(first))
    assert not any(math.isnan(number) for number in touch(second))
    assert (first.inventory, second.inventory) == pytest.approx((0.003, -0.003))
    assert first.lot_size == pytest.approx(0.001)
    assert standing(session) == {("ETHUSDT", 1), ("ETHUSDT", -1)}
    assert order_of(session, "ETHUSDT", 1).price == MID - 6, "the other leg goes on"
    session.venue.silent.clear()
    session.quiet(3)
    assert standing(session) == EVERYTHING


def test_a_leg_on_a_stopped_instrument_is_shown_without_its_touch_though_there_is_one(session):
    stopped = msgspec.structs.replace(session.venue.terms["ETHUSDT"], status="BREAK")
    session.send(e.InstrumentUpdate(time_ns=session.now, instrument=stopped))
    session.tick()
    assert all(math.isnan(number) for number in touch(Pair.calls[-1][1]))
    assert standing(session) == {("BTCUSDT", 1), ("BTCUSDT", -1)}
    assert session.desk.portfolios[0].seats[1].obstacle == "the instrument is not trading"


def test_what_is_held_in_inverse_contracts_is_counted_in_coins_at_the_last_mid():
    venue = ScriptedVenue("v", SYMBOLS)
    venue.terms["BTCUSDT"] = instrument(
        "BTCUSDT", kind="inverse", multiplier=Decimal(100), lot_size=Decimal(1), min_notional=Decimal(0)
    )
    venue.holdings["BTCUSDT"].lots = 50
    config = configuration(symbols=SYMBOLS, strategies=(pair(size=0.0, second_size=0.0, hedges=0.0),))
    session = Session(config, modules=PAIRS, venues=[venue])
    session.start()
    session.tick()
    assert Pair.calls[-1][0].inventory == pytest.approx(50 * 100 / 50_000)
    lose_the_book(session, "BTCUSDT")
    session.tick(symbol="ETHUSDT")
    assert math.isnan(Pair.calls[-1][0].bid)
    assert Pair.calls[-1][0].inventory == pytest.approx(50 * 100 / 50_000)


@pytest.mark.parametrize("mark", [None, 40_000])
def test_before_a_mid_is_known_the_mark_stands_in_for_it(session, mark):
    market = session.desk.markets[session.desk.config.keys[0]]
    market.mid_half_ticks = 0
    market.mark = mark and e.MarkPrice(
        time_ns=session.now, venue="v", symbol="BTCUSDT", mark=Decimal(mark), index=Decimal(mark),
        funding_rate=0.0, next_funding_ns=0,
    )  # fmt: skip
    market.instrument = msgspec.structs.replace(market.terms, kind="inverse", multiplier=Decimal(100))
    lose_the_book(session, "BTCUSDT")
    session.tick(symbol="ETHUSDT")
    lot = Pair.calls[-1][0].lot_size
    assert lot == pytest.approx(0.001 * 100 / mark) if mark else math.isnan(lot)


def test_its_answer_for_a_leg_that_cannot_be_traded_is_not_even_read():
    def quote(parameters, state, views):
        first, second = Pair.quote(parameters, state, views)
        return (None if math.isnan(views[0].bid) else first, second)

    session = running(modules=variant(quote=quote))
    lose_the_book(session, "BTCUSDT")
    session.tick(MID + 4, symbol="ETHUSDT")
    assert not session.desk.portfolios[0].seats[0].quarantined
    assert standing(session) == {("ETHUSDT", 1), ("ETHUSDT", -1)}


def test_its_orders_are_ended_only_by_the_venue(session):
    session.venue.silent.add(c.CancelOrder)
    lose_the_book(session, "BTCUSDT")
    assert {o.state for o in session.live if o.symbol == "BTCUSDT"} == {OrderState.PENDING_CANCEL}


# ---- The session as a whole ------------------------------------------------------------------------------


def act(session, action):
    return session.send(
        e.OperatorAction(time_ns=session.now, action=action, target="", who="Ada", why="look")
    )


@pytest.mark.parametrize(
    ("halt", "mend"),
    [
        (lambda session: act(session, "pause"), lambda session: act(session, "resume")),
        (lambda session: session.streams(up=False, which=["private"]), Session.streams),
        (lambda session: session.streams(up=False, which=["market"]), Session.streams),
    ],
)
def test_where_nothing_may_be_quoted_every_leg_is_withdrawn_and_it_is_not_asked(session, halt, mend):
    asked, placed = len(Pair.calls), set(session.venue.orders)
    commands = halt(session)
    assert {x.client_id for x in of(commands, c.CancelOrder)} == placed
    session.tick()
    session.tick(symbol="ETHUSDT")
    assert len(Pair.calls) == asked
    assert not session.live
    mend(session)
    for symbol in SYMBOLS:
        session.wait(1)
        session.tick(symbol=symbol)
    session.quiet(1)
    assert standing(session) == EVERYTHING


def test_the_stop_takes_every_leg_out_of_the_book(session):
    session.stop()
    session.quiet(2)
    assert session.ended.exit_code == 0
    assert not session.live


# ---- Faults of its own -----------------------------------------------------------------------------------


def test_one_that_raises_is_quarantined_on_every_leg_and_the_others_go_on():
    session = running(pair("bad", raise_at=3), strategy("good"), pair("fine", half_spread=2.0))
    commands = session.tick(MID + 1) + session.tick(MID + 2)
    assert codes(commands).count("strategy_quarantined") == 1
    assert codes(commands).count("not_quoting") == 2
    assert {order.strategy for order in session.live} == {"good", "fine"}
    assert {order.symbol for order in session.live if order.strategy == "fine"} == set(SYMBOLS)
    bad = session.desk.portfolios[0]
    assert [seat.quarantined for seat in bad.seats] == ["ArithmeticError: a strategy's own fault"] * 2
    assert not {"not_quoting", "quoting"} & set(codes(session.quiet(3))), "each obstacle is told once"


def variant(**functions):
    return {**PAIRS, "pair": type("Variant", (Pair,), {n: staticmethod(f) for n, f in functions.items()})}


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ((Leg(NOTHING),), "StrategyError: quote returned 1 legs for 2 instruments"),
        ((Leg(NOTHING),) * 3, "StrategyError: quote returned 3 legs for 2 instruments"),
        (
            (Leg(NOTHING), Leg(Quotes(9.0, 1.0, 8.0, 1.0, 9.0, 8.5))),
            "ValueError: bid = 9.0: must be < ask = 9.0",
        ),
        ((Leg(NOTHING), None), "AttributeError: 'NoneType' object has no attribute 'quotes'"),
    ],
)
def test_answers_that_do_not_fit_quarantine_it(answer, fault):
    session = running(modules=variant(quote=lambda parameters, state, views: answer))
    assert [seat.quarantined for seat in session.desk.portfolios[0].seats] == [fault] * 2
    assert not session.live


@pytest.mark.parametrize(
    ("needed", "symbols", "message"),
    [
        (2, ("A",), r"\[strategy\.pair\] symbols = A: must be 2 symbols for this code, there are 1"),
        (2, ("A", "B", "C"), r"must be 2 symbols for this code, there are 3"),
        (0, ("A", "A"), r"\[strategy\.pair\] symbols = A, A: each symbol may stand there once"),
        (-1, ("A",), r"\[strategy\.pair\] code: LEGS = -1: must be a whole number of instruments"),
        (1.5, ("A",), r"LEGS = 1\.5: must be a whole number"),
        (True, ("A",), r"LEGS = True: must be a whole number"),
        (None, ("A",), r"LEGS = None: must be a whole number"),
    ],
)
def test_symbols_that_the_code_cannot_work_on_are_refused(needed, symbols, message):
    module = type("Module", (Pair,), {"LEGS": needed})
    with pytest.raises(StrategyError, match=message):
        PortfolioHost(pair(symbols=symbols), module)


@pytest.mark.parametrize("symbols", [("A",), ("A", "B", "C")])
def test_a_code_for_any_number_of_symbols_takes_what_is_given(symbols):
    host = PortfolioHost(pair(symbols=symbols), type("Module", (Pair,), {"LEGS": 0}))
    assert [seat.key.symbol for seat in host.seats] == list(symbols)
    assert len(host.state.memories) == len(symbols)
