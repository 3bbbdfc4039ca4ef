"""Samples of what nbs/market/fair_value.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import NUMBER, PRICE, SIZE, Sample
from titan.market.fair_value import (
    MicroPriceModel,
    expected_move_ticks,
    fit_micro_price,
    imbalance,
    micro_price,
    mid,
    weighted_mid,
)

MODEL = MicroPriceModel(3, 2, (-0.2, 0.0, 0.2, -0.6, 0.0, 0.6))
OTHER_MODEL = MicroPriceModel(3, 2, (-0.2, 0.0, 0.1, -0.6, 0.0, 0.6))
TICKS = {"model": MODEL, "bid_ticks": 100.0, "ask_ticks": 101.0, "bid_size": 9.0, "ask_size": 1.0}
SIZE_ALONE = {"model": NUMBER, "bid_ticks": NUMBER, "ask_ticks": NUMBER, "bid_size": SIZE, "ask_size": SIZE}
QUOTES = {
    "bid_ticks": [100.0, 101.0, 101.0, 100.0],
    "ask_ticks": [101.0, 102.0, 103.0, 101.0],
    "bid_sizes": [9.0, 1.0, 1.0, 5.0],
    "ask_sizes": [1.0, 9.0, 4.0, 5.0],
    "imbalance_states": 3,
    "spread_states": 2,
}

SAMPLES: tuple[Sample, ...] = (
    Sample(
        mid,
        {"bid": 99.0, "ask": 101.0},
        changes={"bid": 98.0, "ask": 102.0},
        refused={"bid": (101.0, 102.0), "ask": (99.0, 98.0)},
        units={"bid": PRICE, "ask": PRICE, "result": PRICE},
    ),
    Sample(
        imbalance,
        {"bid_size": 3.0, "ask_size": 1.0},
        changes={"bid_size": 2.0, "ask_size": 0.0},
        refused={"bid_size": (-1.0,), "ask_size": (-1.0,)},
        units={"bid_size": SIZE, "ask_size": SIZE, "result": NUMBER},
    ),
    Sample(
        imbalance,
        {"bid_size": 0.0, "ask_size": 1.0},
        refused={"ask_size": (0.0,)},
    ),
    Sample(
        weighted_mid,
        {"bid": 99.0, "ask": 101.0, "bid_size": 3.0, "ask_size": 1.0},
        changes={"bid": 98.0, "ask": 102.0, "bid_size": 2.0, "ask_size": 2.0},
        refused={"bid": (101.0,), "ask": (99.0,), "bid_size": (-1.0,), "ask_size": (-1.0,)},
        units={"bid": PRICE, "ask": PRICE, "bid_size": SIZE, "ask_size": SIZE, "result": PRICE},
    ),
    Sample(
        fit_micro_price,
        QUOTES,
        changes={
            "bid_ticks": [100.0, 101.0, 102.0, 100.0],
            "ask_ticks": [101.0, 102.0, 102.0, 101.0],
            "bid_sizes": [9.0, 9.0, 1.0, 5.0],
            "ask_sizes": [9.0, 9.0, 4.0, 5.0],
            "imbalance_states": 5,
            "spread_states": 1,
        },
        refused={
            "bid_ticks": ([100.0], [101.0] * 4, [100.0, 101.0]),
            "ask_ticks": ([101.0], [100.5, 102.0, 103.0, 101.0]),
            "bid_sizes": ([-1.0, 1.0, 1.0, 5.0], [9.0]),
            "ask_sizes": ([-1.0, 9.0, 4.0, 5.0], [1.0]),
            "imbalance_states": (1, 4, -3),
            "spread_states": (0, -1),
        },
        units={
            "bid_ticks": NUMBER,
            "ask_ticks": NUMBER,
            "bid_sizes": SIZE,
            "ask_sizes": SIZE,
            "imbalance_states": NUMBER,
            "spread_states": NUMBER,
            "result": NUMBER,
        },
    ),
    Sample(
        expected_move_ticks,
        TICKS,
        changes={
            "model": OTHER_MODEL,
            "bid_ticks": 99.0,
            "ask_ticks": 102.0,
            "bid_size": 1.0,
            "ask_size": 9.0,
        },
        refused={
            "bid_ticks": (100.5, 101.0, 102.0),
            "ask_ticks": (100.5, 100.0, 99.0),
            "bid_size": (-1.0,),
            "ask_size": (-1.0,),
        },
        units={**SIZE_ALONE, "result": NUMBER},
    ),
    Sample(
        micro_price,
        TICKS,
        changes={
            "model": OTHER_MODEL,
            "bid_ticks": 99.0,
            "ask_ticks": 102.0,
            "bid_size": 1.0,
            "ask_size": 9.0,
        },
        refused={
            "bid_ticks": (100.5, 101.0, -math.inf),
            "ask_ticks": (100.5, 100.0),
            "bid_size": (-1.0,),
            "ask_size": (-1.0,),
        },
        units={**SIZE_ALONE, "result": NUMBER},
    ),
)
