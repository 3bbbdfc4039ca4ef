"""A slice of a session: where it begins and ends, what stands in it, and the regression test written from it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.reports.tape import SECOND_NS, START_NS, Tape, linear
from tests.sessions import Rehearsal, rewrite_journal
from titan import cli
from titan.model import commands as c
from titan.model import events as e
from titan.reports import incident_tables as shown
from titan.reports.errors import ParameterProblem, ReportError
from titan.reports.incident import Slice, read_slice
from titan.reports.incident_window import Asked, find_window
from titan.reports.regression import Regression, write_regression
from titan.reports.session_tables import read_session
from titan.store.journal import SessionReader
from titan.store.replay import replay_session

BTC = linear("BTCUSDT", "BTC")


def cut(directory: Path, **asked: Any) -> Slice:
    return read_slice(find_window(Asked(str(directory), **asked)))


@pytest.fixture(scope="module")
def written(rehearsal: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Regression:
    """The regression test of a slice of the shared session."""
    found = cut(rehearsal.directory, begin="00:00:05", end="00:00:07.5")
    return write_regression(
        rehearsal.directory, found.last_seq, tmp_path_factory.mktemp("regressions") / "new"
    )


def run_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cov", str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


# ---- The slice -----------------------------------------------------------------------------------------------


def test_slices_side_by_side_hold_everything_once(rehearsal: Rehearsal) -> None:
    whole = cut(rehearsal.directory, begin="00:00")
    bounds = ("00:00:00", "00:00:09.999999", "00:00:10", "00:00:20", "00:00:20.000001", "23:59:59")
    parts = [cut(rehearsal.directory, begin=bounds[at], end=bounds[at + 1]) for at in (0, 2, 4)]
    assert whole.inputs == replay_session(rehearsal.directory).events == sum(part.inputs for part in parts)
    for name in ("decisions", "verdicts"):
        together = [each for part in parts for each in getattr(part, name)]
        assert together == getattr(whole, name)
        assert together
    trades = [each.what.trade_id for part in parts for each in part.fills]
    executions = read_session(rehearsal.directory).recording.executions
    assert trades == [row.trade_id for row in executions]
    assert parts[1].before == parts[0].after


def test_the_tables_hold_what_happened(rehearsal: Rehearsal) -> None:
    found = cut(rehearsal.directory, begin="00:00:05", end="00:00:12")
    book = shown.book_table(found)
    assert list(book["slice"]) == ["begins"] * 5 + ["ends"] * 5
    assert (book["ask"] > book["bid"]).all()
    orders, decisions = shown.order_table(found), shown.decision_table(found)
    assert set(decisions["order"]) <= set(orders.index)
    placed = decisions[decisions["decided"] == "place"]
    assert (placed["fair value"] > 59_000).all()
    fills = shown.fill_table(found)
    assert len(fills) == len(found.fills) > 0
    assert set(fills["order"]) <= set(orders.index)
    assert fills["trace"].iloc[0] == (
        f"titan trace {found.fills[0].what.trade_id} --session {rehearsal.directory.name}"
    )
    assert f"{len(found.decisions)} decisions, {len(found.fills)} execution" in shown.headline(found).text
    assert not isinstance(shown.picture(found), str)
    assert shown.regression_page(None).text.startswith("No test was written")


def test_around_an_execution_and_around_an_order(rehearsal: Rehearsal) -> None:
    row = read_session(rehearsal.directory).recording.executions[7]
    trade = cut(rehearsal.directory, around=row.trade_id, margin_s=0.5)
    assert trade.window[1:] == (row.time_ns - SECOND_NS // 2, row.time_ns + SECOND_NS // 2)
    assert row.trade_id in {each.what.trade_id for each in trade.fills}
    order = cut(rehearsal.directory, around=row.client_id, margin_s=0.0)
    assert order.window.begin_ns <= row.time_ns <= order.window.end_ns
    own = {stand.client_id for stand in order.stands}
    assert row.client_id in own
    assert all(order.window.begin_ns <= s.from_ns <= s.until_ns <= order.window.end_ns for s in order.stands)


def test_an_execution_that_the_stream_never_told_is_found_where_it_was_listed_first(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    order = tape.place(BTC, 1, 999, 10)
    missed = e.Fill(
        time_ns=tape.now_ns, venue="desk", symbol="BTCUSDT", venue_ns=tape.now_ns, client_id=order, venue_id="v",
        trade_id="missed", side=1, price=999, size=10, maker=True, fee=Decimal("0.01"), fee_asset="USDT",
        realized=Decimal(0), source="query",
    )  # fmt: skip
    listed = []
    for _ in range(2):
        tape.wait(1.0)
        listed.append(tape.now_ns)
        tape.put(
            e.FillsQueried(time_ns=tape.now_ns, venue="desk", symbol="BTCUSDT", since_ns=0, fills=(missed,))
        )
    directory = tape.kill()
    found = cut(directory, around="missed", margin_s=0.0)
    assert found.window[1:] == (listed[0], listed[0])
    assert [each.what.trade_id for each in found.fills] == ["missed"]


def test_denials_answers_and_people_are_verdicts(tmp_path: Path) -> None:
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 999, 1001)
    tape.open()
    order = tape.place(BTC, 1, 999, 10)
    tape.note("warning", "denied_price_collar", "too far from the mid")
    stated = {"time_ns": tape.now_ns, "venue": "desk", "symbol": "BTCUSDT"}
    tape.put(
        e.CommandOutcome(
            **stated, action="amend", client_id=order, outcome="rejected", code="-5027", message="no change"
        )
    )
    tape.put(e.OperatorAction(time_ns=tape.now_ns, action="pause", target="", who="ann", why="a drill"))
    tape.tick(c.CancelOrder(venue="desk", symbol="BTCUSDT", client_id=order))
    tape.tick(c.EndSession(exit_code=0, reason="over", left_open=()))
    found = cut(tape.kill(), begin="00:00")
    table = shown.verdict_table(found)
    assert list(table["code"]) == ["denied_price_collar", "amend rejected", "operator", "end"]
    assert list(table["from"]) == ["engine", "venue", "session", "engine"]
    assert "who ann, why a drill" in table["text"].iloc[2]
    assert "1 denial, 1 warning or error" in shown.headline(found).text
    assert list(shown.decision_table(found)["decided"]) == ["place", "cancel"]
    assert shown.decision_table(found)["fair value"].isna().all(), "not recorded is no number"
    assert shown.order_table(found)["end"].to_list() == ["open"]


def test_an_empty_slice_says_so_and_a_long_one_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = Tape(tmp_path, BTC)
    for number in range(5):
        tape.note("info", "heard", f"{number}")
    found = cut(tape.kill(), begin="00:00")
    assert shown.picture(found) == "the slice holds no best bid and ask: there is nothing to draw"
    assert shown.book_table(found)["book"].to_list() == ["empty, no level"] * 2
    for table in (shown.order_table, shown.decision_table, shown.fill_table):
        assert table(found).empty
    monkeypatch.setattr(shown, "MOST_ROWS", 3)
    assert shown.verdict_table(found).index[-1] == "and 2 more: ask for less time"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "say when: either begin and end, or around"),
        ({"begin": "00:00:01", "around": "7"}, "say when: either begin and end, or around"),
        ({"around": "no such trade"}, "around = no such trade: session .* knows no such trade or order"),
        ({"begin": "soon"}, "parameter begin = 'soon' is no time; write HH:MM:SS"),
        ({"begin": "2024-01-02T00:00:00"}, "holds nothing from 2024-01-02 00:00:00"),
        (
            {"begin": "00:00:09", "end": "00:00:08"},
            "holds nothing from 2024-01-01 00:00:09 to 2024-01-01 00:00:08",
        ),
    ],
)
def test_what_is_not_clear_is_refused(rehearsal: Rehearsal, asked: dict[str, str], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        find_window(Asked(str(rehearsal.directory), **asked))


def test_the_session_last_begun_is_taken_and_times_may_be_of_the_next_day(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no session in"):
        find_window(Asked(begin="00:00", journals=str(tmp_path)))
    tape = Tape(tmp_path, BTC, start_ns=START_NS + 86_399 * SECOND_NS)
    tape.wait(61.5)
    tape.tick()
    directory = tape.kill()
    found = find_window(Asked(begin="00:00:30", end="2024-01-02T01:00:30+01:00", journals=str(tmp_path)))
    assert found == (directory, START_NS + 86_430 * SECOND_NS, START_NS + 86_430 * SECOND_NS)
    with pytest.raises(ParameterProblem, match="parameter session = 'x' is no session's name"):
        find_window(Asked("x", begin="00:00"))


# ---- The regression test -------------------------------------------------------------------------------------


def test_the_written_test_passes(written: Regression) -> None:
    done = run_tests(written.test.parent)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    assert (written.inputs, written.commands) == replay_session(next(written.records.iterdir()))[1:3]
    assert f"the same {written.commands} commands" in shown.regression_page(written).text


def alter_one(kind: type[Any], **changes: Any) -> Any:
    done: list[Any] = []

    def change(event: object) -> object:
        if isinstance(event, kind) and not done:
            done.append(event)
            return msgspec.structs.replace(event, **changes)
        return event

    return change


def test_the_written_test_fails_if_a_record_is_altered(written: Regression, tmp_path: Path) -> None:
    shutil.copy(written.test, tmp_path)
    records = next(written.records.iterdir())
    rewrite_journal(records, tmp_path / written.records.name, alter_one(e.BalanceUpdate, time_ns=1))
    done = run_tests(tmp_path)
    assert done.returncode == 1, done.stdout
    assert "test_the_records_are_those_of_the_incident" in done.stdout


def test_an_altered_input_is_found_by_the_replay_alone(written: Regression, tmp_path: Path) -> None:
    records = next(written.records.iterdir())
    altered = replay_session(rewrite_journal(records, tmp_path, alter_one(e.Fill, size=1)))
    assert not altered.identical or altered.state_hash != replay_session(records).state_hash


def test_records_that_this_engine_does_not_give_again_are_refused(
    rehearsal: Rehearsal, tmp_path: Path
) -> None:
    altered = rewrite_journal(rehearsal.directory, tmp_path, alter_one(e.FeeRates, time_ns=1, maker="0.01"))
    with pytest.raises(
        ReportError, match=r"decides otherwise than was recorded, at input \d+: .*check out commit 0{40}"
    ):
        write_regression(altered, SessionReader(altered).last_seq, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_test_that_is_there_is_not_overwritten(written: Regression, rehearsal: Rehearsal) -> None:
    last = int(written.test.stem.rpartition("_")[2])
    with pytest.raises(ReportError, match="is there already: remove it, or name another folder"):
        write_regression(rehearsal.directory, last, written.test.parent)


@pytest.mark.timeout(60)
def test_the_study_is_run_by_its_name(
    rehearsal: Rehearsal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["-p", f"session={rehearsal.directory}", "-p", "begin=00:00:05", "-p", "end=00:00:06"]
    given += ["-p", f"tests={tmp_path / 'tests'}", "--out", str(tmp_path / "out")]
    assert cli.main(["report", "incident", *given]) == 0
    page = Path(capsys.readouterr().out.splitlines()[1]).read_text(encoding="utf-8")
    assert "1.000 s from 00:00:05.000000 UTC on 2024-01-01" in page
    assert len(list((tmp_path / "tests").glob("test_incident_*.py"))) == 1
    assert page.count("<img") == 1
