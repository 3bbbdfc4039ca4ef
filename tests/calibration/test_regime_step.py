"""Regime step: the numbers of the plain form, its refusals, and a source that holds numbers alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calibration.regime_models import PAIR, bars_for, models, random_model, rules
from titan.calibration.emissions import regime_model
from titan.calibration.regime_step import compiled_step, step_source
from titan.calibration.regimes import Filter, Rule, filter_start, filter_step


@given(models, rules, st.integers(0, 1_000))
def test_the_fast_form_is_the_plain_one(model, rule, seed):
    slow = fast = filter_start(model, 0)
    step = compiled_step(model, rule)
    for bar in [*bars_for(model, seed).tolist(), [50.0] * len(model.centre)]:
        fields = step(fast, bar)
        assert type(fields) is tuple
        slow, fast = filter_step(model, rule, slow, bar), Filter(*fields)
        assert fast.probabilities == pytest.approx(slow.probabilities, rel=0.0, abs=1e-11)
        assert fast.forecast == pytest.approx(slow.forecast, rel=0.0, abs=1e-11)
        assert fast.log_likelihood == pytest.approx(slow.log_likelihood, rel=1e-11, abs=1e-9)
        assert fast[3:] == slow[3:]


def test_a_regime_that_never_ends():
    chain, levels = np.eye(2), [[0.0], [1.0]]
    model = regime_model([1.0, 0.0], chain, levels, [[[1.0]]] * 2, ("a", "b"), [0.0], [1.0])
    start = filter_start(model, 0)
    assert compiled_step(model, Rule())(start, [500.0]) == filter_step(model, Rule(), start, [500.0])


def test_a_bar_too_far_for_a_float_goes_to_the_plain_form():
    far = [60.0]  # a density of exp(-1800)
    plain = filter_step(PAIR, Rule(), filter_start(PAIR, 0), far)
    assert compiled_step(PAIR, Rule())(filter_start(PAIR, 0), far) == plain
    assert plain.probabilities == pytest.approx((0.0, 1.0))


@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_the_fast_form_in_units_that_leave_the_range_of_a_float(unit):
    model = regime_model(
        [0.5, 0.5],
        [[0.9, 0.1], [0.1, 0.9]],
        np.zeros((2, 2)),
        [np.eye(2), 4 * np.eye(2)],
        ("a", "b"),
        [0.0, 0.0],
        [unit, unit],
    )
    start, bar = filter_start(model, 0), [unit, -2.0 * unit]
    plain, fast = filter_step(model, Rule(), start, bar), Filter(*compiled_step(model, Rule())(start, bar))
    assert fast.probabilities == pytest.approx(plain.probabilities, abs=1e-12)
    assert fast.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)


def test_the_same_model_gives_the_same_function():
    again = PAIR._replace(labels=("c", "d"))
    assert compiled_step(PAIR, Rule()) is compiled_step(PAIR, Rule())
    assert compiled_step(again, Rule()) is not compiled_step(PAIR, Rule())


def test_the_source_is_readable():
    source = step_source(PAIR, Rule())
    assert source.splitlines()[1] == "    x0, = features"
    assert "streak >= 3" in source


@pytest.mark.parametrize("bound", [0.0, 5.0])
@pytest.mark.parametrize("nu", [0.0, 4.0])
@pytest.mark.parametrize("bar", [[math.nan], [math.inf], [-math.inf], [1e300]])
def test_a_bar_that_is_no_number_is_refused_by_both_forms(bound, nu, bar):
    model = random_model(1, 3, 1, bound, nu)
    start = filter_start(model, 0)
    if bar == [1e300] and bound:
        assert compiled_step(model, Rule())(start, bar) == filter_step(model, Rule(), start, bar)
        return
    for step in (compiled_step(model, Rule()), lambda state, bar: filter_step(model, Rule(), state, bar)):
        with pytest.raises(ValueError, match="features = "):
            step(start, bar)


@pytest.mark.parametrize("bar", [[], [1.0, 2.0]])
def test_a_bar_of_another_length_is_refused_by_both_forms(bar):
    with pytest.raises(ValueError, match=r"features = .*must be 1 finite numbers"):
        filter_step(PAIR, Rule(), filter_start(PAIR, 0), bar)
    with pytest.raises(ValueError, match="values to unpack"):
        compiled_step(PAIR, Rule())(filter_start(PAIR, 0), bar)


def test_a_state_of_another_model_is_refused_by_both_forms():
    state = filter_start(random_model(1, 3, 1), 0)
    with pytest.raises(ValueError, match="zip"):
        filter_step(PAIR, Rule(), state, [0.0])
    with pytest.raises(ValueError, match="values to unpack"):
        compiled_step(PAIR, Rule())(state, [0.0])


@pytest.mark.parametrize("rule", [Rule(1.0), Rule(math.nan), Rule(0.8, 0), Rule(0.8, 3, -0.1)])
def test_a_bad_rule_is_refused(rule):
    for call in (step_source, compiled_step):
        with pytest.raises(ValueError, match="rule = Rule"):
            call(PAIR, rule)


def test_nothing_but_a_number_enters_the_source():
    for name, value in (
        ("centre", ("boom()",)),
        ("scale", ("boom()",)),
        ("transition", (("boom()", 0.1), (0.1, 0.9))),
    ):
        with pytest.raises(ValueError, match="could not convert string to float"):
            compiled_step(PAIR._replace(**{name: value}), Rule())
