"""Samples of what nbs/risk/sizing.ipynb exports."""

from __future__ import annotations

from tests.exports.sample import MONEY, NUMBER, PRICE, SIZE, Sample
from titan.risk.sizing import (
    cap_weights,
    drawdown_probability,
    drawdown_share,
    fraction_for_drawdown,
    growth_kept,
    growth_rate,
    kelly_weights,
    volatility_target_size,
)

SPREAD = ((0.0009, 0.0008), (0.0008, 0.0016))

SAMPLES: tuple[Sample, ...] = (
    Sample(
        volatility_target_size,
        {"equity": 100_000.0, "price": 60_000.0, "volatility": 0.03, "target": 1.0, "most_leverage": 1.5},
        changes={
            "equity": 90_000.0,
            "price": 50_000.0,
            "volatility": 0.04,
            "target": 0.5,
            "most_leverage": 1.0,
        },
        refused={
            "equity": (-1.0,),
            "price": (0.0, -1.0),
            "volatility": (0.0, -0.1),
            "target": (-0.1,),
            "most_leverage": (-1.0,),
        },
        units={
            "equity": MONEY,
            "price": PRICE,
            "volatility": NUMBER,
            "target": NUMBER,
            "most_leverage": NUMBER,
            "result": SIZE,
        },
    ),
    Sample(
        growth_rate,
        {"leverage": 1.0, "mean": 0.001, "volatility": 0.03},
        changes={"leverage": 2.0, "mean": 0.002, "volatility": 0.02},
        refused={"volatility": (0.0, -0.1)},
    ),
    Sample(growth_kept, {"fraction": 0.5}, changes={"fraction": 0.25}),
    Sample(
        drawdown_probability,
        {"level": 0.5, "fraction": 0.5},
        changes={"level": 0.6, "fraction": 0.75},
        refused={"level": (0.0, 1.0), "fraction": (0.0, 2.0, -1.0)},
    ),
    Sample(
        fraction_for_drawdown,
        {"level": 0.5, "probability": 0.125},
        changes={"level": 0.6, "probability": 0.25},
        refused={"level": (0.0, 1.0), "probability": (0.0, 1.0)},
    ),
    Sample(
        kelly_weights,
        {
            "means": [0.0010, 0.0012],
            "covariance": SPREAD,
            "periods": 365,
            "prior_sharpe": 0.05,
            "fraction": 0.5,
        },
        changes={
            "means": [0.0010, 0.0013],
            "covariance": ((0.0009, 0.0004), (0.0004, 0.0016)),
            "periods": 730,
            "prior_sharpe": 0.1,
            "fraction": 0.25,
        },
        refused={
            "means": ([], [[0.1]]),
            "covariance": (((1.0,),), ((1.0, 2.0), (2.0, 1.0)), ((1.0, 0.1), (0.2, 1.0))),
            "periods": (0, -1),
            "prior_sharpe": (0.0, -0.1),
            "fraction": (0.0, 1.5),
        },
    ),
    Sample(
        drawdown_share,
        {"equity": 95.0, "peak": 100.0, "most_drawdown": 0.2},
        changes={"equity": 90.0, "peak": 105.0, "most_drawdown": 0.1},
        refused={"equity": (101.0,), "peak": (0.0, -1.0), "most_drawdown": (0.0, 1.1)},
        units={"equity": MONEY, "peak": MONEY, "most_drawdown": NUMBER, "result": NUMBER},
    ),
    Sample(
        cap_weights,
        {"weights": [2.0, -0.5, 0.1], "most_each": 1.0, "most_gross": 1.2},
        changes={"weights": [2.0, -0.6, 0.1], "most_each": 0.9, "most_gross": 1.1},
        refused={"weights": ([], [[1.0]]), "most_each": (-1.0,), "most_gross": (-1.0,)},
    ),
)
