"""An order that takes has no second one beside it, whatever the venue says, and whatever is not heard."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.pairs import PAIRS, QUIET, SYMBOLS, both, filled, pair, running, takes, under_way
from tests.engine.scripted import Session, configuration, of
from tests.engine.scripted_venue import MID, SECOND
from titan.model import commands as c
from titan.model import events as e
from titan.model.orders import OrderState


def test_silence_about_one_counts_it_as_under_way_until_its_fate_is_proven():
    session = running(pair(**QUIET))
    session.venue.silent.add(c.PlaceOrder)
    (take,) = takes(filled(session))
    assert [o.state for o in under_way(session)] == [OrderState.INTENT]
    assert session.lots("ETHUSDT") == 0, "it was executed, but nothing has been heard of it"
    commands = both(session, 1)
    assert not takes(commands)
    session.venue.silent.clear()
    commands = both(session, 6)
    assert not takes(commands)
    assert take.client_id in {x.client_id for x in of(commands, c.QueryOrder)}
    assert (session.lots("ETHUSDT"), under_way(session)) == (-3, [])


def test_one_that_never_arrived_is_sent_again_only_when_that_is_proven():
    session = running(pair(**QUIET))
    session.venue.lost.add(c.PlaceOrder)
    (first,) = takes(filled(session))
    assert not takes(both(session, 6))
    session.venue.lost.clear()
    (second,) = takes(both(session, 12))
    assert session.desk.orders.get(first.client_id).state is OrderState.REJECTED
    assert second.client_id != first.client_id
    assert session.lots("ETHUSDT") == -3


def test_one_whose_end_is_not_told_is_asked_about_though_it_was_acknowledged():
    session = running(pair(**QUIET))
    session.venue.silent.add(c.PlaceOrder)
    (take,) = takes(filled(session))
    order = session.venue.orders[take.client_id]
    state, order.state, filled_there, order.filled = order.state, "open", order.filled, 0
    session.send(session.venue.update(order, session.now, "stream"))
    order.state, order.filled = state, filled_there
    assert [o.state for o in under_way(session)] == [OrderState.OPEN]
    commands = both(session, 3)
    assert take.client_id in {x.client_id for x in of(commands, c.QueryOrder)}
    assert not of(commands, c.CancelOrder, c.AmendOrder), "to the router it is no quote"
    assert not takes(commands + both(session, 4))
    assert (session.lots("ETHUSDT"), under_way(session)) == (-3, [])


def test_one_under_way_is_neither_moved_nor_taken_for_a_quote():
    session = running(pair(**QUIET))
    session.venue.lost.add(c.PlaceOrder)
    (take,) = takes(filled(session))
    commands = session.tick(MID + 9, symbol="ETHUSDT")
    session.send(e.OperatorAction(time_ns=session.now, action="pause", target="", who="Ada", why="look"))
    commands += session.tick()
    assert take.client_id not in {x.client_id for x in of(commands, c.AmendOrder, c.CancelOrder)}


def test_after_a_restart_one_of_the_predecessor_still_counts():
    session = running(pair(**QUIET))
    session.venue.silent.add(c.PlaceOrder)
    (take,) = takes(filled(session))
    session.venue.silent.clear()
    config = configuration(symbols=SYMBOLS, strategies=(pair(**QUIET),), session="20270115T090000Z-abcdef")
    again = Session(config, modules=PAIRS, snapshot=session.kernel.snapshot(), venues=[session.venue],
                    start_ns=session.now + SECOND)  # fmt: skip
    assert [o.client_id for o in under_way(again)] == [take.client_id]
    commands = again.start() + again.quiet(4)
    assert not takes(commands), "its execution is booked before anything is asked"
    assert (again.lots("ETHUSDT"), again.lots("BTCUSDT")) == (-3, 3)


MISHAPS = ("silent", "failing", "lost", "refusing")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_venue_does_none_goes_out_twice_and_the_hedge_comes_right(data):
    session = running(pair(**QUIET))
    sent: list[str] = []
    for _ in range(data.draw(st.integers(2, 8))):
        mishap = data.draw(st.sampled_from((*MISHAPS, "none")))
        if mishap != "none":
            getattr(session.venue, mishap).add(c.PlaceOrder)
        if data.draw(st.booleans()):
            session.held = []
        mine = [o for o in session.live if o.symbol == "BTCUSDT" and session.venue.alive(o.client_id)]
        if mine and data.draw(st.booleans()):
            order = data.draw(st.sampled_from(mine))
            lots = data.draw(st.integers(1, session.venue.alive(order.client_id).size - order.filled))
            session.send(*session.venue.execute(order.client_id, lots, session.now))
        for _ in range(data.draw(st.integers(1, 6))):
            wait_s = data.draw(st.sampled_from([0.05, 0.2, 1.0]))
            size = data.draw(st.sampled_from([1, 2000]))
            symbol = data.draw(st.sampled_from(SYMBOLS))
            before = {o.client_id for o in under_way(session)}
            commands = session.tick(
                MID + data.draw(st.integers(-9, 9)), symbol=symbol, size=size, wait_s=wait_s
            )
            new = [take.client_id for take in takes(commands)]
            # Only what was proven ended before it was decided on may have a successor.
            assert not new or not before & {o.client_id for o in under_way(session)}
            assert len(under_way(session)) <= 1
            sent += new
        if session.held is not None:
            session.release()
        for name in MISHAPS:
            getattr(session.venue, name).clear()
        assert len(under_way(session)) <= 1
    session.venue.delta(session.now, "ETHUSDT", size=2000)
    both(session, 20)
    assert len(set(sent)) == len(sent)
    assert not under_way(session)
    held = {symbol: holding.lots for symbol, holding in session.venue.holdings.items()}
    assert held == {symbol: session.lots(symbol) for symbol in SYMBOLS}
    assert held["ETHUSDT"] == -held["BTCUSDT"]
