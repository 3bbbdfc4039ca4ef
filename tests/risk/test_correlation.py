"""Correlation: matrices that are correlations, whatever went in; order, units and time; and input that is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from titan.risk import correlation
from titan.risk.correlation import (
    Ewma,
    clip_correlation,
    dcc_correlations,
    ewma_covariance,
    ewma_update,
    nearest_correlation,
    noise_edges,
    to_correlation,
)

tables = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).standard_normal((40, 4)))
half_lives = st.floats(0.5, 500.0)
squares = arrays(np.float64, (4, 4), elements=st.floats(-2.0, 2.0).map(lambda value: round(value, 6)))
weights = st.tuples(st.floats(0.0, 0.4), st.floats(0.0, 0.59))


def assert_correlation(matrix, least=-1e-9):
    assert (matrix == matrix.T).all()
    assert (np.diag(matrix) == 1.0).all()
    assert np.abs(matrix).max() <= 1.0 + 1e-9
    assert np.linalg.eigvalsh(matrix)[0] >= least


@given(tables, half_lives)
def test_both_forms_of_the_weights_agree(table, half_life):
    state = Ewma(np.zeros((4, 4)))
    for row in table:
        state = ewma_update(state, row, half_life)
    assert state.covariance == pytest.approx(ewma_covariance(table, half_life), rel=1e-9, abs=1e-12)


@given(tables, half_lives)
def test_a_covariance_splits_into_a_correlation_and_volatilities(table, half_life):
    covariance = ewma_covariance(table, half_life)
    found, deviation = to_correlation(covariance)
    assert_correlation(found)
    assert found * np.outer(deviation, deviation) == pytest.approx(covariance)


@given(tables, half_lives, st.lists(st.floats(0.01, 100.0), min_size=4, max_size=4))
def test_units_change_volatilities_alone(table, half_life, scale):
    base = to_correlation(ewma_covariance(table, half_life))
    other = to_correlation(ewma_covariance(table * scale, half_life))
    assert other[0] == pytest.approx(base[0], abs=1e-9)
    assert other[1] == pytest.approx(base[1] * scale)


@given(tables, st.permutations(range(4)))
def test_the_order_of_assets_does_not_matter(table, order):
    sample, swapped = (to_correlation(ewma_covariance(x, 20.0))[0] for x in (table, table[:, order]))
    across = np.ix_(order, order)
    assert swapped == pytest.approx(sample[across])
    assert clip_correlation(swapped, 12.0) == pytest.approx(clip_correlation(sample, 12.0)[across], abs=1e-9)
    found = dcc_correlations(table, 0.05, 0.9)[:, *across]
    assert dcc_correlations(table[:, order], 0.05, 0.9) == pytest.approx(found)


@given(squares, st.permutations(range(4)))
def test_the_nearest_does_not_depend_on_the_order_either(square, order):
    matrix, across = square + square.T, np.ix_(order, order)
    assert nearest_correlation(matrix[across]) == pytest.approx(nearest_correlation(matrix)[across], abs=1e-6)


@given(tables, weights)
def test_dcc_gives_correlations(table, weight):
    found = dcc_correlations(table, *weight)
    assert found.shape == (41, 4, 4)
    for matrix in found:
        assert_correlation(matrix)


@given(tables, weights, st.integers(0, 39))
def test_dcc_never_looks_ahead(table, weight, at):
    changed = table.copy()
    changed[at:] *= -3.0
    base, other = (dcc_correlations(x, *weight, target=np.eye(4)) for x in (table, changed))
    assert (base[: at + 1] == other[: at + 1]).all()


@given(tables, weights)
def test_dcc_goes_on_where_it_ended(table, weight):
    whole = dcc_correlations(table, *weight, target=np.eye(4))
    assert (dcc_correlations(table[:25], *weight, target=np.eye(4)) == whole[:26]).all()


@given(tables)
def test_without_news_the_correlation_stays_the_target(table):
    found = dcc_correlations(table, 0.0, 0.9)
    assert found[-1] == pytest.approx(to_correlation(table.T @ table)[0])


@given(tables, st.floats(0.1, 1000.0))
def test_a_clip_is_a_correlation_and_a_longer_record_is_clipped_less(table, observations):
    sample = to_correlation(table.T @ table)[0]
    clipped = clip_correlation(sample, observations)
    assert_correlation(clipped)
    low, high = noise_edges(4, observations)
    assert 0.0 <= low < high
    if high < np.linalg.eigvalsh(sample)[1]:  # only one eigenvalue is noise: its mean is itself
        assert clipped == pytest.approx(sample, abs=1e-9)
    if high > 4.0:  # all of it is noise
        assert clipped == pytest.approx(np.eye(4), abs=1e-9)


@given(squares, st.sampled_from([0.0, 0.01, 0.2]))
def test_the_nearest_is_a_correlation_with_its_floor(square, floor):
    matrix = square + square.T
    found = nearest_correlation(matrix, floor)
    assert_correlation(found, least=floor - 1e-8)
    assert nearest_correlation(found, floor) == pytest.approx(found, abs=1e-8)
    rng = np.random.default_rng(1)
    for _ in range(20):  # no other correlation with that floor is nearer
        other = rng.standard_normal((4, 6))
        rival = floor * np.eye(4) + (1.0 - floor) * to_correlation(other @ other.T)[0]
        assert np.linalg.norm(found - matrix) <= np.linalg.norm(rival - matrix) + 1e-7


@given(tables)
def test_the_nearest_to_a_correlation_is_itself(table):
    sample = to_correlation(table.T @ table)[0]
    assert nearest_correlation(sample) == pytest.approx(sample, abs=1e-9)


def test_projections_that_do_not_meet_are_no_result(monkeypatch):
    monkeypatch.setattr(correlation, "_MOST_STEPS", 1)
    with pytest.raises(
        ValueError, match="matrix: must be nearer to a correlation; not met to 1e-10 in 1 proj"
    ):
        nearest_correlation([[1.0, 2.0], [2.0, 1.0]])


def test_assets_that_are_one():
    ones = np.ones((2, 2))
    assert clip_correlation(ones, 1_000.0) == pytest.approx(ones)
    assert nearest_correlation(ones) == pytest.approx(ones)


def test_unequal_noise_is_made_equal():
    sample = np.array([[1.0, 0.1, 0.0], [0.1, 1.0, -0.1], [0.0, -0.1, 1.0]])
    assert clip_correlation(sample, 10.0) == pytest.approx(np.eye(3), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ewma_covariance([1.0], 5.0), r"returns has shape \(1,\): must be \(n, k\)"),
        (lambda: ewma_covariance(np.zeros((0, 2)), 5.0), r"returns has shape \(0, 2\)"),
        (lambda: ewma_covariance(np.zeros((2, 0)), 5.0), r"returns has shape \(2, 0\)"),
        (lambda: ewma_covariance([[1.0, math.nan]], 5.0), r"returns\[0, 1\] = nan: must be finite"),
        (lambda: ewma_covariance([[1.0]], 0.0), "half_life = 0.0: must be > 0"),
        (lambda: ewma_covariance([[1.0]], math.inf), "half_life = inf: must be > 0"),
        (
            lambda: ewma_update(Ewma(np.zeros((2, 2))), [1.0], 5.0),
            r"returns has shape \(1,\): must be \(2,\)",
        ),
        (lambda: ewma_update(Ewma(np.zeros((1, 1))), [math.inf], 5.0), r"returns\[0\] = inf"),
        (lambda: Ewma(np.zeros((1, 1))).covariance, "weight = 0.0: must be > 0; no return"),
        (lambda: to_correlation([[1.0, 0.0]]), r"covariance has shape \(1, 2\): must be \(k, k\)"),
        (lambda: to_correlation([[1.0, 0.5], [0.4, 1.0]]), "must be .* symmetric"),
        (
            lambda: to_correlation([[1.0, 0.0], [0.0, 0.0]]),
            r"covariance\[1, 1\] = 0.0: a variance must be > 0",
        ),
        (lambda: dcc_correlations([[1.0, 1.0]], -0.1, 0.5), "news = -0.1, persistence = 0.5: must be >= 0"),
        (lambda: dcc_correlations([[1.0, 1.0]], 0.1, math.nan), "persistence = nan"),
        (lambda: dcc_correlations([[1.0, 1.0]], 0.5, 0.5), "their sum < 1"),
        (
            lambda: dcc_correlations([[1.0, 1.0]], 0.1, 0.8, np.eye(3)),
            r"target has shape \(3, 3\): must be \(2, 2\)",
        ),
        (lambda: dcc_correlations([[1.0, 0.0]], 0.1, 0.8), "residuals: must have one other than 0"),
        (lambda: dcc_correlations([[1.0]], 0.1, 0.8, [[2.0]]), "target: must have a unit diagonal"),
        (
            lambda: clip_correlation([[1.0, 2.0], [2.0, 1.0]], 9.0),
            "the least is -1.0; see nearest_correlation",
        ),
        (lambda: clip_correlation([[1.0]], 0.0), "assets = 1, observations = 0.0: must be >= 1"),
        (lambda: noise_edges(0, 1.0), "assets = 0, observations = 1.0"),
        (lambda: nearest_correlation([[1.0]], 1.0), "floor = 1.0: must be at least 0 and below 1"),
        (lambda: nearest_correlation([[math.nan]]), r"matrix\[0, 0\] = nan: must be finite"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
