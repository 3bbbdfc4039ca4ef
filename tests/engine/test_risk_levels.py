"""Losses, marks, margin and shortfall shut the desk by degrees: what each level lets pass, and how it is left."""

import math
from decimal import Decimal

import pytest

from tests.engine.pairs import PAIRS
from tests.engine.scripted import LIMITS, RISK, SESSION, Session, codes, configuration, of, strategy
from tests.engine.scripted_venue import MID, SECOND
from tests.engine.test_operator import answers, ask
from titan.engine.configuration import StrategyConfig
from titan.engine.desk import Phase
from titan.engine.judgement import judge
from titan.model import commands as c
from titan.model import events as e
from titan.model.orders import Lifetime
from titan.risk.denials import Denial
from titan.risk.shutdown import Level

DAY = 86_400 * SECOND
LATER = SESSION.replace("abcdef", "abcde0")
TIGHT = LIMITS._replace(max_daily_loss=2.0)
QUIET = RISK._replace(max_mark_age_s=0.0)


def holding(risk=QUIET, limits=TIGHT, lots=10, **changes):
    """A session that holds `lots` of its own buying: each tick of the mid is worth 0.0001 a lot."""
    session = Session(configuration(limits=limits, risk=risk, **changes))
    session.start()
    session.tick()
    bid = next(order for order in session.live if order.side > 0)
    session.fill(bid.client_id, lots)
    return session


def fall(session, money, lots=10):
    """Let what is held lose `money` since the beginning, and the check see it."""
    commands = session.tick(MID - round(money / (lots * 0.0001)))
    return commands + session.wait(1)


def level(session):
    return session.desk.level


def notices(commands, code):
    return [command.message for command in of(commands, c.Notice) if command.code == code]


def restarted(session, *, after_s=0, session_id=LATER, **changes):
    config = configuration(limits=session.config.limits, risk=session.config.risk, session=session_id)
    for name, value in changes.items():
        config = type(config)(**{**{f: getattr(config, f) for f in config.__struct_fields__}, name: value})
    return Session(
        config,
        snapshot=session.kernel.snapshot(),
        venues=[session.venue],
        start_ns=session.now + after_s * SECOND,
    )


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


# ---- Where the numbers come from -----------------------------------------------------------------------


def test_lesson_4_realised_losses_reach_the_risk_state():
    session = holding()
    session.quiet(1)
    session.tick(MID - 1200)
    session.tick(MID - 1200)
    ask_order = next(order for order in session.live if order.side < 0)
    session.venue.orders[ask_order.client_id].price = MID - 1195
    session.fill(ask_order.client_id, 10, price=MID - 1195)
    session.wait(1)
    assert session.lots() == 0
    lost = float(session.desk.day_loss)
    assert lost > 1.0
    assert session.desk.risk.measures["daily_loss"] == lost == -float(session.kernel.summary().pnl)
    assert level(session) is Level.CAUTION


def test_an_execution_is_seen_at_once():
    session = holding()
    session.tick(MID - 1100)
    assert level(session) is Level.NORMAL
    ask_order = next(order for order in session.live if order.side < 0)
    session.fill(ask_order.client_id, 1)
    assert level(session) is Level.CAUTION


def test_lesson_5_a_gain_is_no_loss_and_a_shortfall_keeps_its_sign():
    session = holding(risk=QUIET._replace(max_drawdown=1.0, max_loss_per_bucket=1.0, max_shortfall=100.0))
    session.tick(MID + 20_000)
    session.send(result(session, shortfall=-500.0))
    session.wait(1)
    measures = session.desk.risk.measures
    assert level(session) is Level.NORMAL
    assert measures["daily_loss"] < -1.9
    assert measures["drawdown"] == 0.0
    assert measures["bucket_loss"] < 0
    assert measures["shortfall"] == -500.0


