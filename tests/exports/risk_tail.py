"""Samples of what nbs/risk/tail.ipynb exports."""

from __future__ import annotations

from tests.exports.sample import MONEY, NUMBER, Sample
from titan.risk.tail import (
    check_tail,
    checked_series,
    cornish_fisher_holds,
    cornish_fisher_tail,
    filtered_tail,
    garch_volatilities,
    historical_errors,
    historical_tail,
    normal_tail,
    student_tail,
    tail_days,
    tail_weights,
)

RETURNS = [3.0, -5.0, 1.0, -2.0, 0.5, -1.0, 2.0, -4.0]
OTHER = [3.0, -6.0, 1.0, -2.0, 0.5, -1.0, 2.0, -4.0]
BAD_TAILS = (0.0, 1.0, -0.1, 1.1)
TOO_SHORT = ([], [1.0], [[1.0] * 8])
TAIL_UNITS = (MONEY, MONEY)
NO_MOMENT = "where a moment is not finite the expansion is no quantile, and the answer is no"
GARCH = {"mean": 0.1, "omega": 0.2, "news": 0.1, "persistence": 0.8}

SAMPLES: tuple[Sample, ...] = (
    Sample(
        checked_series,
        {"name": "values", "values": [1.0, 2.0], "at_least": 2},
        changes={"name": "returns", "values": [1.0, 3.0], "at_least": 1},
        refused={"values": ([1.0], [[1.0, 2.0]])},
        ignores={
            "name": "only what messages call the values",
            "at_least": "decides what is refused, and no value",
        },
        units={"name": NUMBER, "values": MONEY, "at_least": NUMBER, "result": MONEY},
    ),
    Sample(
        check_tail,
        {"tail": 0.1},
        changes={"tail": 0.2},
        refused={"tail": BAD_TAILS},
        ignores={"tail": "is only checked"},
    ),
    Sample(
        tail_days,
        {"losses": RETURNS, "tail": 0.3},
        changes={"losses": [3.0, 9.0, 1.0, -2.0, 0.5, -1.0, 2.0, -4.0], "tail": 0.2},
        refused={"losses": TOO_SHORT, "tail": BAD_TAILS},
        units={"losses": MONEY, "tail": NUMBER, "result": (NUMBER, NUMBER, MONEY)},
    ),
    Sample(
        tail_weights,
        {"losses": RETURNS, "tail": 0.3},
        changes={"losses": [3.0, 9.0, 1.0, -2.0, 0.5, -1.0, 2.0, -4.0], "tail": 0.2},
        refused={"losses": TOO_SHORT, "tail": BAD_TAILS},
        units={"losses": MONEY, "tail": NUMBER, "result": (NUMBER, MONEY)},
    ),
    Sample(
        historical_tail,
        {"returns": RETURNS, "tail": 0.3},
        changes={"returns": OTHER, "tail": 0.2},
        refused={"returns": ([], [[1.0] * 8]), "tail": BAD_TAILS},
        units={"returns": MONEY, "tail": NUMBER, "result": TAIL_UNITS},
    ),
    Sample(
        historical_errors,
        {"returns": RETURNS, "tail": 0.3},
        changes={"returns": OTHER, "tail": 0.2},
        refused={"returns": ([], [[1.0] * 8]), "tail": BAD_TAILS},
        units={"returns": MONEY, "tail": NUMBER, "result": TAIL_UNITS},
    ),
    Sample(
        normal_tail,
        {"tail": 0.025, "mean": 0.1, "deviation": 2.0},
        changes={"tail": 0.01, "mean": 0.2, "deviation": 0.0},
        refused={"tail": BAD_TAILS, "deviation": (-1.0,)},
        units={"tail": NUMBER, "mean": MONEY, "deviation": MONEY, "result": TAIL_UNITS},
    ),
    Sample(
        student_tail,
        {"tail": 0.025, "degrees_of_freedom": 4.0, "unit_variance": False},
        changes={"tail": 0.01, "degrees_of_freedom": 5.0, "unit_variance": True},
        refused={"tail": (*BAD_TAILS, 0.6), "degrees_of_freedom": (1.0, 0.0, -1.0)},
    ),
    Sample(
        student_tail,
        {"tail": 0.025, "degrees_of_freedom": 4.0, "unit_variance": True},
        refused={"degrees_of_freedom": (2.0, 1.5)},
    ),
    Sample(
        cornish_fisher_holds,
        {"skewness": 0.1, "excess_kurtosis": 2.0},
        changes={"skewness": 3.0, "excess_kurtosis": 9.0},
        accepts={"skewness": NO_MOMENT, "excess_kurtosis": NO_MOMENT},
    ),
    Sample(
        cornish_fisher_tail,
        {"tail": 0.025, "skewness": 0.1, "excess_kurtosis": 2.0},
        changes={"tail": 0.01, "skewness": -0.1, "excess_kurtosis": 3.0},
        refused={"tail": BAD_TAILS, "skewness": (3.0,), "excess_kurtosis": (9.0, -1.0)},
    ),
    Sample(
        garch_volatilities,
        {"returns": RETURNS, **GARCH},
        changes={
            "returns": OTHER,
            "mean": 0.2,
            "omega": 0.3,
            "news": 0.0,
            "persistence": 0.0,
        },
        refused={
            "returns": ([], [[1.0]]),
            "omega": (0.0, -1.0),
            "news": (-0.1, 0.2, 1.0),
            "persistence": (-0.1, 0.9, 1.0),
        },
        units={
            "returns": MONEY,
            "mean": MONEY,
            "omega": (2.0, 2.0, 0.0),
            "news": NUMBER,
            "persistence": NUMBER,
            "result": MONEY,
        },
    ),
    Sample(
        filtered_tail,
        {
            "returns": RETURNS,
            "volatilities": [1.0, 2.0, 1.0, 1.5, 1.0, 1.0, 1.0, 1.0, 2.0],
            "mean": 0.1,
            "tail": 0.3,
        },
        changes={
            "returns": OTHER,
            "volatilities": [1.0, 2.0, 1.0, 1.5, 1.0, 1.0, 1.0, 1.0, 3.0],
            "mean": 0.2,
            "tail": 0.2,
        },
        refused={
            "returns": ([], [[1.0]]),
            "volatilities": ([1.0] * 8, [0.0] * 9, [-1.0] * 9),
            "tail": BAD_TAILS,
        },
        units={
            "returns": MONEY,
            "volatilities": MONEY,
            "mean": MONEY,
            "tail": NUMBER,
            "result": TAIL_UNITS,
        },
    ),
)
