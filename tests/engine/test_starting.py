"""The start of a session: nothing is quoted before everything has been read, and what a predecessor left is proven."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.scripted import Session, codes, configuration, of, strategy
from tests.engine.scripted_venue import MID, SECOND, ScriptedVenue
from titan.engine.client_ids import ClientIds
from titan.engine.desk import Phase
from titan.model import commands as c
from titan.model import events as e
from titan.model.orders import OrderState

LATER = "20270115T090000Z-bcdefa"


def successor(session, **changes):
    """A new session on the same venues that takes up what the first one knew."""
    config = configuration(session=LATER, **changes)
    return Session(
        config,
        snapshot=session.kernel.snapshot(),
        venues=list(session.venues.values()),
        start_ns=session.now + SECOND,
    )


def running(**changes):
    session = Session(configuration(**changes))
    session.start()
    session.tick()
    return session


def test_the_questions_of_the_start_come_in_their_order():
    session = Session()
    commands = session.start()
    asked = of(commands, c.QueryInstruments, c.QueryOpenOrders, c.QueryFills, c.RequestBook, c.QueryAccount)
    names = list(dict.fromkeys(type(command).__name__ for command in asked))
    assert names == ["QueryInstruments", "QueryOpenOrders", "QueryFills", "RequestBook", "QueryAccount"]
    assert codes(commands)[-1] == "ready"
    assert [order.side for order in (session.tick(), session.live)[1]] == [1, -1]


@pytest.mark.parametrize(
    "kind", [c.QueryInstruments, c.QueryOpenOrders, c.QueryFills, c.RequestBook, c.QueryAccount]
)
def test_nothing_is_quoted_while_an_answer_is_missing_and_it_is_asked_again(kind):
    session = Session()
    session.venue.failing.add(kind)
    session.start()
    assert not of(session.quiet(12), c.PlaceOrder)
    assert session.desk.phase is Phase.STARTING
    session.venue.failing.clear()
    assert of(session.quiet(12), c.PlaceOrder)


@pytest.mark.parametrize("stream", ["market", "private"])
def test_nothing_is_quoted_before_both_streams_are_up(stream):
    session = Session()
    session.send(e.SessionStarted(time_ns=session.now))
    session.streams(which=[stream])
    assert not of(session.quiet(2), c.PlaceOrder)
    session.streams(which=[{"market": "private", "private": "market"}[stream]])
    assert of(session.quiet(6), c.PlaceOrder)


def test_every_venue_must_be_read_before_any_is_traded():
    strategies = (strategy(), strategy("other", venue="w"))
    session = Session(configuration(venues=("v", "w"), strategies=strategies))
    session.venues["w"].silent.add(c.QueryAccount)
    session.start()
    assert not of(session.tick() + session.tick(venue="w"), c.PlaceOrder)
    session.venues["w"].silent.clear()
    session.quiet(6)
    assert {order.venue for order in (session.tick(venue="w"), session.live)[1]} == {"v", "w"}


def test_a_repeated_answer_does_not_open_the_session_again():
    session = running()
    session.fill(session.live[0].client_id, 5)
    opening = session.desk.venues["v"].opening
    session.send(*session.venue.answer(c.QueryAccount(venue="v", purpose="start"), session.now))
    assert session.desk.venues["v"].opening is opening
    assert session.kernel.summary().parts.spread != 0


@pytest.mark.parametrize(
    ("strategies", "owner"), [((strategy(),), "as"), ((strategy(), strategy("b")), "manual")]
)
def test_what_the_account_holds_already_is_taken_over(strategies, owner):
    session = Session(configuration(strategies=strategies))
    session.venue.holdings["BTCUSDT"].lots = 7
    session.venue.holdings["BTCUSDT"].cost = Decimal(300)
    assert "position_adopted" in codes(session.start())
    key = session.desk.config.keys[0]
    assert (session.lots(), session.desk.ledger.strategy_lots(key, owner)) == (7, 7)


def test_a_position_in_another_symbol_is_spoken_of_and_left_alone():
    session = Session(configuration(), venues=[ScriptedVenue("v", ("BTCUSDT",))])
    session.venue.terms["ETHUSDT"] = msgspec.structs.replace(session.venue.terms["BTCUSDT"], symbol="ETHUSDT")
    holdings = type(session.venue.holdings["BTCUSDT"])(3, Decimal(1))
    session.venue.holdings["ETHUSDT"], session.venue.mids["ETHUSDT"] = holdings, MID
    commands = session.send(e.SessionStarted(time_ns=session.now)) + session.streams() + session.tick()
    assert "position_elsewhere" in codes(commands)
    assert session.desk.phase is Phase.RUNNING


# ---- Orders found at the start ---------------------------------------------------------------------------


def test_an_order_of_ours_is_adopted_by_its_prefix_and_cancelled_before_the_account_is_read():
    session = Session()
    ours = ClientIds("20270115T070000Z-aaaaaa").next("main", "as")
    session.venue.rest(ours, 1, MID - 20, 5, session.now)
    commands = session.start()
    assert "order_adopted" in codes(commands)
    assert [command.client_id for command in of(commands, c.CancelOrder)] == [ours]
    assert session.desk.orders.get(ours).state is OrderState.CANCELLED
    assert session.desk.orders.get(ours).strategy == "as"
    assert session.desk.phase is Phase.RUNNING


def test_an_order_of_somebody_else_is_left_alone_and_spoken_of_once():
    session = Session()
    session.venue.rest("by-hand-1", 1, MID - 20, 5, session.now)
    session.start()
    session.quiet(12)
    assert session.venue.orders["by-hand-1"].state == "open"
    assert sum(code == "foreign_order" for _, out in session.log for code in codes(out)) == 1


def test_a_predecessors_orders_are_unknown_until_they_are_proven_and_positions_stay():
    first = running()
    bid, ask = first.live
    first.fill(bid.client_id, 4)
    second = successor(first)
    second.kernel.step(e.SessionStarted(time_ns=second.now))
    assert {order.state for order in second.live} == {OrderState.UNKNOWN}
    assert second.lots() == 4
    second = successor(first)
    second.start()
    second.quiet(6)
    assert second.desk.phase is Phase.RUNNING
    assert (second.lots(), second.desk.differences) == (4, 0)
    assert {order.client_id for order in second.live}.isdisjoint({bid.client_id, ask.client_id})
    assert first.venue.orders[ask.client_id].state == "cancelled"


def test_executions_while_nobody_ran_are_booked_and_no_position_is_invented():
    first = running()
    bid, ask = first.live
    first.venue.execute(bid.client_id, 10, first.now)
    first.venue.execute(ask.client_id, 3, first.now)
    second = successor(first)
    second.start()
    second.quiet(8)
    assert (second.lots(), second.desk.differences, second.desk.phase) == (7, 0, Phase.RUNNING)
    assert second.kernel.summary().pnl == 0, "what happened before the opening is no result of this session"


def test_an_order_that_never_arrived_is_proven_absent():
    first = running()
    first.venue.lost.add(c.PlaceOrder)
    first.fill(first.live[0].client_id, 10)
    first.tick()
    first.venue.lost.clear()
    second = successor(first)
    second.start()
    second.quiet(14)
    assert second.desk.phase is Phase.RUNNING
    assert "order_absent" in [code for _, out in second.log for code in codes(out)]
    assert (second.lots(), second.desk.differences) == (10, 0)


def test_a_position_that_no_execution_explains_stops_its_symbol():
    first = running()
    first.fill(first.live[0].client_id, 4)
    first.venue.holdings["BTCUSDT"].lots = 9
    second = successor(first)
    second.start()
    assert second.desk.phase is Phase.STARTING
    commands = second.quiet(12)
    assert "position_difference" in codes(commands)
    assert not of(commands, c.PlaceOrder)
    assert (second.desk.phase, second.desk.differences, second.lots()) == (Phase.RUNNING, 1, 4)


def test_orders_of_a_strategy_that_is_gone_are_cancelled():
    first = running()
    second = successor(first, strategies=(strategy("new"),))
    second.start()
    second.quiet(6)
    assert {order.strategy for order in second.live} == {"new"}


def test_orders_in_an_instrument_that_is_gone_are_reported():
    first = Session(configuration(symbols=("BTCUSDT", "ETHUSDT"), strategies=(strategy(symbol="ETHUSDT"),)))
    first.start()
    first.tick(symbol="ETHUSDT")
    first.tick(symbol="ETHUSDT")
    assert len(first.live) == 2
    second = Session(configuration(session=LATER), snapshot=first.kernel.snapshot(), start_ns=first.now)
    commands = second.start() + second.quiet(6)
    assert codes(commands).count("order_elsewhere") == 2
    assert {order.symbol for order in second.live} == {"BTCUSDT"}
    found = msgspec.structs.replace(
        first.venue.update(next(iter(first.venue.orders.values())), second.now),
        client_id=ClientIds(LATER).next("main", "x"),
    )
    assert codes(second.send(found)) == ["order_elsewhere"]


def test_a_snapshot_of_another_schema_is_refused():
    data = msgspec.msgpack.decode(running().kernel.snapshot())
    with pytest.raises(ValueError, match="has schema 0, this version reads 1"):
        Session(snapshot=msgspec.msgpack.encode(data | {"schema": 0}))


# ---- Terms -----------------------------------------------------------------------------------------------


def test_terms_are_read_again_now_and_then():
    session = running(terms_ns=20 * SECOND)
    assert len(of(session.quiet(41), c.QueryInstruments)) == 2
    assert session.live


def change_terms(session, **changes):
    terms = session.venue.terms["BTCUSDT"] = msgspec.structs.replace(
        session.venue.terms["BTCUSDT"], **changes
    )
    return session.send(e.InstrumentUpdate(time_ns=session.now, instrument=terms))


def test_a_status_other_than_trading_pulls_the_quotes():
    session = running()
    assert codes(change_terms(session, status="BREAK")) == ["instrument_status"]
    commands = session.tick()
    assert len(of(commands, c.CancelOrder)) == 2
    assert not session.live
    assert session.desk.hosts[0].obstacle == "the instrument is not trading"
    change_terms(session, status="trading")
    assert len(of(session.tick(), c.PlaceOrder)) == 2


def test_a_changed_grid_pulls_re_keys_and_resumes():
    session = running()
    session.fill(session.live[0].client_id, 4)
    assert "instrument_terms" in codes(
        commands := change_terms(session, tick_size=Decimal("0.05"), lot_size=Decimal("0.0001"))
    )
    assert len(of(commands, c.CancelOrder)) == 2
    market = next(iter(session.desk.markets.values()))
    assert (session.lots(), market.book.state, market.instrument.version) == (40, "empty", 2)
    session.venue.mids["BTCUSDT"] = 2 * MID
    assert {order.size for order in of(session.quiet(2), c.PlaceOrder)} == {100}


def test_a_position_that_fits_no_new_lot_stops_the_symbol():
    session = running()
    session.fill(session.live[0].client_id, 4)
    change_terms(session, lot_size=Decimal("0.003"))
    assert "no whole number of the new lots" in next(iter(session.desk.markets.values())).stopped
    session.tick()
    assert not of(session.tick(), c.PlaceOrder)


def test_a_limit_that_changes_is_a_new_version_and_no_reason_to_stop():
    session = running()
    assert not change_terms(session, max_lots=50)
    assert next(iter(session.desk.markets.values())).terms.version == 2
    assert not change_terms(session, max_lots=50)
    assert next(iter(session.desk.markets.values())).terms.version == 2


def test_answers_about_strange_instruments_are_left_alone():
    session = running()
    before = session.kernel.state_hash()
    terms = msgspec.structs.replace(session.venue.terms["BTCUSDT"], symbol="NEW")
    rates = e.FeeRates(time_ns=session.now, venue="v", symbol="NEW", maker=Decimal(0), taker=Decimal(0))
    assert session.send(e.InstrumentUpdate(time_ns=session.now, instrument=terms), rates) == []
    assert session.kernel.state_hash() == before


# ---- What the venue stamps is compared on the venue's clock


class OnItsOwnClock(ScriptedVenue):
    """A venue whose clock is ahead of ours."""

    ahead_ns = 1_200_000_000

    def answer(self, command, now_ns):
        return [
            msgspec.structs.replace(event, venue_ns=now_ns + self.ahead_ns)
            if isinstance(event, e.AccountSnapshot)
            else event
            for event in super().answer(command, now_ns)
        ]


def marked(session, next_funding_ns):
    return e.MarkPrice(
        time_ns=session.now, venue="v", symbol="BTCUSDT", mark=MID, index=MID, funding_rate=0.0001,
        next_funding_ns=next_funding_ns,
    )  # fmt: skip


@pytest.mark.parametrize(("before_ms", "booked"), [(600, Decimal(0)), (-600, Decimal("0.5"))])
def test_funding_of_before_the_opening_is_told_by_the_venues_clock(before_ms, booked):
    """Booked by ours, what is in the opening wallet already would count twice."""
    session = Session(venues=[OnItsOwnClock("v", ("BTCUSDT",))])
    session.start()
    opened_ns = session.desk.venues["v"].opening.venue_ns
    funding = e.Income(
        time_ns=session.now, venue="v", symbol="BTCUSDT", kind="funding", asset="USDT", amount=Decimal("0.5"),
        income_id="1", venue_ns=opened_ns - before_ms * 1_000_000,
    )  # fmt: skip
    session.send(funding)
    assert session.desk.ledger.wallet_changes("v").get("USDT", Decimal(0)) == booked


@pytest.mark.parametrize(
    ("settles_after_ms", "taken"), [(400, False), (-400, False), (600, True), (-600, True)]
)
def test_an_account_read_around_a_settlement_is_read_again(settles_after_ms, taken):
    """The venue's clock is known to half of a round trip: so close to the stamp it decides nothing."""
    session = Session(venues=[OnItsOwnClock("v", ("BTCUSDT",))])
    session.venue.silent.add(c.QueryAccount)
    session.start()
    there_ns = session.now + OnItsOwnClock.ahead_ns
    session.send(marked(session, there_ns + settles_after_ms * 1_000_000))
    session.venue.silent.clear()
    commands = session.send(*session.venue.answer(c.QueryAccount(venue="v", purpose="start"), session.now))
    assert not of(commands, c.QueryAccount)
    assert (session.desk.phase is Phase.RUNNING) == taken
    session.send(marked(session, there_ns + 3_600 * SECOND))
    session.quiet(6)
    assert session.desk.phase is Phase.RUNNING


