"""Samples of titan.calibration.regime_matching."""

from __future__ import annotations

import numpy as np

from tests.exports.sample import Sample
from titan.calibration.emissions import regime_model
from titan.calibration.regime_matching import Moments, hellinger, match_regimes, regime_moments

OLD = Moments(np.array([[0.0], [2.0]]), np.array([[[1.0]], [[4.0]]]))
NEW = Moments(np.array([[2.1], [0.1]]), np.array([[[4.5]], [[1.2]]]))
PARTS = ([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.0], [2.0]], [[[1.0]], [[4.0]]], ("a", "b"), [0.0])

SAMPLES: tuple[Sample, ...] = (
    Sample(
        function=regime_moments,
        arguments={"model": regime_model(*PARTS, [1.0])},
        changes={"model": regime_model(*PARTS, [2.0])},
    ),
    Sample(
        function=hellinger,
        arguments={
            "mean": [0.0],
            "covariance": [[1.0]],
            "other_mean": [1.0],
            "other_covariance": [[2.0]],
        },
        changes={
            "mean": [0.5],
            "covariance": [[1.5]],
            "other_mean": [2.0],
            "other_covariance": [[3.0]],
        },
        refused={
            "mean": ([[0.0]],),
            "covariance": ([[0.0]], [1.0]),
            "other_mean": ([0.0, 1.0],),
            "other_covariance": ([[-1.0]], [1.0]),
        },
    ),
    Sample(
        function=match_regimes,
        arguments={"old": OLD, "new": NEW},
        changes={"old": NEW, "new": OLD},
        refused={"new": (Moments(np.zeros((1, 1)), np.ones((1, 1, 1))),)},
    ),
)
