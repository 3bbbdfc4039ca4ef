"""What taking a protection away does: trials are run until one misses it."""

from __future__ import annotations

from typing import NamedTuple

from titan.chaos.protections import PROTECTIONS
from titan.chaos.run import TrialsError, run_seed


class UnknownProtection(TrialsError):
    """No protection has this name; the message lists those that there are."""


class Missed(NamedTuple):
    """How a protection was missed: after how many trials, and the first promise that was broken.

    `seeds` is None if no trial of those run broke one; `second_line` says why none need.
    """

    protection: str
    duty: str
    seeds: int | None
    violation: str
    second_line: str = ""


def sabotage(name: str, most_seeds: int) -> Missed:
    """Take a protection away and run trials, from seed 1 on, until one breaks a promise.

    Raises
    ------
    UnknownProtection
        If there is none of this name.
    """
    if name not in PROTECTIONS:
        raise UnknownProtection(f"sabotage {name}: must be one of {', '.join(PROTECTIONS)}")
    found = PROTECTIONS[name]
    for seed in range(1, most_seeds + 1):
        with found.taken_away():
            violations = run_seed(seed).violations
        # A seed that fails anyway tells nothing of this protection.
        if violations and not run_seed(seed).violations:
            return Missed(name, found.duty, seed, violations[0])
    return Missed(name, found.duty, None, "", found.second_line)
