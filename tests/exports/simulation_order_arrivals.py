"""Samples of titan.simulation.order_arrivals."""

from __future__ import annotations

from tests.exports.sample import Sample
from titan.market.order_flow import Hawkes
from titan.simulation.order_arrivals import (
    Flow,
    Lognormal,
    arrival_times,
    exponential_depths,
    order_lots,
    simulated_orders,
)

PROCESS = Hawkes(1.0, 3.0, 5.0, 0.0, False)
FLOW = Flow(PROCESS, 2.0, Lognormal(40.0, 1.0))

SAMPLES: tuple[Sample, ...] = (
    Sample(
        function=arrival_times,
        arguments={"process": PROCESS, "span_s": 20.0, "seed": 1, "stream": 0},
        changes={"process": PROCESS._replace(jump_per_s=2.0), "span_s": 40.0, "seed": 2, "stream": 1},
        refused={
            "process": (PROCESS._replace(jump_per_s=5.0), PROCESS._replace(baseline_per_s=-1.0)),
            "span_s": (0.0, -1.0),
            "seed": (-1,),
            "stream": (-1,),
        },
        accepts={"process": "only its baseline, jump and decay are read, not how well it was fitted"},
    ),
    Sample(
        function=exponential_depths,
        arguments={"count": 20, "decay": 2.0, "tick": 0.1, "nearest": 0.05, "seed": 1, "stream": 0},
        changes={"count": 21, "decay": 1.0, "tick": 0.5, "nearest": 0.1, "seed": 2, "stream": 1},
        refused={
            "count": (-1,),
            "decay": (0.0, -1.0),
            "tick": (0.0, -0.1),
            "nearest": (-0.1,),
            "seed": (-1,),
            "stream": (-1,),
        },
        units={
            "count": (0.0, 0.0, 0.0),
            "decay": (-1.0, 0.0, 0.0),
            "tick": (1.0, 0.0, 0.0),
            "nearest": (1.0, 0.0, 0.0),
            "seed": (0.0, 0.0, 0.0),
            "stream": (0.0, 0.0, 0.0),
            "result": (1.0, 0.0, 0.0),
        },
    ),
    Sample(
        function=order_lots,
        arguments={"count": 20, "sizes": Lognormal(40.0, 1.0), "seed": 1, "stream": 0},
        changes={"count": 21, "sizes": [1, 5, 20], "seed": 2, "stream": 1},
        refused={
            "count": (-1,),
            "sizes": (Lognormal(0.0, 1.0), Lognormal(40.0, -1.0), [], [0, 1], [1.5]),
            "seed": (-1,),
            "stream": (-1,),
        },
    ),
    Sample(
        function=simulated_orders,
        arguments={"buys": FLOW, "sells": FLOW, "span_s": 20.0, "tick": 0.1, "nearest": 0.05, "seed": 1},
        changes={
            "buys": FLOW._replace(decay=1.0),
            "sells": FLOW._replace(sizes=[1, 2]),
            "span_s": 40.0,
            "tick": 0.5,
            "nearest": 0.1,
            "seed": 2,
        },
        refused={
            "span_s": (0.0,),
            "tick": (0.0, -0.1),
            "nearest": (-0.1,),
            "seed": (-1,),
        },
    ),
)
