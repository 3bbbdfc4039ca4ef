"""Tail: coherence, scales and units over all samples, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from titan.risk.tail import (
    cornish_fisher_holds,
    cornish_fisher_tail,
    filtered_tail,
    garch_volatilities,
    historical_errors,
    historical_tail,
    normal_tail,
    student_tail,
    tail_weights,
)

values = st.floats(-1.0, 1.0).map(lambda value: round(value, 6))
samples = st.lists(values, min_size=20, max_size=80)
tails = st.floats(0.05, 0.95)


@given(samples, tails)
def test_weights_sum_to_one_and_rise_with_the_loss(sample, tail):
    losses = -np.array(sample)
    weights, boundary = tail_weights(losses, tail)
    assert weights.sum() == pytest.approx(1.0, rel=1e-7)
    assert (weights >= 0.0).all()
    assert (np.diff(weights[np.argsort(losses)]) >= -1e-12).all()
    assert (weights[losses < boundary] == 0.0).all()


@given(samples, tails)
def test_shortfall_is_at_least_value_at_risk_and_at_most_the_worst(sample, tail):
    found = historical_tail(sample, tail)
    assert found.value_at_risk <= found.expected_shortfall + 1e-9
    assert found.expected_shortfall <= -min(sample) + 1e-9


@given(samples, tails, st.floats(1e-3, 1e3), st.floats(-2.0, 2.0))
def test_scale_and_shift(sample, tail, scale, shift):
    base = historical_tail(sample, tail)
    moved = historical_tail(scale * np.array(sample) + shift, tail)
    expected = scale * base.expected_shortfall - shift
    assert moved.expected_shortfall == pytest.approx(expected, rel=1e-6, abs=1e-6 * (1.0 + scale))


@given(st.lists(st.tuples(values, values), min_size=20, max_size=60), tails)
def test_shortfall_is_subadditive(rows, tail):
    one, other = np.array(rows).T
    together = historical_tail(one + other, tail).expected_shortfall
    apart = historical_tail(one, tail).expected_shortfall + historical_tail(other, tail).expected_shortfall
    assert together <= apart + 1e-7


@given(samples, tails, tails)
def test_a_smaller_tail_is_worse(sample, one, other):
    small, large = sorted((one, other))
    assert historical_tail(sample, small)[1] >= historical_tail(sample, large)[1] - 1e-7


@given(st.permutations(range(30)))
def test_the_order_of_days_does_not_matter(order):
    losses = np.repeat([3.0, 2.0, 1.0], 10)
    weights, _ = tail_weights(losses, 0.5)
    shuffled, _ = tail_weights(losses[order], 0.5)
    assert shuffled == pytest.approx(weights[order])


def test_equal_losses_share_the_boundary():
    weights, boundary = tail_weights([5.0, 3.0, 3.0, 1.0], 0.5)
    assert boundary == 3.0
    assert weights.tolist() == [0.5, 0.25, 0.25, 0.0]


def test_a_whole_number_of_losses_in_spite_of_rounding():
    losses = np.arange(100.0)
    weights, boundary = tail_weights(losses, 0.07)  # .07 * 100 > 7 in floating point
    assert (boundary, np.count_nonzero(weights)) == (92.0, 7)


@given(samples, tails)
def test_errors_are_numbers(sample, tail):
    errors = historical_errors(sample, tail)
    assert all(0.0 <= error < math.inf for error in errors)


def test_four_times_the_sample_halves_the_error():
    sample = np.random.default_rng(1).standard_normal(1_000)
    small, large = historical_errors(sample, 0.025), historical_errors(np.tile(sample, 4), 0.025)
    assert large.expected_shortfall == pytest.approx(0.5 * small.expected_shortfall, rel=1e-6)
    assert large.value_at_risk < small.value_at_risk


@given(st.floats(1e-4, 0.5), st.floats(2.01, 200.0))
def test_fat_tails_cost_more_than_normal_ones_far_out(tail, nu):
    found = student_tail(tail, nu)
    assert found.expected_shortfall > found.value_at_risk >= -1e-12
    scaled = student_tail(tail, nu, unit_variance=True)
    assert scaled[1] == pytest.approx(found[1] * math.sqrt((nu - 2) / nu), rel=1e-12)


@given(st.floats(-3.0, 3.0), st.floats(-2.0, 15.0))
def test_the_expansion_rises_exactly_where_it_is_said_to(skewness, kurtosis):
    z = np.linspace(-200.0, 200.0, 40_001)
    slope = 1 + z * skewness / 3 + (z**2 - 1) * kurtosis / 8 - (6 * z**2 - 5) * skewness**2 / 36
    if cornish_fisher_holds(skewness, kurtosis):
        assert slope.min() > -1e-9
    elif slope.min() >= 0.0:  # the fall lies between two points, or beyond the last
        assert slope.min() < 1e-3 or abs(kurtosis / 8 - skewness**2 / 6) < 1e-2


def test_without_moments_the_expansion_is_the_normal():
    assert cornish_fisher_tail(0.025, 0.0, 0.0) == pytest.approx(normal_tail(0.025))


def test_units_of_the_normal():
    assert normal_tail(0.025, 1.0, 2.0)[1] == pytest.approx(2.0 * normal_tail(0.025)[1] - 1.0)


@given(samples, st.floats(1e-2, 1e2))
def test_garch_scales_with_the_unit(sample, scale):
    base = garch_volatilities(sample, 0.01, 0.02, 0.1, 0.8)
    other = garch_volatilities(scale * np.array(sample), scale * 0.01, scale**2 * 0.02, 0.1, 0.8)
    assert other == pytest.approx(scale * base, rel=1e-9)
    assert base.shape == (len(sample) + 1,)


@given(samples, values)
def test_garch_after_the_start_never_looks_ahead(sample, later):
    series = np.resize(sample, 80)
    base, longer = (garch_volatilities(x, 0.0, 0.02, 0.1, 0.8) for x in (series, np.append(series, later)))
    # The start is demeaned by the sample's mean: its trace is gone but for b^n.
    assert longer[80] == pytest.approx(base[80], rel=1e-3)


def test_constant_volatility_changes_nothing():
    sample = np.random.default_rng(2).standard_normal(100)
    found = filtered_tail(sample, np.full(101, 3.0), 0.1, 0.05)
    assert found == pytest.approx(historical_tail(sample, 0.05))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: historical_tail([], 0.5), r"returns has shape \(0,\)"),
        (lambda: historical_tail([[1.0]], 0.5), r"returns has shape \(1, 1\): must be \(n,\)"),
        (lambda: historical_tail([0.1, math.nan], 0.5), r"returns\[1\] = nan: must be finite"),
        (lambda: historical_tail([0.1] * 39, 0.025), r"losses has shape \(39,\): must be \(n,\), n >= 40"),
        (lambda: historical_tail([0.1], 0.0), "tail = 0.0: must be between 0 and 1"),
        (lambda: tail_weights([0.1], math.nan), "tail = nan: must be between 0 and 1"),
        (lambda: historical_errors([0.1], 1.0), "tail = 1.0: must be between 0 and 1"),
        (lambda: normal_tail(0.1, math.inf), "mean = inf, deviation = 1.0: must be finite"),
        (lambda: normal_tail(0.1, 0.0, -1.0), "deviation = -1.0: must be finite, the deviation >= 0"),
        (lambda: student_tail(0.1, 1.0), "degrees_of_freedom = 1.0, tail = 0.1: must be > 1.0"),
        (lambda: student_tail(0.1, 2.0, True), "must be > 2.0"),
        (lambda: student_tail(0.6, 3.0), "tail = 0.6: must be > 1.0 and <= 100000, the tail"),
        (lambda: student_tail(0.025, 5e7), "degrees_of_freedom = 50000000.0, tail = 0.025: must be"),
        (lambda: student_tail(1e-4, 1.1), "from .001 below 2 degrees of freedom"),
        (lambda: cornish_fisher_tail(0.1, 0.0, 9.0), "excess_kurtosis = 9.0: must lie where"),
        (lambda: cornish_fisher_tail(0.1, math.nan, 0.0), "skewness = nan"),
        (lambda: garch_volatilities([0.1], math.nan, 1.0, 0.1, 0.8), r"mean\[0\] = nan: must be finite"),
        (lambda: filtered_tail([0.1] * 2, [1.0] * 3, math.inf, 0.5), r"mean\[0\] = inf: must be finite"),
        (lambda: garch_volatilities([0.1], 0.0, 0.0, 0.1, 0.8), "omega = 0.0, news = 0.1"),
        (lambda: garch_volatilities([0.1], 0.0, 1.0, 0.2, 0.8), "their sum < 1"),
        (lambda: filtered_tail([0.1] * 2, [1.0] * 2, 0.0, 0.5), r"volatilities has shape \(2,\), least 1.0"),
        (lambda: filtered_tail([0.1], [1.0, 0.0], 0.0, 0.5), r"least 0.0: must be \(2,\) and > 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@given(
    nu=st.floats(1.01, 5.0).map(lambda x: x**7.15).filter(lambda x: 1.01 <= x <= 1e5),
    tail=st.floats(-6.0, -0.31),
)
def test_students_tail_is_that_of_a_library_wherever_it_is_given(nu: float, tail: float) -> None:
    """Beyond its range the shortfall was 0, and said with confidence."""
    share = max(10.0**tail, 1e-6 if nu >= 2.0 else 1e-3)
    found = student_tail(share, nu)
    assert found.value_at_risk == pytest.approx(stats.t.isf(share, nu), rel=1e-6)
    assert found.expected_shortfall >= found.value_at_risk
