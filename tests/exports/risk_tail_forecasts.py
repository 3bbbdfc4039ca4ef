"""Samples of what nbs/risk/tail_forecasts.ipynb exports."""

from __future__ import annotations

import numpy as np

from tests.exports.sample import NUMBER, Sample
from titan.risk.tail_forecasts import (
    bearable,
    cornish_fisher_forecast,
    peaks_forecast,
    sampled_forecast,
    volatilities_ahead,
)

RETURNS = np.random.default_rng(5).standard_t(4, 60)
OTHER_RETURNS = np.concatenate([RETURNS[:-1], [RETURNS[-1] - 1.0]])
EARLIER = np.concatenate([RETURNS[:30], [-3.0], RETURNS[31:]])
SIGMA = np.linspace(1.0, 2.0, 60)
BAD_TAILS = (0.0, 1.0, -0.1, 1.1)
WINDOW = {"returns": RETURNS, "window": 40, "tail": 0.05}
CHANGED = {"returns": OTHER_RETURNS, "window": 45, "tail": 0.1}
REFUSED = {"returns": ([], [[1.0]], [1.0] * 40), "window": (19, 0), "tail": BAD_TAILS}
LONG = np.random.default_rng(6).standard_t(4, 120)
LONG_SIGMA = np.linspace(1.0, 2.0, 120)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        volatilities_ahead,
        {"returns": RETURNS, "window": 40, "news": 0.1, "persistence": 0.8},
        changes={"returns": EARLIER, "window": 50, "news": 0.15, "persistence": 0.7},
        refused={
            "returns": ([], [[1.0]], [1.0] * 50),
            "window": (1, 0),
            "news": (-0.1, 0.3),
            "persistence": (-0.1, 0.95),
        },
    ),
    Sample(
        sampled_forecast,
        {**WINDOW, "volatilities": SIGMA},
        changes={**CHANGED, "volatilities": 2.0 * SIGMA[::-1]},
        refused={**REFUSED, "returns": ([], [[1.0]]), "volatilities": ([1.0], [0.0] * 60, [-1.0] * 60)},
    ),
    Sample(
        bearable,
        {"skewness": -1.0, "excess_kurtosis": 12.0},
        changes={"skewness": -2.0, "excess_kurtosis": 20.0},
        units={"skewness": NUMBER, "excess_kurtosis": NUMBER, "result": NUMBER},
    ),
    Sample(
        cornish_fisher_forecast,
        WINDOW,
        changes=CHANGED,
        refused={**REFUSED, "returns": (*REFUSED["returns"], [1.0] * 50)},
    ),
    Sample(
        peaks_forecast,
        {"returns": LONG, "volatilities": LONG_SIGMA, "window": 80, "tail": 0.05, "share": 0.25, "every": 7},
        changes={
            "returns": np.concatenate([LONG[:-1], [-9.0]]),
            "volatilities": np.concatenate([LONG_SIGMA[:-1], [3.0]]),
            "window": 90,
            "tail": 0.1,
            "share": 0.3,
            "every": 5,
        },
        refused={
            "returns": ([], [[1.0]]),
            "volatilities": ([1.0], [0.0] * 120, [-1.0] * 120),
            "window": (19, 0),
            "tail": BAD_TAILS,
            "share": (0.05, 0.5, 0.1),
            "every": (0, -1),
        },
    ),
)
