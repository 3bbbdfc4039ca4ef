"""Samples of what nbs/risk/portfolio.ipynb exports."""

from __future__ import annotations

import math

import numpy as np

from tests.exports.risk_scenarios import METHOD, OTHER, RETURNS, SPOILED
from tests.exports.sample import MONEY, NUMBER, Sample
from titan.risk.portfolio import assumed_shortfall, desk_shortfall, estimate_portfolio, worst_move

ROWS = [[-0.02, 0.01], [0.01, -0.03], [0.02, 0.01], [-0.01, -0.01]]
HOLDINGS = [[1000.0, -500.0], [0.0, 700.0]]
SHORTFALL = (MONEY, MONEY, MONEY, MONEY, MONEY)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        desk_shortfall,
        {"scenarios": ROWS, "holdings": HOLDINGS, "tail": 0.5, "weight": 20.0},
        changes={
            "scenarios": [*ROWS[:-1], [-0.01, -0.05]],
            "holdings": [[1000.0, -500.0], [0.0, 800.0]],
            "tail": 0.25,
            "weight": 50.0,
        },
        refused={
            "scenarios": ([], [0.01, 0.02], [[math.nan, 0.01], *ROWS[1:]]),
            "holdings": ([], [1000.0, -500.0], [[1000.0]], [[1000.0, math.inf]]),
            "tail": (0.0, 1.0),
            "weight": (0.0, -1.0),
        },
        units={"scenarios": NUMBER, "holdings": MONEY, "tail": NUMBER, "weight": NUMBER, "result": SHORTFALL},
    ),
    Sample(
        assumed_shortfall,
        {"holdings": HOLDINGS, "volatility": 0.02, "tail": 0.025},
        changes={"holdings": [[1000.0, -500.0], [0.0, 800.0]], "volatility": 0.03, "tail": 0.05},
        refused={
            "holdings": ([], [1000.0], [[1000.0, math.nan]]),
            "volatility": (0.0, -0.1),
            "tail": (0.0, 0.6),
        },
        units={"holdings": MONEY, "volatility": NUMBER, "tail": NUMBER, "result": SHORTFALL},
    ),
    Sample(
        worst_move,
        {"returns": ROWS, "exposures": [1000.0, 200.0], "periods": 2},
        changes={"returns": [*ROWS[:-1], [-0.05, -0.05]], "exposures": [1000.0, -200.0], "periods": 1},
        refused={
            "returns": ([0.1, 0.2], [[0.1]], [[-1.0, 0.1]] * 3),
            "exposures": ([], [[1.0]]),
            "periods": (0, 5),
        },
        units={"returns": NUMBER, "exposures": MONEY, "periods": NUMBER, "result": MONEY},
    ),
    Sample(
        estimate_portfolio,
        {"returns": RETURNS, "market": 0, "holdings": np.eye(3) * 1000.0, "method": METHOD},
        changes={
            "returns": OTHER,
            "market": 1,
            "holdings": np.eye(3) * 900.0,
            "method": METHOD._replace(tail=0.2),
        },
        refused={
            "returns": (
                RETURNS[0],
                RETURNS[:, :0],
                np.where(np.arange(40)[:, None] == 20, math.nan, RETURNS),
            ),
            "market": (-1, 3),
            "holdings": (np.eye(2), [1000.0, 0.0, 0.0]),
            "method": SPOILED,
        },
    ),
)
