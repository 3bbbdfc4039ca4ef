"""Benchmarks, each against a peer or a limit in the same run.

A module here is a benchmark if it has ``run() -> list of rows``; a row is {name, value, unit, peer, peer_value, ratio,
target, met}. One that needs recorded market data gives no rows where there is none.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def data_folder() -> Path:
    """Where recorded market data lies: `$TITAN_DATA`, or beside the repository."""
    return Path(os.environ.get("TITAN_DATA") or ROOT.parent / "shared" / "data")
