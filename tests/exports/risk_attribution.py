"""Samples of what nbs/risk/attribution.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import MONEY, NUMBER, Sample
from titan.risk.attribution import attribute_shortfall

RETURNS = [[-0.02, 0.01], [0.01, -0.03], [0.02, 0.01], [-0.01, -0.01]]
HOLDINGS = [[1000.0, -500.0], [0.0, 700.0]]

SAMPLES: tuple[Sample, ...] = (
    Sample(
        attribute_shortfall,
        {"returns": RETURNS, "holdings": HOLDINGS, "tail": 0.5},
        changes={
            "returns": [*RETURNS[:-1], [-0.01, -0.05]],
            "holdings": [[1000.0, -500.0], [0.0, 800.0]],
            "tail": 0.25,
        },
        refused={
            "returns": ([], [0.01, 0.02], [[math.nan, 0.01], *RETURNS[1:]]),
            "holdings": ([], [1000.0, -500.0], [[1000.0]], [[1000.0, math.inf]]),
            "tail": (0.0, 1.0, -0.1, 1.1),
        },
        units={
            "returns": NUMBER,
            "holdings": MONEY,
            "tail": NUMBER,
            "result": (MONEY, MONEY, NUMBER, MONEY),
        },
    ),
)
