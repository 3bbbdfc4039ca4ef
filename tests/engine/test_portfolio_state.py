"""The state of a strategy over several instruments: restored exactly, and the same again from the same events."""

import struct
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.pairs import PAIRS, SYMBOLS, Pair, both, pair, running, takes
from tests.engine.scripted import Session, configuration, strategy
from tests.engine.scripted_venue import MID, SECOND, ScriptedVenue, instrument
from titan.engine.kernel import Kernel
from titan.engine.nested import typed
from titan.model import commands as c
from titan.model import events as e


@pytest.fixture
def session():
    Pair.calls.clear()
    quoting = running()
    assert standing(quoting) == EVERYTHING
    return quoting


EVERYTHING = {(symbol, side) for symbol in SYMBOLS for side in (1, -1)}


def standing(session):
    return {(order.symbol, order.side) for order in session.live}


def order_of(session, symbol, side):
    return next(order for order in session.live if (order.symbol, order.side) == (symbol, side))


def memories(session):
    return session.desk.portfolios[0].state.memories


def test_nested_state_is_restored_exactly_within_the_session(session):
    session.tick(MID + 3)
    snapshot = session.kernel.snapshot()
    again = Kernel(session.config, PAIRS, snapshot)
    assert again.desk.portfolios[0].state == session.desk.portfolios[0].state
    assert type(again.desk.portfolios[0].state.memories[0]) is type(memories(session)[0])
    assert again.snapshot() == snapshot
    event = session.venue.delta(session.now + SECOND, mid=MID + 9)
    assert again.step(event) == session.kernel.step(event)
    assert again.snapshot() == session.kernel.snapshot()


def test_a_restart_goes_on_with_the_state_of_its_predecessor(session):
    session.fill(order_of(session, "BTCUSDT", 1).client_id, 3)
    session.quiet(1)
    session.stop()
    session.quiet(2)
    state = session.desk.portfolios[0].state
    config = configuration(symbols=SYMBOLS, strategies=(pair(),), session="20270115T090000Z-abcdef")
    next_one = Session(config, modules=PAIRS, snapshot=session.kernel.snapshot(), venues=[session.venue],
                       start_ns=session.now + SECOND)  # fmt: skip
    assert next_one.desk.portfolios[0].state == state
    next_one.start()
    next_one.tick()
    assert next_one.desk.portfolios[0].state.views > state.views
    assert (Pair.calls[-1][0].inventory, Pair.calls[-1][1].inventory) == pytest.approx((0.003, -0.003))
    assert standing(next_one) == EVERYTHING
    assert next_one.desk.differences == 0


def test_on_other_symbols_it_begins_anew_and_its_old_orders_are_pulled(session):
    config = configuration(
        symbols=(*SYMBOLS, "XRPUSDT"), strategies=(pair(symbols=("ETHUSDT", "XRPUSDT")),),
        session="20270115T090000Z-abcdef",
    )  # fmt: skip
    session.venue.terms["XRPUSDT"] = instrument("XRPUSDT")
    venue = ScriptedVenue("v", (*SYMBOLS, "XRPUSDT"))
    venue.orders = session.venue.orders
    next_one = Session(config, modules=PAIRS, snapshot=session.kernel.snapshot(), venues=[venue])
    assert next_one.desk.portfolios[0].state.views == 0
    next_one.start()
    next_one.quiet(3)
    next_one.tick(symbol="XRPUSDT")
    next_one.tick(symbol="ETHUSDT")
    assert {o.symbol for o in next_one.live} == {"ETHUSDT", "XRPUSDT"}


def test_a_quarantine_ends_with_the_session_and_holds_within_it():
    session = running(pair(raise_at=3))
    session.tick()
    within = Kernel(session.config, PAIRS, session.kernel.snapshot())
    assert all(seat.quarantined for seat in within.desk.portfolios[0].seats)
    config = configuration(symbols=SYMBOLS, strategies=(pair(),), session="20270115T090000Z-abcdef")
    anew = Kernel(config, PAIRS, session.kernel.snapshot())
    assert not any(seat.quarantined for seat in anew.desk.portfolios[0].seats)


