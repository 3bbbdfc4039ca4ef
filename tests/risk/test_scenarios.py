"""Scenarios over many records: their second moments are today's, and neither order nor unit of an asset matters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.risk.scenarios import Method, filtered_scenarios, known_returns

METHOD = Method(half_life=30.0, periods=4.0, enough=40)


def record(seed: int, rows: int = 120, assets: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.eye(assets) + rng.uniform(-0.5, 0.8, (assets, assets))
    return 0.001 * rng.standard_t(5, (rows, assets)) @ mixing


seeds = st.integers(0, 10_000)


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(1, 5))
def test_second_moments_are_todays_and_the_correlation_is_one(seed, assets):
    found = filtered_scenarios(record(seed, assets=assets), 0, METHOD)
    wanted = found.correlation * np.outer(found.volatilities, found.volatilities)
    assert found.returns.T @ found.returns / len(found.returns) == pytest.approx(wanted, rel=1e-4, abs=1e-12)
    assert np.diag(found.correlation) == pytest.approx(1.0)
    assert np.linalg.eigvalsh(found.correlation)[0] > 0


@settings(deadline=None, max_examples=40)
@given(seeds, st.permutations([0, 1, 2]))
def test_the_order_of_the_assets_does_not_matter(seed, order):
    table = record(seed)
    plain = filtered_scenarios(table, 0, METHOD).returns
    turned = filtered_scenarios(table[:, order], order.index(0), METHOD).returns
    assert turned == pytest.approx(plain[:, order], rel=1e-6, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(seeds, st.floats(0.1, 10.0))
def test_an_asset_that_moves_twice_as_far_is_seen_to(seed, factor):
    table = record(seed)
    more = filtered_scenarios(table * [1.0, factor, 1.0], 0, METHOD).returns
    assert more == pytest.approx(
        filtered_scenarios(table, 0, METHOD).returns * [1.0, factor, 1.0], rel=1e-6, abs=1e-9
    )


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(0, 39))
def test_a_new_asset_is_never_without_risk_nor_below_its_floor(seed, seen):
    table = record(seed)
    table[: len(table) - seen, 2] = math.nan
    found = filtered_scenarios(table, 0, METHOD)
    assert found.proxied.tolist() == [False, False, True]
    assert found.volatilities[2] >= METHOD.floor * 2.0 * (1 - 1e-9)
    assert np.isfinite(found.returns).all()


def test_a_price_that_stands_still_is_no_calm():
    table = record(1)
    table[-40:, 1] = 0.0
    assert np.isnan(known_returns(table, 40)[:, 1]).all()
    assert filtered_scenarios(table, 0, METHOD).proxied.tolist() == [False, True, False]


def test_two_prices_of_one_coin_are_one_and_can_be_computed():
    table = record(2, assets=1)
    found = filtered_scenarios(np.hstack([table, table]), 0, METHOD)
    assert found.returns[:, 0] == pytest.approx(found.returns[:, 1], rel=1e-2, abs=1e-5)


def test_the_scale_is_that_of_now():
    table = record(3)
    woken = np.vstack([table, 5.0 * table[:60]])
    before, after = (filtered_scenarios(rows, 0, METHOD).volatilities for rows in (table, woken))
    assert (after > 3.0 * before).all()
