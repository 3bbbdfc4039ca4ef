"""What reverts: fits that scale, forecasts between now and the mean, sums that add up, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.strategy.reversion import (
    Basis,
    fit_basis,
    fit_reversion,
    forecast_basis,
    funding_sum,
    settlements_within,
)

rates = st.floats(-0.01, 0.01)
spans = st.floats(0.0, 1e6)
positive = st.floats(1.0, 1e6)


def path(count: int = 500, persistence: float = 0.8, seed: int = 1) -> np.ndarray:
    """Return a simulated autoregression around 3."""
    noise, values = np.random.default_rng(seed).standard_normal(count), [0.0]
    for shock in noise[1:].tolist():
        values.append(persistence * values[-1] + shock)
    return 3.0 + np.array(values)


@given(st.floats(1e-3, 1e3), st.floats(-10.0, 10.0))
def test_a_fit_scales_and_shifts(scale: float, shift: float) -> None:
    base, moved = fit_reversion(path()), fit_reversion(scale * path() + shift)
    assert moved.mean == pytest.approx(scale * base.mean + shift, rel=1e-6, abs=1e-6)
    assert moved.persistence == pytest.approx(base.persistence, rel=1e-6)
    assert moved.deviation == pytest.approx(scale * base.deviation, rel=1e-6)
    assert moved.identified


def test_missing_records_leave_their_steps_out() -> None:
    holed = path()
    holed[[10, 200, 201]] = math.nan
    cut = np.concatenate([path()[:10], [math.nan], path()[11:200], [math.nan], path()[202:]])
    assert fit_reversion(holed) == fit_reversion(cut)
    assert fit_reversion(holed).persistence == pytest.approx(fit_reversion(path()).persistence, abs=0.02)


@pytest.mark.parametrize(
    ("series", "why"),
    [
        (path()[:20], "too few"),
        (np.cumsum(np.random.default_rng(2).standard_normal(500)), "a random walk"),
        (np.random.default_rng(3).standard_normal(500), "no memory"),
    ],
)
def test_what_is_not_told_from_a_random_walk_or_noise_says_so(series: np.ndarray, why: str) -> None:
    found = fit_reversion(series)
    assert not found.identified, why
    assert found.persistence <= 1.0
    basis = fit_basis(series, 60.0)
    assert basis.reversion_s == math.inf
    assert basis.volatility == pytest.approx(math.sqrt(np.mean(np.diff(series) ** 2) / 60.0))


def test_a_basis_that_reverts_is_found() -> None:
    found = fit_basis(path(20_000), 60.0)
    assert found.mean == pytest.approx(3.0, abs=0.1)
    assert found.reversion_s == pytest.approx(-60.0 / math.log(0.8), rel=0.05)
    assert forecast_basis(found, 3.0, 60.0).deviation == pytest.approx(1.0, rel=0.02)


@given(rates, rates, positive | st.just(math.inf), st.floats(0.0, 1e-3), spans, spans)
def test_forecasts_lie_between_now_and_the_mean_and_widen(
    now: float, mean: float, reversion_s: float, volatility: float, one: float, other: float
) -> None:
    near, far = (forecast_basis(Basis(mean, reversion_s, volatility), now, h) for h in sorted((one, other)))
    low, high = sorted((now, mean))
    assert low - 1e-12 <= far.expected <= high + 1e-12
    assert abs(far.expected - mean) <= abs(near.expected - mean) + 1e-12
    assert near.deviation <= far.deviation + 1e-15
    walk = forecast_basis(Basis(mean, math.inf, volatility), now, max(one, other))
    assert far.deviation <= walk.deviation * (1 + 1e-9)
    assert walk.expected == pytest.approx(now, rel=1e-12)


@given(rates, rates, st.floats(0.0, 1.0), st.integers(0, 50))
def test_a_sum_is_one_more_settlement_at_a_time(
    rate: float, mean: float, persistence: float, count: int
) -> None:
    by_hand = sum(mean + persistence**n * (rate - mean) for n in range(count))
    assert funding_sum(rate, mean, persistence, count) == pytest.approx(by_hand, rel=1e-6, abs=1e-9)


@given(st.floats(0.0, 1e5), st.floats(60.0, 1e5), spans, spans)
def test_more_time_never_holds_fewer_settlements(
    next_in_s: float, interval_s: float, one: float, other: float
) -> None:
    short, long = sorted((one, other))
    assert settlements_within(next_in_s, interval_s, short) <= settlements_within(next_in_s, interval_s, long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_reversion([[1.0]]), r"series has shape \(1, 1\): must be \(n,\)"),
        (lambda: fit_reversion([1.0, math.inf, 2.0, 3.0]), "series has shape .* finite or NaN"),
        (lambda: fit_reversion([1.0, 2.0, 3.0]), "series has 2 whole steps: must be >= 3"),
        (lambda: fit_reversion([1.0] * 50), "series has 49 whole steps: .* not all equal"),
        (lambda: fit_basis(path(), 0.0), r"step_s = 0\.0: must be > 0"),
        (lambda: forecast_basis(Basis(0.0, 1.0, 1.0), math.nan, 1.0), "now = nan: must be finite"),
        (lambda: forecast_basis(Basis(math.nan, 1.0, 1.0), 0.0, 1.0), r"basis\.mean = nan"),
        (lambda: forecast_basis(Basis(0.0, 0.0, 1.0), 0.0, 1.0), r"basis\.reversion_s = 0\.0: must be > 0"),
        (lambda: forecast_basis(Basis(0.0, 1.0, -1.0), 0.0, 1.0), r"basis\.volatility = -1\.0: must be >= 0"),
        (lambda: forecast_basis(Basis(0.0, 1.0, 1.0), 0.0, -1.0), r"horizon_s = -1\.0: must be >= 0"),
        (lambda: settlements_within(-1.0, 1.0, 1.0), r"next_in_s = -1\.0: must be >= 0"),
        (lambda: settlements_within(1.0, 0.0, 1.0), r"interval_s = 0\.0: must be > 0"),
        (lambda: funding_sum(math.nan, 0.0, 0.5, 1), "rate = nan: must be finite"),
        (lambda: funding_sum(0.0, 0.0, 1.1, 1), r"persistence = 1\.1: must be from 0 to 1"),
        (lambda: funding_sum(0.0, 0.0, 0.5, -1), "settlements = -1: must be >= 0"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
