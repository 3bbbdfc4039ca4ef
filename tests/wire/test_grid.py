"""Texts onto the grid: exact where a number lies on it, refused where it does not."""

import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.conftest import make_instrument
from titan.wire import grid as grid_module
from titan.wire.grid import LARGEST_COUNT, Grid, WireError

STEPS = st.sampled_from(["0.00000001", "0.0001", "0.01", "0.10", "0.5", "0.25", "1", "2.5", "5", "10", "100"])


@given(STEPS, STEPS, st.integers(1, LARGEST_COUNT - 1), st.integers(0, LARGEST_COUNT - 1))
def test_every_count_of_steps_comes_back(tick, lot, ticks, lots):
    grid = Grid(make_instrument(tick=tick, lot=lot))
    price, size = f"{ticks * Decimal(tick):f}", f"{lots * Decimal(lot):f}"
    for _ in range(2):
        assert grid.levels([(price, size)]) == ((ticks, lots),)
    assert grid.idle_ticks(price) == ticks


@given(STEPS, st.integers(1, 10**9), st.sampled_from(["0.1", "0.5", "0.01", "0.0001"]))
def test_a_number_between_two_steps_is_refused(step, count, part):
    grid = Grid(make_instrument(tick=step, lot=step))
    off, on = f"{(count + Decimal(part)) * Decimal(step):f}", f"{count * Decimal(step):f}"
    for level in ((off, on), (on, off)):
        with pytest.raises(WireError, match="whole number"):
            grid.levels([level])


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-1", "", "1e5", "1_0", " 1", "+1", ".5", "1.", "٣", "9" * 16, "1" * 99]
)
def test_absurd_numbers_are_refused(text):
    grid = Grid(make_instrument(tick="1", lot="1"))
    with pytest.raises(WireError):
        grid.ticks[text]
    with pytest.raises(WireError):
        grid.lots[text]


def test_a_price_of_zero_is_refused_and_a_size_of_zero_is_not():
    grid = Grid(make_instrument())
    with pytest.raises(WireError):
        grid.ticks["0.00"]
    assert grid.lots["0.000"] == 0
    assert grid.idle_ticks("0.00") == 0


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(grid_module, "REMEMBERED", 10)
    grid = Grid(make_instrument(tick="1"))
    assert [grid.ticks[str(n)] for n in range(1, 50)] == list(range(1, 50))
    assert len(grid.ticks) <= 10


def test_what_is_remembered_of_an_instrument_takes_little_memory():
    grid = Grid(make_instrument(tick="0.1", lot="0.001"))
    tracemalloc.start()
    try:
        for number in range(1, 40_000):
            grid.ticks[f"{60_000 + number / 10:.1f}"]
            grid.lots[f"{number / 1_000:.3f}"]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4e6
