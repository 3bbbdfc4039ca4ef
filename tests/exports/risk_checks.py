"""Samples of what nbs/risk/checks.ipynb exports."""

from __future__ import annotations

from decimal import Decimal

from tests.exports.sample import MONEY, NUMBER, PRICE, SIZE, Sample
from titan.risk.checks import (
    check_band,
    check_budget,
    check_collar,
    check_crossing,
    check_executions,
    check_gross,
    check_level,
    check_loss,
    check_min_notional,
    check_open_orders,
    check_order_notional,
    check_position,
    check_size,
    check_trading,
    is_reducing,
    is_set,
    over,
    product,
    worst_lots,
    worst_position,
)
from titan.risk.denials import Denial

NOT_SET = "a limit that is not a positive finite number is not set, which refuses the order"
UNKNOWN = "what is not finite is not known, which refuses the order"
BAD_SIDES = (0, 2, -2)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        check_level,
        {"may_increase": False, "reducing": False},
        changes={"may_increase": True, "reducing": True},
    ),
    Sample(
        is_set,
        {"limit": 5.0},
        changes={"limit": 0.0},
        accepts={"limit": "NaN and infinity are no limits, and the answer is no"},
        units={"limit": MONEY, "result": NUMBER},
    ),
    Sample(
        over,
        {"value": Decimal(5), "limit": 4.0, "denial": Denial.DAILY_LOSS},
        changes={"value": None, "limit": 0.0, "denial": Denial.OPEN_ORDERS},
        accepts={"value": UNKNOWN, "limit": NOT_SET},
        units={"value": MONEY, "limit": MONEY, "denial": NUMBER, "result": NUMBER},
    ),
    Sample(
        product,
        {"factors": (3, Decimal("0.5"))},
        changes={"factors": (3, None)},
        accepts={"factors": "the product is not finite either, and `over` refuses it"},
        units={"factors": (SIZE, PRICE), "result": MONEY},
    ),
    Sample(
        worst_lots,
        {"size": 3, "replaced": 2},
        changes={"size": 4, "replaced": 5},
        units={"size": SIZE, "replaced": SIZE, "result": SIZE},
    ),
    Sample(
        is_reducing,
        {"side": -1, "size": 3, "position": 6, "same_side": 2},
        changes={"side": 1, "size": 5, "position": 4, "same_side": 4},
        refused={"side": BAD_SIDES, "same_side": (-1,)},
        units={
            "side": NUMBER,
            "size": SIZE,
            "position": SIZE,
            "same_side": SIZE,
            "result": NUMBER,
        },
    ),
    Sample(
        worst_position,
        {"side": 1, "size": 3, "position": 6, "buying": 2, "selling": 1},
        changes={"side": -1, "size": 4, "position": 5, "buying": 3, "selling": 30},
        refused={"side": BAD_SIDES, "buying": (-1,), "selling": (-1,)},
        units={
            "side": NUMBER,
            "size": SIZE,
            "position": SIZE,
            "buying": SIZE,
            "selling": SIZE,
            "result": SIZE,
        },
    ),
    Sample(check_trading, {"trading": True}, changes={"trading": False}),
    Sample(
        check_size,
        {"size": 5, "min_lots": 2, "max_lots": 10},
        changes={"size": 0, "min_lots": 6, "max_lots": 4},
        units={"size": SIZE, "min_lots": SIZE, "max_lots": SIZE, "result": NUMBER},
    ),
    Sample(
        check_min_notional,
        {"notional": Decimal(4), "min_notional": Decimal(5), "reduce_only": False},
        changes={"notional": Decimal(5), "min_notional": Decimal(3), "reduce_only": True},
        accepts={"notional": UNKNOWN, "min_notional": UNKNOWN},
        units={"notional": MONEY, "min_notional": MONEY, "reduce_only": NUMBER, "result": NUMBER},
    ),
    Sample(
        check_order_notional,
        {"value": Decimal(5), "limit": 4.0},
        changes={"value": Decimal(4), "limit": 6.0},
        accepts={"value": UNKNOWN, "limit": NOT_SET},
        units={"value": MONEY, "limit": MONEY, "result": NUMBER},
    ),
    Sample(
        check_collar,
        {"price": 102, "reference": Decimal(100), "collar_bps": 100.0},
        changes={"price": 101, "reference": Decimal(102), "collar_bps": 300.0},
        accepts={"reference": UNKNOWN, "collar_bps": NOT_SET},
        units={"price": PRICE, "reference": PRICE, "collar_bps": NUMBER, "result": NUMBER},
    ),
    Sample(
        check_band,
        {
            "price": 100,
            "mark": Decimal(100),
            "band_down": Decimal("0.95"),
            "band_up": Decimal("1.05"),
        },
        changes={
            "price": 106,
            "mark": Decimal(110),
            "band_down": Decimal("1.01"),
            "band_up": Decimal("0.99"),
        },
        accepts={"mark": UNKNOWN, "band_down": UNKNOWN, "band_up": UNKNOWN},
        units={
            "price": PRICE,
            "mark": PRICE,
            "band_down": NUMBER,
            "band_up": NUMBER,
            "result": NUMBER,
        },
    ),
    Sample(
        check_crossing,
        {
            "side": 1,
            "price": 101,
            "best_bid": 99,
            "best_ask": 101,
            "denial": Denial.WOULD_CROSS,
        },
        changes={"side": -1, "price": 100, "best_ask": 102, "denial": Denial.SELF_TRADE},
        refused={"side": BAD_SIDES},
        units={
            "side": NUMBER,
            "price": PRICE,
            "best_bid": PRICE,
            "best_ask": PRICE,
            "denial": NUMBER,
            "result": NUMBER,
        },
    ),
    Sample(
        check_crossing,
        {
            "side": -1,
            "price": 100,
            "best_bid": 99,
            "best_ask": 101,
            "denial": Denial.WOULD_CROSS,
        },
        changes={"best_bid": 100},
    ),
    Sample(
        check_position,
        {"ahead": 5, "lot_value": Decimal(10), "limit": 40.0, "reducing": False},
        changes={"ahead": 4, "lot_value": Decimal(8), "limit": 50.0, "reducing": True},
        accepts={"lot_value": UNKNOWN, "limit": NOT_SET},
        units={
            "ahead": SIZE,
            "lot_value": PRICE,
            "limit": MONEY,
            "reducing": NUMBER,
            "result": NUMBER,
        },
    ),
    Sample(
        check_gross,
        {"elsewhere": Decimal(30), "here": Decimal(20), "limit": 40.0, "reducing": False},
        changes={"elsewhere": Decimal(20), "here": None, "limit": 50.0, "reducing": True},
        accepts={"elsewhere": UNKNOWN, "here": UNKNOWN, "limit": NOT_SET},
        units={
            "elsewhere": MONEY,
            "here": MONEY,
            "limit": MONEY,
            "reducing": NUMBER,
            "result": NUMBER,
        },
    ),
    Sample(
        check_open_orders,
        {"open_orders": 20, "limit": 20, "reducing": False},
        changes={"open_orders": 19, "limit": 21, "reducing": True},
    ),
    Sample(
        check_budget,
        {"messages": 20, "reserve": 20},
        changes={"messages": 21, "reserve": 0},
        refused={"reserve": (-1,)},
    ),
    Sample(
        check_executions,
        {"executions": 20, "limit": 20, "reducing": False},
        changes={"executions": 19, "limit": 21, "reducing": True},
    ),
    Sample(
        check_loss,
        {"day_loss": Decimal(300), "limit": 300.0, "reducing": False},
        changes={"day_loss": Decimal(299), "limit": 301.0, "reducing": True},
        accepts={"day_loss": UNKNOWN, "limit": NOT_SET},
        units={"day_loss": MONEY, "limit": MONEY, "reducing": NUMBER, "result": NUMBER},
    ),
)
