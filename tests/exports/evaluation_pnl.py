"""Samples of what nbs/evaluation/pnl.ipynb exports."""

from __future__ import annotations

from decimal import Decimal

from tests.exports.sample import MONEY, NUMBER, PRICE, SIZE, TIME, Sample
from titan.evaluation.pnl import (
    FillRow,
    Parts,
    add_parts,
    add_up,
    check_identity,
    checked_fill,
    equity_change,
    gain,
    mid_at,
    split_pnl,
    value,
)

NAN, INFINITY = Decimal("NaN"), Decimal("Infinity")
NO_PRICES = (Decimal(0), Decimal(-1))
FILL = FillRow(5, 1, Decimal(2), Decimal(99), Decimal(100), Decimal("0.1"))
FILL_UNITS = (TIME, NUMBER, SIZE, PRICE, PRICE, MONEY)
BAD_FILLS = (
    FILL._replace(side=0),
    FILL._replace(quantity=Decimal(-1)),
    FILL._replace(quantity=NAN),
    FILL._replace(price=Decimal(0)),
    FILL._replace(price=INFINITY),
    FILL._replace(mid_before=NAN),
    FILL._replace(fee=NAN),
)
MIDS = [(0, Decimal(100)), (12, Decimal("99.5")), (30, Decimal(101))]
MIDS_UNITS = ((TIME, PRICE), (TIME, PRICE), (TIME, PRICE))
PARTS = Parts(Decimal(2), Decimal(-1), Decimal(4), Decimal("0.1"), Decimal("-0.05"))
IN_MESSAGES = "only what messages call the value"

SAMPLES: tuple[Sample, ...] = (
    Sample(
        value,
        {"kind": "linear", "price": Decimal(100), "name": "price"},
        changes={"kind": "inverse", "price": Decimal(101), "name": "mid"},
        refused={"kind": ("quanto", "", "Linear"), "price": NO_PRICES},
        ignores={"name": IN_MESSAGES},
        units={"kind": NUMBER, "price": PRICE, "name": NUMBER, "result": PRICE},
    ),
    Sample(
        value,
        {"kind": "inverse", "price": Decimal(100)},
        changes={"price": Decimal(101)},
        refused={"price": NO_PRICES},
    ),
    Sample(
        gain,
        {"kind": "linear", "quantity": Decimal(-2), "entry": Decimal(100), "exit_": Decimal(103)},
        changes={
            "kind": "inverse",
            "quantity": Decimal(3),
            "entry": Decimal(101),
            "exit_": Decimal(104),
        },
        refused={"kind": ("quanto",), "entry": NO_PRICES, "exit_": NO_PRICES},
        units={"kind": NUMBER, "quantity": SIZE, "entry": PRICE, "exit_": PRICE, "result": MONEY},
    ),
    Sample(
        checked_fill,
        {"fill": FILL, "name": "fill"},
        changes={"fill": FILL._replace(side=-1), "name": "row"},
        refused={"fill": BAD_FILLS},
        ignores={"name": IN_MESSAGES},
        units={"fill": FILL_UNITS, "name": NUMBER, "result": FILL_UNITS},
    ),
    Sample(
        add_up,
        {"amounts": [Decimal(1), Decimal(2)], "name": "amounts"},
        changes={"amounts": [Decimal(1), Decimal(3)], "name": "fees"},
        ignores={"name": IN_MESSAGES},
        units={"amounts": MONEY, "name": NUMBER, "result": MONEY},
    ),
    Sample(
        add_parts,
        {"several": [PARTS, PARTS]},
        changes={"several": [PARTS]},
        units={"several": (MONEY, MONEY), "result": MONEY},
    ),
    Sample(
        mid_at,
        {"mids": MIDS, "time_ns": 31},
        changes={"mids": MIDS[:2], "time_ns": 13},
        refused={"mids": ([],)},
        units={"mids": MIDS_UNITS, "time_ns": TIME, "result": PRICE},
    ),
    Sample(
        split_pnl,
        {
            "kind": "linear",
            "fills": [FILL],
            "mids": MIDS,
            "horizon_ns": 10,
            "opening": Decimal(1),
            "funding": [Decimal("-0.05")],
        },
        changes={
            "kind": "inverse",
            "fills": [FILL._replace(side=-1)],
            "mids": MIDS[:2],
            "horizon_ns": 0,
            "opening": Decimal(2),
            "funding": (),
        },
        refused={
            "kind": ("quanto",),
            "fills": tuple([FILL, bad] for bad in BAD_FILLS),
            "mids": ([], MIDS[::-1], [(0, Decimal(0))], [(0, NAN), *MIDS[1:]]),
            "horizon_ns": (-1,),
        },
        units={
            "kind": NUMBER,
            "fills": (FILL_UNITS,),
            "mids": MIDS_UNITS,
            "horizon_ns": TIME,
            "opening": SIZE,
            "funding": MONEY,
            "result": MONEY,
        },
    ),
    Sample(
        equity_change,
        {
            "wallet0": Decimal(1000),
            "unrealized0": Decimal(3),
            "wallet1": Decimal("999.85"),
            "unrealized1": Decimal(8),
        },
        changes={
            "wallet0": Decimal(1001),
            "unrealized0": Decimal(4),
            "wallet1": Decimal(999),
            "unrealized1": Decimal(9),
        },
        units={
            "wallet0": MONEY,
            "unrealized0": MONEY,
            "wallet1": MONEY,
            "unrealized1": MONEY,
            "result": MONEY,
        },
    ),
    Sample(
        check_identity,
        {
            "parts": PARTS,
            "equity": Decimal("4.85"),
            "bookings": 4,
            "rounding": Decimal("0.01"),
        },
        changes={
            "parts": PARTS._replace(spread=Decimal("2.01")),
            "equity": Decimal("4.86"),
            "bookings": 5,
            "rounding": Decimal("0.02"),
        },
        refused={
            "parts": (PARTS._replace(fees=NAN), PARTS._replace(spread=Decimal(3))),
            "equity": (Decimal(5),),
            "bookings": (-1,),
            "rounding": (Decimal(-1),),
        },
        ignores={
            "bookings": "what may be off, and no part of the difference",
            "rounding": "what may be off, and no part of the difference",
        },
        units={
            "parts": MONEY,
            "equity": MONEY,
            "bookings": NUMBER,
            "rounding": MONEY,
            "result": MONEY,
        },
    ),
)
