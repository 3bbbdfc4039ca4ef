"""Positions at an exact cost, linear and inverse; margin tiers."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.matching.builders import START, instrument
from titan.matching.account import Position, settle_value, to_money
from titan.matching.margin import bracket_of, liquidation_price, maintenance, notional_limit
from titan.matching.terms import DEFAULT_BRACKETS
from titan.matching.types import PositionRecord
from titan.model.orders import BUY, SELL

LINEAR = instrument()
INVERSE = instrument(
    kind="inverse", multiplier=Decimal(100), lot_size=Decimal(1), settle="BTC", symbol="BTCUSD_PERP"
)


def test_average_entry_and_realised_profit_by_hand():
    position = Position(LINEAR)
    assert position.execute(BUY, 100, Decimal(60_000), START) == 0
    assert position.execute(BUY, 100, Decimal(60_010), START) == 0
    assert position.entry() == Decimal(60_005)
    assert position.execute(SELL, 50, Decimal(60_105), START) == Decimal(5)  # 0.05 * 100
    assert position.unrealized(Decimal(60_105)) == Decimal(15)
    assert position.execute(SELL, 250, Decimal(60_105), START) == Decimal(15)
    assert (position.lots, position.entry()) == (-100, Decimal(60_105))
    assert position.unrealized(Decimal(60_005)) == Decimal(10)
    assert position.updated_ns == START


def test_inverse_profit_by_hand():
    position = Position(INVERSE)
    position.execute(BUY, 10, Decimal(50_000), START)  # $1000 = 0.02 BTC
    assert position.entry() == Decimal(50_000)
    assert position.unrealized(Decimal(62_500)) == Decimal("0.004")  # 0.02 - 0.016
    assert position.execute(SELL, 10, Decimal(40_000), START) == Decimal("-0.005")
    assert (position.lots, position.basis, position.entry()) == (0, 0, 0)


def test_flat_position_has_no_value():
    position = Position(LINEAR)
    assert position.value(Decimal(1)) == 0
    assert position.unrealized(Decimal(1)) == 0


executions = st.lists(
    st.tuples(st.sampled_from([BUY, SELL]), st.integers(1, 999), st.integers(300_000, 900_000)), max_size=30
)


@given(executions=executions, terms=st.sampled_from([LINEAR, INVERSE]), mark=st.integers(300_000, 900_000))
@settings(max_examples=150, deadline=None)
def test_realised_and_open_profit_are_the_cash_flows_exactly(executions, terms, mark):
    """Profit depends on the executions alone: value sold - value bought + value held, to the last decimal."""
    position = Position(terms)
    realized = flows = Decimal(0)
    for side, lots, ticks in executions:
        price = terms.price(ticks)
        realized += position.execute(side, lots, price, START)
        flows -= position.direction * side * settle_value(terms, price, lots)
    at = terms.price(mark)
    held = settle_value(terms, at, position.lots) * ((position.lots > 0) - (position.lots < 0))
    assert position.lots == sum(side * lots for side, lots, _ in executions)
    assert realized + position.unrealized(at) == flows + position.direction * held
    assert realized == to_money(realized)
    assert position.lots != 0 or position.basis == 0


@given(prices=st.lists(st.integers(300_000, 900_000), min_size=2, max_size=6), lots=st.integers(1, 500))
@settings(max_examples=60, deadline=None)
def test_closing_in_parts_realises_what_closing_at_once_does(prices, lots):
    bought, *sold = prices
    position = Position(LINEAR)
    position.execute(BUY, lots * len(sold), LINEAR.price(bought), START)
    parts = sum(position.execute(SELL, lots, LINEAR.price(price), START) for price in sold)
    whole = LINEAR.size(lots) * sum(LINEAR.price(price - bought) for price in sold)
    assert parts == whole
    assert position.basis == 0


def test_brackets_join_without_a_jump():
    for lower, upper in pairwise(DEFAULT_BRACKETS):
        cap = lower.notional_cap
        assert (
            cap * lower.maintenance_rate - lower.deduction == cap * upper.maintenance_rate - upper.deduction
        )
        assert (lower.max_leverage, lower.notional_cap) > (upper.max_leverage, 0)
        assert bracket_of(DEFAULT_BRACKETS, cap) is lower
        assert bracket_of(DEFAULT_BRACKETS, cap + 1) is upper
    assert bracket_of(DEFAULT_BRACKETS, Decimal(10) ** 12) is DEFAULT_BRACKETS[-1]


def test_leverage_limits_the_position():
    assert notional_limit(DEFAULT_BRACKETS, 125) == 300_000
    assert notional_limit(DEFAULT_BRACKETS, 20) == 100_000_000
    assert notional_limit(DEFAULT_BRACKETS, 126) == 0
    assert maintenance(DEFAULT_BRACKETS, Decimal(800_000)) == Decimal(3_700)


# ---- Liquidation ---------------------------------------------------------------------------------------------


def held(lots: int, mark: Decimal) -> PositionRecord:
    """A position of thousandths of a coin at the mark."""
    notional = abs(lots) * mark / 1000
    kept = maintenance(DEFAULT_BRACKETS, notional)
    return PositionRecord(
        "BTCUSDT", lots, mark, mark, Decimal(0), Decimal(0), notional, 20, Decimal(0), kept, 0
    )


@given(
    st.integers(1, 4_000),
    st.sampled_from((1, -1)),
    st.integers(20_000, 70_000),
    st.integers(0, 50_000),
    st.integers(0, 500),
)
def test_at_the_liquidation_price_the_margin_meets_its_maintenance(lots, side, mark, spare, others):
    position = held(side * lots, Decimal(mark))
    maintained = position.maintenance_margin + others
    margin = maintained + spare
    price = liquidation_price(DEFAULT_BRACKETS, position, margin, maintained)
    tier = bracket_of(DEFAULT_BRACKETS, position.notional)
    quantity = Decimal(lots) / 1000
    kept = quantity * price * tier.maintenance_rate - tier.deduction + others
    left = margin + side * quantity * (price - mark)
    if price:
        assert left == pytest.approx(kept, abs=Decimal("1e-6"))
        assert side * (mark - price) >= 0
    else:
        assert left >= kept, "even at nothing the margin suffices"


def test_a_flat_position_has_no_liquidation_price():
    assert liquidation_price(DEFAULT_BRACKETS, held(0, Decimal(50_000)), Decimal(10), Decimal(0)) == 0
