"""``titan schedule`` as an operator has it: real processes, systemd's units, alerts."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.live.desks import write_settings
from titan.cli import main
from titan.live.errors import UsageError
from titan.live.telemetry import start_logging
from titan.reports import schedule_command
from titan.reports.jobs import Desk, Outcome, Tools, jobs_of
from titan.reports.schedule_command import alert, run_due, serve
from titan.settings import Schedule, SettingsError, load


def write_desk(folder: Path, **changes: object) -> Path:
    wanted = {"schedule__retry_s": 0, "schedule__attempts": 1, **changes}
    return write_settings(folder, project__data=folder / "data", reports__out=folder / "reports", **wanted)


def schedule(file: Path, *arguments: str) -> int:
    return main(["schedule", "--settings", str(file), *arguments])


def failures(text: str) -> list[dict[str, str]]:
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("code") == "job_failed"]


# ---- One job now


def test_a_job_that_fails_ends_with_1_and_is_told(tmp_path, capsys):
    """There is no session of that day, which the real report says in a process of its own."""
    file = write_desk(tmp_path)
    assert schedule(file, "--once", "daily_risk", "--date", "2020-01-02") == 1
    told = capsys.readouterr()
    assert re.search(
        r"^daily_risk 2020-01-02: failed: it ended with code 2: .*; attempts: 1$", told.out, re.M
    )
    (line,) = failures(told.err)
    assert (line["job"], line["date"], line["level"]) == ("daily_risk", "2020-01-02", "error")
    assert "2020-01-02" in line["event"]
    log = Path(line["log"]).read_text()
    assert log.count("report daily --date 2020-01-02 --settings") == 1
    assert not Path(line["log"]).with_suffix(".json").exists()


QUICK = ("--help",)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desk whose parity is a real command that needs no notebook: titan's own help."""
    monkeypatch.setattr("titan.reports.jobs.COMMANDS", {"parity": QUICK})
    return write_desk(tmp_path, schedule__parity_arguments="")


def test_a_job_is_done_once_for_a_date(desk, capsys):
    asked = ["--once", "parity", "--date", "2026-11-24"]
    assert schedule(desk, *asked) == 0
    assert "parity 2026-11-24: done: attempt 1" in capsys.readouterr().out
    log = desk.parent / "data" / "schedule" / "parity" / "2026-11-24.log"
    assert "Tools around a desk." in log.read_text()
    assert schedule(desk, *asked) == 0
    assert "parity 2026-11-24: skipped: done before" in capsys.readouterr().out
    assert schedule(desk, *asked, "--again") == 0
    assert "parity 2026-11-24: done" in capsys.readouterr().out
    assert len(re.findall(r"titan\.cli --help --settings", log.read_text())) == 2


def test_without_a_date_the_days_that_are_due_are_run(desk, capsys):
    assert schedule(desk, "--once", "parity") == 0
    day = re.search(r"^parity (\S+): done", capsys.readouterr().out, re.M)[1]
    assert 0 <= (datetime.now(UTC).date() - date.fromisoformat(day)).days <= 2
    assert schedule(desk, "--once", "parity") == 0
    assert f"parity {day}: skipped: every day is done" in capsys.readouterr().out


@pytest.mark.parametrize("given", [["--date", "2026-11-24"], ["--again"]])
def test_a_date_without_a_job_is_refused(tmp_path, capsys, given):
    assert schedule(write_desk(tmp_path), *given) == 2
    assert "--date and --again belong to --once JOB" in capsys.readouterr().err


@pytest.mark.parametrize("given", [["--once", "lunch"], ["--once", "parity", "--date", "24.11."]])
def test_an_unknown_job_and_a_day_that_is_none_are_refused(tmp_path, given):
    with pytest.raises(SystemExit) as ended:
        schedule(write_desk(tmp_path), *given)
    assert ended.value.code == 2


@pytest.mark.parametrize("at", ["24:00", "7:30", "12:60", "soon"])
def test_a_time_that_is_none_is_refused(tmp_path, at):
    with pytest.raises(SettingsError, match=r"\[schedule\] daily_risk"):
        load(write_desk(tmp_path, schedule__daily_risk=at), environment={})


# ---- Alerts


def told_by(folder: Path, command: str, capsys: pytest.CaptureFixture[str]) -> str:
    desk = Desk(folder / "settings.ini", folder, folder, Schedule(alert_command=command))
    outcome = Outcome("parity", date(2026, 11, 24), "failed", "it ended with code 1")
    alert(start_logging("info"), desk, outcome, folder / "log")
    return capsys.readouterr().err


def test_the_desks_own_program_is_told_by_one_line(tmp_path, capsys):
    code = "import sys; open('heard', 'w').write(sys.stdin.read())"
    said = told_by(tmp_path, f'{sys.executable} -c "{code}"', capsys)
    assert failures(said)[0]["event"] == "parity of 2026-11-24 failed: it ended with code 1"
    heard = f"parity of 2026-11-24 failed: it ended with code 1; see {tmp_path / 'log'}\n"
    assert (tmp_path / "heard").read_text() == heard


@pytest.mark.parametrize("command", ["/no/such/program", f"{sys.executable} -c 1/0", "'open"])
def test_a_program_that_cannot_be_told_is_told_of(tmp_path, capsys, command):
    said = told_by(tmp_path, command, capsys)
    assert len(failures(said)) == 1
    assert json.loads(said.splitlines()[-1])["code"] == "alert_failed"


# ---- At their times


