"""Exits as an operator asks for them, as a session ends with them, and as a restart goes on with them."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.leaving import KEY, QUIET, answers, ask, changed, holding, placed, restarted
from tests.engine.pairs import SYMBOLS
from tests.engine.scripted import SESSION, codes, configuration, of, strategy
from tests.engine.scripted_venue import MID
from titan.engine.configuration import ExitSettings
from titan.engine.kernel import Kernel
from titan.model import commands as c
from titan.model import events as e

# ---- The operator ----------------------------------------------------------------------------------------


def test_close_closes_one_symbol_and_the_others_go_on_until_a_resume():
    pair = tuple(strategy(name, symbol=symbol) for name, symbol in zip("ab", SYMBOLS, strict=True))
    session = holding(config=configuration(symbols=SYMBOLS, strategies=pair))
    session.tick(symbol="ETHUSDT")
    commands = ask(session, "close", "btcusdt") + session.quiet(4, 0.1)
    (answer,) = answers(commands)
    assert answer[1]
    assert answer[2].endswith("no order of ours is open at v:BTCUSDT")
    assert {o.symbol for o in session.live} == {"ETHUSDT"}
    assert session.desk.markets[KEY].obstacle == "closed: Ada: enough"
    assert not session.desk.halted
    assert answers(ask(session, "resume", "BTCUSDT")) == [
        ("r-resume", True, "resumed from: v:BTCUSDT closed by Ada: enough")
    ]
    session.quiet(1, 0.1)
    assert {o.symbol for o in session.live} == set(SYMBOLS)
    assert session.desk.exits == {}


@pytest.mark.parametrize(("action", "target", "said"), [
    ("close", "XRPUSDT", "XRPUSDT: is not traded here; traded are BTCUSDT"),
    ("close", "", "no symbol: is not traded here"),
    ("resume", "XRPUSDT", "is not traded here"),
])  # fmt: skip
def test_a_symbol_that_is_not_traded_is_refused(action, target, said):
    (answer,) = answers(ask(holding(), action, target))
    assert not answer[1]
    assert said in answer[2]


def test_one_symbol_is_not_resumed_in_a_stop():
    session = holding(0)
    ask(session)
    assert "resume it without a symbol" in answers(ask(session, "resume", "BTCUSDT"))[0][2]


def test_a_second_request_joins_the_exit_under_way():
    session = holding()
    ask(session, "close", "BTCUSDT")
    assert placed(ask(session)) == []
    commands = session.fill(session.live[0].client_id, 10)
    assert [x[:2] for x in answers(commands)] == [("r-close", True), ("r-flatten", True)]


def test_whoever_resumes_gives_it_up_and_is_told_what_is_left():
    session = holding()
    ask(session)
    commands = ask(session, "resume")
    flatten, resume = answers(commands)
    assert flatten[:2] == ("r-flatten", False)
    assert "given up by a resume: v:BTCUSDT: position 10 lots" in flatten[2]
    assert "given up before it was flat: v:BTCUSDT: position 10 lots" in resume[2]
    assert "exit_given_up" in codes(commands)
    assert session.live == []
    assert session.desk.exits == {}
    assert not of(session.quiet(2, 0.1), c.PlaceOrder)


def test_a_pause_during_an_exit_leaves_it_alone():
    session = holding()
    ask(session)
    assert not of(ask(session, "pause"), c.CancelOrder)
    assert len(session.live) == 1


def test_a_kill_switch_that_says_so_flattens():
    session = holding()
    commands = session.send(e.KillSwitch(time_ns=session.now, on=True, why="Flatten: smoke in the room"))
    assert placed(commands) == [(-1, MID + 5, 10, "post_only")]
    assert session.desk.halted == "kill switch: Flatten: smoke in the room"


@pytest.mark.parametrize("why", ["", "smoke", "do not flatten"])
def test_any_other_kill_switch_holds_what_is_held(why):
    session = holding()
    assert not of(session.send(e.KillSwitch(time_ns=session.now, on=True, why=why)), c.PlaceOrder)
    assert session.desk.exits == {}


def test_with_storage_failed_nothing_can_be_sent_and_that_is_said():
    session = holding()
    session.venue.silent.add(c.QueryOpenOrders)
    session.send(e.StorageFailed(time_ns=session.now, reason="disk full"))
    (answer,) = answers(ask(session))
    assert answer[:2] == ("r-flatten", False)
    assert "storage failed (disk full): nothing can be sent; close the position at the venue" in answer[2]


def test_storage_that_fails_during_an_exit_ends_it_and_says_what_is_held():
    session = holding()
    ask(session)
    session.send(e.StorageFailed(time_ns=session.now, reason="disk full"))
    session.wait(12)
    assert session.ended.exit_code == 5
    assert "v:BTCUSDT: position 10 lots" in session.ended.left_open[0]


def test_storage_that_fails_while_the_end_waits_for_an_exit_sends_nothing_more():
    session = ending()
    session.venue.silent.add(c.QueryAccount)
    session.stop()
    commands = session.send(e.StorageFailed(time_ns=session.now, reason="disk full"))
    session.venue.silent.clear()
    commands += session.wait(12)
    assert not of(commands, c.PlaceOrder, c.AmendOrder)
    assert (session.ended.exit_code, len(session.ended.left_open)) == (5, 1)


# ---- The end of a session --------------------------------------------------------------------------------


def ending(lots=10, **exits):
    config = configuration(strategies=QUIET)
    return holding(lots, config=changed(config, flatten_at_end=True, exits=ExitSettings(**exits)))


def test_a_session_flattens_before_it_ends_where_it_is_told_to():
    session = ending()
    assert placed(session.stop()) == [(-1, MID + 5, 10, "post_only")]
    session.quiet(4, 0.1)
    assert (session.ended.exit_code, session.ended.left_open, session.lots()) == (0, (), 0)
    summary = session.kernel.summary()
    assert summary.differences == 0
    assert summary.pnl == summary.parts.total == summary.equity_change_at_venue


def test_a_session_that_holds_nothing_proves_that_and_ends():
    session = ending(0)
    session.stop()
    assert (session.ended.exit_code, session.ended.left_open) == (0, ())


def test_by_default_a_session_ends_with_what_it_holds():
    session = holding()
    assert not of(session.stop(), c.PlaceOrder)
    assert session.ended.exit_code == 0
    assert session.lots() == 10


def test_an_end_that_cannot_flatten_in_time_says_what_is_held_and_leaves_no_order():
    session = ending(exit_timeout_s=5.0)
    session.send(session.venue.delta(session.now, only=-1))
    session.stop()
    commands = session.wait(8)
    assert session.ended.exit_code == 5
    (left,) = session.ended.left_open
    assert left.startswith("v:BTCUSDT: position 10 lots")
    assert "exit_given_up" in codes(commands)
    assert not [name for name in session.venue.orders if session.venue.alive(name)]
    second = restarted(session, flatten_at_end=False)
    second.start()
    assert not of(second.quiet(3, 0.1), c.PlaceOrder), (
        "it was the end of a session that wanted it, and that has gone"
    )


def test_a_flatten_while_the_session_is_ending_is_done_first():
    session = holding()
    session.venue.silent.add(c.QueryOpenOrders)
    session.stop()
    session.venue.silent.clear()
    assert placed(ask(session)) == [(-1, MID + 5, 10, "post_only")]
    session.quiet(5, 0.1)
    assert (session.ended.exit_code, session.lots()) == (0, 0)


def test_once_the_end_is_proven_a_flatten_comes_too_late():
    session = holding()
    session.venue.silent.add(c.QueryFills)
    session.stop()
    assert answers(ask(session)) == [("r-flatten", False, "the session is stopping; start another one")]


# ---- Restart ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["flatten", "close"])
def test_after_a_crash_in_the_middle_it_goes_on_from_the_snapshot(action):
    session = holding()
    ask(session, action, "BTCUSDT")
    session.fill(session.live[0].client_id, 4, fee="0.2")
    second = restarted(session)
    second.start()
    commands = second.quiet(6, 0.1)
    assert second.lots() == second.venue.holdings["BTCUSDT"].lots == 0
    assert second.venue.excess == []
    assert second.desk.markets[KEY].obstacle.startswith("STOP" if action == "flatten" else "closed")
    flat = next(x.message for x in of(commands, c.Notice) if x.code == "exit_flat")
    assert "closed 10 lots" in flat, "what it cost before the crash counts"
    second.stop()
    third = restarted(second, SESSION.replace("abcdef", "abcde1"))
    third.start()
    assert third.desk.exits == {}, "it was flat"
    assert not of(third.quiet(2, 0.1), c.PlaceOrder)


def test_before_the_account_is_read_it_waits():
    session = holding()
    ask(session)
    second = restarted(session)
    second.venue.failing.add(c.QueryAccount)
    second.start()
    assert not of(second.quiet(2, 0.1), c.PlaceOrder)
    assert second.desk.exits[KEY].waiting == "the account has not been read yet"
    second.stop()
    assert second.ended is not None or second.wait(12)
    assert second.ended.exit_code == 0, (
        "nothing was sent, and the exit is in the snapshot for the next session"
    )


def test_after_a_crash_in_a_market_with_one_side_it_goes_on_opened_at_the_mark():
    session = holding()
    session.send(session.venue.delta(session.now, only=-1))
    ask(session)
    second = restarted(session)
    second.send(e.SessionStarted(time_ns=second.now))
    second.streams()
    for _ in range(4):
        second.tick(only=-1)
    assert second.desk.phase == "starting", "there is no mid, and no mark"
    second.send(
        e.MarkPrice(
            time_ns=second.now, venue="v", symbol="BTCUSDT", mark=Decimal("49990.3"), index=Decimal(50_000),
            funding_rate=0.0, next_funding_ns=0,
        )
    )  # fmt: skip
    for _ in range(20):
        second.tick(only=-1, wait_s=0.5)
    assert [(o.side, o.price, o.reduce_only) for o in second.live] == [(-1, MID + 5, True)]
    second.fill(second.live[0].client_id, 10)
    second.quiet(2)
    second.stop()
    summary = second.kernel.summary()
    assert summary.pnl == summary.parts.total == summary.equity_change_at_venue


def test_an_exit_is_part_of_the_state():
    session = holding()
    ask(session)
    session.fill(session.live[0].client_id, 3, fee="0.1", fee_asset="BNB")
    again = Kernel(session.config, {"straddle": session.desk.hosts[0].module}, session.kernel.snapshot())
    assert again.desk.exits == session.desk.exits
    assert again.state_hash() == session.kernel.state_hash()
    assert "0.1 BNB" in again.desk.exits[KEY].price_paid("USDT")


def test_a_session_without_exits_has_the_state_that_it_always_had():
    session = holding()
    data = msgspec.msgpack.decode(session.kernel.snapshot())
    for name in ("exits", "requests"):
        del data[name]
    for market in data["markets"].values():
        del market["plain"]["closed"]
    for host in data["hosts"].values():
        del host["waits"]
    del data["plain"]["questions"]
    for book in data["ledger"]["books"]:
        del book["held"]
    again = Kernel(session.config, {"straddle": session.desk.hosts[0].module}, msgspec.msgpack.encode(data))
    assert again.desk.exits == {}
    assert again.desk.ledger.lots(KEY) == 10
