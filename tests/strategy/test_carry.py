"""The carry's arithmetic: P&L that is exact, thresholds in order, liquidations, sizes, and what is refused."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.strategy.carry import (
    Costs,
    annual_rate,
    entry_threshold,
    exit_cost,
    holds,
    liquidation_price,
    pair_pnl,
    pair_size,
    whole_lots,
)

prices = st.integers(1_000, 9_000_000).map(lambda cents: cents / 100)
rates = st.integers(-300, 300).map(lambda points: points * 1e-5)
settled = st.lists(st.tuples(rates, prices), max_size=5)
costs_of = st.builds(
    Costs, *[st.floats(0.0, 0.01)] * 3, margin=st.floats(0.0, 2.0), capital_rate=st.floats(0.0, 1.0)
)
COSTS = Costs(0.0002, 0.0005, 0.0001, 0.2, 0.05)


@given(st.integers(1, 1_000), st.tuples(*[prices] * 4), settled, settled)
def test_a_pairs_profit_is_that_of_its_legs(
    coins: int,
    path: tuple[float, ...],
    received: list[tuple[float, float]],
    paid: list[tuple[float, float]],
) -> None:
    long_in, long_out, short_in, short_out = map(Fraction, path)
    cash = coins * (long_out - long_in) + coins * (short_in - short_out)
    cash += sum(coins * Fraction(rate) * Fraction(mark) for rate, mark in received)
    cash -= sum(coins * Fraction(rate) * Fraction(mark) for rate, mark in paid)
    basis_in, basis_out = float(short_in - long_in), float(short_out - long_out)
    found = pair_pnl(float(coins), basis_in, basis_out, received, paid, 0.0)
    scale = coins * sum(path) + 1.0
    assert found.total == pytest.approx(float(cash), abs=1e-10 * scale)
    turned = pair_pnl(float(coins), -basis_in, -basis_out, paid, received, 0.0)
    assert turned.total == pytest.approx(-found.total, abs=1e-10 * scale)


def test_fees_are_paid_and_rebates_received() -> None:
    assert pair_pnl(1.0, 5.0, 3.0, [], [], 0.5).total == 1.5
    assert pair_pnl(1.0, 5.0, 3.0, [], [], -0.5).total == 2.5


@given(rates, st.integers(1, 24))
def test_a_shorter_interval_is_a_higher_year(rate: float, hours: int) -> None:
    assert annual_rate(rate, 3_600.0 * hours) == pytest.approx(rate * 8_760 / hours, rel=1e-12)


@given(costs_of, st.floats(0.0, 1e7), st.floats(0.0, 1e7), st.floats(0.0, 0.1), st.floats(0.0, 5.0))
def test_the_threshold_rises_with_everything_and_lies_above_leaving(
    costs: Costs, one: float, other: float, deviation: float, safety: float
) -> None:
    short, long = sorted((one, other))
    low, high = (entry_threshold(costs, h, deviation, safety) for h in (short, long))
    assert 2.0 * exit_cost(costs) <= low <= high
    assert entry_threshold(costs, long, deviation, safety + 1.0) >= high
    assert entry_threshold(costs._replace(slippage=costs.slippage + 1e-4), long, deviation, safety) > high


@given(st.floats(-0.1, 0.1), costs_of)
def test_between_threshold_and_leaving_nothing_is_done(carry: float, costs: Costs) -> None:
    threshold, leaving = entry_threshold(costs, 86_400.0, 0.001, 1.0), exit_cost(costs)
    if leaving <= carry <= threshold:
        assert not holds(False, carry, threshold, carry, leaving)
        assert holds(True, carry, threshold, carry, leaving)
    if carry > threshold:
        assert holds(False, carry, threshold, carry, leaving)
    if carry < leaving:
        assert not holds(True, carry, threshold, carry, leaving)


@pytest.mark.parametrize("is_open", [True, False])
def test_what_is_not_known_neither_enters_nor_leaves(is_open: bool) -> None:
    assert holds(is_open, math.nan, 0.001, math.nan, 0.001) == is_open
    assert holds(is_open, 1.0, math.nan, -1.0, math.nan) == is_open


@given(prices, st.floats(1.0, 100.0), st.floats(0.0, 0.009), st.sampled_from([1, -1]))
def test_at_the_liquidation_price_the_margin_is_the_maintenance(
    entry: float, leverage: float, maintenance: float, side: int
) -> None:
    price = liquidation_price(entry, leverage, maintenance, side)
    assert entry / leverage + side * (price - entry) == pytest.approx(
        maintenance * price, rel=1e-9, abs=1e-9 * entry
    )
    assert side * (entry - price) >= -1e-9 * entry


@given(
    st.floats(0.0, 1e6),
    prices,
    st.tuples(*[st.sampled_from([0.001, 0.002, 0.003, 0.01, 1.0])] * 2),
    st.tuples(*[st.floats(0.0, 1e6)] * 2),
    st.floats(1.0, 20.0),
)
def test_a_size_is_whole_in_both_lots_and_within_both_bounds(
    notional: float,
    price: float,
    lots: tuple[float, float],
    margins: tuple[float, float],
    leverage: float,
) -> None:
    size = pair_size(notional, price, lots, margins, leverage)
    assert size * price <= min(notional, leverage * min(margins)) * (1 + 1e-6) + 1e-6 * price
    for lot in lots:
        assert abs(size / lot - round(size / lot)) <= 1e-5
    assert size == pair_size(notional, price, lots[::-1], margins[::-1], leverage)


@given(st.floats(-1e3, 1e3), st.sampled_from([0.001, 0.01, 0.3, 1.0]))
def test_whole_lots_are_cut_towards_nothing(size: float, lot: float) -> None:
    cut = whole_lots(size, lot)
    assert abs(cut) <= abs(size) + 1e-8 * lot
    assert abs(size) - abs(cut) < lot
    assert cut * size >= 0.0
    assert whole_lots(cut, lot) == pytest.approx(cut, rel=1e-12)


def test_lots_that_have_nothing_in_common_are_no_size() -> None:
    assert pair_size(5.0, 1.0, (1.0, math.pi), (100.0, 100.0), 1.0) == 0.0
    assert pair_size(0.0, 1.0, (1.0, 1.0), (100.0, 100.0), 1.0) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: annual_rate(math.nan, 1.0), "rate = nan: must be finite"),
        (lambda: annual_rate(0.1, 0.0), r"interval_s = 0\.0: must be > 0"),
        (lambda: pair_pnl(0.0, 1.0, 1.0, [], [], 0.0), r"size = 0\.0: must be > 0"),
        (lambda: pair_pnl(1.0, math.nan, 1.0, [], [], 0.0), "basis_in = nan"),
        (lambda: pair_pnl(1.0, 1.0, math.inf, [], [], 0.0), "basis_out = inf"),
        (
            lambda: pair_pnl(1.0, 1.0, 1.0, [(0.1,)], [], 0.0),
            r"received has shape \(1, 1\): must be \(n, 2\)",
        ),
        (lambda: pair_pnl(1.0, 1.0, 1.0, [], [(0.1, math.nan)], 0.0), "paid = .*: must be finite"),
        (lambda: pair_pnl(1.0, 1.0, 1.0, [], [], math.nan), "fees = nan"),
        (
            lambda: exit_cost(COSTS._replace(thin_fee=1.0)),
            r"costs\.thin_fee = 1\.0: must be between -1 and 1",
        ),
        (lambda: exit_cost(COSTS._replace(hedge_fee=math.nan)), r"costs\.hedge_fee = nan"),
        (lambda: exit_cost(COSTS._replace(slippage=-0.1)), r"costs\.slippage = -0\.1: must be >= 0"),
        (lambda: exit_cost(COSTS._replace(margin=math.inf)), r"costs\.margin = inf"),
        (lambda: exit_cost(COSTS._replace(capital_rate=-1.0)), r"costs\.capital_rate = -1\.0"),
        (lambda: entry_threshold(COSTS, -1.0, 0.0, 0.0), r"horizon_s = -1\.0"),
        (lambda: entry_threshold(COSTS, 1.0, -1.0, 0.0), r"deviation = -1\.0"),
        (lambda: entry_threshold(COSTS, 1.0, 0.0, math.nan), "safety = nan"),
        (lambda: liquidation_price(0.0, 10.0, 0.0, 1), r"entry = 0\.0: must be > 0"),
        (lambda: liquidation_price(1.0, 0.5, 0.0, 1), r"leverage = 0\.5: must be >= 1"),
        (lambda: liquidation_price(1.0, 10.0, 1.0, 1), r"maintenance = 1\.0: must be >= 0 and < 1"),
        (lambda: liquidation_price(1.0, 10.0, 0.0, 0), "side = 0: must be 1 or -1"),
        (lambda: pair_size(-1.0, 1.0, (1.0, 1.0), (1.0, 1.0), 1.0), r"notional = -1\.0"),
        (lambda: pair_size(1.0, 0.0, (1.0, 1.0), (1.0, 1.0), 1.0), r"price = 0\.0"),
        (lambda: pair_size(1.0, 1.0, (1.0, 0.0), (1.0, 1.0), 1.0), r"lot_sizes\[1\] = 0\.0"),
        (lambda: pair_size(1.0, 1.0, (1.0, 1.0), (-1.0, 1.0), 1.0), r"margins\[0\] = -1\.0"),
        (lambda: whole_lots(math.inf, 1.0), "size = inf: must be finite"),
        (lambda: whole_lots(1.0, 0.0), r"lot_size = 0\.0: must be > 0"),
        (lambda: pair_size(1.0, 1.0, (1.0, 1.0), (1.0, 1.0), 0.9), r"leverage = 0\.9: must be >= 1"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
