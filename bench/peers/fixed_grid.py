"""A two-sided grid at fixed distances from the mid, without a memory: the plainest strategy that fills."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

from titan.model.contract import Quotes, Range, View
from titan.strategy.quoting import limit_inventory


class Parameters(NamedTuple):
    """The grid."""

    order_size: Annotated[float, Range(1e-6, 1e6, "coins", "size of one quote")] = 0.01
    max_inventory: Annotated[float, Range(1e-6, 1e7, "coins", "no quote leads beyond it")] = 0.1
    half_spread_bps: Annotated[
        float, Range(0.0, 100.0, "bps", "distance of the first quotes from the mid")
    ] = 0.1
    layers: Annotated[int, Range(1, 10, "quotes", "quotes on each side")] = 3
    layer_step_bps: Annotated[float, Range(0.01, 100.0, "bps", "distance between layers")] = 0.05


class State(NamedTuple):
    """Nothing is remembered but how many views there were."""

    views: int


def initial(parameters: Parameters) -> State:
    """Return the state before the first view."""
    return State(0)


def update(parameters: Parameters, state: State, view: View) -> State:
    """Return the state after one more view."""
    return State(state.views + 1)


def quote(parameters: Parameters, state: State, view: View) -> Quotes:
    """Return the grid around the mid; no sound touch means no quotes."""
    if not 0.0 < view.bid < view.ask < math.inf:
        return Quotes(math.nan, 0.0, math.nan, 0.0, math.nan, math.nan, parameters.layers, 0.0)
    middle = 0.5 * (view.bid + view.ask)
    half = parameters.half_spread_bps * 1e-4 * middle
    size, step = parameters.order_size, parameters.layer_step_bps * 1e-4 * middle
    wanted = Quotes(middle - half, size, middle + half, size, middle, middle, parameters.layers, step)
    return limit_inventory(wanted, view.inventory, parameters.max_inventory)
