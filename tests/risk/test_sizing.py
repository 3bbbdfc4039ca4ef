"""Sizing: what more risk, less knowledge and a nearer floor do to the size, over all arguments, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from titan.risk.sizing import (
    cap_weights,
    drawdown_probability,
    drawdown_share,
    fraction_for_drawdown,
    growth_kept,
    growth_rate,
    kelly_weights,
    volatility_target_size,
)

unhurried = settings(deadline=None)  # a busy machine is no defect
money = st.floats(1.0, 1e9)
volatilities = st.floats(1e-3, 1.0)
targets = st.floats(0.0, 3.0).map(lambda value: round(value, 6))
leverages = st.floats(0.0, 10.0).map(lambda value: round(value, 6))
fractions = st.floats(0.05, 1.95)
levels = st.floats(0.01, 0.99)
more = st.floats(1.01, 10.0)
vectors = arrays(np.float64, 3, elements=st.floats(-5.0, 5.0).map(lambda value: round(value, 4)))
factor_tables = arrays(np.float64, (3, 3), elements=st.floats(-1.0, 1.0).map(lambda value: round(value, 3)))


def covariance_of(factors: np.ndarray) -> np.ndarray:
    return factors @ factors.T + 0.1 * np.eye(len(factors))


@unhurried
@given(money, money, volatilities, targets, leverages, more)
def test_volatility_target(equity, price, volatility, target, cap, factor):
    size = volatility_target_size(equity, price, volatility, target, cap)
    assert 0.0 <= size * price <= cap * equity * (1.0 + 1e-12)
    assert size * price * volatility * math.sqrt(365.0) <= target * equity * (1.0 + 1e-12)
    assert volatility_target_size(equity, price, factor * volatility, target, cap) <= size
    assert volatility_target_size(equity, price, volatility, factor * target, cap) >= size
    assert volatility_target_size(equity, price, volatility, target, factor * cap) >= size
    assert volatility_target_size(factor * equity, price, volatility, target, cap) == pytest.approx(
        factor * size
    )
    assert volatility_target_size(equity, factor * price, volatility, target, cap) == pytest.approx(
        size / factor
    )


@unhurried
@given(st.floats(-1.0, 1.0), volatilities, st.floats(-5.0, 5.0))
def test_growth_is_highest_at_kelly_and_falls_to_both_sides_alike(mean, volatility, away):
    best = mean / volatility**2
    top = growth_rate(best, mean, volatility)
    left, right = (growth_rate(best + side * away, mean, volatility) for side in (-1.0, 1.0))
    assert top == pytest.approx(mean**2 / (2.0 * volatility**2))
    assert left == pytest.approx(right, rel=1e-6, abs=1e-6 * (1.0 + top))
    assert left <= top + 1e-9 * (1.0 + top)


@unhurried
@given(st.floats(-3.0, 3.0), st.floats(0.01, 1.0), volatilities)
def test_growth_kept_is_a_ratio_of_growths(fraction, mean, volatility):
    best = mean / volatility**2
    expected = growth_rate(fraction * best, mean, volatility) / growth_rate(best, mean, volatility)
    assert growth_kept(fraction) == pytest.approx(expected, abs=1e-9)


@unhurried
@given(levels, levels, fractions, fractions)
def test_deeper_is_rarer_and_larger_is_likelier(one, other, small, large):
    (deep, shallow), (small, large) = sorted((one, other)), sorted((small, large))
    assert drawdown_probability(deep, small) <= drawdown_probability(shallow, small)
    assert drawdown_probability(deep, small) <= drawdown_probability(deep, large)


@unhurried
@given(levels, st.floats(0.01, 0.99))
def test_the_fraction_for_a_drawdown_is_its_inverse(level, probability):
    fraction = fraction_for_drawdown(level, probability)
    assert 0.0 < fraction < 2.0
    assert drawdown_probability(level, fraction) == pytest.approx(probability, rel=1e-9)


@unhurried
@given(vectors, factor_tables, st.integers(1, 10_000), st.floats(0.01, 2.0), st.floats(0.01, 1.0))
def test_weights_are_those_of_kelly_shrunken(means, factors, periods, prior, fraction):
    spread = covariance_of(factors)
    plain, held = np.linalg.solve(spread, means), kelly_weights(means, spread, periods, prior, fraction)
    shrinkage = periods * prior**2 / (1.0 + (periods + 1) * prior**2)
    assert 0.0 < shrinkage < 1.0
    assert held == pytest.approx(fraction * shrinkage * plain, rel=1e-9, abs=1e-12)


@unhurried
@given(vectors.filter(np.any), factor_tables, st.integers(1, 1_000), st.floats(0.01, 2.0), more)
def test_more_data_and_more_belief_hold_more_and_more_variance_holds_less(
    means, factors, periods, prior, factor
):
    spread = covariance_of(factors)
    size = np.abs(kelly_weights(means, spread, periods, prior)).sum()
    assert np.abs(kelly_weights(means, spread, 2 * periods, prior)).sum() > size
    assert np.abs(kelly_weights(means, spread, periods, factor * prior)).sum() > size
    assert np.abs(kelly_weights(means, factor * spread, periods, prior)).sum() == pytest.approx(size / factor)
    assert np.abs(kelly_weights(means, spread, periods, prior, 1.0)).sum() == pytest.approx(2.0 * size)


@unhurried
@given(money, st.floats(0.01, 1.0), st.floats(-0.5, 1.0), st.floats(-0.5, 1.0))
def test_share_rises_with_equity_and_ends_at_the_floor(peak, most, one, other):
    low, high = sorted((one, other))
    shares = [drawdown_share(part * peak, peak, most) for part in (low, high, 1.0)]
    assert 0.0 <= shares[0] <= shares[1] <= shares[2] == pytest.approx(most)
    assert drawdown_share((1.0 - most) * peak, peak, most) == 0.0
    if low > 0.0:
        assert drawdown_share(low * peak, peak, 1.0) == 1.0


@unhurried
@given(vectors, leverages, leverages)
def test_caps_hold_and_keep_the_sides(weights, most_each, most_gross):
    held = cap_weights(weights, most_each, most_gross)
    assert np.abs(held).max() <= most_each
    assert np.abs(held).sum() <= most_gross + 1e-9
    assert (held * weights >= 0.0).all()
    assert (np.abs(held) <= np.abs(weights) + 1e-12).all()
    assert cap_weights(held, most_each, most_gross + 1e-9) == pytest.approx(held)


def test_weights_within_the_caps_stay():
    assert cap_weights([0.5, -0.25], 1.0, 1.0).tolist() == [0.5, -0.25]


FLAT = [[1.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: volatility_target_size(-1.0, 1.0, 0.1, 0.2, 1.0), "equity = -1.0: must be >= 0 and finite"),
        (lambda: volatility_target_size(1.0, 0.0, 0.1, 0.2, 1.0), "price = 0.0: must be > 0 and finite"),
        (lambda: volatility_target_size(1.0, 1.0, 0.0, 0.2, 1.0), "volatility = 0.0: must be > 0 and finite"),
        (lambda: volatility_target_size(1.0, 1.0, 0.1, math.nan, 1.0), "target = nan: must be >= 0"),
        (lambda: volatility_target_size(1.0, 1.0, 0.1, 0.2, math.inf), "most_leverage = inf: must be >= 0"),
        (lambda: growth_rate(math.nan, 0.1, 0.1), "leverage = nan: must be > -inf and < inf"),
        (lambda: growth_rate(1.0, math.inf, 0.1), "mean = inf"),
        (lambda: growth_rate(1.0, 0.1, 0.0), "volatility = 0.0: must be > 0.0"),
        (lambda: growth_kept(math.inf), "fraction = inf"),
        (lambda: drawdown_probability(1.0, 0.5), "level = 1.0: must be > 0.0 and < 1.0"),
        (lambda: drawdown_probability(0.5, 2.0), "fraction = 2.0: must be > 0.0 and < 2.0"),
        (lambda: fraction_for_drawdown(0.0, 0.5), "level = 0.0"),
        (lambda: fraction_for_drawdown(0.5, 1.0), "probability = 1.0"),
        (lambda: kelly_weights([math.nan], FLAT, 10, 0.1), r"means\[0\] = nan"),
        (lambda: kelly_weights([0.1], [[1.0, 0.0]], 10, 0.1), r"covariance = .*must be \(1,\) squared"),
        (lambda: kelly_weights([0.1], [[math.nan]], 10, 0.1), "covariance = .*finite"),
        (lambda: kelly_weights([0.1, 0.1], [[1.0, 2.0], [2.0, 1.0]], 10, 0.1), "positive definite"),
        (lambda: kelly_weights([0.1], FLAT, 0, 0.1), "periods = 0, fraction = 0.5: must be >= 1"),
        (lambda: kelly_weights([0.1], FLAT, 10, 0.0), "prior_sharpe = 0.0: must be > 0.0"),
        (lambda: kelly_weights([0.1], FLAT, 10, 0.1, 1.1), "fraction = 1.1: must be"),
        (lambda: drawdown_share(1.0, 0.0, 0.1), "peak = 0.0: must be > 0.0"),
        (lambda: drawdown_share(1.1, 1.0, 0.1), "equity = 1.1: must be finite and at most the peak, 1.0"),
        (lambda: drawdown_share(math.nan, 1.0, 0.1), "equity = nan"),
        (lambda: drawdown_share(1.0, 1.0, 0.0), "most_drawdown = 0.0: must be > 0 and at most 1"),
        (lambda: cap_weights([math.inf], 1.0, 1.0), r"weights\[0\] = inf"),
        (lambda: cap_weights([1.0], -1.0, 1.0), "most_each = -1.0"),
        (lambda: cap_weights([1.0], 1.0, math.nan), "most_gross = nan: both must be >= 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
