"""Three hundred trials over real sockets and in real time, many of them side by side.

A trial lasts more than a minute and waits for most of it.
"""

from __future__ import annotations

from pathlib import Path

from proof.parts.seeds import result_of, run_seeds
from proof.result import Result

SEEDS = 300
SIDE_BY_SIDE = 10


def run(state: Path, scale: float = 1.0) -> Result:
    """Run them; passed if no promise was broken."""
    return result_of("sockets", run_seeds(state, SEEDS, scale, SIDE_BY_SIDE, sockets=True), state)
