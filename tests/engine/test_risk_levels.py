"""What each risk level lets pass, and how it is left: smaller and wider, only what reduces, STOP."""

import math

import pytest

from tests.engine.losing import (
    DAY,
    QUIET,
    TIGHT,
    fall,
    holding,
    level,
    notices,
    restarted,
)
from tests.engine.pairs import PAIRS
from tests.engine.scripted import LIMITS, Session, codes, configuration, of, strategy
from tests.engine.test_operator import answers, ask
from titan.engine.configuration import StrategyConfig
from titan.engine.desk import Phase
from titan.engine.judgement import judge
from titan.model import commands as c
from titan.model.orders import Lifetime
from titan.risk.denials import Denial
from titan.risk.shutdown import Level

# ---- Levels and what they do ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "expected", "size", "spread"),
    [
        (0.5, Level.NORMAL, 1.0, 1.0),
        (1.1, Level.CAUTION, 0.7, 1.25),
        (1.5, Level.WARNING, 0.4, 1.75),
        (1.75, Level.CRITICAL, 0.2, 2.5),
    ],
)
def test_each_level_makes_every_quote_smaller_and_wider(lost, expected, size, spread):
    session = holding()
    fall(session, lost)
    commands = session.quiet(1)
    assert level(session) is expected
    asks = [x for x in [*of(commands, c.PlaceOrder, c.AmendOrder)] if x.side < 0]
    live = next(order for order in session.live if order.side < 0)
    mid = session.venue.mids["BTCUSDT"]
    assert live.size - live.filled == round(10 * size)
    assert live.price - mid == math.ceil(10 * spread)
    for command in asks:
        if command.decision is not None:
            assert (command.decision.size_multiplier, command.decision.spread_multiplier) == (size, spread)


def test_critical_pulls_what_adds_at_once_and_keeps_what_reduces():
    session = holding()
    session.tick()
    commands = fall(session, 1.75)
    assert level(session) is Level.CRITICAL
    assert {order.side for order in session.live} == {-1}
    assert of(commands, c.CancelOrder)
    assert "only orders that reduce pass" in session.desk.markets[session.config.keys[0]].obstacle
    assert not [x for x in of(session.quiet(3), c.PlaceOrder) if x.side > 0]


def test_critical_cuts_what_reduces_to_what_is_held():
    session = holding(risk=QUIET._replace(critical_size=1.0, warning_size=1.0, caution_size=1.0), lots=4)
    fall(session, 1.75, lots=4)
    session.quiet(2)
    assert level(session) is Level.CRITICAL
    assert [(order.side, order.remaining) for order in session.live] == [(-1, 4)]
    session.fill(session.live[0].client_id, 4)
    session.quiet(2)
    assert session.live == []


def test_critical_denies_takes_that_add_and_says_so():
    config = StrategyConfig(
        name="pair", code="pair", venue="v", symbol="BTCUSDT", legs=("BTCUSDT", "ETHUSDT"),
        parameters=(1.0, 0.01, 0.0, 1.0, 0.33, 0),
    )  # fmt: skip
    session = Session(
        configuration(symbols=("BTCUSDT", "ETHUSDT"), strategies=(config,), limits=TIGHT, risk=QUIET),
        modules=PAIRS,
    )
    session.start()
    session.tick()
    session.tick(symbol="ETHUSDT")
    first = next(order for order in session.live if order.symbol == "BTCUSDT" and order.side > 0)
    session.venue.refusing.add(c.PlaceOrder)  # the hedge is not made
    session.fill(first.client_id, 10)
    told = fall(session, 1.75)
    session.venue.refusing.clear()
    assert level(session) is Level.CRITICAL
    assert f"denied_{Denial.RISK_LEVEL}" in codes(told)
    commands = []
    for _ in range(10):
        commands += session.tick() + session.tick(symbol="ETHUSDT")
    assert not [x for x in of(commands, c.PlaceOrder) if x.symbol == "ETHUSDT" and x.lifetime is Lifetime.IOC]
    assert session.lots("ETHUSDT") == 0


@pytest.mark.parametrize("lost", [1.75, 2.5])
def test_what_reduces_is_judged_and_passes_at_critical_and_stop(lost):
    session = holding()
    fall(session, lost)
    session.venue.failing.clear()
    market = session.desk.markets[session.config.keys[0]]
    price = session.venue.mids["BTCUSDT"] + 40
    for order in list(session.live):
        session.send(
            *session.venue.answer(
                c.CancelOrder(venue="v", symbol="BTCUSDT", client_id=order.client_id), session.now
            )
        )
    sell = {"strategy": "as", "side": -1, "price": price}
    assert judge(session.desk, market, size=10, **sell) is None
    assert judge(session.desk, market, size=11, **sell) in {Denial.RISK_LEVEL, Denial.DAILY_LOSS}
    assert judge(session.desk, market, size=10, strategy="as", side=1, price=price - 80) is not None


