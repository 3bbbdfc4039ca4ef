"""Samples of titan.strategy.funding_arbitrage."""

import math

from tests.exports.sample import Sample
from titan.model.contract import View
from titan.strategy.funding_arbitrage import (
    ENTERING,
    EXITING,
    Parameters,
    are_known,
    initial,
    quote,
    setting_of,
    unhedged,
    update,
)

_BLANK = View(*[math.nan] * len(View._fields))
_TOUCH = _BLANK._replace(
    time_s=0.0, bid=99.0, ask=101.0, bid_size=1.0, ask_size=1.0, lot_size=0.5, maker_fee=2e-4, taker_fee=5e-4
)
VIEWS = (_TOUCH._replace(inventory=4.0), _TOUCH._replace(inventory=-1.0))
OTHERS = (VIEWS[0], VIEWS[1]._replace(inventory=-2.0))
PARAMETERS = Parameters()
STATE = initial(PARAMETERS, 2)._replace(phase=ENTERING, direction=1, size=20.0)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        initial,
        {"parameters": PARAMETERS, "legs": 2},
        changes={"parameters": PARAMETERS._replace(horizon_h=1.0), "legs": 2},
        refused={"legs": (1, 3)},
        ignores={
            "parameters": "the contract of a strategy; before the first view nothing is known",
            "legs": "it is only checked: a pair has two",
        },
    ),
    Sample(
        setting_of,
        {"parameters": PARAMETERS},
        changes={"parameters": PARAMETERS._replace(horizon_h=1.0)},
    ),
    Sample(are_known, {"views": VIEWS}, changes={"views": (VIEWS[0], VIEWS[1]._replace(inventory=math.nan))}),
    Sample(unhedged, {"views": VIEWS}, changes={"views": OTHERS}),
    Sample(
        update,
        {"parameters": PARAMETERS, "state": STATE, "views": VIEWS},
        changes={
            "parameters": PARAMETERS._replace(basis_half_life_h=1.0),
            "state": STATE._replace(size=30.0),
            "views": OTHERS,
        },
    ),
    Sample(
        quote,
        {"parameters": PARAMETERS, "state": STATE, "views": VIEWS},
        changes={
            "parameters": PARAMETERS._replace(take_slippage_bps=50.0),
            "state": STATE._replace(phase=EXITING),
            "views": OTHERS,
        },
    ),
)
