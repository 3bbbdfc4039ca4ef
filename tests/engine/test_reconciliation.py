"""Reconciliation: pure comparisons, with grace for what is in flight, and nobody else's orders touched."""

from collections import Counter
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.scripted import Session, codes, configuration, of, strategy
from tests.engine.scripted_venue import MID, SECOND, ScriptedVenue
from tests.engine.test_orders import an_order, update
from titan.engine.reconciliation import compare_open_orders, compare_positions, compare_wallets
from titan.model import commands as c
from titan.model import events as e
from titan.model.orders import OrderState

names = st.lists(st.sampled_from(["Ta", "Tb", "Tc", "xx", "yy"]), unique=True)


@given(names, names, st.integers(0, 4))
def test_every_order_is_in_exactly_one_place(ours, theirs, settled):
    local = [an_order(name, OrderState.OPEN, changed_ns=number) for number, name in enumerate(ours)]
    venue = [update(client_id=name) for name in theirs]
    found = compare_open_orders(local, venue, prefix="T", settled_before_ns=settled)
    assert [o.client_id for o in found.ghosts] == [
        n for i, n in enumerate(ours) if n not in theirs and i < settled
    ]
    assert {u.client_id for u in found.orphans} == {n for n in set(theirs) - set(ours) if n[0] == "T"}
    assert {u.client_id for u in found.foreign} == {n for n in set(theirs) - set(ours) if n[0] != "T"}


def account(*positions):
    told = tuple(e.Position(symbol, lots, Decimal(1), Decimal(1), Decimal(0)) for symbol, lots in positions)
    return e.AccountSnapshot(time_ns=1, venue="v", purpose="periodic", balances=(), positions=told)


def test_positions_differ_where_either_side_holds_another_number():
    assert compare_positions({"A": 1, "B": 0}, account(("A", 1))) == ()
    assert compare_positions({"A": 1, "B": 2}, account(("B", 3), ("C", -1))) == (
        ("A", 1, 0),
        ("B", 2, 3),
        ("C", 0, -1),
    )


def test_wallets_may_differ_by_the_venues_rounding_only():
    balances = [e.Balance("USDT", Decimal("10.000001"))]
    assert compare_wallets({"USDT": Decimal(10)}, balances) == ()
    assert compare_wallets({"USDT": Decimal("9.9999989"), "BNB": Decimal(1)}, balances) == (
        ("BNB", Decimal(1), Decimal(0)),
        ("USDT", Decimal("9.9999989"), Decimal("10.000001")),
    )


# ---- Within a session ------------------------------------------------------------------------------------


def running(**changes):
    session = Session(configuration(**changes))
    session.start()
    session.tick()
    return session


def test_a_failed_query_changes_nothing():
    session = running()
    session.venue.failing |= {c.QueryOpenOrders, c.QueryFills, c.QueryAccount}
    before = [msgspec.to_builtins(order) for order in session.live]
    commands = session.quiet(6)
    assert codes(commands).count("query_failed") == 3
    assert [msgspec.to_builtins(order) for order in session.live] == before


def test_a_ghost_is_doubted_asked_about_and_not_concluded():
    session = running()
    bid = session.live[0]
    session.quiet(4)
    del session.venue.orders[bid.client_id]
    commands = session.quiet(8)
    assert bid.client_id in [command.client_id for command in of(commands, c.QueryOrder)]
    session.quiet(10)
    assert not session.desk.orders.get(bid.client_id).live
    assert "order_absent" in [code for _, out in session.log for code in codes(out)]


def test_an_order_in_flight_around_the_query_is_no_ghost():
    session = running()
    session.tick(MID + 3)
    session.venue.silent.add(c.AmendOrder)
    session.send(e.OpenOrders(time_ns=session.now, venue="v", orders=()))
    assert [order.state for order in session.live] == [OrderState.OPEN] * 2


def test_an_orphan_found_while_running_is_adopted_into_its_strategy():
    session = running(strategies=(strategy(parameters=(1.0, 0.01, 0.0, 2)),))
    mine = session.live[0].client_id
    orphan = session.venue.rest(mine[:-1] + "zz", 1, MID - 30, 10, session.now)
    orphan.filled = 2
    session.quiet(6)
    taken = session.desk.orders.get(orphan.client_id)
    assert (taken.strategy, taken.filled) == ("as", 2)
    assert not taken.live, "it is one quote too many"


def test_an_orphan_of_an_unknown_strategy_is_cancelled():
    session = running()
    orphan = session.venue.rest("Trdwzzz0001", 1, MID - 30, 10, session.now)
    session.quiet(6)
    assert orphan.state == "cancelled"


