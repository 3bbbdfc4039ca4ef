"""Samples of what nbs/evaluation/markouts.ipynb exports."""

from __future__ import annotations

import numpy as np

from tests.exports.sample import NUMBER, PRICE, SIZE, TIME, Sample
from titan.evaluation.markouts import edges, markout_curve, markouts

FILLS = {"fill_times_ns": np.array([5, 15, 25]), "sides": [1.0, -1.0, 1.0]}
PATH = {
    "mid_times_ns": np.array([0, 10, 20, 30, 40]),
    "mids": [100.0, 101.0, 100.5, 102.0, 101.5],
    "horizons_ns": np.array([4, 8]),
}
TABLE = markouts(**FILLS, **PATH)
OTHER_TABLE = markouts(**FILLS, **{**PATH, "mids": [100.0, 101.0, 100.5, 102.5, 101.5]})
TABLE_UNITS = (PRICE, NUMBER, PRICE)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        markouts,
        {**FILLS, **PATH},
        changes={
            "fill_times_ns": np.array([5, 15, 35]),
            "sides": [1.0, 1.0, 1.0],
            "mid_times_ns": np.array([0, 10, 21, 30, 31]),
            "mids": [100.0, 101.0, 100.5, 102.5, 101.5],
            "horizons_ns": np.array([4, 20]),
        },
        refused={
            "fill_times_ns": (
                np.array([0, 15, 25]),
                np.array([5, 15, 41]),
                np.array([5.0, 15.0, 25.0]),
                np.array([], dtype=np.int64),
            ),
            "sides": ([1.0, 0.0, 1.0], [1.0, -1.0], [1.0, 2.0, 1.0]),
            "mid_times_ns": (np.array([0, 10, 9, 30, 40]), np.array([0.0, 10.0, 20.0, 30.0, 40.0])),
            "mids": ([100.0, 101.0],),
            "horizons_ns": (np.array([-1]), np.array([4.0]), np.array([[4]])),
        },
        units={
            "fill_times_ns": TIME,
            "sides": NUMBER,
            "mid_times_ns": TIME,
            "mids": PRICE,
            "horizons_ns": TIME,
            "result": TABLE_UNITS,
        },
    ),
    Sample(
        edges,
        {"table": TABLE, "sides": [1.0, -1.0, 1.0], "prices": [99.5, 101.5, 100.0]},
        changes={
            "table": TABLE._replace(mids_before=TABLE.mids_before + 1.0),
            "sides": [1.0, 1.0, 1.0],
            "prices": [99.5, 101.5, 100.1],
        },
        refused={"sides": ([1.0, -1.0], [1.0, 0.5, 1.0]), "prices": ([99.5],)},
        units={"table": TABLE_UNITS, "sides": NUMBER, "prices": PRICE, "result": PRICE},
    ),
    Sample(
        markout_curve,
        {
            "table": TABLE,
            "fill_times_ns": FILLS["fill_times_ns"],
            "weights": [2.0, 1.0, 4.0],
            "block_ns": 10,
        },
        changes={
            "table": OTHER_TABLE,
            "fill_times_ns": np.array([5, 6, 25]),
            "weights": [2.0, 0.0, 4.0],
            "block_ns": 20,
        },
        refused={
            "fill_times_ns": (np.array([5, 15]), np.array([5.0, 15.0, 25.0])),
            "weights": ([2.0, -1.0, 4.0], [2.0, 1.0]),
            "block_ns": (0, -1, 100),
        },
        units={
            "table": TABLE_UNITS,
            "fill_times_ns": TIME,
            "weights": SIZE,
            "block_ns": TIME,
            "result": (PRICE, PRICE, NUMBER),
        },
    ),
)
