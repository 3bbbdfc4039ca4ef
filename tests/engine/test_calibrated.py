"""Calibrated parameters: their id stands with every decision; in doubt, quotes are careful or none."""

import msgspec
import pytest

from tests.engine.scripted import START, Session, codes, configuration, of, strategy
from tests.engine.scripted_venue import SECOND
from titan.engine.configuration import Calibrated
from titan.engine.kernel import Kernel
from titan.model import commands as c

GOOD = Calibrated(
    artefact="0123456789abcdef", expires_ns=START + 10 * SECOND, doubt="", hold=False, spread_factor=2.0,
    size_factor=0.5,
)  # fmt: skip


def calibrated(**changes):
    session = Session(
        configuration(strategies=(strategy(calibrated=msgspec.structs.replace(GOOD, **changes)),))
    )
    session.start()
    session.tick()
    return session


def quotes(session):
    mid = session.venue.mids["BTCUSDT"]
    return {order.side: (abs(order.price - mid), order.size) for order in session.live}


def test_every_decision_names_the_artefact():
    placed = [x for _, out in calibrated().log for x in of(out, c.PlaceOrder)]
    assert {order.decision.artefact for order in placed} == {GOOD.artefact}
    session = Session()
    session.start()
    session.tick()
    assert {x.decision.artefact for _, out in session.log for x in of(out, c.PlaceOrder)} == {None}


def test_an_artefact_that_expires_makes_quotes_wider_and_smaller():
    session = calibrated()
    assert quotes(session) == {1: (10, 10), -1: (10, 10)}
    commands = session.quiet(12)
    assert quotes(session) == {1: (20, 5), -1: (20, 5)}
    assert codes(commands).count("parameters_in_doubt") == 1
    (told,) = (x.message for x in of(commands, c.Notice) if x.code == "parameters_in_doubt")
    assert told == "as: artefact 0123456789abcdef has expired: calibrate again; it quotes with more caution"


@pytest.mark.parametrize("changes", [{"doubt": "12 orders in range"}, {"expires_ns": START}])
def test_in_doubt_it_holds_where_that_is_wanted(changes):
    session = calibrated(hold=True, **changes)
    assert not session.live
    (market,) = session.desk.markets.values()
    assert GOOD.artefact in market.obstacle


def test_a_doubt_that_was_told_is_not_told_again_after_a_restart():
    session = calibrated(doubt="12 orders in range")
    assert quotes(session) == {1: (20, 5), -1: (20, 5)}
    again = Kernel(session.config, session.modules, session.kernel.snapshot())
    assert again.desk.hosts[0].doubted == session.desk.hosts[0].doubted != ""


def test_a_new_artefact_ends_the_doubt():
    from tests.engine.test_reloading import reload

    session = calibrated(doubt="12 orders in range")
    better = msgspec.structs.replace(GOOD, artefact="fedcba9876543210", expires_ns=START + 1_000 * SECOND)
    answer, _ = reload(session, configuration(strategies=(strategy(calibrated=better),)))
    assert answer.text == "as on BTCUSDT: artefact: 0123456789abcdef -> fedcba9876543210"
    commands = session.quiet(2)
    assert quotes(session) == {1: (10, 10), -1: (10, 10)}
    told = [x.message for _, out in session.log for x in of(out, c.Notice) if x.code == "parameters_in_doubt"]
    assert told[-1] == "as: its parameters are in doubt no more"
    placed = of(commands, c.PlaceOrder, c.AmendOrder)
    assert {x.decision.artefact for x in placed} <= {"fedcba9876543210"}
