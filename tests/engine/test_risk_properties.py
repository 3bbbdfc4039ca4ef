"""The risk state over all paths: a worse one is never shut less; and every key of [risk] changes what is decided."""

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.losing import mark, result
from tests.engine.scripted import LIMITS, MODULES, RISK, SESSION, START, Session, configuration, of, strategy
from tests.engine.scripted_venue import MID, SECOND
from titan.engine.kernel import Kernel
from titan.engine.risk_measures import measures
from titan.engine.risk_settings import LIMIT_OF, RiskSettings, shutdown_parameters, watched
from titan.engine.risk_state import RiskState
from titan.model import commands as c
from titan.model import events as e
from titan.model.contract import ParameterError, parameter_ranges
from titan.risk.shutdown import DAY_NS, Level, action

WATCHING = RISK._replace(
    max_drawdown=3.0,
    max_loss_per_bucket=2.0,
    bucket_s=20.0,
    max_shortfall=100.0,
    max_stress_loss=100.0,
    max_mark_age_s=4.0,
    dwell_s=10.0,
)
MONEY = LIMITS._replace(max_daily_loss=4.0)

falls = st.lists(
    st.tuples(st.integers(0, 30), st.integers(-200, 200), st.integers(0, 100)), min_size=1, max_size=40
)


def state(risk=WATCHING, limits=MONEY):
    return RiskState(configuration(risk=risk, limits=limits))


def measured(**changes):
    return {**dict.fromkeys(LIMIT_OF, 0.0), "liquidation": math.inf, **changes}


@settings(deadline=None)
@given(falls)
def test_a_worse_day_is_shut_at_least_as_far(path):
    better, worse, now = state(), state(), START
    up = down = 0.0
    for gap, move, more in path:
        now += gap * SECOND
        up += move / 100
        down = min(down + move / 100, up) - more / 100
        for one, pnl in ((better, up), (worse, min(down, up))):
            one.observe(measured(daily_loss=-pnl), now)
        assert worse.level >= better.level
        assert all(worse.channel_levels[name] >= level for name, level in better.channel_levels.items())


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.floats(-5, 9)), max_size=30))
def test_what_is_unknown_clears_nothing(path):
    held, now = state(), START
    for gap, loss in path:
        now += gap * SECOND
        held.observe(measured(daily_loss=loss), now)
        before = held.channel_levels["daily_loss"]
        for later in (1, 1_000, 90_000):
            held.observe(measured(daily_loss=math.nan), now + later * SECOND)
            assert held.channel_levels["daily_loss"] is before
        now += 90_000 * SECOND


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7_200), st.floats(-5, 9)), min_size=1, max_size=40))
def test_only_a_named_operator_leaves_stop(path):
    held, now, stopped = state(), START, False
    for gap, loss in path:
        now += gap * SECOND
        held.observe(measured(daily_loss=loss), now)
        stopped |= loss >= 4.0
        assert (held.level is Level.STOP) == stopped
    held.release("Ada")
    assert held.level < Level.STOP
    with pytest.raises(ValueError, match="operator"):
        held.release(" ")


