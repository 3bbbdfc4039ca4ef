"""Samples of what nbs/calibration/intensity.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import NUMBER, PRICE, RATE, TIME, Sample
from titan.calibration.intensity import (
    Calibration,
    Fit,
    Online,
    arrivals,
    fit_depths,
    is_stale,
    measured_intensity,
    online_fit,
    online_update,
    recalibrated,
    verdict,
    window_intensity,
)

SECOND = 1_000_000_000
PER_PRICE = (-1.0, 0.0, 0.0)
FIT_UNITS = (RATE, RATE, RATE, PER_PRICE, PER_PRICE, PER_PRICE, NUMBER, NUMBER, PRICE, PRICE, NUMBER)
GOOD = Fit(1.5, 1.4, 1.6, 0.08, 0.07, 0.09, 400.0, 40, 0.5, math.inf, 0.02)
POOR = GOOD._replace(orders=29.0)
LAST, LAST_UNITS = Calibration(GOOD, 5 * SECOND, ""), (FIT_UNITS, TIME, NUMBER)
ONLINE = Online(6.0, 5.0, 8.0, 20.0, 90.0, 5 * SECOND, 2.0, 2)
ONLINE_UNITS = (NUMBER, NUMBER, NUMBER, PRICE, TIME, TIME, PRICE, NUMBER)
DEPTHS = [0.5, 1.0, 2.5, 0.75, 4.0, 1.5]
OTHER_DEPTHS = [0.5, 1.0, 2.5, 0.75, 4.0, 1.0]
NO_END = "infinity is no end of the range"

SAMPLES: tuple[Sample, ...] = (
    Sample(
        arrivals,
        {
            "time_ns": [5, 5, 9],
            "side": [1, 1, -1],
            "price": [10.1, 10.4, 9.7],
            "mid_before": [10.0, 10.0, 9.9],
        },
        changes={
            "time_ns": [5, 6, 9],
            "side": [1, 1, 1],
            "price": [10.1, 10.5, 9.7],
            "mid_before": [10.0, 10.0, 9.8],
        },
        refused={
            "time_ns": ([5, 5], [5.0, 5.0, 9.0], [[5], [5], [9]]),
            "side": ([1, 1, 0], [1, 1, 2], [1, 1]),
            "price": ([10.1, 10.4],),
            "mid_before": ([10.0], 10.0),
        },
    ),
    Sample(
        fit_depths,
        {"depths": DEPTHS, "seconds": 60.0, "tick": 0.25, "nearest": 0.5, "farthest": 3.0},
        changes={
            "depths": OTHER_DEPTHS,
            "seconds": 90.0,
            "tick": 0.0,
            "nearest": 0.75,
            "farthest": 2.5,
        },
        refused={
            "seconds": (0.0, -1.0),
            "tick": (-0.1,),
            "nearest": (-0.1, 3.0),
            "farthest": (0.5, 0.1),
        },
        accepts={"farthest": NO_END},
        units={
            "depths": PRICE,
            "seconds": TIME,
            "tick": PRICE,
            "nearest": PRICE,
            "farthest": PRICE,
            "result": FIT_UNITS,
        },
    ),
    Sample(
        measured_intensity,
        {"depths": DEPTHS, "seconds": 60.0, "grid": [0.5, 2.0]},
        changes={"depths": OTHER_DEPTHS[1:], "seconds": 90.0, "grid": [0.5, 3.0]},
        refused={"seconds": (0.0, -1.0)},
        units={"depths": PRICE, "seconds": TIME, "grid": PRICE, "result": RATE},
    ),
    Sample(
        window_intensity,
        {"farthest_depths": [0.5, -math.inf, 2.5], "window_s": 1.0, "grid": [0.5, 2.0]},
        changes={"farthest_depths": [0.5, 0.7, 2.5], "window_s": 2.0, "grid": [0.5, 3.0]},
        refused={"farthest_depths": ([], [[1.0]]), "window_s": (0.0, -1.0)},
        accepts={"farthest_depths": "minus infinity is a window without orders"},
        units={"farthest_depths": PRICE, "window_s": TIME, "grid": PRICE, "result": RATE},
    ),
    Sample(
        verdict,
        {"fit": GOOD},
        changes={"fit": POOR},
        units={"fit": FIT_UNITS, "result": NUMBER},
    ),
    Sample(
        recalibrated,
        {"last": LAST, "fit": GOOD, "time_ns": 7 * SECOND},
        changes={"fit": POOR, "time_ns": 8 * SECOND},
        units={"last": LAST_UNITS, "fit": FIT_UNITS, "time_ns": TIME, "result": LAST_UNITS},
    ),
    Sample(
        recalibrated,
        {"last": LAST, "fit": POOR, "time_ns": 7 * SECOND},
        changes={"last": LAST._replace(time_ns=0)},
    ),
    Sample(
        is_stale,
        {"calibration": LAST, "now_ns": 15 * SECOND, "longest_s": 10.0},
        changes={"calibration": LAST._replace(time_ns=0), "now_ns": 15 * SECOND + 1, "longest_s": 9.0},
        refused={"longest_s": (0.0, -1.0)},
        units={"calibration": LAST_UNITS, "now_ns": TIME, "longest_s": TIME, "result": NUMBER},
    ),
    Sample(
        online_update,
        {
            "state": ONLINE,
            "depth": 3.0,
            "time_ns": 9 * SECOND,
            "half_life_s": 30.0,
            "nearest": 0.5,
            "farthest": 2.5,
        },
        changes={
            "state": ONLINE._replace(total=21.0),
            "depth": 2.0,
            "time_ns": 8 * SECOND,
            "half_life_s": 60.0,
            "nearest": 1.0,
            "farthest": 2.75,
        },
        refused={
            "depth": (math.inf,),
            "time_ns": (5 * SECOND - 1,),
            "half_life_s": (0.0, -1.0),
            "nearest": (-0.1, 2.5),
            "farthest": (0.5, 0.1),
        },
        accepts={
            "depth": "NaN, or one below `nearest`, only lets time pass",
            "farthest": NO_END,
        },
        units={
            "state": ONLINE_UNITS,
            "depth": PRICE,
            "time_ns": TIME,
            "half_life_s": TIME,
            "nearest": PRICE,
            "farthest": PRICE,
            "result": ONLINE_UNITS,
        },
    ),
    Sample(
        online_fit,
        {"state": ONLINE, "tick": 0.25, "nearest": 0.5, "farthest": 4.0},
        changes={
            "state": ONLINE._replace(total=21.0),
            "tick": 0.0,
            "nearest": 0.75,
            "farthest": 5.0,
        },
        refused={
            "state": (ONLINE._replace(watched_s=0.0), ONLINE._replace(watched_s=math.nan)),
            "tick": (-0.1,),
            "nearest": (-0.1, 4.0),
            "farthest": (0.5, 0.1),
        },
        accepts={"farthest": NO_END},
        units={
            "state": ONLINE_UNITS,
            "tick": PRICE,
            "nearest": PRICE,
            "farthest": PRICE,
            "result": FIT_UNITS,
        },
    ),
)
