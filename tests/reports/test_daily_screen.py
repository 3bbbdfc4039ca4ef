"""The first screen of the daily report and its tables by strategy, regime and day: told as recorded, or as not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.reports.tape import SECOND_NS, START_NS, Tape, linear
from tests.sessions import Rehearsal, close_to_the_touch, make_session
from titan.calibration.emissions import regime_model
from titan.calibration.regimes import Rule
from titan.engine.configuration import KernelConfig
from titan.engine.regimes import RegimeConfig
from titan.evaluation.pnl import Parts, split_pnl
from titan.model import commands as c
from titan.reports import breaches, costly, regime_tables
from titan.reports.accounts import fill_row
from titan.reports.daily import open_report
from titan.reports.history import history_lines, history_table
from titan.reports.recording import Factors
from titan.reports.session_tables import read_session
from titan.reports.trace import find_fill

BTC = linear("BTCUSDT", "BTC")
DAY_NS = 86_400 * SECOND_NS
MODEL = regime_model(
    [0.5, 0.5], [[0.95, 0.05], [0.05, 0.95]], [[0.0, -1.0], [0.0, 1.0]],
    [np.eye(2) * 0.3, np.eye(2) * 0.3], ("calm", "wild"), [0.0, -12.0], [5e-6, 0.5], bound=8.0,
)  # fmt: skip


def with_regimes(config: KernelConfig) -> KernelConfig:
    regimes = RegimeConfig(
        symbol="BTCUSDT", bar_s=1.0, model=MODEL, spread_factors=(1.0, 3.0), size_factors=(1.0, 0.5),
        rule=Rule(bars=2),
    )  # fmt: skip
    return msgspec.structs.replace(close_to_the_touch(config), regimes=(regimes,))


# ---- The costliest executions ------------------------------------------------------------------------------------


def test_what_executions_brought_is_what_the_split_says_of_each_alone(rehearsal: Rehearsal) -> None:
    result = read_session(rehearsal.directory)
    recording = result.recording
    found, unpriced = costly.outcomes([result])
    assert (len(found), unpriced) == (len(recording.executions), 0)
    for each in found[::7]:
        market = recording.markets[each.row.key]
        row = fill_row(each.row, market.known.settle)
        parts = split_pnl(market.known.kind, [row], market.mids, recording.config.timing.markout_ns)
        assert (each.edge, each.markout, each.fee) == (parts.spread, parts.adverse_selection, parts.fees)
    totals = result.total.parts
    assert sum(each.brought for each in found) == totals.spread + totals.adverse_selection - totals.fees


def test_the_costliest_come_first_and_their_commands_find_them(rehearsal: Rehearsal) -> None:
    result = read_session(rehearsal.directory)
    table = costly.costliest([result])
    assert 0 < len(table) <= costly.MOST
    assert table["brought, USDT"].is_monotonic_increasing
    assert (table["brought, USDT"] < 0).all()
    for command in table["why"]:
        _, _, trade, _, session = command.split()
        assert session == result.session
        assert find_fill([rehearsal.directory], trade).fill.trade_id == trade


def test_where_nothing_cost_anything_it_is_said(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    assert costly.none_cost([read_session(tape.end())]) == "nothing was executed"
    tape = Tape(tmp_path, BTC, number=2)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 990, 1000)
    one = read_session(tape.end())
    assert costly.costliest([one]).empty
    assert costly.none_cost([one]) == "no execution cost anything by its horizon"
    tape = Tape(tmp_path, BTC, number=3)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 990, 1000, fee_asset="BNB")
    assert costly.none_cost([read_session(tape.end())]).startswith("1 executions have no price")


def test_unlike_currencies_are_told_apart(tmp_path: Path) -> None:
    results = []
    for number, reporting in enumerate(("USDT", "BTC"), 1):
        tape = Tape(tmp_path, BTC, number=number, reporting=reporting)
        tape.book(BTC, 999, 1001)
        tape.open()
        tape.fill(BTC, 1, 1010, 1000)
        results.append(read_session(tape.end()))
    table = costly.costliest(results)
    assert list(table["currency"]) == ["USDT", "BTC"]
    assert table["brought"].to_list() == pytest.approx([-1.01, -0.0101])


# ---- Breaches ------------------------------------------------------------------------------------------------------


def test_every_sort_of_breach_is_told(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 999, 150_000)  # 15,000 of 10,000 allowed
    tape.note("warning", "risk_level", "WARNING (was CAUTION): the day's loss")
    tape.note("info", "risk_level", "NORMAL (was WARNING): every channel is calm")
    tape.note("warning", "denied_price_collar", "maker: too far")
    tape.note("warning", "stale_book", "nothing heard")
    lines = breaches.breaches([read_session(tape.end())])
    assert lines == [
        "worst case of one position, open orders filled: 150% of the limit at 2024-01-01 00:00:00",
        "the risk level rose, 1 x, last 2024-01-01 00:00:00: WARNING (was CAUTION): the day's loss",
        "orders refused, 1 x price_collar, last 2024-01-01 00:00:00",
    ]


def test_no_breach_is_none(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    assert breaches.breaches([]) == breaches.breaches([read_session(tape.end())]) == []
    assert "Breaches: none" in open_report(tmp_path).facts().text


# ---- Against earlier days ------------------------------------------------------------------------------------------


def session_of(journals: Path, made: str, days_before: int, number: int, *, killed: bool = False) -> Path:
    tape = Tape(journals, BTC, start_ns=START_NS - days_before * DAY_NS, number=number)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 1000, 1000, fee="0")
    tape.income(BTC, made)
    tape.income(BTC, "1000", kind="transfer")
    tape.fill(BTC, -1, 1000, 1000, fee="0")
    return tape.kill() if killed else tape.end()


def test_against_yesterday_and_the_days_before(tmp_path: Path) -> None:
    session_of(tmp_path, "3", 0, 1)
    session_of(tmp_path, "1", 1, 2)
    session_of(tmp_path, "1.5", 1, 3)
    session_of(tmp_path, "-4", 30, 4)
    session_of(tmp_path, "100", 31, 5)
    session_of(tmp_path, "50", 2, 6, killed=True)
    damaged = session_of(tmp_path, "7", 3, 7)
    (damaged / "journal-000001.tj").write_bytes(b"TITAN")
    report = open_report(tmp_path, day=date(2024, 1, 1))
    assert report.history is not None
    assert history_lines(report.history) == [
        "this report: +3.0000 USDT",
        "yesterday: +2.5000 USDT",
        "a day of the 2 known in 30: mean -0.7500 USDT (-4.0000 to +2.5000)",
        "more than on 2 of these 2 days",
        "by the venue's equity, at its own marks",
        f"not counted, the account was not read at both ends: {next(tmp_path.glob('*-000006')).name}",
        f"not counted, cannot be read: {damaged.name}",
    ]
    table = history_table(report.history)
    assert list(table.index) == ["this report", "2023-12-31", "2023-12-30", "2023-12-02"]
    assert list(table["sessions"]) == [1, 2, 1, 1]
    assert table.loc["2023-12-30", "made"] == "not known"
    assert table.loc["2023-12-31", "executions"] == 4
    assert "yesterday: +2.5000 USDT" in report.facts().text


def test_without_earlier_sessions_it_is_said(tmp_path: Path) -> None:
    session_of(tmp_path, "3", 0, 1)
    report = open_report(tmp_path)
    assert "no other session of this account in the 30 days before" in report.facts().text
    session_of(tmp_path, "3", 2, 2)
    report = open_report(tmp_path, day=date(2024, 1, 1))
    assert "yesterday: no session" in report.facts().text


def test_another_account_is_another_history(rehearsal: Rehearsal, tmp_path: Path) -> None:
    other = make_session(tmp_path, seconds=3.0, seed=9)
    session_of(tmp_path, "3", 1, 1)
    report = open_report(tmp_path, other.directory.name)
    assert report.history is not None
    assert report.history.before == []


def test_the_venues_equity_is_the_sessions_total_but_for_its_marks(rehearsal: Rehearsal) -> None:
    report = open_report(rehearsal.directory.parent)
    assert report.history is not None
    (now,) = report.history.now
    (result,) = report.results
    assert now.executions == len(result.recording.executions)
    assert now.made is not None
    held = abs(next(iter(result.recording.markets.values())).quantity)
    assert abs(now.made - result.total.parts.total) <= held * 10 + Decimal("1e-5")


# ---- By strategy and by regime -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def regimes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session whose market turns from one regime to another."""
    folder = tmp_path_factory.mktemp("regimes")
    return make_session(folder, seconds=40.0, funding_interval_s=20, configure=with_regimes).directory


