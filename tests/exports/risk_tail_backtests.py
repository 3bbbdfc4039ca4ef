"""Samples of what nbs/risk/tail_backtests.ipynb exports."""

from __future__ import annotations

import numpy as np

from tests.exports.sample import MONEY, NUMBER, Sample
from titan.risk.tail_backtests import (
    acerbi_szekely,
    acerbi_szekely_ranks,
    chi_squared_tail,
    christoffersen,
    du_escanciano,
    exceedances,
    kupiec,
    kupiec_band,
    share_below,
)

PNL, LIMIT, SHORTFALL = [1.0, -5.0, 2.0, -3.0], [4.0, 4.0, 2.0, 2.0], [5.0, 6.0, 3.0, 3.0]
HITS = [0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]
RANKS = [0.02, 0.4, 0.9, 0.05, 0.6, 0.3, 0.8, 0.7]
OTHER_RANKS = [0.01, 0.4, 0.9, 0.04, 0.6, 0.3, 0.8, 0.7]
MEANS, DEVIATIONS = [0.1] * 8, [1.0, 2.0] * 4
BAD_TAILS = (0.0, 1.0, -0.1, 1.1)


def logistic(probability: np.ndarray) -> np.ndarray:
    return np.log(probability) - np.log1p(-probability)


SAMPLES: tuple[Sample, ...] = (
    Sample(
        chi_squared_tail,
        {"value": 3.0, "degrees": 2},
        changes={"value": 0.0, "degrees": 3},
        refused={"value": (-0.1,), "degrees": (0, -1)},
    ),
    Sample(
        kupiec,
        {"exceedances": 4, "days": 250, "tail": 0.025},
        changes={"exceedances": 0, "days": 240, "tail": 0.05},
        refused={"exceedances": (-1, 251), "days": (3, 0, -1), "tail": BAD_TAILS},
    ),
    Sample(
        kupiec_band,
        {"days": 250, "tail": 0.025, "level": 0.05},
        changes={"days": 500, "tail": 0.05, "level": 0.2},
        refused={"days": (0, -1), "tail": BAD_TAILS, "level": (-0.1, 1.0, 1.1)},
    ),
    Sample(
        exceedances,
        {"pnl": PNL, "value_at_risk": LIMIT},
        changes={"pnl": [1.0, -3.0, 2.0, -3.0], "value_at_risk": [4.0, 6.0, 2.0, 2.0]},
        refused={"pnl": ([], [[1.0]]), "value_at_risk": ([], [4.0], [[4.0]])},
        units={"pnl": MONEY, "value_at_risk": MONEY, "result": NUMBER},
    ),
    Sample(
        christoffersen,
        {"hits": HITS, "tail": 0.25},
        changes={"hits": [*HITS[:-1], 1.0], "tail": 0.3},
        refused={"hits": ([1.0], [0.0, 0.5], [[0.0], [1.0]], [0.0, 2.0]), "tail": BAD_TAILS},
    ),
    Sample(
        acerbi_szekely,
        {"pnl": PNL, "value_at_risk": LIMIT, "shortfall": SHORTFALL, "tail": 0.25},
        changes={
            "pnl": [1.0, -6.0, 2.0, -3.0],
            "value_at_risk": [4.0, 6.0, 2.0, 2.0],
            "shortfall": [5.0, 7.0, 3.0, 3.0],
            "tail": 0.3,
        },
        refused={
            "pnl": ([], [[1.0]]),
            "value_at_risk": ([4.0],),
            "shortfall": ([5.0], [5.0, 6.0, 3.0, 0.0], [5.0, -6.0, 3.0, 3.0]),
            "tail": BAD_TAILS,
        },
        units={
            "pnl": MONEY,
            "value_at_risk": MONEY,
            "shortfall": MONEY,
            "tail": NUMBER,
            "result": NUMBER,
        },
    ),
    Sample(
        share_below,
        {"statistic": -0.5, "simulated": [-1.0, 0.2, -0.3]},
        changes={"statistic": 0.0, "simulated": [-1.0, -0.6, -0.3]},
        refused={"simulated": ([], [[1.0]])},
    ),
    Sample(
        acerbi_szekely_ranks,
        {
            "ranks": RANKS,
            "quantile": logistic,
            "means": MEANS,
            "deviations": DEVIATIONS,
            "tail": 0.25,
        },
        changes={
            "ranks": OTHER_RANKS,
            "quantile": lambda probability: 2.0 * probability - 3.0,
            "means": [0.2] * 8,
            "deviations": [1.0, 3.0] * 4,
            "tail": 0.125,
        },
        refused={
            "ranks": ([], [0.5], [*RANKS[:-1], 0.0], [*RANKS[:-1], 1.0]),
            "means": ([0.1], [9.0] * 8),
            "deviations": ([1.0], [1.0, 0.0] * 4, [-1.0] * 8),
            "tail": BAD_TAILS,
        },
        units={
            "ranks": NUMBER,
            "quantile": NUMBER,
            "means": MONEY,
            "deviations": MONEY,
            "tail": NUMBER,
            "result": NUMBER,
        },
    ),
    Sample(
        du_escanciano,
        {"ranks": RANKS, "tail": 0.25, "lags": 3},
        changes={"ranks": OTHER_RANKS, "tail": 0.3, "lags": 2},
        refused={
            "ranks": ([], [0.5] * 3, [-0.1] * 8, [1.1] * 8),
            "tail": BAD_TAILS,
            "lags": (0, -1),
        },
    ),
)