@settings(deadline=None)
@given(st.integers(0, DAY_NS), st.floats(2.0, 3.9))
def test_midnight_clears_the_daily_channel_below_stop(begin_ns, loss):
    held = state()
    now = START // DAY_NS * DAY_NS + begin_ns
    held.observe(measured(daily_loss=loss, drawdown=2.2), now)
    held.observe(measured(daily_loss=0.0, drawdown=2.2), (now // DAY_NS + 1) * DAY_NS)
    assert held.channel_levels["daily_loss"] is Level.NORMAL
    assert held.channel_levels["drawdown"] is Level.WARNING


@settings(deadline=None)
@given(falls, st.integers(0, 40))
def test_a_restart_in_the_middle_changes_no_level(path, cut):
    whole, parts, now = state(), state(), START
    for index, (gap, move, _) in enumerate(path):
        now += gap * SECOND
        if index == cut:
            again = state()
            again.restore(parts.snapshot())
            assert again.snapshot() == parts.snapshot() or math.nan in parts.measures.values()
            parts = again
        for one in (whole, parts):
            one.observe(measured(daily_loss=move / 50), now)
        assert parts.channel_levels == whole.channel_levels


sizes = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted)
spreads = st.lists(st.floats(1, 100), min_size=3, max_size=3).map(sorted)


@settings(deadline=None)
@given(sizes, spreads)
def test_a_higher_level_never_loosens(smaller, wider):
    chosen = RISK._replace(
        critical_size=smaller[0], warning_size=smaller[1], caution_size=smaller[2],
        caution_spread=wider[0], warning_spread=wider[1], critical_spread=wider[2],
    )  # fmt: skip
    acts = [action(shutdown_parameters(MONEY, chosen), at) for at in Level]
    assert [a.size_factor for a in acts] == sorted((a.size_factor for a in acts), reverse=True)
    assert [a.spread_factor for a in acts] == sorted(a.spread_factor for a in acts)
    assert [a.may_increase for a in acts] == [True, True, True, False, False]


@pytest.mark.parametrize(
    "changes",
    [
        {"caution_at": 0.8},
        {"warning_at": 0.9},
        {"warning_size": 0.9},
        {"critical_size": 0.5},
        {"caution_spread": 2.0},
        {"warning_spread": 3.0},
    ],
)
def test_a_milder_level_that_does_more_is_refused(changes):
    (name,) = changes
    with pytest.raises(ParameterError, match=r"\[risk\] \w+ = .*: must be at least"):
        shutdown_parameters(MONEY, RISK._replace(**changes))
    assert name in parameter_ranges(RiskSettings)


def test_a_limit_of_nothing_is_not_watched():
    nothing = RISK._replace(max_mark_age_s=0.0, max_margin_ratio=0.0, min_liquidation_distance=0.0)
    assert watched(LIMITS._replace(max_daily_loss=0.0), nothing) == {}
    assert state(nothing, LIMITS._replace(max_daily_loss=0.0)).level is Level.NORMAL
    assert set(watched(MONEY, WATCHING)) == set(LIMIT_OF)


@pytest.mark.parametrize("limit", ["max_shortfall", "max_stress_loss"])
def test_the_age_of_a_result_is_watched_where_a_limit_rests_on_it(limit):
    assert "estimate_age" not in watched(MONEY, RISK)
    assert watched(MONEY, RISK._replace(**{limit: 1.0}))["estimate_age"] == RISK.max_estimate_age_s


# ---- Every key ---------------------------------------------------------------------------------------------


NOTHING = RISK._replace(
    max_mark_age_s=0.0, max_margin_ratio=0.0, min_liquidation_distance=0.0, max_estimate_age_s=0.0, dwell_s=10.0,
    bucket_s=20.0,
)  # fmt: skip
FREE = LIMITS._replace(max_daily_loss=1e6)
LOSSES = (2.2, 3.0, 3.6, 1.9, 0.5, 5.0)


def scenario(limits, risk):
    """What a session decides, in order, in which every measure rises, falls and rises again."""
    session = Session(configuration(limits=limits, risk=risk))
    session.start()
    session.tick()
    bid = next(order for order in session.live if order.side > 0)
    session.fill(bid.client_id, 10)
    for lost in LOSSES:
        session.venue.margin = (Decimal(round(200 * lost)), Decimal(1000))
        session.venue.liquidations["BTCUSDT"] = Decimal(45_000 + round(500 * lost))
        session.tick(MID - round(lost / 0.001))
        crash = e.StressLoss("crash", 50.0 * lost)
        session.send(mark(session), result(session, 25.0 * lost, stresses=(crash,)))
        session.quiet(15)
    decided = [x for _, out in session.log for x in out if not isinstance(x, c.SetTimer)]
    return [x.message if isinstance(x, c.Notice) else x for x in decided]


DAILY = (MONEY, NOTHING)
CHANGED = {
    "max_drawdown": ((FREE, NOTHING._replace(max_drawdown=4.0)), 8.0),
    "max_loss_per_bucket": ((FREE, NOTHING._replace(max_loss_per_bucket=4.0)), 8.0),
    "bucket_s": ((FREE, NOTHING._replace(max_loss_per_bucket=4.0)), 60.0),
    "max_mark_age_s": ((FREE, NOTHING._replace(max_mark_age_s=8.0)), 12.0),
    "max_margin_ratio": ((FREE, NOTHING._replace(max_margin_ratio=0.8)), 0.95),
    "min_liquidation_distance": ((FREE, NOTHING._replace(min_liquidation_distance=0.05)), 0.02),
    "max_shortfall": ((FREE, NOTHING._replace(max_shortfall=100.0)), 200.0),
    "max_stress_loss": ((FREE, NOTHING._replace(max_stress_loss=200.0)), 400.0),
    "max_estimate_age_s": ((FREE, NOTHING._replace(max_shortfall=1e6, max_estimate_age_s=8.0)), 12.0),
    "caution_at": (DAILY, 0.6),
    "warning_at": (DAILY, 0.5),
    "critical_at": (DAILY, 0.95),
    "exit_gap": (DAILY, 0.5),
    "dwell_s": (DAILY, 25.0),
    "caution_size": (DAILY, 0.8),
    "warning_size": (DAILY, 0.5),
    "critical_size": (DAILY, 0.3),
    "caution_spread": (DAILY, 1.5),
    "warning_spread": (DAILY, 2.0),
    "critical_spread": (DAILY, 3.0),
    "end_on_stop": (DAILY, True),
}


@pytest.mark.parametrize("name", RiskSettings._fields)
def test_every_key_of_risk_changes_what_the_engine_does(name):
    (limits, risk), value = CHANGED[name]
    assert getattr(risk, name) != value
    assert scenario(limits, risk._replace(**{name: value})) != scenario(limits, risk)


def test_the_days_limit_changes_what_the_engine_does():
    assert scenario(MONEY._replace(max_daily_loss=8.0), NOTHING) != scenario(*DAILY)


@pytest.mark.parametrize("name", [key for channel, key in LIMIT_OF.items() if channel != "daily_loss"])
def test_each_channel_shuts_the_desk_alone(name):
    (limits, risk), _ = CHANGED[name]
    told = [x for x in scenario(limits, risk) if isinstance(x, str) and "(was " in x]
    assert told
    assert all(name in text or "every channel is calm" in text for text in told)


# ---- Replay ------------------------------------------------------------------------------------------------


def eventful():
    """A session that goes through every level, is resumed, and crosses midnight."""
    session = Session(
        configuration(limits=MONEY, risk=WATCHING._replace(max_drawdown=9.0, max_loss_per_bucket=9.0))
    )
    session.start()
    session.tick()
    bid = next(order for order in session.live if order.side > 0)
    session.fill(bid.client_id, 10)
    for lost in (2.1, 2.9, 3.5, 4.2):
        session.tick(MID - round(lost / 0.001))
        session.send(mark(session), result(session, 40.0))
        session.quiet(3)
    session.now = (session.now // DAY_NS + 1) * DAY_NS
    session.quiet(15)
    return session


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_same_events_give_the_same_risk_state_from_any_snapshot(data):
    recorded = RECORDED
    cut = data.draw(st.integers(0, len(recorded.log)))
    first = Kernel(recorded.config, MODULES)
    for event, commands in recorded.log[:cut]:
        assert first.step(event) == commands
    second = Kernel(recorded.config, MODULES, first.snapshot())
    assert second.snapshot() == first.snapshot()
    for event, commands in recorded.log[cut:]:
        assert second.step(event) == commands
    assert second.state_hash() == recorded.kernel.state_hash()


RECORDED = eventful()


def test_the_recorded_session_went_through_every_level():
    told = [x.message for _, out in RECORDED.log for x in of(out, c.Notice) if x.code == "risk_level"]
    assert {text.split()[0] for text in told} >= {"CAUTION", "WARNING", "CRITICAL", "STOP"}
    assert RECORDED.config.session == SESSION


def test_two_venues_are_as_bad_as_the_worse_and_unknown_where_one_is():
    """One venue's margin is not known: nothing clears, unless the other has reached the limit by itself."""
    session = Session(
        configuration(venues=("v", "w"), strategies=(strategy(), strategy(venue="w")), limits=FREE)
    )
    session.start()
    session.tick()
    session.venue.margin = (Decimal(450), Decimal(1000))
    session.quiet(7)
    assert math.isnan(session.desk.risk.measures["margin_ratio"])
    session.venues["w"].margin = (Decimal(10), Decimal(1000))
    session.quiet(7)
    assert session.desk.risk.measures["margin_ratio"] == 0.45
    session.venues["w"].margin = None
    session.venue.margin = (Decimal(900), Decimal(1000))
    session.quiet(7)
    assert session.desk.risk.level is Level.STOP


@pytest.mark.parametrize(
    ("position", "price", "expected"), [(1, 0, math.nan), (-1, 50_000, 0.1), (-1, 56_000, 0.0)]
)
def test_a_distance_is_taken_on_the_side_of_the_position(position, price, expected):
    session = Session(configuration(limits=FREE))
    session.start()
    held = e.Position("ETHUSDT", position, Decimal(1), Decimal(price), Decimal(0), Decimal(55_000))
    account = e.AccountSnapshot(time_ns=session.now, venue="v", purpose="x", balances=(), positions=(held,))
    session.desk.venues["v"].account = account
    assert measures(session.desk)["liquidation"] == pytest.approx(expected, nan_ok=True)


def test_an_unpriced_fee_between_two_sessions_makes_the_days_loss_unknown():
    first = Session(configuration(limits=MONEY))
    first.start()
    first.tick()
    offer = next(order for order in first.live if order.side < 0)
    first.venue.execute(offer.client_id, 5, first.now + SECOND, fee="0.1", fee_asset="BNB")
    second = Session(
        configuration(limits=MONEY, session=SESSION.replace("abcdef", "abcde0")), snapshot=first.kernel.snapshot(),
        venues=[first.venue], start_ns=first.now + 60 * SECOND,
    )  # fmt: skip
    second.start()
    second.quiet(3)
    assert second.desk.day_loss is None
    assert math.isnan(second.desk.risk.measures["daily_loss"])
    assert not [order for order in second.live if order.side < 0], "nothing that adds is sent"
