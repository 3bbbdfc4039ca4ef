"""Tail verdicts: the depth of ranks by cells, p-values of forecasts that are right, too mild, and too careful."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from titan.risk.tail_backtests import acerbi_szekely_ranks
from titan.risk.tail_forecasts import Bent, sampled_forecast
from titan.risk.tail_verdicts import judge, rank_depth, simulated_depths

ZERO, ONE = np.zeros(100), np.ones(100)
TESTS = ["Kupiec", "independence", "coverage", "Z1", "Z2", "Z3", "U", "C"]


def drawn(seed: int, days: int = 700) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(5, days)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 0.99), min_size=100, max_size=100), st.floats(-0.2, 0.2), st.floats(0.5, 4.0))
def test_the_depth_of_ranks_is_that_of_the_notebook_of_tests(ranks, mean, deviation):
    law = Bent(mean + ZERO, deviation * ONE, ZERO, ZERO, ONE)
    expected = acerbi_szekely_ranks(ranks, stats.norm.ppf, mean + ZERO, deviation * ONE, 0.05)
    assert rank_depth(law, ranks, 0.05) == pytest.approx(expected, abs=1e-4)


def test_every_test_is_in_the_verdict_and_the_same_seed_says_the_same():
    returns = drawn(1)
    forecast = sampled_forecast(returns, np.ones(700), 400, 0.025)
    found = judge(forecast, returns[400:], 0.025, draws=49)
    assert list(found) == TESTS
    assert found == judge(forecast, returns[400:], 0.025, draws=49)
    assert all(0.0 <= verdict.p_value <= 1.0 for verdict in found.values())


def test_a_forecast_that_is_too_mild_is_refused_and_one_too_careful_is_not():
    returns = drawn(2)
    forecast = sampled_forecast(returns, np.ones(700), 400, 0.025)
    mild, careful = (judge(forecast, factor * returns[400:], 0.025, draws=99) for factor in (2.5, 0.2))
    assert mild["Z2"].p_value == 0.01
    assert mild["Kupiec"].p_value < 0.01
    assert careful["Z2"].p_value == 1.0


def test_without_an_exceedance_the_first_depth_says_nothing():
    returns = drawn(3)
    forecast = sampled_forecast(returns, np.ones(700), 400, 0.025)
    first = judge(forecast, np.full(300, 1.0), 0.025, draws=9)["Z1"]
    assert math.isnan(first.statistic)
    assert math.isnan(first.p_value)


def test_a_right_forecast_is_refused_as_often_as_its_p_value_says():
    forecast = sampled_forecast(drawn(4), np.ones(700), 400, 0.025)
    null = simulated_depths(forecast, 0.025, 400, seed=1)
    limits = np.nanquantile(simulated_depths(forecast, 0.025, 400, seed=2), 0.1, axis=0)
    # Of 400 at 10%: four errors, the quantile's own among them.
    assert np.abs(np.mean(null <= limits, axis=0) - 0.1).max() < 4 * math.sqrt(2 * 0.09 / 400)
