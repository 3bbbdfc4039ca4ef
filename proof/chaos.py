"""Twenty thousand trials of the whole stack in virtual time, against an exchange at which everything goes wrong."""

from __future__ import annotations

from pathlib import Path

from proof.parts.seeds import result_of, run_seeds
from proof.result import Result
from titan.chaos.run import Total

SEEDS = 20_000
WORKERS = 2


def run(state: Path, scale: float = 1.0) -> Result:
    """Run them; passed if no promise was broken."""
    return result_of("chaos", run_all(state, scale), state)


def run_all(state: Path, scale: float) -> Total:
    """Run what is not done yet, and add up."""
    return run_seeds(state, SEEDS, scale, WORKERS)
