"""Samples of what nbs/evaluation/running_pnl.ipynb exports."""

from __future__ import annotations

from decimal import Decimal

from tests.exports.evaluation_pnl import BAD_FILLS, FILL, FILL_UNITS, NO_PRICES
from tests.exports.sample import MONEY, NUMBER, PRICE, SIZE, TIME, Sample
from titan.evaluation.running_pnl import (
    Running,
    advance,
    close_running,
    on_fill,
    on_funding,
    on_mid,
    open_running,
    parts_now,
)

OPENED = open_running("linear", 10, 0, Decimal(100), Decimal(1))
# A fill whose horizon is ahead, and the mid has moved since.
RUNNING = on_mid(on_fill(OPENED, FILL), 6, Decimal(101))
OTHER = RUNNING._replace(mid_value=Decimal(102))
PENDING = (TIME, SIZE, PRICE)


def units_of(running: Running) -> tuple:
    """Units of a state, its fills under way included."""
    pending = (PENDING,) * len(running.pending) or NUMBER
    return (NUMBER, TIME, TIME, PRICE, SIZE, SIZE, MONEY, pending, NUMBER)


UNITS = units_of(RUNNING)
CLOSED_UNITS = units_of(close_running(RUNNING))

SAMPLES: tuple[Sample, ...] = (
    Sample(
        open_running,
        {
            "kind": "linear",
            "horizon_ns": 10,
            "time_ns": 5,
            "mid": Decimal(100),
            "opening": Decimal(1),
        },
        changes={
            "kind": "inverse",
            "horizon_ns": 0,
            "time_ns": 6,
            "mid": Decimal(101),
            "opening": Decimal(-1),
        },
        refused={"kind": ("quanto",), "horizon_ns": (-1,), "mid": NO_PRICES},
        units={
            "kind": NUMBER,
            "horizon_ns": TIME,
            "time_ns": TIME,
            "mid": PRICE,
            "opening": SIZE,
            "result": units_of(OPENED),
        },
    ),
    Sample(
        advance,
        {"running": RUNNING, "time_ns": 16},
        changes={"running": OTHER, "time_ns": 15},
        units={"running": UNITS, "time_ns": TIME, "result": CLOSED_UNITS},
    ),
    Sample(
        on_mid,
        {"running": RUNNING, "time_ns": 9, "mid": Decimal(103)},
        changes={"running": OTHER, "time_ns": 10, "mid": Decimal(104)},
        refused={"mid": NO_PRICES},
        units={"running": UNITS, "time_ns": TIME, "mid": PRICE, "result": UNITS},
    ),
    Sample(
        on_fill,
        {"running": RUNNING, "fill": FILL._replace(time_ns=20)},
        changes={"running": OTHER, "fill": FILL},
        refused={"fill": BAD_FILLS},
        units={"running": UNITS, "fill": FILL_UNITS, "result": UNITS},
    ),
    Sample(
        on_funding,
        {"running": RUNNING, "amount": Decimal("-0.05")},
        changes={"running": OTHER, "amount": Decimal("0.05")},
        units={"running": UNITS, "amount": MONEY, "result": UNITS},
    ),
    Sample(
        close_running,
        {"running": RUNNING},
        changes={"running": OTHER},
        units={"running": UNITS, "result": CLOSED_UNITS},
    ),
    Sample(
        parts_now,
        {"running": RUNNING},
        changes={"running": OTHER},
        units={"running": UNITS, "result": MONEY},
    ),
)
