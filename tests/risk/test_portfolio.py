"""The portfolio's shortfall over many desks: parts sum, books add, doubling doubles, and the assumption is not mild."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.risk.test_scenarios import METHOD, record
from titan.risk.portfolio import assumed_shortfall, desk_shortfall, estimate_portfolio, worst_move

ROWS = record(5, rows=200)
holdings = st.lists(st.lists(st.floats(-1e5, 1e5), min_size=3, max_size=3), min_size=1, max_size=4).map(
    np.array
)
short = st.sampled_from([ROWS, ROWS[:10], ROWS[:0]])


@settings(deadline=None, max_examples=30)
@given(holdings, short)
def test_the_parts_sum_and_books_add(held, rows):
    apart = estimate_portfolio(rows, 0, held, METHOD)
    together = estimate_portfolio(rows, 0, held.sum(axis=0, keepdims=True), METHOD)
    size = float(np.abs(held).sum()) + 1.0
    assert float(apart.shortfall.parts.sum()) == pytest.approx(
        apart.shortfall.total, rel=1e-9, abs=1e-12 * size
    )
    assert apart.shortfall.total == pytest.approx(together.shortfall.total, rel=1e-9, abs=1e-12 * size)
    assert apart.shortfall.parts.sum(axis=0) == pytest.approx(
        together.shortfall.parts[0], rel=1e-6, abs=1e-9 * size
    )
    assert apart.worst == pytest.approx(together.worst, rel=1e-9, abs=1e-12 * size, nan_ok=True)


@settings(deadline=None, max_examples=30)
@given(holdings, short, st.floats(0.01, 100.0))
def test_scaling_the_desk_scales_all_of_it(held, rows, factor):
    once, more = (estimate_portfolio(rows, 0, h, METHOD).shortfall for h in (held, factor * held))
    size = factor * (float(np.abs(held).sum()) + 1.0)
    for one, other in zip(once, more, strict=True):
        assert np.asarray(other) == pytest.approx(
            factor * np.asarray(one), rel=1e-6, abs=1e-9 * size, nan_ok=True
        )


@settings(deadline=None, max_examples=10)
@given(holdings)
def test_what_is_assumed_is_at_least_what_any_correlation_could_lose(held):
    found = assumed_shortfall(held, 0.02, 0.025)
    net = held.sum(axis=0)
    alone = [assumed_shortfall([[value]], 0.02, 0.025).total for value in net]
    assert found.total == pytest.approx(sum(alone))
    assert found.total == pytest.approx(assumed_shortfall(-held, 0.02, 0.025).total)
    assert math.isnan(found.error)


def test_the_first_returns_change_from_assumed_to_measured_at_the_last_one_needed():
    held = np.array([[1e4, -1e4, 0.0]])
    lacking = estimate_portfolio(ROWS[:39], 0, held, METHOD)
    there = estimate_portfolio(ROWS[:40], 0, held, METHOD)
    assert (lacking.measured, lacking.seen, lacking.needed) == (False, 39, 40)
    assert (there.measured, there.seen, there.needed) == (True, 40, 40)
    assert lacking.shortfall.total > there.shortfall.total > 0
    assert math.isnan(lacking.worst)


def test_where_bitcoin_has_no_record_the_longest_stands_for_it():
    rows = ROWS.copy()
    rows[:, 0] = math.nan
    found = estimate_portfolio(rows, 0, [[0.0, 1e4, 0.0]], METHOD)
    assert (found.measured, found.market) == (True, 1)


def test_the_error_falls_with_the_record_and_counts_the_volatility():
    once, often = (desk_shortfall(np.tile(ROWS, (n, 1)), [[1e4, 0.0, 0.0]], 0.1, 1e12) for n in (1, 4))
    assert often.error == pytest.approx(once.error / 2, rel=1e-6)
    uncertain = desk_shortfall(ROWS, [[1e4, 0.0, 0.0]], 0.1, 20.0)
    assert uncertain.error > once.error
    assert uncertain.total == once.total


def test_a_dust_of_a_position_has_a_risk_like_any_other():
    dust = desk_shortfall(ROWS, [[1e-160, 0.0, 0.0]], 0.1, 20.0)
    plain = desk_shortfall(ROWS, [[1.0, 0.0, 0.0]], 0.1, 20.0)
    assert dust.total == pytest.approx(1e-160 * plain.total, rel=1e-9)


def test_the_worst_move_is_the_records_own():
    falls = np.array([[0.01], [-0.02], [-0.03], [0.05]])
    assert worst_move(falls, [100.0], 1) == pytest.approx(3.0)
    assert worst_move(falls, [100.0], 2) == pytest.approx(100 * (1 - 0.98 * 0.97))
    assert worst_move(falls, [-100.0], 1) == pytest.approx(5.0)
    assert worst_move([[0.01]], [100.0], 1) == pytest.approx(-1.0), "where all of them gain, nothing is lost"
