"""The jobs of a desk's day: once for each date, each in a process of its own, tried again, and told of where it fails.

What a job has done is a stamp, a file that is written after its success and never before. A date that has one is not
run again; one that has none is run again the next day too.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple

import msgspec

from titan.live.modes import mode_behind
from titan.reports.errors import ReportError
from titan.settings import Schedule, Settings
from titan.store.disk import put_whole
from titan.store.lock import AccountLock, AccountLocked
from titan.store.session import list_sessions

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "daily_risk": ("report", "daily"),
    "calibration": ("calibrate",),
    "parity": ("report", "parity"),
}
"""What each job asks of ``titan``."""

MOST_DAYS = 7
"""No more days than these are made up for."""

ENDING_S = 10.0
"""How long an attempt that ran out of time may take to end by itself."""

SESSION = "{session}"
TRADED = ("paper", "live")
"""Modes of sessions whose fills can be simulated again; canary is live here, for both are on the venue."""

LOOK_S = 0.5
"""Between two looks whether the schedule ends while a command runs."""


class Job(NamedTuple):
    """One of `COMMANDS`: when it runs, UTC, None for never, and what its command is given."""

    name: str
    at: time | None
    arguments: str


class Desk(NamedTuple):
    """Whose jobs they are."""

    settings_file: Path
    state: Path
    """Folder of the stamps and logs."""
    journals: Path
    stated: Schedule


class Outcome(NamedTuple):
    """How a job ended for one date."""

    job: str
    day: date
    state: Literal["done", "skipped", "failed", "ended"]
    """Ended: by who ended the schedule. Nothing is stamped, and nobody is alerted."""
    text: str


class Stamp(msgspec.Struct, frozen=True):
    """What was done: how, when and at which attempt."""

    job: str
    day: str
    commands: tuple[tuple[str, ...], ...]
    attempts: int
    finished: str


class Tools(NamedTuple):
    """What a job needs of the world."""

    execute: Callable[[Sequence[str], Path, Path, float], str]
    """Runs a command in a folder, its output into a log, within seconds; what went wrong, or nothing."""
    wait: Callable[[float], bool]
    """Waits for seconds; true, and at once, if the schedule shall end."""
    alert: Callable[[Outcome, Path], None]
    """Tells of a job that failed, and where its log lies."""
    now: Callable[[], datetime]


def desk_of(settings_file: Path, settings: Settings) -> Desk:
    """A desk's jobs, as its settings have them."""
    project = settings.project
    return Desk(settings_file, project.data / "schedule", project.journals, settings.schedule)


def jobs_of(stated: Schedule) -> dict[str, Job]:
    """Every job by its name, those that never run included."""
    found = {}
    for name in COMMANDS:
        at = getattr(stated, name)
        found[name] = Job(
            name,
            time.fromisoformat(at).replace(tzinfo=UTC) if at else None,
            getattr(stated, f"{name}_arguments"),
        )
    return found


# ---- Which days ------------------------------------------------------------------------------------------


def stamp_path(desk: Desk, job: str, day: date) -> Path:
    """Where the stamp of a job's date lies; its log is beside it."""
    return desk.state / job / f"{day.isoformat()}.json"


def done_days(desk: Desk, job: str) -> set[date]:
    """The dates that a job has done."""
    return {date.fromisoformat(path.stem) for path in (desk.state / job).glob("????-??-??.json")}


def due_days(done: Collection[date], last: date) -> list[date]:
    """The dates up to `last` that are to be run, the oldest first: those since the first that was done, a week at most.

    A job that has done nothing yet begins with `last`: what was before a desk began is not made up for.
    """
    first = max(min([*done, last]), last - timedelta(days=MOST_DAYS - 1))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [day for day in days if day not in done]


def last_day(job: Job, now: datetime) -> date:
    """The last date whose time to be run has come: yesterday, or the day before while it is too early."""
    early = job.at is not None and now.timetz() < job.at
    return now.date() - timedelta(days=2 if early else 1)


# ---- One date --------------------------------------------------------------------------------------------


def run_job(desk: Desk, job: Job, day: date, tools: Tools, *, again: bool = False) -> Outcome:
    """Run a job for a date, unless it is done or another process is at it; a failure is told of."""
    stamp = stamp_path(desk, job.name, day)
    if stamp.exists() and not again:
        return Outcome(job.name, day, "skipped", f"done before, see {stamp}; --again makes it again")
    try:
        with AccountLock(desk.state, f"{job.name} {day.isoformat()}"):
            outcome = _try_often(desk, job, day, tools)
    except AccountLocked as error:
        return Outcome(job.name, day, "skipped", f"process {error.pid} is at it")
    except OSError as error:
        outcome = Outcome(
            job.name, day, "failed", f"{error.filename}: {error.strerror}; correct [project] data"
        )
    if outcome.state == "failed":
        tools.alert(outcome, stamp.with_suffix(".log"))
    return outcome


