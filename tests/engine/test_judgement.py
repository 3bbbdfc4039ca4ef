"""Every denial is reached through a real desk, and orders that reduce the position pass the limits."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.scripted import LIMITS, Session, configuration, strategy
from tests.engine.scripted_venue import MID
from tests.engine.test_orders import an_order
from titan.engine.judgement import judge
from titan.model import events as e
from titan.model.orders import OrderState
from titan.risk.budget import RecentOrder
from titan.risk.denials import Denial

SIDE_BUY = {"side": 1, "price": MID - 50, "size": 10}


def desk_of(limits=LIMITS, *, symbols=("BTCUSDT",), lots=0, others=0):
    """A running session whose only strategy quotes nothing, holding `lots` here and `others` in ETHUSDT."""
    nothing = strategy(symbol=symbols[-1], parameters=(1.0, 0.0, 0.0, 1))
    session = Session(configuration(symbols=symbols, strategies=(nothing,), limits=limits))
    for symbol, held in zip(symbols, (lots, others), strict=False):
        session.venue.holdings[symbol].lots = held
    session.start()
    return session


def verdict(session, order=SIDE_BUY, **changes):
    desk = session.desk
    market = desk.markets[desk.config.keys[0]]
    return judge(desk, market, strategy="as", **{**order, **changes})


def retell(session, **changes):
    """New terms, told by the venue."""
    terms = msgspec.structs.replace(session.venue.terms["BTCUSDT"], **changes)
    session.venue.terms["BTCUSDT"] = terms
    session.send(e.InstrumentUpdate(time_ns=session.now, instrument=terms))
    return session


def with_mark(session, mark):
    session.send(
        e.MarkPrice(
            time_ns=session.now, venue="v", symbol="BTCUSDT", mark=Decimal(mark), index=Decimal(mark),
            funding_rate=0.0, next_funding_ns=0,
        )
    )  # fmt: skip
    return session


def with_orders(session, *orders):
    """Orders of ours in the book."""
    for number, (side, price, size) in enumerate(orders):
        order = an_order(f"o{number}", OrderState.OPEN, size, symbol="BTCUSDT")
        order.side, order.price = side, price
        session.desk.orders.add(order)
    return session


def test_a_plain_order_passes():
    assert verdict(desk_of()) is None


def limits(**changes):
    return desk_of(LIMITS._replace(**changes))


@pytest.mark.parametrize(
    ("denial", "make", "changes"),
    [
        (Denial.LIMIT_NOT_SET, lambda: limits(max_order_notional=0.0), {}),
        (Denial.VALUE_UNKNOWN, lambda: retell(desk_of(), quote="EUR"), {}),
        (Denial.NOT_TRADING, lambda: retell(desk_of(), status="BREAK"), {}),
        (Denial.BAD_SIZE, desk_of, {"size": 0}),
        (Denial.OVER_MAX_SIZE, lambda: retell(desk_of(), max_lots=9), {}),
        (Denial.BELOW_MIN_NOTIONAL, lambda: retell(desk_of(), min_notional=Decimal(10_000)), {}),
        (Denial.ORDER_NOTIONAL, lambda: limits(max_order_notional=400.0), {}),
        (Denial.PRICE_COLLAR, desk_of, {"price": MID - 6000}),
        (Denial.PRICE_BAND, lambda: with_mark(desk_of(), 60_000), {}),
        (Denial.WOULD_CROSS, desk_of, {"price": MID + 5}),
        (Denial.POSITION_LIMIT, lambda: desk_of(LIMITS._replace(max_position_notional=1_000.0), lots=15), {}),
        (Denial.OPEN_ORDERS, lambda: with_orders(limits(max_open_orders=1), (1, MID - 60, 1)), {}),
        (Denial.MESSAGE_BUDGET, lambda: limits(message_burst=10), {}),
        (Denial.REPEATED_EXECUTION, lambda: limits(max_executions=0.5), {}),
        (Denial.SELF_TRADE, lambda: with_orders(desk_of(), (-1, MID - 50, 1)), {}),
    ],
)
def test_each_denial_is_reached(denial, make, changes):
    assert verdict(make(), **changes) is denial


def test_the_gross_exposure_counts_the_other_instruments():
    session = desk_of(LIMITS._replace(max_gross_notional=1_000.0), symbols=("BTCUSDT", "ETHUSDT"), others=-15)
    assert verdict(session) is Denial.GROSS_EXPOSURE
    session = desk_of(LIMITS._replace(max_gross_notional=1_300.0), symbols=("BTCUSDT", "ETHUSDT"), others=-15)
    assert verdict(session) is None


def test_another_instrument_that_cannot_be_valued_denies():
    session = desk_of(symbols=("BTCUSDT", "ETHUSDT"), others=3)
    session.desk.markets[session.desk.config.keys[1]].mid_half_ticks = 0
    assert verdict(session) is Denial.VALUE_UNKNOWN
    session.desk.markets[session.desk.config.keys[1]].instrument = None
    assert verdict(session) is Denial.VALUE_UNKNOWN


def test_without_a_mid_nothing_can_be_judged():
    session = desk_of()
    session.desk.markets[session.desk.config.keys[0]].mid_half_ticks = 0
    assert verdict(session) is Denial.VALUE_UNKNOWN


def test_the_same_order_again_is_a_duplicate_unless_it_amends():
    session = desk_of()
    key = session.desk.config.keys[0]
    session.desk.gate.note_order(key, RecentOrder(session.now, 1, MID - 50, 10))
    assert verdict(session) is Denial.DUPLICATE
    with_orders(session, (1, MID - 60, 10))
    assert verdict(session, replaces=session.live[0]) is None


def test_executions_count_for_their_strategy():
    session = limits(max_executions=2)
    for _ in range(2):
        assert verdict(session) is None
        session.desk.gate.note_execution("as", session.now)
        session.desk.gate.note_execution("other", session.now)
    assert verdict(session) is Denial.REPEATED_EXECUTION
    session.now += 61 * 10**9
    session.tick()
    assert verdict(session) is None


def test_the_days_loss_denies():
    session = limits(max_daily_loss=10.0)
    session.desk.pnl = Decimal(-10)
    assert verdict(session) is Denial.DAILY_LOSS
    session.desk.pnl = None
    assert verdict(session) is Denial.VALUE_UNKNOWN


def test_a_reducing_order_passes_the_limits_of_the_account_but_not_those_of_the_order():
    tight = LIMITS._replace(
        max_position_notional=100.0, max_gross_notional=100.0, max_open_orders=1, max_executions=1
    )
    session = with_orders(desk_of(tight, lots=-30), (-1, MID + 60, 1))
    session.desk.gate.note_execution("as", session.now)
    session.desk.pnl = Decimal(-5_000)
    assert verdict(session) is None
    assert verdict(session, side=-1, price=MID + 50) is Denial.POSITION_LIMIT
    assert verdict(session, size=40) is Denial.POSITION_LIMIT
    assert verdict(session, price=MID - 6000) is Denial.PRICE_COLLAR
    assert verdict(session, size=1000) is Denial.ORDER_NOTIONAL


def test_an_order_reduces_only_with_all_open_orders_of_its_side():
    tight = LIMITS._replace(max_position_notional=40.0)
    session = with_orders(desk_of(tight, lots=-30), (1, MID - 60, 25))
    assert verdict(session) is Denial.POSITION_LIMIT
    assert verdict(session, size=5) is None
    session.desk.orders.doubt(session.live[0], session.now)
    assert verdict(session, size=6) is Denial.POSITION_LIMIT


def test_an_amended_order_counts_at_the_worse_of_both():
    limit = LIMITS._replace(max_position_notional=1_000.0)  # 20 lots
    session = with_orders(desk_of(limit), (1, MID - 60, 15))
    order = session.live[0]
    assert verdict(session, size=6) is Denial.POSITION_LIMIT
    assert verdict(session, size=20, replaces=order) is None
    assert verdict(session, size=21, replaces=order) is Denial.POSITION_LIMIT
    session.desk.orders.begin_amend(order, MID - 55, 20, session.now)
    assert verdict(session, size=1) is Denial.POSITION_LIMIT


def test_a_pending_amend_counts_at_its_nearer_price():
    session = with_orders(desk_of(), (1, MID - 60, 5), (-1, MID + 60, 5))
    for order, price in zip(session.live, (MID - 4, MID + 4), strict=True):
        session.desk.orders.begin_amend(order, price, 5, session.now)
    assert verdict(session, side=-1, price=MID - 4) is Denial.SELF_TRADE
    assert verdict(session, price=MID + 4) is Denial.SELF_TRADE


def test_what_the_gate_remembers_survives_a_snapshot_and_a_venue_that_is_gone_is_left_out():
    session = desk_of()
    gate = session.desk.gate
    gate.note_message("v", session.now)
    gate.note_execution("as", session.now)
    data = gate.snapshot()
    data["buckets"]["gone"] = [1, 1]
    again = desk_of().desk.gate
    again.restore(data)
    assert again.snapshot() == gate.snapshot()
