"""Samples of `titan.risk.shrinkage`."""

from __future__ import annotations

import math

import numpy as np

from tests.exports.sample import Sample
from titan.risk.shrinkage import dcc_log_likelihood, fit_dcc, ledoit_wolf, oracle_approximating

TABLE = np.random.default_rng(1).standard_normal((20, 3)) * np.array([1.0, 2.0, 3.0])
RESIDUALS = np.random.default_rng(2).standard_normal((250, 2))
EQUAL = np.ones((5, 2))

SAMPLES: tuple[Sample, ...] = (
    Sample(
        ledoit_wolf,
        {"returns": TABLE},
        {"returns": TABLE[:10]},
        {"returns": (TABLE[:1], EQUAL, [1.0, 2.0])},
    ),
    Sample(
        oracle_approximating,
        {"returns": TABLE},
        {"returns": TABLE[:10]},
        {"returns": (TABLE[:1], EQUAL, [1.0, 2.0])},
    ),
    Sample(
        dcc_log_likelihood,
        {"residuals": RESIDUALS, "news": 0.05, "persistence": 0.9, "target": np.eye(2)},
        {
            "residuals": 1.1 * RESIDUALS,
            "news": 0.06,
            "persistence": 0.8,
            "target": [[1.0, 0.2], [0.2, 1.0]],
        },
        {
            "residuals": ([1.0, 2.0],),
            "news": (-0.1, 0.2, math.nan),
            "persistence": (-0.1, 1.0),
            "target": (np.eye(3), [[1.0, 2.0], [2.0, 1.0]]),
        },
    ),
    Sample(
        fit_dcc,
        {"residuals": RESIDUALS},
        {"residuals": np.vstack([RESIDUALS, RESIDUALS[:50]])},
        {"residuals": (RESIDUALS[:249], RESIDUALS[:, :1], np.repeat(RESIDUALS[:, :1], 2, axis=1))},
    ),
)
