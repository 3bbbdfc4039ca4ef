"""Samples of titan.calibration.intensity_fit."""

from __future__ import annotations

import numpy as np

from tests.exports.sample import NUMBER, PRICE, TIME, Sample
from titan.calibration.intensity_fit import Exposures, exposures, fit_exposures, quote_stays

STAYS = [
    Exposures(np.array([1.0, 2.1]), np.array([10.0, 20.0]), np.array([3, 1])),
    Exposures(np.array([1.1]), np.array([5.0]), np.array([2])),
]

SAMPLES: tuple[Sample, ...] = (
    Sample(
        function=quote_stays,
        arguments={
            "side": 1,
            "price": 99.0,
            "start_s": 0.5,
            "end_s": 10.0,
            "fill_times_s": [4.0, 9.0],
            "mid_times_s": [0.0, 4.0, 7.0],
            "mids": [100.0, 101.0, 99.5],
        },
        changes={
            "side": -1,
            "price": 98.0,
            "start_s": 0.25,
            "end_s": 11.0,
            "fill_times_s": [4.0],
            "mid_times_s": [0.0, 5.0, 7.0],
            "mids": [100.0, 102.0, 99.5],
        },
        refused={
            "side": (0, 2),
            "price": (0.0, -1.0),
            "start_s": (-1.0, 10.0),
            "end_s": (0.5,),
            "fill_times_s": ([0.5], [11.0]),
            "mid_times_s": ([0.0, 4.0, 4.0], [0.0, 7.0, 4.0]),
            "mids": ([100.0, 101.0], [100.0, 0.0, 99.5]),
        },
        units={
            "side": NUMBER,
            "price": PRICE,
            "start_s": TIME,
            "end_s": TIME,
            "fill_times_s": TIME,
            "mid_times_s": TIME,
            "mids": PRICE,
            "result": (PRICE, TIME, NUMBER),
        },
    ),
    Sample(
        function=exposures,
        arguments={"stays": STAYS, "step": 0.5},
        changes={"stays": STAYS[:1], "step": 0.1},
        refused={"stays": ([STAYS[0]._replace(depth=np.array([1.0, np.nan]))],), "step": (-0.5,)},
    ),
    Sample(
        function=fit_exposures,
        arguments={
            "depth": [1.0, 2.0, 3.0, 4.0],
            "seconds": [100.0, 110.0, 120.0, 130.0],
            "fills": [60, 45, 30, 12],
            "confidence": 0.95,
        },
        changes={
            "depth": [1.0, 2.0, 3.0, 5.0],
            "seconds": [100.0, 110.0, 120.0, 150.0],
            "fills": [60, 45, 30, 20],
            "confidence": 0.9,
        },
        refused={
            "depth": ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 3.0]),
            "seconds": ([100.0, 110.0, 120.0, 0.0],),
            "fills": ([60, 45, 30, -1], [60, 45, 30, 1.5]),
            "confidence": (0.0, 1.0),
        },
    ),
)
