"""Samples of what nbs/strategy/avellaneda_stoikov.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import NUMBER, PRICE, SIZE, TIME, VOLATILITY, Sample
from titan.model.contract import View
from titan.strategy.avellaneda_stoikov import (
    Parameters,
    State,
    infinite_horizon_reservation_prices,
    initial,
    optimal_spread,
    quote,
    reservation_price,
    risk_aversion_for_skew,
    update,
)

PER_PRICE, PER_MONEY = (-1.0, 0.0, 0.0), (-1.0, -1.0, 0.0)
PARAMETERS = Parameters(order_size=0.25, max_inventory=1.0, layers=2)
PARAMETER_UNITS = (
    *(SIZE, SIZE, NUMBER, (0.0, 0.0, -0.5), TIME, NUMBER, NUMBER, TIME),
    *(NUMBER, NUMBER, NUMBER),
)
VIEW = View(*[math.nan] * len(View._fields))._replace(
    time_s=16.0, bid=59_999.0, ask=60_001.0, bid_size=3.0, ask_size=1.0, inventory=0.5
)
VIEW_UNITS = (
    *(TIME, PRICE, PRICE, SIZE, SIZE, SIZE, SIZE, SIZE, PRICE, PRICE),
    *(NUMBER, TIME, NUMBER, NUMBER, PRICE, SIZE),
)
STATE, STATE_UNITS = State(800.0, 20.0, 59_990.0, 8_000_000_000), ((2.0, 0.0, 0.0), TIME, PRICE, TIME)
QUOTE_UNITS = (PRICE, SIZE, PRICE, SIZE, PRICE, PRICE, NUMBER, PRICE)
FORMULA_UNITS = {"risk_aversion": PER_MONEY, "volatility": VOLATILITY, "horizon_s": TIME}
NOT_NEGATIVE = {"risk_aversion": (-0.1,), "volatility": (-0.1,), "horizon_s": (-0.1,)}

SAMPLES: tuple[Sample, ...] = (
    Sample(
        reservation_price,
        {"price": 100.0, "inventory": 3.0, "risk_aversion": 0.1, "volatility": 2.0, "horizon_s": 0.5},
        changes={
            "price": 101.0,
            "inventory": -3.0,
            "risk_aversion": 0.2,
            "volatility": 0.0,
            "horizon_s": 0.0,
        },
        refused=NOT_NEGATIVE,
        units={**FORMULA_UNITS, "price": PRICE, "inventory": SIZE, "result": PRICE},
    ),
    Sample(
        optimal_spread,
        {
            "risk_aversion": 0.1,
            "volatility": 2.0,
            "horizon_s": 0.5,
            "arrival_decay": 1.5,
            "order_size": 2.0,
        },
        changes={
            "risk_aversion": 0.0,
            "volatility": 3.0,
            "horizon_s": 1.0,
            "arrival_decay": 2.0,
            "order_size": 1.0,
        },
        refused={**NOT_NEGATIVE, "arrival_decay": (0.0, -1.0), "order_size": (0.0, -1.0)},
        units={**FORMULA_UNITS, "arrival_decay": PER_PRICE, "order_size": SIZE, "result": PRICE},
    ),
    Sample(
        infinite_horizon_reservation_prices,
        {
            "price": 100.0,
            "inventory": 5.0,
            "risk_aversion": 0.1,
            "max_inventory": 10.0,
            "order_size": 2.0,
        },
        changes={
            "price": 101.0,
            "inventory": 10.0,
            "risk_aversion": 0.2,
            "max_inventory": 12.0,
            "order_size": 1.0,
        },
        refused={
            "inventory": (10.5, -10.5),
            "risk_aversion": (0.0, -1.0),
            "max_inventory": (0.0, -1.0),
            "order_size": (0.0, -1.0),
        },
        units={
            "price": PRICE,
            "inventory": SIZE,
            "risk_aversion": PER_MONEY,
            "max_inventory": SIZE,
            "order_size": SIZE,
            "result": PRICE,
        },
    ),
    Sample(
        risk_aversion_for_skew,
        {"skew": 30.0, "max_inventory": 10.0, "volatility": 2.0, "horizon_s": 60.0},
        changes={"skew": 0.0, "max_inventory": 5.0, "volatility": 3.0, "horizon_s": 30.0},
        refused={
            "skew": (-0.1,),
            "max_inventory": (0.0, -1.0),
            "volatility": (0.0, -1.0),
            "horizon_s": (0.0, -1.0),
        },
        units={
            "skew": PRICE,
            "max_inventory": SIZE,
            "volatility": VOLATILITY,
            "horizon_s": TIME,
            "result": PER_MONEY,
        },
    ),
    Sample(
        initial,
        {"parameters": PARAMETERS},
        changes={"parameters": PARAMETERS._replace(layers=3)},
        ignores={"parameters": "the contract of a strategy; before the first price nothing is known"},
        units={"parameters": PARAMETER_UNITS, "result": STATE_UNITS},
    ),
    Sample(
        update,
        {"parameters": PARAMETERS, "state": STATE, "view": VIEW},
        changes={
            "parameters": PARAMETERS._replace(volatility_half_life_s=60.0),
            "state": STATE._replace(price=59_980.0),
            "view": VIEW._replace(ask=60_002.0),
        },
        units={
            "parameters": PARAMETER_UNITS,
            "state": STATE_UNITS,
            "view": VIEW_UNITS,
            "result": STATE_UNITS,
        },
    ),
    Sample(
        update,
        {"parameters": PARAMETERS, "state": initial(PARAMETERS), "view": VIEW},
        changes={"parameters": PARAMETERS._replace(reference_volatility=0.6)},
        units={
            "parameters": PARAMETER_UNITS,
            "state": STATE_UNITS,
            "view": VIEW_UNITS,
            "result": STATE_UNITS,
        },
    ),
    Sample(
        quote,
        {"parameters": PARAMETERS, "state": STATE, "view": VIEW},
        changes={
            "parameters": PARAMETERS._replace(mean_fill_depth_bps=0.6),
            "state": STATE._replace(weighted_square=900.0),
            "view": VIEW._replace(inventory=0.25),
        },
        units={
            "parameters": PARAMETER_UNITS,
            "state": STATE_UNITS,
            "view": VIEW_UNITS,
            "result": QUOTE_UNITS,
        },
    ),
)
