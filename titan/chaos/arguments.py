"""What ``titan chaos`` may be asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

SEEDS = 100
"""Trials that are run unless told otherwise."""

MOST_SEEDS = 2_000
"""Trials after which a protection that was taken away counts as not missed."""


def add_chaos(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command; nothing of the trials is imported."""
    chaos = commands.add_parser("chaos", help="seeded trials of the whole stack against a failing exchange")
    chaos.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help=f"how many (default {SEEDS}; {MOST_SEEDS} of a sabotage)",
    )
    chaos.add_argument("--first-seed", type=int, default=1, metavar="K", help="the first one (default 1)")
    chaos.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    chaos.add_argument(
        "--state", type=Path, metavar="FILE", help="note what is done there, and go on from it"
    )
    chaos.add_argument("--sockets", action="store_true", help="over real sockets, in real time")
    chaos.add_argument(
        "--table", type=Path, metavar="FILE.md", help="write which fault met an order in which state"
    )
    chaos.add_argument(
        "--sabotage",
        nargs="?",
        const="",
        metavar="NAME",
        help="take a protection away and count the seeds until found",
    )
    chaos.add_argument(
        "--json", action="store_true", help="one JSON object a trial that fails, and one at the end"
    )
    return chaos
