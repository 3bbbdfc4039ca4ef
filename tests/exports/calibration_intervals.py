"""Samples of what nbs/calibration/intervals.ipynb exports."""

from __future__ import annotations

from tests.exports.sample import NUMBER, RATE, TIME, Sample
from titan.calibration.intervals import (
    beta_cdf,
    beta_quantile,
    decay_interval,
    gamma_cdf,
    gamma_quantile,
    rate_interval,
)

BAD_PROBABILITIES = (0.0, 1.0, -0.1, 1.1)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        gamma_cdf,
        {"shape": 2.5, "x": 3.0},
        changes={"shape": 3.0, "x": 0.0},
        refused={"shape": (0.0, -1.0), "x": (-0.1,)},
    ),
    Sample(
        beta_cdf,
        {"a": 2.0, "b": 3.0, "x": 0.3},
        changes={"a": 2.5, "b": 3.5, "x": 0.0},
        refused={"a": (0.0, -1.0), "b": (0.0, -1.0), "x": (-0.1, 1.1)},
    ),
    Sample(
        gamma_quantile,
        {"shape": 2.5, "probability": 0.3},
        changes={"shape": 3.0, "probability": 0.4},
        refused={"shape": (0.0, -1.0), "probability": BAD_PROBABILITIES},
    ),
    Sample(
        beta_quantile,
        {"a": 2.0, "b": 3.0, "probability": 0.3},
        changes={"a": 2.5, "b": 3.5, "probability": 0.4},
        refused={"a": (0.0, -1.0), "b": (0.0, -1.0), "probability": BAD_PROBABILITIES},
    ),
    Sample(
        rate_interval,
        {"count": 4.0, "exposure": 10.0, "confidence": 0.95},
        changes={"count": 0.0, "exposure": 20.0, "confidence": 0.9},
        refused={"count": (-1.0,), "exposure": (0.0, -1.0), "confidence": BAD_PROBABILITIES},
        units={"count": NUMBER, "exposure": TIME, "confidence": NUMBER, "result": RATE},
    ),
    Sample(
        decay_interval,
        {"count": 4.0, "total": 10.0, "grid": 0.5, "confidence": 0.95},
        changes={"count": 5.0, "total": 0.0, "grid": 0.0, "confidence": 0.9},
        refused={"count": (0.0, -1.0), "total": (-1.0,), "grid": (-0.1,), "confidence": BAD_PROBABILITIES},
        units={"count": NUMBER, "total": TIME, "grid": TIME, "confidence": NUMBER, "result": RATE},
    ),
    Sample(
        decay_interval,
        {"count": 4.0, "total": 10.0},
        refused={"total": (0.0,)},
        units={"count": NUMBER, "total": TIME, "result": RATE},
    ),
)
