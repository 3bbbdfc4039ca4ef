"""Shrinkage and the fit of DCC: invariances, their limits, and input that is refused."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.risk import shrinkage
from titan.risk.shrinkage import (
    DccFit,
    dcc_log_likelihood,
    fit_dcc,
    ledoit_wolf,
    oracle_approximating,
)

both = pytest.mark.parametrize("estimate", [ledoit_wolf, oracle_approximating])
seeds = st.integers(0, 2**32 - 1)


def returns(seed: int, periods: int = 30, assets: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((periods, assets)) * np.linspace(1.0, 2.0, assets) + rng.standard_normal(
        (periods, 1)
    )


@both
@given(seeds)
def test_a_covariance_between_the_samples_and_the_simple_one(estimate, seed):
    table = returns(seed)
    found, sample = estimate(table), np.cov(table, rowvar=False, bias=True)
    assert 0.0 <= found.shrinkage <= 1.0
    simple = np.trace(sample) / 6 * np.eye(6)
    mixed = (1.0 - found.shrinkage) * sample + found.shrinkage * simple
    assert found.covariance == pytest.approx(mixed, abs=1e-12)
    assert np.trace(found.covariance) == pytest.approx(np.trace(sample))
    assert found.condition == pytest.approx(np.linalg.cond(found.covariance))
    assert found.condition <= np.linalg.cond(sample) * (1.0 + 1e-9)


@both
@given(seeds, st.floats(0.01, 100.0), st.permutations(range(6)))
def test_unit_mean_and_order_do_not_matter(estimate, seed, scale, order):
    table = returns(seed)
    base, other = estimate(table), estimate(scale * table[:, order] + 3.0)
    assert other.shrinkage == pytest.approx(base.shrinkage, rel=1e-6, abs=1e-9)
    assert other.condition == pytest.approx(base.condition, rel=1e-6)
    assert other.covariance == pytest.approx(
        scale**2 * base.covariance[np.ix_(order, order)], rel=1e-6, abs=1e-9
    )


@both
def test_fewer_returns_than_assets_have_an_inverse(estimate):
    found = estimate(returns(1, periods=4, assets=20))
    assert found.condition < 100.0
    assert found.shrinkage > 0.1


@both
def test_one_asset_is_not_shrunk(estimate):
    found = estimate([[1.0], [2.0], [4.0]])
    assert found.covariance[0, 0] == pytest.approx(np.var([1.0, 2.0, 4.0]))
    assert found.condition == 1.0


def test_a_matrix_without_an_inverse_has_an_infinite_condition():
    found = shrinkage._shrunk(np.array([[1.0, 0.0], [0.0, 0.0]]), 0.0)
    assert found.condition == math.inf


@given(seeds, st.permutations(range(6)))
def test_the_likelihood_does_not_depend_on_the_order(seed, order):
    table = returns(seed)
    base, other = (dcc_log_likelihood(x, 0.05, 0.9) for x in (table, table[:, order]))
    assert other == pytest.approx(base)


@given(seeds)
def test_unrelated_constant_correlation_has_no_likelihood(seed):
    assert dcc_log_likelihood(returns(seed), 0.0, 0.5, np.eye(6)) == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=5, deadline=None)
@given(seeds)
def test_the_fit_is_at_least_as_likely_as_others(seed):
    table = returns(seed, 250, 2)
    found = fit_dcc(table)
    assert found.news >= 0.0
    assert found.persistence >= 0.0
    assert found.news + found.persistence < 1.0
    assert found.log_likelihood == dcc_log_likelihood(table, found.news, found.persistence, found.target)
    assert found.log_likelihood >= dcc_log_likelihood(table, 0.05, 0.9) - 1e-6
    assert found.log_likelihood >= found.constant_log_likelihood - 1e-3


def test_whether_it_moves_is_a_likelihood_ratio():
    assert DccFit(0.1, 0.8, np.eye(2), 13.0, 10.0).moves
    assert not DccFit(0.1, 0.8, np.eye(2), 12.9, 10.0).moves


def test_a_search_that_does_not_end_is_no_fit(monkeypatch):
    stopped = SimpleNamespace(success=False, message="stopped")
    monkeypatch.setattr(shrinkage.optimize, "minimize", lambda *_, **__: stopped)
    with pytest.raises(ValueError, match="residuals: the search must end, and did not: stopped"):
        fit_dcc(returns(1, 250, 2))


TWICE = returns(1, 250, 1) * np.array([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ledoit_wolf([[1.0, 2.0]]),
            r"returns has shape \(1, 2\): must be \(n, k\), n >= 2, and not all",
        ),
        (lambda: oracle_approximating([[1.0, 2.0]] * 3), r"returns has shape \(3, 2\): .* not all equal"),
        (lambda: ledoit_wolf([[1.0], [math.nan]]), r"returns\[1, 0\] = nan: must be finite"),
        (lambda: oracle_approximating([1.0, 2.0]), r"returns has shape \(2,\)"),
        (lambda: dcc_log_likelihood([[1.0, math.inf]], 0.1, 0.8), r"residuals\[0, 1\] = inf"),
        (lambda: dcc_log_likelihood([[1.0, 1.0]], 0.2, 0.8), "news = 0.2, persistence = 0.8"),
        (lambda: fit_dcc(returns(1, 249, 2)), r"residuals has shape \(249, 2\): must be \(n, k\), n >= 250"),
        (lambda: fit_dcc(returns(1, 250, 1)), r"residuals has shape \(250, 1\): .* k >= 2"),
        (lambda: fit_dcc(TWICE), "residuals: must not have a column that is made of the others"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
