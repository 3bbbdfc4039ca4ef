"""``titan chaos``: trials, the table of what they met, and what taking a protection away does."""

from __future__ import annotations

import argparse
import json

from titan.chaos.arguments import MOST_SEEDS, SEEDS
from titan.chaos.coverage import table
from titan.chaos.protections import PROTECTIONS
from titan.chaos.run import Total, TrialsError, run_trials, told
from titan.chaos.sabotage import Missed, sabotage
from titan.live.errors import CLEAN, UsageError


def run(options: argparse.Namespace) -> int:
    """Carry out the command; the exit code."""
    try:
        return _sabotage(options) if options.sabotage is not None else _trials(options)
    except TrialsError as error:
        raise UsageError(str(error)) from None


def _trials(options: argparse.Namespace) -> int:
    seeds = range(options.first_seed, options.first_seed + (options.seeds or SEEDS))
    total = run_trials(
        seeds,
        workers=options.workers,
        state=options.state,
        failed=lambda trial: _tell(told(trial, as_json=options.json)),
        sockets=options.sockets,
    )
    if options.table is not None:
        _write_table(options, seeds, total)
    counts = total.counts
    _tell(
        json.dumps(counts) if options.json else "  ".join(f"{name} {value}" for name, value in counts.items())
    )
    return CLEAN if not counts["violations"] else 1


def _write_table(options: argparse.Namespace, seeds: range, total: Total) -> None:
    try:
        options.table.write_text(table(total.met, seeds), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"table {options.table}: {error.strerror}; name a file that can be written"
        ) from None


def _sabotage(options: argparse.Namespace) -> int:
    """Take protections away, one after another; 1 if one is not missed."""
    found = [
        _shown(sabotage(name, options.seeds or MOST_SEEDS), as_json=options.json)
        for name in ([options.sabotage] if options.sabotage else PROTECTIONS)
    ]
    return CLEAN if all(missed.seeds is not None for missed in found) else 1


def _shown(missed: Missed, *, as_json: bool) -> Missed:
    if as_json:
        _tell(json.dumps(missed._asdict()))
    else:
        after = f"missed after {missed.seeds} seeds: {missed.violation}"
        if missed.seeds is None:
            after = "not missed: an invariant is lacking"
        where = f" ({missed.scene})" if missed.scene else ""
        _tell(f"{missed.protection}: {missed.duty}{where}\n  {after}")
    return missed


def _tell(text: str) -> None:
    print(text, flush=True)
