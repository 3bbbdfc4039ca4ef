"""The end of a session: everything is cancelled, that is proven, and what is not proven is listed."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.scripted import LIMITS, Session, codes, configuration, of
from tests.engine.scripted_venue import SECOND
from titan.engine.desk import Phase
from titan.engine.risk_settings import RiskSettings
from titan.model import commands as c
from titan.model import events as e
from titan.model.orders import OrderState


@pytest.fixture
def session():
    running = Session()
    running.start()
    running.tick()
    assert len(running.live) == 2
    return running


def test_a_clean_stop_cancels_proves_reads_executions_and_then_the_account(session):
    commands = session.stop()
    kinds = [type(x).__name__ for x in commands if not isinstance(x, c.Notice | c.SetTimer)]
    assert kinds == [
        "CancelOrder",
        "CancelOrder",
        "QueryOpenOrders",
        "QueryFills",
        "QueryAccount",
        "RiskStanding",
        "EndSession",
    ]
    assert session.ended == c.EndSession(exit_code=0, reason="asked to", left_open=())
    assert session.desk.phase is Phase.ENDED
    assert session.tick() == []


def test_an_execution_that_the_stream_lost_is_booked_before_the_last_account(session):
    session.venue.execute(session.live[0].client_id, 5, session.now)
    session.stop()
    assert session.ended is None, "the venue counts an execution that is not booked here"
    session.wait(1)
    assert (session.ended.exit_code, session.lots(), session.desk.differences) == (0, 5, 0)


def test_a_second_request_can_only_make_the_exit_code_graver(session):
    session.venue.silent.add(c.CancelOrder)
    session.stop(4)
    assert not of(session.stop(0), c.CancelOrder)
    session.wait(2)
    assert session.ended.exit_code == 4


def test_orders_that_cannot_be_proven_are_listed_at_the_deadline(session):
    session.venue.failing |= {c.CancelOrder, c.QueryOrder, c.QueryOpenOrders}
    names = [order.client_id for order in session.live]
    session.stop()
    commands = session.wait(11)
    ended = session.ended
    assert ended.exit_code == 5
    assert [name for name in names if any(name in text for text in ended.left_open)] == names
    assert any("open orders not read" in text for text in ended.left_open)
    assert codes(commands).count("left_open") == len(ended.left_open) == 3
    assert session.desk.now_ns - session.log[-1][0].time_ns < SECOND


def test_a_lost_cancel_is_sent_again(session):
    session.venue.lost.add(c.CancelOrder)
    session.stop()
    assert session.ended is None
    session.venue.lost.clear()
    session.wait(2)
    assert (session.ended.exit_code, session.ended.left_open) == (0, ())


def test_a_refused_cancel_is_followed_by_a_query(session):
    session.venue.execute(session.live[0].client_id, 10, session.now)
    commands = session.stop()
    assert len(of(commands, c.QueryOrder)) == 1
    session.wait(3)
    assert (session.ended.exit_code, session.lots()) == (0, 10)


def test_an_order_without_answer_is_proven_absent_within_the_deadline():
    session = Session()
    session.venue.lost.add(c.PlaceOrder)
    session.start()
    session.tick()
    session.stop()
    session.wait(9)
    assert (session.ended.exit_code, session.ended.left_open) == (0, ())


@pytest.mark.parametrize("kind", [c.QueryFills, c.QueryAccount, c.QueryOpenOrders])
def test_the_last_questions_are_asked_again(session, kind):
    session.venue.failing.add(kind)
    session.stop()
    session.wait(2)
    assert session.ended is None
    session.venue.failing.clear()
    session.wait(1)
    assert session.ended.exit_code == 0


def test_an_order_that_appears_in_the_last_list_is_adopted_and_cancelled(session):
    known = session.live[0]
    ours = known.client_id[:-1] + "zz"
    session.venue.rest(ours, 1, known.price, 3, session.now)
    session.stop()
    session.wait(2)
    assert session.venue.orders[ours].state == "cancelled"
    assert session.ended.exit_code == 0


def test_somebody_elses_order_does_not_keep_the_session_from_ending(session):
    session.venue.rest("by-hand", 1, 400_000, 3, session.now)
    session.stop()
    assert session.ended.exit_code == 0
    assert session.venue.orders["by-hand"].state == "open"


def test_a_stop_before_anything_was_read_ends_at_once():
    session = Session()
    session.venue.failing.add(c.QueryInstruments)
    session.send(e.SessionStarted(time_ns=session.now))
    session.stop(3)
    assert (session.ended.exit_code, session.ended.left_open) == (3, ())


def test_a_stop_before_anything_was_read_does_not_forget_a_predecessors_orders(session):
    later = Session(
        configuration(session="20270115T090000Z-bcdefa"), snapshot=session.kernel.snapshot(),
        venues=[session.venue], start_ns=session.now + SECOND,
    )  # fmt: skip
    session.venue.failing |= {c.QueryInstruments, c.CancelOrder, c.QueryOrder}
    later.send(e.SessionStarted(time_ns=later.now))
    later.stop()
    assert later.ended is None
    later.wait(11)
    assert later.ended.exit_code == 5
    assert len(later.ended.left_open) == 3


def test_an_order_that_waits_for_its_executions_is_waited_for(session):
    bid = session.live[0]
    update, _ = session.venue.execute(bid.client_id, 10, session.now)
    hidden = session.venue.fills.pop()
    session.send(update)
    commands = session.stop()
    assert bid.client_id not in [command.client_id for command in of(commands, c.CancelOrder)]
    assert session.ended is None
    session.venue.fills.append(hidden)
    session.wait(2)
    assert (session.ended.exit_code, session.lots()) == (0, 10)


def test_the_wallet_and_the_position_are_compared_at_the_end(session):
    session.fill(session.live[0].client_id, 5)
    session.venue.wallets["USDT"] += Decimal("0.5")
    session.venue.holdings["BTCUSDT"].lots += 1
    assert {"wallet_difference", "position_difference"} <= set(codes(session.stop()))
    assert session.kernel.summary().differences == 2


def test_a_stop_is_idle_when_there_is_none(session):
    assert session.send(e.TimerFired(time_ns=session.now, name="stop")) == []


# ---- Why it ends -----------------------------------------------------------------------------------------


def test_storage_that_failed_ends_with_5_and_adds_nothing(session):
    session.venue.silent.add(c.CancelOrder)
    commands = session.send(e.StorageFailed(time_ns=session.now, reason="disk full"))
    assert "storage_failed" in codes(commands)
    assert len(of(commands, c.CancelOrder)) == 2
    commands = session.quiet(3)
    assert not of(commands, c.PlaceOrder, c.AmendOrder)
    assert session.ended.exit_code == 5


def test_the_daily_loss_ends_with_4():
    session = Session(
        configuration(limits=LIMITS._replace(max_daily_loss=2.0), risk=RiskSettings(end_on_stop=True))
    )
    session.start()
    session.tick()
    session.fill(session.live[0].client_id, 10)
    session.tick(499_000)  # 10 lots of 0.001 coins lose 100 a coin: 1
    session.wait(1)
    assert session.ended is None
    session.tick(497_000)
    commands = session.wait(1)
    assert "the day's loss of" in next(x.message for x in of(commands, c.Notice) if x.code == "stopping")
    assert session.ended.exit_code == 4


def test_a_restart_is_no_new_allowance_for_the_days_loss():
    config = configuration(limits=LIMITS._replace(max_daily_loss=2.0))
    first = Session(config)
    first.start()
    first.tick()
    first.fill(first.live[0].client_id, 10)
    first.tick(498_500)
    first.wait(1)
    lost = first.desk.day_loss
    assert lost > 1
    later = configuration(session="20270115T090000Z-bcdefa", limits=config.limits)
    second = Session(later, snapshot=first.kernel.snapshot(), venues=[first.venue], start_ns=first.now)
    second.send(e.SessionStarted(time_ns=second.now))
    assert second.desk.day_loss == lost
    tomorrow = Session(later, snapshot=first.kernel.snapshot(), start_ns=first.now + 86_400 * SECOND)
    tomorrow.send(e.SessionStarted(time_ns=tomorrow.now))
    assert tomorrow.desk.day_loss == 0


def test_what_the_venue_has_not_refuses_the_start_instead_of_asking_for_ever():
    session = Session()
    missing = e.QueryFailed(
        time_ns=session.now,
        venue="v",
        query="query_instruments",
        symbol="X",
        client_id="",
        reason="none",
        final=True,
    )
    session.held = []
    session.send(e.SessionStarted(time_ns=session.now), missing)
    assert (session.ended.exit_code, session.ended.left_open) == (3, ())


def test_a_reporting_currency_without_a_price_refuses_the_start():
    session = Session(msgspec.structs.replace(configuration(), reporting_currency="EUR"))
    session.start()
    assert session.ended.exit_code == 3
    assert "no price converts USDT to reporting_currency EUR" in session.ended.reason


def test_a_new_day_begins_with_a_loss_of_nothing():
    session = Session(configuration(limits=LIMITS._replace(max_daily_loss=2.0)))
    session.start()
    session.tick()
    session.fill(session.live[0].client_id, 10)
    session.tick(498_500)
    session.wait(1)
    assert session.desk.day_loss > 1
    session.now += 86_400 * SECOND
    session.tick(498_500)
    session.wait(1)
    assert session.desk.day_loss == 0
    assert session.ended is None


def test_the_duration_counts_from_the_first_quote():
    session = Session(configuration(duration_ns=30 * SECOND))
    session.start()
    session.tick()
    session.quiet(29)
    assert session.ended is None
    session.quiet(2)
    assert (session.ended.exit_code, session.ended.reason) == (0, "the session's duration is over")


def test_the_summary_says_what_the_session_came_to(session):
    session.fill(session.live[0].client_id, 5)
    session.stop()
    summary = session.kernel.summary()
    assert summary.positions == {"v:BTCUSDT": 5}
    assert (summary.open_orders, summary.unknown_orders, summary.differences, summary.unpriced) == (
        0,
        0,
        0,
        (),
    )
    assert summary.pnl == summary.parts.total == summary.equity_change_at_venue


def test_unknown_orders_are_counted(session):
    session.desk.orders.doubt(session.live[0], session.now)
    summary = session.kernel.summary()
    assert (summary.open_orders, summary.unknown_orders, summary.equity_change_at_venue) == (2, 1, None)
    assert session.live[0].state is OrderState.UNKNOWN
    assert msgspec.msgpack.decode(session.kernel.snapshot())["ending"] is None