def test_the_regimes_add_up_to_the_session(regimes: Path) -> None:
    result = read_session(regimes)
    table = regime_tables.regime_table([result])
    labels = {name.partition(":")[0] for name in table.index}
    assert {"calm", "wild"} <= labels
    assert table["total, USDT"].sum() == pytest.approx(float(result.total.parts.total), abs=1e-9)
    assert table["spread"].sum() == pytest.approx(float(result.total.parts.spread), abs=1e-9)
    assert table["executions"].sum() == len(result.recording.executions)
    recording = result.recording
    opened = next(iter(recording.markets.values())).mids[0][0]
    assert table["minutes in force"].sum() == pytest.approx((recording.ended_ns - opened) / 60e9)
    assert regime_tables.missing_regimes([result]) == ""


def test_a_session_without_a_model_has_no_regimes(rehearsal: Rehearsal) -> None:
    result = read_session(rehearsal.directory)
    assert regime_tables.regime_table([result]).empty
    told = "not recorded: no model of regimes was given for loopback:BTCUSDT"
    assert regime_tables.missing_regimes([result]) == told


def test_factors_that_the_model_has_not_or_could_not_say(regimes: Path) -> None:
    result = read_session(regimes)
    (key,) = result.recording.markets
    begin = result.recording.markets[key].mids[0][0]
    result.recording.regimes[key] = [
        (begin + SECOND_NS, Factors(None, None)), (begin + 2 * SECOND_NS, Factors(7.0, 0.25)),
    ]  # fmt: skip
    names = set(regime_tables.regime_table([result]).index)
    assert names == {"before the first decision", "not known, for want of bars", "spread x 7, size x 0.25"}


def test_the_strategies_add_up_to_the_session(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC, strategies=("maker", "taker"))
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 999, 1000)
    tape.fill(BTC, -1, 1001, 500, strategy="taker")
    tape.tick(c.Notice(level="info", code="heard", message=""))
    result = read_session(tape.end())
    table = regime_tables.strategy_table([result, result])
    assert list(table.index) == ["maker", "taker"]
    assert table["total, USDT"].sum() == pytest.approx(2 * float(result.total.parts.total))
    assert list(table["executions"]) == [2, 2]
    assert regime_tables.strategy_table([]).empty
    assert result.total.parts != Parts()
