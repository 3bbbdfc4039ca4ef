"""Regime matching: a distance that is one, the best pairs, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.calibration.emissions import regime_model
from titan.calibration.regime_matching import Moments, hellinger, match_regimes, regime_moments


def normal(seed, size):
    """A mean and a covariance."""
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((size, size))
    return rng.standard_normal(size), half @ half.T + 0.1 * np.eye(size)


pairs = st.tuples(st.integers(0, 500), st.integers(501, 1_000), st.integers(1, 3))


@given(pairs)
def test_a_distance_lies_between_0_and_1_and_has_no_direction(pair):
    one, other = (normal(seed, pair[2]) for seed in pair[:2])
    distance = hellinger(*one, *other)
    assert 0.0 < distance <= 1.0
    assert hellinger(*other, *one) == pytest.approx(distance, abs=1e-12)
    assert hellinger(*one, *one) == pytest.approx(0.0, abs=1e-6)


@given(pairs, st.integers(1_001, 1_500))
def test_a_detour_is_never_shorter(pair, third):
    one, other, between = (normal(seed, pair[2]) for seed in (*pair[:2], third))
    assert hellinger(*one, *other) <= hellinger(*one, *between) + hellinger(*between, *other) + 1e-12


@given(pairs, st.lists(st.floats(0.01, 100.0), min_size=3, max_size=3))
def test_another_unit_changes_no_distance(pair, units):
    one, other = (normal(seed, pair[2]) for seed in pair[:2])
    unit = np.array(units[: pair[2]])
    moved = ((mean * unit, spread * np.outer(unit, unit)) for mean, spread in (one, other))
    expected = hellinger(*one, *other)
    assert hellinger(*next(moved), *next(moved)) == pytest.approx(expected, abs=1e-7)


@given(st.integers(0, 500), st.permutations(range(4)))
def test_a_hidden_permutation_is_found(seed, order):
    parts = [normal(seed * 4 + k, 2) for k in range(4)]
    old = Moments(*(np.array(part) for part in zip(*parts, strict=True)))
    new = Moments(old.means[order], old.covariances[order])
    found, distance = match_regimes(old, new)
    assert [order[at] for at in found] == [0, 1, 2, 3]
    assert distance == pytest.approx(0.0, abs=1e-6)


@given(st.floats(2.1, 50.0), st.floats(0.1, 10.0), st.floats(-5.0, 5.0))
def test_moments_are_in_the_features_units(nu, scale, centre):
    parts = ([1.0], [[1.0]], [[0.5]], [[[2.0]]], ("only",), [centre], [scale])
    for degrees in (0.0, nu):
        moments = regime_moments(regime_model(*parts, degrees_of_freedom=degrees))
        assert moments.means[0, 0] == pytest.approx(centre + 0.5 * scale)
        assert moments.covariances[0, 0, 0] == pytest.approx(2.0 * scale**2)


ONE = ([0.0], [[1.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hellinger([math.nan], [[1.0]], *ONE), r"mean = \[nan\]: must be finite, of shape \(1,\)"),
        (lambda: hellinger([[0.0]], [[1.0]], *ONE), r"mean = \[\[0.0\]\]: must be finite, of shape \(1,\)"),
        (lambda: hellinger([0.0], [1.0], *ONE), r"covariance = \[1.0\]: must be finite, of shape \(1, 1\)"),
        (lambda: hellinger([0.0], [[0.0]], *ONE), r"covariance = \[\[0.0\]\]: must be positive definite"),
        (lambda: hellinger(*ONE, [0.0, 0.0], [[1.0]]), r"other_mean = .*of shape \(1,\)"),
        (lambda: hellinger(*ONE, [0.0], [[-1.0]]), "other_covariance = .*must be positive definite"),
        (lambda: hellinger(*ONE, [0.0], [[math.inf]]), "other_covariance = .*must be finite"),
        (
            lambda: match_regimes(
                Moments(np.zeros((2, 1)), np.ones((2, 1, 1))), Moments(np.zeros((1, 1)), np.ones((1, 1, 1)))
            ),
            r"new = .*must have means of shape \(2, 1\)",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