def test_a_profit_given_back_is_a_drawdown_and_no_days_loss():
    session = holding(risk=QUIET._replace(max_drawdown=2.0))
    fall(session, -5.0)
    fall(session, -3.8)
    levels = session.desk.risk.channel_levels
    assert (levels["daily_loss"], levels["drawdown"]) == (Level.NORMAL, Level.CAUTION)


def test_a_fast_loss_is_a_loss_of_its_bucket():
    session = holding(risk=QUIET._replace(max_loss_per_bucket=1.0, bucket_s=10.0), limits=LIMITS)
    for step in range(8):
        fall(session, 0.1 * step)
        session.quiet(10)
    assert level(session) is Level.NORMAL
    fall(session, 1.6)
    assert session.desk.risk.channel_levels["bucket_loss"] is Level.CRITICAL


def test_lost_prices_clear_nothing():
    session = holding(risk=QUIET._replace(dwell_s=5.0))
    fall(session, 1.5)
    bid = next(order for order in session.live)
    session.fill(bid.client_id, 1, fee_asset="BNB")
    session.venue.mids["BTCUSDT"] = MID
    session.quiet(30)
    assert session.desk.pnl is None
    assert session.desk.risk.measures["daily_loss"] != session.desk.risk.measures["daily_loss"]
    assert level(session) is Level.WARNING
    session.now += DAY
    session.quiet(10)
    assert level(session) is Level.WARNING, "nor does a midnight at which nothing is known"


def mark(session, age_s=0.0, symbol="BTCUSDT", price=50_000):
    return e.MarkPrice(
        time_ns=session.now - round(age_s * SECOND), venue="v", symbol=symbol, mark=Decimal(price),
        index=Decimal(price), funding_rate=0.0, next_funding_ns=0,
    )  # fmt: skip


def test_an_old_mark_warns_and_never_more():
    session = holding(risk=RISK._replace(max_mark_age_s=10.0, dwell_s=5.0))
    session.send(mark(session))
    session.quiet(8)
    assert level(session) is Level.NORMAL
    session.quiet(4)
    assert level(session) is Level.WARNING
    session.quiet(600, step_s=5)
    assert level(session) is Level.WARNING
    for _ in range(10):
        session.send(mark(session))
        session.quiet(1)
    assert level(session) is Level.NORMAL


def test_a_mark_that_never_came_is_as_old_as_the_session():
    session = holding(risk=RISK._replace(max_mark_age_s=10.0))
    session.quiet(12)
    assert level(session) is Level.WARNING


@pytest.mark.parametrize(
    ("maintenance", "balance", "expected"),
    [
        ("100", "1000", Level.NORMAL),
        ("450", "1000", Level.CAUTION),
        ("700", "1000", Level.CRITICAL),
        ("900", "1000", Level.STOP),
        ("1", "0", Level.STOP),
        ("1", "-5", Level.STOP),
        ("0", "0", Level.NORMAL),
    ],
)
def test_the_margin_ratio_is_the_venues(maintenance, balance, expected):
    session = holding()
    session.venue.margin = (Decimal(maintenance), Decimal(balance))
    session.quiet(7)
    assert level(session) is expected


def test_an_account_that_is_not_read_any_more_clears_nothing():
    session = holding(risk=QUIET._replace(dwell_s=5.0))
    session.venue.margin = (Decimal(450), Decimal(1000))
    session.quiet(7)
    session.venue.margin = (Decimal(1), Decimal(1000))
    session.venue.failing.add(c.QueryAccount)
    session.quiet(60)
    assert level(session) is Level.CAUTION
    session.venue.failing.clear()
    session.quiet(20)
    assert level(session) is Level.NORMAL


@pytest.mark.parametrize(
    ("liquidation", "expected"),
    [
        ("40000", Level.NORMAL),
        ("45600", Level.CAUTION),
        ("46600", Level.WARNING),
        ("47200", Level.CRITICAL),
        ("47600", Level.STOP),
        ("51000", Level.STOP),
        ("0", Level.NORMAL),
    ],
)
def test_the_distance_to_liquidation_is_taken_at_the_present_mark(liquidation, expected):
    session = holding()
    session.venue.liquidations["BTCUSDT"] = Decimal(liquidation)
    session.quiet(7)
    assert level(session) is expected


