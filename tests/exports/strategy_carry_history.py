"""Samples of what nbs/strategy/carry_history.ipynb exports."""

from __future__ import annotations

import numpy as np

from tests.exports.sample import NUMBER, Sample
from titan.strategy.carry_history import Expected, expected_carry, held_pairs, pair_returns

RATES = [0.0001, 0.0004, -0.0001]
EXPECTED = Expected(np.array([0.1, 0.5, 0.2]), np.array([0.1, 0.3, 0.05]))

SAMPLES: tuple[Sample, ...] = (
    Sample(
        expected_carry,
        {
            "rates": RATES,
            "interval_s": 28_800.0,
            "horizon_s": 1e6,
            "usual_funding": 0.05,
            "persistence": 0.8,
        },
        changes={
            "rates": RATES[::-1],
            "interval_s": 14_400.0,
            "horizon_s": 2e6,
            "usual_funding": 0.1,
            "persistence": 0.7,
        },
        refused={
            "rates": ([], [[0.1]]),
            "interval_s": (0.0, -1.0),
            "horizon_s": (-1.0,),
            "persistence": (-0.1, 1.1),
        },
        units={
            "rates": NUMBER,
            "interval_s": NUMBER,
            "horizon_s": NUMBER,
            "usual_funding": NUMBER,
            "persistence": NUMBER,
            "result": NUMBER,
        },
    ),
    Sample(
        held_pairs,
        {"expected": EXPECTED, "threshold": 0.4, "leaving": 0.04},
        changes={"expected": EXPECTED._replace(over_horizon=np.zeros(3)), "threshold": 0.6, "leaving": 0.1},
        refused={"expected": (EXPECTED._replace(over_horizon=np.zeros(2)),)},
    ),
    Sample(
        pair_returns,
        {"rates": RATES, "basis": [0.001, 0.002, 0.0]},
        changes={"rates": RATES[::-1], "basis": [0.001, 0.003, 0.0]},
        refused={"rates": ([], [[0.1]]), "basis": ([], [0.1])},
        units={"rates": NUMBER, "basis": NUMBER, "result": NUMBER},
    ),
)
