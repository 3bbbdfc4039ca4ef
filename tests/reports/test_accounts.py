"""The parts and their proof, on sessions whose venue keeps its own books."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reports.tape import Tape, inverse, linear
from titan.evaluation.pnl import Parts
from titan.model import events as e
from titan.reports.accounts import CARRIED
from titan.reports.daily import open_report
from titan.reports.errors import ReportError
from titan.reports.session_tables import SessionResult, read_session, verdict_of

BTC = linear("BTCUSDT", "BTC")
ETH = linear("ETHUSDT", "ETH", lot="0.01")
COIN = inverse()


def parts_of(result: SessionResult, symbol: str, strategy: str, asset: str = "USDT") -> Parts:
    found = [
        ln.parts for ln in result.lines if (ln.key.symbol, ln.strategy, ln.asset) == (symbol, strategy, asset)
    ]
    assert len(found) == 1
    return found[0]


def test_every_part_by_hand(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)  # mid 100.0
    tape.open()
    tape.fill(BTC, 1, 999, 1000, fee="0.02")  # buys 1 at 99.9: spread 0.1
    tape.wait(2)
    tape.book(BTC, 1002, 1004)  # 100.3 within the horizon of 5 s: adverse selection +0.3
    tape.wait(10)
    tape.book(BTC, 1009, 1011)  # 101.0 after it: inventory +0.7
    tape.income(BTC, "-0.05")
    result = read_session(tape.end())
    assert parts_of(result, "BTCUSDT", "maker") == Parts(
        Decimal("0.1"), Decimal("0.3"), Decimal("0.7"), Decimal("0.02"), Decimal("-0.05")
    )
    (proof,) = result.proofs
    assert (proof.verdict, proof.equity, proof.difference) == ("equal", Decimal("1.03"), 0)
    assert result.total.parts.total == Decimal("1.03")


def test_an_opening_position_belongs_to_the_only_strategy(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.fill(BTC, 1, 990, 500)
    tape.open()
    tape.wait(1)
    tape.book(BTC, 1019, 1021)
    result = read_session(tape.end())
    assert result.recording.before_opening == 1
    assert parts_of(result, "BTCUSDT", "maker") == Parts(inventory=Decimal(1))
    assert result.proofs[0].verdict == "equal"


def test_several_strategies_symbols_and_a_manual_trade(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC, ETH, strategies=("one", "two"))
    tape.book(BTC, 999, 1001)
    tape.book(ETH, 499, 501)
    tape.fill(BTC, 1, 1000, 300)
    tape.open()
    tape.fill(BTC, 1, 999, 200, strategy="one")
    tape.fill(BTC, -1, 1001, 100, strategy="two")
    tape.fill(ETH, -1, 502, 40, client_id="web_by_hand", maker=False)
    tape.wait(7)
    tape.book(ETH, 489, 491)
    tape.income(BTC, "0.40000001")
    result = read_session(tape.end())
    assert {(line.key.symbol, line.strategy) for line in result.lines} == {
        ("BTCUSDT", CARRIED), ("BTCUSDT", "one"), ("BTCUSDT", "two"), ("ETHUSDT", "manual")
    }  # fmt: skip
    # 0.4 in all are held: 0.3 carried in, 0.2 and -0.1; funding follows what is held.
    assert parts_of(result, "BTCUSDT", "one").funding == Decimal("0.20000000")
    assert parts_of(result, "BTCUSDT", "two").funding == Decimal("-0.10000000")
    assert parts_of(result, "BTCUSDT", CARRIED).funding == Decimal("0.30000001")
    assert result.proofs[0].verdict == "equal"


def test_inverse_contracts_are_proven_in_coin_and_reported_at_the_closing_mid(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC, COIN)
    tape.book(BTC, 499_990, 500_010)
    tape.book(COIN, 500_000, 500_010)
    tape.open()
    tape.fill(COIN, 1, 500_000, 30, fee="0.00000600")
    tape.wait(9)
    tape.book(COIN, 510_000, 510_010)
    tape.book(BTC, 509_990, 510_010)
    result = read_session(tape.end())
    proof = next(proof for proof in result.proofs if proof.asset == "BTC")
    assert proof.verdict == "equal"
    expected = parts_of(result, "BTCUSD_PERP", "maker", "BTC").total * 51_000
    assert float(result.total.parts.total) == pytest.approx(float(expected), rel=1e-12)
    assert result.total.missing == ()


def test_a_fee_in_another_asset_is_converted_or_listed(tmp_path: Path) -> None:
    bnb = linear("BNBUSDT", "BNB")
    tape = Tape(tmp_path, BTC, bnb)
    tape.book(BTC, 999, 1001)
    tape.book(bnb, 5999, 6001)
    tape.open()
    tape.fill(BTC, 1, 999, 100, fee="0.0005", fee_asset="BNB")
    tape.fill(BTC, -1, 1001, 100, fee="3", fee_asset="XYZ")
    result = read_session(tape.end())
    assert {proof.asset: proof.verdict for proof in result.proofs} == {
        "BNB": "equal",
        "USDT": "equal",
        "XYZ": "equal",
    }
    assert result.total.parts.fees == Decimal("0.0005") * 600
    assert result.total.missing == ("-3 XYZ",)
    report = open_report(tmp_path)
    assert "Not counted, for want of a price: -3 XYZ." in report.headline().text


def test_transfers_are_no_profit(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.wallets["desk"]["USDT"] = Decimal(1000)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.income(BTC, "-250", kind="transfer")
    result = read_session(tape.end())
    (proof,) = result.proofs
    assert (proof.verdict, proof.transfers, proof.equity) == ("equal", Decimal(-250), 0)


def test_two_venues_are_proven_apart(tmp_path: Path) -> None:
    other = linear("BTCUSDT", "BTC", venue="other")
    tape = Tape(tmp_path, BTC, other)
    for terms in (BTC, other):
        tape.book(terms, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 999, 100)
    tape.fill(other, -1, 1001, 100)
    tape.wallets["other"]["USDT"] += 1  # nobody knows why
    result = read_session(tape.end())
    assert {proof.venue: proof.verdict for proof in result.proofs} == {"desk": "equal", "other": "differs"}
    assert verdict_of(result) == "differs"


def test_an_execution_that_is_told_twice_counts_once(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    fill = tape.fill(BTC, 1, 999, 100)
    income = tape.income(BTC, "0.01")
    tape.put(e.FillsQueried(time_ns=tape.now_ns, venue="desk", symbol="BTCUSDT", since_ns=0, fills=(fill,)))
    tape.put(income)
    result = read_session(tape.end())
    assert len(result.recording.executions) == len(result.recording.bookings) == 1
    assert result.proofs[0].verdict == "equal"


def test_executions_after_the_closing_account_are_told_and_not_counted(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.account("desk", "end")
    tape.fill(BTC, 1, 999, 100)
    tape.income(BTC, "1")
    result = read_session(tape.kill())
    assert (result.recording.after_closing, result.lines, result.proofs) == (1, [], [])


def test_a_second_start_begins_anew(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 999, 100)
    tape.income(BTC, "1")
    tape.open()
    tape.fill(BTC, -1, 1001, 100)
    result = read_session(tape.end())
    assert (len(result.recording.executions), result.recording.before_opening) == (1, 1)
    assert result.proofs[0].verdict == "equal"


def test_a_killed_session_is_reported_and_not_claimed(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 999, 100)
    tape.wait(1)
    tape.book(BTC, 1009, 1011)
    result = read_session(tape.kill())
    (proof,) = result.proofs
    assert (proof.verdict, proof.equity, proof.total) == (
        "not checkable",
        None,
        Decimal("0.1") * Decimal("1.1") - Decimal("0.01"),
    )
    report = open_report(tmp_path)
    assert "not checkable: the session was killed" in report.headline().text
    assert report.check() == "0 of 1 sessions proven; none differs"


def test_a_position_that_the_executions_do_not_explain_fails(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 1000, 100, fee="0")
    tape.positions[BTC.key].execute(1, 50, tape.marks[BTC.key], 0)
    result = read_session(tape.end())
    assert result.differing == [
        "desk:BTCUSDT: the venue states a position of 0.150, the recorded executions give 0.100"
    ]
    assert result.failed


def test_a_changed_lot_keeps_quantities(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 999, 100)
    finer = linear("BTCUSDT", "BTC", lot="0.0001")
    tape.put(e.InstrumentUpdate(time_ns=tape.now_ns, instrument=finer))
    held = tape.positions[BTC.key]
    held.instrument, held.lots = finer, held.lots * 10
    tape.book(finer, 1009, 1011)
    tape.fill(finer, -1, 1011, 400)
    result = read_session(tape.end())
    assert result.recording.markets[BTC.key].quantity == Decimal("0.06")
    assert (result.differing, result.proofs[0].verdict) == ([], "equal")


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda tape: tape.fill(ETH, 1, 500, 1), "has no mid before it"),
        (
            lambda tape: tape.income(BTC, "1", asset="BNB"),
            "funding of 1 BNB, but the contract settles in USDT",
        ),
    ],
)
def test_what_cannot_be_split_is_refused_in_one_line(tmp_path: Path, break_it, message: str) -> None:
    tape = Tape(tmp_path, BTC, ETH)
    tape.book(BTC, 999, 1001)
    tape.open()
    break_it(tape)
    with pytest.raises(ReportError, match=message) as caught:
        read_session(tape.kill())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("held", [False, True])
def test_an_account_opened_before_any_mid_is_refused_where_it_matters(tmp_path: Path, held: bool) -> None:
    tape = Tape(tmp_path, BTC)
    tape.marks[BTC.key] = Decimal(100)
    if held:
        tape.fill(BTC, 1, 999, 1)
    tape.open()
    tape.book(BTC, 999, 1001)
    tape.fill(BTC, 1, 999, 1)
    directory = tape.end()
    if held:
        with pytest.raises(ReportError, match="but there was no mid then"):
            read_session(directory)
    else:
        assert read_session(directory).proofs[0].verdict == "equal"


moves = st.lists(
    st.tuples(
        st.integers(-40, 40),  # the mid moves, ticks
        st.sampled_from([-1, 1]),
        st.integers(1, 50),  # lots
        st.integers(-5, 5),  # price against the mid, ticks
        st.sampled_from(["0.01", "-0.00300001", "0"]),
        st.floats(0.0, 9.0),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(moves=moves, held=st.integers(-60, 60), coin=st.booleans())
def test_the_parts_are_the_venues_equity_change_for_any_session(moves, held: int, coin: bool) -> None:
    with TemporaryDirectory() as folder:
        terms = COIN if coin else BTC
        tape = Tape(Path(folder), terms)
        middle = 20_000
        tape.book(terms, middle - 1, middle + 1)
        if held:
            tape.fill(terms, 1 if held > 0 else -1, middle + 7, abs(held))
        tape.open()
        for move, side, lots, away, fee, seconds in moves:
            tape.wait(seconds)
            middle += move
            tape.book(terms, middle - 1, middle + 1)
            tape.fill(terms, side, middle + away, lots, fee=fee)
        if moves:
            tape.income(terms, "-0.00123456")
        result = read_session(tape.end())
        assert result.differing == []
        assert all(proof.verdict == "equal" for proof in result.proofs)
