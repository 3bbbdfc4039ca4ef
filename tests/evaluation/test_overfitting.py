"""Overfitting: symmetric answers, one form against another, splits that do not leak, and input that is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.evaluation.overfitting import (
    overfitting,
    purged_folds,
    purged_walk_forward,
    worthless_probabilities,
)
from titan.evaluation.performance import sharpe_ratio

seeds = st.integers(0, 2**32 - 1)
block_counts = st.sampled_from([2, 4, 6, 8])


def rules(seed: int, periods: int = 50, count: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((periods, count))


@given(seeds, block_counts)
def test_the_best_is_found_and_ranked_as_by_hand(seed, blocks):
    table, halves = rules(seed), []
    found = overfitting(table, blocks)
    parts = np.split(table, np.linspace(0, 50, blocks + 1).astype(int)[1:-1])
    for way in range(2**blocks):  # every choice, in the order of its blocks
        chosen = [at for at in range(blocks) if way >> at & 1]
        if len(chosen) == blocks // 2:
            halves.append(chosen)
    for chosen, logit in zip(sorted(halves), found.logits, strict=True):
        inside = np.concatenate([parts[at] for at in chosen])
        outside = np.concatenate([parts[at] for at in range(blocks) if at not in chosen])
        best = max(range(5), key=lambda rule: sharpe_ratio(inside[:, rule]))
        ratios = sorted(sharpe_ratio(rule) for rule in outside.T)
        rank = 1 + ratios.index(sharpe_ratio(outside[:, best]))
        assert logit == pytest.approx(math.log(rank / (6 - rank)))


@given(seeds, block_counts)
def test_answers_are_probabilities_and_agree_with_the_logits(seed, blocks):
    found = overfitting(rules(seed), blocks)
    assert len(found.logits) == math.comb(blocks, blocks // 2)
    assert found.probability == np.mean(found.logits <= 0.0)
    assert 0.0 <= found.loss_probability <= 1.0


@given(seeds, st.permutations(range(5)), st.floats(0.01, 100.0))
def test_order_and_leverage_of_the_rules_do_not_matter(seed, order, scale):
    base, other = overfitting(rules(seed), 6), overfitting(scale * rules(seed)[:, order], 6)
    assert other.logits == pytest.approx(base.logits)
    assert (other.slope, other.intercept) == pytest.approx((base.slope, base.intercept), rel=1e-6, abs=1e-9)
    assert other.loss_probability == base.loss_probability


@given(seeds)
def test_skill_that_cannot_be_missed(seed):
    table = rules(seed)
    table[:, 2] += 50.0
    found = overfitting(table, 6)
    assert (found.probability, found.loss_probability) == (0.0, 0.0)
    assert found.logits == pytest.approx(math.log(5.0))


def test_equal_rules_share_the_middle():
    found = overfitting(np.repeat(rules(1, count=1), 3, axis=1), 4)
    assert (found.logits == 0.0).all()
    assert found.probability == 1.0


def test_a_record_that_repeats_itself_has_no_slope():
    found = overfitting(np.tile(rules(2, 10), (2, 1)), 2)
    assert math.isnan(found.slope)
    assert math.isnan(found.intercept)


def test_worthless_records_do_not_know_the_means():
    base, lifted = (worthless_probabilities(rules(3) + mean, 6, 5.0, 20, 1) for mean in (0.0, 3.0))
    assert base == pytest.approx(lifted)
    assert base.shape == (20,)
    assert ((base >= 0.0) & (base <= 1.0)).all()


times = st.lists(st.integers(0, 50), min_size=8, max_size=60).map(lambda steps: np.cumsum(steps))
spans = st.integers(0, 60)


def assert_trained_on(may_train, split_rows, tests):
    """Check each split's training rows against `may_train(test)`, a truth a row, or the refusal if one has none."""
    expected = [[row for row in range(tests[-1][-1] + 1) if may_train(test, row)] for test in tests]
    if not all(expected):
        with pytest.raises(ValueError, match="time_ns: must leave a row to train on"):
            split_rows()
        return
    splits = split_rows()
    assert [split.train.tolist() for split in splits] == expected
    assert [split.test.tolist() for split in splits] == [test.tolist() for test in tests]


