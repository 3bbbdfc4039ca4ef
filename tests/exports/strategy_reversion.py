"""Samples of titan.strategy.reversion."""

import math

import numpy as np

from tests.exports.sample import NUMBER, TIME, Sample, Unit
from titan.strategy.reversion import (
    Basis,
    fit_basis,
    fit_reversion,
    forecast_basis,
    funding_sum,
    settlements_within,
)

_NOISE = np.random.default_rng(1).standard_normal(80)
SERIES = np.array([sum(0.6**lag * _NOISE[at - lag] for lag in range(at + 1)) for at in range(80)])
BASIS = Basis(2e-4, 3_600.0, 1e-5)
PER_ROOT: Unit = (0.0, 0.0, -0.5)
MISSING = "NaN marks a missing record, as the docstring says"

SAMPLES: tuple[Sample, ...] = (
    Sample(
        fit_reversion,
        {"series": SERIES},
        changes={"series": SERIES[:60]},
        refused={"series": ([1.0, 2.0], [1.0] * 40, [[1.0]], [1.0, 2.0, 4.0, math.inf])},
        accepts={"series": MISSING},
    ),
    Sample(
        fit_basis,
        {"series": SERIES, "step_s": 60.0},
        changes={"series": SERIES[:60], "step_s": 30.0},
        refused={"series": ([1.0] * 40,), "step_s": (0.0, -1.0)},
        accepts={"series": MISSING},
        units={"series": NUMBER, "step_s": TIME, "result": (NUMBER, TIME, PER_ROOT)},
    ),
    Sample(
        forecast_basis,
        {"basis": BASIS, "now": 5e-4, "horizon_s": 7_200.0},
        changes={"basis": BASIS._replace(mean=0.0), "now": 6e-4, "horizon_s": 60.0},
        refused={
            "basis": (
                BASIS._replace(mean=math.nan),
                BASIS._replace(reversion_s=0.0),
                BASIS._replace(volatility=-1.0),
            ),
            "horizon_s": (-1.0,),
        },
        units={
            "basis": (NUMBER, TIME, PER_ROOT),
            "now": NUMBER,
            "horizon_s": TIME,
            "result": (NUMBER, NUMBER),
        },
    ),
    Sample(
        settlements_within,
        {"next_in_s": 3_600.0, "interval_s": 28_800.0, "horizon_s": 86_400.0},
        changes={"next_in_s": 86_400.0, "interval_s": 3_600.0, "horizon_s": 1_000.0},
        refused={"next_in_s": (-1.0,), "interval_s": (0.0,), "horizon_s": (-1.0,)},
        units={"next_in_s": TIME, "interval_s": TIME, "horizon_s": TIME, "result": NUMBER},
    ),
    Sample(
        funding_sum,
        {"rate": 5e-4, "mean": 1e-4, "persistence": 0.8, "settlements": 6},
        changes={"rate": 4e-4, "mean": 0.0, "persistence": 1.0, "settlements": 5},
        refused={"persistence": (-0.1, 1.1), "settlements": (-1,)},
    ),
)
