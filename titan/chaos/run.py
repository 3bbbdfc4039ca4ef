"""Many trials: over processes, resumable, and what fails shortened to the faults that it needs."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from titan.chaos.schedule import Schedule, draw_schedule
from titan.chaos.trial import Outcome, run_trial
from titan.loopback.faults import Plan

COUNTED = ("events", "commands", "faults", "crashes")
NOTE_EVERY = 50
"""Trials after which the state file is written anew."""


class StateError(ValueError):
    """A state file that is none, or of other trials; the message names it and says what to do."""


class Failure(NamedTuple):
    """A trial that broke a promise, and the shortest schedule found that still breaks one."""

    outcome: Outcome
    schedule: Schedule


def run_trials(
    seeds: range, *, workers: int, state: Path | None, failed: Callable[[Failure], None]
) -> dict[str, int]:
    """Run every seed and add up.

    Parameters
    ----------
    seeds : range
        Which trials.
    workers : int
        Processes; 1 runs in this one.
    state : Path, optional
        Where the sums so far are kept: a run that was interrupted goes on behind them.
    failed : function
        Called with each failure as it is found.

    Returns
    -------
    dict
        seeds, steps, commands, faults, crashes, violations.

    Raises
    ------
    StateError
        If the state file cannot be used.
    """
    total = _begun(state, seeds)
    left = seeds[total["seeds"] :]
    for outcome in _outcomes(left, workers):
        total["seeds"] += 1
        total["steps"] += outcome.events
        for name in COUNTED[1:]:
            total[name] += getattr(outcome, name)
        if outcome.violations:
            total["violations"] += len(outcome.violations)
            failed(Failure(outcome, shortened(outcome.seed, draw_schedule(outcome.seed))))
        if state is not None and (total["seeds"] % NOTE_EVERY == 0 or total["seeds"] == len(seeds)):
            state.write_text(json.dumps({"first_seed": seeds.start, **total}) + "\n", encoding="utf-8")
    return total


def _begun(state: Path | None, seeds: range) -> dict[str, int]:
    fresh = dict.fromkeys(("seeds", "steps", "commands", "faults", "crashes", "violations"), 0)
    if state is None or not state.exists():
        return fresh
    try:
        found = json.loads(state.read_text(encoding="utf-8"))
        if found.pop("first_seed") != seeds.start or set(found) != set(fresh):
            raise StateError(f"{state}: is of other trials; name another file, or remove it")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        if isinstance(error, StateError):
            raise
        raise StateError(
            f"{state}: is no state of trials ({error}); name another file, or remove it"
        ) from None
    return {name: int(found[name]) for name in fresh}


def _outcomes(seeds: Iterable[int], workers: int) -> Iterator[Outcome]:
    """Every trial's outcome, in the order of the seeds."""
    if workers <= 1:
        yield from map(run_seed, seeds)
        return
    # A fresh process each: a fork would carry over this one's threads.
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(run_seed, seeds, chunksize=4)


def run_seed(seed: int) -> Outcome:
    """One trial as its seed draws it. A fault of ours that ends it is a violation too, whatever it is."""
    return attempt(seed, draw_schedule(seed))


def attempt(seed: int, schedule: Schedule) -> Outcome:
    """Run a trial; what it raises is what it found."""
    try:
        return run_trial(seed, schedule)
    # Anything at all that the runner raises under faults is a finding, and the other trials go on.
    except Exception as error:
        return Outcome(seed, 0, 0, 0, 0, (f"{type(error).__name__}: {error}",), "")


def shortened(seed: int, schedule: Schedule) -> Schedule:
    """The schedule without every fault and act that the failure does not need: one at a time is left out and tried."""
    for index in reversed(range(len(schedule.plan.faults))):
        faults = schedule.plan.faults
        fewer = Schedule(
            Plan(faults=faults[:index] + faults[index + 1 :], seed=schedule.plan.seed), schedule.acts
        )
        schedule = fewer if attempt(seed, fewer).violations else schedule
    for index in reversed(range(len(schedule.acts))):
        fewer = Schedule(schedule.plan, schedule.acts[:index] + schedule.acts[index + 1 :])
        schedule = fewer if attempt(seed, fewer).violations else schedule
    return schedule


def told(failure: Failure, *, as_json: bool) -> str:
    """A failure for people, or as one JSON object: what was violated, and the schedule that is enough for it."""
    outcome, schedule = failure
    plan: Any = msgspec.to_builtins(schedule.plan)
    if as_json:
        return json.dumps(
            {"seed": outcome.seed, "violations": outcome.violations, "plan": plan, "acts": schedule.acts}
        )
    lines = [f"seed {outcome.seed}: violated", *(f"  {text}" for text in outcome.violations), "  with only"]
    lines += [f"    {json.dumps({k: v for k, v in fault.items() if v})}" for fault in plan["faults"]]
    lines += [f"    {act} at {at_s:.3f} s" for at_s, act in schedule.acts]
    return "\n".join(lines)
