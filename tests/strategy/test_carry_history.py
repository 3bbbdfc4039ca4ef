"""The history of a carry: the rule of `carry`, no later rate in a decision, and what is earned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.strategy.carry import holds
from titan.strategy.carry_history import Expected, expected_carry, held_pairs, pair_returns
from titan.strategy.reversion import funding_sum

rates = st.lists(st.floats(-0.01, 0.01), min_size=1, max_size=40)


@given(rates, st.floats(0.0, 1.0), st.integers(0, 60), st.floats(-0.2, 0.2))
def test_what_is_expected_is_the_sum_of_the_settlements_to_come(series, persistence, count, usual):
    found = expected_carry(series, 3_600.0, 3_600.0 * count, usual, persistence)
    mean = usual / 8_760.0
    after = mean + persistence * (series[-1] - mean)
    assert found.over_horizon[-1] == pytest.approx(funding_sum(after, mean, persistence, count), abs=1e-12)
    half = funding_sum(after, mean, persistence, count // 2)
    assert found.over_half_life[-1] == pytest.approx(half, abs=1e-12)


@given(rates, st.floats(-0.01, 0.05), st.floats(-0.05, 0.01))
def test_a_pair_is_held_as_the_rule_says_and_by_no_later_rate(series, threshold, leaving):
    expected = expected_carry(series, 28_800.0, 1e6, 0.05, 0.8)
    held, is_open = held_pairs(expected, threshold, leaving), False
    for at, pair in enumerate(zip(*expected, strict=True)):
        is_open = holds(is_open, pair[0], threshold, pair[1], leaving)
        assert held[at] == is_open
    cut = Expected(*(one[:-1] for one in expected))
    assert held_pairs(cut, threshold, leaving).tolist() == held[:-1].tolist()


def test_between_entering_and_leaving_nothing_is_done():
    ahead = np.array([0.0, 2.0, 1.0, 1.0, 0.0, 1.0])
    expected = Expected(ahead, 0.5 * ahead)
    assert held_pairs(expected, 1.5, 0.25).tolist() == [False, True, True, True, False, False]


@given(rates)
def test_without_a_basis_the_rates_are_earned(series):
    assert pair_returns(series, np.full(len(series), 0.3)).tolist() == series
