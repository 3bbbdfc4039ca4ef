"""What an operator asks for is done when the venue has proven it, and a STOP outlives the session."""

import pytest

from tests.engine.scripted import SESSION, Session, codes, configuration, of
from tests.engine.scripted_venue import SECOND
from titan.model import commands as c
from titan.model import events as e
from titan.model.orders import OrderState

LATER = SESSION.replace("abcdef", "abcde0")


@pytest.fixture
def session():
    running = Session()
    running.start()
    running.tick()
    assert len(running.live) == 2
    return running


def ask(session, action, target="", who="Ada", why="look"):
    return session.send(
        e.OperatorAction(
            time_ns=session.now, action=action, target=target, who=who, why=why, request=f"r-{action}"
        )
    )


def answers(commands):
    return [(x.request, x.done, x.text) for x in of(commands, c.OperatorAnswer)]


def restarted(session):
    return Session(
        configuration(session=LATER), snapshot=session.kernel.snapshot(), venues=[session.venue],
        start_ns=session.now,
    )  # fmt: skip


@pytest.mark.parametrize("action", ["pause", "stop"])
def test_a_pause_is_answered_when_the_venue_lists_none_of_ours(session, action):
    commands = ask(session, action)
    kinds = [type(x).__name__ for x in commands if not isinstance(x, c.Notice | c.SetTimer)]
    assert kinds == ["CancelOrder", "CancelOrder", "QueryOpenOrders", "OperatorAnswer"]
    assert answers(commands) == [(f"r-{action}", True, "no order of ours is open at v")]
    assert not of(session.quiet(3), c.PlaceOrder)


def test_nothing_is_answered_while_a_cancel_is_unproven(session):
    session.venue.failing |= {c.CancelOrder, c.QueryOrder}
    assert answers(ask(session, "pause")) == []
    assert answers(session.quiet(5)) == []
    session.venue.failing.clear()
    assert answers(session.quiet(4)) == [("r-pause", True, "no order of ours is open at v")]


def test_a_list_that_cannot_be_read_proves_nothing_and_is_asked_for_again(session):
    session.venue.failing.add(c.QueryOpenOrders)
    assert answers(ask(session, "stop")) == []
    session.venue.failing.clear()
    assert answers(session.quiet(3)) == [("r-stop", True, "no order of ours is open at v")]


def test_however_much_is_asked_one_list_is_asked_for_and_waited_for(session):
    """Twelve pauses of one operator used up a minute's requests within seconds, and the quotes rested."""
    session.venue.failing.add(c.QueryOpenOrders)
    lists = [x for _ in range(5) for x in of(ask(session, "pause"), c.QueryOpenOrders)]
    assert len(lists) == 5
    waited = session.quiet(9)
    assert answers(waited) == []
    assert len(of(waited, c.QueryOpenOrders)) <= 9 / 2 + 9 / 5 + 1
    session.venue.failing.clear()
    assert [done for _, done, _ in answers(session.quiet(2))] == [True] * 5


def test_at_the_deadline_it_says_what_is_not_proven_and_the_stop_stays(session):
    session.venue.failing |= {c.CancelOrder, c.QueryOrder, c.QueryOpenOrders}
    ask(session, "stop")
    (answer,) = answers(session.quiet(12))
    assert answer[:2] == ("r-stop", False)
    assert all(order.client_id in answer[2] for order in session.live)
    assert session.desk.halted


def test_a_list_that_cannot_be_read_until_the_deadline_is_told(session):
    session.venue.failing.add(c.QueryOpenOrders)
    ask(session, "pause")
    assert answers(session.quiet(12)) == [
        ("r-pause", False, "NOT proven: open orders not read; it goes on, look at the venue")
    ]


def test_an_order_found_at_the_venue_is_cancelled_before_the_answer(session):
    known = session.live[0].client_id
    session.venue.rest(known[:-1] + "z", 1, 499_000, 3, session.now)
    commands = ask(session, "pause")
    assert session.venue.orders[known[:-1] + "z"].state == "cancelled"
    assert answers(commands) == [("r-pause", True, "no order of ours is open at v")]
    assert len(of(commands, c.QueryOpenOrders)) == 2, "the first list showed it, the second is the proof"


def test_resume_lets_the_strategies_quote_again(session):
    ask(session, "pause")
    session.wait(0.2)
    commands = ask(session, "resume")
    assert len(of(commands, c.PlaceOrder)) == 2
    assert answers(commands) == [("r-resume", True, "resumed from: Ada: look")]
    assert answers(ask(session, "resume")) == [("r-resume", True, "nothing was paused")]


def test_resume_says_what_still_keeps_the_quotes_away(session):
    ask(session, "pause")
    session.streams(up=False, which=("market",))
    assert "not quoting yet: a stream is down" in answers(ask(session, "resume"))[0][2]


