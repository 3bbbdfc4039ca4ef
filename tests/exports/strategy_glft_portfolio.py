"""Samples of titan.strategy.glft_portfolio."""

import math

from tests.exports.sample import Sample
from titan.model.contract import View
from titan.strategy.glft_portfolio import Parameters, depth_error_bps, initial, quote, update

_BLANK = View(*[math.nan] * len(View._fields))
_TOUCH = _BLANK._replace(bid_size=1.0, ask_size=2.0, inventory=0.0, maker_fee=0.0, time_s=0.0)
VIEWS = (
    _TOUCH._replace(bid=59_999.0, ask=60_001.0, inventory=0.05),
    _TOUCH._replace(bid=2_499.0, ask=2_501.0),
)
LATER = tuple(view._replace(time_s=5.0, bid=view.bid * 1.001, ask=view.ask * 1.001) for view in VIEWS)
PARAMETERS = Parameters()
STATE = update(PARAMETERS, initial(PARAMETERS, 2), VIEWS)
OTHER = PARAMETERS._replace(skew_at_max_inventory_bps=8.0)

SAMPLES: tuple[Sample, ...] = (
    Sample(depth_error_bps, {"parameters": PARAMETERS}, changes={"parameters": OTHER}),
    Sample(
        initial,
        {"parameters": PARAMETERS, "legs": 2},
        changes={"parameters": OTHER, "legs": 3},
        refused={"legs": (0, -1)},
    ),
    Sample(
        update,
        {"parameters": PARAMETERS, "state": STATE, "views": LATER},
        changes={
            "parameters": PARAMETERS._replace(covariance_half_life_s=60.0),
            "state": STATE._replace(sampled=(50_000.0, 2_500.0)),
            "views": VIEWS,
        },
    ),
    Sample(
        quote,
        {"parameters": PARAMETERS, "state": STATE, "views": VIEWS},
        changes={
            "parameters": PARAMETERS._replace(minimum_half_spread_bps=50.0),
            "state": STATE._replace(fill_depth=2.0),
            "views": LATER,
        },
    ),
)
