"""Samples of titan.strategy.carry."""

import math

import numpy as np

from tests.exports.sample import MONEY, NUMBER, PRICE, SIZE, Sample
from titan.strategy.carry import (
    Costs,
    annual_rate,
    entry_threshold,
    exit_cost,
    holds,
    liquidation_price,
    pair_pnl,
    pair_size,
    whole_lots,
)

COSTS = Costs(0.0002, 0.0005, 0.0001, 0.2, 0.05)
RECEIVED, PAID = np.array([[3e-4, 60_010.0], [-1e-4, 59_800.0]]), np.array([[1e-4, 60_000.0]])

SAMPLES: tuple[Sample, ...] = (
    Sample(
        annual_rate,
        {"rate": 1e-4, "interval_s": 28_800.0},
        changes={"rate": 2e-4, "interval_s": 3_600.0},
        refused={"interval_s": (0.0, -1.0)},
    ),
    Sample(
        pair_pnl,
        {"size": 0.5, "basis_in": 45.0, "basis_out": 15.0, "received": RECEIVED, "paid": PAID, "fees": 30.0},
        changes={
            "size": 0.6,
            "basis_in": 40.0,
            "basis_out": 10.0,
            "received": PAID,
            "paid": RECEIVED,
            "fees": 0.0,
        },
        refused={"size": (0.0, -1.0), "received": ([[1.0]],), "paid": ([[1.0]],)},
    ),
    Sample(
        pair_pnl,
        {"size": 0.5, "basis_in": 45.0, "basis_out": 15.0, "received": [], "paid": [], "fees": 30.0},
        units={
            "size": SIZE,
            "basis_in": PRICE,
            "basis_out": PRICE,
            "received": NUMBER,
            "paid": NUMBER,
            "fees": MONEY,
            "result": (MONEY, MONEY, MONEY),
        },
    ),
    Sample(
        exit_cost,
        {"costs": COSTS},
        changes={"costs": COSTS._replace(hedge_fee=0.0)},
        refused={"costs": (COSTS._replace(thin_fee=math.nan), COSTS._replace(slippage=-1.0))},
    ),
    Sample(
        entry_threshold,
        {"costs": COSTS, "horizon_s": 86_400.0, "deviation": 1e-3, "safety": 1.0},
        changes={
            "costs": COSTS._replace(margin=0.4),
            "horizon_s": 60.0,
            "deviation": 2e-3,
            "safety": 2.0,
        },
        refused={
            "costs": (COSTS._replace(margin=math.inf),),
            "horizon_s": (-1.0,),
            "deviation": (-1.0,),
            "safety": (-1.0,),
        },
    ),
    Sample(
        holds,
        {
            "is_open": False,
            "over_horizon": 0.003,
            "threshold": 0.002,
            "over_half_life": 0.0001,
            "leaving": 0.001,
        },
        changes={"over_horizon": 0.001, "threshold": 0.004},
        accepts={
            name: "NaN is not known, and neither enters nor leaves"
            for name in ("over_horizon", "threshold", "over_half_life", "leaving")
        },
    ),
    Sample(
        holds,
        {
            "is_open": True,
            "over_horizon": 0.001,
            "threshold": 0.002,
            "over_half_life": 0.0015,
            "leaving": 0.001,
        },
        changes={"is_open": False, "over_half_life": 0.0001, "leaving": 0.0018},
        accepts={
            name: "NaN is not known, and neither enters nor leaves"
            for name in ("over_horizon", "threshold", "over_half_life", "leaving")
        },
    ),
    Sample(
        liquidation_price,
        {"entry": 100.0, "leverage": 10.0, "maintenance": 0.005, "side": 1},
        changes={"entry": 101.0, "leverage": 5.0, "maintenance": 0.01, "side": -1},
        refused={
            "entry": (0.0, -1.0),
            "leverage": (0.5,),
            "maintenance": (-0.1, 1.0),
            "side": (0, 2),
        },
        units={"entry": PRICE, "leverage": NUMBER, "maintenance": NUMBER, "side": NUMBER, "result": PRICE},
    ),
    Sample(
        pair_size,
        {
            "notional": 1_000.0,
            "price": 64.0,
            "lot_sizes": (0.25, 0.5),
            "margins": (900.0, 900.0),
            "leverage": 1.0,
        },
        changes={
            "notional": 500.0,
            "price": 32.0,
            "lot_sizes": (4.0, 4.0),
            "margins": (300.0, 900.0),
            "leverage": 2.0,
        },
        refused={
            "notional": (-1.0,),
            "price": (0.0,),
            "lot_sizes": ((0.0, 1.0),),
            "margins": ((1.0, -1.0),),
            "leverage": (0.5,),
        },
        units={
            "notional": MONEY,
            "price": PRICE,
            "lot_sizes": SIZE,
            "margins": MONEY,
            "leverage": NUMBER,
            "result": SIZE,
        },
    ),
    Sample(
        whole_lots,
        {"size": 3.75, "lot_size": 0.5},
        changes={"size": -3.75, "lot_size": 2.0},
        refused={"lot_size": (0.0, -1.0)},
        units={"size": SIZE, "lot_size": SIZE, "result": SIZE},
    ),
)
