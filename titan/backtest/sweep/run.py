"""`sweep`: many parameter sets on one tape, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from types import ModuleType

import numba
from numba.core.errors import NumbaError, UnsupportedBytecodeError

from titan.backtest.sweep.linking import Function, Linker, LinkError, load
from titan.backtest.sweep.market import decide, simulate
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.reference import Reference
from titan.backtest.sweep.results import Integers, SetResult, SweepResult
from titan.backtest.sweep.strategies import write_decide
from titan.backtest.sweep.tape import Tape
from titan.backtest.sweep.worlds import (
    MOST_UNDER_WAY,
    UNDER_WAY,
    build_world,
    chosen_of,
    full_wires,
    no_fills,
    path_times,
    results,
)
from titan.model.contract import StrategyModule, View

FIRST_FILLS = 1 << 21
_typeof: Callable[[object], object] = numba.typeof
_CANNOT = (NumbaError, UnsupportedBytecodeError, LinkError)


class SweepError(ValueError):
    """A set that cannot be simulated to the end; the message names it."""


def sweep(
    tape: Tape,
    sets: Sequence[ParameterSet],
    *,
    interval_ms: int = 100,
    path_every: int = 10,
    workers: int = 1,
) -> SweepResult:
    """Let every set trade on the tape, all in one compiled pass, or in one a worker.

    A strategy that numba cannot compile runs by the same rules in plain Python, one set after another or over
    joblib; its results say so in `how`.

    Parameters
    ----------
    interval_ms : int
        Time between two looks of a strategy, as [live] quote_interval_ms.
    path_every : int
        Steps between two points of the paths.
    workers : int
        Threads that share the compiled sets out, each with a pass of its own, and processes for the sets that run in
        plain Python. Whatever their number, the result is the same.

    Raises
    ------
    SweepError
        If a strategy raises.
    ValueError
        If a set is out of range.
    """
    modules = checked_modules(sets, interval_ms, path_every)
    try:
        return run_passes(linked(modules), tape, sets, modules, interval_ms, path_every, workers)
    except _CANNOT:
        reasons = {module: why for module in modules if (why := why_not_compiled(module, sets))}
        if not reasons:
            raise
    plain = [one for one in sets if one.module in reasons]
    compiled = [one for one in sets if one.module not in reasons]
    found = dict(
        zip(
            [one.name for one in plain],
            _replay(tape, plain, reasons, interval_ms, path_every, workers),
            strict=True,
        )
    )
    mid = next(iter(found.values()))[1]
    done = {name: result for name, (result, _) in found.items()}
    if compiled:
        rest = [module for module in modules if module not in reasons]
        passed = run_passes(linked(rest), tape, compiled, rest, interval_ms, path_every, workers)
        done |= {result.name: result for result in passed.sets}
    path_ns = path_times(tape, interval_ms * 1_000_000, path_every, len(mid))
    return SweepResult(
        tuple(done[one.name] for one in sets), len(tape), path_ns, mid, tape.tick_size, tape.lot_size
    )


def checked_modules(sets: Sequence[ParameterSet], interval_ms: int, path_every: int) -> list[StrategyModule]:
    """The strategies of the sets, by name: the same ones are then compiled once, whatever their order."""
    if not sets:
        raise ValueError("sets is empty: must hold one or more")
    if len({one.name for one in sets}) < len(sets):
        raise ValueError("sets: two have the same name")
    if interval_ms < 1 or path_every < 1:
        raise ValueError(f"interval_ms = {interval_ms}, path_every = {path_every}: must be >= 1")
    for one in sets:
        one.check()
    return sorted({one.module for one in sets}, key=name_of)


def name_of(module: StrategyModule) -> str:
    """A strategy's ``package.module``."""
    return str(vars(module)["__name__"])


