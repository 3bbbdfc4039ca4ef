"""Money in the ledger at its edges: who gets funding, what a wallet begins with, what is converted and restored."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.test_ledger import BTC, DOLLAR, INVERSE, a_fill, account, income, opened, rates
from titan.engine.ledger import Ledger
from titan.model.events import Position

D = Decimal


def restored(ledger):
    again = Ledger(5)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(ledger.snapshot())))
    return again


def funding_of(ledger):
    return {strategy: book.running.parts.funding for (_, strategy), book in ledger._books.items()}


def test_funding_goes_by_what_is_held_whoever_is_long_or_short():
    ledger = opened()
    for number, (strategy, side, size) in enumerate([("a", 1, 1), ("b", 1, 5), ("c", -1, 2)]):
        ledger.book_fill(strategy, a_fill(number, side, size), 1)
    ledger.book_income(income(1, "8"))
    assert funding_of(ledger) == {"a": 2, "b": 10, "c": -4}


def test_who_holds_nothing_takes_not_even_the_rounding():
    ledger = opened()
    ledger.book_fill("flat", a_fill(8, 1, 4), 1)
    ledger.book_fill("flat", a_fill(9, -1, 4), 1)
    for number, strategy in enumerate("abc"):
        ledger.book_fill(strategy, a_fill(number, 1, 1), 1)
    ledger.book_income(income(1, "-0.1"))
    assert funding_of(ledger) == {
        "flat": 0,
        "a": D("-0.03333334"),
        "b": D("-0.03333333"),
        "c": D("-0.03333333"),
    }


def test_funding_of_long_and_short_that_cancel_is_a_transfer():
    ledger = opened()
    ledger.book_fill("a", a_fill(1, 1, 3), 1)
    ledger.book_fill("b", a_fill(2, -1, 3), 1)
    ledger.book_income(income(1, "8"))
    assert (ledger.parts(DOLLAR).funding, ledger.wallet_changes("v")) == (0, {"USDT": 8})


def test_a_session_begins_with_wallets_that_nothing_has_changed():
    ledger = Ledger(5)
    ledger.learn(BTC)
    ledger.book_fill("a", a_fill(1, 1, 2, fee="3"), 1)
    assert ledger.wallet_changes("v") == {"USDT": -3}
    ledger.open_session("v", {BTC.key: D(100)}, 5, 4)
    assert ledger.wallet_changes("v") == {}


def test_what_was_realised_and_charged_moves_the_wallet():
    ledger = opened()
    ledger.book_fill("a", a_fill(1, 1, 2, fee="3", realized="10"), 1)
    ledger.book_fill("a", a_fill(2, 1, 2, fee="-1", realized="-4"), 1)
    assert ledger.wallet_changes("v") == {"USDT": 4}


def test_of_many_incomes_the_newest_are_known(monkeypatch):
    monkeypatch.setattr("titan.engine.ledger.KEEP_INCOMES", 2)
    ledger = opened()
    assert [ledger.book_income(income(n, "1")) for n in (1, 2, 1, 2)] == [True, True, False, False]


def test_lots_are_old_by_strategy():
    ledger = opened()
    ledger.book_fill("a", msgspec.structs.replace(a_fill(1, 1, 2), venue_ns=3), 9)
    ledger.book_fill("a", msgspec.structs.replace(a_fill(2, 1, 4), venue_ns=0), 9)
    assert [ledger.lots_older(BTC.key, "a", before) for before in (3, 4, 9, 10)] == [0, 2, 2, 6]
    assert ledger.lots_older(BTC.key, "b", 10) == 0


def test_a_new_grid_holds_for_what_is_booked_after_it():
    ledger = opened(INVERSE)
    ledger.book_fill("a", a_fill(1, 1, 4, terms=INVERSE), 1)
    finer = msgspec.structs.replace(INVERSE, multiplier=D(10))
    assert ledger.rekey(INVERSE.key, INVERSE, finer) == ""
    assert ledger.lots(INVERSE.key) == 40
    ledger.book_fill("a", a_fill(2, -1, 40, terms=finer), 2)
    ledger.note_mid(INVERSE.key, 3, D(200))
    assert (ledger.lots(INVERSE.key), ledger.parts(lambda asset: D(1)).total) == (0, 0)


def test_an_asset_that_comes_or_goes_changes_the_equity():
    ledger = opened()
    ledger.close_session({BTC.key: D(100)})
    price = rates(BNB=D(600))
    assert ledger.equity_change([(account(1, BNB=2), account(1))], price) == -1200
    assert ledger.equity_change([(account(1), account(1, BNB=2))], price) == 1200


def test_a_transfer_is_taken_off_at_its_price():
    ledger = opened()
    ledger.book_income(income(1, "2", kind="transfer", asset="BNB"))
    ledger.close_session({BTC.key: D(100)})
    assert ledger.equity_change([(account(1), account(1, BNB=2))], rates(BNB=D(600))) == 0


def test_a_position_at_both_ends_is_marked_at_both():
    ledger = opened(mid=100)
    ledger.close_session({BTC.key: D(104)})
    before = account(50, Position("BTCUSDT", 2, D(99), D(101), D(4)))
    after = account(53, Position("BTCUSDT", 2, D(99), D(103), D(8)))
    # 50 + 4 - 2 at the mid of 100, and 53 + 8 + 2 at that of 104
    assert ledger.equity_change([(before, after)], DOLLAR) == 11
    flat = account(53, Position("BTCUSDT", 0, D(0), D(0), D(0)), Position("OTHER", 3, D(1), D(1), D(70)))
    assert ledger.equity_change([(account(50), flat)], DOLLAR) == 3


def test_what_a_predecessor_left_is_left_to_the_one_after_the_next():
    ledger = opened()
    ledger.book_fill("a", a_fill(1, 1, 2), 1)
    second = restored(ledger)
    second.begin_session()
    assert restored(second).inherited("v")
    assert restored(second).lots(BTC.key) == 2


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USDT:USDT"])
def test_a_symbol_may_be_written_as_its_venue_likes(symbol):
    terms = msgspec.structs.replace(BTC, symbol=symbol)
    ledger = opened(terms)
    ledger.book_fill("a", a_fill(1, 1, 2, 99, terms=terms), 1)
    again = restored(ledger)
    again.note_mid(terms.key, 2, D(101))
    assert again.parts(DOLLAR).total == 4


def test_with_the_closing_the_markouts_end():
    ledger = opened()
    ledger.book_fill("a", a_fill(1, 1, 2, 99), 1)
    ledger.close_session({BTC.key: D(100)})
    (book,) = ledger._books.values()
    assert book.running.pending == ()
