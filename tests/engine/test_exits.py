"""Getting out: at the touch, then within a collar, then at the market, until the venue itself shows a position of 0."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.leaving import KEY, QUIET, answers, ask, changed, everything, holding, placed
from tests.engine.scripted import LIMITS, RISK, codes, configuration, of
from tests.engine.scripted_venue import MID, SECOND
from titan.engine.exit_state import Stage
from titan.model import commands as c
from titan.model import events as e
from titan.risk.shutdown import Level

# ---- The three stages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lots", [10, -10])
def test_first_it_stands_at_the_touch_reduce_only(lots):
    session = holding(lots)
    commands = ask(session)
    kinds = [type(x).__name__ for x in commands if not isinstance(x, c.Notice | c.SetTimer)]
    assert kinds == ["QueryAccount", "PlaceOrder"], "the venue is asked before anything is sent"
    side = -1 if lots > 0 else 1
    assert placed(commands) == [(side, MID - 5 * side, 10, "post_only")]
    assert of(commands, c.PlaceOrder)[0].reduce_only
    assert session.desk.halted == "Ada: enough"


def test_it_follows_the_touch_no_more_often_than_the_interval():
    session = holding()
    ask(session)
    assert not of(session.tick(MID - 3, wait_s=0.2), c.AmendOrder), "too soon"
    amends = of(session.wait(0.15), c.AmendOrder)
    assert [(x.price, x.size) for x in amends] == [(MID + 2, 10)]
    assert not of(session.wait(0.3), c.AmendOrder), "the touch stands still"


def test_without_amends_it_is_cancelled_and_placed_anew_from_a_position_asked_for_anew():
    config = configuration(use_amend=False, strategies=QUIET)
    session = holding(config=config)
    ask(session)
    session.tick(MID - 3, wait_s=0.1)
    kinds = [type(x).__name__ for x in session.wait(0.35) if not isinstance(x, c.Notice | c.SetTimer)]
    assert kinds[:2] == ["CancelOrder", "QueryAccount"]
    session.wait(0.3)
    assert [o.price for o in session.live] == [MID + 2]


def test_a_fill_at_the_touch_ends_it_and_the_answer_says_what_the_venue_showed_and_what_it_cost():
    session = holding()
    ask(session)
    commands = session.fill(session.live[0].client_id, 10, fee="0.1")
    (answer,) = answers(commands)
    assert answer == (
        "r-flatten",
        True,
        "v:BTCUSDT: position 0 lots, closed 10 lots; cost against the mid at its start -0.005 USDT, fees 0.1 USDT; "
        "no order of ours is open at v",
    ), "ten lots of .001 sold half a dollar above the mid: they gained half a cent"
    kinds = [type(x).__name__ for x in commands if not isinstance(x, c.Notice)]
    assert kinds[-3:] == ["QueryAccount", "QueryOpenOrders", "OperatorAnswer"]
    assert session.desk.exits[KEY].stage is Stage.FLAT


def test_unfilled_it_takes_within_the_collar_and_then_at_the_market():
    session = holding(30)
    ask(session)
    commands = []
    for _ in range(18):
        commands += session.wait(0.15)
        commands += session.send(session.venue.delta(session.now, size=1))  # one lot at a time stands across
    bound = round(MID * (1 - 0.005))
    assert placed(commands)[:3] == [(-1, bound, 30, "ioc"), (-1, bound, 29, "ioc"), (-1, bound, 28, "ioc")]
    assert placed(commands)[3] == (-1, 0, 27, "market")
    assert all(x.reduce_only for x in of(commands, c.PlaceOrder))


def test_the_market_order_is_split_by_the_venues_maximum():
    session = holding(25)
    terms = msgspec.structs.replace(session.venue.terms["BTCUSDT"], max_market_lots=10)
    session.venue.terms["BTCUSDT"] = terms
    session.send(e.InstrumentUpdate(time_ns=session.now, instrument=terms))
    commands = ask(session)
    for _ in range(50):
        commands += session.tick(
            half_ticks=4_000, wait_s=0.1
        )  # 80 bps away: outside the exit's collar, inside the desk's
    assert [x[2] for x in placed(commands) if x[3] == "market"] == [10, 10, 5]
    assert answers(commands)[0][1]
    assert session.lots() == 0


def test_one_order_is_worth_no_more_than_the_limit_of_one_order():
    session = holding(25, config=configuration(
        limits=LIMITS._replace(max_order_notional=505.0), strategies=QUIET
    ))  # fmt: skip
    assert placed(ask(session)) == [(-1, MID + 5, 10, "post_only")]
    session.quiet(8, 0.1)
    assert session.lots() == 0


def test_a_position_below_the_least_value_of_an_order_is_closed_all_the_same():
    session = holding(1)
    terms = msgspec.structs.replace(session.venue.terms["BTCUSDT"], min_notional=Decimal(1_000))
    session.send(e.InstrumentUpdate(time_ns=session.now, instrument=terms))
    assert placed(ask(session)) == [(-1, MID + 5, 1, "post_only")]


def test_flat_already_it_is_proven_by_the_venue():
    session = holding(0)
    commands = ask(session)
    assert answers(commands)[0][1:] == (
        True, "v:BTCUSDT: position 0 lots, nothing had to be closed; no order of ours is open at v",
    )  # fmt: skip
    assert of(commands, c.QueryAccount)


# ---- Nothing but a missing market keeps it ---------------------------------------------------------------


def test_quotes_of_the_strategies_are_proven_gone_before_it_begins():
    session = holding(quoting=True)
    assert len(session.live) == 2
    session.venue.silent.add(c.CancelOrder)
    commands = ask(session)
    assert len(of(commands, c.CancelOrder)) == 2
    assert not of(commands, c.PlaceOrder)
    session.venue.silent.clear()
    commands = session.quiet(6, 0.1)
    assert placed(commands)[0] == (-1, MID + 5, 10, "post_only")
    assert answers(commands)[0][1]


@pytest.mark.parametrize(
    "limits",
    [
        LIMITS._replace(
            max_position_notional=1.0, max_gross_notional=1.0, max_open_orders=0, max_executions=0
        ),
        LIMITS._replace(max_daily_loss=0.0),
    ],
)
def test_limits_do_not_keep_it(limits):
    session = holding(config=configuration(limits=limits, strategies=QUIET))
    ask(session)
    assert placed(everything(session)) == [(-1, MID + 5, 10, "post_only")]


def test_the_days_loss_does_not_keep_it():
    config = configuration(limits=LIMITS._replace(max_daily_loss=2.0), strategies=QUIET)
    session = holding(config=config)
    session.send(session.venue.delta(session.now, mid=MID - 4_000))
    session.wait(1)
    assert session.desk.risk.level is Level.STOP
    commands = ask(session) + session.quiet(6, 0.1)
    assert session.lots() == 0
    assert answers(commands)[0][:2] == ("r-flatten", True)


def test_a_stop_by_risk_during_an_exit_leaves_its_order_alone():
    config = configuration(limits=LIMITS._replace(max_daily_loss=2.0), strategies=QUIET)
    session = holding(config=config)
    ask(session)
    (order,) = session.live
    commands = session.send(session.venue.delta(session.now, mid=MID - 4_000)) + session.wait(0.25)
    assert not of(commands, c.CancelOrder)
    assert order.live


def test_the_end_that_the_days_loss_brings_waits_for_an_exit():
    session = holding(config=changed(
        configuration(limits=LIMITS._replace(max_daily_loss=2.0), strategies=QUIET),
        risk=RISK._replace(end_on_stop=True), flatten_at_end=True,
    ))  # fmt: skip
    session.send(session.venue.delta(session.now, mid=MID - 4_000))
    session.wait(1)
    assert session.desk.phase == "stopping"
    session.quiet(6, 0.1)
    assert session.lots() == 0
    assert (session.ended.exit_code, session.ended.left_open) == (4, ())
    summary = session.kernel.summary()
    assert summary.pnl == summary.parts.total == summary.equity_change_at_venue


def test_a_venue_that_refuses_everything_for_a_while_is_left_alone():
    session = holding()
    until_ns = session.now + 4 * SECOND
    session.send(e.VenueShut(time_ns=session.now, venue="v", until_ns=until_ns, reason="banned"))
    commands = ask(session) + session.quiet(3, 0.1)
    assert not of(commands, c.PlaceOrder, c.QueryAccount)
    assert session.desk.exits[KEY].waiting == "v refuses all requests: banned"
    session.quiet(8, 0.1)
    assert session.lots() == 0


@pytest.mark.parametrize(("change", "denial"), [
    ({"collar_bps": 0.05}, "price_collar"), ({"max_order_notional": 10.0}, "bad_size"),
])  # fmt: skip
def test_collar_and_size_bind_it_and_it_says_so(change, denial):
    session = holding(config=configuration(limits=LIMITS._replace(**change)))
    commands = ask(session) + session.quiet(3, 0.1)
    assert not of(commands, c.PlaceOrder)
    assert denial in session.desk.exits[KEY].waiting
    assert codes(commands).count("exit_waits") == 1, "the same again is the same story"


def test_in_a_market_with_one_side_it_stands_at_the_touch_until_somebody_comes():
    session = holding()
    session.send(session.venue.delta(session.now, only=-1))
    commands = ask(session)
    assert placed(commands) == [(-1, MID + 5, 10, "post_only")]
    commands = []
    for step in range(20):
        commands += session.wait(0.2)
        commands += session.send(session.venue.delta(session.now, mid=MID + step % 3, only=-1))
    assert not of(commands, c.PlaceOrder), "it moves, and never sends what could only expire"
    assert of(commands, c.AmendOrder)
    session.send(session.venue.delta(session.now))
    session.quiet(4, 0.1)
    assert session.lots() == 0


def test_with_nobody_on_its_own_side_it_stands_a_tick_before_the_other():
    session = holding()
    session.send(session.venue.delta(session.now, only=1))
    assert placed(ask(session)) == [(-1, MID - 4, 10, "post_only")]


def test_without_a_book_it_goes_to_the_market_judged_by_the_mark():
    session = holding()
    session.send(
        e.MarkPrice(
            time_ns=session.now, venue="v", symbol="BTCUSDT", mark=Decimal("49990.3"), index=Decimal(50_000),
            funding_rate=0.0, next_funding_ns=0,
        )
    )  # fmt: skip
    session.venue.failing.add(c.RequestBook)
    session.streams(up=False, which=("market",))
    ask(session)
    commands = session.wait(4)
    assert placed(commands) == [(-1, 0, 10, "market")]
    assert session.lots() == 0


def test_without_a_book_a_mark_or_a_mid_there_is_no_price_and_it_says_so():
    session = holding()
    session.venue.failing.add(c.RequestBook)
    session.streams(up=False, which=("market",))
    session.desk.markets[KEY].mid_half_ticks = 0
    ask(session)
    assert not of(session.wait(4), c.PlaceOrder)
    assert "there is no price to ask for" in session.desk.exits[KEY].waiting


def test_a_halted_symbol_is_waited_for_at_a_bounded_pace():
    session = holding()
    trading = session.venue.terms["BTCUSDT"]
    session.venue.terms["BTCUSDT"] = msgspec.structs.replace(trading, status="halted")
    session.send(e.InstrumentUpdate(time_ns=session.now, instrument=session.venue.terms["BTCUSDT"]))
    commands = ask(session) + session.quiet(20, 0.5)
    assert not of(commands, c.PlaceOrder)
    assert len(of(commands, c.QueryInstruments)) == 5
    assert "its status is halted" in session.desk.exits[KEY].waiting
    session.venue.terms["BTCUSDT"] = trading
    session.quiet(6, 0.1)
    assert placed(session.quiet(1, 0.1) + everything(session))


def test_a_venue_that_refuses_every_order_is_not_stormed_and_the_answer_says_why():
    session = holding()
    session.venue.refusing.add(c.PlaceOrder)
    commands = ask(session) + session.quiet(60, 0.1)
    sent = of(commands, c.PlaceOrder)
    assert 15 < len(sent) < 30
    (answer,) = answers(commands)
    assert not answer[1]
    assert "position 10 lots, the last place: " in answer[2]
    assert "it goes on" in answer[2]
    session.venue.refusing.clear()
    session.quiet(6, 0.1)
    assert session.lots() == 0


def test_an_account_that_cannot_be_read_is_asked_again_and_nothing_is_sent_meanwhile():
    session = holding()
    session.venue.failing.add(c.QueryAccount)
    commands = ask(session) + session.quiet(3, 0.1)
    assert not of(commands, c.PlaceOrder)
    assert 8 < len(of(commands, c.QueryAccount)) < 14
    session.venue.failing.clear()
    assert of(session.quiet(1, 0.1), c.PlaceOrder)


def test_silence_about_the_account_is_asked_about_again():
    session = holding()
    session.venue.silent.add(c.QueryAccount)
    ask(session)
    assert not of(session.quiet(1.5, 0.1), c.QueryAccount)
    assert of(session.quiet(1, 0.1), c.QueryAccount)


def test_an_answer_to_an_earlier_question_proves_nothing():
    session = holding()
    session.venue.silent.add(c.QueryAccount)
    ask(session)
    (early,) = session.venue._query_account(c.QueryAccount(venue="v", purpose="exit 7"), session.now)
    assert not of(session.send(early), c.PlaceOrder)
    (asked,) = session.venue._query_account(c.QueryAccount(venue="v", purpose="exit 1"), session.now)
    assert of(session.send(asked), c.PlaceOrder)


def test_an_execution_that_crosses_the_question_makes_it_ask_again():
    session = holding()
    by_hand = session.venue.rest("by-hand", -1, MID + 5, 4, session.now)
    session.held = []
    ask(session)
    told = session.venue.execute(by_hand.client_id, 4, session.now)
    held, session.held = session.held, None
    session.send(*told)
    commands = session.send(*held)
    assert not of(commands, c.PlaceOrder), "ten lots were stated before four were sold"
    session.quiet(1, 0.1)
    assert session.live[0].size == 6


# ---- Unknown outcomes ------------------------------------------------------------------------------------


def test_an_order_without_an_answer_is_proven_before_another_one_is_sent():
    session = holding()
    session.venue.silent.add(c.PlaceOrder)
    ask(session)
    assert not of(session.quiet(1.5, 0.1), c.PlaceOrder)
    session.venue.silent.clear()
    session.quiet(8, 0.1)
    assert session.lots() == 0
    assert session.venue.excess == []


def test_an_order_that_never_arrived_is_proven_absent_and_sent_again_under_another_name():
    session = holding()
    session.venue.lost.add(c.PlaceOrder)
    ask(session)
    session.quiet(2, 0.1)
    session.venue.lost.clear()
    session.quiet(16, 0.1)
    names = [x.client_id for x in of(everything(session), c.PlaceOrder)]
    assert len(names) == len(set(names)) >= 2
    assert session.lots() == 0


def test_a_position_of_0_with_executions_still_to_be_read_is_not_flat_yet():
    session = holding()
    ask(session)
    update, fill = session.venue.execute(session.live[0].client_id, 10, session.now)
    assert answers(session.send(update)) == []
    assert "executions of an order that has ended" in session.desk.exits[KEY].waiting
    assert answers(session.send(fill))[0][1]


def test_an_execution_of_ours_after_the_proof_opens_it_again():
    session = holding()
    ask(session)
    name = session.live[0].client_id
    session.fill(name, 10)
    assert session.desk.exits[KEY].stage is Stage.FLAT
    late = session.venue.rest(name[:-1] + "z", 1, MID - 5, 3, session.now)
    commands = session.send(*session.venue.execute(late.client_id, 3, session.now))
    assert "exit_begun" in codes(commands)
    session.quiet(4, 0.1)
    assert session.lots() == 0


def test_what_an_operator_trades_by_hand_after_the_proof_is_left_alone():
    session = holding()
    ask(session)
    session.fill(session.live[0].client_id, 10)
    by_hand = session.venue.rest("by-hand", 1, MID - 5, 3, session.now)
    session.send(*session.venue.execute(by_hand.client_id, 3, session.now))
    assert not of(session.quiet(3, 0.1), c.PlaceOrder)
    assert session.lots() == 3
