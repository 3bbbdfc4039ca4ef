"""Samples of what nbs/calibration/toxicity.ipynb exports."""

from __future__ import annotations

from tests.exports.sample import NUMBER, PRICE, SIZE, TIME, Sample
from titan.calibration.toxicity import (
    Markouts,
    Vpin,
    bucket_imbalances,
    bulk_buys,
    markout_on_mid,
    markout_on_trade,
    markout_toxicity_bps,
    percentile_rank,
    rolling_vpin,
    vpin,
    vpin_null,
    vpin_on_trade,
)

SECOND = 1_000_000_000
VPIN, VPIN_UNITS = Vpin(3.0, 1.0, (4.0, 2.0)), (SIZE, SIZE, SIZE)
WAITING = ((6 * SECOND, 100.0, 2.0), (7 * SECOND, 101.0, -1.0))
MARKOUTS = Markouts(5.0, 4.0, 5 * SECOND, 102.0, WAITING)
MARKOUT_UNITS = (SIZE, SIZE, TIME, PRICE, ((TIME, PRICE, SIZE), (TIME, PRICE, SIZE)))
JUDGED_UNITS = (SIZE, SIZE, TIME, PRICE, ((TIME, PRICE, SIZE),))
LENGTHENED_UNITS = (SIZE, SIZE, TIME, PRICE, ((TIME, PRICE, SIZE),) * 3)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        vpin_on_trade,
        {"state": VPIN, "aggressor": 1, "size": 18.0, "bucket_size": 10.0, "window": 4},
        changes={
            "state": Vpin(3.0, 2.0, (4.0, 2.0)),
            "aggressor": -1,
            "size": 17.0,
            "bucket_size": 9.0,
            "window": 2,
        },
        refused={
            "aggressor": (0, 2),
            "size": (-1.0,),
            "bucket_size": (0.0, -1.0),
            "window": (0, -1),
        },
        units={
            "state": VPIN_UNITS,
            "aggressor": NUMBER,
            "size": SIZE,
            "bucket_size": SIZE,
            "window": NUMBER,
            "result": VPIN_UNITS,
        },
    ),
    Sample(
        vpin,
        {"state": VPIN, "bucket_size": 10.0, "window": 2},
        changes={"state": Vpin(3.0, 1.0, (5.0, 2.0)), "bucket_size": 9.0, "window": 3},
        refused={"bucket_size": (0.0, -1.0), "window": (0, -1)},
        units={"state": VPIN_UNITS, "bucket_size": SIZE, "window": NUMBER, "result": NUMBER},
    ),
    Sample(
        bucket_imbalances,
        {"buys": [3.0, 0.0, 9.0], "sells": [1.0, 5.0, 0.0], "bucket_size": 6.0},
        changes={"buys": [3.0, 0.0, 4.0], "sells": [2.0, 5.0, 0.0], "bucket_size": 5.0},
        refused={
            "buys": ([-1.0, 0.0, 9.0], [], [[1.0]]),
            "sells": ([1.0, -5.0, 0.0], [], [1.0]),
            "bucket_size": (0.0, -1.0),
        },
        units={"buys": SIZE, "sells": SIZE, "bucket_size": SIZE, "result": SIZE},
    ),
    Sample(
        rolling_vpin,
        {"imbalances": [4.0, -2.0, 1.0], "bucket_size": 5.0, "window": 2},
        changes={"imbalances": [4.0, -2.0, 2.0], "bucket_size": 6.0, "window": 3},
        refused={"imbalances": ([], [[1.0]]), "bucket_size": (0.0, -1.0), "window": (0, 4)},
        units={"imbalances": SIZE, "bucket_size": SIZE, "window": NUMBER, "result": NUMBER},
    ),
    Sample(
        bulk_buys,
        {"volumes": [10.0, 4.0], "price_changes": [0.5, -1.0], "deviation": 0.8},
        changes={"volumes": [10.0, 5.0], "price_changes": [0.5, 1.0], "deviation": 1.0},
        refused={"volumes": ([],), "price_changes": ([], [1.0]), "deviation": (0.0, -1.0)},
        units={"volumes": SIZE, "price_changes": PRICE, "deviation": PRICE, "result": SIZE},
    ),
    Sample(
        vpin_null,
        {"bars": 10, "true_signs": False},
        changes={"bars": 5, "true_signs": True},
        refused={"bars": (0, -1)},
    ),
    Sample(
        percentile_rank,
        {"past": [0.1, 0.3, 0.2], "value": 0.25},
        changes={"past": [0.1, 0.3, 0.4], "value": 0.3},
    ),
    Sample(
        markout_on_trade,
        {"state": MARKOUTS, "signed_size": -3.0, "time_ns": 6 * SECOND, "horizon_ns": 2 * SECOND},
        changes={
            "state": MARKOUTS._replace(mid=103.0),
            "signed_size": 3.0,
            "time_ns": 7 * SECOND,
            "horizon_ns": SECOND,
        },
        refused={"time_ns": (5 * SECOND - 1,), "horizon_ns": (0, -1)},
        units={
            "state": MARKOUT_UNITS,
            "signed_size": SIZE,
            "time_ns": TIME,
            "horizon_ns": TIME,
            "result": LENGTHENED_UNITS,
        },
    ),
    Sample(
        markout_on_mid,
        {"state": MARKOUTS, "mid": 104.0, "time_ns": 7 * SECOND, "half_life_s": 2.0},
        changes={
            "state": MARKOUTS._replace(mid=103.0),
            "mid": 105.0,
            "time_ns": 8 * SECOND,
            "half_life_s": 3.0,
        },
        refused={"mid": (0.0, -1.0), "half_life_s": (0.0, -1.0)},
        units={
            "state": MARKOUT_UNITS,
            "mid": PRICE,
            "time_ns": TIME,
            "half_life_s": TIME,
            "result": JUDGED_UNITS,
        },
    ),
    Sample(
        markout_toxicity_bps,
        {"state": MARKOUTS, "prior_size": 10.0},
        changes={"state": MARKOUTS._replace(gained=6.0), "prior_size": 20.0},
        refused={"prior_size": (0.0, -1.0)},
        units={"state": MARKOUT_UNITS, "prior_size": SIZE, "result": NUMBER},
    ),
)
