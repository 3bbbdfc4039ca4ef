"""What a generic test needs to know of an exported function: one valid call, and what may be done to each argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Unit = tuple[float, float, float]
"""Powers of price (quote currency a coin), size (coins) and time (seconds)."""

NUMBER: Unit = (0.0, 0.0, 0.0)
PRICE: Unit = (1.0, 0.0, 0.0)
SIZE: Unit = (0.0, 1.0, 0.0)
TIME: Unit = (0.0, 0.0, 1.0)
RATE: Unit = (0.0, 0.0, -1.0)
VOLATILITY: Unit = (1.0, 0.0, -0.5)
MONEY: Unit = (1.0, 1.0, 0.0)


@dataclass(frozen=True)
class Sample:
    """One function that a notebook exports.

    `arguments` is a valid call by keyword. `changes` holds, for every parameter, another valid value that must change
    the result. `refused` holds values that must raise ValueError naming the parameter (or the field of a record that
    was made bad); NaN and infinity are tried on every number (and inside every array) besides, unless `accepts` says
    for that parameter why it takes them (of a record or a whole number it is a remark: there nothing is tried).
    `ignores` says of a parameter why it has no effect (a contract asks for it, or it is only checked): then what
    `changes` holds for it must not change the result.
    `units`, where the function has any, gives the unit of each parameter and, under "result", of the result (a tuple
    of units for a tuple): rescaling price, size or time must rescale the result accordingly, to so many `digits`,
    fewer than 9 only where a search ends sooner.
    """

    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    changes: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    accepts: Mapping[str, str] = field(default_factory=dict)
    ignores: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, Unit | tuple[Unit, ...]] | None = None
    digits: int = 9
