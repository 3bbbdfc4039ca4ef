"""Where the risk state's numbers come from: the ledger alone, the venue's account, marks, and risk results."""

import math
from decimal import Decimal

import pytest

from tests.engine.losing import DAY, QUIET, fall, holding, level, mark, notices, restarted, result
from tests.engine.scripted import LIMITS, RISK
from tests.engine.scripted_venue import MID
from titan.model import commands as c
from titan.model import events as e
from titan.risk.shutdown import Level

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


def crash(loss, *others):
    return {"stresses": (e.StressLoss("crash", loss), *(e.StressLoss("rally", other) for other in others))}


def test_the_worst_stress_loss_walks_through_every_level():
    session = holding(risk=QUIET._replace(max_stress_loss=1000.0))
    for loss, expected in ((400.0, 0), (600.0, 1), (710.0, 2), (860.0, 3), (1000.0, 4)):
        session.send(result(session, **crash(loss, -5000.0)))
        session.wait(1)
        assert session.desk.risk.measures["stress_loss"] == loss
        assert level(session) is Level(expected)
    assert session.desk.halted == "risk: stress_loss (max_stress_loss = 1000)"


def test_a_result_without_stresses_says_nothing_of_them():
    session = holding(risk=QUIET._replace(max_stress_loss=1000.0, dwell_s=5.0))
    session.send(result(session, **crash(600.0)))
    session.wait(1)
    session.send(result(session))
    session.quiet(20)
    assert math.isnan(session.desk.risk.measures["stress_loss"])
    assert level(session) is Level.CAUTION


def test_no_result_yet_is_told_and_no_zero():
    session = holding(risk=QUIET._replace(max_shortfall=100.0, max_estimate_age_s=20.0))
    session.quiet(15)
    assert level(session) is Level.NORMAL
    assert math.isnan(session.desk.risk.measures["shortfall"])
    (text,) = notices(session.quiet(10), "risk_level")
    assert text.startswith(
        "WARNING (was NORMAL): estimate_age (max_estimate_age_s = 20; no risk result yet for 2"
    )
    session.quiet(300, step_s=5)
    assert level(session) is Level.WARNING, "an age alone never stops a desk"


def test_an_old_result_warns_with_its_age_until_a_new_one_comes():
    session = holding(risk=QUIET._replace(max_shortfall=100.0, max_estimate_age_s=20.0, dwell_s=5.0))
    session.send(result(session, 10.0))
    session.quiet(15)
    assert level(session) is Level.NORMAL
    (text,) = notices(session.quiet(10), "risk_level")
    assert "the risk result is 2" in text
    assert " s old)" in text
    for _ in range(8):
        session.send(result(session, 10.0))
        session.quiet(1)
    assert level(session) is Level.NORMAL


def test_a_restart_does_not_make_a_result_younger():
    session = holding(risk=QUIET._replace(max_shortfall=100.0, max_estimate_age_s=20.0))
    session.send(result(session, 10.0))
    again = restarted(session, after_s=60)
    again.start()
    again.wait(1)
    assert again.desk.risk.measures["estimate_age"] > 60
    assert math.isnan(again.desk.risk.measures["shortfall"]), "it has expired"
    assert level(again) is Level.WARNING


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"currency": "EUR"}, "currency = EUR"),
        ({"shortfall": float("inf")}, "finite"),
        ({"stresses": (e.StressLoss("crash", float("nan")),)}, "finite"),
        ({"parts": (e.RiskPart("v", "BTCUSDT", 80.0),)}, "parts sum to 80"),
        ({"strategies": (e.StrategyPart("as", 80.0),)}, "strategies sum to 80"),
        ({"error": -1.0}, "error = -1"),
        ({"strategies": (e.StrategyPart("as", 90.0, float("nan")),)}, "or a part's: must be a finite number"),
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
