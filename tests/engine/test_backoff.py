"""A side whose orders are refused in a row waits, ever longer, and says so; the other side goes on."""

import msgspec
import pytest

from tests.engine.leaving import changed
from tests.engine.scripted import Session, codes, configuration, of
from tests.engine.scripted_venue import MID
from titan.engine import backoff
from titan.engine.configuration import RefusalSettings
from titan.engine.kernel import Kernel
from titan.live.status import status
from titan.model import commands as c
from titan.model import events as e

SECOND = 1_000_000_000


class Refuses:
    """Answers every new order of one side with a definite refusal, as a venue does with one that would cross."""

    def __init__(self, venue, side, as_expired=False):
        self.venue, self.side, self.as_expired = venue, side, as_expired
        self.place = venue._place
        venue._place = self

    def __call__(self, command, now_ns):
        if command.side != self.side or command.reduce_only:
            return self.place(command, now_ns)
        if not self.as_expired:
            refused = self.venue._outcome(command, now_ns, "rejected", "-5022")
            return [msgspec.structs.replace(refused, message="Post Only order will be rejected")]
        order = self.venue.rest(command.client_id, command.side, command.price, command.size, now_ns)
        order.state = "expired"
        return [self.venue.update(order, now_ns), self.venue.update(order, now_ns, "stream")]


def running(*, in_a_row=3, within_s=5, **refuses):
    config = changed(configuration(), refusals=RefusalSettings(in_a_row, within_s * SECOND, SECOND))
    session = Session(config)
    session.refuses = Refuses(session.venue, 1, **refuses)
    session.start()
    return session


def bought(commands):
    return [x for x in of(commands, c.PlaceOrder) if x.side > 0]


def moving(session, seconds, step_s=0.1):
    commands = []
    for step in range(round(seconds / step_s)):
        commands += session.tick(MID + step % 2, wait_s=step_s)
    return commands


@pytest.mark.parametrize("as_expired", [False, True])
def test_after_three_refusals_in_a_row_that_side_waits_and_says_so(as_expired):
    session = running(as_expired=as_expired)
    commands = moving(session, 30)
    assert 6 <= len(bought(commands)) <= 9, "three, then after 1, 2, 4, 8 and 16 s"
    notes = [x.message for x in of(commands, c.Notice) if x.code == "side_waits"]
    assert notes[0].startswith("as: buy orders are refused in a row, the last one with")
    assert [text.rsplit("waits ", 1)[1] for text in notes[:4]] == ["1 s", "2 s", "4 s", "8 s"]
    assert [o.side for o in session.live] == [-1], "the other side goes on"


def test_status_shows_who_waits_and_why():
    session = running()
    moving(session, 1)
    (line,) = status(session.kernel)["waiting"]
    assert line.startswith("as v:BTCUSDT: buys wait ")
    assert line.endswith("after refusals: Post Only order will be rejected")
    session.venue._place = session.refuses.place
    session.wait(1)
    assert status(session.kernel)["waiting"] == []


def test_an_order_that_stands_ends_the_series():
    session = running()
    moving(session, 1)
    session.venue._place = session.refuses.place
    moving(session, 2)
    assert {o.side for o in session.live} == {1, -1}
    wait = session.desk.hosts[0].waits[1]
    assert (wait.refused_ns, wait.rounds) == ((), 0)


def test_refusals_that_are_far_apart_are_no_series():
    session = running(within_s=1)
    for _ in range(8):
        session.tick(wait_s=1.1)
    assert "side_waits" not in [code for _, out in session.log for code in codes(out)]


def test_as_in_sessions_of_before_there_was_a_wait_there_is_none():
    session = running(in_a_row=0)
    assert len(bought(moving(session, 3))) > 25


def test_a_crossing_amend_that_ends_the_order_counts():
    session = Session(changed(configuration(), refusals=RefusalSettings(1)))
    session.start()
    session.tick()
    session.venue.silent.add(c.AmendOrder)
    session.tick(MID + 3)
    bid = next(o for o in session.live if o.side > 0)
    order = session.venue.orders[bid.client_id]
    order.state, order.changed_ns = "cancelled", session.now
    commands = session.send(session.venue.update(order, session.now, "stream"))
    assert "side_waits" in codes(commands)
    assert backoff.waits(session.desk.hosts[0], 1, session.now)
    assert not backoff.waits(session.desk.hosts[0], -1, session.now)


def test_our_own_cancel_does_not_count():
    session = Session(changed(configuration(), refusals=RefusalSettings(1)))
    session.start()
    session.tick()
    commands = session.send(e.KillSwitch(time_ns=session.now, on=True, why=""))
    assert "side_waits" not in codes(commands)


def test_waits_are_part_of_the_state():
    session = running()
    moving(session, 1)
    again = Kernel(session.config, {"straddle": session.desk.hosts[0].module}, session.kernel.snapshot())
    assert again.desk.hosts[0].waits == session.desk.hosts[0].waits
    assert again.state_hash() == session.kernel.state_hash()
