"""Samples of what nbs/simulation/queue_position.ipynb exports."""

from __future__ import annotations

from tests.exports.sample import NUMBER, PRICE, SIZE, Sample
from titan.simulation.queue_position import (
    LOGARITHM,
    RISK_AVERSE,
    QueueState,
    cancel_behind_probability,
    fill_by_touch,
    fill_by_trade,
    join_queue,
    on_level_change,
    on_trade,
    power_model,
)

# Lots are whole; the rescaling by 4 keeps them so.
SQUARES = power_model(2.0)
STATE, BEHIND = QueueState(6.0, 4.0, 5), QueueState(7.0, 4.0, 5)
STATE_UNITS = (SIZE, SIZE, SIZE)
FILLED = (STATE_UNITS, SIZE)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        power_model,
        {"exponent": 2.0},
        changes={"exponent": 1.0},
        refused={"exponent": (0.0, -1.0)},
    ),
    Sample(
        cancel_behind_probability,
        {"ahead": 6.0, "behind": 4.0, "model": SQUARES},
        changes={"ahead": 0.0, "behind": 0.0, "model": LOGARITHM},
        refused={"ahead": (-1.0,), "behind": (-1.0,)},
        units={"ahead": SIZE, "behind": SIZE, "model": NUMBER, "result": NUMBER},
    ),
    Sample(
        join_queue,
        {"level_size": 6.0, "size": 5},
        changes={"level_size": 0.0, "size": 4},
        refused={"level_size": (-1.0,), "size": (0, -1)},
        units={"level_size": SIZE, "size": SIZE, "result": STATE_UNITS},
    ),
    Sample(
        on_trade,
        {"state": STATE, "traded": 8.0},
        changes={"state": BEHIND, "traded": 0.0},
        refused={"traded": (-1.0,)},
        units={"state": STATE_UNITS, "traded": SIZE, "result": FILLED},
    ),
    Sample(
        on_level_change,
        {"state": STATE, "new_size": 5.0, "model": SQUARES},
        changes={"state": BEHIND, "new_size": 0.0, "model": RISK_AVERSE},
        refused={"new_size": (-1.0,)},
        units={"state": STATE_UNITS, "new_size": SIZE, "model": NUMBER, "result": STATE_UNITS},
    ),
    Sample(
        fill_by_trade,
        {
            "state": STATE,
            "side": 1,
            "price_ticks": 100,
            "aggressor": -1,
            "trade_ticks": 100,
            "traded": 8.0,
        },
        changes={
            "state": BEHIND,
            "side": -1,
            "price_ticks": 99,
            "aggressor": 1,
            "trade_ticks": 99,
            "traded": 9.0,
        },
        refused={"side": (0, 2), "aggressor": (0, -2), "traded": (-1.0,)},
        units={
            "state": STATE_UNITS,
            "side": NUMBER,
            "price_ticks": PRICE,
            "aggressor": NUMBER,
            "trade_ticks": PRICE,
            "traded": SIZE,
            "result": FILLED,
        },
    ),
    Sample(
        fill_by_touch,
        {
            "state": STATE,
            "side": 1,
            "price_ticks": 100,
            "opposite_ticks": 99,
            "opposite_size": 3.0,
        },
        changes={
            "state": STATE._replace(remaining=2),
            "side": -1,
            "price_ticks": 98,
            "opposite_ticks": 101,
            "opposite_size": 4.0,
        },
        refused={"side": (0, 2), "opposite_size": (-1.0,)},
        units={
            "state": STATE_UNITS,
            "side": NUMBER,
            "price_ticks": PRICE,
            "opposite_ticks": PRICE,
            "opposite_size": SIZE,
            "result": FILLED,
        },
    ),
)
