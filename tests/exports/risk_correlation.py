"""Samples of `titan.risk.correlation`."""

from __future__ import annotations

import math

import numpy as np

from tests.exports.sample import Sample
from titan.risk.correlation import (
    Ewma,
    checked_table,
    clip_correlation,
    dcc_correlations,
    ewma_covariance,
    ewma_update,
    nearest_correlation,
    noise_edges,
    to_correlation,
)

TABLE = np.array([[0.02, 0.01], [-0.01, 0.03], [0.04, 0.02]])
CORRELATION = np.array([[1.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 1.0]])
NOT_SQUARE = np.ones((2, 3))

SAMPLES: tuple[Sample, ...] = (
    Sample(
        checked_table,
        {"name": "values", "values": TABLE},
        {"name": "returns", "values": 2.0 * TABLE},
        {"values": (1.0, [0.1], np.zeros((0, 2)))},
        ignores={"name": "it shows only where `values` are refused"},
    ),
    Sample(
        to_correlation,
        {"covariance": [[4.0, 1.0], [1.0, 1.0]]},
        {"covariance": [[4.0, 0.5], [0.5, 1.0]]},
        {"covariance": ([[0.0, 0.0], [0.0, 1.0]], [[1.0, 0.5], [0.4, 1.0]], NOT_SQUARE, 1.0)},
    ),
    Sample(
        ewma_update,
        {"state": Ewma(np.eye(2), 1.0), "returns": [0.1, 0.2], "half_life": 10.0},
        {"state": Ewma(np.eye(2), 2.0), "returns": [0.1, 0.3], "half_life": 20.0},
        {"returns": ([0.1], [[0.1, 0.2]]), "half_life": (0.0, -1.0)},
        accepts={"state": "a state is what the update returned, and the update refuses them"},
    ),
    Sample(
        ewma_covariance,
        {"returns": TABLE, "half_life": 10.0},
        {"returns": 2.0 * TABLE, "half_life": 20.0},
        {"returns": ([0.1, 0.2], np.zeros((0, 2))), "half_life": (0.0, -1.0)},
    ),
    Sample(
        dcc_correlations,
        {"residuals": 50.0 * TABLE, "news": 0.05, "persistence": 0.9, "target": np.eye(2)},
        {
            "residuals": 60.0 * TABLE,
            "news": 0.06,
            "persistence": 0.8,
            "target": [[1.0, 0.2], [0.2, 1.0]],
        },
        {
            "residuals": ([1.0, 2.0],),
            "news": (-0.1, 0.2, math.nan),
            "persistence": (-0.1, 1.0),
            "target": (CORRELATION, [[1.0, 2.0], [2.0, 1.0]], [[2.0, 0.0], [0.0, 1.0]]),
        },
    ),
    Sample(
        noise_edges,
        {"assets": 10, "observations": 40.0},
        {"assets": 20, "observations": 80.0},
        {"assets": (0, -1), "observations": (0.0, -1.0)},
    ),
    Sample(
        clip_correlation,
        {"correlation": CORRELATION, "observations": 100.0},
        {"correlation": np.eye(3), "observations": 10.0},
        {"correlation": (2.0 * np.eye(2), NOT_SQUARE), "observations": (0.0, -1.0)},
    ),
    Sample(
        nearest_correlation,
        {"matrix": [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], "floor": 0.0},
        {"matrix": [[1.0, 0.9, 0.0], [0.9, 1.0, 0.9], [0.0, 0.9, 1.0]], "floor": 0.1},
        {"matrix": (NOT_SQUARE, [1.0]), "floor": (-0.1, 1.0)},
    ),
)
