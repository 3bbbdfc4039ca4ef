"""Protections that no trial of the exchange can miss, each with the tests that do, and pytest's way to run without one.

`pytest -p proof.parts.without FILE` runs a file of tests without the protection that `$TITAN_WITHOUT` names.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from proof.parts.sources import ROOT

VARIABLE = "TITAN_WITHOUT"


class Tested(NamedTuple):
    """A protection: its duty, where it stands (module, then names), what replaces it, and the tests that miss it."""

    duty: str
    module: str
    name: str
    instead: Callable[[Any], Any]
    """From what stands there."""
    tests: str


def _share_of_the_quantile(historical_tail: Any) -> Any:
    """An expected shortfall that is a fixed multiple of the value at risk."""

    def guessed(returns: Any, tail: float) -> Any:
        found = historical_tail(returns, tail)
        return found._replace(expected_shortfall=1.85 * found.value_at_risk)

    return guessed


TESTED: Mapping[str, Tested] = {
    "three_acts": Tested(
        "real money takes three acts of the operator",
        "titan.live.modes",
        "require_mode",
        lambda before: lambda settings, venue, acts: None,
        "tests/live/test_modes.py",
    ),
    "shortfall_is_a_mean": Tested(
        "an expected shortfall is the mean of the tail, not a multiple of its quantile",
        "titan.risk.tail",
        "historical_tail",
        _share_of_the_quantile,
        "tests/risk/test_tail.py",
    ),
    "ended_orders_forgotten": Tested(
        "what has ended is forgotten after its time: memory is bounded",
        "titan.engine.orders",
        "OrderManager.forget",
        lambda before: lambda orders, before_ns: None,
        "tests/engine/test_orders_unproven.py",
    ),
}
"""By name."""


def take_away(name: str) -> None:
    """Put the replacement in its place, for the rest of this process."""
    found = TESTED[name]
    owner: Any = importlib.import_module(found.module)
    *path, last = found.name.split(".")
    for part in path:
        owner = getattr(owner, part)
    setattr(owner, last, found.instead(getattr(owner, last)))


def pytest_configure() -> None:
    """Before any test is imported."""
    take_away(os.environ[VARIABLE])


def first_failure(name: str) -> str:
    """The first test that misses the protection; empty if none does.

    Raises
    ------
    RuntimeError
        If the tests did not run.
    """
    asked = ["-q", "-x", "-p", "no:cacheprovider", "-p", "proof.parts.without", TESTED[name].tests]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *asked],
        cwd=ROOT,
        env={**os.environ, VARIABLE: name},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    if done.returncode != 1 or not failed:
        raise RuntimeError(f"{TESTED[name].tests} did not run: {done.stdout[-500:]}{done.stderr[-500:]}")
    return failed[0].split()[1]
