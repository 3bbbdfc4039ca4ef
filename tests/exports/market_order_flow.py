"""Samples of what nbs/market/order_flow.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import NUMBER, PRICE, RATE, SIZE, TIME, Sample
from titan.market.order_flow import (
    Excitation,
    Hawkes,
    Touch,
    TradeFlow,
    branching_ratio,
    excite,
    fit_hawkes,
    hawkes_intensity,
    hawkes_residuals,
    kyle_lambda,
    on_trade,
    order_flow_imbalance,
    trade_imbalance,
)

BEFORE, AFTER = Touch(99.0, 3.0, 101.0, 5.0), Touch(100.0, 2.0, 101.0, 4.0)
BAD_TOUCHES = (
    Touch(101.0, 3.0, 101.0, 5.0),
    Touch(math.nan, 3.0, 101.0, 5.0),
    Touch(-math.inf, 3.0, 101.0, 5.0),
    Touch(99.0, 3.0, math.inf, 5.0),
    Touch(99.0, -1.0, 101.0, 5.0),
    Touch(99.0, 3.0, 101.0, math.nan),
    Touch(99.0, math.inf, 101.0, 5.0),
)
TOUCH = (PRICE, SIZE, PRICE, SIZE)
FLOW, FLOW_UNITS = TradeFlow(2.0, 4.0, 1_000_000_000), (SIZE, SIZE, TIME)
PROCESS, OTHER_PROCESS = Hawkes(0.5, 1.0, 4.0, 3.0, False), Hawkes(0.6, 2.0, 5.0, 3.0, False)
PROCESS_UNITS = (RATE, RATE, RATE, NUMBER, NUMBER)
STATE, STATE_UNITS = Excitation(1.5, 1_000_000_000), (NUMBER, TIME)
TIMES = [0.5, 0.6, 0.7, 3.0, 3.1, 7.0, 7.05, 7.2]
OTHER_TIMES = [0.5, 0.6, 0.7, 3.0, 3.1, 7.0, 7.05, 7.4]

SAMPLES: tuple[Sample, ...] = (
    Sample(
        order_flow_imbalance,
        {"before": BEFORE, "after": AFTER},
        changes={"before": Touch(99.0, 3.0, 101.0, 6.0), "after": Touch(99.0, 3.0, 101.0, 5.0)},
        refused={"before": BAD_TOUCHES, "after": BAD_TOUCHES},
        units={"before": TOUCH, "after": TOUCH, "result": SIZE},
    ),
    Sample(
        on_trade,
        {"flow": FLOW, "aggressor": 1, "size": 2.0, "time_ns": 3_000_000_000, "half_life_s": 2.0},
        changes={
            "flow": TradeFlow(1.0, 4.0, 1_000_000_000),
            "aggressor": -1,
            "size": 0.0,
            "time_ns": 1_000_000_000,
            "half_life_s": 3.0,
        },
        refused={
            "aggressor": (0, 2),
            "size": (-1.0,),
            "time_ns": (999_999_999,),
            "half_life_s": (0.0, -1.0),
        },
        units={
            "flow": FLOW_UNITS,
            "aggressor": NUMBER,
            "size": SIZE,
            "time_ns": TIME,
            "half_life_s": TIME,
            "result": FLOW_UNITS,
        },
    ),
    Sample(
        trade_imbalance,
        {"flow": FLOW},
        changes={"flow": TradeFlow(1.0, 4.0, 1_000_000_000)},
        units={"flow": FLOW_UNITS, "result": NUMBER},
    ),
    Sample(
        kyle_lambda,
        {"price_changes": [1.0, -1.0, 2.0, 0.0], "flows": [2.0, -3.0, 1.0, 0.5]},
        changes={"price_changes": [1.0, -1.0, 2.0, 1.0], "flows": [2.0, -3.0, 1.0, 1.5]},
        refused={
            "price_changes": ([1.0, 2.0], [[1.0], [2.0], [3.0]]),
            "flows": ([1.0, 2.0], [1.0] * 4, [1.0, 2.0, 3.0]),
        },
        units={
            "price_changes": PRICE,
            "flows": SIZE,
            "result": ((1.0, -1.0, 0.0), (1.0, -1.0, 0.0), NUMBER, NUMBER),
        },
    ),
    Sample(
        branching_ratio,
        {"process": PROCESS},
        changes={"process": OTHER_PROCESS},
        units={"process": PROCESS_UNITS, "result": NUMBER},
    ),
    Sample(
        excite,
        {"state": STATE, "time_ns": 2_000_000_000, "decay_per_s": 4.0},
        changes={"state": Excitation(2.5, 1_000_000_000), "time_ns": 1_500_000_000, "decay_per_s": 3.0},
        refused={"time_ns": (999_999_999,), "decay_per_s": (0.0, -1.0)},
        units={"state": STATE_UNITS, "time_ns": TIME, "decay_per_s": RATE, "result": STATE_UNITS},
    ),
    Sample(
        hawkes_intensity,
        {"process": PROCESS, "state": STATE, "time_ns": 2_000_000_000},
        changes={
            "process": OTHER_PROCESS,
            "state": Excitation(2.5, 1_000_000_000),
            "time_ns": 1_500_000_000,
        },
        refused={"time_ns": (999_999_999,)},
        units={"process": PROCESS_UNITS, "state": STATE_UNITS, "time_ns": TIME, "result": RATE},
    ),
    Sample(
        fit_hawkes,
        {"times_s": TIMES, "span_s": 8.0, "decay_range_per_s": (0.1, 100.0)},
        changes={"times_s": OTHER_TIMES, "span_s": 9.0, "decay_range_per_s": (0.1, 1.0)},
        refused={
            "times_s": ([0.5, 0.6], [0.5, 0.5, 0.6], [0.6, 0.5, 0.7], [-0.1, 0.5, 0.6]),
            "span_s": (7.2, 1.0),
            "decay_range_per_s": ((0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (math.nan, 1.0)),
        },
        units={"times_s": TIME, "span_s": TIME, "decay_range_per_s": RATE, "result": PROCESS_UNITS},
        digits=6,
    ),
    Sample(
        hawkes_residuals,
        {"process": PROCESS, "times_s": TIMES},
        changes={"process": OTHER_PROCESS, "times_s": OTHER_TIMES},
        refused={"times_s": ([0.5, 0.6], [0.6, 0.5, 0.7])},
        units={"process": PROCESS_UNITS, "times_s": TIME, "result": NUMBER},
    ),
)
