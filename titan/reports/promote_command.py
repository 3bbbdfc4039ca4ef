"""``titan promote``: where a strategy stands, and the next step, with its evidence, the gates and a record."""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from titan.engine.promotion import (
    GATES,
    STAGES,
    Gates,
    Identity,
    Measured,
    PromotionError,
    Verdict,
    following,
    is_promotion,
    judge,
)
from titan.live import provenance
from titan.live.configure import strategy_configs
from titan.live.control import user_name
from titan.live.errors import REFUSED, RunnerError, UsageError
from titan.live.modes import REAL
from titan.live.stages import Standing, identity_of, standing
from titan.reports.evidence import Found, Sought, gather, journals_in
from titan.settings import Settings
from titan.settings import load as load_settings
from titan.store.promotions import (
    Gate,
    Promotion,
    PromotionRecordError,
    append_promotion,
    read_promotions,
)

ADVICE = {
    "days": "run it longer in this stage",
    "fills": "run it longer, or quote closer",
    "dsr": "run 'titan report backtest_study' on more days",
    "drawdown": "make it lose less, or state why more is right in [promotion]",
    "differences": "look each difference up with 'titan report daily'",
    "stops": "see in docs/runbook.md why risk stopped it",
    "parity_days": "run 'titan report parity' on this stage's sessions",
    "parity_bps": "read the last 'titan report parity': it says what differs",
}


class PromotionRefused(RunnerError):
    """A strategy is not promoted: a gate misses, or the step cannot be made."""

    exit_code = REFUSED


class _Asked(NamedTuple):
    name: str
    settings: Settings
    present: Identity
    records: tuple[Promotion, ...]
    stands: Standing


def run(options: argparse.Namespace) -> None:
    """Carry out the command.

    Raises
    ------
    PromotionRefused
        If a gate misses, the step skips a stage, or the records cannot be read or added to.
    """
    try:
        asked = _asked(options.name, load_settings(options.settings))
        if options.to:
            _step(asked, options)
        else:
            _show(asked, options)
    except (PromotionError, PromotionRecordError) as error:
        raise PromotionRefused(f"{options.name}: {error}") from None


def _asked(name: str, settings: Settings) -> _Asked:
    if name not in settings.strategy:
        near = get_close_matches(name, settings.strategy, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(settings.strategy)}"
        raise UsageError(f"no [strategy.{name}] in the settings{hint}")
    present = identity_of(strategy_configs(settings, name), settings.strategy[name])
    records = read_promotions(settings.project.promotions, name)
    return _Asked(name, settings, present, records, standing(records, present))


def gates_of(settings: Settings) -> Gates:
    """The bounds that [promotion] states."""
    return Gates(**settings.promotion.model_dump(include=set(Gates._fields)))


# ---- Where it stands -------------------------------------------------------------------------------------


def _show(asked: _Asked, options: argparse.Namespace) -> None:
    stage = asked.stands.stage
    bounds = judge(stage, Measured(), gates_of(asked.settings)) if stage in GATES else ()
    if options.json:
        told = {
            "strategy": asked.name,
            "stage": stage,
            "record": asked.records[-1].id if asked.records else "",
            "departure": asked.stands.departure,
            "next": {gate.gate: gate.bound for gate in bounds if gate.asked},
        }
        print(json.dumps(told))
        return
    print(f"{asked.name} stands at {stage}")
    if asked.stands.departure:
        print(f"  the last record does not count: {asked.stands.departure}")
    for record in asked.records:
        why = f": {record.reason}" if record.reason else ""
        print(
            f"  {_moment(record.time_ns)}  {record.stage} to {record.to}  {record.id}  {record.operator}{why}"
        )
    if bounds:
        print(f"  {following(stage)} takes:")
    for gate in bounds:
        print(f"    {gate.gate:12} {_bound(gate) if gate.asked else 'not asked'}")


