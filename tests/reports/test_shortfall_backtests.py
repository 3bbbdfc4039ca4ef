"""Recorded shortfalls beside what came after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports.tape import Tape, linear
from tests.reports.test_risk_tables import result as risk_result
from titan.reports.session_tables import read_session
from titan.reports.shortfall_backtests import HELD, MADE, backtest_table, beside

BTC = linear("BTCUSDT", "BTC")


def falling(
    tmp_path: Path, shortfall: float, horizons: int, *, sold: bool = False, tail: float = 0.025
) -> Path:
    """One coin is held while the price falls by 1 each 10 s, or it is sold at once."""
    tape = Tape(tmp_path, BTC)
    price = 10_000
    tape.book(BTC, price - 1, price + 1)
    tape.open()
    tape.fill(BTC, 1, price, 1000, fee="0")
    for at in range(horizons):
        tape.wait(1)
        tape.put(risk_result(tape, shortfall, horizon_s=10.0, tail=tail))
        tape.wait(3)
        tape.put(
            risk_result(tape, shortfall / 100, horizon_s=10.0, tail=tail)
        )  # its horizon overlaps: left out
        if sold and not at:
            tape.fill(BTC, -1, price, 1000, fee="0")
        tape.wait(3)
        price -= 10
        tape.book(BTC, price - 1, price + 1)
        tape.wait(4)
    return tape.end()


def test_losses_beyond_the_shortfall_are_counted_and_refute_it(tmp_path: Path) -> None:
    result = read_session(falling(tmp_path, 0.9, 12))
    found = beside(result)
    assert len(found) == 12
    assert [float(each.held) for each in found[:3]] == [-1.0] * 3
    table = backtest_table([result])
    row = table.loc[HELD]
    assert (row["horizons"], row["beyond the shortfall"], row["worst loss"]) == (12, 12, 1.0)
    assert row["allowed"] < 12
    assert row["verdict"] == "refuted: too low"
    assert row["mean shortfall"] == pytest.approx(0.9)


def test_a_shortfall_that_holds_is_not_refuted(tmp_path: Path) -> None:
    table = backtest_table([read_session(falling(tmp_path, 1.1, 12))])
    assert list(table["verdict"]) == ["not refuted"] * 2
    assert list(table["beyond the shortfall"]) == [0, 0]


def test_what_was_held_loses_though_it_was_sold_in_time(tmp_path: Path) -> None:
    first = beside(read_session(falling(tmp_path, 0.9, 12, sold=True)))[0]
    assert (float(first.held), float(first.made)) == (-1.0, 0.0)
    table = backtest_table([read_session(next(tmp_path.iterdir()))])
    assert table.loc[MADE, "beyond the shortfall"] == 0
    assert table.loc[HELD, "beyond the shortfall"] == 1


def test_few_horizons_refute_nothing_and_none_is_no_row(tmp_path: Path) -> None:
    one = read_session(falling(tmp_path / "one", 0.9, 1, tail=0.2))
    assert set(backtest_table([one])["verdict"]) == {"too few horizons to refute anything"}
    assert backtest_table([]).empty
    tape = Tape(tmp_path, BTC)
    tape.put(risk_result(tape, 1.0, horizon_s=10.0))
    assert beside(read_session(tape.kill())) == []
