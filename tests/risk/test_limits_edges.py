"""Limits at their edges: the last value that passes, and what holds before anything is configured."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from tests.risk.test_limits import BTC, DESK, QUIET, quote
from titan.risk.budget import (
    MESSAGE,
    Bucket,
    RecentOrder,
    count_same,
    count_within,
    full,
    refill,
    remember,
    remember_time,
    spend,
    whole_messages,
)
from titan.risk.checks import (
    check_budget,
    check_crossing,
    check_executions,
    check_gross,
    check_min_notional,
    check_open_orders,
    check_position,
    check_size,
    is_reducing,
    is_set,
    over,
    product,
    worst_position,
)
from titan.risk.denials import Denial
from titan.risk.limits import LimitSettings, evaluate, unset_limits

D = Decimal


def test_before_anything_is_configured_every_limit_of_money_is_missing():
    assert unset_limits(LimitSettings()) == (
        "max_order_notional",
        "max_position_notional",
        "max_gross_notional",
        "max_daily_loss",
    )
    assert LimitSettings() == (0.0, 0.0, 0.0, 0.0, 100.0, 20, 20, 100, 20, 0.2, 600, 60.0)


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_positive_number_is_no_limit(limit):
    assert not is_set(limit)
    assert over(D(1), limit, Denial.ORDER_NOTIONAL) is Denial.LIMIT_NOT_SET


def test_a_value_at_its_limit_passes_and_one_that_is_unknown_does_not():
    assert is_set(math.ulp(0.0))
    assert over(D(5), 5.0, Denial.ORDER_NOTIONAL) is None
    assert over(D("5.01"), 5.0, Denial.ORDER_NOTIONAL) is Denial.ORDER_NOTIONAL
    assert over(None, 5.0, Denial.ORDER_NOTIONAL) is Denial.VALUE_UNKNOWN
    assert over(D("inf"), 5.0, Denial.ORDER_NOTIONAL) is Denial.VALUE_UNKNOWN
    assert product() == 1


@pytest.mark.parametrize("side", [0, 2, -2])
def test_a_side_is_one_of_two(side):
    for call in (
        lambda: is_reducing(side, 1, 0, 0),
        lambda: worst_position(side, 1, 0, 0, 0),
        lambda: check_crossing(side, 1, 1, 1, Denial.WOULD_CROSS),
    ):
        with pytest.raises(ValueError, match=f"side = {side}: must be"):
            call()


def test_open_lots_are_never_negative():
    with pytest.raises(ValueError, match="same_side = -1"):
        is_reducing(1, 1, -5, -1)
    with pytest.raises(ValueError, match="buying = -1, selling = 0"):
        worst_position(1, 1, 0, -1, 0)
    with pytest.raises(ValueError, match="buying = 0, selling = -1"):
        worst_position(1, 1, 0, 0, -1)
    with pytest.raises(ValueError, match="reserve = -1"):
        check_budget(1, -1)


def test_sizes_at_their_edges():
    assert [check_size(size, 0, 5) for size in (-1, 0, 1, 5, 6)] == [
        Denial.BAD_SIZE,
        Denial.BAD_SIZE,
        None,
        None,
        Denial.OVER_MAX_SIZE,
    ]
    assert check_size(3, 3, 5) is None
    assert check_size(1, 0, -1) is Denial.LIMIT_NOT_SET


def test_a_notional_at_the_minimum_passes():
    assert check_min_notional(D(5), D(5), reduce_only=False) is None
    assert check_min_notional(D("4.99"), D(5), reduce_only=False) is Denial.BELOW_MIN_NOTIONAL
    assert check_min_notional(D("4.99"), D(5), reduce_only=True) is None
    assert check_min_notional(D(5), D("NaN"), reduce_only=True) is Denial.VALUE_UNKNOWN


@pytest.mark.parametrize(
    ("side", "bid", "ask", "crosses"),
    [
        (1, 9, 10, True),
        (1, 9, 11, False),
        (-1, 10, 11, True),
        (-1, 9, 11, False),
        (1, 10, 1, True),
        (1, 1, 0, False),
    ],
)
def test_a_price_crosses_once_it_reaches_the_other_side(side, bid, ask, crosses):
    assert (check_crossing(side, 10, bid, ask, Denial.SELF_TRADE) is Denial.SELF_TRADE) == crosses


def test_counts_include_the_order_that_asks():
    assert check_open_orders(4, 5, reducing=False) is None
    assert check_open_orders(5, 5, reducing=False) is Denial.OPEN_ORDERS
    assert check_executions(4, 5, reducing=False) is None
    assert check_executions(5, 5, reducing=False) is Denial.REPEATED_EXECUTION
    assert check_budget(6, 5) is None
    assert check_budget(5, 5) is Denial.MESSAGE_BUDGET
    assert check_budget(1, 0) is None


def test_the_position_and_the_gross_are_judged_by_value():
    assert check_position(4, D("2.5"), 10.0, reducing=False) is None
    assert check_position(5, D("2.5"), 10.0, reducing=False) is Denial.POSITION_LIMIT
    assert check_gross(D(4), D(6), 10.0, reducing=False) is None
    assert check_gross(D(5), D(6), 10.0, reducing=False) is Denial.GROSS_EXPOSURE
    assert check_gross(None, D(6), 10.0, reducing=False) is Denial.VALUE_UNKNOWN
    assert check_gross(D(4), None, 10.0, reducing=False) is Denial.VALUE_UNKNOWN


# ---- The message budget, and what was seen a moment ago ------------------------------------------------------


def test_a_budget_counts_whole_messages():
    assert full(3, 7) == Bucket(3 * MESSAGE, 7)
    assert full(0, 0).level == 0
    assert MESSAGE == 10**9
    assert spend(full(3, 0)).level == 2 * MESSAGE
    assert spend(full(3, 0), 0) == full(3, 0)
    assert [whole_messages(Bucket(level, 0)) for level in (-1, 0, MESSAGE - 1, MESSAGE)] == [-1, 0, 0, 1]
    assert refill(Bucket(0, 5), 8, 2, 1) == Bucket(6, 8)
    assert refill(Bucket(MESSAGE, 0), 10**9, 0, 1) == Bucket(MESSAGE, 10**9)
    assert refill(Bucket(MESSAGE, 0), 10**9, 5, 0) == Bucket(0, 10**9)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: full(-1, 0), "burst = -1: must be >= 0"),
        (lambda: refill(full(1, 0), 1, -1, 1), "rate_per_s = -1: must be >= 0"),
        (lambda: refill(full(1, 0), 1, 1, -1), "burst = -1: must be >= 0"),
        (lambda: spend(full(1, 0), -1), "messages = -1: must be >= 0"),
        (lambda: remember((), RecentOrder(0, 1, 1, 1), 0), "window_ns = 0: must be >= 1"),
        (lambda: count_same((), RecentOrder(0, 1, 1, 1), 0), "window_ns = 0: must be >= 1"),
        (lambda: remember_time((), 0, 0), "window_ns = 0: must be >= 1"),
        (lambda: count_within((), 0, 0), "window_ns = 0: must be >= 1"),
    ],
)
def test_what_a_budget_cannot_be_is_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()


def test_a_window_ends_before_what_is_as_old_as_it():
    old = RecentOrder(0, 1, 100, 5)
    assert remember((old,), RecentOrder(9, 1, 100, 5), 10) == (old, RecentOrder(9, 1, 100, 5))
    assert remember((old,), RecentOrder(10, 1, 100, 5), 10) == (RecentOrder(10, 1, 100, 5),)
    assert remember((), old, 1) == (old,)
    assert count_same((old, old), old, 1) == 2
    assert remember_time((0,), 9, 10) == (0, 9)
    assert remember_time((0,), 10, 10) == (10,)
    assert count_within((0, 1), 10, 10) == 1
    assert count_within((3,), 3, 1) == 1


# ---- All of them ---------------------------------------------------------------------------------------------


def test_open_orders_of_the_same_side_count_towards_the_position_and_the_others_do_not():
    settings = DESK._replace(max_position_notional=600.0005, max_order_notional=1_000.0)  # ten lots
    for side, same, other in ((1, "buying", "selling"), (-1, "selling", "buying")):
        order = quote(side, 9)

        def verdict(order=order, **open_lots):
            return evaluate(order, QUIET._replace(**open_lots), BTC, settings)

        assert verdict(**{same: 1}) is None
        assert verdict(**{same: 2}) is Denial.POSITION_LIMIT
        assert verdict(**{other: 9}) is None
        assert verdict(position=side) is None
        assert verdict(position=2 * side) is Denial.POSITION_LIMIT