def test_the_schedule_runs_what_is_due_and_ends_by_a_signal(desk):
    """A process of its own: it makes up for yesterday at once, then waits for its time until SIGTERM."""
    code = (
        f"import sys; from titan.reports import jobs; jobs.COMMANDS = {{'parity': {QUICK}}}\n"
        "from titan import cli; sys.exit(cli.main(sys.argv[1:]))"
    )
    write_desk(desk.parent, schedule__parity_arguments="", schedule__parity="00:00")
    command = [sys.executable, "-c", code, "schedule", "--settings", str(desk)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(30) == 0, rest
    assert "schedule: parity at 00:00 UTC\n" in lines
    assert any(re.fullmatch(r"parity \S+: done: attempt 1\n", line) for line in lines)


def test_a_schedule_without_a_time_or_its_library_is_refused(tmp_path, monkeypatch, capsys):
    file = write_desk(tmp_path, schedule__daily_risk="")
    assert schedule(file) == 2
    assert "no job of [schedule] has a time; give one, such as daily_risk = 00:05" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "apscheduler", None)
    monkeypatch.setitem(sys.modules, "apscheduler.events", None)
    assert schedule(write_desk(tmp_path)) == 2
    assert "install titan-mm[schedule]" in capsys.readouterr().err


def test_a_fault_of_ours_ends_the_schedule(tmp_path, monkeypatch):
    """What a job says is told and tried again; a fault is neither, and must not go on unseen."""

    def fault(*given: object) -> list[Outcome]:
        raise LookupError("ours")

    monkeypatch.setattr(schedule_command, "run_due", fault)
    stopping = threading.Event()
    tools = Tools(lambda *given: "", stopping.wait, lambda *given: None, lambda: datetime.now(UTC))
    desk = Desk(tmp_path / "settings.ini", tmp_path, tmp_path, Schedule())
    with pytest.raises(LookupError, match="ours"):
        serve(desk, jobs_of(desk.stated), tools, stopping)


def test_no_day_is_begun_after_one_that_was_ended(tmp_path):
    (tmp_path / "daily_risk").mkdir()
    (tmp_path / "daily_risk" / "2026-11-21.json").write_text("{}")
    desk = Desk(tmp_path / "settings.ini", tmp_path, tmp_path, Schedule())
    tools = Tools(
        lambda *given: "it was ended", lambda wait_s: True, lambda *given: None,
        lambda: datetime(2026, 11, 25, 1, tzinfo=UTC),
    )  # fmt: skip
    told = run_due(desk, jobs_of(desk.stated)["daily_risk"], tools)
    assert [(each.day.day, each.state) for each in told] == [(22, "ended")]


# ---- Units


@pytest.fixture
def units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[Path]:
    """Of a desk in a folder with everything in its name that systemd takes for its own."""
    folder = tmp_path / 'a %n "$b" c'
    folder.mkdir()
    file = write_desk(folder, schedule__parity="02:30", schedule__attempts=3, schedule__retry_s=60)
    assert schedule(file, "--units", str(tmp_path / "units")) == 0
    return [Path(line) for line in capsys.readouterr().out.splitlines()]


def read_unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read(path)
    return parser


def test_a_job_with_a_time_has_a_service_and_a_timer(units):
    names = [
        "titan-daily-risk.service",
        "titan-daily-risk.timer",
        "titan-parity.service",
        "titan-parity.timer",
    ]
    assert [path.name for path in units] == names
    timer, service = read_unit(units[3]), read_unit(units[2])
    assert timer["Timer"]["OnCalendar"] == "*-*-* 02:30:00 UTC"
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert service["Service"]["Type"] == "oneshot"
    assert "schedule" in service["Service"]["ExecStart"]
    # Three attempts of an hour and ten seconds, waits of 60 and 120 s, and a minute.
    assert service["Service"]["TimeoutStartSec"] == str(3 * 3_610 + 180 + 60)


@pytest.mark.parametrize("harm", [("", ""), ("Type=oneshot", "Type=onceshot"), ("02:30:00", "02:65:00")])
def test_systemd_has_nothing_against_them_and_would_say_so(units, tmp_path, harm):
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed")
    if harm[0]:
        for path in units:
            path.write_text(path.read_text().replace(*harm))
    done = subprocess.run(
        [verify, "verify", "--user", *units], capture_output=True, text=True, check=False,
        env={"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
    )  # fmt: skip
    about_ours = [line for line in done.stderr.splitlines() if "titan-" in line]
    assert bool(about_ours) == bool(harm[0]), done.stderr
    assert harm[0] or done.returncode == 0, done.stderr


def test_the_command_of_a_unit_is_read_back_as_it_was_meant(units):
    stated = read_unit(units[2])["Service"]["ExecStart"]
    words = [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r'"((?:\\.|[^"\\])*)"', stated)]
    words = [word.replace("%%", "%").replace("$$", "$") for word in words]
    folder = units[0].parents[1] / 'a %n "$b" c'
    command = ["schedule", "--once", "parity", "--settings", str(folder / "settings.ini")]
    assert words == [sys.executable, "-m", "titan.cli", *command]


def test_units_that_cannot_be_written_are_told(tmp_path, capsys):
    file = write_desk(tmp_path)
    assert schedule(file, "--units", str(file)) == 2
    assert "name another folder with --units" in capsys.readouterr().err
    assert schedule(write_desk(tmp_path, schedule__daily_risk=""), "--units", str(tmp_path / "u")) == 2
    with pytest.raises(UsageError, match="no job"):
        serve(Desk(file, tmp_path, tmp_path, Schedule(daily_risk="")), jobs_of(Schedule(daily_risk="")),
              Tools(lambda *given: "", partial(bool), lambda *given: None, lambda: datetime.now(UTC)),
              threading.Event())  # fmt: skip
