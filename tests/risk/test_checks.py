"""The edges of single checks that the composed tests do not reach."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.risk.checks import (
    check_band,
    check_collar,
    check_crossing,
    check_level,
    check_loss,
    check_min_notional,
    check_order_notional,
    check_position,
    check_size,
    is_reducing,
    product,
    worst_lots,
    worst_position,
)
from titan.risk.denials import Denial

small = st.integers(0, 30)


def test_a_limit_means_what_was_written():
    assert check_order_notional(Decimal("0.1"), 0.1) is None
    assert check_order_notional(Decimal("0.1000000000000000001"), 0.1) == Denial.ORDER_NOTIONAL
    assert check_collar(100_001, Decimal(100_000), 0.1) is None
    assert check_collar(100_002, Decimal(100_000), 0.1) == Denial.PRICE_COLLAR


@pytest.mark.parametrize("bad", [None, Decimal("NaN"), Decimal("Infinity"), Decimal(0), Decimal(-1)])
def test_a_bad_reference_or_mark_refuses(bad):
    assert check_collar(100, bad, 10.0) == Denial.VALUE_UNKNOWN
    assert check_band(100, bad, Decimal("0.9"), Decimal("1.1")) == Denial.VALUE_UNKNOWN


def test_a_price_that_is_not_positive_is_outside_every_collar():
    assert check_collar(0, Decimal(1), 20_000.0) == Denial.PRICE_COLLAR


def test_a_notional_that_is_no_number_refuses():
    assert check_min_notional(Decimal("NaN"), Decimal(5), reduce_only=True) == Denial.VALUE_UNKNOWN
    assert check_order_notional(Decimal("NaN"), 10.0) == Denial.VALUE_UNKNOWN


def test_the_band_is_closed():
    edges = (Decimal("0.9"), Decimal("1.1"))
    assert [check_band(price, Decimal(100), *edges) for price in (89, 90, 110, 111)] == [
        Denial.PRICE_BAND,
        None,
        None,
        Denial.PRICE_BAND,
    ]


def test_nothing_crosses_an_empty_side():
    assert check_crossing(1, 100, 0, 0, Denial.WOULD_CROSS) is None
    assert check_crossing(-1, 100, 0, 0, Denial.WOULD_CROSS) is None


def test_the_loss_limit_is_reached_at_equality_and_a_profit_passes():
    assert check_loss(Decimal("299.99"), 300.0, reducing=False) is None
    assert check_loss(Decimal(300), 300.0, reducing=False) == Denial.DAILY_LOSS
    assert check_loss(Decimal(-1_000), 300.0, reducing=False) is None
    assert check_loss(Decimal(1_000), 300.0, reducing=True) is None


def test_the_risk_level_lets_reducing_orders_pass():
    assert check_level(may_increase=False, reducing=False) == Denial.RISK_LEVEL
    assert check_level(may_increase=False, reducing=True) is None
    assert check_level(may_increase=True, reducing=False) is None


@given(st.sampled_from((1, -1)), st.integers(1, 30), st.integers(-60, 60), small)
def test_reducing_means_that_the_position_cannot_pass_through_zero(side, size, position, same_side):
    after = position + side * (same_side + size)
    assert is_reducing(side, size, position, same_side) == (position * side < 0 and after * side <= 0)


@given(st.sampled_from((1, -1)), st.integers(1, 30), st.integers(-60, 60), small, small)
def test_the_worst_position_is_the_worst_of_all_partial_fills(side, size, position, buying, selling):
    buys, sells = buying + (size if side > 0 else 0), selling + (size if side < 0 else 0)
    outcomes = [abs(position + bought - sold) for bought in (0, buys) for sold in (0, sells)]
    assert worst_position(side, size, position, buying, selling) == max(outcomes)


@given(st.integers(-50, 50), st.integers(1, 20), st.integers(1, 20), st.integers(-60, 60))
def test_checks_are_monotone_in_size(limit_lots, size, more, position):
    def denied(lots: int) -> bool:
        reducing = is_reducing(1, lots, position, 0)
        return check_position(position + lots, Decimal(7), 7.0 * limit_lots, reducing) is not None

    assert denied(size + more) or not denied(size)


@given(st.integers(1, 100), st.integers(0, 100))
def test_worst_lots_is_never_less_than_either(size, replaced):
    assert worst_lots(size, replaced) == max(size, replaced)


def test_size_bounds():
    assert check_size(1, 1, 1) is None
    assert check_size(2, 1, 1) == Denial.OVER_MAX_SIZE
    assert check_size(1, 2, 3) == Denial.BAD_SIZE
    assert check_size(1, 1, 0) == Denial.LIMIT_NOT_SET


def test_a_product_with_an_unknown_factor_is_unknown():
    assert product(Decimal(2), 3, Decimal("0.5")) == 3
    assert product(Decimal(2), None) is None
