"""Sessions that lose money, and what the tests of the risk state ask of them."""

from __future__ import annotations

from decimal import Decimal

from tests.engine.scripted import LIMITS, RISK, SESSION, Session, configuration, of
from tests.engine.scripted_venue import MID, SECOND
from titan.model import commands as c
from titan.model import events as e

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


def mark(session, age_s=0.0, symbol="BTCUSDT", price=50_000):
    return e.MarkPrice(
        time_ns=session.now - round(age_s * SECOND), venue="v", symbol=symbol, mark=Decimal(price),
        index=Decimal(price), funding_rate=0.0, next_funding_ns=0,
    )  # fmt: skip


def result(session, shortfall=90.0, **changes):
    stated = {
        "source": "study", "currency": "USDT", "shortfall": shortfall, "parts": (), "stresses": (),
        "computed_ns": session.now, "expires_ns": session.now + 60 * SECOND, **changes,
    }  # fmt: skip
    return e.RiskResult(time_ns=session.now, **stated)
