"""Samples of `titan.evaluation.overfitting`."""

from __future__ import annotations

import math

import numpy as np

from tests.exports.sample import Sample
from titan.evaluation.overfitting import (
    overfitting,
    purged_folds,
    purged_walk_forward,
    worthless_probabilities,
)

RULES = np.random.default_rng(1).standard_normal((60, 4))
OTHER_RULES = np.random.default_rng(2).standard_normal((60, 4))
TIMES = np.arange(30) * 10
OTHER_TIMES = np.arange(30) * 7
SPANS = {"horizon_ns": (-1, math.nan), "latency_ns": (-1, math.nan), "embargo_ns": (-1, math.nan)}
NOT_TIMES = ([[1, 2]], [3, 2, 1], [0.0, 1.0, 2.0])
NOT_RULES = (RULES[:, :1], RULES[:, 0], np.ones((60, 4)))

SAMPLES: tuple[Sample, ...] = (
    Sample(
        overfitting,
        {"returns": RULES, "blocks": 6},
        {"returns": OTHER_RULES, "blocks": 8},
        {"returns": NOT_RULES, "blocks": (0, 3, 32)},
    ),
    Sample(
        worthless_probabilities,
        {"returns": RULES, "blocks": 6, "mean_block": 5.0, "draws": 10, "seed": 1},
        {"returns": OTHER_RULES, "blocks": 8, "mean_block": 2.0, "draws": 11, "seed": 2},
        {"returns": NOT_RULES[:2], "blocks": (0, 3, 32), "mean_block": (0.5, -1.0), "draws": (0, -1)},
        accepts={
            "draws": "a count, and no count is infinite; none is refused",
            "seed": "any whole number is a seed",
        },
    ),
    Sample(
        purged_folds,
        {"time_ns": TIMES, "horizon_ns": 20, "latency_ns": 5, "folds": 3, "embargo_ns": 30},
        {"time_ns": OTHER_TIMES, "horizon_ns": 50, "latency_ns": 15, "folds": 4, "embargo_ns": 50},
        {"time_ns": NOT_TIMES, "folds": (1, 31), **SPANS},
    ),
    Sample(
        purged_walk_forward,
        {"time_ns": TIMES, "horizon_ns": 20, "latency_ns": 5, "folds": 3, "embargo_ns": 0},
        {"time_ns": OTHER_TIMES, "horizon_ns": 40, "latency_ns": 15, "folds": 4, "embargo_ns": 20},
        {"time_ns": NOT_TIMES, "folds": (0, 30), **SPANS},
    ),
)
