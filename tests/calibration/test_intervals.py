"""Exact intervals: inverse functions, order, units, and input that must be refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.calibration.intervals import (
    beta_cdf,
    beta_quantile,
    decay_interval,
    gamma_cdf,
    gamma_quantile,
    rate_interval,
)

shapes = st.floats(0.1, 500.0)
probabilities = st.floats(1e-4, 1 - 1e-4)


@settings(deadline=None)
@given(shapes, probabilities)
def test_the_gamma_quantile_inverts(shape: float, probability: float) -> None:
    assert gamma_cdf(shape, gamma_quantile(shape, probability)) == pytest.approx(probability, rel=1e-8)


@settings(deadline=None)
@given(st.floats(0.5, 500.0), st.floats(0.5, 500.0), probabilities)
def test_the_beta_quantile_inverts(a: float, b: float, probability: float) -> None:
    assert beta_cdf(a, b, beta_quantile(a, b, probability)) == pytest.approx(probability, rel=1e-7)


@settings(deadline=None)
@given(st.floats(1.0, 200.0), st.floats(1e-2, 1e3), st.floats(1e-3, 1e3))
def test_units_do_not_matter(count: float, total: float, unit: float) -> None:
    for low, high, scaled in (
        (*rate_interval(count, total), rate_interval(count, total * unit)),
        (*decay_interval(count, total), decay_interval(count, total * unit)),
        (*decay_interval(count, total, 0.1 * total), decay_interval(count, total * unit, 0.1 * total * unit)),
    ):
        assert low < high
        assert scaled == pytest.approx((low / unit, high / unit), rel=1e-7)


@settings(deadline=None)
@given(st.floats(1.0, 200.0), st.floats(0.5, 0.98))
def test_more_confidence_widens_and_the_estimate_is_inside(count: float, confidence: float) -> None:
    narrow, wide = rate_interval(count, 1.0, confidence), rate_interval(count, 1.0, confidence + 0.01)
    assert wide[0] < narrow[0] < count < narrow[1] < wide[1]


def test_the_ends_of_the_distributions() -> None:
    assert gamma_cdf(2.0, 0.0) == 0.0
    assert (beta_cdf(2.0, 3.0, 0.0), beta_cdf(2.0, 3.0, 1.0)) == (0.0, 1.0)
    assert gamma_cdf(2.0, 800.0) == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gamma_cdf(0.0, 1.0), "shape = 0.0: must be > 0"),
        (lambda: gamma_cdf(1.0, -1.0), "x = -1.0: must be >= 0"),
        (lambda: beta_cdf(0.0, 1.0, 0.5), "a = 0.0: must be > 0"),
        (lambda: beta_cdf(1.0, math.nan, 0.5), "b = nan: must be > 0"),
        (lambda: beta_cdf(1.0, 1.0, 1.5), "x = 1.5: must be from 0 to 1"),
        (lambda: gamma_quantile(1.0, 1.0), "probability = 1.0: must be > 0 and < 1"),
        (lambda: beta_quantile(1.0, 1.0, 0.0), "probability = 0.0: must be > 0 and < 1"),
        (lambda: rate_interval(-1, 1.0), "count = -1: must be >= 0"),
        (lambda: rate_interval(1, 0.0), "exposure = 0.0: must be > 0"),
        (lambda: rate_interval(1, 1.0, 1.0), "confidence = 1.0: must be"),
        (lambda: decay_interval(0, 1.0), "count = 0: must be > 0"),
        (lambda: decay_interval(1, 0.0), "total = 0.0: must be"),
        (lambda: decay_interval(1, math.nan), "total = nan: must be"),
        (lambda: decay_interval(1, 1.0, -1.0), "grid = -1.0: must be >= 0"),
        (lambda: decay_interval(1, 1.0, 0.0, 0.0), "confidence = 0.0: must be"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