class SlowRecords(ScriptedVenue):
    """Once `slow`, its account always answers before its executions do."""

    def __init__(self):
        super().__init__()
        self.slow = False
        self.kept = []

    def answer(self, command, now_ns):
        found = super().answer(command, now_ns)
        if isinstance(command, c.QueryFills) and self.slow:
            self.kept += found
            return []
        if isinstance(command, c.QueryAccount):
            found, self.kept = [*found, *self.kept], []
        return found


def test_two_late_executions_are_not_one_lasting_difference():
    """Each comparison meets another execution that is not told yet: the difference is the same, its cause is not."""
    session = Session(venues=[SlowRecords()])
    session.start()
    session.tick()
    session.venue.slow = True
    market = session.desk.markets[session.desk.config.keys[0]]
    for _ in range(4):
        session.venue.execute(next(o.client_id for o in session.live if o.side > 0), 2, session.now)
        session.quiet(5)
    assert (market.stopped, session.desk.differences) == ("", 0)
    session.quiet(12)
    assert session.lots() == session.venue.holdings["BTCUSDT"].lots == 8


def test_a_fill_that_was_told_without_its_executions_explains_a_difference_for_a_while():
    session = running()
    market = session.desk.markets[session.desk.config.keys[0]]
    session.venue.failing.add(c.QueryFills)
    update, _ = session.venue.execute(session.live[0].client_id, 10, session.now)
    session.send(update)
    session.quiet(20)
    assert market.stopped == ""
    session.quiet(60)
    assert "position of 10 lots" in market.stopped


def test_a_position_difference_stops_the_symbol_after_the_grace_only():
    session = running()
    session.venue.holdings["BTCUSDT"].lots = 4
    session.quiet(6)
    market = session.desk.markets[session.desk.config.keys[0]]
    assert (market.stopped, bool(market.differing_since_ns)) == ("", True)
    commands = session.quiet(6)
    assert codes(commands).count("position_difference") == 1
    assert "a position of 4 lots, the ledger 0" in market.stopped
    assert not session.live
    assert "position_difference" not in codes(session.quiet(12))
    assert session.desk.differences == 1


def test_a_difference_is_none_before_own_executions_were_read_since_it_was_seen():
    """A fill that no stream told, and queries of executions that fail: the next answer explains it."""
    session = running()
    market = session.desk.markets[session.desk.config.keys[0]]
    session.venue.failing.add(c.QueryFills)
    session.venue.execute(next(o.client_id for o in session.live if o.side > 0), 10, session.now)
    session.quiet(20)
    assert (market.stopped, bool(market.differing_since_ns)) == ("", True)
    session.venue.failing.clear()
    session.quiet(6)
    assert (market.stopped, market.differing_since_ns, session.lots()) == ("", 0, 10)


def test_a_difference_is_one_when_executions_cannot_be_read_for_long():
    session = running()
    market = session.desk.markets[session.desk.config.keys[0]]
    session.venue.failing.add(c.QueryFills)
    session.venue.holdings["BTCUSDT"].lots = 4
    session.quiet(25)
    assert market.stopped == ""
    session.quiet(20)
    assert "a position of 4 lots, the ledger 0" in market.stopped


def test_a_difference_that_goes_away_is_forgotten():
    session = running()
    session.venue.holdings["BTCUSDT"].lots = 4
    session.quiet(6)
    session.venue.holdings["BTCUSDT"].lots = 0
    session.quiet(12)
    market = session.desk.markets[session.desk.config.keys[0]]
    assert (market.stopped, market.differing_since_ns, session.desk.differences) == ("", 0, 0)


def test_an_execution_that_crosses_the_query_proves_nothing():
    session = running()
    session.held = []
    session.quiet(5)
    told = [event for event in session.held if not isinstance(event, e.AccountSnapshot)]
    crossed = [event for event in session.held if isinstance(event, e.AccountSnapshot)]
    session.held = None
    session.send(*told)
    session.fill(session.live[0].client_id, 4)
    session.send(*crossed)
    assert session.desk.markets[session.desk.config.keys[0]].differing_since_ns == 0


def test_an_execution_that_the_stream_lost_is_read():
    session = running()
    session.venue.execute(session.live[0].client_id, 4, session.now)
    session.quiet(6)
    assert session.lots() == 4
    assert session.desk.differences == 0


def test_executions_told_without_client_id_belong_to_their_order():
    session = running()
    session.venue.nameless_trades = True
    bid = session.live[0]
    session.venue.execute(bid.client_id, 10, session.now)
    session.quiet(6)
    key = session.desk.config.keys[0]
    assert session.desk.ledger.strategy_lots(key, "as") == 10
    assert bid.state is OrderState.FILLED