def test_the_mark_moves_towards_a_liquidation_price_between_two_reads_of_the_account():
    session = holding(risk=RISK._replace(max_mark_age_s=100.0))
    session.venue.liquidations["BTCUSDT"] = Decimal(40_000)
    session.quiet(7)
    session.venue.failing.add(c.QueryAccount)
    session.send(mark(session, price=42_000))
    session.wait(1)
    assert session.desk.risk.measures["liquidation"] == pytest.approx(2 / 42)
    assert level(session) is Level.STOP


def test_a_venue_that_does_not_say_is_unknown_and_sets_nothing():
    session = holding()
    session.quiet(7)
    measures = session.desk.risk.measures
    assert measures["margin_ratio"] != measures["margin_ratio"]
    assert measures["liquidation"] != measures["liquidation"]
    assert level(session) is Level.NORMAL


# ---- Risk results --------------------------------------------------------------------------------------


def result(session, shortfall=90.0, **changes):
    stated = {
        "source": "study", "currency": "USDT", "shortfall": shortfall, "parts": (), "stresses": (),
        "computed_ns": session.now, "expires_ns": session.now + 60 * SECOND, **changes,
    }  # fmt: skip
    return e.RiskResult(time_ns=session.now, **stated)


def test_a_shortfall_beyond_its_budget_shuts_the_desk_and_expired_it_clears_nothing():
    session = holding(risk=QUIET._replace(max_shortfall=100.0, dwell_s=5.0))
    session.send(result(session, 72.0))
    session.wait(1)
    assert level(session) is Level.WARNING
    session.quiet(100, step_s=1)
    assert level(session) is Level.WARNING
    assert session.desk.risk.measures["shortfall"] != session.desk.risk.measures["shortfall"]
    session.send(result(session, 20.0))
    session.quiet(8)
    assert level(session) is Level.NORMAL


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"currency": "EUR"}, "currency = EUR"),
        ({"shortfall": float("inf")}, "finite"),
        ({"stresses": (e.StressLoss("crash", float("nan")),)}, "finite"),
        ({"parts": (e.RiskPart("v", "BTCUSDT", 80.0),)}, "parts sum to 80"),
        ({"computed_ns": 2 * 10**18}, "must hold"),
        ({"expires_ns": 1}, "must hold"),
        ({"computed_ns": 5}, "at least that of the one held"),
    ],
)
def test_a_result_that_contradicts_itself_is_refused(changes, word):
    session = holding(risk=QUIET._replace(max_shortfall=100.0))
    held = result(session, 10.0, parts=(e.RiskPart("v", "BTCUSDT", 10.0),))
    session.send(held)
    (text,) = notices(session.send(result(session, **changes)), "risk_result_refused")
    assert word in text
    assert session.desk.risk.result == held


# ---- Restart and midnight ------------------------------------------------------------------------------


