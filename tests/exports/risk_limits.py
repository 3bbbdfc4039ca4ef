"""Samples of what nbs/risk/limits.ipynb exports. What cannot be judged is denied, which is a result like others."""

from __future__ import annotations

from decimal import Decimal

from tests.exports.sample import MONEY, NUMBER, PRICE, RATE, SIZE, TIME, Sample
from titan.risk.limits import (
    Exposure,
    LimitSettings,
    MarketReference,
    OrderRequest,
    check_order,
    evaluate,
    unset_limits,
)

DESK = LimitSettings(
    max_order_notional=2_000.0,
    max_position_notional=5_000.0,
    max_gross_notional=10_000.0,
    max_daily_loss=300.0,
)
ORDER = OrderRequest(1, 599_999, 2, Decimal("119.9998"))
QUIET = Exposure(
    position=0,
    buying=0,
    selling=0,
    gross_elsewhere=Decimal(0),
    open_orders=0,
    own_bid=0,
    own_ask=0,
    messages=100,
    duplicates=0,
    executions=0,
    day_loss=Decimal(0),
)
MARKET = MarketReference(
    trading=True,
    min_lots=1,
    max_lots=120_000,
    min_notional=Decimal(50),
    reference=Decimal("600000.5"),
    mark=Decimal("600003.4"),
    band_down=Decimal("0.95"),
    band_up=Decimal("1.05"),
    best_bid=600_000,
    best_ask=600_001,
    lot_notional=Decimal("60.00005"),
    conversion=Decimal(1),
)
DESK_UNITS = (MONEY, MONEY, MONEY, MONEY, NUMBER, NUMBER, RATE, NUMBER, NUMBER, TIME, NUMBER, TIME)
ORDER_UNITS = (NUMBER, PRICE, SIZE, MONEY, SIZE, NUMBER, NUMBER)
MARKET_UNITS = (
    *(NUMBER, SIZE, SIZE, MONEY, PRICE, PRICE),
    *(NUMBER, NUMBER, PRICE, PRICE, PRICE, NUMBER),
)
EXPOSURE_UNITS = (SIZE, SIZE, SIZE, MONEY, NUMBER, PRICE, PRICE, NUMBER, NUMBER, NUMBER, MONEY, NUMBER)
ODD_ORDERS = (ORDER._replace(side=0), ORDER._replace(side=2))

SAMPLES: tuple[Sample, ...] = (
    Sample(
        unset_limits,
        {"settings": DESK},
        changes={"settings": LimitSettings()},
        units={"settings": DESK_UNITS, "result": NUMBER},
    ),
    Sample(
        check_order,
        {"order": ORDER, "market": MARKET, "settings": DESK},
        changes={
            "order": ORDER._replace(size=0),
            "market": MARKET._replace(mark=None),
            "settings": DESK._replace(max_order_notional=100.0),
        },
        refused={"order": ODD_ORDERS},
        units={
            "order": ORDER_UNITS,
            "market": MARKET_UNITS,
            "settings": DESK_UNITS,
            "result": NUMBER,
        },
    ),
    Sample(
        evaluate,
        {"order": ORDER, "exposure": QUIET, "market": MARKET, "settings": DESK},
        changes={
            "order": ORDER._replace(price=600_001),
            "exposure": QUIET._replace(day_loss=Decimal(300)),
            "market": MARKET._replace(lot_notional=None),
            "settings": DESK._replace(max_position_notional=100.0),
        },
        refused={
            "order": ODD_ORDERS,
            "exposure": (QUIET._replace(buying=-1), QUIET._replace(selling=-1)),
        },
        units={
            "order": ORDER_UNITS,
            "exposure": EXPOSURE_UNITS,
            "market": MARKET_UNITS,
            "settings": DESK_UNITS,
            "result": NUMBER,
        },
    ),
)