def test_an_account_during_whose_reading_somebody_traded_by_hand_is_read_again():
    """Wallet and positions are two answers: the fee may be missing in the first and the lots be in the second."""
    session = Session()
    session.venue.silent.add(c.QueryAccount)
    session.start()
    session.now += 1_000_000
    session.send(
        e.Fill(
            time_ns=session.now, venue="v", symbol="BTCUSDT", client_id="by-hand", venue_id="9", trade_id="9", side=1,
            price=500_000, size=1, maker=True, fee=Decimal(0), fee_asset="USDT", realized=Decimal(0), source="stream",
        )
    )  # fmt: skip
    session.venue.silent.clear()
    session.now += 1_000_000
    commands = session.send(*session.venue.answer(c.QueryAccount(venue="v", purpose="start"), session.now))
    assert len(of(commands, c.QueryAccount)) == 1
    assert session.desk.venues["v"].opening.time_ns == session.now


def test_a_stream_that_comes_back_while_the_account_is_read_does_not_stop_the_start_for_ever():
    """The account was the last thing to read, and then it was not: it is read again behind what the stream missed."""
    session = Session()
    session.venue.silent.add(c.QueryAccount)
    session.start()
    session.venue.silent.clear()
    late = session.venue.answer(c.QueryAccount(venue="v", purpose="start"), session.now)
    session.held = []
    session.streams(up=False, which=["private"])
    session.streams(which=["private"])
    session.send(*late)
    assert session.desk.phase is Phase.STARTING
    session.release()
    session.quiet(6)
    assert session.desk.phase is Phase.RUNNING
