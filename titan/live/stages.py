"""Whether the settings' strategies may run in the settings' mode: what they are now, against what was promoted."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from titan.engine.configuration import KernelConfig, StrategyConfig
from titan.engine.promotion import STAGES, Identity, following, needs_record, reaches, stands_at
from titan.engine.strategies import load_strategy
from titan.live.errors import StartRefused
from titan.live.provenance import DIGITS
from titan.settings import Settings, Strategy
from titan.store.promotions import Promotion, PromotionRecordError, read_promotions

MATHEMATICS = ("market", "calibration", "strategy", "risk", "simulation", "evaluation")
"""The rooms of Titan whose modules belong to a strategy that imports them; the others are the same for all."""


class Standing(NamedTuple):
    """Where a strategy stands, by the last record that counts."""

    stage: str
    record: Promotion | None
    departure: str
    """Why the last record does not count; empty if it does, or there is none."""


def standing(records: tuple[Promotion, ...], present: Identity) -> Standing:
    """Where the records leave a strategy; at research where the last was made for another source or parameters."""
    if not records:
        return Standing(STAGES[0], None, "")
    stage, moved = stands_at(records[-1].to, records[-1].identity, present)
    return Standing(stage, records[-1], moved)


def require_promotions(settings: Settings, config: KernelConfig, mode: str) -> None:
    """Refuse a mode that one of a session's strategies was not promoted to.

    Parameters
    ----------
    mode : str
        Of the session: settings that were read again may state another one, which it never takes up.

    Raises
    ------
    StartRefused
        Naming every such strategy, why its record does not count, and what to do.
    """
    if not needs_record(mode, settings.promotion.require_from):
        return
    refusals = []
    for name in dict.fromkeys(strategy.name for strategy in config.strategies):
        try:
            records = read_promotions(settings.project.promotions, name)
        except PromotionRecordError as error:
            raise StartRefused(f"mode {mode}: {error}") from None
        stands = standing(records, _identity_in(config, name, settings.strategy[name]))
        if not reaches(stands.stage, mode):
            refusals.append(_refusal(name, stands, mode))
    if refusals:
        raise StartRefused(f"mode {mode} needs a record of promotion: {'; '.join(refusals)}")


def _refusal(name: str, stands: Standing, mode: str) -> str:
    after = following(stands.stage)
    if stands.departure:
        why = (
            f"has one to {stands.record.to if stands.record else ''} that does not count: {stands.departure}"
        )
    else:
        why = f"stands at {stands.stage}"
    steps = f"; {mode} comes after it" if after != mode else ""
    return f"{name} {why}; run 'titan promote {name} --to {after}'{steps}"


# ---- What a strategy is ----------------------------------------------------------------------------------


def _identity_in(config: KernelConfig, name: str, section: Strategy) -> Identity:
    return identity_of([strategy for strategy in config.strategies if strategy.name == name], section)


def identity_of(found: Sequence[StrategyConfig], section: Strategy) -> Identity:
    """What one strategy is, on all its symbols; `section` says which parameters are calibrated."""
    code = found[0].code
    return Identity(
        code=code,
        sources=strategy_sources(code),
        parameters=parameters_of(found),
        calibrated=section.calibrated,
        calibration_bound=section.calibration_bound,
        artefacts={each.symbol: each.calibrated.artefact for each in found if each.calibrated is not None},
    )


def identity_tried(
    code: str,
    symbol: str,
    parameters: Mapping[str, float],
    requote_ticks: int = 1,
    minimum_edge_bps: float = 0.0,
) -> Identity:
    """What a study tried on one symbol, with every parameter of the code: the strategy that quotes by the same ones."""
    keys = {"requote_ticks": float(requote_ticks), "minimum_edge_bps": minimum_edge_bps}
    values = {name: float(value) for name, value in parameters.items()}
    return Identity(code=code, sources=strategy_sources(code), parameters={symbol: values | keys})


def parameters_of(strategies: Sequence[StrategyConfig]) -> dict[str, dict[str, float]]:
    """By symbol, or by all symbols of a strategy over several: what moves a strategy's quotes."""
    found = {}
    for strategy in strategies:
        names = load_strategy(strategy.code).Parameters._fields
        own = dict(zip(names, map(float, strategy.parameters), strict=True))
        keys = {
            "requote_ticks": float(strategy.requote_ticks),
            "minimum_edge_bps": strategy.minimum_edge_bps,
        }
        found["+".join(strategy.legs) or strategy.symbol] = own | keys
    return found


def strategy_sources(code: str) -> dict[str, str]:
    """Hash of a strategy's module, and of every module that it imports of its own package, directly or not."""
    found: dict[str, str] = {}
    waiting = [code]
    while waiting:
        name = waiting.pop()
        path = _source(name)
        if name in found or path is None:
            continue
        content = path.read_bytes()
        found[name] = hashlib.sha256(content).hexdigest()[:DIGITS]
        waiting += [each for each in _imported(name, path, content) if _belongs(each, code)]
    return dict(sorted(found.items()))


def _belongs(name: str, code: str) -> bool:
    package, _, rest = name.partition(".")
    if package != code.partition(".")[0]:
        return False
    return package != "titan" or rest.partition(".")[0] in MATHEMATICS


def _source(name: str) -> Path | None:
    """The file of a module; None for a name that is none, such as that of a function."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.has_location else None


def _imported(name: str, path: Path, content: bytes) -> Iterator[str]:
    """Every name that could be a module which this one imports."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(base, package) if node.level else base
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
