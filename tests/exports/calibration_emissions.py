"""Samples of titan.calibration.emissions."""

from __future__ import annotations

import math

from tests.exports.sample import Sample
from titan.calibration.emissions import log_densities, regime_model

PARTS = {
    "start": [0.5, 0.5],
    "transition": [[0.9, 0.1], [0.2, 0.8]],
    "means": [[0.0], [0.1]],
    "covariances": [[[0.3]], [[2.5]]],
    "labels": ("calm", "wild"),
    "centre": [0.0],
    "scale": [0.01],
    "bound": 5.0,
    "degrees_of_freedom": 4.0,
}

SAMPLES: tuple[Sample, ...] = (
    Sample(
        function=regime_model,
        arguments=PARTS,
        changes={
            "start": [0.4, 0.6],
            "transition": [[0.8, 0.2], [0.2, 0.8]],
            "means": [[0.0], [0.2]],
            "covariances": [[[0.3]], [[2.0]]],
            "labels": ("calm", "loud"),
            "centre": [0.001],
            "scale": [0.02],
            "bound": 0.0,
            "degrees_of_freedom": 0.0,
        },
        refused={
            "start": ([0.5, 0.6], [1.0]),
            "transition": ([[0.9, 0.2], [0.2, 0.8]], [[1.0]]),
            "means": ([0.0, 0.1], [[], []]),
            "covariances": ([[[0.3]], [[0.0]]], [[[0.3]], [[-1.0]]]),
            "labels": (("calm", "calm"), ("calm",)),
            "centre": ([0.0, 0.0],),
            "scale": ([0.0], [-0.01]),
            "bound": (-1.0,),
            "degrees_of_freedom": (2.0, -4.0),
        },
    ),
    Sample(
        function=log_densities,
        arguments={"model": regime_model(**PARTS), "features": [0.01]},
        changes={"model": regime_model(**{**PARTS, "bound": 0.5}), "features": [0.02]},
        refused={"features": ([], [0.01, 0.02], [math.nan])},
    ),
)
