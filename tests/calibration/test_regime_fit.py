"""Regime fit: what is taken over, what is refused for which reason, and that the old model then stays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.calibration.emissions import regime_model
from titan.calibration.regime_fit import (
    Fit,
    Refusal,
    bayes_information,
    fit_regimes,
    information_by_regimes,
    parameter_count,
)
from titan.calibration.regime_matching import regime_moments
from titan.calibration.regimes import Rule, filter_series, filter_start

FAST = Fit(starts=2)


def bars_of(seed, rows=400, wild=3.0):
    """Bars of a return and a log range, 50 calm and 50 wild ones in turn."""
    rng = np.random.default_rng(seed)
    swing = np.where(np.arange(rows) // 50 % 2, wild, 1.0)
    spans = np.log(swing) + 0.3 * rng.standard_normal(rows)
    return np.column_stack([0.01 * swing * rng.standard_normal(rows), spans])


BARS = bars_of(1)
GOOD = fit_regimes(BARS, FAST)


def test_a_good_fit_is_taken_over():
    assert (GOOD.refusal, GOOD.model.labels) == (None, ("calm", "wild"))
    swing = np.sqrt(regime_moments(GOOD.model).covariances[:, 0, 0])
    assert swing == pytest.approx([0.01, 0.03], rel=0.15)
    assert math.isnan(GOOD.distance)
    count = parameter_count(2, 2)
    assert GOOD.information == pytest.approx(-2.0 * GOOD.log_likelihood + count * math.log(400))


def test_the_likelihood_is_that_of_the_filter_on_the_window():
    found = filter_series(GOOD.model, Rule(), filter_start(GOOD.model, 0), BARS)
    assert found.state.log_likelihood == GOOD.log_likelihood


def test_the_same_seed_gives_the_same_model():
    assert fit_regimes(BARS, FAST).model == GOOD.model


@pytest.mark.parametrize("unit", [1e-4, 1e4])
def test_another_unit_gives_the_same_regimes(unit):
    other = fit_regimes(BARS * [unit, 1.0], FAST)
    assert other.model.transition[0] == pytest.approx(GOOD.model.transition[0], rel=1e-6)
    assert other.log_likelihood == pytest.approx(GOOD.log_likelihood - 400 * math.log(unit), rel=1e-6)


def test_the_next_window_keeps_the_names_that_were_given():
    named = GOOD.model._replace(labels=("asleep", "awake"))
    found = fit_regimes(bars_of(2), FAST, old=named)
    assert (found.refusal, found.model.labels) == (None, ("asleep", "awake"))
    assert 0.0 < found.distance < 0.3


def test_another_number_of_regimes_takes_its_own_names():
    one = fit_regimes(BARS, FAST._replace(regimes=1))
    assert one.model.labels == ("usual",)
    again = fit_regimes(BARS, FAST, old=one.model)
    assert (again.refusal, again.model.labels) == (None, ("calm", "wild"))
    assert math.isnan(again.distance)


def test_many_regimes_are_numbered():
    rng = np.random.default_rng(3)
    swing = 4.0 ** (np.arange(1_000) // 50 % 4)
    spans = np.log(swing) + 0.2 * rng.standard_normal(1_000)
    found = fit_regimes(
        np.column_stack([swing * rng.standard_normal(1_000), spans]), Fit(regimes=4, starts=6)
    )
    assert found.model is not None
    assert found.model.labels == ("level 1", "level 2", "level 3", "level 4")


def test_student_tails_and_no_bound_are_passed_on():
    model = fit_regimes(BARS, FAST._replace(bound=0.0, degrees_of_freedom=5.0)).model
    assert (model.bound, model.degrees_of_freedom) == (0.0, 5.0)
    again = fit_regimes(bars_of(4), FAST._replace(bound=0.0), old=model)
    assert again.refusal is None


def test_one_feature_is_enough():
    found = fit_regimes(BARS[:, :1], FAST)
    assert found.refusal is None
    assert np.shape(found.model.means) == (2, 1)


def refused(refit, reason):
    assert refit.refusal is reason
    assert refit.model is GOOD.model
    assert refit.detail
    return refit


def test_no_convergence():
    told = refused(fit_regimes(BARS, FAST._replace(iterations=2), old=GOOD.model), Refusal.NOT_CONVERGED)
    assert "no start of 2 converged in 2 iterations" in told.detail
    assert math.isnan(told.log_likelihood)


def test_a_regime_of_six_bars():
    few = BARS.copy()
    few[200:206] += [0.0, 9.0]
    told = refused(fit_regimes(few, Fit(regimes=3, bound=0.0), old=GOOD.model), Refusal.EMPTY)
    assert "of the bars, 2.00% wanted" in told.detail


@pytest.mark.parametrize("factor", [0.0, 2.0])
def test_a_feature_that_is_constant_or_a_copy(factor):
    twice = np.column_stack([BARS[:, 0], factor * BARS[:, 0]])
    told = refused(fit_regimes(twice, FAST, old=GOOD.model), Refusal.DEGENERATE)
    assert "a feature hardly varies, or follows others" in told.detail


def test_a_regime_without_width():
    stuck = BARS.copy()
    stuck[50:100, 1] = stuck[150:200, 1] = 1.0  # the range stands still while the market is wild
    told = refused(fit_regimes(stuck, Fit(regimes=3), old=GOOD.model), Refusal.DEGENERATE)
    assert "wanted" in told.detail


def test_a_fit_that_the_library_gives_up(monkeypatch):
    def broken(machine, window):
        raise ValueError("'covars' must be symmetric, positive-definite")

    monkeypatch.setattr("titan.calibration.regime_fit.GaussianHMM.fit", broken)
    told = refused(fit_regimes(BARS, FAST, old=GOOD.model), Refusal.DEGENERATE)
    assert told.detail == "start 1: 'covars' must be symmetric, positive-definite"


def test_regimes_that_changed_places():
    means, spreads = (list(part) for part in regime_moments(GOOD.model))
    # The old calm regime has the ranges of the new wild one.
    spreads[0], spreads[1] = np.diag([4e-4, 0.09]), np.diag([5e-4, 0.09])
    old = regime_model([0.5, 0.5], np.eye(2), means[::-1], spreads, ("calm", "wild"), [0.0, 0.0], [1.0, 1.0])
    told = fit_regimes(BARS, FAST, old=old)
    assert (told.refusal, told.model) == (Refusal.CROSSED, old)
    assert "the old regimes are the new [0, 1], by distance [1, 0]" in told.detail


def test_worse_than_the_old_model_on_the_same_bars():
    one = FAST._replace(regimes=1)
    told = refused(fit_regimes(BARS, one, old=GOOD.model), Refusal.WORSE)
    assert told.information == pytest.approx(fit_regimes(BARS, one).information)
    assert "the old model's" in told.detail


def test_the_criterion_by_number_of_regimes():
    found = information_by_regimes(BARS, FAST, (1, 2))
    assert found[2] == GOOD.information < found[1]


@given(st.integers(1, 6), st.integers(1, 4), st.floats(-1e5, 1e5), st.integers(1, 10_000))
def test_the_criterion_rises_with_parameters_and_falls_with_likelihood(regimes, size, likelihood, rows):
    assert parameter_count(regimes + 1, size) > parameter_count(regimes, size)
    here = bayes_information(likelihood, regimes, size, rows)
    assert bayes_information(likelihood + 1.0, regimes, size, rows) == pytest.approx(here - 2.0)
    assert bayes_information(likelihood, regimes + 1, size, rows) >= here


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: parameter_count(0, 1), "regimes = 0, size = 1: must be >= 1"),
        (lambda: parameter_count(1, math.nan), "size = nan: must be >= 1"),
        (lambda: bayes_information(math.nan, 1, 1, 9), "log_likelihood = nan, rows = 9"),
        (lambda: bayes_information(1.0, 1, 1, 0), "rows = 0: must be finite, rows >= 1"),
        (lambda: fit_regimes(BARS[:, 0], FAST), r"features has shape \(400,\): must be \(n, d\)"),
        (lambda: fit_regimes(BARS[:129], FAST), r"features has shape \(129, 2\): .*10 bars a parameter"),
        (
            lambda: fit_regimes(np.where(BARS > 1.0, math.nan, BARS), FAST),
            "features has shape .*must be .*finite",
        ),
        (lambda: fit_regimes(BARS, FAST._replace(regimes=0)), "fit = Fit.*must be > 0, the seed >= 0"),
        (lambda: fit_regimes(BARS, FAST._replace(starts=0)), "fit = Fit.*must be > 0"),
        (lambda: fit_regimes(BARS, FAST._replace(iterations=0)), "fit = Fit.*must be > 0"),
        (lambda: fit_regimes(BARS, FAST._replace(seed=-1)), "fit = Fit.*the seed >= 0"),
        (lambda: fit_regimes(BARS, FAST._replace(tolerance=math.nan)), "fit = Fit.*must be > 0"),
        (lambda: fit_regimes(BARS, FAST._replace(bound=-1.0)), "fit = Fit.*must be >= 0 and finite"),
        (lambda: fit_regimes(BARS, FAST._replace(degrees_of_freedom=1.0)), "degrees_of_freedom = 1.0"),
        (lambda: fit_regimes(BARS, FAST._replace(least_share=1.0)), "fit = Fit.*the share < 1"),
        (lambda: fit_regimes(BARS, FAST._replace(least_variance=math.nan)), "fit = Fit.*must be >= 0"),
        (lambda: information_by_regimes(BARS, FAST, ()), r"choices = \(\): must be one or more"),
        (lambda: information_by_regimes(BARS, FAST, (2, 0)), r"choices = \(2, 0\): .*each >= 1"),
        (
            lambda: fit_regimes(BARS[:, :1], FAST, old=GOOD.model),
            "old = Model.*as many features as the window, 1",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
