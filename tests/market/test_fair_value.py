"""Fair value: properties over all books, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.market.fair_value import (
    MicroPriceModel,
    _book_state,
    _limiting_adjustment,
    _Transitions,
    expected_move_ticks,
    fit_micro_price,
    imbalance,
    micro_price,
    mid,
    weighted_mid,
)

sizes = st.floats(0.0, 1e9)
adjustments = st.lists(st.floats(-100, 100), min_size=9, max_size=9).map(tuple)


def quotes(steps: int = 3000, seed: int = 1) -> np.ndarray:
    """Return bid, ask and sizes of a market whose mid follows the imbalance."""
    rng = np.random.default_rng(seed)
    bid_size, ask_size = rng.integers(1, 50, (2, steps))
    up = rng.random(steps) < bid_size / (bid_size + ask_size)
    moves = np.where(rng.random(steps) < 0.3, np.where(up, 1, -1), 0)
    bid = 1000 + np.concatenate([[0], np.cumsum(moves)[:-1]])
    return np.stack([bid, bid + rng.integers(1, 4, steps), bid_size, ask_size])


@given(st.integers(1, 10**7), st.integers(1, 50), sizes, sizes, adjustments)
def test_every_price_lies_inside_the_touch(bid, spread, bid_size, ask_size, table):
    if bid_size + ask_size <= 0.0:
        return
    ask = bid + spread
    model = MicroPriceModel(3, 3, table)
    assert bid <= micro_price(model, bid, ask, bid_size, ask_size) <= ask
    assert bid <= weighted_mid(bid, ask, bid_size, ask_size) <= ask
    assert bid < mid(bid, ask) < ask


@given(st.integers(1, 10), st.integers(1, 1000), st.integers(1, 1000), st.sampled_from([3, 5, 9, 21]))
def test_the_mirror_of_a_book_is_in_the_mirror_of_its_state(spread, bid_size, ask_size, bins):
    state = _book_state(spread, bid_size, ask_size, bins, 2)
    mirrored = _book_state(spread, ask_size, bid_size, bins, 2)
    assert state // bins == mirrored // bins == min(spread, 2) - 1
    assert state % bins == bins - 1 - mirrored % bins


@given(st.integers(1, 1000), st.integers(1, 1000), st.integers(1, 6))
def test_the_fitted_move_is_odd(bid_size, ask_size, spread):
    model = fit_micro_price(*quotes(400), imbalance_states=5, spread_states=2)
    there = expected_move_ticks(model, 100, 100 + spread, bid_size, ask_size)
    back = expected_move_ticks(model, 100, 100 + spread, ask_size, bid_size)
    assert there == pytest.approx(-back, abs=1e-9)


def test_a_market_that_follows_the_imbalance_is_fitted_with_its_sign():
    model = fit_micro_price(*quotes(), imbalance_states=3, spread_states=1)
    low, equal, high = model.adjustment_ticks
    assert low < 0 < high
    assert equal == pytest.approx(0, abs=1e-9)


def test_every_argument_changes_the_micro_price():
    model = MicroPriceModel(3, 2, (-0.2, 0.0, 0.2, -0.6, 0.0, 0.6))
    base = micro_price(model, 100, 101, 9, 1)
    others = [
        micro_price(model, 99, 101, 9, 1),
        micro_price(model, 100, 102, 9, 1),
        micro_price(model, 100, 101, 1, 1),
        micro_price(model, 100, 101, 9, 9),
        micro_price(MicroPriceModel(3, 2, (-0.1, 0.0, 0.1, -0.6, 0.0, 0.6)), 100, 101, 9, 1),
    ]
    assert base not in others


def test_a_state_never_seen_gives_the_mid():
    model = fit_micro_price([100, 101, 100], [101, 102, 101], [1, 1, 1], [9, 9, 9], 3, 3)
    assert micro_price(model, 100, 103, 9, 1) == 101.5


@pytest.mark.parametrize(
    ("bid", "ask", "bid_size", "ask_size", "message"),
    [
        (101, 101, 1, 1, r"bid(_ticks)? = 101: must be"),
        (102, 101, 1, 1, r"bid(_ticks)? = 102: must be"),
        (math.nan, 101, 1, 1, r"bid(_ticks)? = nan"),
        (-math.inf, 101, 1, 1, r"bid(_ticks)? = -inf"),
        (100, math.inf, 1, 1, r"ask(_ticks)? = inf, both finite"),
        (100, 101, -1, 1, "bid_size = -1: must be >= 0"),
        (100, 101, 1, -1, "ask_size = -1: must be >= 0"),
        (100, 101, math.inf, 1, "bid_size = inf"),
        (100, 101, 1, math.nan, "ask_size = nan"),
        (100, 101, 0, 0, "ask_size = 0: must be > 0"),
    ],
)
def test_a_bad_book_is_refused(bid, ask, bid_size, ask_size, message):
    model = MicroPriceModel(3, 1, (-0.2, 0.0, 0.2))
    for call in (
        lambda: weighted_mid(bid, ask, bid_size, ask_size),
        lambda: expected_move_ticks(model, bid, ask, bid_size, ask_size),
        lambda: micro_price(model, bid, ask, bid_size, ask_size),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_spread_below_a_tick_has_no_state():
    model = MicroPriceModel(3, 2, (-0.2, 0.0, 0.2, -0.6, 0.0, 0.6))
    with pytest.raises(ValueError, match=r"bid_ticks = 100.0: must be 1 or more below ask_ticks = 100.5"):
        expected_move_ticks(model, 100.0, 100.5, 9.0, 1.0)


def test_imbalance_is_the_share_of_the_bid():
    assert imbalance(3, 1) == 0.75
    assert imbalance(0, 1) == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"imbalance_states": 4}, "imbalance_states = 4: must be odd"),
        ({"imbalance_states": 1}, "imbalance_states = 1: must be odd and >= 3"),
        ({"spread_states": 0}, "spread_states = 0: must be >= 1"),
        ({"bid_ticks": [1.0]}, r"bid_ticks has shape \(1,\)"),
        ({"ask_ticks": [1.0, 2.0, 3.0]}, r"ask_ticks has shape \(3,\)"),
        ({"ask_sizes": [1.0, math.nan]}, r"ask_sizes\[1\]: must be finite"),
        ({"bid_sizes": [1.0, -2.0]}, r"bid_sizes\[1\] = -2.0: must be >= 0"),
        ({"ask_ticks": [101.0, 99.0]}, r"bid_ticks\[1\]: quote"),
        ({"bid_sizes": [0.0, 1.0], "ask_sizes": [0.0, 1.0]}, r"bid_ticks\[0\]: quote"),
    ],
)
def test_a_bad_sample_is_refused(change, message):
    sample = {
        "bid_ticks": [100.0, 101.0],
        "ask_ticks": [101.0, 102.0],
        "bid_sizes": [1.0, 2.0],
        "ask_sizes": [2.0, 1.0],
    }
    with pytest.raises(ValueError, match=message):
        fit_micro_price(**(sample | change))


def test_a_mid_that_never_moves_is_refused():
    with pytest.raises(ValueError, match=r"the mid never moves from states \[0, 2\]"):
        fit_micro_price([100] * 5, [101] * 5, [1] * 5, [9] * 5, 3, 1)


def test_a_sum_that_does_not_settle_is_refused():
    still = _Transitions(np.zeros((1, 1)), np.ones((1, 1)), np.ones(1), np.ones(1, dtype=np.int64))
    with pytest.raises(ValueError, match="max_moves = 50: must be larger"):
        _limiting_adjustment(still, max_moves=50)
