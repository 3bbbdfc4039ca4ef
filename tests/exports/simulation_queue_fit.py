"""Samples of titan.simulation.queue_fit."""

from __future__ import annotations

from tests.exports.sample import Sample
from titan.simulation.queue_fit import (
    EXPONENTS,
    OwnOrder,
    QueueFit,
    chosen_model,
    fill_chances,
    fit_queue,
    verdict,
)
from titan.simulation.queue_position import RISK_AVERSE, power_model

ORDER = OwnOrder(30.0, [0, 12, 0, 9], [40, 28, 20, 12], True)
# Of 40 and 20 lots 20 leave, so that by proportion 27 stay ahead; trades of 17 to 36 then reach most of those above 27.
ORDERS = [
    OwnOrder(40.0, [0, 0, 17 + at], [60, 40, 5], (at > 9) != (at in (5, 7, 12, 13))) for at in range(20)
]
FIT = QueueFit(1.0, 0.8, 1.3, 1.0, 100, -50.0, -60.0, -70.0)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        function=fill_chances,
        arguments={"order": ORDER, "model": power_model(1.0), "scatter": 1.0},
        changes={"order": ORDER._replace(ahead=25.0), "model": RISK_AVERSE, "scatter": 2.0},
        refused={
            "order": (
                ORDER._replace(ahead=-1.0),
                ORDER._replace(traded=[0, 12]),
                ORDER._replace(level=[40, 28, -1, 12]),
                ORDER._replace(traded=[0, 12, 9, 0]),
            ),
            "model": (power_model(1.0)._replace(exponent=0.0),),
            "scatter": (0.0, -1.0),
        },
    ),
    Sample(
        function=fit_queue,
        arguments={"orders": ORDERS, "exponents": EXPONENTS, "confidence": 0.95, "draws": 40, "seed": 0},
        changes={
            "orders": ORDERS[1:],
            "exponents": (0.3, 0.9, 2.7),
            "confidence": 0.2,
            "draws": 1,
            "seed": 1,
        },
        refused={
            "orders": ([],),
            "exponents": ([1.0], [2.0, 1.0], [0.0, 1.0]),
            "confidence": (0.0, 1.0),
            "draws": (0,),
            "seed": (-1,),
        },
    ),
    Sample(
        function=verdict,
        arguments={"fit": FIT, "exponents": EXPONENTS, "fewest": 30},
        changes={"fit": FIT._replace(telling=3), "exponents": (0.9, 1.0, 1.5), "fewest": 200},
        refused={"exponents": ([1.0],), "fewest": (-1,)},
        accepts={"fit": "a fit with a missing number is not known, and the answer says so"},
    ),
    Sample(
        function=chosen_model,
        arguments={"fit": FIT, "exponents": EXPONENTS, "fewest": 30},
        changes={"fit": FIT._replace(exponent=2.0), "exponents": (0.9, 1.0, 1.5), "fewest": 200},
        refused={"exponents": ([1.0],), "fewest": (-1,)},
        accepts={"fit": "a fit with a missing number is not known, and the answer says so"},
    ),
)
