"""The P&L identity against a venue that knows nothing of the split."""

from __future__ import annotations

from decimal import Decimal, Inexact, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.evaluation.pnl import (
    EXACT,
    FillRow,
    IdentityError,
    Parts,
    add_parts,
    check_identity,
    equity_change,
    gain,
    mid_at,
    split_pnl,
    value,
)

KINDS = ("linear", "inverse")
prices = st.integers(100, 900_000).map(lambda ticks: Decimal(ticks) / 10)
fill_rows = st.builds(
    FillRow,
    time_ns=st.integers(0, 60),
    side=st.sampled_from((1, -1)),
    quantity=st.integers(1, 5_000).map(lambda lots: Decimal(lots) / 1_000),
    price=prices,
    mid_before=prices,
    fee=st.integers(-500, 500).map(lambda amount: Decimal(amount) / 10_000),
)
paths = st.lists(st.tuples(st.integers(0, 60), prices), min_size=1, max_size=25).map(
    lambda mids: sorted(mids, key=lambda mid: mid[0])
)
quantities = st.integers(-5_000, 5_000).map(lambda lots: Decimal(lots) / 1_000)
payments = st.lists(st.integers(-99, 99).map(lambda cents: Decimal(cents) / 100), max_size=3)


class AverageCostVenue:
    """A venue's books in fractions: a wallet, and a position at its average entry price."""

    def __init__(self, kind: str, quantity: Decimal, price: Decimal) -> None:
        self.inverse = kind == "inverse"
        self.quantity = Fraction(quantity)
        self.entry = Fraction(price)
        self.wallet = Fraction(0)

    def profit(self, quantity: Fraction, entry: Fraction, exit_: Fraction) -> Fraction:
        return quantity * (1 / entry - 1 / exit_) if self.inverse else quantity * (exit_ - entry)

    def trade(self, quantity: Fraction, price: Fraction) -> None:
        closing = Fraction(0)
        if quantity * self.quantity < 0:
            closing = min(abs(quantity), abs(self.quantity)) * (1 if quantity > 0 else -1)
            self.wallet += self.profit(-closing, self.entry, price)
            self.quantity += closing
        opening = quantity - closing
        if opening and not self.quantity:
            self.entry = price
        elif opening:
            weights = (self.quantity, opening)
            costs = (1 / self.entry, 1 / price) if self.inverse else (self.entry, price)
            mean = (weights[0] * costs[0] + weights[1] * costs[1]) / sum(weights)
            self.entry = 1 / mean if self.inverse else mean
        self.quantity += opening

    def equity(self, mark: Decimal) -> Fraction:
        return self.wallet + (self.profit(self.quantity, self.entry, Fraction(mark)) if self.quantity else 0)


@given(
    st.sampled_from(KINDS), st.lists(fill_rows, max_size=12), paths, quantities, payments, st.integers(0, 70)
)
def test_the_parts_add_up_to_the_equity_of_an_average_cost_venue(
    kind, fills, mids, opening, funding, horizon_ns
):
    parts = split_pnl(kind, fills, mids, horizon_ns, opening, funding)
    venue = AverageCostVenue(kind, opening, mids[0][1])
    for fill in fills:
        venue.trade(Fraction(fill.signed), Fraction(fill.price))
        venue.wallet -= Fraction(fill.fee)
    venue.wallet += sum(map(Fraction, funding))
    difference = abs(Fraction(parts.total) - venue.equity(mids[-1][1]))
    assert difference <= (0 if kind == "linear" else Fraction(1, 10**24))


@given(st.sampled_from(KINDS), st.lists(fill_rows, max_size=12), paths, quantities)
def test_the_total_does_not_depend_on_the_horizon(kind, fills, mids, opening):
    splits = [split_pnl(kind, fills, mids, horizon_ns, opening) for horizon_ns in (0, 1, 7, 30, 1_000)]
    assert len({parts.total for parts in splits}) == 1
    assert len({parts.spread for parts in splits}) == 1


@given(st.sampled_from(KINDS), st.lists(fill_rows, max_size=12), paths, quantities)
def test_beyond_the_end_only_the_opening_position_is_inventory(kind, fills, mids, opening):
    parts = split_pnl(kind, fills, mids, 1_000, opening)
    assert parts.inventory == gain(kind, opening, mids[0][1], mids[-1][1])