def linked(
    modules: Sequence[StrategyModule], substitutes: Mapping[Function, Function] | None = None
) -> ModuleType:
    """The pass, compiled for these strategies; `substitutes` take the place of some of its functions."""
    linker = Linker(substitutes)
    write_decide(linker, modules)
    linker.add_text(f"simulate = {linker.add(simulate)}")
    return load(linker.text)


def run_passes(
    compiled: ModuleType,
    tape: Tape,
    sets: Sequence[ParameterSet],
    modules: Sequence[StrategyModule],
    interval_ms: int,
    path_every: int,
    workers: int,
) -> SweepResult:
    """The sets shared out to threads: no set knows of another, so one pass of all is the same."""
    size = -(-len(sets) // max(workers, 1))
    shares = [sets[at : at + size] for at in range(0, len(sets), size)]
    with ThreadPoolExecutor(len(shares)) as threads:
        passes = [
            threads.submit(run_pass, compiled, tape, share, modules, interval_ms, path_every)
            for share in shares
        ]
        first, *others = [each.result() for each in passes]
    found = chain(first.sets, *(each.sets for each in others))
    return replace(first, sets=tuple(found))


def run_pass(
    compiled: ModuleType,
    tape: Tape,
    sets: Sequence[ParameterSet],
    modules: Sequence[StrategyModule],
    interval_ms: int,
    path_every: int,
) -> SweepResult:
    """One compiled pass, with as much room for fills as it turns out to need."""
    room, under_way = FIRST_FILLS, UNDER_WAY
    while True:
        world = build_world(tape, sets, modules, interval_ms * 1_000_000, path_every, under_way)
        fills = no_fills(room)
        try:
            whole = compiled.simulate(tape.columns, world, fills)
        except (ArithmeticError, ValueError) as error:
            full = full_wires(world.desk)
            if len(full) and under_way < MOST_UNDER_WAY:
                under_way *= 8
                continue
            name = sets[int(full[0] if len(full) else world.sheet.asking[0])].name
            raise SweepError(
                f"set {name}: {error}; `Reference` on this set alone gives the numbers"
            ) from error
        if whole:
            return results(tape, sets, world, fills)
        room *= 8  # and from the start again, which is rare and cheaper than watching every fill


def why_not_compiled(module: StrategyModule, sets: Sequence[ParameterSet]) -> str:
    """What numba says of a strategy, in one line; empty if it compiles it."""
    one = next(one for one in sets if one.module is module)
    linker = Linker()
    try:
        write_decide(linker, [module])
        linker.add_text(f"decide = {linker.claim(decide)}")
        chosen = chosen_of([one])
        arguments = (0, 0, View(*[0.0] * len(View._fields)), chosen)
        load(linker.text).decide.compile(tuple(map(_typeof, arguments)))
    except _CANNOT as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return next((line for line in lines if not line.startswith("Failed in")), type(error).__name__)
    return ""


def _replay(
    tape: Tape,
    sets: Sequence[ParameterSet],
    reasons: Mapping[StrategyModule, str],
    interval_ms: int,
    path_every: int,
    workers: int,
) -> list[tuple[SetResult, Integers]]:
    """Run sets in plain Python, over joblib if there are workers to share them."""
    jobs = [
        (tape, one, interval_ms * 1_000_000, path_every, f"plain Python, for numba: {reasons[one.module]}")
        for one in sets
    ]
    if workers == 1:
        return [_replay_one(*job) for job in jobs]
    import joblib

    named = [(job[0], replace(job[1], strategy=name_of(job[1].module)), *job[2:]) for job in jobs]
    done: list[tuple[SetResult, Integers]] = joblib.Parallel(n_jobs=workers)(
        joblib.delayed(_replay_one)(*job) for job in named
    )
    return done


def _replay_one(
    tape: Tape, one: ParameterSet, interval_ns: int, path_every: int, how: str
) -> tuple[SetResult, Integers]:
    reference = Reference(tape, one, interval_ns, path_every)
    try:
        return reference.run(how), reference.mids
    except (ArithmeticError, ValueError) as error:
        raise SweepError(f"set {one.name}: {error}") from error
