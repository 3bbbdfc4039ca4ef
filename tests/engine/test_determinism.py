"""The same events give the same commands and the same state, from the beginning or from a snapshot at any point."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.scripted import MODULES, Session, configuration, strategy
from tests.engine.scripted_venue import MID, ScriptedVenue
from titan.engine.kernel import Kernel
from titan.model import commands as c
from titan.model import events as e


def eventful():
    """A session on two venues in which most things that can happen do happen."""
    strategies = (
        strategy("as"), strategy("eth", symbol="ETHUSDT", parameters=(1.0, 0.01, 0.0, 2)), strategy("w", venue="w"),
        strategy("bad", parameters=(3.0, 0.01, 9.0, 1)),
    )  # fmt: skip
    symbols = ("BTCUSDT", "ETHUSDT")
    config = configuration(venues=("v", "w"), symbols=symbols, strategies=strategies)
    session = Session(config, venues=[ScriptedVenue("v", symbols), ScriptedVenue("w", symbols)])
    session.start()
    for step in range(12):
        session.tick(MID + 3 * step)
        session.tick(MID - step, symbol="ETHUSDT")
        session.tick(MID + step, venue="w")
        mine = [o for o in session.live if o.venue == "v" and session.venue.alive(o.client_id)]
        if step in {2, 5, 7}:
            session.fill(mine[0].client_id, 3)
        if step == 3:
            session.venue.silent.add(c.AmendOrder)
            session.venue.lost.add(c.PlaceOrder)
        if step == 5:
            session.send(session.venue.pay_funding("-0.25", session.now))
            session.fill(mine[1].client_id, 2)
        if step == 6:
            session.venue.silent.clear()
            session.venue.lost.clear()
            session.send(e.BadFrame(time_ns=session.now, venue="v", symbol="", reason="crossed"))
        if step == 8:
            session.streams(up=False, venue="w")
            session.streams(venue="w")
            terms = msgspec.structs.replace(session.venue.terms["ETHUSDT"], tick_size=Decimal("0.05"))
            session.venue.terms["ETHUSDT"] = terms
            session.send(e.InstrumentUpdate(time_ns=session.now, instrument=terms))
            session.venue.refusing.add(c.AmendOrder)
        if step == 10:
            session.venue.refusing.clear()
            session.fill(mine[0].client_id, 1, fee_asset="BNB")
        session.quiet(1)
    session.stop()
    session.wait(11)
    return session


@pytest.fixture(scope="module")
def recorded():
    session = eventful()
    assert session.ended is not None
    assert len(session.log) > 200
    return session


def test_much_has_happened(recorded):
    events = {type(event) for event, _ in recorded.log}
    commands = {type(command) for _, out in recorded.log for command in out}
    assert {e.Fill, e.Income, e.BadFrame, e.OrderUpdate, e.CommandOutcome, e.FillsQueried} <= events
    assert {c.PlaceOrder, c.AmendOrder, c.CancelOrder, c.QueryOrder, c.RequestBook, c.EndSession} <= commands


def replay(kernel, log):
    for event, commands in log:
        assert kernel.step(event) == commands
    return kernel


def test_the_same_events_give_the_same_commands_and_state(recorded):
    again = replay(Kernel(recorded.config, MODULES), recorded.log)
    assert again.state_hash() == recorded.kernel.state_hash()
    assert again.summary() == recorded.kernel.summary()


def test_two_sessions_of_the_same_script_are_equal(recorded):
    assert eventful().kernel.state_hash() == recorded.kernel.state_hash()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_snapshot_at_any_point_and_the_rest_equal_the_whole(recorded, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(recorded.log)), min_size=1, max_size=3)))
    kernel, start = Kernel(recorded.config, MODULES), 0
    for cut in [*cuts, len(recorded.log)]:
        replay(kernel, recorded.log[start:cut])
        snapshot = kernel.snapshot()
        kernel, start = Kernel(recorded.config, MODULES, snapshot), cut
        assert kernel.snapshot() == snapshot
    assert kernel.state_hash() == recorded.kernel.state_hash()
    assert kernel.summary() == recorded.kernel.summary()


def test_time_never_runs_backwards(recorded):
    kernel = Kernel(recorded.config, MODULES)
    kernel.step(e.SessionStarted(time_ns=1_000))
    kernel.step(e.TimerFired(time_ns=900, name="nothing"))
    assert kernel.desk.now_ns == 1_000


def test_client_ids_are_not_used_again_after_a_restart_within_the_session(recorded):
    names = [x.client_id for _, out in recorded.log for x in out if isinstance(x, c.PlaceOrder)]
    assert len(names) == len(set(names)) > 10
