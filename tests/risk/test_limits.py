"""Properties of the composed pre-trade checks."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.model.contract import ParameterError, build_parameters, parameter_ranges
from titan.risk.denials import Denial
from titan.risk.limits import (
    LIMITS,
    Exposure,
    LimitSettings,
    MarketReference,
    OrderRequest,
    evaluate,
    unset_limits,
)

DESK = LimitSettings(
    max_order_notional=2_000.0,
    max_position_notional=5_000.0,
    max_gross_notional=10_000.0,
    max_daily_loss=300.0,
    cancel_reserve=20,
)
QUIET = Exposure(
    position=0,
    buying=0,
    selling=0,
    gross_elsewhere=Decimal(0),
    open_orders=0,
    own_bid=0,
    own_ask=0,
    messages=100,
    duplicates=0,
    executions=0,
    day_loss=Decimal(0),
)
BTC = MarketReference(
    trading=True,
    min_lots=1,
    max_lots=120_000,
    min_notional=Decimal(50),
    reference=Decimal("600000.5"),
    mark=Decimal("600003.4"),
    band_down=Decimal("0.95"),
    band_up=Decimal("1.05"),
    best_bid=600_000,
    best_ask=600_001,
    lot_notional=Decimal("60.00005"),
    conversion=Decimal(1),
)
PROTECTIVE = {  # the desk's own limits, from which a reducing order is excused
    Denial.POSITION_LIMIT,
    Denial.GROSS_EXPOSURE,
    Denial.OPEN_ORDERS,
    Denial.REPEATED_EXECUTION,
    Denial.DAILY_LOSS,
    Denial.RISK_LEVEL,
}


def quote(side: int, size: int, price: int = 0, replaced: int = 0) -> OrderRequest:
    """A post-only order one tick behind the touch, unless a price is given."""
    price = price or (599_999 if side > 0 else 600_002)
    return OrderRequest(side, price, size, size * price * Decimal("0.0001"), replaced)


sides = st.sampled_from((1, -1))
lots = st.integers(1, 60)
exposures = st.builds(
    Exposure,
    position=st.integers(-200, 200),
    buying=st.integers(0, 100),
    selling=st.integers(0, 100),
    gross_elsewhere=st.decimals(0, 20_000, places=2) | st.none(),
    open_orders=st.integers(0, 30),
    own_bid=st.sampled_from((0, 599_990, 600_002)),
    own_ask=st.sampled_from((0, 599_999, 600_010)),
    messages=st.integers(-5, 100),
    duplicates=st.integers(0, 1),
    executions=st.integers(0, 700),
    day_loss=st.decimals(-500, 500, places=2) | st.none(),
    may_increase=st.booleans(),
)


def test_an_ordinary_order_passes():
    assert evaluate(quote(1, 10), QUIET, BTC, DESK) is None
    assert evaluate(quote(-1, 10), QUIET, BTC, DESK) is None


@pytest.mark.parametrize(
    ("order", "account", "market", "denial"),
    [
        (quote(1, 10), QUIET, BTC._replace(trading=False), Denial.NOT_TRADING),
        (quote(1, 0), QUIET, BTC, Denial.BAD_SIZE),
        (quote(1, -1), QUIET, BTC, Denial.BAD_SIZE),
        (quote(1, 10), QUIET, BTC._replace(min_lots=11), Denial.BAD_SIZE),
        (quote(1, 11), QUIET, BTC._replace(max_lots=10), Denial.OVER_MAX_SIZE),
        (quote(1, 1), QUIET, BTC._replace(min_notional=Decimal(100)), Denial.BELOW_MIN_NOTIONAL),
        (quote(1, 34), QUIET, BTC, Denial.ORDER_NOTIONAL),
        (quote(1, 10, 590_000), QUIET, BTC, Denial.PRICE_COLLAR),
        (quote(-1, 10, 610_000), QUIET, BTC, Denial.PRICE_COLLAR),
        (quote(1, 10), QUIET, BTC._replace(band_down=Decimal(1)), Denial.PRICE_BAND),
        (quote(1, 10, 600_001), QUIET, BTC, Denial.WOULD_CROSS),
        (quote(-1, 10, 600_000), QUIET, BTC, Denial.WOULD_CROSS),
        (quote(1, 10), QUIET._replace(position=80), BTC, Denial.POSITION_LIMIT),
        (quote(1, 10), QUIET._replace(buying=80), BTC, Denial.POSITION_LIMIT),
        (quote(-1, 10), QUIET._replace(selling=80), BTC, Denial.POSITION_LIMIT),
        (quote(1, 10), QUIET._replace(gross_elsewhere=Decimal(9_500)), BTC, Denial.GROSS_EXPOSURE),
        (quote(1, 10), QUIET._replace(open_orders=20), BTC, Denial.OPEN_ORDERS),
        (quote(1, 10), QUIET._replace(messages=20), BTC, Denial.MESSAGE_BUDGET),
        (quote(1, 10), QUIET._replace(duplicates=1), BTC, Denial.DUPLICATE),
        (quote(1, 10), QUIET._replace(executions=600), BTC, Denial.REPEATED_EXECUTION),
        (quote(1, 10), QUIET._replace(own_ask=599_999), BTC, Denial.SELF_TRADE),
        (quote(-1, 10), QUIET._replace(own_bid=600_002), BTC, Denial.SELF_TRADE),
        (quote(1, 10), QUIET._replace(day_loss=Decimal(300)), BTC, Denial.DAILY_LOSS),
        (quote(1, 10), QUIET._replace(day_loss=Decimal(301)), BTC, Denial.DAILY_LOSS),
        (quote(1, 10), QUIET._replace(may_increase=False), BTC, Denial.RISK_LEVEL),
        (quote(1, 10), QUIET, BTC._replace(conversion=None), Denial.VALUE_UNKNOWN),
        (quote(1, 10), QUIET, BTC._replace(reference=None), Denial.VALUE_UNKNOWN),
        (quote(1, 10), QUIET, BTC._replace(mark=Decimal("NaN")), Denial.VALUE_UNKNOWN),
        (quote(1, 10), QUIET, BTC._replace(lot_notional=None), Denial.VALUE_UNKNOWN),
        (quote(1, 10), QUIET._replace(gross_elsewhere=None), BTC, Denial.VALUE_UNKNOWN),
        (quote(1, 10), QUIET._replace(day_loss=None), BTC, Denial.VALUE_UNKNOWN),
        (quote(1, 10), QUIET, BTC._replace(max_lots=0), Denial.LIMIT_NOT_SET),
    ],
)
def test_each_fact_alone_gives_its_code(order, account, market, denial):
    assert evaluate(order, account, market, DESK) == denial


def test_a_marketable_order_may_take_unless_it_is_post_only():
    assert evaluate(quote(1, 10, 600_001)._replace(post_only=False), QUIET, BTC, DESK) is None


def test_reduce_only_is_exempt_from_the_minimum_notional():
    small = BTC._replace(min_notional=Decimal(1_000))
    holding = QUIET._replace(position=-10)
    assert evaluate(quote(1, 5), holding, small, DESK) == Denial.BELOW_MIN_NOTIONAL
    assert evaluate(quote(1, 5)._replace(reduce_only=True), holding, small, DESK) is None


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), -1.0])
def test_a_limit_that_is_not_set_denies(name, value):
    desk = DESK._replace(**{name: value})
    assert unset_limits(desk) == (name,)
    assert evaluate(quote(1, 10), QUIET, BTC, desk) == Denial.LIMIT_NOT_SET


@given(sides, st.integers(1, 33), exposures)
def test_a_reducing_order_passes_every_limit_of_the_desk(side, size, account):
    others = account.buying if side > 0 else account.selling
    account = account._replace(position=-side * (others + size))
    answer = evaluate(quote(side, size), account, BTC, DESK)
    assert answer not in PROTECTIVE
    clean = account._replace(messages=100, duplicates=0, own_bid=0, own_ask=0)
    assert evaluate(quote(side, size), clean, BTC, LimitSettings(max_order_notional=2_000.0)) is None


@given(sides, st.integers(1, 33), st.integers(-20_000, 20_000))
def test_the_collar_binds_reducing_orders(side, size, offset):
    holding = QUIET._replace(position=-side * 1_000)
    order = quote(side, size, 600_000 + offset)._replace(post_only=False)
    outside = abs(Decimal(600_000 + offset) - Decimal("600000.5")) * 100 > Decimal("600000.5")
    assert (evaluate(order, holding, BTC, DESK) == Denial.PRICE_COLLAR) == (
        outside and order.notional <= DESK.max_order_notional
    )


@given(sides, lots, lots, exposures)
@settings(max_examples=300)
def test_a_larger_size_never_turns_a_denial_of_the_same_check_into_a_pass(side, size, more, account):
    small = evaluate(quote(side, size), account, BTC, DESK)
    large = evaluate(quote(side, size + more), account, BTC, DESK)
    if small is not None:
        assert large is not None
    order = list(Denial)
    if small in PROTECTIVE:
        assert order.index(large) <= order.index(small)


@given(sides, lots, lots, exposures)
@settings(max_examples=200)
def test_an_amended_order_counts_at_the_worse_of_old_and_new(side, old, new, account):
    amended = evaluate(quote(side, new, replaced=old), account, BTC, DESK)
    alone = evaluate(quote(side, new), account, BTC, DESK)
    if new >= old:
        assert amended == alone
    elif alone in PROTECTIVE:
        assert amended in PROTECTIVE | {Denial.VALUE_UNKNOWN}


def test_amending_down_near_the_limit_counts_the_old_size():
    near = QUIET._replace(position=60)
    assert evaluate(quote(1, 5), near, BTC, DESK) is None
    assert evaluate(quote(1, 5, replaced=30), near, BTC, DESK) == Denial.POSITION_LIMIT


@given(sides, lots, exposures, st.booleans())
def test_the_earliest_check_speaks(side, size, account, trading):
    market = BTC._replace(trading=trading)
    answer = evaluate(quote(side, size), account, market, DESK)
    assert (answer == Denial.NOT_TRADING) is not trading


def test_settings_are_generated_from_the_ranges():
    assert set(parameter_ranges(LimitSettings)) == set(LimitSettings._fields)
    built = build_parameters(LimitSettings, {"max_order_notional": "2000", "max_open_orders": "8"}, "risk")
    assert built.max_order_notional == 2_000.0
    assert built.max_open_orders == 8
    with pytest.raises(ParameterError, match="collar_bps = 5000: out of range"):
        build_parameters(LimitSettings, {"collar_bps": "5000"}, "risk")
