"""Every setting of the exchange changes what it does."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.matching.builders import (
    SECOND,
    START,
    SYMBOL,
    buy,
    delta,
    exchange,
    market,
    replayed,
    sell,
    snapshot,
)
from titan.matching.exchange import Exchange
from titan.matching.terms import Bracket, ExchangeSettings, Fees
from titan.matching.types import Refusal
from titan.model.orders import BUY

SMALL = (Bracket(Decimal(100), 125, Decimal("0.1"), Decimal(0)),)
FREE = Fees(Decimal(0), Decimal(0))


def traded(**changes) -> Exchange:
    ex = exchange("a", "m", **changes)
    buy(ex, "m", 599_990, 100)
    sell(ex, "m", 600_010, 100)
    market(ex, "a", BUY, 10)
    return ex


def generated(**changes) -> tuple:
    """What an account sees after a trade, a second order and two minutes."""
    try:
        ex = traded(**changes)
        buy(ex, "m", 600_003, 1)
        ex.advance(START + 90 * SECOND + 1)
    except Refusal as refusal:
        return (refusal.reason,)
    return (
        ex.balances("a"),
        ex.positions("a"),
        ex.mark(SYMBOL),
        len(ex.income("a")),
        len([event for event in ex.drain() if hasattr(event, "mark")]),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"market": "replayed"},
        {"fees": FREE},
        {"brackets": SMALL},
        {"max_open_orders": 1},
        {"funding_interval_s": 60},
        {"funding_rate": Decimal("0.0005")},
        {"mark_interval_s": 7},
        {"mark_weight": 0.9},
        {"history_limit": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_changes_what_is_seen(change):
    assert generated(**change) != generated()


@pytest.mark.parametrize("change", [{"queue_model": "logarithmic"}, {"queue_exponent": 0.5}])
def test_changes_the_queue(change):
    ahead = []
    for settings in ({}, change):
        ex = replayed("a", **settings)
        ex.apply_market(snapshot(100, {600_000: 10}, {600_010: 10}))
        order = buy(ex, "a", 600_000, 5)
        ex.apply_market(delta(101, bids={600_000: 30}))
        ex.apply_market(delta(102, bids={600_000: 20}))
        ahead.append(ex.queue_ahead("a", SYMBOL, order.order_id))
    assert ahead[0] != ahead[1]


def test_these_are_all_settings():
    assert set(ExchangeSettings.__struct_fields__) == {
        "market",
        "fees",
        "brackets",
        "max_open_orders",
        "funding_interval_s",
        "funding_rate",
        "mark_interval_s",
        "mark_weight",
        "queue_model",
        "queue_exponent",
        "history_limit",
    }


def test_an_impossible_queue_exponent_is_named():
    with pytest.raises(ValueError, match="exponent = 0"):
        replayed("a", queue_exponent=0.0)
