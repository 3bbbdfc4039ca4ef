"""`titan promote` and `titan schedule`: what each may be given."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from titan.engine.promotion import STAGES
from titan.live.errors import CLEAN, UsageError

JOBS = ("daily_risk", "calibration", "parity")


def add_chain_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both; nothing of the reports is imported."""
    _add_promote(commands)
    _add_schedule(commands)


def _add_promote(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    promote = commands.add_parser(
        "promote", help="where a strategy stands between research and live; the next step, by its evidence"
    )
    promote.add_argument("name", metavar="NAME", help="the [strategy.NAME]")
    promote.add_argument(
        "--to",
        choices=STAGES,
        default="",
        help="the next stage, or any lower one (default: show where it stands)",
    )
    promote.add_argument(
        "--evidence",
        nargs="+",
        type=Path,
        default=[],
        metavar="PATH",
        help="sessions' directories and reports' .ipynb (default: those of the journals and reports folders)",
    )
    promote.add_argument("--operator", default="", metavar="NAME", help="who decides (default: this user)")
    promote.add_argument("--reason", default="", metavar="TEXT", help="why; it stands in the record")
    promote.add_argument("--settings", type=Path, help="settings file (default: the nearest settings.ini)")
    promote.add_argument("--json", action="store_true", help="one JSON object")
    promote.set_defaults(run=_promote)


def _promote(options: argparse.Namespace) -> int:
    from titan.reports.promote_command import run

    run(options)
    return CLEAN


def _add_schedule(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    schedule = commands.add_parser(
        "schedule", help="run the daily report, calibration and parity at the times of [schedule]"
    )
    asked = schedule.add_mutually_exclusive_group()
    asked.add_argument("--once", choices=JOBS, metavar="JOB", help=f"run one now: {', '.join(JOBS)}")
    asked.add_argument("--units", type=Path, metavar="DIR", help="write systemd's .service and .timer files")
    schedule.add_argument(
        "--date",
        type=_day,
        metavar="D",
        help="with --once: the day, YYYY-MM-DD (default: those that are due)",
    )
    schedule.add_argument("--again", action="store_true", help="with --once: though it is done")
    schedule.add_argument("--settings", type=Path, help="settings file (default: the nearest settings.ini)")
    schedule.set_defaults(run=_schedule)


def _schedule(options: argparse.Namespace) -> int:
    from titan.reports.schedule_command import run

    if (options.date or options.again) and not options.once:
        raise UsageError("--date and --again belong to --once JOB")
    return run(options)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: write a day as YYYY-MM-DD") from None
