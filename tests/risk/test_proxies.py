"""Proxies: a matrix with every asset in it, whoever is new; returns of the past alone; and input that is refused."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.risk.correlation import ewma_covariance
from titan.risk.proxies import proxied_covariance, synchronous_returns

NAN = math.nan
seeds = st.integers(0, 2**32 - 1)
ages = st.lists(st.integers(0, 60), min_size=3, max_size=3)


def history(seed: int, listed: list[int]) -> np.ndarray:
    """Return 60 returns of Bitcoin (column 1) and of three coins, seen for as long as `listed` says."""
    rng = np.random.default_rng(seed)
    table = 0.02 * rng.standard_normal((60, 4)) + 0.02 * rng.standard_normal((60, 1))
    for column, age in zip((0, 2, 3), listed, strict=True):
        table[: 60 - age, column] = NAN
    return table


def covariance(table: np.ndarray, market: int = 1, **changes: float):
    given = {"beta": 1.2, "floor": 0.01, "half_life": 20.0, "enough": 30}
    return proxied_covariance(table, market, **{**given, **changes})


@given(seeds, ages, st.floats(-3.0, 3.0))
def test_every_asset_has_its_place_and_its_risk(seed, listed, beta):
    found = covariance(history(seed, listed), beta=beta)
    assert found.proxied.tolist() == [listed[0] < 30, False, listed[1] < 30, listed[2] < 30]
    assert (found.covariance == found.covariance.T).all()
    assert np.linalg.eigvalsh(found.covariance)[0] > -1e-12
    assert (np.sqrt(np.diag(found.covariance))[found.proxied] >= 0.01 * (1.0 - 1e-9)).all()
    assert found.covariance[1] == pytest.approx(found.slopes * found.covariance[1, 1])


@given(seeds, ages, st.permutations(range(4)))
def test_the_order_of_assets_does_not_matter(seed, listed, order):
    table = history(seed, listed)
    base, other = covariance(table), covariance(table[:, order], order.index(1))
    assert other.covariance == pytest.approx(base.covariance[np.ix_(order, order)], rel=1e-9, abs=1e-15)
    assert other.slopes == pytest.approx(base.slopes[list(order)])


@given(seeds, ages, st.floats(0.01, 100.0))
def test_returns_and_floor_in_percent_give_a_covariance_in_percent(seed, listed, scale):
    table = history(seed, listed)
    base, other = covariance(table), covariance(scale * table, floor=scale * 0.01)
    assert other.covariance == pytest.approx(scale**2 * base.covariance)


@given(seeds, ages)
def test_seasoned_assets_are_as_without_the_new_ones(seed, listed):
    found = covariance(history(seed, listed))
    old = ~found.proxied
    common = history(seed, listed)[:, old]
    whole = ewma_covariance(common[np.isfinite(common).all(axis=1)], 20.0)
    assert found.covariance[np.ix_(old, old)] == pytest.approx(whole)


@given(seeds, st.integers(0, 29))
def test_a_new_coin_is_drawn_to_the_usual_slope(seed, age):
    table = history(seed, [age, 60, 60])
    slopes = [covariance(table, beta=beta).slopes[0] for beta in (0.0, 1.0)]
    assert slopes[1] - slopes[0] == pytest.approx(1.0 - age / 30)


def test_a_wild_coin_is_as_wild_as_it_was_seen():
    table = history(1, [20, 60, 60])
    table[-20:, 0] = 0.5 * (-1.0) ** np.arange(20)
    assert covariance(table).covariance[0, 0] == pytest.approx(0.25)


def test_a_coin_seen_only_while_the_market_stood_still():
    table = history(1, [3, 60, 60])
    table[-3:, 1], table[-3:, 0] = 0.0, 0.3
    found = covariance(table)
    assert (found.slopes[0], found.covariance[0, 0]) == (1.2, pytest.approx(0.09))


@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(1.0, 100.0)), min_size=1, max_size=30),
    st.integers(0, 300),
)
def test_prices_are_the_last_ones_before(ticks, oldest):
    ticks = sorted(ticks, key=lambda tick: tick[0])
    times, prices = (list(column) for column in zip(*ticks, strict=True))
    grid = [0, 100, 250, 400, 600]
    at = []
    for point in grid:
        past = [(time, price) for time, price in ticks if point - oldest <= time <= point]
        at.append(past[-1][1] if past else NAN)
    expected = [later / before - 1.0 for before, later in pairwise(at)]
    assert synchronous_returns(times, prices, grid, oldest) == pytest.approx(expected, nan_ok=True)
    extended = synchronous_returns([*times, 601], [*prices, 1e9], grid, oldest)
    assert extended == pytest.approx(expected, nan_ok=True)


def test_a_unit_of_price_does_not_matter():
    found = [synchronous_returns([0, 10], [scale, 1.1 * scale], [5, 15], 100)[0] for scale in (1.0, 1e-6)]
    assert found == pytest.approx([0.1, 0.1])


TABLE = history(1, [10, 60, 60])
HOLE = TABLE.copy()
HOLE[-5, 0] = NAN
FLAT = TABLE.copy()
FLAT[:, 1] = 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: covariance([0.1]), r"returns has shape \(1,\): must be \(n, k\)"),
        (lambda: covariance(np.zeros((0, 2))), r"returns has shape \(0, 2\)"),
        (lambda: covariance(HOLE), r"returns\[55, 0\] = nan: only before an asset's first .* widen the grid"),
        (lambda: covariance([[math.inf]]), r"returns\[0, 0\] = inf"),
        (lambda: covariance(TABLE, 4), "market = 4: must be a column, 0 to 3"),
        (lambda: covariance(TABLE, -1), "market = -1: must be a column"),
        (lambda: covariance(TABLE, NAN), "market = nan: must be a column"),
        (lambda: covariance(TABLE, 0), "market = 0: must have moved, over 30 returns or more; has 10"),
        (lambda: covariance(FLAT), "market = 1: must have moved"),
        (lambda: covariance(TABLE, beta=NAN), "beta = nan: must be finite"),
        (lambda: covariance(TABLE, floor=0.0), "floor = 0.0: must be > 0"),
        (lambda: covariance(TABLE, enough=1), "enough = 1: must be >= 2"),
        (lambda: covariance(TABLE, half_life=-1.0), "half_life = -1.0: must be > 0"),
        (lambda: synchronous_returns([], [], [0, 1], 1), r"time_ns has shape \(0,\): must be whole ns"),
        (lambda: synchronous_returns([0.5], [1.0], [0, 1], 1), "time_ns has shape .* whole ns"),
        (lambda: synchronous_returns([2, 1], [1.0, 1.0], [0, 1], 1), r"time_ns .* each >= the last \+ 0"),
        (lambda: synchronous_returns([0], [1.0], [0], 1), r"grid_ns has shape \(1,\): must be .* n > 1"),
        (lambda: synchronous_returns([0], [1.0], [1, 1], 1), r"grid_ns .* each >= the last \+ 1"),
        (
            lambda: synchronous_returns([0], [1.0, 2.0], [0, 1], 1),
            r"price has shape \(2,\), least 1.0: must be \(1,\)",
        ),
        (lambda: synchronous_returns([0], [0.0], [0, 1], 1), "least 0.0: must be .* > 0"),
        (lambda: synchronous_returns([0], [NAN], [0, 1], 1), r"price\[0\] = nan: must be finite"),
        (lambda: synchronous_returns([0], [1.0], [0, 1], -1), "oldest_ns = -1: must be >= 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
