"""Samples of what nbs/calibration/regime_walk.ipynb exports."""

from __future__ import annotations

import numpy as np

from tests.exports.sample import NUMBER, PRICE, Sample
from titan.calibration.regime_fit import Fit
from titan.calibration.regime_walk import (
    agreement,
    bar_features,
    peer_regimes,
    refit_agreements,
    walk_regimes,
)
from titan.calibration.regimes import Rule

RNG = np.random.default_rng(2)
WILD = np.arange(320) // 40 % 2 == 1
SWING = np.where(WILD, 0.012, 0.007)
RETURNS = SWING * RNG.standard_normal(320)
BARS = np.column_stack([RETURNS, np.log(SWING) + 0.4 * RNG.standard_normal(320)])
OTHER_BARS = np.concatenate([BARS[:-1], BARS[:1]])
FIT, RULE = Fit(starts=1), Rule()
WALK = walk_regimes(BARS, FIT, RULE, 200, 60)
SLOW = Rule(threshold=0.99, bars=9)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        bar_features,
        {"opened": [100.0, 102.0], "high": [103.0, 104.0], "low": [99.0, 100.0], "close": [102.0, 101.0]},
        changes={
            "opened": [101.0, 102.0],
            "high": [104.0, 104.0],
            "low": [98.0, 100.0],
            "close": [101.0, 101.0],
        },
        refused={
            "opened": ([98.0, 102.0], [[100.0, 102.0]], [0.0, 102.0]),
            "high": ([103.0], [103.0, -1.0]),
            "low": ([99.0], [0.0, 100.0]),
            "close": ([104.0, 101.0], [102.0]),
        },
        units={"opened": PRICE, "high": PRICE, "low": PRICE, "close": PRICE, "result": NUMBER},
    ),
    Sample(
        walk_regimes,
        {"features": BARS, "fit": FIT, "rule": RULE, "window": 200, "every": 60},
        changes={
            "features": OTHER_BARS,
            "fit": Fit(starts=1, degrees_of_freedom=6.0),
            "rule": SLOW,
            "window": 220,
            "every": 50,
        },
        refused={"features": ([], [[0.0, 0.0]]), "window": (0, -1), "every": (0, -1)},
        accepts={"features": "a row with NaN is a gap"},
    ),
    Sample(
        agreement,
        {"regimes": [0.0, 1.0, 1.0, 0.0], "others": [0.0, 1.0, 0.0, 0.0]},
        changes={"regimes": [1.0, 0.0, 0.0, 0.0], "others": [0.0, 1.0, 1.0, 0.0]},
        refused={"regimes": ([], [0.5, 1.0, 1.0, 0.0]), "others": ([0.0], [0.0, 1.0, 0.0, -2.0])},
    ),
    Sample(
        refit_agreements,
        {"walk": WALK, "features": BARS, "rule": RULE},
        changes={
            "walk": walk_regimes(BARS, FIT, RULE, 210, 55),
            "features": np.concatenate([BARS[160:], BARS[:160]]),
            "rule": SLOW,
        },
        refused={"features": ([], BARS[:-1])},
        accepts={"features": "a row with NaN is a gap"},
    ),
    Sample(
        peer_regimes,
        {"returns": RETURNS, "regimes": 2},
        changes={"returns": RETURNS[::-1], "regimes": 3},
        refused={"returns": ([], RETURNS[:99], [0.01] * 120), "regimes": (1, 5)},
        accepts={"returns": "NaN is a bar without a label"},
    ),
)
