"""Tail beyond the record: units, limits and order over all samples, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.risk.tail_evt import (
    Peaks,
    fit_peaks,
    gpd_log_likelihood,
    mean_excess,
    peaks_errors,
    peaks_tail,
)

unhurried = settings(deadline=None)  # a busy machine is no defect
shapes = st.floats(-0.45, 0.9)
scales = st.floats(1e-3, 1e3)
seeds = st.integers(0, 2**32 - 1)
mild = st.floats(-0.2, 0.6).map(lambda value: round(value, 6))
peaks = st.builds(Peaks, st.floats(-1.0, 1.0), shapes, scales, st.integers(20, 500), st.just(5_000))


def drawn(seed: int, shape: float, count: int = 200) -> np.ndarray:
    """Return draws of the law of scale 1, by its quantile."""
    reach = np.random.default_rng(seed).standard_exponential(count)
    return reach if shape == 0.0 else np.expm1(shape * reach) / shape


@unhurried
@given(seeds, mild)
def test_no_neighbour_is_likelier(seed, shape):
    y = drawn(seed, shape)
    fit = fit_peaks(y, 0.0)
    best = gpd_log_likelihood(y, fit.shape, fit.scale)
    for there, wide in ((1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3), (0.0, -1e-3), (1e-3, -1e-3), (-1e-3, 1e-3)):
        assert gpd_log_likelihood(y, fit.shape + there, fit.scale * (1.0 + wide)) < best


@unhurried
@given(seeds, mild, st.floats(1e-6, 1e6), st.floats(-2.0, 2.0))
def test_fit_moves_with_unit_and_threshold(seed, shape, unit, shift):
    base = fit_peaks(drawn(seed, shape), 0.0)
    other = fit_peaks(unit * (drawn(seed, shape) + shift), unit * shift)
    assert other.shape == pytest.approx(base.shape, abs=1e-6)
    assert other.scale == pytest.approx(unit * base.scale, rel=1e-6)


@unhurried
@given(seeds)
def test_losses_within_the_threshold_do_not_matter(seed):
    y = drawn(seed, 0.2)
    fit, more = fit_peaks(y, 0.0), fit_peaks(np.append(y, [-1.0, -2.0, 0.0]), 0.0)
    assert more == fit._replace(observations=203)


@unhurried
@given(peaks, st.floats(1e-6, 0.004), st.floats(1.1, 10.0))
def test_a_rarer_day_is_worse_and_less_sure(fit, tail, rarer):
    near, far = peaks_tail(fit, tail), peaks_tail(fit, tail / rarer)
    assert fit.threshold <= near.value_at_risk < near.expected_shortfall
    assert far.value_at_risk > near.value_at_risk
    assert far.expected_shortfall > near.expected_shortfall
    if fit.shape > 0.0:
        assert peaks_errors(fit, tail / rarer).expected_shortfall > peaks_errors(fit, tail).expected_shortfall


NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


@unhurried
@given(peaks.filter(lambda fit: fit.shape < 0.6), st.floats(1e-6, 0.004))
def test_shortfall_is_the_mean_of_value_at_risk(fit, tail):
    root = 0.5 * (NODES + 1.0)  # p = tail * root^8: dense where the quantile is steep
    levels = np.array([peaks_tail(fit, tail * x**8).value_at_risk for x in root])
    mean = float(np.sum(4.0 * WEIGHTS * root**7 * (levels - fit.threshold)))
    assert mean == pytest.approx(peaks_tail(fit, tail).expected_shortfall - fit.threshold, rel=1e-5, abs=1e-9)


@unhurried
@given(st.floats(-1e-3, 1e-3), st.floats(1e-5, 0.04))
def test_nothing_jumps_at_shape_zero(shape, tail):
    fit = Peaks(0.0, shape, 2.0, 200, 5_000)
    exponential, reach = fit._replace(shape=0.0), math.log(0.04 / tail)
    assert peaks_tail(exponential, tail).value_at_risk == pytest.approx(2.0 * reach)
    slack = 5.0 * abs(shape) * (1.0 + reach) ** 2
    assert peaks_tail(fit, tail) == pytest.approx(peaks_tail(exponential, tail), abs=slack + 1e-12)
    assert peaks_errors(fit, tail) == pytest.approx(peaks_errors(exponential, tail), rel=slack + 1e-12)
    y = drawn(1, 0.0)
    assert gpd_log_likelihood(y, shape, 1.0) == pytest.approx(-y.sum(), abs=abs(shape) * 1_000 + 1e-9)


def test_four_times_the_sample_halves_the_errors():
    small, large = (peaks_errors(Peaks(1.0, 0.2, 2.0, n, 20 * n), 0.01) for n in (50, 200))
    assert np.array(large) == pytest.approx(0.5 * np.array(small))


def test_covariance_is_that_of_smith():
    assert Peaks(0.0, 0.0, 2.0, 100, 1_000).covariance == pytest.approx(np.array([[1, -2], [-2, 8]]) / 100)


def test_beyond_the_end_of_a_short_tail_nothing_is_likely():
    assert gpd_log_likelihood([1.0, 5.0], -0.25, 1.0) == -math.inf


def test_a_shape_of_one_or_more_is_fitted_but_has_no_shortfall():
    fit = fit_peaks(drawn(4, 1.6, 2_000), 0.0)
    assert fit.shape > 1.0
    with pytest.raises(ValueError, match="-1/2 < shape < 1 for a shortfall"):
        peaks_tail(fit, 0.01)


@unhurried
@given(st.lists(st.floats(-5.0, 5.0), min_size=2, max_size=40))
def test_mean_excess(losses):
    mean, error = mean_excess([*losses, 6.0, 7.0], 5.5)
    assert (mean, error) == (1.0, 0.5)


FLAT = [*([0.0] * 5), *([1.0] * 12)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gpd_log_likelihood([], 0.1, 1.0), r"excesses has shape \(0,\)"),
        (lambda: gpd_log_likelihood([1.0, math.nan], 0.1, 1.0), r"excesses\[1\] = nan"),
        (lambda: gpd_log_likelihood([1.0, 0.0], 0.1, 1.0), "excesses = 0.0 at least: must be > 0"),
        (lambda: gpd_log_likelihood([1.0], math.nan, 1.0), "shape = nan, scale = 1.0: must be finite"),
        (lambda: gpd_log_likelihood([1.0], 0.1, 0.0), "scale = 0.0: must be finite, the scale > 0"),
        (lambda: fit_peaks([math.inf] * 20, 0.0), r"losses\[0\] = inf"),
        (lambda: fit_peaks([1.0] * 20, math.nan), "threshold = nan: must be finite"),
        (
            lambda: fit_peaks([*[1.0] * 9, 0.0], 0.0),
            "threshold = 0.0: must leave 10 losses beyond it, not 9 of 10",
        ),
        (lambda: fit_peaks(FLAT, 0.5), "threshold = 0.5: must leave losses whose shape is > -1/2"),
        (lambda: mean_excess([1.0, 2.0], math.inf), "threshold = inf: must be finite"),
        (lambda: mean_excess([1.0, 2.0], 1.5), "threshold = 1.5: must leave 2 losses beyond it, not 1 of 2"),
        (
            lambda: peaks_tail(Peaks(0.0, 1.0, 1.0, 5, 100), 0.01),
            r"peaks = Peaks\(.*shape < 1 for a shortfall",
        ),
        (lambda: peaks_tail(Peaks(0.0, -0.5, 1.0, 5, 100), 0.01), "-1/2 < shape"),
        (lambda: peaks_tail(Peaks(math.nan, 0.1, 1.0, 5, 100), 0.01), "threshold=nan.*must be finite"),
        (lambda: peaks_tail(Peaks(0.0, 0.1, 0.0, 5, 100), 0.01), "scale > 0"),
        (lambda: peaks_errors(Peaks(0.0, 0.1, 1.0, 0, 100), 0.01), "must have 1 <= beyond <= observations"),
        (lambda: peaks_errors(Peaks(0.0, 0.1, 1.0, 5, 100), 0.06), "tail = 0.06: must be at most 0.05"),
        (lambda: peaks_errors(Peaks(0.0, 0.1, 1.0, 5, 100), 0.0), "tail = 0.0: must be between 0 and 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
