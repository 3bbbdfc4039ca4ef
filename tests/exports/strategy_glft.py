"""Samples of what nbs/strategy/glft.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import NUMBER, PRICE, RATE, SIZE, TIME, Sample
from titan.model.contract import View
from titan.strategy.glft import (
    Parameters,
    aversion_ratio,
    initial,
    quote,
    risk_aversion,
    stiffness_for_lean,
    update,
)

PARAMETERS = Parameters(order_size=0.25, max_inventory=1.0, layers=2)
PARAMETER_UNITS = (
    *(SIZE, SIZE, NUMBER, (0.0, 0.0, -0.5), NUMBER, RATE, TIME, NUMBER, TIME),
    *(NUMBER, NUMBER, NUMBER),
)
VIEW = View(*[math.nan] * len(View._fields))._replace(
    time_s=8.0,
    bid=59_999.0,
    ask=60_001.0,
    bid_size=3.0,
    ask_size=1.0,
    inventory=0.375,
    funding_rate=1e-4,
    funding_in_s=3600.0,
    maker_fee=1e-4,
)
LATER = VIEW._replace(time_s=16.0, bid=60_019.0, ask=60_021.0, inventory=-0.375)
VIEW_UNITS = (
    *(TIME, PRICE, PRICE, SIZE, SIZE, SIZE, SIZE, SIZE, PRICE, PRICE),
    *(NUMBER, TIME, NUMBER, NUMBER, PRICE, SIZE),
)
STATE = update(PARAMETERS, initial(PARAMETERS), VIEW)
STATE_UNITS = ((2.0, 0.0, 0.0), TIME, PRICE, TIME, *[NUMBER] * 13)
QUOTE_UNITS = (PRICE, SIZE, PRICE, SIZE, PRICE, PRICE, NUMBER, PRICE)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        stiffness_for_lean,
        {"lean": 4.0, "levels": 10},
        changes={"lean": 5.0, "levels": 60},
        refused={"lean": (-0.1,), "levels": (0, -1)},
    ),
    Sample(
        aversion_ratio,
        {"filled_stiffness": 2.0},
        changes={"filled_stiffness": 3.0},
        refused={"filled_stiffness": (0.0, -1.0)},
    ),
    Sample(
        initial,
        {"parameters": PARAMETERS},
        changes={"parameters": PARAMETERS._replace(skew_at_max_inventory_bps=6.0)},
        units={"parameters": PARAMETER_UNITS, "result": STATE_UNITS},
    ),
    Sample(
        update,
        {"parameters": PARAMETERS, "state": STATE, "view": LATER},
        changes={
            "parameters": PARAMETERS._replace(volatility_half_life_s=60.0),
            "state": STATE._replace(weighted_square=2.0 * STATE.weighted_square),
            "view": LATER._replace(inventory=0.5),
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
        changes={
            "parameters": PARAMETERS._replace(fills_per_s=2.0),
            "view": VIEW._replace(maker_fee=2e-4),
        },
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
            "parameters": PARAMETERS._replace(minimum_half_spread_bps=50.0),
            "state": STATE._replace(here=STATE.here - 1.0),
            "view": VIEW._replace(inventory=0.3),
        },
        units={
            "parameters": PARAMETER_UNITS,
            "state": STATE_UNITS,
            "view": VIEW_UNITS,
            "result": QUOTE_UNITS,
        },
    ),
    Sample(
        risk_aversion,
        {"parameters": PARAMETERS, "state": STATE},
        changes={
            "parameters": PARAMETERS._replace(mean_fill_depth_bps=0.6),
            "state": STATE._replace(price=50_000.0),
        },
        units={"parameters": PARAMETER_UNITS, "state": STATE_UNITS, "result": (-1.0, -1.0, 0.0)},
    ),
)
