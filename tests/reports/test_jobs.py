"""The jobs of a day in virtual time: which dates are due, attempts, waits, stamps and alerts; then real processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reports.promoting import hold_session
from titan.reports.errors import ReportError
from titan.reports.jobs import (
    COMMANDS,
    MOST_DAYS,
    Desk,
    Job,
    Outcome,
    Tools,
    commands_of,
    done_days,
    due_days,
    execute,
    jobs_of,
    last_day,
    run_job,
    stamp_path,
)
from titan.reports.schedule_command import run_due, trigger_of
from titan.settings import Schedule
from titan.store.lock import AccountLock

DAY = date(2026, 11, 24)


class World:
    """A clock that moves only by waits, and processes that do as they are told."""

    def __init__(self, *answers: str) -> None:
        self.at = datetime(2026, 11, 25, 0, 5, tzinfo=UTC)
        self.answers = list(answers)
        self.commands: list[Sequence[str]] = []
        self.waits: list[float] = []
        self.alerts: list[Outcome] = []
        self.stops_after: float | None = None

    def execute(self, command: Sequence[str], folder: Path, log: Path, limit_s: float) -> str:
        self.commands.append(command)
        log.write_text("said")
        return self.answers.pop(0) if self.answers else ""

    def wait(self, wait_s: float) -> bool:
        if wait_s:
            self.waits.append(wait_s)
        self.at += timedelta(seconds=wait_s)
        return self.stops_after is not None and sum(self.waits) >= self.stops_after

    @property
    def tools(self) -> Tools:
        return Tools(
            self.execute, self.wait, lambda outcome, log: self.alerts.append(outcome), lambda: self.at
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    file = tmp_path / "settings.ini"
    file.write_text("")
    return Desk(file, tmp_path / "state", tmp_path / "journals", Schedule())


def job(desk: Desk, name: str = "daily_risk") -> Job:
    return jobs_of(desk.stated)[name]


# ---- Which days

days = st.dates(date(2026, 1, 1), date(2026, 2, 28))


@given(done=st.sets(days), last=days)
def test_due_days_are_undone_in_order_and_bounded(done, last):
    due = due_days(done, last)
    assert due == sorted(set(due))
    assert not set(due) & done
    assert len(due) <= MOST_DAYS
    assert all(day <= last for day in due)
    assert (last in due) == (last not in done)
    assert due_days(done | set(due), last) == []


def test_a_desk_begins_with_the_last_day_and_makes_up_for_what_it_missed_since():
    assert due_days(set(), DAY) == [DAY]
    assert due_days({date(2026, 11, 21), date(2026, 11, 23)}, DAY) == [date(2026, 11, 22), DAY]
    assert due_days({date(2026, 1, 1)}, DAY)[0] == date(2026, 11, 18)
    assert due_days({date(2026, 11, 30)}, DAY) == [DAY]  # one that was asked for by hand, ahead of time


def test_a_day_is_due_once_its_time_has_come(desk):
    found = job(desk)
    assert last_day(found, datetime(2026, 11, 25, 0, 4, 59, tzinfo=UTC)) == date(2026, 11, 23)
    assert last_day(found, datetime(2026, 11, 25, 0, 5, tzinfo=UTC)) == DAY
    assert last_day(found._replace(at=None), datetime(2026, 11, 25, tzinfo=UTC)) == DAY


def test_the_trigger_fires_once_a_day_at_the_stated_time_in_utc(desk):
    trigger, at = trigger_of(job(desk)), datetime(2026, 3, 28, 12, tzinfo=UTC)
    fired = []
    for _ in range(4):  # over the nights on which clocks elsewhere are changed
        fired.append(trigger.get_next_fire_time(fired[-1] if fired else None, at))
        at = fired[-1] + timedelta(seconds=1)
    assert fired == [datetime(2026, 3, 29 + number, 0, 5, tzinfo=UTC) for number in range(3)] + [
        datetime(2026, 4, 1, 0, 5, tzinfo=UTC)
    ]
    with pytest.raises(ValueError, match="job parity has no time"):
        trigger_of(job(desk, "parity"))


def test_a_job_without_a_time_is_known_and_has_none(desk):
    found = jobs_of(Schedule(parity="23:59"))
    assert set(found) == set(COMMANDS)
    assert found["calibration"].at is None
    assert f"{found['parity'].at:%H:%M}" == "23:59"


# ---- Attempts


def test_a_date_is_done_once_and_stamped_after_its_success(desk):
    world = World()
    outcome = run_job(desk, job(desk), DAY, world.tools)
    assert outcome == ("daily_risk", DAY, "done", "attempt 1")
    stamp = json.loads(stamp_path(desk, "daily_risk", DAY).read_text())
    assert (stamp["day"], stamp["attempts"], stamp["finished"]) == (
        "2026-11-24",
        1,
        "2026-11-25T00:05:00+00:00",
    )
    assert stamp["commands"][0][3:7] == ["report", "daily", "--date", "2026-11-24"]
    again = run_job(desk, job(desk), DAY, world.tools)
    assert again.state == "skipped"
    assert "done before" in again.text
    assert len(world.commands) == 1
    assert run_job(desk, job(desk), DAY, world.tools, again=True).state == "done"
    assert len(world.commands) == 2
    assert done_days(desk, "daily_risk") == {DAY}
    assert done_days(desk, "parity") == set()


def test_a_failure_is_tried_again_later_and_later(desk):
    desk = desk._replace(stated=Schedule(attempts=5, retry_s=60, longest_retry_s=150))
    world = World("no", "no", "no", "no")
    assert run_job(desk, job(desk), DAY, world.tools).text == "attempt 5"
    assert world.waits == [60, 120, 150, 150]
    assert world.alerts == []
    assert json.loads(stamp_path(desk, "daily_risk", DAY).read_text())["attempts"] == 5


def test_after_the_last_attempt_it_is_alerted_and_not_stamped(desk):
    world = World("one", "two", "three")
    outcome = run_job(desk, job(desk), DAY, world.tools)
    assert outcome == ("daily_risk", DAY, "failed", "three; attempts: 3")
    assert world.alerts == [outcome]
    assert world.waits == [60, 120]
    assert done_days(desk, "daily_risk") == set()
    assert run_job(desk, job(desk), DAY, world.tools).state == "done"


def test_a_schedule_that_ends_gives_up_without_an_alert(desk):
    world = World("no", "no", "no")
    world.stops_after = 60
    outcome = run_job(desk, job(desk), DAY, world.tools)
    assert (outcome.state, outcome.text) == ("ended", "no; the schedule ends")
    assert (len(world.commands), world.alerts, done_days(desk, "daily_risk")) == (1, [], set())


def test_what_another_process_is_at_is_left_to_it(desk):
    world = World()
    with AccountLock(desk.state, "daily_risk 2026-11-24"):
        outcome = run_job(desk, job(desk), DAY, world.tools)
    assert outcome.state == "skipped"
    assert "is at it" in outcome.text
    assert (world.commands, world.alerts) == ([], [])


def test_a_folder_that_cannot_be_written_is_a_failure(desk):
    desk.state.write_text("a file")
    world = World()
    outcome = run_job(desk, job(desk), DAY, world.tools)
    assert (outcome.state, world.alerts) == ("failed", [outcome])
    assert outcome.text.endswith("correct [project] data")


def test_missed_days_are_made_up_for_at_the_next_time(desk, capsys):
    world = World()
    run_job(desk, job(desk), date(2026, 11, 21), world.tools)
    world.answers = ["no"] * 3  # the 22nd fails for good, and is due again the day after
    told = run_due(desk, job(desk), world.tools)
    assert [(each.day.day, each.state) for each in told] == [(22, "failed"), (23, "done"), (24, "done")]
    world.at += timedelta(days=1)
    told = run_due(desk, job(desk), world.tools)
    assert [(each.day.day, each.state) for each in told] == [(22, "done"), (25, "done")]
    assert run_due(desk, job(desk), world.tools) == []
    assert "daily_risk 2026-11-23: done: attempt 1" in capsys.readouterr().out


# ---- Commands


def test_dates_and_patterns_are_filled_in(desk):
    folder = desk.settings_file.parent
    for name in ("v-20261124T01.capture.gz", "v-20261124T00.capture.gz", "v-20261125T00.capture.gz"):
        (folder / name).write_text("")
    (words,) = commands_of(
        desk, Job("calibration", None, "'*-{compact}T*.capture.gz' -p note='two words'"), DAY
    )
    assert words == (
        *(sys.executable, "-m", "titan.cli", "calibrate"),
        str(folder / "v-20261124T00.capture.gz"),
        str(folder / "v-20261124T01.capture.gz"),
        *("-p", "note=two words", "--settings", str(desk.settings_file)),
    )
    (absolute,) = commands_of(desk, Job("parity", None, f"{folder}/*-20261125*"), DAY)
    assert absolute[5] == str(folder / "v-20261125T00.capture.gz")


@pytest.fixture
def two_sessions(desk: Desk) -> list[str]:
    """Two sessions on paper, and one each of a day before, of shadow, of loopback and of a recorded market."""
    paper = [hold_session(desk.journals, "paper", 0.5, seed=seed).name for seed in (1, 2)]
    for seed, stage in enumerate(("shadow", "loopback", "research"), 3):
        hold_session(desk.journals, stage, 0.5, seed=seed)
    other = hold_session(desk.journals, "paper", 0.5, seed=6)
    other.rename(desk.journals / f"20200101{other.name[8:]}")
    return paper


def test_a_job_of_sessions_runs_for_each_that_traded_on_the_day(desk, two_sessions):
    day = datetime.strptime(two_sessions[0][:8], "%Y%m%d").date()
    world = World()
    asked = Job("parity", None, "-p session={session} -p captures=")
    assert run_job(desk, asked, day, world.tools).state == "done"
    assert [words[3:9] for words in world.commands] == [
        ("report", "parity", "-p", f"session={desk.journals / name}", "-p", "captures=")
        for name in two_sessions
    ]


def test_what_one_attempt_has_done_the_next_does_not_do_again(desk, two_sessions):
    day = datetime.strptime(two_sessions[0][:8], "%Y%m%d").date()
    world = World("no", "", "no", "")
    assert run_job(desk, Job("parity", None, "{session}"), day, world.tools).text == "attempt 3"
    assert [Path(words[5]).name for words in world.commands] == [
        two_sessions[number] for number in (0, 1, 0, 0)
    ]


def test_a_day_without_a_session_is_done_with_nothing(desk):
    world = World()
    asked = Job("parity", None, "-p session={session}")
    assert run_job(desk, asked, DAY, world.tools) == ("parity", DAY, "done", "nothing to do")
    assert (world.commands, done_days(desk, "parity")) == ([], {DAY})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [("nothing-{date}*", "no file matches nothing-2026-11-24*"), ("'open", "parity_arguments: No closing")],
)
def test_arguments_that_cannot_be_are_a_failure_like_any_other(desk, arguments, said):
    asked = Job("parity", None, arguments)
    with pytest.raises(ReportError, match=r"\[schedule\] parity_arguments"):
        commands_of(desk, asked, DAY)
    world = World()
    outcome = run_job(desk, asked, DAY, world.tools)
    assert outcome.state == "failed"
    assert said in outcome.text
    assert (world.commands, world.waits) == ([], [60, 120])


# ---- Processes


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.fixture
def run_in(tmp_path: Path):
    stopping = threading.Event()
    run = partial(execute, folder=tmp_path, log=tmp_path / "log", stopping=stopping)
    run.stopping = stopping
    return run


def test_a_command_that_ends_well_says_nothing_and_its_words_are_in_the_log(run_in, tmp_path):
    assert run_in(python("import os; print(os.getcwd())"), limit_s=60) == ""
    log = (tmp_path / "log").read_text()
    assert str(tmp_path) in log
    assert "getcwd" in log.splitlines()[0]


def test_a_command_that_fails_says_its_code_and_last_line(run_in, tmp_path):
    assert (
        run_in(python("import sys; sys.exit('what it was')"), limit_s=60)
        == "it ended with code 1: what it was"
    )
    run_in(python("print('again')"), limit_s=60)
    assert "what it was" in (tmp_path / "log").read_text()


WAITS = "import signal, sys; {before}print('up', flush=True); signal.pause()"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); "


@pytest.mark.parametrize("before", ["", DEAF])
def test_a_command_that_takes_too_long_is_ended(run_in, tmp_path, monkeypatch, before):
    monkeypatch.setattr("titan.reports.jobs.ENDING_S", 0.2)
    said = run_in(python(WAITS.format(before=before)), limit_s=1.0)
    assert said == "it ran longer than time_limit_s = 1"


def test_a_command_is_ended_with_the_schedule(run_in, tmp_path, monkeypatch):
    monkeypatch.setattr("titan.reports.jobs.LOOK_S", 0.05)
    started = []
    popen = subprocess.Popen

    def begin(*given, **more):
        started.append(popen(*given, **more))
        run_in.stopping.set()
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", begin)
    assert run_in(python(WAITS.format(before="")), limit_s=60) == "it was ended"
    assert started[0].returncode is not None
