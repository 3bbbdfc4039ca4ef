"""What is varied in a sweep: a strategy with its parameters, and the world that it is put into."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from titan.model.contract import ParameterError, StrategyModule, build_parameters
from titan.simulation.latency import Channel, LatencyModel, send
from titan.simulation.queue_position import RISK_AVERSE, QueueModel

DRAWS = 4096
_FAR_NS = 1 << 50


@dataclass(frozen=True)
class ParameterSet:
    """One strategy in one world.

    Parameters
    ----------
    strategy : str or module
        ``package.module`` as in [strategy.NAME] code, or the module itself.
    parameters : mapping of str to number
        Its parameters; what is absent takes the class's default.
    queue : QueueModel
        How cancellations move our orders up.
    whole_fills : bool
        Whether an order fills whole once one lot has come to it, and joins behind all that is displayed
        (hftbacktest's rule); otherwise it fills by what has come, and joins behind what is left of the display (the
        exchange's rule).
    entry, response : int or LatencyModel
        Time to the exchange and back, ns; a model is drawn from by `seed`, `DRAWS` numbers in turn.
    maker_fee, taker_fee : Decimal
        Fractions of notional; the maker's is paid, the taker's only shown to the strategy, since no order takes.
    minimum_edge_bps, requote_ticks
        As in [strategy.NAME].
    """

    name: str
    strategy: str | StrategyModule
    parameters: Mapping[str, float] = field(default_factory=dict)
    queue: QueueModel = RISK_AVERSE
    whole_fills: bool = False
    entry: int | LatencyModel = 0
    response: int | LatencyModel = 0
    seed: int = 1
    maker_fee: Decimal = Decimal(0)
    taker_fee: Decimal = Decimal(0)
    minimum_edge_bps: float = 0.0
    requote_ticks: int = 1

    @property
    def module(self) -> StrategyModule:
        """The strategy's module."""
        if isinstance(self.strategy, str):
            return cast("StrategyModule", importlib.import_module(self.strategy))
        return self.strategy

    def build(self) -> Any:
        """The strategy's `Parameters`.

        Raises
        ------
        ParameterError
            If one is unknown or out of range, or the strategy wants several instruments.
        """
        if hasattr(self.module, "LEGS"):
            raise ParameterError(f"{self.name}: a strategy over several instruments is not swept; replay it")
        texts = {name: repr(value) for name, value in self.parameters.items()}
        return build_parameters(self.module.Parameters, texts, self.name)

    def check(self) -> None:
        """Refuse numbers that no world has.

        Raises
        ------
        ValueError
            Naming the set, the number and what it must be.
        """
        for name in ("entry", "response"):
            value = getattr(self, name)
            if isinstance(value, int) and value < 0:
                raise ValueError(f"set {self.name}: {name} = {value}: must be >= 0 ns")
        if self.requote_ticks < 1:
            raise ValueError(f"set {self.name}: requote_ticks = {self.requote_ticks}: must be >= 1")
        if self.queue.kind not in (0, 1, 2):
            raise ValueError(
                f"set {self.name}: queue = {self.queue}: must be of titan.simulation.queue_position"
            )


def latency_draws(models: Sequence[int | LatencyModel], seeds: Sequence[int]) -> npt.NDArray[np.int64]:
    """Latencies of each set in the order of its messages, shape (sets, draws); a constant fills its row."""
    count = 1 if all(isinstance(model, int) for model in models) else DRAWS
    return np.array(
        [_draws(model, seed, count) for model, seed in zip(models, seeds, strict=True)], dtype=np.int64
    )


def _draws(model: int | LatencyModel, seed: int, count: int) -> list[int]:
    if isinstance(model, int):
        return [model] * count
    drawn, channel = [], Channel()
    for number in range(count):
        # Sent so far apart that none waits for the one before it.
        sent_ns = number * _FAR_NS
        channel = send(model, channel, seed, sent_ns)
        drawn.append(channel.arrived_ns - sent_ns)
    return drawn
