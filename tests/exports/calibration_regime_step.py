"""Samples of titan.calibration.regime_step."""

from __future__ import annotations

import math

from tests.exports.sample import Sample
from titan.calibration.emissions import Model, regime_model
from titan.calibration.regime_step import compiled_step, step_source
from titan.calibration.regimes import Rule


def pair(stay: float) -> Model:
    """Two regimes of one feature, each of which goes on with this probability."""
    chain = [[stay, 1.0 - stay], [1.0 - stay, stay]]
    return regime_model([0.5, 0.5], chain, [[0.0], [2.0]], [[[1.0]], [[1.0]]], ("a", "b"), [0.0], [1.0])


MODEL, OTHER = pair(0.9), pair(0.8)
RULES = (Rule(1.0), Rule(math.nan), Rule(0.8, 0), Rule(0.8, 3, -0.1), Rule(0.8, 3, math.nan))

SAMPLES: tuple[Sample, ...] = (
    Sample(
        function=step_source,
        arguments={"model": MODEL, "rule": Rule()},
        changes={"model": OTHER, "rule": Rule(0.7)},
        refused={"rule": RULES},
    ),
    Sample(
        function=compiled_step,
        arguments={"model": MODEL, "rule": Rule()},
        changes={"model": OTHER, "rule": Rule(0.7)},
        refused={"rule": RULES},
    ),
)
