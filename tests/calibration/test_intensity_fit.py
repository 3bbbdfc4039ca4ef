"""Own fills: exposures add up, units, where no law exists, intervals, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from titan.calibration.intensity import verdict
from titan.calibration.intensity_fit import Exposures, exposures, fit_exposures, quote_stays

rows = st.lists(
    st.tuples(st.integers(-5, 200), st.floats(0.1, 1e4), st.integers(0, 50)),
    min_size=2,
    max_size=20,
    unique_by=lambda row: row[0],
)
moves = st.lists(st.tuples(st.floats(0.01, 5.0), st.floats(50.0, 150.0)), min_size=1, max_size=20)


@given(moves, st.sampled_from([1, -1]), st.floats(0.0, 0.9), st.floats(0.1, 50.0), st.integers(0, 5))
def test_every_second_and_every_fill_is_counted_once(
    path: list[tuple[float, float]], side: int, late: float, life: float, fills: int
) -> None:
    times = np.cumsum([gap for gap, _ in path])
    start = float(times[0] + late)
    filled = start + life * np.arange(1, fills + 1) / max(fills, 1)
    end = max(start + life, float(filled.max(initial=0.0)))
    stays = quote_stays(side, 100.0, start, end, [*filled, *filled], times, [mid for _, mid in path])
    assert stays.seconds.sum() == pytest.approx(end - start)
    assert (stays.seconds > 0.0).all()
    assert stays.fills.sum() == len(np.unique(filled))
    assert set(stays.depth.tolist()) <= {side * (mid - 100.0) for _, mid in path}
    summed = exposures([stays, stays])
    assert (np.diff(summed.depth) > 0.0).all()
    assert summed.seconds.sum() == pytest.approx(2.0 * (end - start))
    assert summed.fills.sum() == 2 * len(np.unique(filled))


def test_a_grid_gathers_depths() -> None:
    fine = Exposures(np.array([0.24, 0.26, 0.74]), np.array([1.0, 2.0, 4.0]), np.array([0, 1, 2]))
    rounded = exposures([fine], step=0.25)
    assert rounded.depth.tolist() == [0.25, 0.75]
    assert rounded.seconds.tolist() == [3.0, 4.0]
    assert rounded.fills.tolist() == [1, 2]
    assert len(exposures([fine]).depth) == 3
    assert [len(column) for column in exposures([])] == [0, 0, 0]


def test_fills_at_one_end_alone_give_no_law_whatever_their_mean_is_rounded_to() -> None:
    assert fit_exposures([0.1, 0.2], [1.0, 1.0], [3, 0]).law.decay == math.inf
    assert fit_exposures([0.1, 0.2, 0.3], [1.0, 1.0, 1.0], [0, 0, 3]).law.decay == -math.inf


@settings(deadline=None)
@given(rows)
@example([(0, 1.9, 0), (174, 7407.0, 1), (200, 1.0, 1), (23, 31.0, 0)])
@example([(0, 1.0, 0), (1, 1.0, 0), (98, 24.0, 1), (106, 1.0, 5)])
@example([(0, 0.125, 0), (176, 192.0, 1), (177, 0.25, 0)])
@example([(195, 1.0, 2), (196, 19.0, 1)])
def test_where_a_maximum_exists_its_interval_holds_it(table: list[tuple[int, float, int]]) -> None:
    depth, seconds, fills = (np.array(column) for column in zip(*table, strict=True))
    found = fit_exposures(0.1 * depth, seconds, fills)
    law = found.law
    assert law.orders == fills.sum()
    if math.isfinite(law.decay):
        assert law.decay_low < law.decay < law.decay_high
        assert law.rate_low <= law.rate * (1 + 1e-9)
        assert law.rate <= law.rate_high * (1 + 1e-9)
        if not 1e-300 < law.rate < 1e300:  # at the mid, where no quote stood: what no number holds
            assert verdict(law)
            return
        expected = seconds * law.rate * np.exp(-0.1 * law.decay * depth)
        assert expected.sum() == pytest.approx(fills.sum(), rel=1e-6)
        assert expected @ depth == pytest.approx(
            fills @ depth, rel=1e-6, abs=1e-6 * (1.0 + fills @ abs(depth))
        )
        assert 0.0 <= law.misfit < 1.0
        assert found.dispersion >= 0.0 or len(table) == 2
    else:
        assert verdict(law)
        assert math.isnan(law.rate)


@settings(deadline=None)
@given(st.floats(1e-2, 1e2), st.floats(1e-2, 1e2), st.permutations(range(20)))
def test_units_and_order_do_not_matter(price_unit: float, time_unit: float, order: list[int]) -> None:
    depth, seconds = 1.0 + np.arange(20.0), 50.0 + np.arange(20.0)
    fills = np.random.default_rng(3).poisson(2.0 * seconds * np.exp(-0.2 * depth))
    base = fit_exposures(depth, seconds, fills)
    other = fit_exposures(price_unit * depth[order], time_unit * seconds[order], fills[order])
    for name in ("rate", "rate_low", "rate_high"):
        assert getattr(other.law, name) * time_unit == pytest.approx(getattr(base.law, name), rel=1e-6)
    for name in ("decay", "decay_low", "decay_high"):
        assert getattr(other.law, name) * price_unit == pytest.approx(getattr(base.law, name), rel=1e-6)
    assert np.array(other.decay_wald) * price_unit == pytest.approx(np.array(base.decay_wald), rel=1e-6)
    assert (other.law.misfit, other.dispersion) == pytest.approx((base.law.misfit, base.dispersion), rel=1e-6)


def test_two_depths_are_met_exactly_and_tell_no_dispersion() -> None:
    found = fit_exposures([1.0, 3.0], [100.0, 200.0], [80, 40])
    assert found.law.decay == pytest.approx(math.log(0.8 / 0.2) / 2.0, rel=1e-9)
    assert found.law.rate == pytest.approx(0.8 * math.exp(found.law.decay), rel=1e-9)
    assert math.isnan(found.dispersion)
    assert verdict(found.law) == ""


def test_clusters_widen_and_confidence_widens() -> None:
    depth, seconds = np.arange(0.5, 20.0), np.full(20, 100.0)
    alone = np.random.default_rng(1).poisson(100.0 * np.exp(-0.1 * depth))
    base = fit_exposures(depth, seconds, alone).law
    clustered = fit_exposures(
        depth, seconds, 5 * np.random.default_rng(1).poisson(20.0 * np.exp(-0.1 * depth))
    )
    assert clustered.dispersion > 2.0
    profile = clustered.law.decay_high - clustered.law.decay_low
    assert profile > 1.3 * (clustered.decay_wald[1] - clustered.decay_wald[0])
    surer = fit_exposures(depth, seconds, alone, confidence=0.99).law
    assert surer.decay_low < base.decay_low < base.decay_high < surer.decay_high
    assert surer.rate_low < base.rate_low < base.rate_high < surer.rate_high


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (([], [], []), "0.0 orders"),
        (([1.0, 2.0], [5.0, 5.0], [0, 0]), "0.0 orders"),
        (([1.0], [5.0], [40]), "1 distinct depth"),
        (([1.0, 2.0], [5.0, 5.0], [40, 0]), "decay = inf"),
        (([1.0, 2.0], [5.0, 5.0], [0, 40]), "decay = -inf"),
        (([1.0, 2.0], [5.0, 5.0], [30, 40]), "decay = -0.28"),
        (([1.0, 1.1], [50.0, 50.0], [32, 30]), "only: 50% is the most"),
    ],
)
def test_the_verdict_names_why_no_law_is_known(table, reason: str) -> None:
    assert reason in verdict(fit_exposures(*table).law)


STAY = {"side": 1, "price": 9.0, "start_s": 0.0, "end_s": 5.0, "fill_times_s": [1.0]}
STAY |= {"mid_times_s": [0.0, 2.0], "mids": [10.0, 11.0]}
ROWS = {"depth": [1.0, 2.0], "seconds": [5.0, 5.0], "fills": [4, 2]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side": 0}, "side = 0: must be"),
        ({"price": 0.0}, "price = 0.0: must be > 0"),
        ({"start_s": -1.0}, "start_s = -1.0: must be finite and >= the first mid's"),
        ({"start_s": math.nan}, "start_s = nan"),
        ({"end_s": 0.0}, "end_s = 0.0: must be finite and > start_s"),
        ({"end_s": math.inf}, "end_s = inf"),
        ({"fill_times_s": [0.0]}, "fill_times_s = .* must lie after"),
        ({"fill_times_s": [5.1]}, "fill_times_s = .* not after 5.0"),
        ({"fill_times_s": [math.nan]}, "fill_times_s = nan: must be finite"),
        ({"mid_times_s": [0.0, 0.0]}, r"mid_times_s\[1:\] = 0.0: must rise strictly"),
        ({"mid_times_s": [0.0]}, r"mids has shape \(2,\): must be that of mid_times_s"),
        ({"mids": [10.0, -1.0]}, "mids has shape"),
        ({"mids": [[10.0]]}, r"mids has shape \(1, 1\)"),
        ({"mid_times_s": [], "mids": []}, r"mids has shape \(0,\)"),
    ],
)
def test_bad_stays_are_refused(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quote_stays(**{**STAY, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": [1.0]}, r"depth has shape \(1,\): must be that of seconds"),
        ({"depth": [1.0, 1.0]}, "depth: must not repeat"),
        ({"depth": [1.0, math.inf]}, "depth = inf: must be finite"),
        ({"seconds": [5.0, 0.0]}, "seconds = 0.0: must be > 0"),
        ({"fills": [4, -1]}, "fills = -1.0: must be whole"),
        ({"fills": [4, 0.5]}, "fills = 0.5: must be whole"),
        ({"confidence": 1.0}, "confidence = 1.0: must be > 0 and < 1"),
    ],
)
def test_bad_rows_are_refused(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_exposures(**{**ROWS, **changes})


@pytest.mark.parametrize("step", [-1.0, math.nan, math.inf])
def test_a_bad_step_is_refused(step: float) -> None:
    with pytest.raises(ValueError, match=r"step = .*: must be >= 0"):
        exposures([], step)


def test_a_stay_without_a_number_is_refused() -> None:
    broken = Exposures(np.array([1.0]), np.array([math.nan]), np.array([0]))
    with pytest.raises(ValueError, match=r"stays.seconds = nan: must be finite"):
        exposures([broken])
