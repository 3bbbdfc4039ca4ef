"""Samples of what nbs/calibration/volatility.ipynb exports."""

from __future__ import annotations

from tests.exports.sample import NUMBER, PRICE, TIME, VOLATILITY, Sample
from titan.calibration.volatility import (
    EwmaState,
    bipower_variance,
    ewma_start,
    ewma_update,
    ewma_volatility,
    parkinson_variance,
    realised_variance,
    two_scale_variance,
    volatility_per_sqrt_s,
    volatility_per_year,
    yang_zhang_variance,
)

SECOND = 1_000_000_000
STATE = EwmaState(50.0, 20.0, 100.0, SECOND)
RELATIVE = (0.0, 0.0, -0.5)  # a fraction of the price per root of a time
SQUARE = (2.0, 0.0, 0.0)
STATE_UNITS = (SQUARE, TIME, PRICE, TIME)
RETURNS = [1.0, -2.0, 0.5]
LOG_PRICES = [4.0, 4.1, 4.05, 4.2, 4.15]
BARS = {
    "opening": [100.0, 101.0, 102.0],
    "high": [103.0, 104.0, 105.0],
    "low": [98.0, 99.0, 100.0],
    "closing": [101.0, 102.0, 101.0],
}

SAMPLES: tuple[Sample, ...] = (
    Sample(
        volatility_per_sqrt_s,
        {"annual_volatility": 0.6, "price": 60_000.0},
        changes={"annual_volatility": 0.0, "price": 50_000.0},
        refused={"annual_volatility": (-0.1,), "price": (0.0, -1.0)},
        units={"annual_volatility": RELATIVE, "price": PRICE, "result": VOLATILITY},
    ),
    Sample(
        volatility_per_year,
        {"volatility": 6.4, "price": 60_000.0},
        changes={"volatility": 0.0, "price": 50_000.0},
        refused={"volatility": (-0.1,), "price": (0.0, -1.0)},
        units={"volatility": VOLATILITY, "price": PRICE, "result": RELATIVE},
    ),
    Sample(
        ewma_start,
        {"price": 100.0, "time_ns": SECOND, "prior_volatility": 2.0, "prior_weight_s": 30.0},
        changes={"price": 101.0, "time_ns": 2 * SECOND, "prior_volatility": 3.0, "prior_weight_s": 60.0},
        refused={"price": (0.0, -1.0), "prior_volatility": (0.0, -1.0), "prior_weight_s": (0.0, -1.0)},
        units={
            "price": PRICE,
            "time_ns": TIME,
            "prior_volatility": VOLATILITY,
            "prior_weight_s": TIME,
            "result": STATE_UNITS,
        },
    ),
    Sample(
        ewma_update,
        {"state": STATE, "price": 103.0, "time_ns": 3 * SECOND, "half_life_s": 30.0},
        changes={
            "state": STATE._replace(price=99.0),
            "price": 104.0,
            "time_ns": SECOND,
            "half_life_s": 60.0,
        },
        refused={"price": (0.0, -1.0), "time_ns": (SECOND - 1,), "half_life_s": (0.0, -1.0)},
        units={
            "state": STATE_UNITS,
            "price": PRICE,
            "time_ns": TIME,
            "half_life_s": TIME,
            "result": STATE_UNITS,
        },
    ),
    Sample(
        ewma_volatility,
        {"state": STATE},
        changes={"state": STATE._replace(weighted_square=60.0)},
        units={"state": STATE_UNITS, "result": VOLATILITY},
    ),
    Sample(
        realised_variance,
        {"returns": RETURNS},
        changes={"returns": [1.0, -2.0, 0.4]},
        refused={"returns": ([], [[1.0]])},
        units={"returns": PRICE, "result": SQUARE},
    ),
    Sample(
        bipower_variance,
        {"returns": RETURNS},
        changes={"returns": [1.0, -2.0, 0.4]},
        refused={"returns": ([1.0], [[1.0], [2.0]])},
        units={"returns": PRICE, "result": SQUARE},
    ),
    Sample(
        two_scale_variance,
        {"log_prices": LOG_PRICES, "subgrids": 2},
        changes={"log_prices": [*LOG_PRICES[:-1], 4.3], "subgrids": 3},
        refused={"log_prices": ([4.0, 4.1], [[4.0], [4.1], [4.2]]), "subgrids": (1, 5)},
        units={"log_prices": PRICE, "subgrids": NUMBER, "result": SQUARE},
    ),
    Sample(
        parkinson_variance,
        {"high": [103.0, 104.0], "low": [98.0, 99.0]},
        changes={"high": [103.0, 105.0], "low": [98.0, 98.0]},
        refused={"high": ([97.0, 104.0], [103.0], []), "low": ([98.0, 0.0], [98.0, 105.0], [], [-1.0])},
        units={"high": PRICE, "low": PRICE, "result": NUMBER},
    ),
    Sample(
        yang_zhang_variance,
        BARS,
        changes={
            "opening": [100.0, 101.0, 103.0],
            "high": [103.0, 104.0, 106.0],
            "low": [98.0, 99.0, 99.0],
            "closing": [101.0, 102.0, 102.0],
        },
        refused={
            "opening": ([97.0, 101.0, 102.0], [100.0, 101.0]),
            "high": ([103.0, 104.0, 99.0], []),
            "low": ([98.0, 99.0, 106.0], [0.0, 99.0, 100.0]),
            "closing": ([101.0, 102.0, 106.0], [101.0]),
        },
        units={**dict.fromkeys(BARS, PRICE), "result": NUMBER},
    ),
)
