"""``titan schedule``: the jobs of a day at their times, one of them now, or as units for systemd."""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from titan.live.errors import CLEAN, UsageError
from titan.live.telemetry import start_logging
from titan.reports.jobs import (
    Desk,
    Job,
    Outcome,
    Tools,
    desk_of,
    done_days,
    due_days,
    execute,
    jobs_of,
    last_day,
    run_job,
)
from titan.reports.units import write_units
from titan.settings import find
from titan.settings import load as load_settings

FAILED = 1
ALERT_S = 60.0
"""How long the program that is told of a failure may take."""


def run(options: argparse.Namespace) -> int:
    """Carry out the command; 1 if a job that was asked for has failed."""
    file = find() if options.settings is None else options.settings.resolve()
    settings = load_settings(file)
    desk, jobs = desk_of(file, settings), jobs_of(settings.schedule)
    if options.units is not None:
        return _units(desk, jobs, options.units)
    log = start_logging(settings.live.log_level)
    stopping = threading.Event()
    tools = Tools(
        execute=partial(execute, stopping=stopping),
        wait=stopping.wait,
        alert=partial(alert, log, desk),
        now=lambda: datetime.now(UTC),
    )
    with signals(stopping.set):
        if options.once:
            return _once(desk, jobs[options.once], tools, options.date, again=options.again)
        return serve(desk, jobs, tools, stopping)


def _units(desk: Desk, jobs: dict[str, Job], folder: Path) -> int:
    try:
        written = write_units(desk, jobs, folder)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}; name another folder with --units") from None
    if not written:
        raise UsageError("no job of [schedule] has a time; give one, such as daily_risk = 00:05")
    for path in written:
        print(path)
    return CLEAN


def _once(desk: Desk, job: Job, tools: Tools, day: date | None, *, again: bool) -> int:
    yesterday = last_day(job._replace(at=None), tools.now())
    days = [day or yesterday] if day or again else due_days(done_days(desk, job.name), yesterday)
    if not days:
        print(f"{job.name} {yesterday}: skipped: every day is done; --again makes it again")
    outcomes = _run(desk, job, days, tools, again=again)
    return FAILED if any(outcome.state in {"failed", "ended"} for outcome in outcomes) else CLEAN


def run_due(desk: Desk, job: Job, tools: Tools) -> list[Outcome]:
    """Run a job for every date that is due by now."""
    return _run(desk, job, due_days(done_days(desk, job.name), last_day(job, tools.now())), tools)


def _run(desk: Desk, job: Job, days: list[date], tools: Tools, *, again: bool = False) -> list[Outcome]:
    """Run a job for some dates, and say what became of each; none after one that was ended."""
    outcomes: list[Outcome] = []
    for day in days:
        outcome = run_job(desk, job, day, tools, again=again)
        print(f"{outcome.job} {outcome.day}: {outcome.state}: {outcome.text}", flush=True)
        outcomes.append(outcome)
        if outcome.state == "ended":
            break
    return outcomes


def alert(log: Any, desk: Desk, outcome: Outcome, where: Path) -> None:
    """Tell of a failure: in the log, and by the desk's own program if it has one."""
    told = f"{outcome.job} of {outcome.day} failed: {outcome.text}"
    log.error(told, code="job_failed", job=outcome.job, date=outcome.day.isoformat(), log=str(where))
    if not desk.stated.alert_command:
        return
    try:
        subprocess.run(
            shlex.split(desk.stated.alert_command), input=f"{told}; see {where}\n", text=True, check=True,
            timeout=ALERT_S, cwd=desk.settings_file.parent, capture_output=True,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.error(f"[schedule] alert_command: {error}", code="alert_failed")


# ---- At their times --------------------------------------------------------------------------------------


def trigger_of(job: Job) -> Any:
    """When a job runs: once a day at its time, UTC."""
    from apscheduler.triggers.cron import CronTrigger

    if job.at is None:
        raise ValueError(f"job {job.name} has no time")
    return CronTrigger(hour=job.at.hour, minute=job.at.minute, timezone=UTC)


def serve(desk: Desk, jobs: dict[str, Job], tools: Tools, stopping: threading.Event) -> int:
    """Run the jobs at their times, what was missed at once, until a signal says that it is enough.

    Raises
    ------
    UsageError
        If no job has a time, or the scheduler's library is not installed.
    """
    timed = [job for job in jobs.values() if job.at is not None]
    if not timed:
        raise UsageError("no job of [schedule] has a time; give one, such as daily_risk = 00:05")
    try:
        from apscheduler.events import EVENT_JOB_ERROR
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler
    except ModuleNotFoundError as error:
        raise UsageError(f"a schedule needs {error.name}: install titan-mm[schedule]") from None
    # One job at a time. A machine that slept through a time runs it once it is awake; days that were missed are due
    # then.
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    faults: list[BaseException] = []

    def on_fault(event: Any) -> None:
        faults.append(event.exception)
        stopping.set()

    scheduler.add_listener(on_fault, EVENT_JOB_ERROR)
    for job in timed:
        scheduler.add_job(
            run_due, trigger_of(job), args=(desk, job, tools), id=job.name, next_run_time=tools.now()
        )
    scheduler.start()
    print("schedule: " + ", ".join(f"{job.name} at {job.at:%H:%M} UTC" for job in timed), flush=True)
    stopping.wait()
    scheduler.shutdown()
    # A job that fails is told of and tried again; an error that is none of a job's is a fault of ours.
    if faults:
        raise faults[0]
    return CLEAN


@contextmanager
def signals(end: Callable[[], object]) -> Iterator[None]:
    """Within it, SIGINT and SIGTERM call a function."""
    before = {
        number: signal.signal(number, lambda number, frame: end())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
