"""What the tests of exits share: a session that holds something, and ways to ask it to let go."""

from decimal import Decimal

import msgspec

from tests.engine.scripted import SESSION, Session, configuration, of, strategy
from tests.engine.scripted_venue import ScriptedVenue
from titan.model import commands as c
from titan.model import events as e
from titan.model.instruments import InstrumentKey

QUIET = (strategy(parameters=(1.0, 0.0, 0.0, 1)),)
"""A strategy that wants nothing, so that only the exit acts."""
KEY = InstrumentKey("v", "BTCUSDT")
LATER = SESSION.replace("abcdef", "abcde0")


def holding(lots=10, *, config=None, venue=None, quoting=False):
    """A running session that holds `lots`; it quotes nothing unless asked to, so that only the exit acts."""
    size = 0.01 if quoting else 0.0
    config = config or configuration(strategies=(strategy(parameters=(1.0, size, 0.0, 1)),))
    venue = venue or ScriptedVenue("v", config.venues[0].symbols)
    venue.holdings["BTCUSDT"].lots = lots
    venue.holdings["BTCUSDT"].cost = lots * Decimal("0.001") * Decimal(50_000)
    session = Session(config, venues=[venue])
    session.start()
    session.tick()
    return session


def ask(session, action="flatten", target="", who="Ada", why="enough"):
    return session.send(
        e.OperatorAction(
            time_ns=session.now, action=action, target=target, who=who, why=why, request=f"r-{action}"
        )
    )


def answers(commands):
    return [(x.request, x.done, x.text) for x in of(commands, c.OperatorAnswer)]


def everything(session):
    return [command for _, out in session.log for command in out]


def placed(commands):
    return [(x.side, x.price, x.size, x.lifetime.value) for x in of(commands, c.PlaceOrder)]


def restarted(session, session_name=LATER, **changes):
    config = msgspec.structs.replace(session.config, session=session_name, **changes)
    return Session(config, snapshot=session.kernel.snapshot(), venues=[session.venue], start_ns=session.now)


def changed(config, **changes):
    return msgspec.structs.replace(config, **changes)
