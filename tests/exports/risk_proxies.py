"""Samples of `titan.risk.proxies`."""

from __future__ import annotations

import math

import numpy as np

from tests.exports.sample import NUMBER, PRICE, Sample
from titan.risk.proxies import proxied_covariance, synchronous_returns

HISTORY = np.array(
    [[0.01, math.nan, 0.02], [-0.02, math.nan, 0.01], [0.01, 0.03, -0.01], [-0.01, -0.02, 0.03]]
)
OTHER = np.where(HISTORY == 0.03, 0.04, HISTORY)
HOLE = np.where(HISTORY == -0.01, math.nan, HISTORY)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        synchronous_returns,
        {"time_ns": [0, 10, 25], "price": [100.0, 101.0, 102.0], "grid_ns": [5, 10, 20, 30], "oldest_ns": 20},
        {"time_ns": [0, 15, 25], "price": [100.0, 101.0, 103.0], "grid_ns": [5, 10, 20, 50], "oldest_ns": 2},
        {
            "time_ns": ([0, 25, 10], [0.0, 10.0, 25.0]),
            "price": ([100.0], [100.0, 0.0, 102.0]),
            "grid_ns": ([5], [5, 5], [10, 5]),
            "oldest_ns": (-1,),
        },
        accepts={"oldest_ns": "an infinite age never ends a price; NaN is refused"},
        # Times are whole nanoseconds, which a change of unit would not leave whole.
        units={"time_ns": NUMBER, "price": PRICE, "grid_ns": NUMBER, "oldest_ns": NUMBER, "result": NUMBER},
    ),
    Sample(
        proxied_covariance,
        {"returns": HISTORY, "market": 0, "beta": 1.0, "floor": 0.04, "half_life": 50.0, "enough": 4},
        {"returns": OTHER, "market": 2, "beta": 2.0, "floor": 0.05, "half_life": 20.0, "enough": 3},
        {
            "returns": (HOLE, [0.1, 0.2], np.zeros((0, 2))),
            "market": (-1, 1, 3),
            "floor": (0.0, -0.01),
            "half_life": (0.0, -1.0),
            "enough": (1, 0),
        },
    ),
)
