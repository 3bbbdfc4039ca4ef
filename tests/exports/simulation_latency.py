"""Samples of what nbs/simulation/latency.ipynb exports."""

from __future__ import annotations

import numpy as np

from tests.exports.sample import NUMBER, TIME, Sample
from titan.simulation.latency import (
    Channel,
    ClockLine,
    LatencyModel,
    Stamps,
    clock_line,
    feed_latency,
    fit_latency,
    fit_orders,
    latency_at,
    latency_misfit,
    legs,
    offset_bounds,
    send,
)

ORDER, LATER = Stamps(100, 10, 110), Stamps(200, 112, 208)
RECEIVED, EXCHANGE = np.array([100, 200, 300, 400]), np.array([60, 150, 270, 340])
MODEL, MODEL_UNITS = LatencyModel((0.0, 1_000_000.0, 4_000_000.0), 0.5), (TIME, NUMBER)
LINE, LINE_UNITS = ClockLine(1_000, 40.0, 0.01), (TIME, TIME, NUMBER)
CHANNEL = Channel(3, 8_000_000, 0.3)
LATENCIES = [3.0, 1.0, 4.0, 1.5, 5.0]

SAMPLES: tuple[Sample, ...] = (
    Sample(
        offset_bounds,
        {"orders": [ORDER, LATER]},
        changes={"orders": [ORDER]},
        refused={"orders": ([], [ORDER, Stamps(200, 50, 208)])},
        units={"orders": ((TIME, TIME, TIME), (TIME, TIME, TIME)), "result": TIME},
    ),
    Sample(
        legs,
        {"order": ORDER, "offset_ns": 92},
        changes={"order": Stamps(101, 10, 110), "offset_ns": 93},
        refused={"offset_ns": (89, 101)},
        units={"order": (TIME, TIME, TIME), "offset_ns": TIME, "result": (TIME, TIME)},
    ),
    Sample(
        clock_line,
        {"received_ns": RECEIVED, "exchange_ns": EXCHANGE},
        changes={"received_ns": RECEIVED + 5, "exchange_ns": EXCHANGE - 5},
        refused={
            "received_ns": (RECEIVED[:1], RECEIVED[::-1], RECEIVED * 0, RECEIVED * 1.0, RECEIVED[:, None]),
            "exchange_ns": (EXCHANGE[:1], EXCHANGE[:3], EXCHANGE * 1.0),
        },
        units={"received_ns": TIME, "exchange_ns": TIME, "result": LINE_UNITS},
    ),
    Sample(
        feed_latency,
        {"line": LINE, "received_ns": 2_000, "exchange_ns": 1_900, "least_ns": 5.0},
        changes={
            "line": LINE._replace(offset_ns=41.0),
            "received_ns": 2_100,
            "exchange_ns": 1_901,
            "least_ns": 0.0,
        },
        refused={"least_ns": (-1.0,)},
        units={
            "line": LINE_UNITS,
            "received_ns": TIME,
            "exchange_ns": TIME,
            "least_ns": TIME,
            "result": TIME,
        },
    ),
    Sample(
        fit_latency,
        {"samples_ns": LATENCIES, "points": 5},
        changes={"samples_ns": [*LATENCIES[:-1], 6.0], "points": 3},
        refused={"samples_ns": ([1.0, 2.0], [-1.0, 1.0, 2.0], [[1.0], [2.0], [3.0]]), "points": (1, 0)},
        units={"samples_ns": TIME, "points": NUMBER, "result": MODEL_UNITS},
    ),
    Sample(
        fit_orders,
        {"orders": [ORDER, LATER, Stamps(300, 215, 315)], "offset_ns": 92, "points": 5},
        changes={"orders": [ORDER, LATER, Stamps(300, 218, 319)], "offset_ns": 93, "points": 3},
        refused={"orders": ([], [ORDER, LATER]), "offset_ns": (89, 101), "points": (1, 0)},
    ),
    Sample(
        latency_misfit,
        {"model": MODEL, "samples_ns": [500_000.0, 2_000_000.0]},
        changes={"model": LatencyModel((0.0, 9_000_000.0)), "samples_ns": [500_000.0, 3_500_000.0]},
        refused={"samples_ns": ([], [-1.0], [[1.0]])},
        units={"model": MODEL_UNITS, "samples_ns": TIME, "result": NUMBER},
    ),
    Sample(
        latency_at,
        {"model": MODEL, "share": 0.25},
        changes={"model": LatencyModel((0.0, 3_000_000.0)), "share": 1.0},
        refused={"share": (-0.1, 1.1)},
        units={"model": MODEL_UNITS, "share": NUMBER, "result": TIME},
    ),
    Sample(
        send,
        {"model": MODEL, "channel": CHANNEL, "seed": 7, "sent_ns": 10_000_000},
        changes={
            "model": MODEL._replace(persistence=0.0),
            "channel": CHANNEL._replace(score=0.9),
            "seed": 8,
            "sent_ns": 11_000_000,
        },
    ),
)
