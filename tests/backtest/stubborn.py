"""A strategy that numba cannot compile: it keeps its prices in a dictionary, and raises if it is told to."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

from titan.model.contract import Quotes, Range, View


class Parameters(NamedTuple):
    """How far it quotes, and whether it fails."""

    ticks: Annotated[float, Range(1.0, 100.0, "ticks", "distance from the touch")] = 1.0
    fails: Annotated[bool, Range(0, 1, "", "raise at the first view")] = False


class State(NamedTuple):
    """How often it was asked."""

    views: int


def initial(parameters: Parameters) -> State:
    return State(0)


def update(parameters: Parameters, state: State, view: View) -> State:
    return State(state.views + 1)


def quote(parameters: Parameters, state: State, view: View) -> Quotes:
    if parameters.fails:
        raise ValueError(f"view {state.views}: told to fail")
    away = {
        "bid": view.bid - parameters.ticks * view.tick_size,
        "ask": view.ask + parameters.ticks * view.tick_size,
    }
    return Quotes(away["bid"], 0.02, away["ask"], 0.02, math.nan, math.nan, **{"layers": 1})