def test_the_level_falls_only_after_the_dwell():
    session = holding(risk=QUIET._replace(dwell_s=20.0))
    fall(session, 1.1)
    assert level(session) is Level.CAUTION
    fall(session, 0.2)
    session.quiet(15)
    assert level(session) is Level.CAUTION
    commands = session.quiet(8)
    assert level(session) is Level.NORMAL
    assert notices(commands, "risk_level") == ["NORMAL (was CAUTION): every channel is calm"]


# ---- STOP ----------------------------------------------------------------------------------------------


def test_lesson_6_a_stop_by_loss_cancels_everything_proves_it_and_lives_on():
    session = holding()
    session.tick()
    commands = fall(session, 2.5)
    assert level(session) is Level.STOP
    assert session.desk.halted.startswith("the day's loss of 2.49")
    assert session.live == []
    assert all(order.state == "cancelled" for order in session.venue.orders.values() if order.filled == 0)
    assert (session.desk.phase, session.ended) == (Phase.RUNNING, None)
    assert "halted" in codes(commands)
    assert not of(session.quiet(5), c.PlaceOrder, c.AmendOrder)


def test_a_session_that_ends_in_stop_by_risk_ends_with_4():
    session = holding()
    fall(session, 2.5)
    session.stop(0)
    assert session.ended.exit_code == 4
    by_hand = holding()
    ask(by_hand, "stop")
    by_hand.stop(0)
    assert by_hand.ended.exit_code == 0, "nobody lost anything"


def test_end_on_stop_ends_the_session_once():
    session = holding(risk=QUIET._replace(end_on_stop=True))
    commands = fall(session, 2.5)
    assert session.ended.exit_code == 4
    assert "max_daily_loss = 2" in notices(commands, "stopping")[0]
    second = restarted(session)
    second.start()
    second.quiet(3)
    assert (level(second), second.ended) == (Level.STOP, None), "or nobody could ever resume"


def test_resume_releases_the_latch_and_a_cause_that_stands_stops_again_at_once():
    session = holding()
    fall(session, 2.5)
    (answer,) = answers(ask(session, "resume", why="I looked"))
    assert not answer[1]
    assert "STOP again at once: the day's loss" in answer[2]
    assert level(session) is Level.STOP
    assert not of(session.quiet(2), c.PlaceOrder)
    session.now += DAY
    session.tick()
    session.wait(1)
    assert level(session) is Level.STOP, "midnight never releases STOP"
    assert session.desk.risk.channel_levels["daily_loss"] is Level.STOP
    (answer,) = answers(ask(session, "resume", who="Ada", why="a new day"))
    assert answer[1]
    assert (level(session), session.desk.risk.state.released_by) == (Level.NORMAL, "Ada")
    session.quiet(1)
    assert session.live


def test_resume_after_a_stop_by_drawdown_accepts_the_loss():
    session = holding(risk=QUIET._replace(max_drawdown=2.0), limits=LIMITS)
    fall(session, 2.5)
    assert session.desk.halted == "risk: drawdown (max_drawdown = 2)"
    assert answers(ask(session, "resume"))[0][1]
    assert level(session) is Level.CRITICAL, "the milder latches wait for their dwell"
    session.wait(1)
    assert session.desk.risk.measures["drawdown"] == pytest.approx(0.0)


def test_stop_by_an_operator_and_by_the_kill_switch_is_the_same_stop():
    session = holding()
    ask(session, "stop")
    assert level(session) is Level.STOP
    assert session.desk.risk.level is Level.NORMAL
    fall(session, 2.5)
    assert session.desk.halted == "Ada: look", "the first reason is the one to look into"
    assert session.desk.risk.level is Level.STOP
    ask(session, "resume")
    assert session.desk.halted.startswith("the day's loss")


def test_two_strategies_may_close_a_position_once_between_them():
    strategies = (strategy("as"), strategy("bs", parameters=(2.0, 0.01, 0.0, 1)))
    session = Session(
        configuration(
            limits=TIGHT,
            strategies=strategies,
            risk=QUIET._replace(caution_size=1.0, warning_size=1.0, critical_size=1.0),
        )
    )
    session.start()
    session.tick()
    bid = next(order for order in session.live if order.side > 0)
    session.fill(bid.client_id, 10)
    fall(session, 1.75)
    session.quiet(3)
    assert sum(order.remaining for order in session.live if order.side < 0) == 10
    assert not [order for order in session.live if order.side > 0]