@pytest.mark.parametrize(("who", "why"), [("", "all is well"), ("Ada", ""), (" ", " ")])
def test_after_a_stop_resume_needs_a_name_and_a_reason(session, who, why):
    ask(session, "stop")
    (answer,) = answers(ask(session, "resume", who=who, why=why))
    assert answer[:2] == ("r-resume", False)
    assert session.desk.halted == "Ada: look"


def test_a_stop_outlives_the_session_until_somebody_resumes(session):
    ask(session, "stop")
    session.stop()
    second = restarted(session)
    second.start()
    assert not of(second.quiet(3), c.PlaceOrder)
    assert second.desk.markets[second.desk.config.keys[0]].obstacle == "STOP: Ada: look"
    assert of(ask(second, "resume", why="the cause is mended"), c.PlaceOrder)
    second.stop()
    third = Session(
        configuration(session=LATER.replace("0", "1")), snapshot=second.kernel.snapshot(),
        venues=[second.venue], start_ns=second.now,
    )  # fmt: skip
    third.start()
    assert of(third.quiet(1), c.PlaceOrder) or third.live


def test_a_pause_does_not_outlive_the_session(session):
    ask(session, "pause")
    session.stop()
    second = restarted(session)
    second.start()
    second.quiet(1)
    assert len(second.live) == 2


def test_cancel_names_each_orders_fate(session):
    first, second = session.live
    session.fill(first.client_id, 4)
    commands = ask(session, "cancel", first.client_id)
    assert answers(commands) == [
        ("r-cancel", True, f"ended at the venue: BTCUSDT {first.client_id} cancelled, filled 4 of 10 lots")
    ]
    assert second.state is OrderState.OPEN


def test_cancel_all_names_all_and_the_strategies_quote_again(session):
    names = [order.client_id for order in session.live]
    (answer,) = answers(ask(session, "cancel", "all"))
    assert answer[1]
    assert all(name in answer[2] for name in names)
    session.quiet(1)
    assert len(session.live) == 2


def test_cancel_all_without_orders_says_so(session):
    ask(session, "pause")
    assert answers(ask(session, "cancel", "all")) == [
        ("r-cancel", True, "ended at the venue: no order was open")
    ]


def test_what_cannot_be_done_is_refused_with_the_reason(session):
    ended = session.live[0].client_id
    ask(session, "cancel", ended)
    (gone,) = answers(ask(session, "cancel", ended))
    (unknown,) = answers(ask(session, "cancel", "nonsense"))
    (dance,) = answers(ask(session, "dance"))
    assert [gone[1], unknown[1], dance[1]] == [False, False, False]
    assert "has ended: cancelled" in gone[2]
    assert "not known here" in unknown[2]
    assert dance[2] == "dance: known are pause, resume, stop, cancel, flatten, close"


def test_a_session_that_is_ending_takes_only_a_stop(session):
    session.venue.failing.add(c.CancelOrder)
    session.stop()
    (answer,) = answers(ask(session, "resume"))
    assert answer == ("r-resume", False, "the session is stopping; start another one")
    ask(session, "stop")
    session.venue.failing.clear()
    session.wait(11)
    assert session.ended.exit_code == 0
    assert [x[:2] for x in answers([x for _, out in session.log for x in out])][-1] == ("r-stop", True)


def test_the_kill_switch_stops_and_must_be_off_before_a_resume(session):
    commands = session.send(e.KillSwitch(time_ns=session.now, on=True, why="fire"))
    assert "kill_switch" in codes(commands)
    assert session.live == []
    assert session.desk.halted == "kill switch: fire"
    assert "remove its file first" in answers(ask(session, "resume"))[0][2]
    session.send(e.KillSwitch(time_ns=session.now, on=False, why=""))
    assert not of(session.quiet(2), c.PlaceOrder), "gone, the stop stays"
    assert answers(ask(session, "resume"))[0][1]
    session.tick()
    assert len(session.live) == 2


def test_a_kill_switch_without_words_still_kills(session):
    session.send(e.KillSwitch(time_ns=session.now, on=True, why=""))
    assert session.desk.halted == "kill switch: no reason given"
    first = session.desk.halted
    session.send(e.KillSwitch(time_ns=session.now, on=True, why="again"))
    assert session.desk.halted == first, "the first reason is the one to look into"


def test_requests_are_part_of_the_state(session):
    session.venue.failing |= {c.CancelOrder, c.QueryOrder}
    ask(session, "stop")
    again = Session(session.config, snapshot=session.kernel.snapshot(), venues=[session.venue])
    assert again.desk.requests == session.desk.requests
    assert again.kernel.state_hash() == session.kernel.state_hash()


def test_a_stop_before_anything_is_read_is_proven_once_the_venue_is(session):
    starting = Session()
    starting.send(e.SessionStarted(time_ns=starting.now))
    assert starting.now > SECOND
    assert answers(ask(starting, "stop")) or starting.desk.requests
