"""What a session tells of its risk state, and what a successor that cannot replay it makes of that."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.engine.losing import DAY, LATER, QUIET, TIGHT, fall, holding, level, notices
from tests.engine.scripted import Session, configuration, of
from tests.engine.scripted_venue import SECOND
from titan.engine.risk_standing import TOLD_EVERY_NS, unpacked
from titan.engine.state import standing_in
from titan.model import commands as c
from titan.model.events import OperatorAction, RiskInherited
from titan.risk.shutdown import Level


def told(session):
    """Every telling so far, as a journal would give it back."""
    found = [x for _, out in session.log for x in of(out, c.RiskStanding)]
    return [msgspec.msgpack.decode(msgspec.msgpack.encode(x), type=c.RiskStanding) for x in found]


def successor(session, standing, after_s=1, **changes):
    """A session that starts with nothing but what was told, and what its start told the operator."""
    found = {"limits": session.config.limits, "risk": session.config.risk, "session": LATER, **changes}
    second = Session(configuration(**found), venues=[session.venue], start_ns=session.now + after_s * SECOND)
    inherited = RiskInherited(
        time_ns=second.now, session="the first", day=standing.day,
        earned_today=standing.earned_today, risk=standing.risk,
    )  # fmt: skip
    return second, second.start(inherited)


def test_it_is_told_at_every_change_of_level_and_every_ten_seconds():
    session = holding()
    session.wait(1)
    before = len(told(session))
    fall(session, 1.5)
    at_change = told(session)
    assert len(at_change) == before + 1
    assert float(at_change[-1].earned_today) == pytest.approx(-1.5, abs=0.01)
    session.quiet(1 + TOLD_EVERY_NS // SECOND)
    assert len(told(session)) == before + 2


def test_a_successor_takes_up_latches_the_days_loss_and_the_peak():
    session = holding(risk=QUIET._replace(max_drawdown=3.0))
    fall(session, 1.75)
    second, _ = successor(session, told(session)[-1])
    assert level(second) is Level.CRITICAL
    assert second.desk.risk.channel_levels == session.desk.risk.channel_levels
    second.quiet(2)
    assert float(second.desk.day_loss) == pytest.approx(1.75, abs=0.02)
    assert second.desk.risk.profit.peak == session.desk.risk.profit.peak
    assert not [x for _, out in second.log for x in of(out, c.PlaceOrder) if x.side > 0]


def test_a_day_later_the_loss_is_forgiven():
    session = holding()
    fall(session, 1.75)
    tomorrow, _ = successor(session, told(session)[-1], after_s=DAY // SECOND)
    tomorrow.quiet(2)
    assert (level(tomorrow), float(tomorrow.desk.day_loss)) == (Level.NORMAL, 0.0)


def test_the_operator_is_told_what_was_taken_up():
    session = holding()
    fall(session, 1.5)
    _, commands = successor(session, told(session)[-1])
    (text,) = notices(commands, "risk_inherited")
    assert text.startswith("WARNING, 1.491")
    assert "session the first told it last" in text


def test_a_channel_that_the_successor_does_not_watch_is_left():
    session = holding(risk=QUIET._replace(max_drawdown=2.0), limits=TIGHT._replace(max_daily_loss=1_000.0))
    fall(session, 1.5)
    second, _ = successor(session, told(session)[-1], risk=QUIET)
    assert "drawdown" not in second.desk.risk.channel_levels
    assert level(second) is Level.NORMAL


def test_a_snapshot_tells_the_same():
    session = holding()
    fall(session, 1.5)
    session.stop()
    last = told(session)[-1]
    found = standing_in(session.kernel.snapshot())
    assert (found.day, found.earned_today) == (last.day, last.earned_today)
    assert unpacked(found.risk)["profit"] == unpacked(last.risk)["profit"]
    plain = msgspec.msgpack.decode(session.kernel.snapshot())
    del plain["risk"]
    assert standing_in(msgspec.msgpack.encode(plain)) is None


def test_a_release_is_told_at_the_next_look():
    session = holding()
    fall(session, 2.5)
    session.send(OperatorAction(time_ns=session.now, action="resume", target="", who="Ada", why="seen"))
    session.wait(1)
    last = told(session)[-1]
    assert unpacked(last.risk)["released_by"] == "Ada"
    assert last.earned_today < Decimal(0)