def test_the_worked_example():
    fill = FillRow(5, 1, Decimal(2), Decimal(99), Decimal(100), Decimal("0.10"))
    mids = [(0, Decimal(100)), (12, Decimal("99.5")), (30, Decimal(101))]
    parts = split_pnl("linear", [fill], mids, 10, Decimal(1), [Decimal("-0.05")])
    assert parts == Parts(Decimal(2), Decimal(-1), Decimal(4), Decimal("0.10"), Decimal("-0.05"))
    assert parts.total == Decimal("4.85")


def test_signs_of_a_sale_a_rebate_and_an_inverse_contract():
    sale = FillRow(1, -1, Decimal(100), Decimal(50_000), Decimal(40_000), Decimal("-0.0001"))
    parts = split_pnl("inverse", [sale], [(0, Decimal(40_000)), (9, Decimal(50_000))], 10)
    assert parts.spread == Decimal("0.0005")  # sold above the mid
    assert parts.adverse_selection == Decimal("-0.0005")  # which then rose to the price
    assert parts.inventory == 0
    assert parts.total == Decimal("0.0001")


def test_the_mid_of_the_horizon_is_the_last_one_known():
    mids = [(0, Decimal(1)), (5, Decimal(2)), (5, Decimal(3)), (9, Decimal(4))]
    assert [mid_at(mids, time_ns) for time_ns in (-1, 0, 4, 5, 8, 9, 99)] == [1, 1, 1, 3, 3, 4, 4]


@pytest.mark.parametrize("mids", [[], [(2, Decimal(1)), (1, Decimal(1))]])
def test_a_path_that_is_empty_or_runs_backwards_is_refused(mids):
    with pytest.raises(ValueError, match="mids: the path is empty or runs backwards"):
        split_pnl("linear", [], mids, 1)


def test_a_negative_horizon_is_refused():
    with pytest.raises(ValueError, match="horizon_ns = -1: must be >= 0"):
        split_pnl("linear", [], [(0, Decimal(1))], -1)


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_price_that_is_no_price_is_refused(kind, price):
    with pytest.raises(ValueError, match=r"price = .*: must be a positive number"):
        value(kind, Decimal(price))


def test_the_callers_decimal_context_changes_nothing():
    fill = FillRow(1, 1, Decimal("1.234567"), Decimal("61234.5"), Decimal("61234.55"))
    mids = [(0, Decimal("61234.55")), (9, Decimal("61200.05"))]
    before = split_pnl("inverse", [fill], mids, 2)
    with localcontext() as context:
        context.prec = 5
        assert split_pnl("inverse", [fill], mids, 2) == before
        assert split_pnl("inverse", [fill], mids, 2).total == before.total


def test_what_would_round_raises():
    with pytest.raises(Inexact):
        EXACT.add(Decimal("1e60"), Decimal("1e-60"))


def test_parts_of_several_instruments_add_up():
    one = Parts(*map(Decimal, (1, 2, 3, 4, 5)))
    assert add_parts([one, one]) == Parts(*map(Decimal, (2, 4, 6, 8, 10)))
    assert add_parts([one, one]).total == 2 * one.total
    assert add_parts([]) == Parts()


def test_equity_change_is_wallet_and_unrealized_of_both_ends():
    change = equity_change(Decimal(1_000), Decimal(3), Decimal("999.85"), Decimal(8))
    assert change == Decimal("4.85")


@given(st.integers(0, 50), st.integers(-100, 100))
def test_the_identity_allows_the_venues_rounding_and_no_more(bookings, units):
    parts = Parts(spread=Decimal(7) + Decimal(units).scaleb(-8))
    if abs(units) <= bookings:
        assert check_identity(parts, Decimal(7), bookings) == Decimal(units).scaleb(-8)
    else:
        with pytest.raises(IdentityError, match=f"{bookings} bookings allow"):
            check_identity(parts, Decimal(7), bookings)


@given(st.lists(fill_rows, min_size=1, max_size=8), paths)
def test_one_altered_fee_breaks_the_identity(fills, mids):
    parts = split_pnl("linear", fills, mids, 10)
    equity = parts.total
    altered = [fills[0]._replace(fee=fills[0].fee + Decimal("0.0001")), *fills[1:]]
    with pytest.raises(IdentityError, match="only one side has"):
        check_identity(split_pnl("linear", altered, mids, 10), equity, bookings=2 * len(fills) + 2)