def _moment(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


# ---- A step ----------------------------------------------------------------------------------------------


def _step(asked: _Asked, options: argparse.Namespace) -> None:
    to = options.to
    if to in REAL and not (options.operator and options.reason):
        raise UsageError(f"--to {to} is a step to real money; give --operator and --reason")
    if not is_promotion(asked.stands.stage, to, asked.records[-1].to if asked.records else ""):
        _record(asked, options, Found(Measured(), (), ()), ())
        return
    found, verdicts = _judged(asked, options)
    missed = [verdict for verdict in verdicts if not verdict.passed]
    if missed:
        _tell(asked, options, found, verdicts, None)
        raise PromotionRefused(
            f"{asked.name} stays at {asked.stands.stage}: {'; '.join(map(_missed, missed))}"
        )
    _record(asked, options, found, verdicts)


def _judged(asked: _Asked, options: argparse.Namespace) -> tuple[Found, tuple[Verdict, ...]]:
    settings, stage, last = asked.settings, asked.stands.stage, asked.stands.record
    given = [Path(path) for path in options.evidence]
    absent = [path for path in given if not path.exists()]
    if absent:
        raise UsageError(
            f"--evidence {absent[0]}: not there; name a session's directory or a report's .ipynb"
        )
    sessions = [path for path in given if path.is_dir()] or (
        [] if given else journals_in(settings.project.journals)
    )
    notebooks = (
        [path for path in given if path.is_file()] if given else sorted(settings.reports.out.glob("*.ipynb"))
    )
    since_ns = 0 if stage == STAGES[0] or last is None else last.time_ns
    gates = gates_of(settings)
    found = gather(Sought(asked.name, stage, asked.present, since_ns), gates, sessions, notebooks)
    return found, judge(stage, found.measured, gates)


def _record(asked: _Asked, options: argparse.Namespace, found: Found, verdicts: Sequence[Verdict]) -> None:
    record = Promotion(
        strategy=asked.name,
        stage=asked.records[-1].to if asked.records and not verdicts else asked.stands.stage,
        to=options.to,
        identity=asked.present,
        gates=tuple(
            Gate(each.gate, each.measured if math.isfinite(each.measured) else None, each.bound, each.asked)
            for each in verdicts
        ),
        evidence=found.files,
        operator=options.operator or user_name(os.getuid()),
        reason=options.reason,
        time_ns=time.time_ns(),
        commit=provenance.commit(),
        previous=asked.records[-1].id if asked.records else "",
    )
    try:
        path = append_promotion(asked.settings.project.promotions, record)
    except OSError as error:
        raise PromotionRefused(
            f"the record cannot be written: {error}; free space or correct [project] promotions"
        ) from None
    _tell(asked, options, found, verdicts, path)


def _tell(
    asked: _Asked,
    options: argparse.Namespace,
    found: Found,
    verdicts: Sequence[Verdict],
    path: Path | None,
) -> None:
    if options.json:
        gates = [
            each._asdict() | {"measured": each.measured if math.isfinite(each.measured) else None}
            for each in verdicts
        ]
        told = {
            "strategy": asked.name,
            "stage": asked.stands.stage,
            "to": options.to,
            "done": path is not None,
            "gates": gates,
            "evidence": [each.name for each in found.files],
            "left_out": list(found.left_out),
            "record": "" if path is None else str(path),
        }
        print(json.dumps(told), flush=True)
        return
    for verdict in verdicts:
        print(_line(verdict))
    for each in found.files:
        print(f"counted: {each.kind} {each.name}")
    for text in found.left_out:
        print(f"left out: {text}")
    if path is not None:
        print(f"{asked.name} stands at {options.to}; record {path}", flush=True)


def _bound(verdict: Verdict) -> str:
    return f"{'at least' if verdict.at_least else 'at most'} {verdict.bound:g}"


def _line(verdict: Verdict) -> str:
    if not verdict.asked:
        return f"{verdict.gate:12} not asked"
    measured = "not measured" if math.isnan(verdict.measured) else f"{verdict.measured:g}"
    return (
        f"{verdict.gate:12} {measured:>14}   {_bound(verdict):18} {'passes' if verdict.passed else 'MISSES'}"
    )


def _missed(verdict: Verdict) -> str:
    measured = "is not measured" if math.isnan(verdict.measured) else f"is {verdict.measured:g}"
    return f"{verdict.gate} {measured} and must be {_bound(verdict)} ({ADVICE[verdict.gate]})"
