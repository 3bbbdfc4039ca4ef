"""Order flow: symmetry, scales and causality over all inputs, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from titan.market.order_flow import (
    Excitation,
    Hawkes,
    Touch,
    TradeFlow,
    _excitations,
    branching_ratio,
    excite,
    fit_hawkes,
    hawkes_intensity,
    hawkes_residuals,
    kyle_lambda,
    on_trade,
    order_flow_imbalance,
    trade_imbalance,
)

touches = st.builds(
    lambda bid, spread, bid_size, ask_size: Touch(bid, bid_size, bid + spread, ask_size),
    st.integers(-50, 50),
    st.integers(1, 5),
    st.integers(0, 1000),
    st.integers(0, 1000),
)
trades = st.lists(
    st.tuples(st.sampled_from([1, -1]), st.just(0.0) | st.floats(1e-9, 1e6), st.integers(0, 10**11)),
    max_size=30,
)
gaps = st.lists(st.floats(1e-3, 10.0), min_size=5, max_size=40)


def mirrored(touch):
    return Touch(-touch.ask, touch.ask_size, -touch.bid, touch.bid_size)


@given(touches, touches)
def test_the_mirrored_book_presses_the_other_way(before, after):
    pressure = order_flow_imbalance(before, after)
    assert order_flow_imbalance(mirrored(before), mirrored(after)) == -pressure


@given(touches)
def test_a_touch_that_stands_presses_nowhere(touch):
    assert order_flow_imbalance(touch, touch) == 0.0


@given(touches, touches, st.integers(1, 1000))
def test_pressure_scales_with_size(before, after, scale):
    def larger(touch):
        return touch._replace(bid_size=scale * touch.bid_size, ask_size=scale * touch.ask_size)

    pressure = order_flow_imbalance(before, after)
    assert order_flow_imbalance(larger(before), larger(after)) == scale * pressure


def run(rows, half_life_s=3.0, sign=1, scale=1.0):
    flow, time_ns = TradeFlow(), 0
    for aggressor, size, gap_ns in rows:
        time_ns += gap_ns
        flow = on_trade(flow, sign * aggressor, scale * size, time_ns, half_life_s)
    return flow


@given(trades)
def test_trade_imbalance_is_bounded_and_odd(rows):
    value = trade_imbalance(run(rows))
    assert -1.0 - 1e-12 <= value <= 1.0 + 1e-12
    assert trade_imbalance(run(rows, sign=-1)) == -value


@given(trades, st.sampled_from([2.0, 0.5, 1024.0]))
def test_trade_imbalance_knows_no_unit_of_size(rows, scale):
    assert trade_imbalance(run(rows, scale=scale)) == pytest.approx(trade_imbalance(run(rows)), abs=1e-9)


def test_the_half_life_matters():
    rows = [(1, 4.0, 0), (-1, 1.0, 10**10)]
    assert trade_imbalance(run(rows, 1.0)) < trade_imbalance(run(rows, 100.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aggressor": 0}, "aggressor = 0: must be 1 or -1"),
        ({"size": -1.0}, "size = -1.0: must be >= 0 and finite"),
        ({"size": math.nan}, "size = nan: must be >= 0 and finite"),
        ({"half_life_s": 0.0}, "half_life_s = 0.0: must be > 0"),
        ({"time_ns": 4}, "time_ns = 4: must not be before the last trade's, 5"),
    ],
)
def test_a_bad_trade_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        on_trade(
            TradeFlow(0.0, 0.0, 5),
            **({"aggressor": 1, "size": 1.0, "time_ns": 6, "half_life_s": 1.0} | change),
        )


@pytest.mark.parametrize("bad", [Touch(2, 1, 2, 1), Touch(math.nan, 1, 2, 1), Touch(1, 1, math.inf, 1)])
def test_a_crossed_or_endless_book_is_refused(bad):
    with pytest.raises(ValueError, match=r"before = .*: bid must be below ask"):
        order_flow_imbalance(bad, Touch(1, 1, 2, 1))
    with pytest.raises(ValueError, match=r"after = .*: bid must be below ask"):
        order_flow_imbalance(Touch(1, 1, 2, 1), bad)


@pytest.mark.parametrize("bad", [Touch(1, -1, 2, 1), Touch(1, 1, 2, math.nan)])
def test_a_bad_size_is_refused(bad):
    with pytest.raises(ValueError, match=r"before = .*: sizes must be >= 0"):
        order_flow_imbalance(bad, Touch(1, 1, 2, 1))


@given(st.lists(st.tuples(st.floats(-10, 10), st.integers(-100, 100)), min_size=3, max_size=40))
@settings(deadline=None)  # the library's first call is slow
def test_kyle_lambda_is_that_of_least_squares(rows):
    moves, flows = np.array(rows).T
    if np.ptp(flows) == 0.0:
        with pytest.raises(ValueError, match="flows: must not all be equal"):
            kyle_lambda(moves, flows)
        return
    impact = kyle_lambda(moves, flows)
    assert impact.slope == pytest.approx(np.polyfit(flows, moves, 1)[0], rel=1e-6, abs=1e-9)
    assert 0.0 <= impact.r_squared <= 1.0
    assert impact.standard_error >= 0.0
    assert kyle_lambda(2.0 * moves, 4.0 * flows).slope == pytest.approx(0.5 * impact.slope, abs=1e-12)


def test_a_price_that_stands_still_explains_nothing():
    assert kyle_lambda([0, 0, 0], [1, 2, 3]) == (0.0, 0.0, 0.0, 3)


@pytest.mark.parametrize(
    ("moves", "flows", "message"),
    [
        ([1, 2], [1, 2], r"price_changes has shape \(2,\)"),
        ([1, 2, 3], [1, math.nan, 2], r"flows\[1\] = nan: must be finite"),
        ([1, 2, 3], [1, 2, 3, 4], r"flows has shape \(4,\): must be that of price_changes, \(3,\)"),
    ],
)
def test_bad_windows_are_refused(moves, flows, message):
    with pytest.raises(ValueError, match=message):
        kyle_lambda(moves, flows)


@given(gaps, st.floats(0.01, 50.0))
def test_online_excitation_is_that_of_the_fit(spaces, decay):
    stamps = np.cumsum(np.round(np.array(spaces) * 1e9)).astype(np.int64)
    state, seen = Excitation(), []
    for time_ns in stamps.tolist():
        seen.append(state.level * math.exp(-decay * (time_ns - state.time_ns) * 1e-9))
        state = excite(state, time_ns, decay)
    assert seen == pytest.approx(_excitations(stamps * 1e-9, decay).tolist(), rel=1e-6, abs=1e-9)


@given(gaps, st.integers(1, 4))
def test_later_arrivals_change_no_earlier_excitation(spaces, cut):
    times = np.cumsum(spaces)
    assert (_excitations(times, 1.5)[:-cut] == _excitations(times[:-cut], 1.5)).all()


def burst_times():
    rng = np.random.default_rng(8)
    starts = np.sort(rng.uniform(0, 95, 60))
    return np.unique(
        np.concatenate([starts, starts + rng.exponential(0.2, 60), starts + rng.exponential(0.3, 60)])
    )


def test_the_fit_is_the_optimum_that_a_library_finds():
    times = burst_times()

    def minus_log_likelihood(logs):
        mu, alpha, beta = np.exp(logs)
        called = alpha / beta * -np.expm1(-beta * (100.0 - times)).sum()
        return 100.0 * mu + called - np.log(mu + alpha * _excitations(times, beta)).sum()

    ours = fit_hawkes(times, 100.0, (0.05, 100.0))
    theirs = minimize(minus_log_likelihood, np.log([1.0, 1.0, 2.0]), method="L-BFGS-B")
    poisson = len(times) * math.log(len(times) / 100.0) - len(times)
    assert ours.gain >= -theirs.fun - poisson - 1e-9
    assert np.log(ours[:3]) == pytest.approx(theirs.x, abs=2e-3)
    assert not ours.at_edge


def test_the_unit_of_time_rescales_the_fit():
    times = burst_times()
    base, slow = (
        fit_hawkes(times, 100.0, (0.05, 50.0)),
        fit_hawkes(60 * times, 6000.0, (0.05 / 60, 50.0 / 60)),
    )
    assert np.array(slow[:3]) * 60 == pytest.approx(np.array(base[:3]), rel=1e-4)
    assert slow.gain == pytest.approx(base.gain, rel=1e-6)
    assert branching_ratio(slow) == pytest.approx(branching_ratio(base), rel=1e-4)


def test_a_range_that_holds_no_optimum_is_told():
    assert fit_hawkes(burst_times(), 100.0, (50.0, 100.0)).at_edge


def test_even_arrivals_call_nobody():
    even = fit_hawkes(np.arange(1.0, 100.0), 100.0, (0.5, 5.0))
    assert even == (0.99, 0.0, even.decay_per_s, 0.0, True)
    assert hawkes_residuals(even, np.arange(1.0, 100.0)) == pytest.approx(np.full(98, 0.99))


@pytest.mark.parametrize(
    ("times", "span_s", "decays", "message"),
    [
        ([1.0, 2.0], 3.0, (1.0, 2.0), r"times_s has shape \(2,\)"),
        ([1.0, 1.0, 2.0], 3.0, (1.0, 2.0), "must be >= 0 and strictly increasing"),
        ([-1.0, 1.0, 2.0], 3.0, (1.0, 2.0), "must be >= 0 and strictly increasing"),
        ([0.0, 1.0, 2.0], 2.0, (1.0, 2.0), "span_s = 2.0: must be > the last time, 2.0"),
        ([0.0, 1.0, 2.0], math.inf, (1.0, 2.0), "span_s = inf"),
        ([0.0, 1.0, 2.0], 3.0, (2.0, 1.0), r"decay_range_per_s = \(2.0, 1.0\): must be 0 < low < high"),
    ],
)
def test_bad_arrivals_are_refused(times, span_s, decays, message):
    with pytest.raises(ValueError, match=message):
        fit_hawkes(times, span_s, decays)


def test_time_runs_forward():
    process, state = Hawkes(1.0, 2.0, 4.0, 0.0, False), Excitation(1.0, 10)
    with pytest.raises(ValueError, match="time_ns = 9: must not be before the last arrival's, 10"):
        excite(state, 9, 4.0)
    with pytest.raises(ValueError, match="time_ns = 9"):
        hawkes_intensity(process, state, 9)
