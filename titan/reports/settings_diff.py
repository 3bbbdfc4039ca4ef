"""In which settings, and in which code, two sessions differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pandas as pd

from titan.engine.configuration import KernelConfig, StrategyConfig
from titan.reports.recording import Recording
from titan.reports.trace import parameters_of

OWN = {"session"}
"""What no two sessions share, whatever their settings."""
ABSENT = "absent"


def settings_diff(first: Recording, second: Recording) -> pd.DataFrame:
    """One row for each setting, or source, that is not the same in both; empty if all is."""
    here, there = (dict(_settings(each)) for each in (first, second))
    rows = [
        {"setting": name, "first": here.get(name, ABSENT), "second": there.get(name, ABSENT)}
        for name in {**here, **there}
        if here.get(name, ABSENT) != there.get(name, ABSENT)
    ]
    return pd.DataFrame(rows, columns=["setting", "first", "second"]).set_index("setting")


def _settings(recording: Recording) -> Iterator[tuple[str, str]]:
    config, header = recording.config, recording.header
    plain: dict[str, Any] = msgspec.to_builtins(config)
    for name, value in plain.items():
        if name not in OWN and name != "strategies":
            yield from _flat(name, value)
    for strategy in config.strategies:
        yield from _strategy(config, strategy)
    yield from {"commit": header.commit, "lock": header.lock_hash}.items()
    for module, digest in header.source_hashes.items():
        yield f"source of {module}", digest[:16]


def _strategy(config: KernelConfig, strategy: StrategyConfig) -> Iterator[tuple[str, str]]:
    same_name = [each for each in config.strategies if each.name == strategy.name]
    name = f"strategy.{strategy.name}"
    if len(same_name) > 1:
        name += f".{strategy.symbol}"
    plain: dict[str, Any] = msgspec.to_builtins(strategy)
    plain["parameters"] = parameters_of(strategy)
    del plain["name"]
    yield from _flat(name, plain)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every value under a name: members by their names, elements by theirs or their places."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(f"{name}.{key}", each)
    elif isinstance(value, (list, tuple)) and any(isinstance(each, Mapping) for each in value):
        for at, each in enumerate(value):
            own = each.get("name", each.get("symbol", at)) if isinstance(each, Mapping) else at
            yield from _flat(f"{name}.{own}", each)
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
