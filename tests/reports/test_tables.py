"""Orders, latencies, limits, markouts, notices and what the first screen says of them."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.reports.tape import START_NS, Tape, linear
from titan.model import commands as c
from titan.model import events as e
from titan.reports import figures, screen, tables
from titan.reports.markouts import clustered_error, markout_curve, markout_table
from titan.reports.order_tables import latency_table, limit_table, order_table, provenance_table
from titan.reports.paths import instrument_path, largest_day_loss, pnl_path
from titan.reports.positions import position_table
from titan.reports.session_tables import (
    SessionResult,
    fill_summary,
    fill_table,
    notable,
    pnl_table,
    proof_table,
    read_session,
    remark_table,
)

BTC = linear("BTCUSDT", "BTC")


def opened(tmp_path: Path, **options: object) -> Tape:
    tape = Tape(tmp_path, BTC, **options)  # type: ignore[arg-type]
    tape.book(BTC, 999, 1001)
    tape.open()
    return tape


def outcome(tape: Tape, client_id: str, action: str, how: str) -> None:
    tape.put(
        e.CommandOutcome(
            time_ns=tape.now_ns, venue="desk", symbol="BTCUSDT", action=action, client_id=client_id, outcome=how,
            code="-2010", message="no",
        )
    )  # fmt: skip


def test_what_became_of_each_order(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    filled = tape.place(BTC, 1, 999, 100)
    tape.wait(1)
    tape.fill(BTC, 1, 999, 60, client_id=filled)
    tape.fill(BTC, 1, 999, 40, client_id=filled)
    cancelled = tape.place(BTC, 1, 998, 100)
    tape.wait(2)
    tape.tick(c.CancelOrder(venue="desk", symbol="BTCUSDT", client_id=cancelled))
    tape.wait(0.003)
    tape.update(BTC, cancelled, 1, 998, 100, "cancelled")
    refused = tape.ids.next("main", "maker")
    tape.tick(
        c.PlaceOrder(
            venue="desk", symbol="BTCUSDT", client_id=refused, strategy="maker", side=1, price=999, size=100,
            lifetime="post_only", reduce_only=False,
        )
    )  # fmt: skip
    tape.wait(0.005)
    outcome(tape, refused, "place", "rejected")
    standing = tape.place(BTC, -1, 1003, 100)
    tape.tick(c.AmendOrder(venue="desk", symbol="BTCUSDT", client_id=standing, side=-1, price=1002, size=200))
    tape.wait(0.001)
    outcome(tape, standing, "amend", "rejected")
    result = read_session(tape.end())
    found = order_table([result])["maker on desk:BTCUSDT"].to_dict()
    assert {name: value for name, value in found.items() if value} == {
        "placed": 4, "acknowledged": 3, "amends sent": 1, "cancels sent": 1, "ended filled": 1, "ended cancelled": 1,
        "rejected": 1, "amends or cancels refused": 1, "not proven ended": 1,
        "orders with an execution, share": 0.25, "lots filled of lots quoted, share": 0.2,
        "median life, s": pytest.approx((1.002 + 2.005) / 2), "longest life, s": pytest.approx(2.005),
    }  # fmt: skip
    times = latency_table([result])
    assert times.loc["place: decision to the venue's answer", "count"] == 4
    assert times.loc["place: decision to the venue's answer", "most, ms"] == pytest.approx(5)
    assert times.loc["cancel: decision to the venue's answer", "p50, ms"] == pytest.approx(3)
    assert times.loc["amend: decision to the venue's answer", "p50, ms"] == pytest.approx(1)


def test_answers_that_prove_nothing_have_a_row_of_their_own(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    standing = tape.place(BTC, -1, 1003, 100)
    for size in (200, 300):
        tape.tick(
            c.AmendOrder(venue="desk", symbol="BTCUSDT", client_id=standing, side=-1, price=1002, size=size)
        )
        outcome(tape, standing, "amend", "unknown")
    tape.tick(c.CancelOrder(venue="desk", symbol="BTCUSDT", client_id=standing))
    outcome(tape, standing, "cancel", "rejected")
    found = order_table([read_session(tape.end())])["maker on desk:BTCUSDT"]
    assert found["answers that prove nothing"] == 2
    assert found["amends or cancels refused"] == 1


def test_an_order_of_before_is_taken_over(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    old = tape.ids.next("main", "maker")
    update = e.OrderUpdate(
        time_ns=tape.now_ns, venue="desk", symbol="BTCUSDT", client_id=old, venue_id="1", state="partially_filled",
        side=1, price=999, size=100, filled=30, reduce_only=False, source="query",
    )  # fmt: skip
    tape.put(e.OpenOrders(time_ns=tape.now_ns, venue="desk", orders=(update,)))
    tape.update(BTC, "somebody else's", 1, 900, 5, "open")
    tape.fill(BTC, 1, 999, 70, client_id=old)
    result = read_session(tape.end())
    found = order_table([result])["maker on desk:BTCUSDT"]
    assert (found["taken over from before"], found["placed"], found["ended filled"]) == (1, 0, 1)
    assert found["lots filled of lots quoted, share"] == 1
    assert result.recording.usage.peaks["max_position_notional"].value == 7


def test_the_worst_case_counts_open_orders_and_amends(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    tape.fill(BTC, 1, 1000, 100)  # 0.1 held
    tape.place(BTC, -1, 1002, 50)
    bid = tape.place(BTC, 1, 998, 200)
    tape.wait(3)
    tape.tick(c.AmendOrder(venue="desk", symbol="BTCUSDT", client_id=bid, side=1, price=998, size=300))
    tape.update(BTC, bid, 1, 998, 300, "open")
    used = limit_table([read_session(tape.end())])
    assert used.loc["max_position_notional", "most used"] == pytest.approx(
        40
    )  # 0.1 held + 0.3 bid for, at 100
    assert used.loc["max_position_notional", "share"] == pytest.approx(0.004)
    assert used.loc["max_position_notional", "when"] == "2024-01-01 00:00:03"
    assert used.loc["max_order_notional", "most used"] == pytest.approx(29.94)
    assert used.loc["collar_bps", "most used"] == pytest.approx(20)
    assert used.loc["max_open_orders", "most used"] == 2
    assert used.loc["message_burst", "most used"] == 2  # refilled by 20 a second before the third
    assert used.loc["max_executions", "most used"] == 1
    assert math.isnan(used.loc["max_gross_notional", "share"])  # not set


def test_a_value_without_a_price_is_told(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC, reporting="EUR")
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.place(BTC, 1, 999, 100)
    tape.fill(BTC, 1, 999, 100, fee="0")
    result = read_session(tape.end())
    assert not limit_table([result]).loc["max_position_notional", "complete"]
    assert result.total.parts.total == 0
    assert result.total.missing == ("0.0100 USDT",)
    assert instrument_path(result.recording, BTC.key)["pnl"].isna().all()


def test_the_path_ends_at_the_exact_result(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    for step in range(6):
        tape.wait(2)
        tape.book(BTC, 999 + 3 * step, 1001 + 3 * step)
        tape.fill(BTC, (-1) ** step, 1000 + step, 50 * step + 10)
    tape.income(BTC, "-0.25")
    result = read_session(tape.end())
    path = instrument_path(result.recording, BTC.key)
    assert path["pnl"].iloc[-1] == pytest.approx(float(result.total.parts.total), abs=1e-12)
    assert path["position"].iloc[-1] == float(result.recording.markets[BTC.key].quantity)
    assert pnl_path(result).iloc[-1] == pytest.approx(path["pnl"].iloc[-1])


def test_the_days_loss_begins_anew_at_midnight(tmp_path: Path) -> None:
    tape = opened(tmp_path, start_ns=START_NS + 86_399 * 10**9)
    tape.fill(BTC, 1, 1000, 1000, fee="0")
    tape.book(BTC, 989, 991)  # one down before midnight
    tape.wait(5)
    tape.book(BTC, 974, 976)  # one and a half more after it
    result = read_session(tape.end())
    worst, when = largest_day_loss([result])
    assert worst == pytest.approx(1.5)
    assert when == pd.Timestamp("2024-01-02 00:00:04", tz="UTC")
    assert limit_table([result]).loc["max_daily_loss", "share"] == pytest.approx(0.015)


def test_markouts_by_hand(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    tape.fill(BTC, 1, 999, 100)
    tape.wait(2)
    tape.book(BTC, 1009, 1011)
    tape.wait(4)
    tape.fill(BTC, -1, 1012, 100)
    tape.wait(2)
    tape.book(BTC, 1019, 1021)
    tape.wait(10)
    result = read_session(tape.end())
    curve = {point.horizon_s: point for point in markout_curve([result])}
    assert curve[1.0].mean_bps == pytest.approx(0)
    moves = [100.0, -1 / 101 * 1e4]
    assert curve[5.0].mean_bps == pytest.approx(sum(moves) / 2)
    assert curve[5.0].net_of_edge_bps == pytest.approx(sum(moves) / 2 + (10 + 0.2 / 101 * 1e4) / 2)
    assert curve[5.0].fills == 2
    assert 30.0 not in curve
    assert curve[10.0].standard_error_bps != curve[10.0].standard_error_bps  # both within one horizon
    assert list(markout_table([result]).index) == [0.1, 0.5, 1.0, 5.0, 10.0]


def test_the_error_is_the_usual_one_for_independent_values_and_larger_for_shared_moves() -> None:
    values = np.random.default_rng(3).normal(size=400)
    alone = clustered_error(values, np.arange(400))
    assert alone == pytest.approx(values.std(ddof=1) / 20)
    shared = clustered_error(np.repeat(values, 4), np.repeat(np.arange(400), 4))
    assert shared == pytest.approx(alone)
    assert math.isnan(clustered_error(values, np.zeros(400)))


def test_notices_by_code_and_the_ones_of_note(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    for level, code, message in [
        ("info", "quoting", "quotes"), ("warning", "stale_book", "nothing heard"), ("error", "overfill", "too much"),
        ("warning", "stale_book", "nothing heard again"), ("info", "funding", "funding 1 USDT"),
    ]:  # fmt: skip
        tape.note(level, code, message)
        tape.wait(1)
    result = read_session(tape.end())
    told = remark_table([result])
    assert list(told.index[:2]) == ["overfill", "stale_book"]
    assert told.loc["stale_book"].tolist() == [
        "warning", 2, "2024-01-01 00:00:01", "2024-01-01 00:00:03", "nothing heard again",
    ]  # fmt: skip
    assert set(notable([result]).index) == {"overfill", "stale_book", "funding"}
    assert "2 x stale_book: nothing heard again" in screen.facts([result]).text


def test_nothing_traded_is_a_report_too(tmp_path: Path) -> None:
    result = read_session(opened(tmp_path).end())
    every(result)
    assert screen.headline([result], "Quiet").text == (
        "Quiet made 0.0000 USDT in 0 executions; it ended flat.\nnothing was traded, and no wallet moved"
    )
    assert figures.markouts([result]) == "no execution has a recorded mid after it: there is no markout"


def test_a_session_that_never_read_its_account(tmp_path: Path) -> None:
    result = read_session(Tape(tmp_path, BTC).kill())
    every(result)
    assert screen.check_lines(result, named=False) == [
        ("not checkable", "not checkable: the account was never read at the start, so nothing was traded")
    ]


@pytest.mark.parametrize(
    ("ended", "reason"), [(True, "ended without a closing account"), (False, "was killed (or still runs)")]
)
def test_an_end_without_a_closing_account(tmp_path: Path, ended: bool, reason: str) -> None:
    tape = opened(tmp_path)
    if ended:
        tape.tick(c.EndSession(exit_code=5, reason="gave up", left_open=("x",)))
    quiet = read_session(tape.kill())
    assert reason in screen.check_lines(quiet, named=False)[0][1]
    other = Tape(tmp_path / "traded", BTC)
    other.book(BTC, 999, 1001)
    other.open()
    other.fill(BTC, 1, 999, 100)
    if ended:
        other.tick(c.EndSession(exit_code=5, reason="gave up", left_open=("x",)))
    assert reason in read_session(other.kill()).proofs[0].reason


def every(result: SessionResult) -> None:
    """Make every table, picture and page of a result."""
    for make in (
        pnl_table, proof_table, position_table, fill_summary, fill_table, markout_table, order_table, latency_table,
        limit_table, remark_table, provenance_table,
    ):  # fmt: skip
        assert tables.show(make([result])).html
    assert figures.inventory([result]).png.startswith(b"\x89PNG")
    bridge = figures.waterfall(result.total.parts, "USDT")
    assert bridge.alt.startswith("P&L bridge in USDT: spread")
    assert all(text.get_bbox_patch() for text in bridge.figure.axes[0].texts), "no line runs through a number"
    assert tables.last_fills([result], 5).empty == (not result.recording.executions)


def test_every_table_and_picture_of_a_busy_session(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    for step in range(8):
        tape.fill(BTC, (-1) ** step, 1000 - step, 100)
        tape.wait(3)
    result = read_session(tape.end())
    every(result)
    assert figures.markouts([result]).alt.startswith("Mean markout in bps by horizon: 0.1 s")


def test_a_tables_cells(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"name": ["a<b", "c"], "value": [1234.5, math.nan], "mixed": [1, "one"], "ok": [True, False]}
    )
    html = tables.show(frame.set_index("name")).html
    assert '<td style="text-align:left;white-space:nowrap">a&lt;b</td>' in html
    assert '<td style="text-align:right;white-space:nowrap">1,234.5</td>' in html
    assert '<td style="text-align:right;white-space:nowrap"></td>' in html
    assert '<td style="text-align:left;white-space:nowrap">True</td>' in html
    assert tables.show(pd.DataFrame()).text == "none"
    assert [tables.number(x) for x in (0.0, -0.0, 3.0, 0.00012346)] == ["0", "0", "3", "0.0001235"]
    assert tables.number(-2.50001) == "-2.5"


@pytest.mark.parametrize(
    ("amount", "text"), [(0.0, "0.0000"), (-0.00001, "0.0000"), (1234.567, "+1,234.57"), (-1.5, "-1.5000")]
)
def test_signed_amounts(amount: float, text: str) -> None:
    assert figures.signed(amount) == text


def test_a_loss_is_called_a_loss(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    tape.fill(BTC, 1, 1010, 1000, fee="0.5")
    text = screen.headline([read_session(tape.end())], "It").text
    assert text.startswith("It lost 1.5000 USDT in 1 execution; it ended holding +1 desk:BTCUSDT.")
    assert Decimal("-1.5") == read_session(tape.directory).total.parts.total
