"""Tail forecasts: no day knows a later one, ranks and quantiles agree, and a tail that cannot be fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.risk.tail import cornish_fisher_holds
from titan.risk.tail_forecasts import (
    Bent,
    Peaked,
    Steps,
    bearable,
    cornish_fisher_forecast,
    peaks_forecast,
    sampled_forecast,
    volatilities_ahead,
)

WINDOW, TAIL = 120, 0.05


def drawn(seed: int, days: int = 200) -> np.ndarray:
    return 0.02 * np.random.default_rng(seed).standard_t(4, days)


def forecasts(returns: np.ndarray) -> dict:
    sigma = volatilities_ahead(returns, WINDOW, 0.1, 0.85)
    return {
        "historical": sampled_forecast(returns, np.ones_like(returns), WINDOW, TAIL),
        "filtered": sampled_forecast(returns, sigma, WINDOW, TAIL),
        "bent": cornish_fisher_forecast(returns, WINDOW, TAIL),
        "peaked": peaks_forecast(returns, sigma, WINDOW, TAIL, share=0.2, every=20),
    }


@pytest.mark.parametrize(("seed", "day", "shock"), [(1, WINDOW, 0.3), (2, 150, -0.4), (3, 199, -0.1)])
def test_no_forecast_knows_its_day_or_a_later_one(seed, day, shock):
    returns = drawn(seed)
    later = returns.copy()
    later[day:] += shock
    seen, afterwards = day - WINDOW + 1, forecasts(later)
    for name, before in forecasts(returns).items():
        after = afterwards[name]
        assert after.value_at_risk[:seen].tolist() == before.value_at_risk[:seen].tolist(), name
        assert after.shortfall[:seen].tolist() == before.shortfall[:seen].tolist(), name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_forecast_is_in_the_unit_of_its_returns_and_ranks_have_none(seed):
    returns = drawn(seed)
    for (name, one), other in zip(
        forecasts(returns).items(), forecasts(100.0 * returns).values(), strict=True
    ):
        assert other.value_at_risk == pytest.approx(100.0 * one.value_at_risk, rel=1e-9), name
        assert other.ranks == pytest.approx(one.ranks, rel=1e-6, abs=1e-12), name
        assert np.all(one.shortfall >= one.value_at_risk), name
        assert np.all((one.ranks > 0.0) & (one.ranks < 1.0)), name


@pytest.mark.parametrize("name", ["historical", "filtered", "bent", "peaked"])
def test_quantiles_rise_and_those_of_the_tail_are_the_shortfall(name):
    forecast = forecasts(drawn(3))[name]
    p = np.linspace(0.0005, 0.9995, 1_000)
    assert np.all(np.diff(forecast.law.quantiles(p), axis=1) >= -1e-12)
    fine = (np.arange(4_000) + 0.5) / 4_000 * TAIL
    assert -forecast.law.quantiles(fine).mean(axis=1) == pytest.approx(forecast.shortfall, rel=5e-3)


def test_a_day_beyond_var_has_a_rank_below_the_tail():
    returns = drawn(4)
    for name, forecast in forecasts(returns).items():
        beyond = returns[WINDOW:] < -forecast.value_at_risk
        assert beyond.any()
        low = forecast.ranks < TAIL + 1.0 / (WINDOW + 1)
        assert np.all(low[beyond]), name


@given(st.floats(-4.0, 4.0), st.floats(-2.0, 30.0))
def test_what_is_borne_is_a_quantile_and_no_more_would_be(skewness, kurtosis):
    share = bearable(skewness, kurtosis)
    assert 0.0 <= share <= 1.0
    assert cornish_fisher_holds(share * skewness, share * kurtosis)
    if share < 1.0:
        assert not cornish_fisher_holds((share + 1e-9) * skewness, (share + 1e-9) * kurtosis)


def test_rows_of_probabilities_are_each_days_own():
    two, p = np.array([1.0, 2.0]), np.array([[0.1], [0.6]])
    ordered = np.array([[-2.0, -1.0, 0.0, 1.0], [-4.0, -3.0, 0.0, 1.0]])
    zero = np.zeros(2)
    laws = (
        Steps(two, ordered),
        Bent(zero, two, zero, zero, two),
        Peaked(two, ordered, two, 0.1 * two, two, 0.25 * two),
    )
    for law in laws:
        each = [law.quantiles(p[at])[at, 0] for at in (0, 1)]
        assert law.quantiles(p)[:, 0].tolist() == each
    assert laws[0].quantiles(p)[:, 0].tolist() == [-2.0, 0.0]


def test_a_window_without_a_tail_keeps_the_last_one_and_the_first_must_have_one():
    returns = drawn(5, 400)
    returns[150:300] = np.tile([0.01, -0.01], 75)  # nothing exceeds its own boundary
    sigma = np.ones(400)
    kept = peaks_forecast(returns, sigma, WINDOW, TAIL, every=10)
    shapes = kept.law.shape
    assert shapes[155] == shapes[150]  # the windows of days 270 and 275 hold nothing but +-1%
    assert np.isfinite(kept.shortfall).all()
    with pytest.raises(ValueError, match="must leave 10 losses beyond it"):
        peaks_forecast(returns[150:], sigma[150:], WINDOW, TAIL)


def test_a_loss_beyond_the_end_of_a_tail_has_the_rank_of_a_millionth():
    returns = drawn(6)
    returns[-1] = -5.0
    assert forecasts(returns)["peaked"].ranks[-1] == 1e-6
