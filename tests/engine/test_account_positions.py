"""The venue's positions and wallets against the ledger's: what is seen, what is waited for, what is told."""

from decimal import Decimal

import pytest

from tests.engine.scripted import codes
from tests.engine.test_account import GRACE, At, notices
from titan.engine import account, starting
from titan.engine.exit_state import Cause, Exit, Stage
from titan.model import commands as c
from titan.model import events as e


@pytest.fixture
def at():
    return At()


# ---- Positions ------------------------------------------------------------------------------------------


def test_a_difference_is_seen_asked_about_and_after_the_grace_told(at):
    at.market.fills_read_ns = at.market.fill_ns = 0
    at.venue.asked_ns["account"] = at.desk.now_ns
    commands = at.after(account.check_positions, at.snapshot(4))
    assert [type(x) for x in commands] == [c.QueryFills]
    assert (at.market.differing_since_ns, at.market.stated_lots) == (at.desk.now_ns, 4)
    at.desk.now_ns += GRACE
    assert at.after(account.check_positions, at.snapshot(4)) == [], "executions were not read since"
    at.market.fills_read_ns = at.market.differing_since_ns
    at.desk.now_ns -= 1
    assert at.after(account.check_positions, at.snapshot(4)) == [], "the grace is not over"
    at.desk.now_ns += 1
    assert notices(at.after(account.check_positions, at.snapshot(4))) == [("error", "position_difference")]
    assert at.market.stopped.startswith("the venue states a position of 4 lots, the ledger 0; ")
    assert at.desk.differences == 1
    assert at.after(account.check_positions, at.snapshot(4)) == [], "told once"


def test_at_the_start_a_difference_that_was_explained_says_nothing_of_the_next(at):
    """A liquidation amid a start met a difference of long before, and a session that had it all stood still."""

    def may_agree(lots):
        return starting._may_agree_yet(at.desk, at.venue, {"BTCUSDT": lots})

    assert may_agree(4)
    at.market.fills_read_ns = at.desk.now_ns
    at.desk.now_ns += GRACE
    assert may_agree(2), "another difference: the grace begins anew"
    at.desk.now_ns += GRACE
    assert may_agree(2), "executions were not read since"
    at.market.fills_read_ns = at.market.differing_since_ns
    assert not may_agree(2)
    assert not may_agree(0)
    assert at.market.differing_since_ns == 0


def test_a_position_that_agrees_again_is_no_difference(at):
    at.market.differing_since_ns = 5
    assert at.after(account.check_positions, at.snapshot(0)) == []
    assert at.market.differing_since_ns == 0


@pytest.mark.parametrize(("fill_ns", "seen"), [(6, False), (7, False), (8, True)])
def test_an_execution_that_crossed_the_question_proves_nothing(at, fill_ns, seen):
    at.venue.asked_ns["account"] = 8 + 6 - fill_ns if seen else fill_ns
    at.market.fill_ns = fill_ns if not seen else 5
    account.check_positions(at.desk, at.snapshot(4))
    assert bool(at.market.differing_since_ns) == seen


def test_at_the_end_a_difference_is_told_at_once(at):
    at.market.fill_ns = at.desk.now_ns
    at.bid.venue_filled = 4
    commands = at.after(account.check_positions, at.snapshot(4, "end"))
    assert notices(commands) == [("error", "position_difference")]


@pytest.mark.parametrize(("ago_ns", "awaited"), [(6 * GRACE - 1, True), (6 * GRACE, False)])
def test_executions_that_were_announced_are_awaited_for_a_while(at, ago_ns, awaited):
    assert not account.awaits_executions(at.desk, at.market)
    at.bid.venue_filled, at.bid.changed_ns = 1, at.desk.now_ns - ago_ns
    assert account.awaits_executions(at.desk, at.market) == awaited


@pytest.mark.parametrize(("waited_ns", "told"), [(6 * GRACE - 1, False), (6 * GRACE, True)])
def test_executions_that_cannot_be_read_are_waited_for_no_longer_than_that(at, waited_ns, told):
    at.market.differing_since_ns, at.market.fills_read_ns = at.desk.now_ns - waited_ns, 0
    at.market.fill_ns = 0
    assert bool(notices(at.after(account.check_positions, at.snapshot(4)))) == told


# ---- Wallets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stated", "told"), [("99.5", 0), ("99.4", 1)])
def test_wallets_are_the_opening_ones_and_what_was_booked(at, stated, told):
    def wallets(**amounts):
        balances = tuple(e.Balance(asset, Decimal(amount)) for asset, amount in amounts.items())
        return e.AccountSnapshot(time_ns=1, venue="v", purpose="end", balances=balances, positions=())

    at.venue.opening = wallets(USDT="100", ETH="2")
    account.on_fill(at.desk, at.fill(1, fee=Decimal("0.5")))
    account.on_fill(at.desk, at.fill(1, trade_id="t2", fee=Decimal("-0.1"), fee_asset="BNB"))
    commands = at.after(account.check_wallets, wallets(USDT=stated, ETH="2", BNB="0.1"))
    assert notices(commands) == [("error", "wallet_difference")] * told
    assert at.desk.differences == told
    assert codes(commands) == [] or "wallet USDT at v: the venue states 99.4, the bookings give 99.5" in (
        commands[0].message
    )
    at.venue.opening = None
    assert at.after(account.check_wallets, wallets(USDT="0")) == []


# ---- Executions that others must hear of ----------------------------------------------------------------------


def test_an_execution_between_the_sessions_is_told_and_counted_apart(at):
    at.desk.ledger.begin_session()
    commands = at.after(account.on_fill, at.fill(4, side=-1))
    assert notices(commands) == [("warning", "fill_before_opening")]
    notice = commands[0]
    assert notice.message.startswith(f"-4 lots at {at.bid.price} ticks between the sessions")
    assert (notice.symbol, notice.client_id) == ("BTCUSDT", at.bid.client_id)
    assert (at.desk.orders.counts.fills, at.desk.orders.counts.fills_before_opening) == (0, 1)


@pytest.mark.parametrize(("reduce_only", "closed"), [(True, 4), (False, 0)])
def test_an_exit_under_way_hears_of_every_execution_and_counts_its_own(at, reduce_only, closed):
    found = at.desk.exits[at.bid.key] = Exit("enough", Cause.OPERATOR, 1, lots=9)
    at.bid.reduce_only = reduce_only
    account.on_fill(at.desk, at.fill(4))
    assert (found.lots, found.closed) == (None, closed)


@pytest.mark.parametrize(("client_id", "lots"), [("hand", 0), ("OURS", None), ("BID", None)])
def test_an_exit_that_is_flat_hears_of_ours_alone(at, client_id, lots):
    found = at.desk.exits[at.bid.key] = Exit("enough", Cause.OPERATOR, 1, lots=0, stage=Stage.FLAT)
    names = {"OURS": at.ours(), "BID": at.bid.client_id}
    nameless = {} if client_id == "BID" else {"venue_id": "none"}
    account.on_fill(at.desk, at.fill(4, client_id=names.get(client_id, client_id), **nameless))
    assert found.lots == lots


@pytest.mark.parametrize(
    ("reduce_only", "result", "waiting"),
    [(True, "rejected", "the last cancel: no (code -1)"), (True, "unknown", ""), (False, "rejected", "")],
)
def test_an_exit_says_why_its_order_was_refused(at, reduce_only, result, waiting):
    found = at.desk.exits[at.bid.key] = Exit("enough", Cause.OPERATOR, 1)
    at.bid.reduce_only = reduce_only
    account.on_outcome(at.desk, at.outcome("cancel", result))
    assert found.waiting == waiting
