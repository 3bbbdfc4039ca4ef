"""Samples of what nbs/evaluation/performance.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import MONEY, NUMBER, Sample
from titan.evaluation.performance import (
    Moments,
    bootstrap_interval,
    deflated_sharpe,
    expected_best_sharpe,
    max_drawdown,
    moments,
    probabilistic_sharpe,
    sharpe_ratio,
    sortino_ratio,
    stationary_blocks,
)

RETURNS = [1.0, -2.0, 3.0, -0.5, 2.0]
OTHER = [1.0, -2.0, 3.0, -0.5, 1.0]
RECORD = Moments(250, 0.1, -0.5, 5.0)
BAD_RECORDS = (
    Moments(1, 0.1, -0.5, 5.0),
    Moments(250, math.nan, -0.5, 5.0),
    Moments(250, 1.0, 9.0, 1.0),
)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        sharpe_ratio,
        {"returns": RETURNS},
        changes={"returns": OTHER},
        refused={"returns": ([1.0], [1.0, 1.0], [[1.0], [2.0]])},
        units={"returns": MONEY, "result": NUMBER},
    ),
    Sample(
        sortino_ratio,
        {"returns": RETURNS, "target": 0.5},
        changes={"returns": OTHER, "target": 0.0},
        refused={"returns": ([], [[1.0]]), "target": (-2.0, -3.0)},
        units={"returns": MONEY, "target": MONEY, "result": NUMBER},
    ),
    Sample(
        max_drawdown,
        {"returns": RETURNS},
        changes={"returns": [1.0, -3.0, 3.0, -0.5, 2.0]},
        refused={"returns": ([], [[1.0]])},
        units={"returns": MONEY, "result": (MONEY, NUMBER, NUMBER, NUMBER)},
    ),
    Sample(
        moments,
        {"returns": RETURNS},
        changes={"returns": OTHER},
        refused={"returns": ([1.0], [1.0, 1.0])},
        units={"returns": MONEY, "result": (NUMBER, NUMBER, NUMBER, NUMBER)},
    ),
    Sample(
        probabilistic_sharpe,
        {"record": RECORD, "benchmark": 0.05},
        changes={"record": RECORD._replace(kurtosis=9.0), "benchmark": 0.0},
        refused={"record": BAD_RECORDS},
    ),
    Sample(
        expected_best_sharpe,
        {"trials": 10, "trial_variance": 0.04},
        changes={"trials": 20, "trial_variance": 0.0},
        refused={"trials": (1, 0), "trial_variance": (-0.1,)},
    ),
    Sample(
        deflated_sharpe,
        {"record": RECORD, "trials": 10, "trial_variance": 0.001},
        changes={"record": RECORD._replace(kurtosis=9.0), "trials": 20, "trial_variance": 0.0},
        refused={"record": BAD_RECORDS, "trials": (1, 0), "trial_variance": (-0.1,)},
    ),
    Sample(
        stationary_blocks,
        {"periods": 20, "mean_block": 3.0, "draws": 4, "seed": 1},
        changes={"periods": 21, "mean_block": 1.0, "draws": 5, "seed": 2},
        refused={
            "periods": (0, -1),
            "mean_block": (0.9, 0.0, -1.0),
            "draws": (0, -1),
            "seed": (-1,),
        },
    ),
    Sample(
        bootstrap_interval,
        {
            "returns": RETURNS,
            "statistic": sharpe_ratio,
            "mean_block": 3.0,
            "confidence": 0.9,
            "draws": 20,
            "seed": 1,
        },
        changes={
            "returns": OTHER,
            "statistic": lambda record: float(record.mean()),
            "mean_block": 2.0,
            "confidence": 0.8,
            "draws": 30,
            "seed": 2,
        },
        refused={
            "returns": ([1.0], [[1.0], [2.0]]),
            "mean_block": (0.9, -1.0),
            "confidence": (0.0, 1.0, -0.1, 1.1),
            "draws": (0, -1),
            "seed": (-1,),
        },
        units={
            "returns": MONEY,
            "statistic": NUMBER,
            "mean_block": NUMBER,
            "confidence": NUMBER,
            "draws": NUMBER,
            "seed": NUMBER,
            "result": NUMBER,
        },
    ),
)
