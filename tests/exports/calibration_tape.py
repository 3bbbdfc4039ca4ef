"""Samples of titan.calibration.tape."""

from __future__ import annotations

import numpy as np

from tests.exports.sample import Sample
from titan.calibration.tape import tape_arrivals

SAMPLES: tuple[Sample, ...] = (
    Sample(
        tape_arrivals,
        {
            "time_ns": [5, 5, 7], "side": [1, 1, -1], "price": np.array([100.2, 100.4, 99.7]),
            "quote_time_ns": [1, 5], "quote_mid": np.array([100.0, 100.1]),
        },
        changes={
            "time_ns": [5, 6, 7], "side": [1, -1, -1], "price": np.array([100.2, 100.5, 99.7]),
            "quote_time_ns": [1, 2], "quote_mid": np.array([100.0, 100.3]),
        },
        refused={
            "time_ns": ([5, 4, 7], [5.0, 5.0, 7.0], []), "side": ([1, 0, -1], [1, 1]), "price": ([100.0],),
            "quote_time_ns": ([5, 6], [5, 1]), "quote_mid": ([100.0],),
        },
    ),
)  # fmt: skip
