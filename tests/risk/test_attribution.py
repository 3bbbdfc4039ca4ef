"""Attribution: additivity, units and symmetry over all samples, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from titan.risk.attribution import attribute_shortfall
from titan.risk.tail import historical_errors, historical_tail, tail_weights

numbers = st.floats(-1.0, 1.0).map(lambda value: round(value, 6))
tables = arrays(np.float64, (30, 3), elements=numbers)
holdings = arrays(np.float64, (2, 3), elements=numbers)
tails = st.floats(0.05, 0.9)


@given(tables, holdings, tails)
def test_parts_add_up_both_ways(returns, held, tail):
    found = attribute_shortfall(returns, held, tail)
    expected = historical_tail(returns @ held.sum(axis=0), tail).expected_shortfall
    assert found.total == pytest.approx(expected, abs=1e-7)
    assert found.by_position.sum() == pytest.approx(found.total, abs=1e-9)
    assert found.by_strategy.sum() == pytest.approx(found.total, abs=1e-9)
    assert np.isfinite(found.errors).all()


@given(tables, holdings, tails, st.sampled_from([0.25, 0.5, 2.0, 1024.0]))
def test_parts_scale_with_the_holdings(returns, held, tail, scale):
    base, other = (attribute_shortfall(returns, x, tail) for x in (held, scale * held))
    assert other.parts == pytest.approx(scale * base.parts, abs=1e-9)
    assert other.errors == pytest.approx(scale * base.errors, abs=1e-9)
    assert other.marginal == pytest.approx(base.marginal)


@given(tables, holdings, tails)
def test_no_part_exceeds_what_the_position_loses_alone(returns, held, tail):
    found = attribute_shortfall(returns, held, tail)
    for asset, part in enumerate(found.by_position):
        alone = historical_tail(returns[:, asset] * held[:, asset].sum(), tail).expected_shortfall
        assert part <= alone + 1e-7


@given(tables, holdings, tails)
def test_parts_are_those_of_every_row_weighed(returns, held, tail):
    weights, _ = tail_weights(-(returns @ held.sum(axis=0)), tail)
    plain = held * (weights @ -returns)
    assert attribute_shortfall(returns, held, tail).parts == pytest.approx(plain, abs=1e-6)


def test_two_equal_assets_have_equal_parts():
    returns = np.random.default_rng(1).standard_normal((100, 1)).repeat(2, axis=1)
    found = attribute_shortfall(returns, [[0.5, 0.5]], 0.05)
    assert found.by_position[0] == found.by_position[1]


def test_one_strategy_split_in_two_keeps_its_part():
    returns = np.random.default_rng(2).standard_normal((100, 2))
    whole = attribute_shortfall(returns, [[1.0, 2.0]], 0.05)
    split = attribute_shortfall(returns, [[0.25, 2.0], [0.75, 0.0]], 0.05)
    assert split.by_position == pytest.approx(whole.by_position)


def test_the_error_of_a_single_position_is_that_of_its_shortfall():
    returns = np.random.default_rng(3).standard_normal((1_000, 1))
    found = attribute_shortfall(returns, [[2.0]], 0.025)
    expected = historical_errors(2.0 * returns[:, 0], 0.025).expected_shortfall
    assert found.errors[0, 0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: attribute_shortfall([1.0], [[1.0]], 0.5), r"returns has shape \(1,\): must be \(n, k\)"),
        (lambda: attribute_shortfall([[1.0]], [1.0], 0.5), r"holdings has shape \(1,\): must be \(n, k\)"),
        (lambda: attribute_shortfall(np.empty((0, 1)), [[1.0]], 0.5), r"returns has shape \(0, 1\)"),
        (
            lambda: attribute_shortfall([[1.0]], [[1.0, 2.0]], 0.5),
            r"holdings has shape \(1, 2\): must be \(s, 1\)",
        ),
        (lambda: attribute_shortfall([[math.nan]], [[1.0]], 0.5), r"returns\[0, 0\] = nan: must be finite"),
        (
            lambda: attribute_shortfall([[1.0, 2.0], [3.0, math.inf]], [[1.0, 2.0], [1.0, -2.0]], 0.5),
            r"returns\[1, 1\] = inf: must be finite",
        ),
        (
            lambda: attribute_shortfall(np.asfortranarray([[1.0, math.nan], [3.0, 2.0]]), [[1.0, 0.0]], 0.5),
            r"returns\[0, 1\] = nan: must be finite",
        ),
        (lambda: attribute_shortfall([[1.0]], [[math.inf]], 0.5), r"holdings\[0, 0\] = inf: must be finite"),
        (lambda: attribute_shortfall([[1.0]] * 9, [[1.0]], 0.1), r"losses has shape \(9,\): must be"),
        (lambda: attribute_shortfall([[1.0]], [[1.0]], 1.5), "tail = 1.5: must be between 0 and 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
