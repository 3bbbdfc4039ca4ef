"""Samples of titan.calibration.regimes."""

from __future__ import annotations

import math

from tests.exports.sample import Sample
from titan.calibration.emissions import Model, regime_model
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


def pair(stay: float) -> Model:
    """Two regimes of one feature, each of which goes on with this probability."""
    return regime_model(
        [0.5, 0.5],
        [[stay, 1.0 - stay], [1.0 - stay, stay]],
        [[0.0], [2.0]],
        [[[1.0]], [[1.0]]],
        ("a", "b"),
        [0.0],
        [1.0],
    )


MODEL, OTHER = pair(0.9), pair(0.8)
BEGUN = filter_start(MODEL, 0)
LATER = filter_step(MODEL, Rule(), BEGUN, [3.0])
RULES = (Rule(1.0), Rule(math.nan), Rule(0.8, 0), Rule(0.8, 3, -0.1), Rule(0.8, 3, math.nan))

SAMPLES: tuple[Sample, ...] = (
    Sample(
        function=filter_start,
        arguments={"model": MODEL, "regime": 0},
        changes={
            "model": regime_model([1.0], [[1.0]], [[0.0]], [[[1.0]]], ("a",), [0.0], [1.0]),
            "regime": 1,
        },
        refused={"regime": (-1, 2)},
    ),
    Sample(
        function=checked_rule,
        arguments={"rule": Rule()},
        changes={"rule": Rule(0.7)},
        refused={"rule": RULES},
    ),
    Sample(
        function=filter_step,
        arguments={"model": MODEL, "rule": Rule(), "state": LATER, "features": [3.0]},
        changes={"model": OTHER, "rule": Rule(0.8, 2), "state": BEGUN, "features": [1.5]},
        refused={"rule": RULES, "features": ([], [1.0, 2.0], [1e300])},
    ),
    Sample(
        function=filter_gap,
        arguments={"model": MODEL, "state": LATER},
        changes={"model": OTHER, "state": BEGUN},
    ),
    Sample(
        function=forecast,
        arguments={"model": MODEL, "probabilities": [0.7, 0.3], "bars": 2},
        changes={"model": OTHER, "probabilities": [0.6, 0.4], "bars": 3},
        refused={"probabilities": ([0.5, 0.6], [1.0], [1.5, -0.5]), "bars": (-1,)},
    ),
    Sample(
        function=expected_durations,
        arguments={"model": MODEL},
        changes={"model": OTHER},
    ),
    Sample(
        function=filter_series,
        arguments={"model": MODEL, "rule": Rule(), "state": LATER, "features": [[3.0], [2.5]]},
        changes={"model": OTHER, "rule": Rule(0.8, 2), "state": BEGUN, "features": [[3.0], [1.5]]},
        refused={"rule": RULES, "features": ([1.0], [[]], [[1.0, 2.0]])},
    ),
)
