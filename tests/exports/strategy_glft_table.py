"""Samples of what nbs/strategy/glft_table.ipynb exports."""

from __future__ import annotations

from tests.exports.sample import NUMBER, PRICE, RATE, SIZE, VOLATILITY, Sample
from titan.strategy.glft_table import (
    Market,
    asymptotic_depths,
    asymptotic_error,
    exact_depths,
    fill_terms,
    ground_level,
    log_ratio,
    shape_of,
)

MARKET = Market(0.3, 0.9, 0.3, 0.01, 2.0, 0.001, 0.5, 0.02)
PER_PRICE, PER_MONEY = (-1.0, 0.0, 0.0), (-1.0, -1.0, 0.0)
MARKET_UNITS = (VOLATILITY, RATE, PER_PRICE, PER_MONEY, SIZE, (1.0, 0.0, -1.0), PRICE, PER_MONEY)
OTHERS: dict[str, float | None] = {
    "volatility": 0.4,
    "arrival_rate": 1.0,
    "arrival_decay": 0.4,
    "risk_aversion": 0.02,
    "order_size": 1.0,
    "drift": -0.001,
    "fee": -0.5,
    "fill_aversion": None,
}
GROUND = ground_level(5, 0.1, 0.05)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        fill_terms,
        {"ratio": 0.5},
        changes={"ratio": 0.0},
        refused={"ratio": (-0.1,)},
    ),
    *(
        Sample(
            shape_of,
            {"market": MARKET},
            changes={"market": MARKET._replace(**{name: value})},
            units={"market": MARKET_UNITS, "result": (NUMBER, NUMBER, PRICE)},
        )
        for name, value in OTHERS.items()
    ),
    Sample(
        ground_level,
        {"levels": 5, "stiffness": 0.1, "tilt": 0.05},
        changes={"levels": 3, "stiffness": 0.2, "tilt": -0.1},
        refused={"levels": (0, -1, 1001), "stiffness": (-0.1,)},
    ),
    Sample(
        log_ratio,
        {"levels": 5, "stiffness": 0.1, "tilt": 0.05, "ground": GROUND, "link": 2},
        changes={"levels": 6, "stiffness": 0.2, "tilt": 0.0, "ground": GROUND - 0.1, "link": -3},
        refused={
            "levels": (0, -1, 2),
            "stiffness": (-0.1,),
            "ground": (GROUND + 9.0,),
            "link": (5, -6),
        },
    ),
    Sample(
        exact_depths,
        {"market": MARKET, "levels": 5},
        changes={"market": MARKET._replace(drift=-0.001), "levels": 4},
        refused={"levels": (0, -1, 1001)},
        units={"market": MARKET_UNITS, "levels": NUMBER, "result": PRICE},
    ),
    Sample(
        asymptotic_depths,
        {"market": MARKET, "inventory": 6.0},
        changes={"market": MARKET._replace(drift=-0.001), "inventory": 0.0},
        units={"market": MARKET_UNITS, "inventory": SIZE, "result": PRICE},
    ),
    Sample(
        asymptotic_error,
        {"market": MARKET, "inventory": 6.0},
        changes={"market": MARKET._replace(drift=-0.001), "inventory": 0.0},
        units={"market": MARKET_UNITS, "inventory": SIZE, "result": PRICE},
    ),
)
