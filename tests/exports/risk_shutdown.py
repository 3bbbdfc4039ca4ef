"""Samples of what nbs/risk/shutdown.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import MONEY, NUMBER, TIME, Sample
from titan.risk.shutdown import (
    Channel,
    Level,
    Parameters,
    Profit,
    action,
    channel_levels,
    checked,
    level,
    losses,
    permits,
    profit_update,
    release,
    start,
    update,
)

SECOND = 10**9
LOSS = Channel("loss", (100.0, 200.0, 300.0, 400.0), (50.0, 150.0, 250.0, 350.0), daily=True)
PARAMETERS = Parameters((LOSS,), dwell_ns=10 * SECOND)
PARAMETER_UNITS = (((NUMBER, MONEY, MONEY, NUMBER),), TIME, TIME, NUMBER, NUMBER)
STATE = update(PARAMETERS, start(PARAMETERS, SECOND), 2 * SECOND, (450.0,))
FALLEN = update(PARAMETERS, STATE, 3 * SECOND, (120.0,))
CALM = update(PARAMETERS, start(PARAMETERS, SECOND), 2 * SECOND, (20.0,))
STATE_UNITS = (TIME, ((MONEY, ((NUMBER, TIME),) * 4, TIME),), NUMBER)
PROFIT = Profit(9 * SECOND, 60.0, 80.0, 90.0, 70.0, 75.0)
PROFIT_UNITS = (TIME, MONEY, MONEY, MONEY, MONEY, MONEY)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        checked,
        {"parameters": PARAMETERS},
        changes={"parameters": PARAMETERS._replace(dwell_ns=20 * SECOND)},
        refused={
            "parameters": (
                PARAMETERS._replace(dwell_ns=0),
                PARAMETERS._replace(clock_ns=0),
                PARAMETERS._replace(size_factors=(1.0, 0.7, 0.4, 0.5, 0.0)),
                PARAMETERS._replace(size_factors=(1.1, 0.7, 0.4, 0.2, 0.0)),
                PARAMETERS._replace(size_factors=(1.0, 0.7, 0.4, 0.2)),
                PARAMETERS._replace(size_factors=(1.0, 0.7, 0.4, 0.2, math.nan)),
                PARAMETERS._replace(spread_factors=(0.9, 1.25, 1.75, 2.5, 4.0)),
                PARAMETERS._replace(spread_factors=(1.0, 1.25, 1.75, 2.5, math.inf)),
            ),
        },
        units={"parameters": PARAMETER_UNITS, "result": PARAMETER_UNITS},
    ),
    Sample(
        start,
        {"parameters": PARAMETERS, "time_ns": SECOND},
        changes={"parameters": PARAMETERS._replace(channels=(LOSS, LOSS)), "time_ns": 0},
        units={"parameters": PARAMETER_UNITS, "time_ns": TIME, "result": STATE_UNITS},
    ),
    Sample(
        update,
        {
            "parameters": PARAMETERS,
            "state": FALLEN,
            "time_ns": 14 * SECOND,
            "values": (120.0,),
        },
        changes={
            "parameters": PARAMETERS._replace(dwell_ns=20 * SECOND),
            "state": CALM,
            "time_ns": 12 * SECOND,
            "values": (90.0,),
        },
        refused={"values": ((), (1.0, 2.0))},
        accepts={"values": "NaN cannot be read, and infinity is beyond every threshold"},
        units={
            "parameters": PARAMETER_UNITS,
            "state": STATE_UNITS,
            "time_ns": TIME,
            "values": MONEY,
            "result": STATE_UNITS,
        },
    ),
    Sample(
        channel_levels,
        {"state": STATE},
        changes={"state": CALM},
        units={"state": STATE_UNITS, "result": NUMBER},
    ),
    Sample(
        level,
        {"state": STATE},
        changes={"state": CALM},
        units={"state": STATE_UNITS, "result": NUMBER},
    ),
    Sample(
        release,
        {"state": STATE, "operator": "anna"},
        changes={"state": CALM, "operator": "bert"},
        refused={"operator": ("", "  ")},
        units={"state": STATE_UNITS, "operator": NUMBER, "result": STATE_UNITS},
    ),
    Sample(
        action,
        {"parameters": PARAMETERS, "at": Level.CAUTION},
        changes={
            "parameters": PARAMETERS._replace(size_factors=(1.0, 0.5, 0.4, 0.2, 0.0)),
            "at": Level.STOP,
        },
        units={"parameters": PARAMETER_UNITS, "at": NUMBER, "result": NUMBER},
    ),
    Sample(
        permits,
        {"at": Level.STOP, "reduces": False, "cancels": False},
        changes={"at": Level.WARNING, "reduces": True, "cancels": True},
    ),
    Sample(
        profit_update,
        {"state": PROFIT, "profit": 50.0, "time_ns": 11 * SECOND, "bucket_ns": 5 * SECOND},
        changes={
            "state": PROFIT._replace(peak=95.0),
            "profit": 55.0,
            "time_ns": 9 * SECOND,
            "bucket_ns": SECOND,
        },
        refused={"bucket_ns": (0, -1)},
        units={
            "state": PROFIT_UNITS,
            "profit": MONEY,
            "time_ns": TIME,
            "bucket_ns": TIME,
            "result": PROFIT_UNITS,
        },
    ),
    Sample(
        losses,
        {"state": PROFIT},
        changes={"state": PROFIT._replace(peak=95.0)},
        units={"state": PROFIT_UNITS, "result": (MONEY, MONEY, MONEY)},
    ),
)
