"""The ledger: positions and money add up over strategies, instruments and venues, and nothing is guessed."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.scripted_venue import instrument
from titan.engine.ledger import Ledger
from titan.evaluation.pnl import Parts
from titan.model.events import AccountSnapshot, Balance, Fill, Income, Position

D = Decimal
BTC = instrument(lot_size=D(1), tick_size=D(1))
ETH = instrument("ETHUSDT", lot_size=D(1), tick_size=D(1))
OTHER = instrument(venue="w", lot_size=D(1), tick_size=D(1))
INVERSE = instrument(
    "BTCUSD", quote="USD", settle="BTC", kind="inverse", multiplier=D(100), lot_size=D(1), tick_size=D(1)
)


def opened(*terms, mid=100):
    ledger = Ledger(5)
    for each in terms or (BTC,):
        ledger.learn(each)
    for venue in dict.fromkeys(each.venue for each in terms or (BTC,)):
        ledger.open_session(venue, {t.key: D(mid) for t in terms or (BTC,) if t.venue == venue}, 0, 0)
    return ledger


def a_fill(number, side, size, price=100, *, terms=BTC, fee="0", fee_asset="USDT", realized="0"):
    return Fill(
        time_ns=1, venue=terms.venue, symbol=terms.symbol, client_id="", venue_id="1", trade_id=str(number), side=side,
        price=price, size=size, maker=True, fee=D(fee), fee_asset=fee_asset, realized=D(realized), source="stream",
    )  # fmt: skip


def income(number, amount, kind="funding", terms=BTC, asset="USDT", venue_ns=1):
    return Income(
        time_ns=1,
        venue_ns=venue_ns,
        venue=terms.venue,
        symbol=terms.symbol,
        kind=kind,
        asset=asset,
        amount=D(amount),
        income_id=str(number),
    )


def rates(**known):
    return lambda asset: D(1) if asset == "USDT" else known.get(asset)


DOLLAR = rates()

sides = st.sampled_from([1, -1])
happenings = st.lists(
    st.one_of(
        st.tuples(
            st.just("fill"), st.sampled_from(["a", "b"]), sides, st.integers(1, 9), st.integers(90, 110)
        ),
        st.tuples(st.just("mid"), st.integers(90, 110)),
        st.tuples(st.just("funding"), st.integers(-9, 9)),
    ),
    max_size=25,
)


@given(happenings, st.sampled_from([BTC, INVERSE]))
def test_the_parts_add_up_to_the_change_in_equity(told, terms):
    ledger, settle = opened(terms), terms.settle
    lots, cash, fees, funding, now, mid, bookings = 0, D(0), D(0), D(0), 0, D(100), 2

    def worth(price):
        return D(price) if terms.kind == "linear" else D(-1) / D(price)

    for number, (kind, *rest) in enumerate(told):
        now += 2
        if kind == "fill":
            strategy, side, size, price = rest
            ledger.book_fill(
                strategy, a_fill(number, side, size, price, terms=terms, fee="0.01", fee_asset=settle), now
            )
            lots += side * size
            cash -= side * size * terms.multiplier * worth(price)
            fees += D("0.01")
            bookings += 2
        elif kind == "mid":
            mid = D(rest[0])
            ledger.note_mid(terms.key, now, mid)
        else:
            ledger.book_income(income(number, rest[0], terms=terms, asset=settle))
            funding += rest[0]
            bookings += 1
    assert ledger.lots(terms.key) == lots == sum(ledger.strategy_lots(terms.key, s) for s in ("a", "b"))
    ledger.close_session({terms.key: mid})
    parts = ledger.parts(lambda asset: D(1))
    transfers = ledger._transfers.get(settle, D(0))  # funding while nothing was held
    equity = cash + lots * terms.multiplier * worth(mid) - fees + funding - transfers
    assert abs(parts.total - equity) <= bookings * D("1e-8")
    assert parts.fees == fees
    assert ledger.wallet_changes(terms.venue).get(settle, D(0)) == funding - fees


def test_an_execution_in_a_tick_of_its_own_is_booked_at_its_price():
    """Read again after the tick changed: its count of ticks means what it meant when it was made."""
    ledgers = opened(), opened()
    ledgers[0].book_fill("s", a_fill(1, 1, 2, 103), 1)
    ledgers[1].book_fill("s", msgspec.structs.replace(a_fill(1, 1, 2, 1030), tick_size=D("0.1")), 1)
    assert ledgers[0].parts(DOLLAR) == ledgers[1].parts(DOLLAR)
    assert ledgers[0].parts(DOLLAR).spread == D(-6)


def test_venues_and_strategies_add_up():
    ledger = opened(BTC, ETH, OTHER)
    ledger.book_fill("a", a_fill(1, 1, 5), 1)
    ledger.book_fill("b", a_fill(2, -1, 2), 1)
    ledger.book_fill("a", a_fill(3, 1, 7, terms=OTHER), 1)
    assert (ledger.lots(BTC.key), ledger.lots(OTHER.key), ledger.lots(ETH.key)) == (3, 7, 0)
    assert ledger.strategy_lots(ETH.key, "a") == 0
    ledger.note_mid(BTC.key, 2, D(101))
    ledger.note_mid(OTHER.key, 2, D(102))
    assert ledger.parts(DOLLAR) == Parts(adverse_selection=D(3 + 14))


def test_a_settle_currency_is_converted_or_nothing_is_said():
    ledger = opened(INVERSE)
    ledger.book_fill("a", a_fill(1, 1, 5, terms=INVERSE, fee="0.001", fee_asset="BTC"), 1)
    assert ledger.parts(DOLLAR) is None
    assert ledger.unpriced(DOLLAR) == ("BTC",)
    assert ledger.parts(rates(BTC=D(50_000))).fees == 50
    assert ledger.unpriced(rates(BTC=D(50_000))) == ()


def test_a_fee_in_a_third_asset_is_listed_and_never_guessed():
    ledger = opened()
    ledger.book_fill("a", a_fill(1, 1, 5, fee="0.02", fee_asset="BNB"), 1)
    assert ledger.parts(DOLLAR) is None
    assert ledger.unpriced(DOLLAR) == ("BNB",)
    assert ledger.parts(rates(BNB=D(600))) == Parts(fees=D(12))
    assert ledger.wallet_changes("v")["BNB"] == D("-0.02")


def test_without_bookings_there_is_no_profit():
    assert opened().parts(DOLLAR) == Parts()
    assert Ledger(5).parts(DOLLAR) == Parts()
    assert Ledger(5).wallet_changes("v") == {}


# ---- Funding ---------------------------------------------------------------------------------------------


def test_funding_is_split_by_what_is_held_and_loses_nothing():
    ledger = opened()
    for number, (strategy, side, size) in enumerate(
        [("a", 1, 1), ("b", 1, 1), ("c", 1, 1), ("d", 1, 4), ("d", -1, 4)]
    ):
        ledger.book_fill(strategy, a_fill(number, side, size), 1)
    assert ledger.book_income(income(1, "-0.1"))
    assert not ledger.book_income(income(1, "-0.1"))
    shares = {key[1]: book.running.parts.funding for key, book in ledger._books.items()}
    assert shares == {"a": D("-0.03333334"), "b": D("-0.03333333"), "c": D("-0.03333333"), "d": 0}
    assert ledger.parts(DOLLAR).funding == D("-0.1")


def test_funding_while_nothing_is_held_is_no_result():
    ledger = opened()
    ledger.book_income(income(1, "5"))
    ledger.book_income(income(2, "3", kind="transfer"))
    assert ledger.parts(DOLLAR) == Parts()
    assert ledger.wallet_changes("v") == {"USDT": 8}
    before, after = account(100), account(108)
    ledger.close_session({BTC.key: D(100)})
    assert ledger.equity_change([(before, after)], DOLLAR) == 0


def test_incomes_before_the_opening_belong_to_the_opening_wallet():
    ledger = Ledger(5)
    ledger.learn(BTC)
    ledger.book_income(income(1, "5"))
    ledger.open_session("v", {BTC.key: D(100)}, 0, 0)
    ledger.close_session({BTC.key: D(100)})
    assert ledger.equity_change([(account(100), account(100))], DOLLAR) == 0
    assert ledger.wallet_changes("v") == {}
    assert not ledger.book_income(income(1, "5"))


def test_an_income_from_before_the_opening_that_is_told_afterwards_is_in_the_opening_wallet():
    """Funding settled while the opening account was still being asked for; its record was read only later."""
    ledger = Ledger(5)
    ledger.learn(BTC)
    ledger.open_session("v", {BTC.key: D(100)}, 9, 7)
    assert ledger.book_income(income(1, "5", venue_ns=7))
    assert ledger.wallet_changes("v") == {}
    assert ledger.book_income(income(2, "3", venue_ns=8))
    assert ledger.wallet_changes("v") == {"USDT": 3}
    again = Ledger(5)
    again.restore(ledger.snapshot())
    assert again.snapshot() == ledger.snapshot()


def test_old_incomes_are_forgotten_first(monkeypatch):
    monkeypatch.setattr("titan.engine.ledger.KEEP_INCOMES", 2)
    ledger = opened()
    assert [ledger.book_income(income(n, "1")) for n in (1, 2, 3, 3, 1)] == [True, True, True, False, True]


# ---- Equity ----------------------------------------------------------------------------------------------


def account(wallet, *positions, **others):
    balances = (Balance("USDT", D(wallet)), *(Balance(asset, D(held)) for asset, held in others.items()))
    return AccountSnapshot(time_ns=1, venue="v", purpose="", balances=balances, positions=positions)


def test_equity_is_marked_at_our_own_mids_at_both_ends():
    ledger = opened()
    ledger.book_fill("a", a_fill(1, 1, 2, 99), 1)
    ledger.note_mid(BTC.key, 2, D(104))
    ledger.close_session({BTC.key: D(104)})
    ledger.note_mid(BTC.key, 3, D(999))  # after the closing nothing moves
    after = account(
        100, Position("BTCUSDT", 2, D(99), D(103), D(8)), Position("XRPUSDT", 1, D(1), D(1), D(500))
    )
    assert ledger.equity_change([(account(100), after)], DOLLAR) == 10
    assert ledger.parts(DOLLAR).total == 10


def test_equity_is_unknown_while_an_end_or_a_price_is_missing():
    ledger = opened()
    assert ledger.equity_change([(account(1), None)], DOLLAR) is None
    assert ledger.equity_change([(None, account(1))], DOLLAR) is None
    assert ledger.equity_change([(account(1, BNB=2), account(1, BNB=1))], DOLLAR) is None
    assert ledger.equity_change([(account(1, BNB=2), account(1, BNB=2))], DOLLAR) == 0
    assert ledger.equity_change([(account(1, BNB=2), account(1, BNB=1))], rates(BNB=D(600))) == -600


# ---- Between sessions ------------------------------------------------------------------------------------


def test_a_position_is_adopted_beyond_what_is_booked():
    ledger = Ledger(5)
    ledger.learn(BTC)
    ledger.book_fill("b", a_fill(1, 1, 2), 1)
    ledger.adopt(BTC.key, "a", 7)
    assert (ledger.lots(BTC.key), ledger.strategy_lots(BTC.key, "a")) == (7, 5)


def test_a_predecessors_positions_go_on_and_its_results_do_not():
    ledger = opened()
    ledger.book_fill("a", a_fill(1, 1, 2, 99, fee="1", fee_asset="BNB"), 1)
    ledger.book_income(income(1, "3"))
    again = Ledger(5)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(ledger.snapshot())))
    assert again.snapshot() == ledger.snapshot()
    assert not again.inherited("v")
    again.begin_session()
    assert (again.inherited("v"), again.inherited("w"), again.lots(BTC.key)) == (True, False, 2)
    assert again.parts(DOLLAR) == Parts()
    assert again.unpriced(DOLLAR) == ()
    again.book_fill("a", a_fill(2, 1, 1, 50), 1)  # read before the opening: no result of this session
    again.open_session("v", {BTC.key: D(200)}, 5, 0)
    again.note_mid(BTC.key, 6, D(201))
    assert (again.lots(BTC.key), again.parts(DOLLAR)) == (3, Parts(inventory=D(3)))


@pytest.mark.parametrize("held", [7, -7])
def test_a_new_lot_re_keys_positions_or_says_what_does_not_fit(held):
    ledger = opened()
    ledger.book_fill("a", a_fill(1, 1 if held > 0 else -1, abs(held)), 1)
    finer = msgspec.structs.replace(BTC, lot_size=D("0.5"))
    assert ledger.rekey(BTC.key, BTC, finer) == ""
    assert ledger.lots(BTC.key) == 2 * held
    coarser = msgspec.structs.replace(BTC, lot_size=D(2))
    assert ledger.rekey(BTC.key, finer, coarser) == f"a holds {D(held):.1f}, the new lot is 2"
    assert ledger.lots(BTC.key) == (3 if held > 0 else -3)


def test_a_new_multiplier_re_keys_too():
    ledger = opened()
    ledger.book_fill("a", a_fill(1, 1, 4), 1)
    assert ledger.rekey(BTC.key, BTC, msgspec.structs.replace(BTC, multiplier=D(2))) == ""
    assert ledger.lots(BTC.key) == 2
