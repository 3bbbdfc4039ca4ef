"""Samples of titan.strategy.touch."""

import math

from tests.exports.sample import NUMBER, PRICE, SIZE, TIME, VOLATILITY, Sample
from titan.calibration.volatility import EwmaState
from titan.model.contract import View
from titan.strategy.touch import fair_value, follow, has_prices, no_volatility, volatility

_BLANK = View(*[math.nan] * len(View._fields))
VIEW = _BLANK._replace(time_s=16.0, bid=99.0, ask=101.0, bid_size=3.0, ask_size=1.0)
OTHER = VIEW._replace(bid=98.0)
UNITS_OF_VIEW = (
    *(TIME, PRICE, PRICE, SIZE, SIZE, SIZE, SIZE, SIZE, PRICE, PRICE),
    *(NUMBER, TIME, NUMBER, NUMBER, PRICE, SIZE),
)
STATE = EwmaState(80.0, 20.0, 99.0, 8_000_000_000)
UNITS_OF_STATE = ((2.0, 0.0, 0.0), TIME, PRICE, TIME)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        has_prices,
        {"view": VIEW},
        changes={"view": VIEW._replace(ask=98.0)},
        units={"view": UNITS_OF_VIEW, "result": NUMBER},
    ),
    Sample(
        fair_value,
        {"view": VIEW, "imbalance_weight": 0.5},
        changes={"view": OTHER, "imbalance_weight": 1.0},
        refused={"imbalance_weight": (-0.1, 1.1)},
        units={"view": UNITS_OF_VIEW, "imbalance_weight": NUMBER, "result": PRICE},
    ),
    Sample(no_volatility, {}),
    Sample(
        follow,
        {"state": STATE, "view": VIEW, "reference_volatility": 0.5, "half_life_s": 30.0},
        changes={"state": STATE._replace(price=98.0), "view": OTHER, "half_life_s": 60.0},
        refused={"reference_volatility": (0.0, -1.0), "half_life_s": (0.0, -1.0)},
        units={
            "state": UNITS_OF_STATE,
            "view": UNITS_OF_VIEW,
            "reference_volatility": NUMBER,
            "half_life_s": TIME,
            "result": UNITS_OF_STATE,
        },
    ),
    Sample(
        follow,
        {"state": no_volatility(), "view": VIEW, "reference_volatility": 0.5, "half_life_s": 30.0},
        changes={"reference_volatility": 0.6},
    ),
    Sample(
        volatility,
        {"state": STATE},
        changes={"state": STATE._replace(weighted_square=90.0)},
        units={"state": UNITS_OF_STATE, "result": VOLATILITY},
    ),
)
