"""What each word of a venue about our account makes the desk do, ask and tell: one step at a time."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.scripted import Session, configuration, of
from tests.engine.scripted_venue import MID, SECOND
from titan.engine import account
from titan.engine.desk import Phase
from titan.model import commands as c
from titan.model import events as e
from titan.model.orders import Lifetime, OrderState

UNKNOWN_AFTER, GRACE = 2 * SECOND, 5 * SECOND


class At:
    """A running desk, what it says in one step, and its first bid."""

    def __init__(self, **changes):
        self.session = Session(configuration(**changes))
        self.session.start()
        self.session.tick()
        self.desk = self.session.desk
        self.bid = next(order for order in self.session.live if order.side > 0)
        self.market = self.desk.markets[self.bid.key]
        self.venue = self.desk.venues["v"]
        self.desk.out.clear()

    def after(self, act, *arguments):
        """The commands of one act."""
        self.desk.out.clear()
        act(self.desk, *arguments)
        return list(self.desk.out)

    def told(self, **changes):
        """A word of the venue about the bid."""
        return msgspec.structs.replace(
            e.OrderUpdate(
                time_ns=self.desk.now_ns, venue="v", symbol="BTCUSDT", venue_ns=self.desk.now_ns,
                client_id=self.bid.client_id, venue_id=self.bid.venue_id, state="open", side=1,
                price=self.bid.price, size=self.bid.size, filled=0, reduce_only=False, source="stream",
            ),
            **changes,
        )  # fmt: skip

    def fill(self, lots, **changes):
        return msgspec.structs.replace(
            e.Fill(
                time_ns=self.desk.now_ns, venue="v", symbol="BTCUSDT", venue_ns=self.desk.now_ns,
                client_id=self.bid.client_id, venue_id=self.bid.venue_id, trade_id="t1", side=1,
                price=self.bid.price, size=lots, maker=True, fee=Decimal(0), fee_asset="USDT",
                realized=Decimal(0), source="stream",
            ),
            **changes,
        )  # fmt: skip

    def snapshot(self, lots, purpose="periodic"):
        held = (e.Position("BTCUSDT", lots, Decimal(1), Decimal(1), Decimal(0)),)
        return e.AccountSnapshot(
            time_ns=self.desk.now_ns, venue="v", purpose=purpose, balances=(), positions=held
        )

    def outcome(self, action, result, code="-1", message="no"):
        return e.CommandOutcome(
            time_ns=self.desk.now_ns, venue="v", symbol="BTCUSDT", action=action,
            client_id=self.bid.client_id, outcome=result, code=code, message=message,
        )  # fmt: skip

    def ours(self, suffix="zz"):
        return self.bid.client_id[:-2] + suffix


@pytest.fixture
def at():
    return At()


def notices(commands):
    return [(x.level, x.code) for x in of(commands, c.Notice)]


# ---- Orders that are found ---------------------------------------------------------------------------------


def test_an_order_of_ours_is_taken_over_as_the_venue_tells_it(at):
    update = at.told(
        client_id=at.ours(), venue_id="77", side=-1, price=MID + 30, size=9, filled=4, reduce_only=True,
        state="partially_filled", venue_ns=55, time_ns=66,
    )  # fmt: skip
    commands = at.after(account.on_order_update, update)
    order = at.desk.orders.get(at.ours())
    assert notices(commands) == [("warning", "order_adopted")]
    assert of(commands, c.Notice)[0].client_id == at.ours()
    assert not of(commands, c.CancelOrder), "its strategy goes on with it"
    assert (order.venue, order.symbol, order.strategy, order.side) == ("v", "BTCUSDT", "as", -1)
    assert (order.price, order.size, order.filled, order.venue_filled) == (MID + 30, 9, 4, 4)
    assert (order.state, order.reduce_only, order.lifetime) == ("partially_filled", True, Lifetime.POST_ONLY)
    assert (order.venue_id, order.venue_ns, order.adopted_ns) == ("77", 55, 55)
    assert (order.created_ns, order.changed_ns) == (66, 66)


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.STOPPING])
def test_an_order_that_is_found_while_nothing_is_quoted_is_cancelled(at, phase):
    at.desk.phase = phase
    assert len(of(at.after(account.on_order_update, at.told(client_id=at.ours())), c.CancelOrder)) == 1


@pytest.mark.parametrize("state", ["filled", "cancelled", "rejected", "expired"])
def test_an_order_of_ours_that_has_ended_is_not_taken_over(at, state):
    assert at.after(account.on_order_update, at.told(client_id=at.ours(), state=state)) == []
    assert at.desk.orders.get(at.ours()) is None


def test_an_order_of_ours_elsewhere_is_told_and_left(at):
    commands = at.after(account.on_order_update, at.told(client_id=at.ours(), symbol="OTHER"))
    assert notices(commands) == [("error", "order_elsewhere")]
    notice = of(commands, c.Notice)[0]
    assert (notice.symbol, notice.client_id) == ("OTHER", at.ours())
    assert at.desk.orders.get(at.ours()) is None


def test_an_order_of_somebody_else_is_told_once(at):
    commands = at.after(account.on_order_update, at.told(client_id="hand", venue_id="9"))
    assert notices(commands) == [("info", "foreign_order")]
    assert "order 9 is not ours" in of(commands, c.Notice)[0].message
    assert of(commands, c.Notice)[0].symbol == "BTCUSDT"
    assert at.after(account.on_order_update, at.told(client_id="hand", venue_id="9")) == []
    assert at.venue.foreign == {"9"}


# ---- What is asked -----------------------------------------------------------------------------------------


def test_a_cancel_is_sent_and_dated(at):
    at.desk.now_ns += 9
    commands = at.after(account.cancel, at.bid)
    assert commands == [c.CancelOrder(venue="v", symbol="BTCUSDT", client_id=at.bid.client_id)]
    assert at.bid.state is OrderState.PENDING_CANCEL
    assert at.bid.asked_ns == at.bid.cancel_asked_ns == at.bid.changed_ns == at.desk.now_ns


def test_what_the_venue_has_ended_is_not_cancelled(at):
    at.bid.ends_as = OrderState.FILLED
    assert at.after(account.cancel, at.bid) == []
    assert at.bid.state is OrderState.OPEN


def test_a_query_is_sent_and_dated(at):
    at.desk.now_ns += 9
    commands = at.after(account.query, at.bid)
    assert commands == [c.QueryOrder(venue="v", symbol="BTCUSDT", client_id=at.bid.client_id)]
    assert at.bid.queried_ns == at.desk.now_ns


@pytest.mark.parametrize(("waited_ns", "asked"), [(UNKNOWN_AFTER - 1, False), (UNKNOWN_AFTER, True)])
@pytest.mark.parametrize("since", ["asked_ns", "queried_ns"])
def test_what_is_waited_for_is_asked_about_after_a_while(at, waited_ns, asked, since):
    at.desk.orders.begin_cancel(at.bid, at.desk.now_ns)
    at.bid.asked_ns = at.bid.queried_ns = 1
    setattr(at.bid, since, at.desk.now_ns - waited_ns)
    commands = at.after(account.ask_unanswered)
    assert [x.client_id for x in of(commands, c.QueryOrder)] == ([at.bid.client_id] if asked else [])
    assert (at.bid.state is OrderState.UNKNOWN) == asked


def test_what_stands_is_not_asked_about_unless_it_never_should_stand(at):
    at.desk.now_ns += UNKNOWN_AFTER
    assert at.after(account.ask_unanswered) == []
    at.bid.lifetime = Lifetime.IOC
    assert len(of(at.after(account.ask_unanswered), c.QueryOrder)) == 1


def test_executions_that_are_waited_for_are_asked_for(at):
    at.bid.ends_as, at.bid.venue_filled = OrderState.FILLED, 10
    at.desk.now_ns += UNKNOWN_AFTER
    commands = at.after(account.ask_unanswered)
    assert commands == [c.QueryFills(venue="v", symbol="BTCUSDT", since_ns=at.market.fills_from_ns)]
    assert at.bid.queried_ns == at.venue.asked_ns["fills BTCUSDT"] == at.desk.now_ns
    assert at.after(account.ask_unanswered) == [], "only now and then"


def test_a_venue_that_cannot_be_read_is_not_asked(at):
    at.desk.orders.begin_cancel(at.bid, at.desk.now_ns)
    at.desk.now_ns += UNKNOWN_AFTER
    at.venue.unread.add("terms")
    assert at.after(account.ask_unanswered) == []
    at.venue.unread.clear()
    assert at.after(account.ask_unanswered) != []


@pytest.mark.parametrize(
    ("ask", "arguments", "kind", "command"),
    [
        (account.ask_orders, ("v",), "orders", c.QueryOpenOrders(venue="v")),
        (account.ask_account, ("v", "end"), "account", c.QueryAccount(venue="v", purpose="end")),
    ],
)
def test_a_question_is_sent_and_dated(at, ask, arguments, kind, command):
    at.desk.now_ns += 9
    assert at.after(ask, *arguments) == [command]
    assert at.venue.asked_ns[kind] == at.desk.now_ns


# ---- How sending ended -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "result", "code", "level", "asks"),
    [
        ("cancel", "rejected", "-2011", "info", True),
        ("amend", "rejected", "", "info", True),
        ("cancel", "unknown", "", "warning", True),
        ("cancel", "unknown", "-1007", "info", True),
        ("place", "rejected", "-2010", "info", False),
        ("place", "unknown", "", "warning", True),
        ("cancel", "not_sent", "", "warning", False),
    ],
)
def test_how_sending_ended_is_told_and_asked_about_where_it_proves_nothing(
    at, action, result, code, level, asks
):
    commands = at.after(account.on_outcome, at.outcome(action, result, code))
    notice = of(commands, c.Notice)[0]
    assert (notice.level, notice.code) == (level, f"{action}_{result}")
    assert notice.message == f"{action}: no (code {code or 'none'})"
    assert (notice.symbol, notice.client_id) == ("BTCUSDT", at.bid.client_id)
    assert bool(of(commands, c.QueryOrder)) == asks


def test_an_outcome_without_words_says_that_it_proves_nothing(at):
    notice = of(at.after(account.on_outcome, at.outcome("cancel", "unknown", "", "")), c.Notice)[0]
    assert notice.message == "cancel: no answer that proves anything (code none)"


def test_an_outcome_of_an_order_that_has_ended_asks_nothing(at):
    account.on_order_update(at.desk, at.told(state="cancelled"))
    assert not of(at.after(account.on_outcome, at.outcome("cancel", "rejected")), c.QueryOrder)


def test_no_such_order_ends_it_the_second_time_with_executions_read_in_between(at):
    late = at.bid.created_ns + 7 * SECOND + 1
    absent = e.OrderAbsent(
        time_ns=late, venue="v", symbol="BTCUSDT", venue_ns=late, client_id=at.bid.client_id
    )
    first = at.after(account.on_absent, absent)
    assert [type(x) for x in first] == [c.QueryFills]
    again = at.after(account.on_absent, absent)
    assert [type(x) for x in again] == [c.QueryFills], (
        "executions were not read yet: the question may have failed"
    )
    at.bid.fills_read = True
    assert notices(at.after(account.on_absent, absent)) == [("warning", "order_absent")]
    assert not at.bid.live
    assert at.after(account.on_absent, absent) == []


# ---- Executions --------------------------------------------------------------------------------------------


def test_an_execution_is_booked_dated_and_counted_for_its_strategy(at):
    at.desk.now_ns += 9
    before = at.desk.gate.executions("as", at.desk.now_ns)
    assert notices(at.after(account.on_fill, at.fill(4))) == []
    assert (at.desk.ledger.strategy_lots(at.bid.key, "as"), at.bid.filled) == (4, 4)
    assert at.market.fill_ns == at.desk.now_ns
    assert at.desk.gate.executions("as", at.desk.now_ns) == before + 1
    assert (at.desk.orders.counts.fills, at.desk.revalued) == (1, True)
    at.market.fill_ns = 0
    assert at.after(account.on_fill, at.fill(4)) == []
    assert (at.market.fill_ns, at.session.lots()) == (0, 4), "told twice, booked once"


def test_an_execution_elsewhere_or_before_the_terms_is_told(at):
    elsewhere = at.after(account.on_fill, at.fill(4, symbol="OTHER"))
    assert notices(elsewhere) == [("warning", "fill_elsewhere")]
    assert (elsewhere[0].symbol, elsewhere[0].client_id) == ("OTHER", at.bid.client_id)
    at.market.instrument = None
    assert notices(at.after(account.on_fill, at.fill(4))) == [("warning", "fill_elsewhere")]


def test_an_execution_that_was_the_difference_ends_it(at):
    at.market.differing_since_ns, at.market.stated_lots = 5, 4
    account.on_fill(at.desk, at.fill(3))
    assert at.market.differing_since_ns == 5
    account.on_fill(at.desk, at.fill(1, trade_id="t2"))
    assert at.market.differing_since_ns == 0


def test_more_than_was_ordered_is_a_difference(at):
    assert notices(at.after(account.on_fill, at.fill(at.bid.size))) == []
    commands = at.after(account.on_fill, at.fill(1, trade_id="t2"))
    assert notices(commands) == [("error", "overfill")]
    notice = of(commands, c.Notice)[0]
    assert f"filled {at.bid.size + 1} of {at.bid.size} lots" in notice.message
    assert (notice.client_id, at.desk.differences) == (at.bid.client_id, 1)


@pytest.mark.parametrize(
    ("client_id", "owner"), [("hand", "manual"), ("", "manual"), ("OURS", "as"), ("STRANGE", "manual")]
)
def test_an_execution_without_an_order_belongs_to_whom_its_id_names(at, client_id, owner):
    names = {"OURS": at.ours(), "STRANGE": at.bid.client_id[:4] + "???zz"}
    account.on_fill(at.desk, at.fill(4, client_id=names.get(client_id, client_id), venue_id="none"))
    assert at.desk.ledger.books(at.bid.key) == {owner: 4}


def test_executions_read_move_on_what_is_known_to_be_complete(at):
    asked = at.market.fills_from_ns + account.FILLS_OVERLAP_NS + 7
    at.venue.asked_ns["fills BTCUSDT"] = asked
    at.venue.unread.add("fills BTCUSDT")
    at.bid.fills_read = False
    before = at.market.fills_from_ns
    answer = e.FillsQueried(
        time_ns=at.desk.now_ns, venue="v", symbol="BTCUSDT", since_ns=0, fills=(at.fill(4),)
    )
    account.on_fills_queried(at.desk, answer)
    assert (at.market.fills_from_ns, at.market.fills_read_ns) == (before + 7, asked)
    assert (at.bid.fills_read, at.bid.filled, at.venue.unread) == (True, 4, set())
    at.venue.asked_ns["fills BTCUSDT"] = asked - 5
    account.on_fills_queried(at.desk, answer)
    assert at.market.fills_from_ns == before + 7, "it never goes back"


def test_nameless_executions_wait_while_an_order_is_unproven(at):
    nameless = at.fill(4, client_id="", venue_id="none")
    at.venue.asked_ns["fills BTCUSDT"] = at.desk.now_ns
    at.bid.venue_id = ""
    read_ns = at.market.fills_read_ns
    answer = e.FillsQueried(
        time_ns=at.desk.now_ns, venue="v", symbol="BTCUSDT", since_ns=0,
        fills=(nameless, at.fill(2, trade_id="t2", venue_id="77")),
    )  # fmt: skip
    account.on_fills_queried(at.desk, answer)
    assert (at.session.lots(), at.market.fills_read_ns) == (2, read_ns)
    account.on_fills_queried(at.desk, answer)
    assert (at.session.lots(), at.market.fills_read_ns) == (6, at.desk.now_ns), "now its order is known"


@pytest.mark.parametrize(("kind", "told"), [("funding", [("info", "funding")]), ("transfer", [])])
def test_funding_is_told_once(at, kind, told):
    income = e.Income(
        time_ns=at.desk.now_ns, venue="v", symbol="BTCUSDT", venue_ns=at.desk.now_ns, kind=kind,
        asset="USDT", amount=Decimal("-0.5"), income_id="1",
    )  # fmt: skip
    commands = at.after(account.on_income, income)
    assert notices(commands) == told
    assert all((x.message, x.symbol) == ("funding -0.5 USDT", "BTCUSDT") for x in commands)
    assert at.after(account.on_income, income) == []


# ---- The open orders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "before_ns", "doubted"),
    [
        (Phase.RUNNING, GRACE + 1, True),
        (Phase.RUNNING, GRACE, False),
        (Phase.STOPPING, 1, True),
        (Phase.STOPPING, 0, False),
    ],
)
def test_an_order_that_is_missing_is_asked_about_unless_it_was_in_flight(at, phase, before_ns, doubted):
    at.desk.phase = phase
    at.venue.unread.add("orders")
    at.venue.asked_ns["orders"] = at.desk.now_ns
    others = [order for order in at.session.live if order is not at.bid]
    for order in others:
        order.changed_ns = at.desk.now_ns
    at.bid.changed_ns = at.desk.now_ns - before_ns
    commands = at.after(account.on_open_orders, e.OpenOrders(time_ns=at.desk.now_ns, venue="v", orders=()))
    assert [x.client_id for x in of(commands, c.QueryOrder)] == ([at.bid.client_id] if doubted else [])
    assert (at.bid.state is OrderState.UNKNOWN) == doubted
    assert at.venue.unread == set()


def test_an_order_that_the_venue_has_ended_is_not_missing(at):
    at.venue.asked_ns["orders"] = at.desk.now_ns + 100 * SECOND
    for order in at.session.live:
        order.ends_as = OrderState.FILLED
    assert at.after(account.on_open_orders, e.OpenOrders(time_ns=1, venue="v", orders=())) == []
