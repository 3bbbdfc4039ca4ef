"""Emissions: densities under changes of unit, one bar's limited say, and models that must be refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.calibration.emissions import Model, log_densities, regime_model

PARTS = {
    "start": [0.5, 0.5],
    "transition": [[0.9, 0.1], [0.2, 0.8]],
    "means": [[0.0, 0.0], [0.1, 1.0]],
    "covariances": [[[0.3, 0.02], [0.02, 0.5]], [[2.5, -0.1], [-0.1, 0.6]]],
    "labels": ("calm", "wild"),
    "centre": [0.0, -4.0],
    "scale": [0.01, 0.7],
}
forms = st.sampled_from([{}, {"bound": 4.0}, {"degrees_of_freedom": 4.0}])
bars = st.tuples(st.floats(-0.1, 0.1), st.floats(-8.0, 0.0)).map(list)


@given(forms, bars, st.floats(1e-3, 1e3))
def test_another_unit_of_a_feature_shifts_every_density_alike(form, bar, unit):
    base = log_densities(regime_model(**PARTS, **form), bar)
    scaled = {**PARTS, "centre": [0.0, -4.0], "scale": [0.01 * unit, 0.7]}
    moved = log_densities(regime_model(**scaled, **form), [bar[0] * unit, bar[1]])
    assert moved == pytest.approx([one - math.log(unit) for one in base], rel=1e-9, abs=1e-9)


@given(forms, bars)
def test_regimes_in_another_order_have_the_densities_in_that_order(form, bar):
    turned = {name: PARTS[name][::-1] for name in ("start", "transition", "means", "covariances", "labels")}
    other = regime_model(**{**PARTS, **turned}, **form)
    assert log_densities(other, bar) == log_densities(regime_model(**PARTS, **form), bar)[::-1]


@given(st.floats(0.0, 1e6), st.sampled_from([2.5, 4.0, 30.0]))
def test_one_bar_says_only_so_much_under_student(bar, nu):
    pair = regime_model(
        [0.5, 0.5],
        np.eye(2),
        [[0.0], [0.0]],
        [[[1.0]], [[9.0]]],
        ("a", "b"),
        [0.0],
        [1.0],
        degrees_of_freedom=nu,
    )
    narrow, wide = log_densities(pair, [bar])
    assert wide - narrow <= nu * math.log(3.0) + 1e-9


@given(bars, st.floats(1.0, 1e3))
def test_beyond_the_bound_nothing_more_is_said(bar, factor):
    model = regime_model(**PARTS, bound=2.0)
    edge = [0.02, -4.0 + 1.4]
    assert log_densities(model, [value * factor for value in (0.05, 5.0)]) == pytest.approx(
        log_densities(model, edge)
    )
    inside = [min(max(z, -2.0), 2.0) for z in (bar[0] / 0.01, (bar[1] + 4.0) / 0.7)]
    same = log_densities(regime_model(**PARTS), [inside[0] * 0.01, inside[1] * 0.7 - 4.0])
    assert log_densities(model, bar) == pytest.approx(same, rel=1e-9, abs=1e-9)


def test_many_degrees_of_freedom_are_the_normal():
    near = log_densities(regime_model(**PARTS, degrees_of_freedom=1e7), [0.01, -3.0])
    assert near == pytest.approx(log_densities(regime_model(**PARTS), [0.01, -3.0]), abs=1e-5)


def test_a_model_is_plain_finite_numbers():
    model = regime_model(**PARTS, degrees_of_freedom=5.0)
    assert all(
        type(value) is float for value in model.log_norms + model.transition[0] + model.whitening[1][1]
    )
    read = json.loads(json.dumps(model, allow_nan=False))
    assert json.dumps(Model(*read)) == json.dumps(model)


def test_probabilities_that_are_rounded_are_made_to_sum_to_one():
    model = regime_model(**{**PARTS, "start": [0.3333333, 0.6666666]})
    assert sum(model.start) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"means": [0.0, 1.0]}, r"means has shape \(2,\): must be \(K, d\)"),
        ({"means": [[], []]}, r"means has shape \(2, 0\)"),
        ({"means": [[0.0, math.nan], [0.0, 1.0]]}, r"means = .*nan.*: must be finite"),
        ({"labels": ("calm", "calm")}, r"labels = \('calm', 'calm'\): must be 2 different names"),
        ({"labels": ("calm",)}, "labels = .*must be 2 different names"),
        ({"labels": ("a", "b", "b")}, "labels = .*must be 2 different names"),
        ({"start": [1.0]}, r"start has shape \(1,\): must be \(2,\)"),
        ({"start": [0.5, 0.6]}, r"start = \[0.5, 0.6\]: must be >= 0, each row summing to 1"),
        ({"start": [1.5, -0.5]}, "start = .*must be >= 0"),
        ({"transition": [[0.9, 0.1], [0.2, 0.9]]}, "transition = .*each row summing to 1"),
        ({"transition": [[0.9, 0.1], [0.2, math.inf]]}, "transition = .*must be finite"),
        ({"centre": [0.0]}, r"centre has shape \(1,\): must be \(2,\)"),
        ({"scale": [0.01, 0.0]}, r"scale = \[0.01, 0.0\]: must be > 0"),
        ({"scale": [0.01, math.nan]}, "scale = .*must be finite"),
        ({"covariances": [[[1.0]], [[1.0]]]}, r"covariances has shape \(2, 1, 1\): must be \(2, 2, 2\)"),
        ({"covariances": [np.eye(2), [[1.0, 0.5], [0.4, 1.0]]]}, "covariances = .*must be symmetric"),
        ({"covariances": [np.eye(2), [[1.0, 1.0], [1.0, 1.0]]]}, "covariances = .*positive definite"),
        ({"covariances": [np.eye(2), np.zeros((2, 2))]}, "covariances = .*positive definite"),
        ({"bound": -1.0}, "bound = -1.0: must be > 0 and finite, or 0"),
        ({"bound": math.nan}, "bound = nan"),
        ({"degrees_of_freedom": 2.0}, "degrees_of_freedom = 2.0: must be > 2"),
        ({"degrees_of_freedom": math.inf}, "degrees_of_freedom = inf"),
        ({"degrees_of_freedom": math.nan}, "degrees_of_freedom = nan"),
    ],
)
def test_a_bad_model_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        regime_model(**{**PARTS, **change})


@pytest.mark.parametrize("bar", [[0.0], [0.0, 0.0, 0.0], [0.0, math.nan], [math.inf, 0.0]])
def test_bad_features_are_refused(bar):
    with pytest.raises(ValueError, match=r"features = .*: must be 2 finite numbers"):
        log_densities(regime_model(**PARTS), bar)
