"""Which fault met orders in which state, in the trials of `proof.chaos`: fifty times and more wherever it can.

`python -m proof.coverage --page` writes docs/coverage.md from them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from proof import chaos
from proof.parts import sources
from proof.parts.pages import page_command
from proof.result import Result
from titan.chaos.coverage import STATES, UNREACHABLE, impossible, table
from titan.chaos.run import Total
from titan.loopback.faults import Kind

LEAST = 50
"""Of a cell, in all seeds; a share of them needs that share."""

PAGE = sources.ROOT / "docs" / "coverage.md"


def run(state: Path, scale: float = 1.0) -> Result:
    """Look at what the seeds met; those that are not run yet are run."""
    return result_of(chaos.run_all(state.parent / "chaos", scale), LEAST * scale)


def result_of(total: Total, least: float) -> Result:
    """Passed if every reachable cell was met so often, and no other one at all."""
    cells = {(kind, state): total.met[kind, state] for kind in Kind for state in STATES}
    seldom = [
        f"{kind} while {state}: met {count} times, {least:g} are asked for"
        for (kind, state), count in cells.items()
        if count < least and (kind, state) not in UNREACHABLE
    ]
    wrong = [f"{kind} while {state}: met, and called unreachable" for kind, state in impossible(total.met)]
    reachable = [count for cell, count in cells.items() if cell not in UNREACHABLE]
    summary = (
        f"{len(reachable) - len(seldom)} of {len(reachable)} reachable cells met at least {least:g} times in "
        f"{total.counts['seeds']:,} seeds; the rarest {min(reachable)} times"
    )
    return Result("coverage", not seldom and not wrong, summary, (*seldom, *wrong))


def page(state: Path, scale: float) -> str:
    """The table, from the seeds that are done."""
    total = chaos.run_all(state / "chaos", scale)
    made = f"Made by `python -m proof.coverage --page` at commit `{sources.commit()}`."
    seeds = range(1, 1 + total.counts["seeds"])
    return table(total.met, seeds, made)


if __name__ == "__main__":
    sys.exit(page_command("coverage", page, PAGE))
