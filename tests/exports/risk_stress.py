"""Samples of what nbs/risk/stress.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import Sample
from titan.risk.stress import (
    HISTORICAL,
    Holding,
    Scenario,
    correlation_one,
    hypothetical_scenarios,
    liquidation_price,
    margin_calls,
    reverse_stress,
    scenario_move,
    stress_losses,
)

DAYS = HISTORICAL[:2]
NEW = Holding("binance", "NEW", "linear", 10.0, 100.0, 1.2, 0.001, 0.01)
DESK = (
    NEW,
    Holding("deribit", "BTC", "inverse", 1_000.0, 60_000.0, 1.0),
    NEW._replace(kind="coin", size=1.0),
)
BAD_DAYS = ((), (Scenario("no BTC", {"ETH": -0.1}),), (DAYS[0]._replace(spreads=math.nan),))
BAD_DESKS = ((), (NEW._replace(price=0.0),), (NEW._replace(size=math.inf),), (NEW._replace(maintenance=2.0),))
SPREAD = ((0.04, 0.01), (0.01, 0.09))

SAMPLES: tuple[Sample, ...] = (
    Sample(hypothetical_scenarios, {"venue": "binance"}, changes={"venue": "okx"}, refused={"venue": ("",)}),
    Sample(
        correlation_one,
        {"name": "down", "volatilities": {"BTC": 0.04, "ETH": 0.05}, "deviations": -3.0},
        changes={"name": "up", "volatilities": {"BTC": 0.04, "ETH": 0.06}, "deviations": -2.0},
        refused={"volatilities": ({}, {"ETH": 0.1}, {"BTC": math.nan}, {"BTC": -0.1}), "deviations": (0.0,)},
    ),
    Sample(
        scenario_move,
        {"scenario": DAYS[0], "holding": NEW, "least_beta": 1.0},
        changes={"scenario": DAYS[1], "holding": NEW._replace(beta=1.5), "least_beta": 1.6},
        refused={"scenario": tuple(day[0] for day in BAD_DAYS[1:]), "least_beta": (0.0, -1.0)},
    ),
    Sample(
        stress_losses,
        {"scenarios": DAYS, "holdings": DESK, "least_beta": 1.0},
        changes={"scenarios": HISTORICAL[1:3], "holdings": DESK[:2], "least_beta": 1.6},
        refused={"holdings": BAD_DESKS, "scenarios": BAD_DAYS[:1], "least_beta": (0.0, -1.0)},
    ),
    Sample(
        margin_calls,
        {"scenarios": DAYS, "holdings": DESK, "least_beta": 1.0},
        changes={"scenarios": HISTORICAL[1:3], "holdings": DESK[:2], "least_beta": 1.6},
        refused={"holdings": BAD_DESKS, "scenarios": BAD_DAYS[:1], "least_beta": (0.0, -1.0)},
    ),
    Sample(
        liquidation_price,
        {"kind": "linear", "size": 1.0, "price": 100.0, "equity": 10.0, "maintenance": 0.005},
        changes={"kind": "inverse", "size": -1.0, "price": 90.0, "equity": 9.0, "maintenance": 0.01},
        refused={
            "kind": ("spot",),
            "size": (0.0,),
            "price": (0.0, -1.0),
            "equity": (0.0, -1.0),
            "maintenance": (-0.1, 1.0),
        },
    ),
    Sample(
        reverse_stress,
        {"exposures": [1.0, 2.0], "covariance": SPREAD, "loss": 0.5, "direction": [-1.0, -1.0]},
        changes={
            "exposures": [1.0, 3.0],
            "covariance": ((0.04, 0.02), (0.02, 0.09)),
            "loss": 0.6,
            "direction": [-1.0, -2.0],
        },
        refused={
            "exposures": ([], [0.0, 0.0]),
            "covariance": (((1.0,),), ((1.0, 2.0), (2.0, 1.0)), ((1.0, 0.1), (0.2, 1.0))),
            "loss": (0.0, -1.0),
            "direction": ([1.0, 1.0], [-1.0]),
        },
    ),
)
