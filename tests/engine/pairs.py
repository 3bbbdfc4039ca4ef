"""A strategy over two instruments for tests: it quotes both and hedges the first one's inventory with the second."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

from tests.engine.scripted import MODULES, Session, configuration, of
from titan.engine.configuration import StrategyConfig
from titan.model import commands as c
from titan.model.contract import Leg, Quotes, Range, Take
from titan.model.orders import Lifetime

SYMBOLS = ("BTCUSDT", "ETHUSDT")
NOTHING = Quotes(math.nan, 0.0, math.nan, 0.0, math.nan, math.nan)


class Memory(NamedTuple):
    """What is remembered of one leg."""

    mid: float
    flow: float


class Pair:
    """Quotes around the mid of each leg, and takes on the second what makes up for the first."""

    LEGS = 2

    class Parameters(NamedTuple):
        half_spread: Annotated[float, Range(0, 1e6, "quote currency", "distance from the mid")] = 1.0
        size: Annotated[float, Range(0, 100, "coins", "size of a quote")] = 0.01
        second_size: Annotated[float, Range(0, 100, "coins", "size of a quote on the second leg")] = 0.01
        hedges: Annotated[float, Range(0, 1, "share", "share of the inventory that is hedged")] = 1.0
        reach: Annotated[float, Range(-1e6, 1e6, "quote currency", "limit beyond the touch")] = 0.33
        raise_at: Annotated[int, Range(0, 10**9, "views", "the view at which it raises; 0 is never")] = 0

    class State(NamedTuple):
        views: int
        memories: tuple[Memory, ...]
        seen: tuple[tuple[float, float], ...]

    calls: list[tuple] = []  # noqa: RUF012 what every view was, for the tests to look at

    @staticmethod
    def initial(parameters, legs):
        return Pair.State(0, (Memory(math.nan, 0.0),) * legs, ())

    @staticmethod
    def update(parameters, state, views):
        Pair.calls.append(views)
        if parameters.raise_at and state.views + 1 >= parameters.raise_at:
            raise ArithmeticError("a strategy's own fault")
        memories = tuple(
            Memory((view.bid + view.ask) / 2, memory.flow + view.bought - view.sold)
            for view, memory in zip(views, state.memories, strict=True)
        )
        seen = (*state.seen, tuple(memory.mid for memory in memories))[-3:]
        return Pair.State(state.views + 1, memories, seen)

    @staticmethod
    def quote(parameters, state, views):
        first, second = views
        missing = -parameters.hedges * first.inventory - second.inventory
        take = Take()
        if abs(missing) >= second.lot_size / 2:
            limit = second.ask + parameters.reach if missing > 0 else second.bid - parameters.reach
            take = Take(missing, limit)
        sizes = (parameters.size, parameters.second_size)
        quotes = [
            Quotes(memory.mid - parameters.half_spread, size, memory.mid + parameters.half_spread, size, memory.mid,
                   memory.mid) if size else NOTHING
            for memory, size in zip(state.memories, sizes, strict=True)
        ]  # fmt: skip
        return (Leg(quotes[0]), Leg(quotes[1], take))


PAIRS = {**MODULES, "pair": Pair}


def pair(name="pair", symbols=SYMBOLS, venue="v", code="pair", **parameters):
    given = tuple(Pair.Parameters(**parameters))
    return StrategyConfig(
        name=name, code=code, venue=venue, symbol=symbols[0], legs=symbols, parameters=given
    )


def running(*strategies, symbols=SYMBOLS, modules=PAIRS, **changes):
    """A session that quotes, on two instruments unless told otherwise."""
    config = configuration(symbols=symbols, strategies=strategies or (pair(),), **changes)
    session = Session(config, modules=modules)
    session.start()
    for symbol in symbols:
        session.tick(symbol=symbol)
    return session


QUIET = {"second_size": 0.0}  # nothing but hedges on the second leg


def takes(commands):
    return [command for command in of(commands, c.PlaceOrder) if command.lifetime is Lifetime.IOC]


def under_way(session):
    return [order for order in session.live if order.lifetime is Lifetime.IOC]


def first_bid(session):
    return next(o for o in session.live if (o.symbol, o.side) == ("BTCUSDT", 1))


def both(session, seconds):
    """Let time pass with both books moving."""
    commands = []
    for _ in range(seconds):
        for symbol in SYMBOLS:
            commands += session.tick(symbol=symbol, wait_s=0.5)
    return commands


def filled(session, lots=3):
    """A quote on the first leg has been taken, and the strategy is asked."""
    session.fill(first_bid(session).client_id, lots)
    return session.tick()
