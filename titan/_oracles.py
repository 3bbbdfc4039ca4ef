"""Oracles: published or independently computed numbers that a notebook reproduces.

A notebook states each one with `oracle(...)`; `make oracles` runs the notebooks and prints what was recorded.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Oracle(NamedTuple):
    """One reproduced number: what was expected, what came out, how far apart they may be, and who says so."""

    name: str
    expected: float
    got: float
    tolerance: float
    source: str

    @property
    def ok(self) -> bool:
        """True when `got` lies within `tolerance` (absolute) of `expected`."""
        return math.isfinite(self.got) and abs(self.got - self.expected) <= self.tolerance


recorded: list[Oracle] = []


def oracle(name: str, expected: float, got: float, tolerance: float, source: str) -> None:
    """Record one oracle and assert it.

    Parameters
    ----------
    name : str
        What is reproduced, e.g. ``"AS spread, gamma .1"``.
    expected, got : float
        The published value and ours, in the same unit.
    tolerance : float
        Absolute tolerance; part of the oracle, never loosened to make it pass.
    source : str
        ``paper``, ``library`` or ``exact``, with the citation.

    Raises
    ------
    AssertionError
        If `got` is further than `tolerance` from `expected`, or not finite.
    """
    result = Oracle(name, float(expected), float(got), float(tolerance), source)
    recorded.append(result)
    if not result.ok:
        raise AssertionError(f"{name}: expected {expected} +- {tolerance} ({source}), got {got}")
