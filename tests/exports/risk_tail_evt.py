"""Samples of what nbs/risk/tail_evt.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import Sample
from titan.risk.tail_evt import (
    Peaks,
    fit_peaks,
    gpd_log_likelihood,
    mean_excess,
    peaks_errors,
    peaks_tail,
)

LOSSES = (0.3, -1.0, 0.1, 1.2, 0.5, 2.9, 0.2, 0.8, 0.4, 1.7, 0.6, 5.1, 1.0, 0.7)
OTHER = (*LOSSES[:-1], 9.0)
PEAKS = Peaks(1.0, 0.2, 0.8, 50, 1_000)
BAD_PEAKS = (
    PEAKS._replace(threshold=math.nan),
    PEAKS._replace(shape=1.0),
    PEAKS._replace(scale=-1.0),
    PEAKS._replace(beyond=0),
)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        gpd_log_likelihood,
        {"excesses": [0.5, 1.0, 4.0], "shape": 0.2, "scale": 2.0},
        changes={"excesses": [0.5, 1.0, 5.0], "shape": 0.3, "scale": 1.0},
        refused={"excesses": ([], [0.0, 1.0], [[1.0]]), "scale": (0.0, -1.0)},
    ),
    Sample(
        fit_peaks,
        {"losses": LOSSES, "threshold": 0.0},
        changes={"losses": OTHER, "threshold": 0.15},
        refused={"losses": ([], [[1.0] * 20]), "threshold": (5.0, 100.0)},
    ),
    Sample(
        peaks_tail,
        {"peaks": PEAKS, "tail": 0.01},
        changes={"peaks": PEAKS._replace(shape=0.3), "tail": 0.005},
        refused={"peaks": BAD_PEAKS, "tail": (0.0, 1.0, 0.06)},
    ),
    Sample(
        peaks_errors,
        {"peaks": PEAKS, "tail": 0.01},
        changes={"peaks": PEAKS._replace(beyond=60), "tail": 0.005},
        refused={"peaks": BAD_PEAKS, "tail": (0.0, 1.0, 0.06)},
    ),
    Sample(
        mean_excess,
        {"losses": LOSSES, "threshold": 0.0},
        changes={"losses": OTHER, "threshold": 0.45},
        refused={"losses": ([], [[1.0]]), "threshold": (100.0,)},
    ),
)
