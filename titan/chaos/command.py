"""``titan chaos``: trials, the table of what they met, and what taking a protection away does."""

from __future__ import annotations

import argparse
import json

from titan.chaos.run import StateError, run_trials, told
from titan.live.errors import CLEAN, UsageError


def run(options: argparse.Namespace) -> int:
    """Carry out the command; the exit code."""
    try:
        total = run_trials(
            range(options.first_seed, options.first_seed + options.seeds),
            workers=options.workers,
            state=options.state,
            failed=lambda trial: tell(told(trial, as_json=options.json)),
        )
    except StateError as error:
        raise UsageError(str(error)) from None
    tell(json.dumps(total) if options.json else "  ".join(f"{name} {value}" for name, value in total.items()))
    return CLEAN if not total["violations"] else 1


def tell(text: str) -> None:
    """Print at once."""
    print(text, flush=True)
