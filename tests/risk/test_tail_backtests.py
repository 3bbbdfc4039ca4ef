"""Tail backtests: known answers, symmetries and units, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from titan.risk.tail_backtests import (
    acerbi_szekely,
    acerbi_szekely_ranks,
    chi_squared_tail,
    christoffersen,
    du_escanciano,
    exceedances,
    kupiec,
    kupiec_band,
    share_below,
)

unit = st.floats(0.001, 0.999)
ranks = st.lists(unit, min_size=40, max_size=120)
hits = st.lists(st.booleans(), min_size=2, max_size=80)


@given(st.floats(0.0, 500.0), st.integers(1, 40))
def test_chi_squared_is_scipys(value, degrees):
    expected = stats.chi2.sf(value, degrees)
    assert chi_squared_tail(value, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@given(st.integers(1, 500), st.floats(0.01, 0.5))
def test_as_many_as_expected_is_no_evidence(days, tail):
    best = kupiec(round(days * tail), days, tail)
    assert best.statistic <= min(kupiec(0, days, tail)[0], kupiec(days, days, tail)[0]) + 1e-9
    assert 0.0 <= best.p_value <= 1.0


@given(st.integers(1, 300), st.data())
def test_kupiec_does_not_care_which_side_is_counted(days, data):
    count, tail = data.draw(st.integers(0, days)), data.draw(st.floats(0.01, 0.99))
    one, other = kupiec(count, days, tail), kupiec(days - count, days, 1.0 - tail)
    assert one.statistic == pytest.approx(other.statistic, abs=1e-8)


def test_a_stricter_level_accepts_more():
    narrow, wide = kupiec_band(250, 0.025), kupiec_band(250, 0.025, level=0.01)
    assert wide[0] <= narrow[0] < narrow[1] < wide[1]


@given(hits, st.floats(0.01, 0.5))
def test_both_together_are_the_sum(series, tail):
    independence, both = christoffersen(series, tail)
    assert independence.statistic >= 0.0
    expected = independence.statistic + kupiec(sum(series), len(series), tail).statistic
    assert both.statistic == pytest.approx(expected)
    assert 0.0 <= both.p_value <= 1.0


def test_christoffersen_by_hand():
    series = [0, 0, 1, 1, 0, 0, 0, 1, 0, 0]  # from 0: 2 of 6 hit; from 1: 1 of 3
    assert christoffersen(series, 0.3)[0].statistic == pytest.approx(0.0, abs=1e-12)
    apart = 3 * math.log(0.75) + math.log(0.25) + math.log(0.25) + 3 * math.log(0.75)
    pooled = 8 * math.log(0.5)
    found = christoffersen([0, 0, 0, 0, 1, 1, 1, 1, 0], 0.3)[0]
    assert found.statistic == pytest.approx(2 * (apart - pooled))


@given(ranks, st.floats(1e-3, 1e3))
def test_depth_has_no_unit(order, scale):
    pnl = stats.norm.ppf(order)
    base = acerbi_szekely(pnl, np.ones(len(pnl)), np.full(len(pnl), 1.5), 0.1)
    other = acerbi_szekely(scale * pnl, np.full(len(pnl), scale), np.full(len(pnl), 1.5 * scale), 0.1)
    assert other == pytest.approx(base, rel=1e-6, abs=1e-9, nan_ok=True)


@settings(deadline=None)
@given(ranks)
def test_deeper_losses_are_never_better(order):
    pnl, ones = stats.norm.ppf(order), np.ones(len(order))
    base = acerbi_szekely(pnl, ones, 1.5 * ones, 0.1)
    worse = acerbi_szekely(pnl - 0.5, ones, 1.5 * ones, 0.1)
    assert worse[1] <= base[1]
    lower = 0.5 * np.array(order)
    assert du_escanciano(lower, 0.1)[0].statistic >= du_escanciano(order, 0.1)[0].statistic
    z3 = [acerbi_szekely_ranks(x, stats.norm.ppf, 0 * ones, ones, 0.1) for x in (order, lower)]
    assert z3[1] <= z3[0]


def test_exactly_as_forecast_is_zero():
    pnl = np.array([-2.0, *([1.0] * 9)])
    assert acerbi_szekely(pnl, np.ones(10), np.full(10, 2.0), 0.1) == (0.0, 0.0)


def test_without_an_exceedance():
    z1, z2 = acerbi_szekely([1.0, 2.0], [1.0, 1.0], [2.0, 2.0], 0.1)
    assert math.isnan(z1)
    assert z2 == 1.0
    mean, serial = du_escanciano([0.5] * 9, 0.1, lags=3)
    assert mean.statistic < 0.0
    assert serial == (0.0, 1.0)


def test_a_run_of_deep_days_is_seen():
    order = np.full(500, 0.5)
    order[100:110] = 0.001
    assert du_escanciano(order, 0.025)[1].p_value < 1e-9


def test_the_unit_and_the_mean_of_each_forecast_count_in_the_ranks_statistic():
    order = np.full(100, 0.5)
    order[:5] = 0.001
    ones = np.ones(100)
    base = acerbi_szekely_ranks(order, stats.norm.ppf, 0 * ones, ones, 0.05)
    scaled = acerbi_szekely_ranks(order, stats.norm.ppf, 0 * ones, 7.0 * ones, 0.05)
    shifted = acerbi_szekely_ranks(order, stats.norm.ppf, -ones, ones, 0.05)
    assert scaled == pytest.approx(base)
    assert base < shifted < 0.0


def test_share_below_counts_itself():
    assert share_below(-1.0, [-2.0, 0.0, 1.0]) == 0.5
    assert share_below(-9.0, [-2.0, 0.0, 1.0]) == 0.25


half = [0.5, 0.5]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: chi_squared_tail(1.0, 0), "degrees = 0: must be"),
        (lambda: chi_squared_tail(math.nan, 1), "value = nan"),
        (lambda: kupiec(3, 2, 0.1), "exceedances = 3: must be within 0..days = 2"),
        (lambda: kupiec(0, 0, 0.1), "days = 0, days >= 1"),
        (lambda: kupiec(1, 2, 0.0), "tail = 0.0"),
        (lambda: kupiec_band(10, 0.1, level=1.0), "level = 1.0: must be below"),
        (lambda: exceedances([1.0], [1.0, 2.0]), r"value_at_risk has shape \(2,\)"),
        (lambda: exceedances([math.nan], [1.0]), r"pnl\[0\] = nan"),
        (lambda: christoffersen([1], 0.1), r"hits has shape \(1,\)"),
        (lambda: christoffersen([1, 2], 0.1), "hits = 2.0: must be 0 or 1"),
        (lambda: acerbi_szekely([1.0], [1.0], [0.0], 0.1), r"shortfall has shape \(1,\), least 0.0"),
        (lambda: acerbi_szekely([1.0], [1.0], [1.0, 1.0], 0.1), r"shortfall has shape \(2,\)"),
        (lambda: share_below(0.0, []), r"simulated has shape \(0,\)"),
        (lambda: acerbi_szekely_ranks([0.5], np.log, [0.0], [1.0], 0.5), r"ranks has shape \(1,\)"),
        (lambda: acerbi_szekely_ranks([0.0, 0.5], np.log, half, half, 0.5), "ranks = 0.0..0.5"),
        (lambda: acerbi_szekely_ranks(half, np.log, half, [0.0, 1.0], 0.5), "deviations > 0"),
        (lambda: acerbi_szekely_ranks(half, np.log, [0.0], half, 0.5), r"means has shape \(1,\)"),
        (lambda: acerbi_szekely_ranks(half, np.log, [9.0, 0.0], half, 0.5), "means = 9.0 at most"),
        (lambda: du_escanciano(half, 0.1, lags=0), "lags = 0: must be >= 1"),
        (lambda: du_escanciano(half, 0.1), r"ranks has shape \(2,\): must be \(n,\), n >= 6"),
        (lambda: du_escanciano([1.1, 0.5], 0.1, lags=1), "ranks = 0.5..1.1: must be within 0..1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
