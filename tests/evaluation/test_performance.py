"""Performance: units, signs and seeds over all records, library values, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from titan.evaluation.performance import (
    Drawdown,
    Moments,
    bootstrap_interval,
    deflated_sharpe,
    expected_best_sharpe,
    max_drawdown,
    moments,
    probabilistic_sharpe,
    sharpe_ratio,
    sortino_ratio,
    stationary_blocks,
)

thousandths = st.integers(-1000, 1000).map(lambda value: value / 1000)
records = st.lists(thousandths, min_size=3, max_size=60).filter(lambda rows: len(set(rows)) > 1)
scales = st.floats(1e-3, 1e3)


@given(records, scales)
def test_ratios_know_no_unit_of_money(rows, scale):
    series = np.array(rows)
    assert sharpe_ratio(scale * series) == pytest.approx(sharpe_ratio(series), rel=1e-9, abs=1e-12)
    assert sharpe_ratio(-series) == pytest.approx(-sharpe_ratio(series), rel=1e-9, abs=1e-12)
    if series.min() < 0.0:
        assert sortino_ratio(scale * series) == pytest.approx(sortino_ratio(series), rel=1e-9, abs=1e-12)


@given(records)
@settings(deadline=None)  # the library's first call is slow
def test_moments_are_those_of_a_library(rows):
    record = moments(rows)
    assert record.periods == len(rows)
    assert record.skewness == pytest.approx(stats.skew(rows), rel=1e-6, abs=1e-6)
    assert record.kurtosis == pytest.approx(stats.kurtosis(rows, fisher=False), rel=1e-6)


@given(records, scales)
def test_drawdown_is_the_deepest_of_all_pairs(rows, scale):
    equity = np.concatenate([[0.0], np.cumsum(rows)])
    fall = max_drawdown(rows)
    assert fall.depth == max(equity[a] - equity[b] for b in range(len(equity)) for a in range(b + 1))
    assert equity[fall.peak] - equity[fall.trough] == pytest.approx(fall.depth)
    assert 0 <= fall.peak <= fall.trough <= len(rows)
    assert fall.trough - fall.peak <= fall.longest_periods <= len(rows)
    assert max_drawdown(scale * np.array(rows)).depth == pytest.approx(scale * fall.depth, abs=1e-9)


@given(records, thousandths)
def test_one_more_return_never_makes_the_fall_shallower(rows, more):
    assert max_drawdown([*rows, more]).depth >= max_drawdown(rows).depth


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([1.0, 1.0], (0.0, 0, 0, 0)), ([-2.0], (2.0, 0, 1, 1)), ([1.0, -1.0, 1.0], (1.0, 1, 2, 1))],
)
def test_drawdown_by_hand(rows, expected):
    assert max_drawdown(rows) == Drawdown(*expected)


@given(records, st.floats(-0.5, 0.5), st.floats(0.0, 1.0))
def test_a_higher_bar_is_passed_less_surely(rows, bar, step):
    record = moments(rows)
    if 1.0 - record.skewness * record.sharpe + (record.kurtosis - 1.0) / 4 * record.sharpe**2 <= 1e-9:
        return
    here, higher = probabilistic_sharpe(record, bar), probabilistic_sharpe(record, bar + step)
    assert 0.0 <= higher <= here <= 1.0
    assert probabilistic_sharpe(record, record.sharpe) == pytest.approx(0.5)


@given(st.integers(2, 10**6), st.floats(0.0, 10.0))
def test_more_tries_raise_the_bar(trials, variance):
    bar = expected_best_sharpe(trials, variance)
    assert 0.0 <= bar <= expected_best_sharpe(2 * trials, variance)
    assert expected_best_sharpe(trials, 4.0 * variance) == pytest.approx(2.0 * bar)


def test_every_moment_changes_the_probability():
    base = Moments(500, 0.1, -1.0, 6.0)
    others = [
        base._replace(**change)
        for change in ({"periods": 400}, {"sharpe": 0.11}, {"skewness": 0.0}, {"kurtosis": 9.0})
    ]
    values = [deflated_sharpe(record, 10, 0.001) for record in (base, *others)]
    values += [deflated_sharpe(base, 11, 0.001), deflated_sharpe(base, 10, 0.002)]
    assert len(set(values)) == len(values)


@given(st.integers(1, 50), st.floats(1.0, 100.0), st.integers(1, 20), st.integers(0, 99))
@settings(deadline=None)
def test_blocks_stay_in_the_record_and_follow_their_seed(periods, mean_block, draws, seed):
    rows = stationary_blocks(periods, mean_block, draws, seed)
    assert rows.shape == (draws, periods)
    assert rows.min() >= 0
    assert rows.max() < periods
    assert (rows == stationary_blocks(periods, mean_block, draws, seed)).all()


def test_a_longer_block_widens_the_doubt_about_a_record_that_remembers():
    walk = np.sin(np.arange(400) / 20.0)
    single, blocks = (bootstrap_interval(walk, np.mean, size, draws=300) for size in (1.0, 60.0))
    assert blocks.high - blocks.low > 2.0 * (single.high - single.low)
    assert single.value == blocks.value == pytest.approx(walk.mean())


def test_less_confidence_is_narrower_and_the_seed_counts():
    returns = np.random.default_rng(2).standard_normal(100)
    wide = bootstrap_interval(returns, sharpe_ratio, 5.0, draws=200)
    narrow = bootstrap_interval(returns, sharpe_ratio, 5.0, confidence=0.5, draws=200)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert bootstrap_interval(returns, sharpe_ratio, 5.0, draws=200, seed=1) != wide


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sharpe_ratio([1.0]), r"returns has shape \(1,\): must be \(n,\), n >= 2"),
        (lambda: sharpe_ratio([[1.0, 2.0]]), r"returns has shape \(1, 2\)"),
        (lambda: sharpe_ratio([0.1, math.nan]), r"returns\[1\] = nan: must be finite"),
        (lambda: sharpe_ratio([0.1, 0.1]), "returns: must not all be equal, to 0.1"),
        (lambda: moments([0.0, 0.0]), "returns: must not all be equal"),
        (lambda: sortino_ratio([0.1, 0.2]), "target = 0.0: must be above some return"),
        (lambda: sortino_ratio([0.1, 0.2], 0.1), "target = 0.1: must be above some return"),
        (lambda: max_drawdown([]), r"returns has shape \(0,\)"),
        (lambda: probabilistic_sharpe(Moments(1, 0.1, 0.0, 3.0)), "must have 2 periods or more"),
        (lambda: probabilistic_sharpe(Moments(9, 1.0, 2.0, 3.0)), "a variance > 0, has -0.5"),
        (lambda: expected_best_sharpe(1, 0.1), "trials = 1: must be >= 2"),
        (lambda: expected_best_sharpe(5, -0.1), "trial_variance = -0.1: must be >= 0"),
        (
            lambda: stationary_blocks(0, 1.0, 1, 0),
            "periods = 0, draws = 1, mean_block = 1.0: each must be >= 1",
        ),
        (lambda: stationary_blocks(1, 0.5, 1, 0), "mean_block = 0.5: each must be >= 1"),
        (lambda: stationary_blocks(1, 1.0, 0, 0), "draws = 0"),
        (
            lambda: bootstrap_interval([1, 2], np.mean, 1.0, confidence=1.0),
            "confidence = 1.0: must be between",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_returns_that_are_equal_but_for_rounding_have_no_ratio():
    with pytest.raises(ValueError, match="must not all be equal"):
        sharpe_ratio([0.1, 0.2 - 0.1, 0.3 - 0.2] * 3)