def test_executions_without_client_id_wait_for_the_order_that_they_may_belong_to():
    session = Session()
    session.venue.nameless_trades = True
    session.venue.silent |= {c.PlaceOrder, c.QueryOrder, c.QueryOpenOrders}
    session.start()
    session.venue.silent -= {c.QueryOpenOrders}
    session.send(*session.venue.answer(c.QueryOpenOrders(venue="v"), session.now))
    session.tick()
    session.quiet(2)
    session.tick()
    bid = session.live[0]
    session.venue.execute(bid.client_id, 10, session.now)
    session.venue.silent.add(c.QueryOpenOrders)
    session.quiet(6)
    assert (session.lots(), bid.filled) == (0, 0)
    session.venue.silent.clear()
    session.quiet(9)
    key = session.desk.config.keys[0]
    assert session.desk.ledger.strategy_lots(key, "as") == 10
    assert bid.state is OrderState.FILLED


def test_a_trade_by_hand_is_booked_to_nobodys_strategy():
    session = running()
    session.venue.rest("by-hand", 1, MID - 5, 6, session.now)
    session.fill("by-hand", 6)
    key = session.desk.config.keys[0]
    assert (session.lots(), session.desk.ledger.strategy_lots(key, "manual")) == (6, 6)


def test_a_late_execution_of_a_forgotten_order_still_finds_its_strategy():
    session = running()
    bid = session.live[0]
    late = session.venue.execute(bid.client_id, 10, session.now)
    session.venue.fills.clear()
    session.send(late[0])
    session.desk.orders.drop(bid)
    session.send(late[1])
    assert session.desk.ledger.strategy_lots(session.desk.config.keys[0], "as") == 10


def test_an_overfill_is_reported():
    session = running()
    bid = session.live[0]
    _, fill = session.venue.execute(bid.client_id, 10, session.now)
    commands = session.send(fill, msgspec.structs.replace(fill, trade_id="again"))
    assert codes(commands) == ["overfill"]
    assert (session.lots(), session.desk.differences) == (20, 1)


def test_an_execution_in_a_strange_instrument_is_told_and_not_booked():
    session = running()
    _, fill = session.venue.execute(session.live[0].client_id, 10, session.now)
    assert codes(session.send(msgspec.structs.replace(fill, symbol="OTHER"))) == ["fill_elsewhere"]
    assert session.desk.orders.counts.fills == 0


def test_funding_is_told_and_booked_once():
    session = running()
    session.fill(session.live[0].client_id, 4)
    paid = session.venue.pay_funding("-0.5", session.now)
    assert codes(session.send(paid, paid)) == ["funding"]
    assert session.kernel.summary().parts.funding == Decimal("-0.5")
    assert codes(session.send(session.venue.pay_funding("7", session.now, kind="transfer"))) == []
    session.quiet(6)
    session.stop()
    summary = session.kernel.summary()
    assert summary.parts.total == summary.equity_change_at_venue
    assert summary.differences == 0


def test_ended_orders_are_forgotten_after_an_hour():
    session = running()
    bid = session.live[0]
    session.fill(bid.client_id, 10)
    session.now += 3601 * SECOND
    session.quiet(2)
    assert session.desk.orders.get(bid.client_id) is None


def test_executions_are_read_again_of_a_few_instruments_at_a_look_in_turn():
    """At 20 instruments every five seconds the questions alone would use up the venue's budget."""
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT")
    session = Session(configuration(symbols=symbols, strategies=(strategy(),)))
    session.start()
    looks = []
    for _ in range(5):
        commands = session.quiet(session.config.timing.reconcile_ns / SECOND)
        looks.append([x.symbol for x in of(commands, c.QueryFills)])
    assert [len(look) for look in looks] == [2] * 5
    assert Counter(symbol for look in looks for symbol in look) == dict.fromkeys(symbols, 2)


def test_a_list_that_was_asked_before_a_cancel_does_not_take_it_back():
    session = Session()
    session.start()
    session.tick()
    bid = next(order for order in session.live if order.side > 0)
    session.held = []
    session.wait(session.config.timing.reconcile_ns / SECOND)
    stale, session.held = session.held, []
    session.send(e.OperatorAction(time_ns=session.now, action="pause", target="", who="Ada", why="look"))
    assert bid.state is OrderState.PENDING_CANCEL
    session.send(*[answer for answer in stale if isinstance(answer, e.OpenOrders)])
    assert bid.state is OrderState.PENDING_CANCEL
    session.release()
    assert bid.state is OrderState.CANCELLED