@given(times, spans, spans, st.integers(2, 6), spans)
def test_no_training_interval_meets_a_test(time_ns, horizon, latency, folds, embargo):
    def may_train(test, row):
        known = time_ns[row] + horizon + latency
        last = time_ns[test[-1]] + horizon + latency
        return known < time_ns[test[0]] or time_ns[row] > last + embargo

    tests = np.array_split(np.arange(len(time_ns)), folds)
    assert_trained_on(may_train, lambda: purged_folds(time_ns, horizon, latency, folds, embargo), tests)


@given(times, spans, spans, st.integers(1, 5), spans)
def test_walking_forward_trains_on_the_past(time_ns, horizon, latency, folds, embargo):
    def may_train(test, row):
        return time_ns[row] + horizon + latency + embargo < time_ns[test[0]]

    tests = np.array_split(np.arange(len(time_ns)), folds + 1)[1:]
    assert_trained_on(
        may_train, lambda: purged_walk_forward(time_ns, horizon, latency, folds, embargo), tests
    )


@given(times, st.integers(2, 4))
def test_without_a_horizon_all_other_times_train(time_ns, folds):
    distinct = time_ns + np.arange(len(time_ns))
    for train, test in purged_folds(distinct, 0, 0, folds, 0):
        assert sorted([*train, *test]) == list(range(len(distinct)))


STILL = np.column_stack([rules(1)[:, 0], np.append(np.zeros(25), np.ones(25))])
ROWS = np.arange(10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: overfitting([1.0, 2.0]), r"returns has shape \(2,\): must be \(T, N\), N >= 2"),
        (lambda: overfitting(np.ones((9, 1))), r"returns has shape \(9, 1\)"),
        (
            lambda: overfitting([[1.0, math.nan]] * 9),
            r"returns\[0, 1\] = nan: must be finite; without a trade",
        ),
        (
            lambda: overfitting(rules(1), 5),
            "blocks = 5: must be even, and between 2 and half of the 50 periods",
        ),
        (lambda: overfitting(rules(1), 0), "blocks = 0: must be even"),
        (lambda: overfitting(rules(1), 26), "blocks = 26: must be even"),
        (lambda: overfitting(STILL, 2), r"returns\[:, 1\]: must move in every half of the record"),
        (lambda: overfitting(np.ones((50, 2))), r"returns\[:, 0\]: must move"),
        (lambda: worthless_probabilities(rules(1), 3), "blocks = 3: must be even"),
        (lambda: worthless_probabilities(rules(1), draws=0), "draws = 0"),
        (lambda: worthless_probabilities(rules(1), mean_block=0.5), "mean_block = 0.5"),
        (lambda: purged_folds([[1, 2]], 1, 1, 2, 1), r"time_ns has shape \(1, 2\): must be whole ns"),
        (lambda: purged_folds([0.0, 1.0], 1, 1, 2, 1), "time_ns has shape .* whole ns"),
        (lambda: purged_folds([1, 0], 1, 1, 2, 1), "time_ns .* that do not fall"),
        (lambda: purged_folds(ROWS, 1, 1, 1, 1), "folds: must be at least 2"),
        (lambda: purged_folds(ROWS, 1, 1, 11, 1), "folds: must be .* at most the 10 rows"),
        (lambda: purged_walk_forward(ROWS, 1, 1, 0, 1), "folds: must be at least 2, or 1 to walk forward"),
        (lambda: purged_folds(ROWS, -1, 1, 2, 1), "horizon_ns = -1: must be >= 0"),
        (lambda: purged_folds(ROWS, 1, math.nan, 2, 1), "latency_ns = nan: must be >= 0"),
        (lambda: purged_walk_forward(ROWS, 1, 1, 2, math.inf), "embargo_ns = inf: must be >= 0 and finite"),
        (
            lambda: purged_folds(ROWS, 20, 0, 2, 0),
            "time_ns: must leave a row to train on for the test of rows 0 to 4",
        ),
        (lambda: purged_walk_forward(ROWS, 20, 0, 2, 0), "for the test of rows 4 to 6"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
