"""The walk of regimes: causal, patient with gaps and refusals, and measured against itself and a peer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.calibration.regime_fit import Fit, Refusal
from titan.calibration.regime_walk import (
    agreement,
    bar_features,
    peer_regimes,
    refit_agreements,
    walk_regimes,
)
from titan.calibration.regimes import Rule

FIT = Fit(starts=1)
prices = st.floats(0.01, 1e5)
labels = st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=30)


def bars(rows: int = 500, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    wild = np.arange(rows) // 50 % 2
    swing = np.array([0.005, 0.02])[wild]
    return np.column_stack(
        [swing * rng.standard_normal(rows), np.log(swing) + 0.2 * rng.standard_normal(rows)]
    ), wild


@pytest.mark.parametrize("day", [260, 300, 450])
def test_bars_to_come_change_nothing_that_was_said(day):
    table, _ = bars()
    later = table.copy()
    later[day:] *= 2.0
    before, after = (walk_regimes(one, FIT, Rule(), 250, 100) for one in (table, later))
    seen = day - 250
    assert before.regimes[:seen].tolist() == after.regimes[:seen].tolist()
    assert before.probabilities[:seen].tolist() == after.probabilities[:seen].tolist()


def test_the_regimes_that_made_the_bars_are_found_and_refits_agree():
    table, wild = bars()
    walk = walk_regimes(table, FIT, Rule(bars=1), 250, 100)
    assert walk.begins == (250, 350, 450)
    assert np.mean(walk.regimes == wild[250:]) > 0.9
    assert walk.probabilities.sum(axis=1) == pytest.approx(np.ones(250))
    assert all(share > 0.9 for share in refit_agreements(walk, table, Rule()))
    assert agreement(walk.regimes, peer_regimes(table[250:, 0], 2)) > 0.75


def test_a_gap_takes_its_bar_and_is_no_evidence():
    table, _ = bars()
    table[[100, 300, 301]] = math.nan
    walk = walk_regimes(table, FIT, Rule(), 250, 300)
    chain = np.array(walk.refits[0].model.transition)
    assert walk.probabilities[50] == pytest.approx(walk.probabilities[49] @ chain)
    assert walk.probabilities[51] == pytest.approx(walk.probabilities[50] @ chain)


def test_a_refused_first_fit_leaves_bars_without_a_regime_until_one_is_accepted():
    table, _ = bars(700)
    table[:250, 1] = table[:250, 0]  # a feature that follows the other
    walk = walk_regimes(table, FIT, Rule(), 250, 250)
    assert walk.refits[0].refusal is Refusal.DEGENERATE
    assert walk.refits[1].model is not None
    assert set(walk.regimes[:250].tolist()) == {-1}
    assert set(walk.regimes[250:].tolist()) == {0, 1}
    assert np.isnan(walk.probabilities[:250]).all()
    assert math.isnan(refit_agreements(walk, table, Rule())[0])


@given(st.lists(st.tuples(prices, prices, prices, prices), min_size=1, max_size=20), st.floats(0.5, 2.0))
def test_features_have_no_unit_and_a_bar_that_stands_still_has_none(rows, scale):
    table = np.sort(np.array(rows), axis=1)
    low, opened, close, high = table.T
    found = bar_features(opened, high, low, close)
    assert found[:, 0][high > low] == pytest.approx(np.log(close / opened)[high > low])
    assert np.isnan(found).all(axis=1).tolist() == (high == low).tolist()
    wide = high > low * (1.0 + 1e-6)  # else the range is rounding
    other = bar_features(scale * opened, scale * high, scale * low, scale * close)
    assert other[wide] == pytest.approx(found[wide], rel=1e-6, abs=1e-6)


@given(labels)
def test_agreement_counts_what_both_know(pairs):
    one, two = zip(*pairs, strict=True)
    known = [a == b for a, b in pairs if a >= 0 and b >= 0]
    share = agreement(one, two)
    assert share == agreement(two, one) or math.isnan(share)
    assert math.isnan(share) if not known else share == sum(known) / len(known)


def test_a_peer_labels_by_volatility_and_leaves_gaps():
    table, wild = bars()
    returns = table[:, 0].copy()
    returns[7] = math.nan
    found = peer_regimes(returns, 2)
    assert found[7] == -1
    assert np.mean(found == wild) > 0.8
    with pytest.raises(ValueError, match="returns: must vary"):
        peer_regimes(np.zeros(200), 2)
