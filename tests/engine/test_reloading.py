"""Settings that change while a session runs reach every copy, all at once, or change nothing."""

import msgspec
import pytest

from tests.engine.losing import QUIET, fall, holding
from tests.engine.scripted import LIMITS, RISK, SESSION, Session, codes, configuration, of, strategy
from tests.engine.scripted_venue import SECOND
from titan.engine.configuration import ExitSettings
from titan.engine.kernel import Kernel
from titan.model import commands as c
from titan.model import events as e
from titan.risk.shutdown import Level
from titan.strategy import glft

NARROW, WIDE = (1.0, 0.01, 0.0, 1), (5.0, 0.02, 0.0, 1)


@pytest.fixture
def session():
    running = Session()
    running.start()
    running.tick()
    assert len(running.live) == 2
    return running


def reload(session, config):
    commands = session.send(
        e.SettingsReloaded(
            time_ns=session.now, config=msgspec.msgpack.encode(config), who="Ada", why="wider", request="r"
        )
    )
    (answer,) = of(commands, c.OperatorAnswer)
    assert answer.request == "r"
    return answer, commands


def test_a_strategys_parameters_change_its_quotes_at_once(session):
    before = {order.side: (order.price, order.size) for order in session.live}
    session.now += SECOND
    answer, commands = reload(session, configuration(strategies=(strategy(parameters=WIDE),)))
    assert answer.done
    assert answer.text == "as on BTCUSDT: half_spread: 1.0 -> 5.0; as on BTCUSDT: size: 0.01 -> 0.02"
    assert "settings_reloaded" in codes(commands)
    session.quiet(2)
    after = {order.side: (order.price, order.size) for order in session.live}
    assert {side: price - before[side][0] for side, (price, _) in after.items()} == {1: -40, -1: 40}
    assert {size for _, size in after.values()} == {2 * before[1][1]}


def test_limits_reach_the_gatekeeper_the_channels_and_the_exits(session):
    limits = LIMITS._replace(max_order_notional=1.0, max_daily_loss=500.0)
    new = msgspec.structs.replace(configuration(limits=limits), exits=ExitSettings(chase_attempts=9))
    answer, _ = reload(session, new)
    assert answer.done
    assert "limits max_order_notional: 10000.0 -> 1.0" in answer.text
    assert "exits chase_attempts: 5 -> 9" in answer.text
    assert session.desk.gate.limits == session.desk.config.limits == limits
    assert session.desk.risk.limits["daily_loss"] == 500.0
    assert session.desk.config.exits.chase_attempts == 9
    commands = session.tick(session.venue.mids["BTCUSDT"] + 50) + session.quiet(2)
    assert "denied_order_notional" in codes(commands)
    assert not of(commands, c.PlaceOrder)


def test_a_limit_that_is_passed_already_acts_at_once():
    losing = holding(limits=LIMITS)
    fall(losing, 3.0)
    assert losing.desk.level is Level.NORMAL
    answer, _ = reload(losing, configuration(limits=LIMITS._replace(max_daily_loss=3.2), risk=QUIET))
    assert answer.done
    assert losing.desk.level is Level.CRITICAL


def test_what_is_latched_stays_latched():
    losing = holding()
    fall(losing, 2.5)
    assert losing.desk.level is Level.STOP
    answer, _ = reload(losing, configuration(limits=LIMITS, risk=QUIET))
    assert answer.done
    losing.quiet(5)
    assert losing.desk.level is Level.STOP


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (configuration(symbols=("BTCUSDT", "ETHUSDT")), "venues cannot change while a session runs"),
        (configuration(strategies=(strategy(name="other"),)), "which strategies trade what, or their code"),
        (configuration(strategies=(strategy(), strategy("more"))), "which strategies trade what"),
        (configuration(quote_interval_ns=5), "timing cannot change"),
        (configuration(risk=RISK._replace(bucket_s=7.0)), "[risk] bucket_s cannot change"),
        (configuration(risk=RISK._replace(max_drawdown=5.0)), "[risk] whether drawdown is watched"),
    ],
)
def test_what_may_not_change_is_named_and_nothing_changes(session, config, told):
    config = msgspec.structs.replace(config, exits=ExitSettings(chase_attempts=9))
    before = session.desk.config
    answer, commands = reload(session, config)
    assert not answer.done
    assert told in answer.text
    assert "reload_refused" in codes(commands)
    assert session.desk.config is before
    assert session.desk.gate.limits is before.limits


def test_nothing_new_changes_nothing(session):
    hashed = session.kernel.state_hash()
    answer, commands = reload(session, configuration())
    assert (answer.done, answer.text) == (True, "nothing differs from what is in use")
    assert not of(commands, c.PlaceOrder, c.AmendOrder, c.CancelOrder)
    assert session.kernel.state_hash() == hashed


def test_a_session_that_ends_takes_up_nothing(session):
    session.venue.failing |= {c.CancelOrder, c.QueryOrder, c.QueryOpenOrders}
    session.stop()
    answer, _ = reload(session, configuration(strategies=(strategy(parameters=WIDE),)))
    assert not answer.done
    assert "the next one reads the settings" in answer.text


def test_a_replay_takes_up_the_same(session):
    session.now += SECOND
    reload(session, configuration(strategies=(strategy(parameters=WIDE),)))
    session.quiet(3)
    again = Kernel(configuration(), session.modules)
    for event, commands in session.log:
        assert again.step(event) == commands
    assert again.state_hash() == session.kernel.state_hash()


def test_other_parameters_after_a_restart_begin_a_state_that_was_made_of_them():
    """The table of one skew is no table for another."""
    first, second = glft.Parameters(), glft.Parameters(skew_at_max_inventory_bps=8.0)
    assert glft.initial(first).usual_stiffness != glft.initial(second).usual_stiffness
    modules = {"straddle": glft}
    session = Session(configuration(strategies=(strategy(parameters=tuple(first)),)), modules=modules)
    session.start()
    session.tick()
    kept = session.kernel.snapshot()
    for parameters, stiffness in ((first, session.desk.hosts[0].state), (second, glft.initial(second))):
        later = configuration(
            session=SESSION.replace("abcdef", "abcde0"), strategies=(strategy(parameters=tuple(parameters)),)
        )
        assert Kernel(later, modules, kept).desk.hosts[0].state.usual_stiffness == stiffness.usual_stiffness


def test_every_setting_is_either_free_or_fixed():
    """A new group of settings must be thought of here."""
    assert set(configuration().__struct_fields__) == {
        "session", "reporting_currency", "venues", "strategies", "limits", "timing", "resilience", "size_share",
        "quoting", "signals", "exits", "flatten_at_end", "refusals", "regimes", "risk",
    }  # fmt: skip
