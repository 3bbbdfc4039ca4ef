"""A venue that fails: what is no longer asked and quoted, what still goes out, and when quoting resumes."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.scripted import Session, codes, configuration, of
from tests.engine.scripted_venue import SECOND
from titan.engine.configuration import Resilience
from titan.engine.desk import Phase
from titan.engine.health import Health
from titan.engine.kernel import Kernel
from titan.model import commands as c
from titan.model import events as e
from titan.model.instruments import InstrumentKey
from titan.model.orders import OrderState

KEY = InstrumentKey("v", "BTCUSDT")
QUERIES = (c.QueryOrder, c.QueryOpenOrders, c.QueryFills, c.QueryAccount, c.QueryInstruments)
BREAKER = Resilience(breaker_failures=3, breaker_longest_ns=8 * SECOND)
DEAD_MAN = Resilience(dead_man_ns=60 * SECOND)
CLOCKS = Resilience(most_drift_ns=SECOND // 4, most_round_trip_ns=SECOND)
PRIVATE = Resilience(private_late_ns=3 * SECOND)


def running(resilience: Resilience | None = None, **changes) -> Session:
    session = Session(configuration(resilience=resilience, **changes))
    session.start()
    session.tick()
    assert len(session.live) == 2
    return session


def obstacle(session: Session) -> str:
    return session.desk.markets[KEY].obstacle


def shut(session: Session, seconds: float, reason: str = "banned (418)") -> list[c.AnyCommand]:
    until_ns = session.now + round(seconds * SECOND)
    return session.send(e.VenueShut(time_ns=session.now, venue="v", until_ns=until_ns, reason=reason))


# ---- Bans ------------------------------------------------------------------------------------------------


def test_a_ban_pulls_the_quotes_and_nothing_is_sent_until_one_query_is_answered():
    session = running()
    session.venue.lost |= {c.CancelOrder, *QUERIES}
    commands = shut(session, 30)
    assert len(of(commands, c.CancelOrder)) == 2
    assert codes(commands)[0] == "venue_shut"
    assert obstacle(session) == "v refuses all requests: banned (418)"
    during = session.quiet(29)
    assert not of(during, c.PlaceOrder, c.AmendOrder, *QUERIES)
    assert len(of(during, c.CancelOrder)) == 0
    session.venue.lost.clear()
    session.held = []
    assert [type(each) for each in of(session.quiet(1.5), *QUERIES)] == [c.QueryOpenOrders]
    assert "venue_open" in codes(session.release())
    session.quiet(6)
    assert obstacle(session) == ""
    assert [order.state for order in session.live] == [OrderState.OPEN, OrderState.OPEN]


def test_a_cancel_that_the_ban_kept_back_is_sent_again_when_it_is_over():
    session = running()
    session.venue.failing.add(c.CancelOrder)
    shut(session, 5)
    pause = e.OperatorAction(time_ns=session.now, action="pause", target="", who="x", why="y", request="r")
    session.send(pause)
    session.quiet(4)
    session.venue.failing.clear()
    session.quiet(6)
    assert {order.state for order in session.venue.orders.values()} == {"cancelled"}
    assert not session.live


def test_a_probe_without_an_answer_is_repeated_ever_more_slowly():
    session = running()
    session.venue.lost |= {c.CancelOrder, *QUERIES}
    shut(session, 1)
    probes = []
    for _ in range(240):
        probes += [session.now] * len(of(session.tick(wait_s=0.5), c.QueryOpenOrders))
    waits = [round((b - a) / SECOND) for a, b in itertools.pairwise(probes)]
    assert waits == [5, 10, 20, 40]


def test_a_second_ban_during_the_first_lasts_as_long_as_the_later_one():
    session = running()
    shut(session, 10)
    assert "venue_shut" not in codes(shut(session, 3))
    assert not of(session.quiet(9), *QUERIES)
    assert of(session.quiet(1.5), c.QueryOpenOrders)


def test_a_ban_during_the_start_only_delays_it():
    session = Session()
    session.venue.lost |= set(QUERIES)
    session.send(e.SessionStarted(time_ns=session.now))
    shut(session, 12)
    session.streams()
    assert not of(session.quiet(11), *QUERIES)
    session.venue.lost.clear()
    session.quiet(14)
    assert session.desk.phase is Phase.RUNNING
    assert len(session.live) == 2


def test_after_a_ban_that_kept_the_terms_unread_they_are_what_is_asked_for():
    """A list of open orders cannot be read without them: it failed each time, and the ban never ended for us."""
    session = Session()
    session.venue.lost.add(c.QueryInstruments)
    session.send(e.SessionStarted(time_ns=session.now))
    shut(session, 3)
    session.streams()
    session.venue.lost.clear()
    session.venue.failing.add(c.QueryOpenOrders)
    asked = of(session.quiet(4), *QUERIES)
    assert isinstance(asked[0], c.QueryInstruments)
    assert session.desk.venues["v"].health.shut_until_ns == 0
    session.venue.failing.clear()
    session.quiet(8)
    assert session.desk.phase is Phase.RUNNING


def test_an_operators_cancel_passes_a_ban():
    session = running()
    session.venue.failing.add(c.CancelOrder)
    shut(session, 30)
    action = e.OperatorAction(
        time_ns=session.now, action="cancel", target="all", who="x", why="y", request="r"
    )
    assert len(of(session.send(action), c.CancelOrder)) == 2


# ---- The breaker -----------------------------------------------------------------------------------------


def failed(session: Session, query: str = "query_fills", symbol: str = "BTCUSDT") -> e.QueryFailed:
    return e.QueryFailed(
        time_ns=session.now, venue="v", query=query, symbol=symbol, client_id="", reason="time-out"
    )


def fail(session: Session, times: int) -> list[c.AnyCommand]:
    return session.send(*(failed(session) for _ in range(times)))


def test_failures_within_the_window_rest_the_quotes_and_cancels_go_on():
    session = running(BREAKER)
    fail(session, 2)
    session.quiet(11)
    commands = fail(session, 2)
    assert "breaker" not in codes(commands)
    commands = fail(session, 1)
    assert "breaker" in codes(commands)
    assert len(of(session.tick(), c.CancelOrder)) == 2
    assert obstacle(session) == "v fails too often: quoting rests"
    session.quiet(3)
    assert obstacle(session) == ""
    assert len(session.live) == 2


def test_each_rest_that_follows_soon_is_twice_as_long_up_to_the_longest():
    session = running(BREAKER)
    rests = []
    for _ in range(5):
        fail(session, 3)
        health = session.desk.venues["v"].health
        rests.append(round((health.resting_until_ns - session.now) / SECOND))
        session.quiet(rests[-1] + 1)
    assert rests == [2, 4, 8, 8, 8]
    session.quiet(10)
    fail(session, 3)
    assert round((session.desk.venues["v"].health.resting_until_ns - session.now) / SECOND) == 2


@pytest.mark.parametrize(
    ("action", "outcome", "code", "counts"),
    [
        ("place", "unknown", "", True),
        ("place", "unknown", "-1007", True),
        ("place", "not_sent", "", True),
        ("place", "rejected", "-5022", False),
        ("cancel", "unknown", "", True),
        ("cancel", "unknown", "-2011", False),
        ("amend", "unknown", "-2013", False),
    ],
)
def test_an_order_that_filled_under_way_is_no_failure_of_the_venue(action, outcome, code, counts):
    session = running(BREAKER)
    told = e.CommandOutcome(
        time_ns=session.now, venue="v", symbol="BTCUSDT", action=action, client_id="", outcome=outcome, code=code,
        message="",
    )  # fmt: skip
    assert ("breaker" in codes(session.send(told, told, told))) == counts


def test_failures_while_a_stream_is_down_do_not_keep_quoting_back_afterwards():
    session = running(BREAKER)
    session.streams(up=False)
    assert "breaker" not in codes(fail(session, 50))
    session.streams()
    session.quiet(3)
    assert obstacle(session) == ""


def test_without_the_setting_nothing_rests():
    session = running()
    assert "breaker" not in codes(fail(session, 50))


# ---- The clocks ------------------------------------------------------------------------------------------


def measured(session: Session, offset_ns: int, round_trip_ns: int = 1_000_000) -> list[c.AnyCommand]:
    sync = e.ClockSync(time_ns=session.now, venue="v", offset_ns=offset_ns, round_trip_ns=round_trip_ns)
    return session.send(sync)


def test_a_clock_that_jumps_rests_the_quotes_until_it_stands_still():
    session = running(CLOCKS)
    assert not measured(session, 5 * SECOND)
    assert not measured(session, 5 * SECOND + SECOND // 4)
    commands = measured(session, 6 * SECOND)
    assert len(of(commands, c.CancelOrder)) == 2
    assert obstacle(session) == "v: its clock moved by 750 ms against ours, beyond 250 ms"
    assert codes(measured(session, 6 * SECOND))[0] == "clock"
    session.tick()
    assert len(session.live) == 2


def test_a_round_trip_that_takes_too_long_rests_the_quotes():
    session = running(CLOCKS)
    measured(session, 0, SECOND)
    assert obstacle(session) == ""
    measured(session, 0, SECOND + 1_000_000)
    assert obstacle(session) == "v: a round trip takes 1001 ms, beyond 1000 ms"


def test_without_the_settings_any_clock_will_do():
    session = running()
    measured(session, 0)
    assert measured(session, 10**12, 10**12) == []


# ---- The dead-man switch ---------------------------------------------------------------------------------


def test_the_switch_is_armed_before_the_first_quote_and_renewed_three_times_within_its_countdown():
    session = Session(configuration(resilience=DEAD_MAN, symbols=("BTCUSDT", "ETHUSDT")))
    commands = session.start()
    first = next(i for i, each in enumerate(commands) if isinstance(each, c.KeepAlive))
    assert not of(commands[:first], c.PlaceOrder)
    armed = of(commands, c.KeepAlive)
    assert [(each.symbol, each.countdown_ns) for each in armed] == [
        ("BTCUSDT", 60 * SECOND),
        ("ETHUSDT", 60 * SECOND),
    ]
    assert len(of(session.quiet(61), c.KeepAlive)) == 6


def test_nothing_is_quoted_before_it_is_confirmed():
    session = Session(configuration(resilience=DEAD_MAN))
    session.venue.silent.add(c.KeepAlive)
    session.start()
    assert not of(session.quiet(10), c.PlaceOrder)
    assert obstacle(session) == "the dead-man switch is not armed"
    session.venue.silent.clear()
    session.quiet(21)
    assert len(session.live) == 2


def test_one_failure_is_borne_and_two_in_a_row_pull_the_quotes_of_that_symbol():
    session = running(DEAD_MAN)
    assert "dead_man" not in codes(session.send(failed(session, "keep_alive")))
    session.quiet(21)
    session.send(failed(session, "keep_alive"))
    assert obstacle(session) == ""
    assert "dead_man" in codes(session.send(failed(session, "keep_alive")))
    session.venue.failing.add(c.KeepAlive)
    assert len(of(session.tick(), c.CancelOrder)) == 2
    assert obstacle(session) == "the venue does not confirm the dead-man switch"
    session.quiet(20)
    assert not session.live
    session.venue.failing.clear()
    assert "dead_man" in codes(session.quiet(21))
    assert len(session.live) == 2


def test_a_switch_that_has_run_out_holds_quoting_back():
    session = running(DEAD_MAN)
    session.venue.silent.add(c.KeepAlive)
    session.quiet(59)
    assert obstacle(session) == ""
    session.quiet(2)
    assert obstacle(session) == "the dead-man switch is not armed"


def test_after_an_outage_it_is_renewed_as_soon_as_the_private_stream_is_back():
    session = running(DEAD_MAN)
    session.streams(up=False)
    session.send(failed(session, "keep_alive"), failed(session, "keep_alive"))
    session.streams()
    session.quiet(2)
    assert obstacle(session) == ""


def test_during_a_ban_it_is_not_renewed_and_afterwards_at_once():
    session = running(DEAD_MAN)
    shut(session, 70)
    assert not of(session.quiet(69), c.KeepAlive)
    assert of(session.quiet(2), c.KeepAlive)
    assert obstacle(session) == ""


def test_after_a_proven_stop_it_is_disarmed_once():
    session = running(DEAD_MAN)
    commands = session.stop()
    assert [each.countdown_ns for each in of(commands, c.KeepAlive)] == [0]
    assert session.ended.exit_code == 0


def test_the_end_of_a_countdown_arms_nothing():
    session = Session(configuration(resilience=DEAD_MAN))
    session.venue.silent.add(c.KeepAlive)
    session.start()
    session.send(e.KeptAlive(time_ns=session.now, venue="v", symbol="BTCUSDT", countdown_ns=0))
    session.tick()
    assert obstacle(session) == "the dead-man switch is not armed"


def test_after_a_stop_that_is_not_proven_it_stays_armed():
    session = running(DEAD_MAN)
    session.venue.lost |= {c.CancelOrder, c.QueryOrder, c.QueryOpenOrders}
    commands = session.stop() + session.wait(11)
    assert not of(commands, c.KeepAlive)
    assert session.ended.exit_code == 5


def test_without_the_setting_it_is_never_armed():
    session = running()
    assert not of([each for _, out in session.log for each in out] + session.quiet(61), c.KeepAlive)


# ---- A private stream that keeps silent ------------------------------------------------------------------


def rebuilt(commands: list[c.AnyCommand]) -> list[c.AnyCommand]:
    return of(commands, c.RebuildStream)


def test_an_end_that_only_a_query_told_rebuilds_the_private_stream():
    session = running(PRIVATE)
    order = session.live[0]
    session.quiet(1)
    session.venue.execute(order.client_id, order.size, session.now)  # nobody is told
    early = session.quiet(6)
    assert not rebuilt(early)
    (command,) = rebuilt(session.quiet(4))
    assert command.venue == "v"
    assert order.client_id in command.reason
    assert not rebuilt(session.quiet(30))
    assert session.lots() == order.side * order.size


def test_a_stream_that_tells_in_time_is_left_alone():
    session = running(PRIVATE)
    order = session.live[0]
    session.quiet(1)
    told = session.venue.execute(order.client_id, order.size, session.now)
    session.quiet(5)
    assert session.desk.venues["v"].health.untold_ns
    session.send(*told)
    assert not session.desk.venues["v"].health.untold_ns
    assert not rebuilt(session.quiet(10))


def test_what_happened_while_the_stream_was_down_is_not_owed():
    session = running(PRIVATE)
    order = session.live[0]
    session.streams(up=False, which=["private"])
    session.venue.execute(order.client_id, 1, session.now)
    session.wait(1)
    session.streams(which=["private"])
    assert not rebuilt(session.quiet(15))
    assert session.lots() == order.side


def test_a_stream_that_is_down_is_not_rebuilt():
    session = running(PRIVATE)
    order = session.live[0]
    session.quiet(1)
    session.venue.execute(order.client_id, order.size, session.now)
    session.quiet(5)
    session.streams(up=False, which=["private"])
    assert not rebuilt(session.quiet(10))


def test_the_venues_own_orders_are_owed_by_nobody():
    session = running(PRIVATE)
    session.venue.rest("autoclose-1", 1, 1, 1, session.now)
    session.quiet(11)
    assert not session.desk.venues["v"].health.untold_ns


def test_without_the_setting_a_silent_stream_is_left_alone():
    session = running()
    order = session.live[0]
    session.quiet(1)
    session.venue.execute(order.client_id, order.size, session.now)
    assert not rebuilt(session.quiet(20))


# ---- State -----------------------------------------------------------------------------------------------

ALL = Resilience(
    breaker_failures=3, dead_man_ns=6 * SECOND, most_drift_ns=SECOND // 4, most_round_trip_ns=SECOND,
    private_late_ns=SECOND,
)  # fmt: skip


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(0, 11))
@settings(max_examples=30, deadline=None)
def test_a_session_goes_on_from_its_snapshot_as_if_nothing_had_been(acts, cut):
    """Whatever happened, a kernel thawed anywhere decides the same as one that was never frozen."""
    session = Session(configuration(resilience=ALL))
    session.start()
    for index, act in enumerate(acts):
        if index == cut:
            thawed = Kernel(
                session.config, {"straddle": session.desk.hosts[0].module}, session.kernel.snapshot()
            )
            assert thawed.snapshot() == session.kernel.snapshot()
            session.kernel = thawed
        (
            lambda: shut(session, 3),
            lambda: fail(session, 3),
            lambda: measured(session, SECOND),
            lambda: measured(session, 0, 2 * SECOND),
            lambda: (
                session.venue.execute(session.live[0].client_id, 1, session.now) if session.live else None
            ),
            lambda: session.send(failed(session, "keep_alive")),
        )[act]()
        session.quiet(1)
    again = Kernel(session.config, {"straddle": session.desk.hosts[0].module})
    assert [again.step(event) for event, _ in session.log] == [out for _, out in session.log]
    assert again.state_hash() == session.kernel.state_hash()


def test_a_snapshot_from_before_there_was_health_is_taken_up():
    session = running(ALL)
    data = msgspec.msgpack.decode(session.kernel.snapshot())
    for venue in data["venues"].values():
        del venue["health"]
    kernel = Kernel(session.config, {"straddle": session.desk.hosts[0].module}, msgspec.msgpack.encode(data))
    assert kernel.desk.venues["v"].health == Health()


def test_a_probe_that_failed_is_repeated_soon():
    """Its answer was lost: the venue may listen all the same."""
    session = Session()
    session.start()
    session.tick()
    session.send(e.VenueShut(time_ns=session.now, venue="v", until_ns=session.now + 3 * SECOND, reason="429"))
    session.venue.failing.add(c.QueryOpenOrders)
    session.quiet(8)
    session.venue.failing.clear()
    assert session.desk.venues["v"].health.shut
    session.quiet(2)
    assert not session.desk.venues["v"].health.shut
