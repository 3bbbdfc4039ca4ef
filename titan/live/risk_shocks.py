"""The desk's own stress scenarios, as [risk] stress_shocks names them."""

from __future__ import annotations

import re

from titan.risk.stress import Holding, Scenario, scenario_move

_SHOCK = re.compile(r"\s*([\w -]+?)\s*:((?:\s+[A-Z0-9]+\s+[+-]?\d+(?:\.\d+)?%)+)\s*")
_MOVE = re.compile(r"([A-Z0-9]+)\s+([+-]?\d+(?:\.\d+)?)%")
_ANY = Holding("any", "ANY", "linear", 1.0, 1.0, 1.0)


class ShockError(ValueError):
    """The key cannot be read; the message says which scenario and how it is written."""


def read_shocks(text: str) -> tuple[Scenario, ...]:
    """The scenarios of a text such as ``crash: BTC -30% ETH -40%, squeeze: BTC +20%``; none of an empty one.

    Raises
    ------
    ShockError
        If it is written otherwise, does not move Bitcoin, whom all others follow, or takes a price below 0.
    """
    return tuple(_shock(part.strip()) for part in text.split(",") if part.strip())


def _shock(part: str) -> Scenario:
    found = _SHOCK.fullmatch(part)
    if found is None:
        raise ShockError(
            f"[risk] stress_shocks: {part!r}: write NAME: BTC MOVE% ASSET MOVE%, with a comma between two scenarios"
        )
    shock = Scenario(found[1], {asset: float(move) / 100.0 for asset, move in _MOVE.findall(found[2])})
    try:
        scenario_move(shock, _ANY)
    except ValueError:
        raise ShockError(
            f"[risk] stress_shocks: {part!r}: must move BTC, and no price by less than -100%"
        ) from None
    return shock
