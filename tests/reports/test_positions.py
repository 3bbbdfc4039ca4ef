"""Where a day ended: the range over all its sessions, and what is known after a kill."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pytest

from tests.reports.tape import START_NS, Tape, linear
from titan.model import commands as c
from titan.reports import screen
from titan.reports.daily import DailyReport, open_report
from titan.reports.positions import position_table
from titan.reports.session_tables import read_session

BTC, ETH = linear("BTCUSDT", "BTC"), linear("ETHUSDT", "ETH")
HOUR_NS = 3_600 * 10**9


def begun(journals: Path, number: int = 1, *, hold: int = 0, terms: tuple = (BTC,)) -> Tape:
    """The session of an hour of the day, its account read; `hold` lots of the first instrument bought before it."""
    tape = Tape(journals, *terms, start_ns=START_NS + number * HOUR_NS, number=number)
    for each in terms:
        tape.book(each, 999, 1001)
    if hold:
        tape.positions[terms[0].key].execute(1, hold, terms[0].price(1000), tape.now_ns)
    tape.open()
    return tape


def day(journals: Path) -> DailyReport:
    return open_report(journals, day=date(2024, 1, 1))


def sentence(report: DailyReport) -> str:
    return report.headline().text.splitlines()[0]


def position_line(report: DailyReport) -> str:
    return report.facts().text.splitlines()[0]


def test_the_range_is_that_of_the_whole_day_and_the_end_that_of_its_last_session(tmp_path: Path) -> None:
    first = begun(tmp_path, 1)
    first.fill(BTC, -1, 1001, 3000)
    first.fill(BTC, 1, 999, 5000)
    first.end()
    second = begun(tmp_path, 2, hold=2000)
    second.fill(BTC, -1, 1001, 1000)
    second.end()
    report = day(tmp_path)
    assert (
        position_line(report) == "Position: desk:BTCUSDT: +1 at the end (-3 to +2); in units of the contract"
    )
    assert sentence(report).endswith("in 3 executions; it ended holding +1 desk:BTCUSDT.")


def test_an_instrument_that_the_last_session_did_not_trade_keeps_its_end(tmp_path: Path) -> None:
    first = begun(tmp_path, 1, terms=(ETH,))
    first.fill(ETH, 1, 999, 1000)
    first.end()
    begun(tmp_path, 2).end()
    report = day(tmp_path)
    assert "desk:ETHUSDT: +1 at the end (+0 to +1); desk:BTCUSDT: +0 at the end" in position_line(report)
    assert sentence(report).endswith("; it ended holding +1 desk:ETHUSDT.")


def test_a_killed_session_is_last_known_with_its_open_orders_and_never_flat(tmp_path: Path) -> None:
    begun(tmp_path, 1).end()
    killed = begun(tmp_path, 2)
    killed.place(BTC, 1, 999, 100)
    killed.place(BTC, -1, 1001, 100)
    gone = killed.place(BTC, -1, 1002, 100)
    killed.update(BTC, gone, -1, 1002, 100, "cancelled")
    killed.kill()
    report = day(tmp_path)
    assert "ended flat" not in sentence(report)
    assert sentence(report).endswith(
        "; last known flat in desk:BTCUSDT (killed or still running, 2 orders still open then)."
    )
    assert (
        "desk:BTCUSDT: last known +0 (+0 to +0): killed or still running, 2 orders still open then"
        in position_line(report)
    )
    table = position_table(report.results)
    assert list(table["orders still open"]) == [0, 2]
    assert list(table["end known"]) == ["closing account", "last known: killed or still running"]


def test_a_kill_that_was_taken_up_by_a_later_session_is_over(tmp_path: Path) -> None:
    killed = begun(tmp_path, 1)
    killed.place(BTC, 1, 999, 100)
    killed.kill()
    begun(tmp_path, 2).end()
    assert sentence(day(tmp_path)).endswith("; it ended flat.")


def test_one_instrument_known_and_one_last_known(tmp_path: Path) -> None:
    begun(tmp_path, 1, terms=(ETH,)).end()
    killed = begun(tmp_path, 2)
    killed.fill(BTC, 1, 999, 1000)
    killed.place(BTC, 1, 999, 100)
    killed.kill()
    assert sentence(day(tmp_path)).endswith(
        "; it ended flat in desk:ETHUSDT; last known +1 desk:BTCUSDT (killed or still running, "
        "1 order still open then)."
    )


def test_a_last_session_that_never_read_its_account_knows_nothing(tmp_path: Path) -> None:
    first = begun(tmp_path, 1)
    first.fill(BTC, 1, 999, 1000)
    first.end()
    Tape(tmp_path, BTC, start_ns=START_NS + 2 * HOUR_NS, number=2).kill()
    report = day(tmp_path)
    assert "last known +1 desk:BTCUSDT (a later session never read the account, no" in sentence(report)
    table = position_table(report.results)
    assert table["at the end"].iloc[0] == 1
    assert math.isnan(table["at the end"].iloc[1])


def test_an_account_that_was_never_read(tmp_path: Path) -> None:
    Tape(tmp_path, BTC).kill()
    report = open_report(tmp_path)
    assert sentence(report).endswith("; position of desk:BTCUSDT never read.")
    assert position_line(report).startswith("Position: desk:BTCUSDT: never read;")


def test_a_last_session_that_cannot_be_read_leaves_the_end_unknown(tmp_path: Path) -> None:
    begun(tmp_path, 1).end()
    directory = begun(tmp_path, 2).end()
    (directory / "journal-000001.tj").write_bytes(b"TITAN")
    report = day(tmp_path)
    assert (
        f"last known flat in desk:BTCUSDT ({directory.name} after it cannot be read, no order still open then)"
        in sentence(report)
    )


@pytest.mark.parametrize("closed", [True, False])
def test_an_end_with_an_order_left_open(tmp_path: Path, closed: bool) -> None:
    tape = begun(tmp_path)
    left = tape.place(BTC, 1, 999, 100)
    if closed:
        tape.account("desk", "end")
    tape.tick(c.EndSession(exit_code=6, reason="gave up", left_open=(left,)))
    result = read_session(tape.kill())
    expected = (
        "it ended flat, 1 order not proven ended."
        if closed
        else "last known flat in desk:BTCUSDT (ended without a closing account, 1 order still open then)."
    )
    assert screen.headline([result], "It").text.splitlines()[0].endswith(f"; {expected}")


def test_executions_after_the_closing_account_make_it_last_known(tmp_path: Path) -> None:
    tape = begun(tmp_path)
    tape.account("desk", "end")
    tape.fill(BTC, 1, 999, 1000)
    tape.tick(c.EndSession(exit_code=0, reason="over", left_open=()))
    assert (
        "last known flat in desk:BTCUSDT (executions after"
        in screen.headline([read_session(tape.kill())], "It").text
    )
