"""What taking a protection away does: trials are run until one misses it."""

from __future__ import annotations

from typing import NamedTuple

from titan.chaos.protection import Protection
from titan.chaos.protections import PROTECTIONS
from titan.chaos.run import TrialsError, attempt
from titan.chaos.schedule import Schedule


class UnknownProtection(TrialsError):
    """No protection has this name; the message lists those that there are."""


class Missed(NamedTuple):
    """How a protection was missed: after how many trials, and the first promise that was broken.

    `seeds` is None if no trial of those run broke one; `scene` is the desk on which it is needed.
    """

    protection: str
    duty: str
    seeds: int | None
    violation: str
    scene: str = ""


def sabotage(name: str, most_seeds: int, first_seed: int = 1) -> Missed:
    """Take a protection away and run trials until one breaks a promise.

    Raises
    ------
    UnknownProtection
        If there is none of this name.
    """
    if name not in PROTECTIONS:
        raise UnknownProtection(f"sabotage {name}: must be one of {', '.join(PROTECTIONS)}")
    found = PROTECTIONS[name]
    for seed in range(first_seed, most_seeds + 1):
        schedule = found.schedule(seed)
        with found.taken_away():
            violations = attempt(seed, schedule).violations
        if violations and not _fails_anyway(found, seed, schedule):
            return Missed(name, found.duty, seed, violations[0], found.scene)
    return Missed(name, found.duty, None, "", found.scene)


def _fails_anyway(found: Protection, seed: int, schedule: Schedule) -> bool:
    """Whether the trial breaks a promise with the protection, too: such a one tells nothing of it."""
    with found.in_place():
        return bool(attempt(seed, schedule).violations)
