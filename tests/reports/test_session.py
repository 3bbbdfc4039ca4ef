"""The report on a session of the whole stack: another road to the numbers that the engine has."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.sessions import Rehearsal, make_session, rewrite_journal
from titan.evaluation.pnl import IdentityError
from titan.model import events as e
from titan.reports.daily import open_report
from titan.reports.order_tables import limit_table, order_table
from titan.reports.session_tables import pnl_table, read_session
from titan.store.replay import replay_session


def test_the_session_is_a_real_one(rehearsal: Rehearsal) -> None:
    replay = replay_session(rehearsal.directory)
    assert replay.identical, replay.difference
    assert rehearsal.session.ended is not None
    assert rehearsal.session.ended.exit_code == 0


def test_the_report_and_the_ledger_agree_part_by_part(rehearsal: Rehearsal) -> None:
    result = read_session(rehearsal.directory)
    summary = rehearsal.kernel.summary()
    assert summary.parts is not None
    assert len(result.recording.executions) == rehearsal.kernel.desk.orders.counts.fills > 10
    assert result.total.parts == summary.parts
    assert [proof.verdict for proof in result.proofs] == ["equal"]
    assert result.proofs[0].equity == summary.equity_change_at_venue
    assert summary.parts.funding != 0
    assert pnl_table([result]).loc["all", "total"] == pytest.approx(float(summary.parts.total))


def test_orders_agree_with_the_engine(rehearsal: Rehearsal) -> None:
    result = read_session(rehearsal.directory)
    orders = rehearsal.kernel.desk.orders
    statistics = order_table([result])["avellaneda_stoikov on loopback:BTCUSDT"]
    assert statistics["acknowledged"] == orders.counts.acked
    assert statistics["not proven ended"] == len(list(orders.live())) == 0
    assert (
        statistics["placed"]
        == statistics[["ended filled", "ended cancelled", "ended expired", "rejected"]].sum()
    )
    for client_id, life in result.recording.lives.lives.items():
        order = orders.get(client_id)
        assert order is not None
        assert (life.filled, life.end) == (order.filled, str(order.state))


def test_limits_used_stay_within_limits(rehearsal: Rehearsal) -> None:
    used = limit_table([read_session(rehearsal.directory)])
    assert used["complete"].all()
    assert ((used["share"] >= 0) & (used["share"] <= 1)).all()
    assert used.loc["max_position_notional", "most used"] > used.loc["max_order_notional", "most used"] > 0


def test_the_report_stands(rehearsal: Rehearsal, journals: Path) -> None:
    report = open_report(journals)
    assert report.check() == "1 of 1 sessions proven; none differs"
    assert "parts equal the exchange's equity change: difference" in report.headline().text


def change_one_fee(by: str):
    changed = []

    def change(event: object) -> object:
        if isinstance(event, e.Fill) and not changed:
            changed.append(event.trade_id)
            return msgspec.structs.replace(event, fee=event.fee + type(event.fee)(by))
        if isinstance(event, e.FillsQueried):  # the venue's second word on the same execution
            return msgspec.structs.replace(event, fills=())
        return event

    return change


@pytest.mark.parametrize("by", ["0.01", "-0.00001"])
def test_one_altered_fee_fails_the_report(rehearsal: Rehearsal, tmp_path: Path, by: str) -> None:
    rewrite_journal(rehearsal.directory, tmp_path, change_one_fee(by))
    report = open_report(tmp_path)
    with pytest.raises(IdentityError, match="the parts add up to"):
        report.check()
    assert "CHECK FAILED (loopback, USDT)" in report.headline().text


def test_a_journal_that_is_copied_unchanged_passes(rehearsal: Rehearsal, tmp_path: Path) -> None:
    copy = rewrite_journal(rehearsal.directory, tmp_path, lambda event: event)
    assert read_session(copy).total == read_session(rehearsal.directory).total


def test_a_killed_session(tmp_path: Path) -> None:
    killed = make_session(tmp_path, seconds=8.0, seed=11, killed=True)
    result = read_session(killed.directory)
    assert {proof.verdict for proof in result.proofs} == {"not checkable"}
    summary = killed.kernel.summary()
    assert result.total.parts == summary.parts
    assert order_table([result]).loc["not proven ended"].sum() > 0