def _try_often(desk: Desk, job: Job, day: date, tools: Tools) -> Outcome:
    """Attempt what is left of a job until nothing is; what was done in one attempt is not done again in the next."""
    stamp, stated = stamp_path(desk, job.name, day), desk.stated
    stamp.parent.mkdir(parents=True, exist_ok=True)
    done: list[tuple[str, ...]] = []
    wait_s, why = stated.retry_s, ""
    for attempt in range(1, stated.attempts + 1):
        why = _attempt(desk, job, day, tools, done)
        if not why:
            now = tools.now().isoformat()
            stamped = Stamp(job.name, day.isoformat(), tuple(done), attempt, now)
            put_whole(stamp, msgspec.json.format(msgspec.json.encode(stamped), indent=1) + b"\n")
            return Outcome(job.name, day, "done", f"attempt {attempt}" if done else "nothing to do")
        if tools.wait(min(wait_s, stated.longest_retry_s) if attempt < stated.attempts else 0.0):
            return Outcome(job.name, day, "ended", f"{why}; the schedule ends")
        wait_s *= 2
    return Outcome(job.name, day, "failed", f"{why}; attempts: {stated.attempts}")


def _attempt(desk: Desk, job: Job, day: date, tools: Tools, done: list[tuple[str, ...]]) -> str:
    """Run a job's commands that are not `done`, each though another fails; the last thing that went wrong."""
    log, why = stamp_path(desk, job.name, day).with_suffix(".log"), ""
    try:
        commands = commands_of(desk, job, day)
    except ReportError as error:
        return str(error)
    for command in commands:
        if command in done:
            continue
        wrong = tools.execute(command, desk.settings_file.parent, log, desk.stated.time_limit_s)
        if not wrong:
            done.append(command)
        elif tools.wait(0.0):
            return wrong
        why = wrong or why
    return why


def commands_of(desk: Desk, job: Job, day: date) -> list[tuple[str, ...]]:
    """The words of a job's command for a date; where they name ``{session}``, one command for each that traded then.

    Raises
    ------
    ReportError
        If the arguments cannot be read, or no file matches a pattern among them.
    """
    filled = job.arguments.replace("{date}", day.isoformat()).replace("{compact}", f"{day:%Y%m%d}")
    try:
        words = shlex.split(filled)
    except ValueError as error:
        raise ReportError(f"[schedule] {job.name}_arguments: {error}") from None
    given = [each for word in words for each in _files(job, desk.settings_file.parent, word)]
    settings = ("--settings", str(desk.settings_file))
    command = (sys.executable, "-m", "titan.cli", *COMMANDS[job.name], *given, *settings)
    if not any(SESSION in word for word in given):
        return [command]
    return [
        tuple(word.replace(SESSION, str(session)) for word in command)
        for session in sessions_of(desk.journals, day)
    ]


def sessions_of(journals: Path, day: date) -> list[Path]:
    """The sessions that began on a date and traded, on paper or for money."""
    return [
        info.directory
        for info in list_sessions(journals)
        if info.session.startswith(f"{day:%Y%m%d}T")
        and info.header is not None
        and mode_behind(info.header.account, 1.0) in TRADED
    ]


def _files(job: Job, folder: Path, word: str) -> list[str]:
    """The files that a pattern stands for; any other word itself."""
    if not set(word) & set("*?["):
        return [word]
    root = Path(Path(word).anchor) if Path(word).is_absolute() else folder
    found = sorted(str(path) for path in root.glob(str(Path(word).relative_to(Path(word).anchor))))
    if not found:
        raise ReportError(f"[schedule] {job.name}_arguments: no file matches {word} in {folder}")
    return found


# ---- A process of its own --------------------------------------------------------------------------------


def execute(
    command: Sequence[str], folder: Path, log: Path, limit_s: float, *, stopping: threading.Event
) -> str:
    """Run a command in a folder, its output at the end of a log; what went wrong, or nothing.

    One that runs out of time, or still runs when the schedule ends, is asked to end, then ended, and so is everything
    that it has started.
    """
    with log.open("ab") as output:
        output.write(f"{shlex.join(command)}\n".encode())
        output.flush()
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            _await(process, limit_s, stopping)
        finally:
            ended = process.poll() is None
            if ended:
                _end(process)
    if ended:
        return "it was ended" if stopping.is_set() else f"it ran longer than time_limit_s = {limit_s:g}"
    code = process.returncode
    return "" if code == 0 else f"it ended with code {code}: {_last_line(log)}"


def _await(process: subprocess.Popen[bytes], limit_s: float, stopping: threading.Event) -> None:
    """Return once a process has ended, or is to be ended."""
    deadline = monotonic() + limit_s
    while not stopping.is_set() and (left_s := deadline - monotonic()) > 0:
        try:
            process.wait(min(left_s, LOOK_S))
        except subprocess.TimeoutExpired:
            continue
        return


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and what it has started."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "")
