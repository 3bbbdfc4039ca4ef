"""Queue position: what holds for every sequence of events, and input that must be refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.simulation.queue_position import (
    LOGARITHM,
    RISK_AVERSE,
    QueueState,
    cancel_behind_probability,
    fill_by_touch,
    fill_by_trade,
    join_queue,
    on_level_change,
    on_trade,
    power_model,
)

models = st.one_of(st.sampled_from([RISK_AVERSE, LOGARITHM]), st.floats(0.1, 50.0).map(power_model))
lots = st.integers(0, 10**6)
some_lots = st.floats(0.0, 1e9)
events = st.lists(st.tuples(st.sampled_from(["trade", "level"]), lots), max_size=30)


@given(lots, st.integers(1, 1000), events, models)
def test_every_sequence_of_events_keeps_its_promises(level_size, size, sequence, model):
    state, filled_sum, traded_sum = join_queue(level_size, size), 0, 0
    for kind, amount in sequence:
        before = state
        if kind == "trade":
            state, filled = on_trade(state, amount)
            assert 0 <= filled <= amount
            filled_sum, traded_sum = filled_sum + filled, traded_sum + amount
        else:
            state = on_level_change(state, amount, model)
            assert state.ahead + state.behind == pytest.approx(amount)
            assert state.remaining == before.remaining
        assert 0.0 <= state.ahead <= before.ahead
        assert state.behind >= 0.0
        assert isinstance(state.remaining, int)
    assert filled_sum + state.remaining == size
    assert filled_sum <= traded_sum


@given(lots, events, models)
def test_no_model_is_slower_than_the_risk_averse(level_size, sequence, model):
    careful = hopeful = join_queue(level_size, 10**9)
    for kind, amount in sequence:
        if kind == "trade":
            careful, hopeful = on_trade(careful, amount)[0], on_trade(hopeful, amount)[0]
        else:
            careful = on_level_change(careful, amount, RISK_AVERSE)
            hopeful = on_level_change(hopeful, amount, model)
        assert hopeful.ahead <= careful.ahead * (1 + 1e-12) + 1e-9


@given(some_lots, some_lots, st.one_of(st.just(LOGARITHM), st.floats(0.1, 50.0).map(power_model)))
def test_front_and_back_are_treated_alike(ahead, behind, model):
    there = cancel_behind_probability(ahead, behind, model)
    assert 0.0 <= there <= 1.0
    assert there + cancel_behind_probability(behind, ahead, model) == pytest.approx(1.0)


@pytest.mark.parametrize("model", [LOGARITHM, power_model(0.5), power_model(3.0)])
def test_where_one_side_is_empty_the_other_bears_all(model):
    assert cancel_behind_probability(0.0, 5e-324, model) == 1.0
    assert cancel_behind_probability(5e-324, 0.0, model) == 0.0
    assert cancel_behind_probability(0.0, 0.0, model) == 0.5


@given(some_lots, some_lots, st.floats(0.0, 1.0), models)
def test_a_cancellation_never_takes_more_than_there_is(ahead, behind, kept, model):
    new_size = kept * (ahead + behind)
    state = on_level_change(QueueState(ahead, behind, 1), new_size, model)
    assert 0.0 <= state.ahead <= min(ahead, new_size)
    assert state.behind <= behind * (1 + 1e-9) + 1e-6


def test_what_the_back_cannot_lose_the_front_does():
    assert on_level_change(QueueState(30.0, 10.0, 1), 25.0, RISK_AVERSE) == QueueState(25.0, 0.0, 1)
    assert on_level_change(QueueState(1.0, 99.0, 1), 0.0, LOGARITHM) == QueueState(0.0, 0.0, 1)


def test_trades_in_parts_fill_as_one_does():
    state, filled = QueueState(0.3, 5.0, 10), 0
    for _ in range(3):
        state, part = on_trade(QueueState(*state), 0.1)
        filled += part
    assert filled == 0
    state, part = on_trade(state, 2.0)
    assert (state.remaining, part) == (8, 2)


@given(st.sampled_from([1, -1]), st.integers(1, 1000), st.integers(-3, 3), lots, lots)
def test_buyer_and_seller_fill_alike(side, price, distance, ahead, traded):
    state = QueueState(float(ahead), 3.0, 7)
    mirrored = fill_by_trade(state, -side, -price, side, -price - distance, traded)
    assert fill_by_trade(state, side, price, -side, price + distance, traded) == mirrored
    touched = fill_by_touch(state, -side, -price, -price - distance, traded)
    assert fill_by_touch(state, side, price, price + distance, traded) == touched


@given(st.sampled_from([1, -1]), st.integers(1, 3), lots)
def test_a_trade_through_the_price_fills_at_once(side, beyond, traded):
    state, filled = fill_by_trade(QueueState(1e6, 0.0, 7), side, 100, -side, 100 - side * beyond, traded)
    assert filled == min(7, traded)
    assert state == QueueState(0.0, 0.0, 7 - filled)


def test_trades_elsewhere_or_by_our_own_side_change_nothing():
    state = QueueState(5.0, 5.0, 5)
    assert fill_by_trade(state, 1, 100, -1, 101, 50) == (state, 0)
    assert fill_by_trade(state, 1, 100, 1, 100, 50) == (state, 0)
    assert fill_by_trade(state, -1, 100, 1, 99, 50) == (state, 0)
    assert fill_by_touch(state, 1, 100, 101, 50) == (state, 0)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_bad_sizes_are_refused(bad):
    state = join_queue(1, 1)
    for name, call in {
        "ahead": lambda: cancel_behind_probability(bad, 1.0, LOGARITHM),
        "behind": lambda: cancel_behind_probability(1.0, bad, LOGARITHM),
        "level_size": lambda: join_queue(bad, 1),
        "traded": lambda: on_trade(state, bad),
        "new_size": lambda: on_level_change(state, bad, RISK_AVERSE),
        "opposite_size": lambda: fill_by_touch(state, 1, 100, 101, bad),
    }.items():
        with pytest.raises(ValueError, match=f"{name} = {bad}: must be >= 0 lots and finite"):
            call()
    with pytest.raises(ValueError, match=f"traded = {bad}: must be >= 0"):
        fill_by_trade(state, 1, 100, -1, 101, bad)


def test_bad_sides_orders_and_exponents_are_refused():
    state = join_queue(1, 1)
    with pytest.raises(ValueError, match=r"side = 0: must be \+1 \(buy\) or -1 \(sell\)"):
        fill_by_trade(state, 0, 100, -1, 100, 1)
    with pytest.raises(ValueError, match="aggressor = 2: must be"):
        fill_by_trade(state, 1, 100, 2, 100, 1)
    with pytest.raises(ValueError, match="side = 5: must be"):
        fill_by_touch(state, 5, 100, 100, 1)
    with pytest.raises(ValueError, match="size = 0: must be > 0 lots"):
        join_queue(1, 0)
    for exponent in (0.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"exponent = {exponent}: must be > 0 and finite"):
            power_model(exponent)
