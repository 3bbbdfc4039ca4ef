"""What ``titan report`` may be asked for."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command; nothing of the reports is imported."""
    report = commands.add_parser("report", help="the daily report, and the studies of research/")
    report.add_argument(
        "name", nargs="?", default="", metavar="NAME", help="daily, or a study (default: list the studies)"
    )
    report.add_argument(
        "-p", dest="given", action="append", default=[], metavar="KEY=VALUE", help="a parameter of a study"
    )
    asked = report.add_mutually_exclusive_group()
    asked.add_argument(
        "--session", default="", metavar="ID", help="daily: name or directory (default: the one last begun)"
    )
    asked.add_argument(
        "--date", default="", metavar="D", help="daily: every session created on this UTC day, YYYY-MM-DD"
    )
    report.add_argument("--settings", type=Path)
    report.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the .ipynb and .html (default: [reports] out)"
    )
    return report


def add_trace(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command; nothing of the reports is imported."""
    trace = commands.add_parser(
        "trace", help="from a fill back to its order, decision, parameters, code and data"
    )
    trace.add_argument("fill", metavar="FILL", help="the venue's trade id, or the order's client id")
    trace.add_argument(
        "--session", default="", metavar="ID", help="name or directory (default: all, the last first)"
    )
    trace.add_argument("--settings", type=Path)
    trace.add_argument("--json", action="store_true", help="one JSON object")
    return trace
