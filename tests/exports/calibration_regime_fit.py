"""Samples of titan.calibration.regime_fit."""

from __future__ import annotations

import math

import numpy as np

from tests.exports.sample import Sample
from titan.calibration.emissions import regime_model
from titan.calibration.regime_fit import (
    Fit,
    bayes_information,
    fit_regimes,
    information_by_regimes,
    parameter_count,
)


def bars(seed: int) -> list[list[float]]:
    """Return 150 bars of one feature, 50 calm, 50 wild, 50 calm."""
    swing = np.repeat([1.0, 4.0, 1.0], 50)
    return (swing * np.random.default_rng(seed).standard_normal(150))[:, None].tolist()


OLD = regime_model([0.5, 0.5], np.eye(2), [[0.0], [0.0]], [[[1.0]], [[9.0]]], ("a", "b"), [0.0], [1.0])
APART = regime_model([1.0], [[1.0]], [[0.0, 0.0]], [np.eye(2)], ("a",), [0.0, 0.0], [1.0, 1.0])
FITS = (
    Fit(regimes=0),
    Fit(starts=0),
    Fit(seed=-1),
    Fit(iterations=0),
    Fit(tolerance=math.nan),
    Fit(bound=math.nan),
)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        function=parameter_count,
        arguments={"regimes": 2, "size": 2},
        changes={"regimes": 3, "size": 1},
        refused={"regimes": (0, -1), "size": (0, -1)},
    ),
    Sample(
        function=bayes_information,
        arguments={"log_likelihood": -100.0, "regimes": 2, "size": 2, "rows": 50},
        changes={"log_likelihood": -90.0, "regimes": 3, "size": 1, "rows": 60},
        refused={"regimes": (0,), "size": (0,), "rows": (0,)},
    ),
    Sample(
        function=fit_regimes,
        arguments={"features": bars(1), "fit": Fit(starts=1), "old": None},
        changes={"features": bars(2), "fit": Fit(starts=1, bound=2.0), "old": OLD},
        refused={"features": (bars(1)[:50], [1.0, 2.0]), "fit": FITS, "old": (APART,)},
    ),
    Sample(
        function=information_by_regimes,
        arguments={"features": bars(1), "fit": Fit(starts=1), "choices": (1, 2)},
        changes={"features": bars(2), "fit": Fit(starts=1, bound=2.0), "choices": (2,)},
        refused={"features": (bars(1)[:20],), "fit": (Fit(starts=0), Fit(seed=-1)), "choices": ((), (0,))},
    ),
)
