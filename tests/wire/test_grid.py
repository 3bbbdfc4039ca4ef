"""Floats onto the grid: exact where a number lies on it, refused where it does not."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.conftest import make_instrument
from titan.wire.grid import LARGEST_COUNT, Grid, WireError

STEPS = st.sampled_from(["0.00000001", "0.0001", "0.01", "0.10", "0.5", "0.25", "1", "2.5", "5", "10", "100"])


@given(STEPS, STEPS, st.integers(1, 10**13), st.integers(0, 10**13))
def test_every_count_of_steps_comes_back(tick, lot, ticks, lots):
    grid = Grid(make_instrument(tick=tick, lot=lot))
    price, size = float(ticks * Decimal(tick)), float(lots * Decimal(lot))
    assert grid.price(price) == ticks
    assert grid.size(size) == lots
    assert grid.levels([(price, size)]) == ((ticks, lots),)


@given(STEPS, st.integers(1, 10**9), st.sampled_from(["0.1", "0.5", "0.01", "0.0001"]))
def test_a_number_between_two_steps_is_refused(step, count, part):
    grid = Grid(make_instrument(tick=step, lot=step))
    value = float((count + Decimal(part)) * Decimal(step))
    on_grid = float(count * Decimal(step))
    for convert in (grid.price, grid.size):
        with pytest.raises(WireError, match="whole number"):
            convert(value)
    with pytest.raises(WireError, match="off the grid"):
        grid.levels([(value, on_grid)])
    with pytest.raises(WireError, match="off the grid"):
        grid.levels([(on_grid, value)])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -1.0, LARGEST_COUNT])
def test_absurd_numbers_are_refused(value):
    grid = Grid(make_instrument(tick="1", lot="1"))
    with pytest.raises(WireError):
        grid.price(value)
    with pytest.raises(WireError):
        grid.size(value)
    with pytest.raises(WireError):
        grid.levels([(value, 1.0)])
    with pytest.raises(WireError):
        grid.levels([(1.0, value)])


def test_a_price_of_zero_is_refused_and_a_size_of_zero_is_not():
    grid = Grid(make_instrument())
    with pytest.raises(WireError):
        grid.price(0.0)
    assert grid.size(0.0) == 0
