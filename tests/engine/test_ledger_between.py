"""Between two sessions: what is booked before the opening is a loss or a gain, and in no session's P&L."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.test_ledger import BTC, DOLLAR, ETH, a_fill, income, opened, rates
from titan.engine.exit_state import Cause, Exit
from titan.engine.ledger import Ledger

D = Decimal


def resumed(held=2, *terms, counted=True):
    """A ledger that a predecessor left with lots of its first instrument, at a mid of 100."""
    first = opened(*(terms or (BTC,)))
    if held:
        first.book_fill("a", a_fill(1, 1 if held > 0 else -1, abs(held), terms=(terms or (BTC,))[0]), 1)
    again = Ledger(5)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(first.snapshot())))
    again.begin_session(counted=counted)
    return again


def earned(ledger, conversion=DOLLAR):
    return ledger.between.total(conversion)


@pytest.mark.parametrize(("held", "mid", "gain"), [(2, 103, 6), (-2, 103, -6), (2, 100, 0), (0, 103, 0)])
def test_what_is_held_moves_from_the_mid_that_was_left_to_the_one_of_the_opening(held, mid, gain):
    ledger = resumed(held)
    ledger.open_session("v", {BTC.key: D(mid)}, 9, 8)
    assert earned(ledger) == gain
    assert ledger.parts(DOLLAR).total == 0


def test_an_execution_told_late_earns_against_the_mid_that_was_left_and_pays_its_fee():
    ledger = resumed(0)
    assert not ledger.book_fill("a", a_fill(2, 1, 3, 98, fee="0.5"), 5)
    assert earned(ledger) == 3 * 2 - D("0.5")
    ledger.open_session("v", {BTC.key: D(101)}, 9, 8)
    assert earned(ledger) == 3 * 2 - D("0.5") + 3 * 1


def test_an_execution_in_a_tick_of_its_own_earns_at_its_price():
    """Made before the tick changed, and read after it."""
    ledgers = resumed(0), resumed(0)
    ledgers[0].book_fill("a", a_fill(2, -1, 3, 103), 5)
    ledgers[1].book_fill("a", msgspec.structs.replace(a_fill(2, -1, 3, 1030), tick_size=D("0.1")), 5)
    assert earned(ledgers[0]) == earned(ledgers[1]) == 9


def test_an_exit_has_cost_the_same_in_whatever_tick_its_execution_is_told():
    exits = [Exit("enough", Cause.OPERATOR, 1, arrival=D(100)) for _ in range(2)]
    exits[0].note_fill(a_fill(2, -1, 3, 98), BTC, ours=True)
    exits[1].note_fill(msgspec.structs.replace(a_fill(2, -1, 3, 980), tick_size=D("0.1")), BTC, ours=True)
    assert exits[0].cost == exits[1].cost == 6


def test_an_instrument_that_the_predecessor_never_saw_earns_nothing_yet():
    ledger = resumed(0)
    ledger.learn(ETH)
    assert not ledger.book_fill("a", a_fill(2, 1, 3, 98, terms=ETH, fee="0.5"), 5)
    assert earned(ledger) == 0
    ledger.open_session("v", {ETH.key: D(50)}, 9, 8)
    assert (earned(ledger), ledger.lots(ETH.key)) == (0, 3)


def test_funding_of_an_inherited_venue_counts_and_a_transfer_does_not():
    ledger = resumed()
    ledger.book_income(income(1, "-3"))
    ledger.book_income(income(2, "50", kind="transfer"))
    assert earned(ledger) == -3
    fresh = Ledger(5)
    fresh.learn(BTC)
    fresh.book_income(income(1, "-3"))
    assert earned(fresh) == 0, "nobody held anything: it is in the opening wallet"


def test_a_predecessor_that_never_opened_leaves_what_was_earned_before_it():
    ledger = resumed()
    ledger.book_income(income(1, "-3"))
    again = Ledger(5)
    again.restore(ledger.snapshot())
    again.begin_session(counted=False)
    assert earned(again) == -3
    again.begin_session()
    assert earned(again) == 0


def test_what_cannot_be_priced_is_unknown():
    ledger = resumed(0)
    ledger.book_fill("a", a_fill(2, 1, 3, 100, fee="0.01", fee_asset="BNB"), 5)
    assert earned(ledger) is None
    assert earned(ledger, rates(BNB=D(600))) == -6
