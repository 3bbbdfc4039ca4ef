"""Volatility: scales and units over all paths, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.calibration.volatility import (
    EwmaState,
    bipower_variance,
    ewma_start,
    ewma_update,
    ewma_volatility,
    parkinson_variance,
    realised_variance,
    two_scale_variance,
    volatility_per_sqrt_s,
    volatility_per_year,
    yang_zhang_variance,
)

ticks = st.lists(st.tuples(st.floats(50.0, 200.0), st.integers(0, 10**10)), min_size=1, max_size=30)
returns = st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=60)


def run(rows, half_life_s, *, price_scale=1.0, time_scale=1, prior=2.0):
    """Return the volatility after prices (price, ns since the one before)."""
    time_ns = 5 * time_scale
    weight_s = 10.0 * time_scale
    state = ewma_start(100.0 * price_scale, time_ns, prior * price_scale / math.sqrt(time_scale), weight_s)
    for price, gap_ns in rows:
        time_ns += gap_ns * time_scale
        state = ewma_update(state, price * price_scale, time_ns, half_life_s * time_scale)
    return ewma_volatility(state)


@given(ticks, st.floats(0.5, 100.0), st.floats(1e-3, 1e4))
def test_volatility_scales_with_the_price(rows, half_life_s, scale):
    expected = scale * run(rows, half_life_s)
    assert run(rows, half_life_s, price_scale=scale) == pytest.approx(expected, rel=1e-9)


@given(ticks, st.floats(0.5, 100.0), st.integers(2, 1000))
def test_volatility_scales_with_the_root_of_the_time_unit(rows, half_life_s, scale):
    expected = run(rows, half_life_s) / math.sqrt(scale)
    assert run(rows, half_life_s, time_scale=scale) == pytest.approx(expected, rel=1e-9)


@given(ticks, st.floats(0.5, 100.0))
def test_volatility_is_a_number_whatever_the_path(rows, half_life_s):
    assert 0.0 <= run(rows, half_life_s) < math.inf


def test_prices_of_one_instant_add_up_without_forgetting():
    state = ewma_update(EwmaState(1.0, 4.0, 10.0, 7), 12.0, 7, half_life_s=0.001)
    assert state == EwmaState(5.0, 4.0, 12.0, 7)


def test_every_argument_changes_the_estimate():
    state = ewma_start(100.0, 0, 2.0, 10.0)
    base = ewma_volatility(ewma_update(state, 101.0, 10**9, 5.0))
    others = [
        ewma_update(ewma_start(100.5, 0, 2.0, 10.0), 101.0, 10**9, 5.0),
        ewma_update(ewma_start(100.0, 1000, 2.0, 10.0), 101.0, 10**9, 5.0),
        ewma_update(ewma_start(100.0, 0, 3.0, 10.0), 101.0, 10**9, 5.0),
        ewma_update(ewma_start(100.0, 0, 2.0, 20.0), 101.0, 10**9, 5.0),
        ewma_update(state, 102.0, 10**9, 5.0),
        ewma_update(state, 101.0, 2 * 10**9, 5.0),
        ewma_update(state, 101.0, 10**9, 1.0),
    ]
    assert base not in [ewma_volatility(other) for other in others]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": 0.0}, "price = 0.0: must be > 0"),
        ({"price": math.nan}, "price = nan: must be > 0"),
        ({"price": math.inf}, "price = inf: must be > 0 and finite"),
        ({"time_ns": 4}, "time_ns = 4: must not be before the last price's, 5"),
        ({"half_life_s": 0.0}, "half_life_s = 0.0: must be > 0"),
        ({"half_life_s": math.nan}, "half_life_s = nan: must be > 0"),
    ],
)
def test_a_bad_tick_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ewma_update(
            ewma_start(100.0, 5, 1.0, 1.0), **({"price": 1.0, "time_ns": 6, "half_life_s": 1.0} | change)
        )


@pytest.mark.parametrize("name", ["price", "prior_volatility", "prior_weight_s"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_bad_start_is_refused(name, value):
    arguments = {"price": 100.0, "time_ns": 0, "prior_volatility": 1.0, "prior_weight_s": 1.0}
    with pytest.raises(ValueError, match=f"{name} = {value}: must be > 0 and finite"):
        ewma_start(**(arguments | {name: value}))


@given(st.floats(0.0, 10.0), st.floats(1e-6, 1e6))
def test_conversions_invert_each_other(annual, price):
    there = volatility_per_sqrt_s(annual, price)
    assert volatility_per_year(there, price) == pytest.approx(annual, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: volatility_per_sqrt_s(-0.1, 1.0), "annual_volatility = -0.1: must be >= 0"),
        (lambda: volatility_per_sqrt_s(0.1, 0.0), "price = 0.0: must be > 0"),
        (lambda: volatility_per_year(-0.1, 1.0), "volatility = -0.1: must be >= 0"),
        (lambda: volatility_per_year(0.1, -1.0), "price = -1.0: must be > 0"),
        (lambda: realised_variance([]), r"returns has shape \(0,\)"),
        (lambda: realised_variance([0.1, math.nan]), r"returns\[1\] = nan: must be finite"),
        (lambda: bipower_variance([0.1]), r"returns has shape \(1,\): must be \(n,\), n >= 2"),
        (lambda: two_scale_variance([0.0, 0.1], 2), "log_prices has shape"),
        (lambda: two_scale_variance([0.0, 0.1, 0.2], 1), "subgrids = 1: must be between 2 and 2"),
        (lambda: two_scale_variance([0.0, 0.1, 0.2], 3), "subgrids = 3: must be between 2 and 2"),
        (lambda: parkinson_variance([1.0], [2.0]), r"high\[0\] = 1.0: must be > 0 and between low = 2.0"),
        (lambda: parkinson_variance([1.0], [-1.0]), r"low\[0\] = -1.0: must be > 0"),
        (lambda: parkinson_variance([1.0], [1.0, 1.0]), r"high has shape \(1,\): must be that of low"),
        (lambda: yang_zhang_variance([1, 1], [1, 1], [1, 1], [1, 1]), r"opening has shape \(2,\)"),
        (lambda: yang_zhang_variance([3, 1, 1], [2] * 3, [1] * 3, [1] * 3), r"opening\[0\] = 3.0: must"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@given(returns, st.floats(1e-3, 1e3))
def test_variances_scale_with_the_square(values, scale):
    series = np.array(values)
    for estimate in (realised_variance, bipower_variance, lambda x: two_scale_variance(x, 2)):
        assert estimate(scale * series) == pytest.approx(scale**2 * estimate(series), rel=1e-9, abs=1e-12)


@given(returns)
def test_one_step_grids_and_reversal_change_nothing(values):
    assert bipower_variance(values[::-1]) == pytest.approx(bipower_variance(values), rel=1e-12)
    assert realised_variance(values[::-1]) == pytest.approx(realised_variance(values), rel=1e-12)


def test_a_flat_bar_has_no_variance():
    assert parkinson_variance([2.0, 2.0], [2.0, 2.0]) == 0.0
    assert yang_zhang_variance(*[[2.0, 2.0, 2.0]] * 4) == 0.0


def test_bars_are_blind_to_the_price_level():
    rng = np.random.default_rng(2)
    opening, closing = np.exp(0.01 * rng.standard_normal((2, 50)))
    high, low = np.maximum(opening, closing) * 1.01, np.minimum(opening, closing) / 1.01
    columns = (opening, high, low, closing)
    scaled = yang_zhang_variance(*(60_000.0 * column for column in columns))
    assert scaled == pytest.approx(yang_zhang_variance(*columns), rel=1e-9)