def test_what_the_account_holds_belongs_to_the_only_strategy_there():
    venue = ScriptedVenue("v", SYMBOLS)
    venue.holdings["ETHUSDT"].lots = -7
    config = configuration(symbols=SYMBOLS, strategies=(pair(),))
    session = Session(config, modules=PAIRS, venues=[venue])
    session.start()
    assert session.desk.ledger.strategy_lots(config.keys[1], "pair") == -7


# ---- Plain lists to named tuples -------------------------------------------------------------------------


class Inner(NamedTuple):
    number: float
    pair: tuple[float, int]


class Outer(NamedTuple):
    count: int
    one: Inner
    many: tuple[Inner, ...]
    plain: tuple
    window: tuple[tuple[float, ...], ...]
    maybe: Inner | None
    loose: float


def bits(value):
    """The value with every float as its eight bytes: NaN, the zero's sign and the type of a number count."""
    if isinstance(value, tuple):
        return (type(value).__name__, *map(bits, value))
    return struct.pack(">d", value) if isinstance(value, float) else (type(value), value)


numbers = st.floats() | st.integers(-(2**63), 2**64 - 1) | st.booleans()
inners = st.builds(Inner, numbers, st.tuples(numbers, numbers))


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        Outer, numbers, inners, st.lists(inners, max_size=3).map(tuple), st.tuples(numbers, st.tuples(numbers)),
        st.lists(st.lists(numbers, max_size=3).map(tuple), max_size=3).map(tuple), inners | st.none(),
        st.tuples(numbers),
    )
)  # fmt: skip
def test_a_state_comes_back_from_its_bytes_bit_for_bit(state):
    encoded = msgspec.msgpack.encode(list(state))
    again = typed(Outer, msgspec.msgpack.decode(encoded))
    assert bits(again) == bits(state)
    assert msgspec.msgpack.encode(list(again)) == encoded


@pytest.mark.parametrize("values", [[1.0], [1.0, [1.0, 2], 3.0], [1.0, [1.0]], [1.0, [1.0, 2, 3]]])
def test_a_state_of_another_shape_is_refused(values):
    with pytest.raises(ValueError, match="zip"):
        typed(Inner, values)


# ---- The same again --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded():
    """A session in which hedges fill, fail and are not heard of, and a leg is lost for a while."""
    session = running(pair(), pair("bad", raise_at=9), strategy("single"))
    for step in range(14):
        session.tick(MID + 2 * step)
        session.tick(MID - step, symbol="ETHUSDT")
        ours = [o for o in session.live if (o.symbol, o.strategy) == ("BTCUSDT", "pair")]
        mine = [o for o in ours if session.venue.alive(o.client_id)]
        if step in {1, 4, 8, 11} and mine:
            session.fill(mine[0].client_id, 2)
        if step == 5:
            session.venue.silent.add(c.PlaceOrder)
        if step == 7:
            session.venue.silent.clear()
            session.send(e.BadFrame(time_ns=session.now, venue="v", symbol="ETHUSDT", reason="negative size"))
        if step == 9:
            session.venue.lost.add(c.PlaceOrder)
    session.venue.lost.clear()
    both(session, 16)
    session.stop()
    both(session, 2)
    assert session.ended is not None
    assert takes([command for _, out in session.log for command in out])
    return session


def replay(kernel, log):
    for event, commands in log:
        assert kernel.step(event) == commands
    return kernel


def test_the_same_events_give_the_same_commands_and_state(recorded):
    again = replay(Kernel(recorded.config, PAIRS), recorded.log)
    assert again.state_hash() == recorded.kernel.state_hash()


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_snapshot_at_any_point_and_the_rest_equal_the_whole(recorded, data):
    cut = data.draw(st.integers(0, len(recorded.log)))
    snapshot = replay(Kernel(recorded.config, PAIRS), recorded.log[:cut]).snapshot()
    kernel = Kernel(recorded.config, PAIRS, snapshot)
    assert kernel.snapshot() == snapshot
    assert replay(kernel, recorded.log[cut:]).state_hash() == recorded.kernel.state_hash()
