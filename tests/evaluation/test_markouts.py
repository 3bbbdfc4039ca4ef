"""Markouts: the definition, symmetry, scales and causality over all paths, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.evaluation.markouts import edges, markout_curve, markouts

mids = st.lists(st.tuples(st.integers(0, 20), st.floats(1.0, 1e6)), min_size=2, max_size=40)
draws = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.sampled_from([1, -1]), st.floats(0.1, 9.0)), min_size=2, max_size=20
)
horizons = st.lists(st.integers(0, 200), min_size=1, max_size=4)


def arrays(path, fills):
    times = np.cumsum([gap for gap, _ in path])
    times[-1] += 1
    at = times[0] + 1 + np.array([int(share * (times[-1] - times[0] - 1)) for share, _, _ in fills])
    return at, np.array([side for _, side, _ in fills]), times, np.array([mid for _, mid in path])


@given(mids, draws, horizons)
@settings(deadline=None)
def test_the_table_is_the_definition(path, fills, ahead):
    at, side, times, values = arrays(path, fills)
    table = markouts(at, side, times, values, ahead)
    for row, (time_ns, sign) in enumerate(zip(at.tolist(), side.tolist(), strict=True)):
        before = values[times < time_ns][-1]
        assert table.mids_before[row] == before
        for column, horizon in enumerate(ahead):
            assert table.moves[row, column] == sign * (values[times <= time_ns + horizon][-1] - before)
            assert table.known[row, column] == (time_ns + horizon <= times[-1])
    assert np.isfinite(table.moves).all()


@given(mids, draws, horizons)
def test_sides_mirror_and_prices_scale(path, fills, ahead):
    at, side, times, values = arrays(path, fills)
    table = markouts(at, side, times, values, ahead)
    assert (markouts(at, -side, times, values, ahead).moves == -table.moves).all()
    assert (markouts(at, side, times, 4.0 * values, ahead).moves == 4.0 * table.moves).all()
    assert (markouts(at * 60, side, times * 60, values, 60 * np.array(ahead)).moves == table.moves).all()


@given(mids, draws, horizons, st.floats(1.0, 1e6))
def test_a_later_mid_changes_no_known_markout(path, fills, ahead, later):
    at, side, times, values = arrays(path, fills)
    table = markouts(at, side, times, values, ahead)
    longer = markouts(at, side, np.append(times, times[-1] + 1), np.append(values, later), ahead)
    assert (longer.moves[table.known] == table.moves[table.known]).all()


@given(mids, draws)
def test_edge_and_markout_add_up_to_the_mid_after(path, fills):
    at, side, times, values = arrays(path, fills)
    table = markouts(at, side, times, values, [7])
    prices = np.array([price for _, _, price in fills])
    kept = edges(table, side, prices) + table.moves[:, 0]
    after = values[np.searchsorted(times, at + 7, side="right") - 1]
    assert kept == pytest.approx(side * (after - prices), abs=1e-8)


@given(draws)
def test_the_curve_is_the_weighted_mean_and_knows_no_unit_of_size(fills):
    path = [(3, 100.0 + at % 7) for at in range(40)]
    at, side, times, values = arrays(path, fills)
    weights = np.array([weight for _, _, weight in fills])
    if len(np.unique(at // 5)) < 2:
        return
    table = markouts(at, side, times, values, [0])
    curve = markout_curve(table, at, weights, 5)
    assert curve.mean[0] == pytest.approx(np.average(table.moves[:, 0], weights=weights), abs=1e-9)
    assert curve.fills[0] == len(fills)
    doubled = markout_curve(table, at, 2.0 * weights, 5)
    assert doubled.mean == pytest.approx(curve.mean)
    assert doubled.standard_error == pytest.approx(curve.standard_error)


def test_one_fill_a_block_gives_the_plain_standard_error():
    at, moves = np.arange(1, 9) * 10, np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
    path = np.ravel(np.column_stack([np.zeros(8), moves]))
    times = np.ravel(np.column_stack([at - 1, at + 1]))
    table = markouts(at, np.ones(8), times, path, [1])
    curve = markout_curve(table, at, np.ones(8), 10)
    assert curve.standard_error[0] == pytest.approx(np.std(moves, ddof=1) / math.sqrt(8), rel=1e-12)


def test_fills_past_the_path_or_without_weight_do_not_count():
    table = markouts([1, 3, 5], [1, 1, 1], [0, 2, 4, 6], [1.0, 2.0, 4.0, 8.0], [1, 3])
    curve = markout_curve(table, [1, 3, 5], [1.0, 1.0, 1.0], 1)
    assert curve.fills.tolist() == [3, 2]
    assert markout_curve(table, [1, 3, 5], [1.0, 1.0, 0.0], 1).fills.tolist() == [2, 2]
    with pytest.raises(ValueError, match="the fills of a horizon lie in 1 block: must be 2 or more"):
        markout_curve(table, [1, 3, 5], [1.0, 1.0, 1.0], 4)


GOOD = {
    "fill_times_ns": [1, 3],
    "sides": [1, -1],
    "mid_times_ns": [0, 2, 4],
    "mids": [1.0, 2.0, 3.0],
    "horizons_ns": [1],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fill_times_ns": [1.0, 3.0]}, "fill_times_ns has shape .* type float64: must be whole ns"),
        ({"fill_times_ns": []}, r"fill_times_ns has shape \(0,\)"),
        ({"fill_times_ns": [0, 3]}, r"fill_times_ns: must be in \(0, 4\]"),
        ({"fill_times_ns": [1, 5]}, r"fill_times_ns: must be in \(0, 4\]"),
        ({"sides": [1, 0]}, r"sides\[1\] = 0.0: must be 1 or -1"),
        ({"sides": [1]}, r"sides has shape \(1,\): must be \(2,\)"),
        ({"mid_times_ns": [0, 3, 2]}, r"mid_times_ns\[2\]: must not decrease"),
        ({"mids": [1.0, math.nan, 2.0]}, r"mids\[1\] = nan: must be finite"),
        ({"horizons_ns": [-1]}, "horizons_ns: must be >= 0"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        markouts(**(GOOD | change))


@pytest.mark.parametrize(
    ("times", "weights", "block_ns", "message"),
    [
        ([1, 3], [1.0, 1.0], 0, "block_ns = 0: must be > 0"),
        ([1, 3], [1.0, -1.0], 1, "weights: must be >= 0"),
        ([1, 3], [1.0], 1, r"weights has shape \(1,\): must be \(2,\)"),
        ([1, 3, 4], [1.0, 1.0], 1, r"fill_times_ns has shape \(3,\): must be \(2,\)"),
    ],
)
def test_a_bad_curve_is_refused(times, weights, block_ns, message):
    with pytest.raises(ValueError, match=message):
        markout_curve(markouts(**GOOD), times, weights, block_ns)


def test_edges_refuse_a_missing_price():
    with pytest.raises(ValueError, match=r"prices\[0\] = nan: must be finite"):
        edges(markouts(**GOOD), [1, -1], [math.nan, 1.0])
