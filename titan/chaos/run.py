"""Many trials: over processes, resumable, and what fails shortened to the faults that it needs."""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from titan.chaos.schedule import Schedule, draw_schedule
from titan.chaos.trial import Outcome, run_trial
from titan.loopback.faults import Plan

COUNTS = ("seeds", "steps", "commands", "faults", "crashes", "violations")
NOTE_EVERY = 50
"""Trials after which the state file is written anew."""


class TrialsError(ValueError):
    """Trials that cannot be run as asked for; the message says what to do."""


class StateError(TrialsError):
    """A state file that is none, or of other trials; the message names it and says what to do."""


class Failure(NamedTuple):
    """A trial that broke a promise, and the shortest schedule found that still breaks one."""

    outcome: Outcome
    schedule: Schedule


@dataclass
class Total:
    """What trials came to: counts by name, and how often each fault met an order in each state."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    met: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """One more."""
        counts = self.counts
        counts["seeds"] += 1
        counts["steps"] += outcome.events
        counts["commands"] += outcome.commands
        counts["faults"] += outcome.faults
        counts["crashes"] += outcome.crashes
        counts["violations"] += len(outcome.violations)
        for kind, state, count in outcome.met:
            self.met[kind, state] += count


def run_trials(
    seeds: range,
    *,
    workers: int,
    state: Path | None,
    failed: Callable[[Failure], None],
    sockets: bool = False,
) -> Total:
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
    sockets : bool
        Over real sockets and in real time: a minute and more a trial. A failure is not shortened then, for it need not
        come again.

    Raises
    ------
    StateError
        If the state file cannot be used.
    """
    total = _begun(state, seeds)
    left = seeds[total.counts["seeds"] :]
    for outcome in _outcomes(left, workers, sockets):
        total.add(outcome)
        if outcome.violations:
            drawn = draw_schedule(outcome.seed)
            failed(Failure(outcome, drawn if sockets else shortened(outcome.seed, drawn)))
        done = total.counts["seeds"]
        if state is not None and (done % NOTE_EVERY == 0 or done == len(seeds)):
            _note(state, seeds, total)
    return total


def _note(state: Path, seeds: range, total: Total) -> None:
    met = [(*cell, count) for cell, count in sorted(total.met.items())]
    text = json.dumps({"first_seed": seeds.start, **total.counts, "met": met})
    state.write_text(text + "\n", encoding="utf-8")


def _begun(state: Path | None, seeds: range) -> Total:
    if state is None or not state.exists():
        return Total()
    try:
        found = json.loads(state.read_text(encoding="utf-8"))
        met = Counter({(str(kind), str(order)): int(count) for kind, order, count in found.pop("met")})
        if found.pop("first_seed") != seeds.start or set(found) != set(COUNTS):
            raise StateError(f"{state}: is of other trials; name another file, or remove it")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        if isinstance(error, StateError):
            raise
        raise StateError(
            f"{state}: is no state of trials ({error}); name another file, or remove it"
        ) from None
    return Total({name: int(found[name]) for name in COUNTS}, met)


def _outcomes(seeds: Iterable[int], workers: int, sockets: bool) -> Iterator[Outcome]:
    """Every trial's outcome, in the order of the seeds."""
    run = partial(run_seed, sockets=sockets)
    if workers <= 1:
        yield from map(run, seeds)
        return
    # A fresh process each: a fork would carry over this one's threads.
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(run, seeds, chunksize=1 if sockets else 4)


def run_seed(seed: int, *, sockets: bool = False) -> Outcome:
    """One trial as its seed draws it. A fault of ours that ends it is a violation too, whatever it is."""
    return attempt(seed, draw_schedule(seed), sockets=sockets)


def attempt(seed: int, schedule: Schedule, *, sockets: bool = False) -> Outcome:
    """Run a trial; what it raises is what it found."""
    try:
        return run_trial(seed, schedule, sockets=sockets)
    # Anything at all that the runner raises under faults is a finding, and the other trials go on.
    except Exception as error:
        return Outcome(seed, 0, 0, 0, 0, (f"{type(error).__name__}: {error}",), "")


def shortened(seed: int, schedule: Schedule) -> Schedule:
    """The schedule without every fault and act that the failure does not need: one at a time is left out and tried."""
    for index in reversed(range(len(schedule.plan.faults))):
        faults = schedule.plan.faults
        plan = Plan(faults=faults[:index] + faults[index + 1 :], seed=schedule.plan.seed)
        fewer = schedule._replace(plan=plan)
        schedule = fewer if attempt(seed, fewer).violations else schedule
    for index in reversed(range(len(schedule.acts))):
        fewer = schedule._replace(acts=schedule.acts[:index] + schedule.acts[index + 1 :])
        schedule = fewer if attempt(seed, fewer).violations else schedule
    return schedule


def told(failure: Failure, *, as_json: bool) -> str:
    """A failure for people, or as one JSON object: what was violated, and the schedule that is enough for it.

    `waits` holds for each fault of the plan the state of an order that it waits for; empty if it waits for none.
    """
    outcome, schedule = failure
    plan: Any = msgspec.to_builtins(schedule.plan)
    states = {aim.fault: aim.state for aim in schedule.aims}
    waits = [str(states.get(fault, "")) for fault in schedule.plan.faults]
    if as_json:
        violated = {"seed": outcome.seed, "violations": outcome.violations}
        return json.dumps({**violated, "plan": plan, "waits": waits, "acts": schedule.acts})
    lines = [f"seed {outcome.seed}: violated", *(f"  {text}" for text in outcome.violations), "  with only"]
    for fault, state in zip(plan["faults"], waits, strict=True):
        text = json.dumps({name: value for name, value in fault.items() if value})
        lines.append(f"    {text}{f' once an order is {state}' if state else ''}")
    lines += [f"    {act} at {at_s:.3f} s" for at_s, act in schedule.acts]
    return "\n".join(lines)
