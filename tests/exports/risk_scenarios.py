"""Samples of what nbs/risk/scenarios.ipynb exports."""

from __future__ import annotations

import math

import numpy as np

from tests.exports.sample import Sample
from titan.risk.scenarios import Method, checked_method, filtered_scenarios, known_returns

METHOD = Method(half_life=10.0, periods=4.0, tail=0.1, enough=10, beta=1.2, floor=0.002)
_rng = np.random.default_rng(7)
RETURNS = 0.01 * _rng.standard_normal((40, 3)) @ np.array([[1.0, 0.7, 0.5], [0.0, 0.7, 0.0], [0.0, 0.0, 0.8]])
RETURNS[:35, 2] = math.nan
OTHER = RETURNS * np.linspace(1.0, 2.0, 40)[:, None]
SPOILED = tuple(
    METHOD._replace(**{name: value})
    for name, values in {
        "half_life": (0.0, math.inf),
        "periods": (0.0, math.nan),
        "tail": (0.0, 1.0),
        "enough": (1, 0),
        "beta": (math.nan,),
        "floor": (0.0, math.inf),
    }.items()
    for value in values
)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        checked_method,
        {"method": METHOD},
        changes={"method": METHOD._replace(beta=2.0)},
        refused={"method": SPOILED},
    ),
    Sample(
        known_returns,
        {"returns": [[math.nan, 0.0], [0.01, 0.1], [0.02, 0.0]], "enough": 2},
        changes={"returns": [[math.nan, 0.1], [0.01, 0.0], [0.02, 0.1]], "enough": 1},
        refused={"returns": ([0.1], np.zeros((2, 0)), [[math.inf, 0.1]]), "enough": (0, -1)},
        accepts={"returns": "a return that is not known is NaN; infinity is refused"},
    ),
    Sample(
        filtered_scenarios,
        {"returns": RETURNS, "market": 0, "method": METHOD},
        changes={"returns": OTHER, "market": 1, "method": METHOD._replace(floor=0.05)},
        refused={
            "returns": (
                RETURNS[0],
                RETURNS[:, :0],
                np.where(np.arange(40)[:, None] == 20, math.nan, RETURNS),
            ),
            "market": (-1, 2, 3),
            "method": SPOILED,
        },
    ),
)
