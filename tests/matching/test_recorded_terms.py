"""What a venue's own words change in a replayed market: when funding is settled, the tick; and what an account held."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.matching.builders import (
    SECOND,
    START,
    SYMBOL,
    delta,
    instrument,
    mark_price,
    replayed,
    request,
    snapshot,
    trade,
)
from titan.matching.exchange import Exchange
from titan.matching.terms import AccountTerms, Holding
from titan.matching.types import Refusal
from titan.model.orders import BUY, SELL, Lifetime

HOUR = 3600 * SECOND
DUE = START + 60 * SECOND
LONG = Holding(SYMBOL, 50, Decimal(3_000))


def holder() -> Exchange:
    """An account that is long 0.05 BTC at 60,000, in a market with a book and a recorded mark."""
    ex = replayed("somebody")
    ex.open_account("a", AccountTerms(balances=(("USDT", Decimal(1_000)),), holdings=(LONG,)))
    ex.apply_market(snapshot(10, {599_990: 5}, {600_010: 5}))
    ex.apply_market(mark_price("60000"))
    ex.drain()
    return ex


def paid(ex: Exchange) -> list[tuple[Decimal, int]]:
    return [(each.amount, each.time_ns) for each in ex.income("a") if each.kind == "funding_fee"]


def test_an_account_begins_with_what_it_held_and_its_cost():
    ex = holder()
    (held,) = ex.positions("a")
    assert (held.lots, held.entry, held.basis) == (50, Decimal(60_000), Decimal(3_000))
    ex.apply_market(mark_price("60100", START + 1))
    assert ex.positions("a")[0].unrealized == Decimal(5)
    assert ex.balances("a")[0].margin == Decimal(1_005)
    sold = ex.place("a", request(SELL, 599_990, 5, Lifetime.IOC, reduce_only=True))
    assert sold.filled == 5
    (execution,) = ex.trades("a")
    assert execution.realized == Decimal("-0.005")  # sold 1 below cost, 0.005 BTC
    with pytest.raises(Refusal):
        ex.place("a", request(BUY, 599_990, 5, reduce_only=True))


def test_funding_is_settled_when_the_venue_says_so():
    ex = holder()
    assert ex.mark(SYMBOL).next_funding_ns == DUE
    ex.advance(DUE - 1)
    assert paid(ex) == []
    ex.advance(DUE + SECOND)
    assert paid(ex) == [(Decimal("-0.6"), DUE)]
    # Until the venue names the next one, the interval does.
    assert ex.mark(SYMBOL).next_funding_ns % (8 * HOUR) == 0
    # A late word of the settlement that is over settles nothing again.
    ex.apply_market(mark_price("60000", DUE + 2 * SECOND, DUE))
    ex.apply_market(mark_price("60000", DUE + 3 * SECOND, DUE + HOUR))
    ex.advance(DUE + HOUR)
    assert [at_ns for _, at_ns in paid(ex)] == [DUE, DUE + HOUR]


def test_funding_is_settled_though_the_venues_clock_is_ahead_of_ours():
    ex = holder()
    ex.apply_market(mark_price("60200", DUE - SECOND, DUE + HOUR))
    assert paid(ex) == [(Decimal("-0.6"), DUE - SECOND)]  # by the mark and rate of before
    ex.advance(DUE + SECOND)
    assert len(paid(ex)) == 1


def test_a_longer_interval_settles_nothing_by_itself():
    ex = holder()
    ex.apply_market(mark_price("60000", START, DUE + HOUR))
    ex.apply_market(mark_price("60000", START + SECOND, DUE + 9 * HOUR))
    assert paid(ex) == []


def test_another_tick_makes_the_recorded_book_useless_until_a_snapshot():
    ex = holder()
    ex.apply_market(delta(11, {599_980: 7}))
    ex.regrid(SYMBOL, Decimal("0.2"))
    assert not ex.synchronised(SYMBOL)
    assert ex.depth(SYMBOL).bids == ex.depth(SYMBOL).asks == ()
    assert ex.positions("a")[0].unrealized == 0
    order = ex.place("a", request(BUY, 299_995, 3))
    ex.apply_market(delta(12, {299_990: 7}))
    ex.apply_market(trade(299_994, 9, SELL))
    assert ex.order("a", SYMBOL, order_id=order.order_id).filled == 0
    ex.apply_market(snapshot(12, {299_995: 4}, {300_005: 5}))
    assert ex.synchronised(SYMBOL)
    assert ex.instruments()[SYMBOL] == instrument(tick_size=Decimal("0.2"))
    ex.apply_market(trade(299_995, 9, SELL))
    assert ex.order("a", SYMBOL, order_id=order.order_id).filled == 3
