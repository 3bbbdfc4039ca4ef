"""What speaks for a promotion: the sessions of a stage and the studies about them, found, checked and added up."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from titan.engine.configuration import KernelConfig
from titan.engine.promotion import Gates, Identity, Measured, departure
from titan.engine.strategies import StrategyError
from titan.evaluation.performance import max_drawdown
from titan.reports.errors import ReportError
from titan.reports.findings import Findings, read_findings
from titan.reports.watched import Watched, config_of, identity_then, stage_of, watch_session
from titan.store.framing import CAPTURE, JOURNAL, JournalError
from titan.store.journal import SessionReader
from titan.store.promotions import Evidence
from titan.store.session import list_sessions

HOUR_NS = 3_600_000_000_000


class Sought(NamedTuple):
    """What is looked for."""

    strategy: str
    stage: str
    present: Identity
    since_ns: int
    """A session of a stage that is entered counts from then on; 0 for research."""


class Found(NamedTuple):
    """What was found: the numbers, the files behind them, and what was left out and why."""

    measured: Measured
    files: tuple[Evidence, ...]
    left_out: tuple[str, ...]


def gather(sought: Sought, gates: Gates, sessions: Iterable[Path], notebooks: Iterable[Path]) -> Found:
    """Look through sessions and notebooks; what is of another stage or strategy is passed over without a word."""
    left_out: list[str] = []
    watched: dict[Path, Watched] = {}
    for directory in sessions:
        try:
            seen = _session(sought, directory)
        except (ReportError, JournalError, StrategyError) as error:
            left_out.append(f"session {directory.name}: {error}")
            continue
        if seen is not None:
            watched[directory] = seen
    counted = {seen.session: seen for seen in watched.values()}
    found = list(_studies(sought, counted, notebooks, left_out))
    files = [_evidence("session", directory) for directory in watched]
    files += [_evidence(findings.study, path) for path, findings in found]
    told = [findings for _, findings in found]
    tried = {symbol for each in told if each.identity is not None for symbol in each.identity.parameters}
    if untried := sorted(set(sought.present.parameters) - tried):
        # What one symbol shows says nothing of another.
        kept = [msgspec.structs.replace(each, measured=_without(each.measured, "dsr")) for each in told]
        if kept != told:
            left_out.append(f"dsr of the studies: none tried {untried[0]}")
        told = kept
    measured = add_up(sought.stage, gates, list(watched.values()), told)
    return Found(measured, tuple(dict.fromkeys(files)), tuple(left_out))


def journals_in(folder: Path) -> list[Path]:
    """Every session of a folder that began."""
    return [info.directory for info in list_sessions(folder) if info.header is not None]


def _session(sought: Sought, directory: Path) -> Watched | None:
    """One session of the stage; None where it is of another, or of other strategies.

    Raises
    ------
    ReportError, JournalError, StrategyError
        If it is of the stage and the strategy, and still says nothing of the strategy as it is now.
    """
    header = SessionReader(directory).header
    config = config_of(header)
    then = identity_then(header, config, sought.present, sought.strategy)
    if then is None or stage_of(header, config) != sought.stage:
        return None
    if header.created_ns < sought.since_ns:
        raise ReportError(f"it began before the strategy was at {sought.stage}")
    moved = _departure(sought, then)
    if moved:
        raise ReportError(f"another strategy than now: {moved}")

    def departed(later: KernelConfig) -> str:
        return _departure(sought, identity_then(header, later, sought.present, sought.strategy) or then)

    return watch_session(directory, config, sought.strategy, departed)


def _departure(sought: Sought, then: Identity) -> str:
    """Why a strategy was another one than now; one that traded fewer symbols was."""
    lacking = sorted(set(sought.present.parameters) - set(then.parameters))
    return departure(sought.present, then) or (f"it did not trade {lacking[0]}" if lacking else "")


def _studies(
    sought: Sought, counted: dict[str, Watched], notebooks: Iterable[Path], left_out: list[str]
) -> Iterable[tuple[Path, Findings]]:
    for path in notebooks:
        try:
            read = read_findings(path)
        except ReportError as error:
            left_out.append(str(error))
            continue
        for findings in read:
            if findings.strategy not in {sought.strategy, sought.present.code}:
                continue
            why = _strange(sought, counted, findings)
            if why:
                left_out.append(f"report {path.name}: {why}")
            else:
                yield path, findings


def _strange(sought: Sought, counted: dict[str, Watched], findings: Findings) -> str:
    """Why findings say nothing of the strategy as it is now in this stage; empty if they do."""
    if findings.identity is not None:
        tried = findings.identity.parameters
        shared = {symbol: values for symbol, values in sought.present.parameters.items() if symbol in tried}
        moved = departure(findings.identity, msgspec.structs.replace(sought.present, parameters=shared))
        if moved:
            return f"another strategy than now: {moved}"
        return "" if shared else f"it tried {', '.join(tried)}, which the strategy does not trade"
    others = [session for session in findings.sessions if session not in counted]
    if others:
        return f"session {others[0]} is none of those that count"
    return "" if findings.sessions else "it names neither a session nor what the strategy was"


def _without(measured: dict[str, float], name: str) -> dict[str, float]:
    return {key: value for key, value in measured.items() if key != name}


def _evidence(kind: str, path: Path) -> Evidence:
    """A file with its hash; of a session, that of the hashes of its journal's and its capture's files in order."""
    kinds = (JOURNAL, CAPTURE) if path.is_dir() else ()
    files = [file for each in kinds for file in sorted(path.glob(f"{each.stem}-*{each.suffix}"))] or [path]
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return Evidence(kind, path.name, digest.hexdigest())


# ---- Adding up -------------------------------------------------------------------------------------------


def add_up(stage: str, gates: Gates, watched: Sequence[Watched], findings: Sequence[Findings]) -> Measured:
    """The numbers of a stage; NaN where nothing was found that says one."""
    days = _full_days(watched, gates.least_hours_a_day)
    simulated = {session for each in findings if "parity_bps" in each.measured for session in each.sessions}
    again = _full_days([seen for seen in watched if seen.session in simulated], gates.least_hours_a_day)
    differences = [abs(each.measured["parity_bps"]) for each in findings if "parity_bps" in each.measured]
    ratios = [each.measured["dsr"] for each in findings if "dsr" in each.measured]
    dsr = _worst([-ratio for ratio in ratios])
    if not watched:
        return Measured(dsr=-dsr)
    return Measured(
        days=len(days),
        fills=sum(seen.fills for seen in watched),
        dsr=-dsr,
        drawdown=_drawdown(stage, watched),
        differences=sum(seen.differences for seen in watched),
        stops=sum(seen.stopped for seen in watched),
        parity_days=len(again) if differences else math.nan,
        parity_bps=_worst(differences),
    )


def _worst(values: Sequence[float]) -> float:
    """The largest; not a number where there is none, or one is none."""
    return math.nan if not values or any(map(math.isnan, values)) else max(values)


def _full_days(watched: Iterable[Watched], least_hours: float) -> set[int]:
    """The days on which a strategy was watched long enough."""
    time_on: Counter[int] = Counter()
    for seen in watched:
        time_on.update(seen.time_on)
    return {day for day, time_ns in time_on.items() if time_ns >= least_hours * HOUR_NS and time_ns > 0}


def _drawdown(stage: str, watched: Sequence[Watched]) -> float:
    """The deepest fall at whole size: over all sessions one after another, or in the worst of the backtests."""
    moves = [np.diff(np.array([0.0, *seen.path])) / seen.size_share for seen in watched]
    if any(not np.isfinite(each).all() for each in moves):
        return math.nan
    runs = moves if stage == "research" else [np.concatenate(moves)]
    return max(max_drawdown(run).depth for run in runs)
