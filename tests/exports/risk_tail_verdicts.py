"""Samples of what nbs/risk/tail_verdicts.ipynb exports."""

from __future__ import annotations

import numpy as np

from tests.exports.sample import Sample
from titan.risk.tail_forecasts import Bent, cornish_fisher_forecast, sampled_forecast
from titan.risk.tail_verdicts import judge, rank_depth, simulated_depths

RETURNS = np.random.default_rng(5).standard_t(4, 100)
RETURNS[[70, 71, 90]] = -6.0
PNL = RETURNS[60:]
OTHER_PNL = np.concatenate([PNL[:-1], [-9.0]])
PLAIN = sampled_forecast(RETURNS, np.ones(100), 60, 0.05)
BENT = cornish_fisher_forecast(RETURNS, 60, 0.05)
ZERO, ONE = np.zeros(40), np.ones(40)
NORMAL = Bent(ZERO, ONE, ZERO, ZERO, ONE)
RANKS = np.linspace(0.02, 0.98, 40)
BAD_TAILS = (0.0, 1.0, -0.1, 1.1)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        rank_depth,
        {"law": NORMAL, "ranks": RANKS, "tail": 0.05},
        changes={"law": BENT.law, "ranks": RANKS**2, "tail": 0.1},
        refused={
            "law": (
                NORMAL._replace(mean=ONE * 9.0),
                PLAIN.law._replace(scale=ONE[:3], ordered=np.ones((3, 9))),
            ),
            "ranks": ([], [0.5], [-0.1] * 40, [1.1] * 40),
            "tail": BAD_TAILS,
        },
    ),
    Sample(
        simulated_depths,
        {"forecast": PLAIN, "tail": 0.05, "draws": 9, "seed": 0},
        changes={"forecast": BENT, "tail": 0.1, "draws": 8, "seed": 1},
        refused={"tail": BAD_TAILS, "draws": (0, -1), "seed": (-1,)},
    ),
    Sample(
        judge,
        {"forecast": PLAIN, "pnl": PNL, "tail": 0.05, "draws": 9, "seed": 0, "lags": 3},
        changes={"forecast": BENT, "pnl": OTHER_PNL, "tail": 0.1, "draws": 8, "seed": 1, "lags": 2},
        refused={
            "pnl": ([], [1.0], [[1.0]]),
            "tail": BAD_TAILS,
            "draws": (0, -1),
            "seed": (-1,),
            "lags": (0, -1),
        },
    ),
)
