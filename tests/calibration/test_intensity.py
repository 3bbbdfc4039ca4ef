"""Arrival intensity: merged prints, units, censoring, causality, verdicts, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.calibration.intensity import (
    Calibration,
    Online,
    arrivals,
    fit_depths,
    is_stale,
    measured_intensity,
    online_fit,
    online_update,
    recalibrated,
    verdict,
    window_intensity,
)

prints = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from([-1, 1]), st.floats(90.0, 110.0)), min_size=1, max_size=40
)
depth_lists = st.lists(st.floats(0.01, 50.0), min_size=3, max_size=60)


@given(prints)
def test_one_arrival_a_time_and_side_at_its_farthest(rows: list[tuple[int, int, float]]) -> None:
    rows = sorted(rows, key=lambda row: row[0])
    times, sides, prices = zip(*rows, strict=True)
    found = arrivals(times, sides, prices, [100.0] * len(rows))
    best: dict[tuple[int, int], float] = {}
    for time, side, price in rows:
        best[time, side] = max(best.get((time, side), -math.inf), side * (price - 100.0))
    keys = list(zip(found.time_ns.tolist(), found.side.tolist(), strict=True))
    assert keys == sorted(best)
    assert found.depth.tolist() == pytest.approx([best[key] for key in keys])


def test_no_prints_are_no_arrivals() -> None:
    assert [len(column) for column in arrivals([], [], [], [])] == [0, 0, 0]


@settings(deadline=None)
@given(depth_lists, st.floats(1e-2, 1e2), st.sampled_from([0.0, 0.1]))
def test_units_do_not_matter(depths: list[float], unit: float, tick: float) -> None:
    series = np.round(np.array(depths), 1) if tick else np.array(depths)
    base = fit_depths(series, 60.0, tick)
    scaled = fit_depths(series * unit, 60.0 * unit, tick * unit)
    for name in ("rate", "rate_low", "rate_high", "decay", "decay_low", "decay_high"):
        assert getattr(scaled, name) * unit == pytest.approx(getattr(base, name), rel=1e-6)
    assert base.decay_low < base.decay_high


@settings(deadline=None)
@given(depth_lists, st.floats(0.5, 5.0))
def test_online_is_causal_and_bounded(depths: list[float], half_life_s: float) -> None:
    states = [Online()]
    for at, depth in enumerate(depths):
        states.append(online_update(states[-1], depth, (at + 1) * 10**9, half_life_s, 0.005, 20.0))
    fit = online_fit(states[-1], 0.0, 0.005, 20.0)
    assert 0.0 <= fit.orders <= len(depths)
    assert fit.distinct <= 2
    assert 0.0 < fit.rate_low < fit.rate < fit.rate_high or math.isinf(fit.rate) or math.isnan(fit.rate)
    again = [Online()]
    for at, depth in enumerate([*depths[:2], 1.0]):
        again.append(online_update(again[-1], depth, (at + 1) * 10**9, half_life_s, 0.005, 20.0))
    assert again[:3] == states[:3]


def test_the_online_form_on_a_grid_and_its_arguments() -> None:
    rng = np.random.default_rng(3)
    state = other = Online(time_ns=5)
    for at, depth in enumerate(np.floor(rng.exponential(0.2, 3000) / 0.1).tolist()):
        time_ns = 5 + (at + 1) * 10**8
        state = online_update(state, 0.05 + 0.1 * depth, time_ns, 600.0, 0.05, 1.05)
        other = online_update(other, 0.05 + 0.1 * depth, time_ns, 60.0, 0.05, 1.05)
    fit = online_fit(state, 0.1, 0.05, 1.05)
    assert fit.decay_low < 5.0 < fit.decay_high
    assert fit.rate == pytest.approx(10.0 * math.exp(0.05 * 5.0), rel=0.1)
    assert verdict(fit) == ""
    assert online_fit(other, 0.1, 0.05, 1.05).orders < fit.orders
    assert online_update(state, math.nan, state.time_ns, 60.0) == state
    assert online_update(state, 0.0, state.time_ns, 60.0, 0.05) == state


def test_only_silence_is_no_law() -> None:
    silent = online_fit(online_update(Online(), math.nan, 10**9, 60.0))
    assert (silent.orders, silent.rate_low) == (0.0, 0.0)
    assert "0.0 orders in range" in verdict(silent)
    nothing = fit_depths([], 60.0)
    assert math.isnan(nothing.decay)
    assert math.isnan(nothing.misfit)


def test_verdicts_say_what_is_missing() -> None:
    assert "1 distinct depth" in verdict(fit_depths([0.3] * 50, 60.0))
    everything_there = fit_depths([0.0] * 50, 60.0, tick=0.1)
    assert everything_there.decay == math.inf
    good = fit_depths(np.arange(1, 80) * 0.1, 60.0)
    assert verdict(good) == ""
    assert "decay = inf" in verdict(good._replace(decay=math.inf))
    assert "decay = nan" in verdict(good._replace(decay=math.nan))
    assert "known to 60% only" in verdict(good._replace(decay=1.0, decay_low=0.4, decay_high=1.6))
    assert "known to nan% only" in verdict(good._replace(decay_low=math.nan))


def test_a_refused_fit_keeps_the_last_and_its_age() -> None:
    good = fit_depths(np.arange(1, 80) * 0.1, 60.0)
    first = recalibrated(Calibration(good, 0, "old"), good, 7)
    assert first == Calibration(good, 7, "")
    kept = recalibrated(first, fit_depths([1.0], 60.0), 9 * 10**9)
    assert (kept.fit, kept.time_ns) == (good, 7)
    assert kept.refused
    assert not is_stale(kept, 7 + 10**9, 1.0)
    assert is_stale(kept, 8 + 10**9, 1.0)
    assert is_stale(kept, 6, 1.0)


def test_range_and_censoring_change_what_is_seen() -> None:
    depths = np.random.default_rng(5).exponential(2.0, 20_000)
    near = fit_depths(depths, 100.0, nearest=1.0, farthest=3.0)
    assert near.decay_low < 0.5 < near.decay_high
    assert near.rate == pytest.approx(200.0, rel=0.03)
    assert near.orders == np.sum((depths >= 1.0) & (depths < 3.0))
    assert near.misfit < 0.02
    assert measured_intensity(depths, 100.0, [0.0])[0] == 200.0


FIT = {"depths": [1.0, 2.0], "seconds": 60.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: arrivals([1], [2], [1.0], [1.0]), r"side = 2: must be \+1 or -1"),
        (lambda: arrivals([1], [math.nan], [1.0], [1.0]), "side = nan: must be"),
        (lambda: arrivals([1, 2], [1], [1.0], [1.0]), r"time_ns has shape \(2,\)"),
        (lambda: arrivals([1], [1], [math.nan], [1.0]), "price = nan: must be finite"),
        (lambda: fit_depths([1.0], 0.0), "seconds = 0.0: must be > 0"),
        (lambda: fit_depths([1.0], 1.0, tick=-0.1), "tick = -0.1: must be >= 0"),
        (lambda: fit_depths([1.0], 1.0, nearest=math.nan), "nearest = nan: must be >= 0"),
        (lambda: fit_depths([1.0], 1.0, nearest=2.0, farthest=2.0), "farthest = 2.0: must be > nearest"),
        (lambda: fit_depths([math.inf], 1.0), "depths = inf: must be finite"),
        (lambda: measured_intensity([1.0], 0.0, [1.0]), "seconds = 0.0: must be > 0"),
        (lambda: window_intensity([1.0], 0.0, [1.0]), "window_s = 0.0: must be > 0"),
        (lambda: window_intensity([], 1.0, [1.0]), r"farthest_depths has shape \(0,\)"),
        (lambda: window_intensity([math.nan], 1.0, [1.0]), "farthest_depths has shape"),
        (lambda: online_update(Online(), 1.0, 1, 0.0), "half_life_s = 0.0: must be > 0"),
        (lambda: online_update(Online(time_ns=5), 1.0, 4, 1.0), "time_ns = 4: must not be before"),
        (lambda: online_fit(Online()), r"state.watched_s = 0.0: must be > 0"),
        (lambda: is_stale(Calibration(fit_depths([], 1.0), 0, ""), 1, 0.0), "longest_s = 0.0: must be > 0"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
