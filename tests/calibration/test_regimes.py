"""Regimes: no look ahead, when a change is believed, what lies ahead, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calibration.regime_models import PAIR, bars_for, models, random_model, rules
from titan.calibration.emissions import regime_model
from titan.calibration.regimes import (
    Rule,
    checked_rule,
    expected_durations,
    filter_gap,
    filter_series,
    filter_start,
    filter_step,
    forecast,
)


@given(models, rules, st.integers(0, 1_000), st.integers(1, 19))
def test_what_comes_later_changes_nothing(model, rule, seed, cut):
    bars, start = bars_for(model, seed), filter_start(model, 0)
    whole, begun = (filter_series(model, rule, start, rows) for rows in (bars, bars[:cut]))
    assert (whole.probabilities[:cut] == begun.probabilities).all()
    assert (whole.regimes[:cut] == begun.regimes).all()
    assert filter_series(model, rule, begun.state, bars[cut:]).state == whole.state


@given(models, rules, st.integers(0, 1_000))
def test_probabilities_stay_probabilities(model, rule, seed):
    state = filter_start(model, 0)
    for bar in bars_for(model, seed).tolist():
        state = filter_step(model, rule, state, bar)
        for chances in (state.probabilities, state.forecast):
            assert min(chances) >= 0.0
            assert sum(chances) == pytest.approx(1.0, abs=1e-12)
        assert math.isfinite(state.log_likelihood)


def judged(wanted, rule, regime=0):
    """The regime in force after each bar on which regime 1 has the probability that is wanted."""
    state, found = filter_start(PAIR, regime), []
    for chance in wanted:
        prior = math.log(state.forecast[1] / state.forecast[0])
        bar = (math.log(chance / (1.0 - chance)) - prior + 8.0) / 4.0  # log odds of a bar are 4 x - 8
        state = filter_step(PAIR, rule, state, [bar])
        assert state.probabilities[1] == pytest.approx(chance)
        found.append(state.regime)
    return found, state


@pytest.mark.parametrize(
    ("rule", "wanted", "expected"),
    [
        (Rule(0.8, 3, 0.2), [0.9, 0.9, 0.9, 0.9], [0, 0, 1, 1]),
        (Rule(0.8, 3, 0.2), [0.9, 0.9, 0.79, 0.9, 0.9, 0.9], [0, 0, 0, 0, 0, 1]),
        (Rule(0.8, 3, 0.2), [0.9, 0.9, 0.1, 0.9, 0.9, 0.9], [0, 0, 0, 0, 0, 1]),
        (Rule(0.8, 1, 0.2), [0.81, 0.5, 0.21, 0.19], [1, 1, 1, 0]),
        (Rule(0.8, 2, 0.9), [0.9, 0.9, 0.96, 0.9], [0, 0, 1, 1]),
        (Rule(0.4, 1, 0.2), [0.55, 0.61], [0, 1]),
    ],
)
def test_when_a_change_is_believed(rule, wanted, expected):
    assert judged(wanted, rule)[0] == expected


def test_a_streak_is_one_candidates_own():
    _, state = judged([0.9, 0.9, 0.1], Rule())
    assert (state.candidate, state.streak) == (0, 1)
    assert judged([0.9, 0.5001], Rule())[1][3:] == (0, 1, 0)


def test_a_gap_fades_belief_and_ends_a_streak():
    _, state = judged([0.95, 0.95], Rule())
    faded = filter_gap(PAIR, state)
    assert faded.probabilities == state.forecast
    assert faded.forecast == pytest.approx(forecast(PAIR, state.probabilities, 2))
    assert (faded.streak, faded.regime, faded.log_likelihood) == (0, 0, state.log_likelihood)


@given(models, st.integers(0, 5), st.integers(0, 5))
def test_forecasts_add_up(model, one, other):
    steps = forecast(model, model.start, one)
    assert forecast(model, steps, other) == pytest.approx(
        forecast(model, model.start, one + other), abs=1e-12
    )
    assert sum(steps) == pytest.approx(1.0, abs=1e-12)


@given(models)
def test_a_duration_is_the_sum_of_the_chances_to_stay(model):
    for at, bars in enumerate(expected_durations(model)):
        stay = model.transition[at][at]
        if stay < 0.95:
            assert bars == pytest.approx(sum(stay**k for k in range(2_000)), rel=1e-9)


def test_a_regime_that_never_ends():
    model = regime_model([1.0, 0.0], np.eye(2), [[0.0], [1.0]], [[[1.0]]] * 2, ("a", "b"), [0.0], [1.0])
    assert expected_durations(model) == (math.inf, math.inf)
    state = filter_step(model, Rule(), filter_start(model, 0), [500.0])
    assert state.probabilities == (1.0, 0.0)


def test_a_bar_too_far_for_a_float_is_still_judged():
    state = filter_step(PAIR, Rule(), filter_start(PAIR, 0), [60.0])  # a density of exp(-1800)
    assert state.probabilities == pytest.approx((0.0, 1.0))


@pytest.mark.parametrize("bar", [[], [1.0, 2.0], [math.nan], [math.inf], [1e300]])
def test_a_bar_that_is_none_is_refused(bar):
    with pytest.raises(ValueError, match="features = "):
        filter_step(PAIR, Rule(), filter_start(PAIR, 0), bar)


def test_a_state_of_another_model_is_refused():
    with pytest.raises(ValueError, match="zip"):
        filter_step(PAIR, Rule(), filter_start(random_model(1, 3, 1), 0), [0.0])


def test_a_good_rule_is_returned():
    assert checked_rule(Rule(0.6, 2, 0.5)) == Rule(0.6, 2, 0.5)


@pytest.mark.parametrize(
    "rule",
    [Rule(1.0), Rule(-0.1), Rule(math.nan), Rule(0.8, 0), Rule(0.8, 3, 1.0), Rule(0.8, 3, math.nan)],
)
def test_a_bad_rule_is_refused(rule):
    start = filter_start(PAIR, 0)
    for call in (
        lambda: filter_step(PAIR, rule, start, [0.0]),
        lambda: checked_rule(rule),
    ):
        with pytest.raises(ValueError, match="rule = Rule"):
            call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: filter_start(PAIR, 2), "regime = 2: must be between 0 and 1"),
        (lambda: filter_start(PAIR, -1), "regime = -1: must be between 0 and 1"),
        (lambda: forecast(PAIR, [1.0], 1), r"probabilities = \[1.0\]: must be 2"),
        (lambda: forecast(PAIR, [0.5, 0.6], 1), "probabilities = .*summing to 1"),
        (lambda: forecast(PAIR, [1.5, -0.5], 1), "probabilities = .*>= 0"),
        (lambda: forecast(PAIR, [0.5, math.nan], 1), "probabilities = .*summing to 1"),
        (lambda: forecast(PAIR, [0.5, 0.5], -1), "bars = -1: must be >= 0"),
        (lambda: forecast(PAIR, [0.5, 0.5], math.inf), "bars = inf: must be >= 0 and finite"),
        (
            lambda: filter_series(PAIR, Rule(), filter_start(PAIR, 0), [1.0]),
            r"features has shape \(1,\): must be",
        ),
        (lambda: filter_series(PAIR, Rule(), filter_start(PAIR, 0), [[]]), r"features has shape \(1, 0\)"),
        (
            lambda: filter_series(PAIR, Rule(), filter_start(PAIR, 0), [[0.0], [math.nan]]),
            r"features = \(nan,\)",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
