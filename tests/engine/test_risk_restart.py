"""Latches and counters outlive the session: a restart is no new allowance, and only midnight forgives a day."""

import msgspec
import pytest

from tests.engine.losing import DAY, LATER, QUIET, TIGHT, fall, holding, level, notices, restarted
from tests.engine.scripted import LIMITS, RISK, SESSION, Session, configuration, of
from tests.engine.scripted_venue import MID, SECOND
from titan.engine.configuration import KernelConfig
from titan.model import commands as c
from titan.risk.shutdown import Level

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


def test_a_state_of_an_earlier_version_is_taken_up():
    """Sessions of before the risk state have none in their snapshots, and no settings of it in their headers."""
    session = holding()
    fall(session, 1.5)
    old = msgspec.msgpack.decode(session.kernel.snapshot())
    del old["risk"], old["ledger"]["between"]
    for venue in old["venues"].values():
        del venue["account"]
    second = Session(
        configuration(limits=TIGHT, risk=QUIET, session=LATER), snapshot=msgspec.msgpack.encode(old),
        venues=[session.venue], start_ns=session.now + SECOND,
    )  # fmt: skip
    assert second.desk.day_loss == session.desk.day_loss
    second.start()
    second.quiet(1)
    assert level(second) is Level.WARNING
    header = msgspec.to_builtins(session.config)
    del header["risk"]
    assert msgspec.convert(header, KernelConfig).risk == RISK