def test_midnight_clears_the_days_latches_below_stop_and_no_others():
    session = holding(risk=QUIET._replace(max_drawdown=2.0))
    fall(session, 1.5)
    session.now = (session.now // DAY + 1) * DAY - 3 * SECOND
    session.tick()
    session.wait(1)
    assert session.desk.risk.channel_levels["daily_loss"] is Level.WARNING
    session.quiet(5)
    levels = session.desk.risk.channel_levels
    assert (levels["daily_loss"], levels["drawdown"]) == (Level.NORMAL, Level.WARNING)
    assert session.desk.day_loss == 0


def test_a_restart_keeps_latches_and_counters():
    session = holding(risk=QUIET._replace(max_drawdown=3.0, max_loss_per_bucket=3.0))
    fall(session, 1.75)
    profit, levels = session.desk.risk.profit, session.desk.risk.channel_levels
    second = restarted(session, after_s=1)
    assert (level(second), second.desk.risk.channel_levels) == (Level.CRITICAL, levels)
    second.start()
    second.quiet(2)
    assert second.desk.risk.profit.now == pytest.approx(profit.now)
    assert second.desk.risk.profit.peak == profit.peak
    assert float(second.desk.day_loss) == pytest.approx(-profit.now)
    assert not [x for _, out in second.log for x in of(out, c.PlaceOrder) if x.side > 0]


def test_a_restart_after_midnight_forgives_the_day_and_keeps_stop():
    session = holding()
    fall(session, 1.75)
    tomorrow = restarted(session, after_s=86_400)
    tomorrow.start()
    tomorrow.quiet(1)
    assert level(tomorrow) is Level.NORMAL
    fall(session, 2.5)
    tomorrow = restarted(session, after_s=86_400)
    tomorrow.start()
    tomorrow.quiet(1)
    assert level(tomorrow) is Level.STOP


def test_what_is_lost_between_two_sessions_counts_for_the_day():
    session = holding()
    fall(session, 0.5)
    session.stop()
    session.venue.mids["BTCUSDT"] = MID - 15_000
    session.venue.delta(session.now, mid=MID - 1_500)
    second = restarted(session, after_s=60)
    commands = second.start()
    second.tick(MID - 1_500)
    second.wait(1)
    assert float(second.desk.day_loss) == pytest.approx(1.5, abs=0.02)
    assert second.kernel.summary().pnl == 0, "it is in no session's P&L"
    assert level(second) is Level.WARNING
    assert notices(commands, "earned_between")
    third = restarted(second, after_s=1, session_id=SESSION.replace("abcdef", "abcde1"))
    third.start()
    third.quiet(1)
    assert float(third.desk.day_loss) == pytest.approx(1.5, abs=0.02), "and it is counted once"


def test_executions_and_funding_between_two_sessions_count_too():
    session = holding(lots=5)
    offer = next(order for order in session.live if order.side < 0)
    update, fill = session.venue.execute(
        offer.client_id, 5, session.now + 10 * SECOND, price=MID - 10_000, fee="0.1"
    )
    assert update.filled == fill.size == 5
    before = session.desk.day_loss
    second = restarted(session, after_s=60)
    second.venue.incomes.append(second.venue.pay_funding("-0.25", session.now + 11 * SECOND))
    second.start()
    second.quiet(1)
    assert second.lots() == 0
    assert float(second.desk.day_loss - before) == pytest.approx(5.0 + 0.1 + 0.25)


def test_an_unknown_profit_at_the_end_forgets_nothing():
    session = holding()
    fall(session, 1.5)
    session.fill(session.live[0].client_id, 1, fee_asset="BNB")
    session.wait(1)
    assert session.desk.pnl is None
    second = restarted(session, after_s=1)
    assert float(second.desk.day_loss) == pytest.approx(1.5, abs=0.01)
    second.start()
    assert level(second) is Level.WARNING


def test_lesson_20_a_restart_with_other_limits_is_judged_by_them():
    session = holding()
    fall(session, 1.5)
    assert level(session) is Level.WARNING
    wider = restarted(session, after_s=1, limits=LIMITS, risk=QUIET._replace(dwell_s=5.0))
    wider.start()
    wider.quiet(10)
    assert level(wider) is Level.NORMAL
    assert wider.desk.gate.limits.max_daily_loss == wider.desk.risk.limits["daily_loss"] == 1_000.0
    tighter = restarted(session, after_s=1, limits=LIMITS._replace(max_daily_loss=1.2))
    tighter.start()
    tighter.quiet(1)
    assert level(tighter) is Level.STOP


def test_a_channel_that_is_watched_no_more_is_gone_and_its_stop_is_not():
    session = holding(risk=QUIET._replace(max_drawdown=2.0), limits=LIMITS)
    fall(session, 2.5)
    second = restarted(session, after_s=1, risk=QUIET)
    assert "drawdown" not in second.desk.risk.channel_levels
    assert level(second) is Level.STOP
    assert second.desk.halted == "risk: drawdown (max_drawdown = 2)"


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
