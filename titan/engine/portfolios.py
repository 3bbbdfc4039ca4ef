"""The host of a strategy over several instruments: one view and one answer an instrument, in the order of its symbols.

An instrument that cannot be traded just now is shown without a touch, with all else that is known of it; what is
wanted there is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from titan.engine.configuration import StrategyConfig
from titan.engine.nested import typed
from titan.engine.router import Wanted
from titan.engine.strategies import AnyStrategyModule, Outlook, Seat, StrategyError
from titan.model.commands import Decision
from titan.model.contract import Leg, PortfolioModule, View


class Answer(NamedTuple):
    """What is wanted on one instrument: quotes that should stand, and perhaps an order that takes at once."""

    quotes: list[tuple[Wanted, Decision]]
    take: tuple[Wanted, Decision] | None


def spans_several(module: AnyStrategyModule) -> bool:
    """True for a module whose functions take one view an instrument."""
    return hasattr(module, "LEGS")


def check_legs(module: PortfolioModule, symbols: Sequence[str], where: str) -> None:
    """Refuse symbols that the strategy cannot work on.

    Parameters
    ----------
    where : str
        The section, for error messages.

    Raises
    ------
    StrategyError
        Naming the key, its value and how many symbols are needed.
    """
    given = f"[{where}] symbols = {', '.join(symbols)}"
    needed = getattr(module, "LEGS", None)
    if isinstance(needed, bool) or not isinstance(needed, int) or needed < 0:
        raise StrategyError(
            f"[{where}] code: LEGS = {needed!r}: must be a whole number of instruments, 0 for any number"
        )
    if needed and len(symbols) != needed:
        raise StrategyError(f"{given}: must be {needed} symbols for this code, there are {len(symbols)}")
    if len(set(symbols)) != len(symbols):
        raise StrategyError(f"{given}: each symbol may stand there once")


class PortfolioHost:
    """Runs one strategy over all its instruments.

    Parameters
    ----------
    config : StrategyConfig
        Which strategy, where, with which parameters; `legs` are its symbols.
    module : PortfolioModule
        The exported notebook.

    Raises
    ------
    StrategyError
        If the code needs another number of instruments.
    """

    def __init__(self, config: StrategyConfig, module: PortfolioModule) -> None:
        check_legs(module, config.legs, f"strategy.{config.name}")
        self.config = config
        self.module = module
        self.seats = [Seat(config, key) for key in config.keys]
        self._begin()
        self.evaluated_ns = 0

    def _begin(self) -> None:
        self.parameters = self.module.Parameters(*self.config.parameters)
        self.state = self.module.initial(self.parameters, len(self.seats))

    def reconfigure(self, config: StrategyConfig) -> None:
        """Quote by another configuration of the same strategy; other parameters begin a new state."""
        changed, self.config = config.parameters != self.config.parameters, config
        for seat in self.seats:
            seat.config = config
        if changed:
            self._begin()

    def evaluate(self, outlooks: Sequence[Outlook]) -> list[Answer]:
        """Update the strategy and return what it wants on each instrument.

        Parameters
        ----------
        outlooks : sequence of Outlook
            One an instrument, in order; `last_mid` is set for one that cannot be traded just now.

        Raises
        ------
        Exception
            Whatever the strategy raises, or that its answers do not fit: the caller quarantines it.
        """
        self.evaluated_ns = outlooks[0].now_ns
        views = tuple(map(_look, self.seats, outlooks))
        self.state = self.module.update(self.parameters, self.state, views)
        legs = self.module.quote(self.parameters, self.state, views)
        if len(legs) != len(views):
            raise StrategyError(f"quote returned {len(legs)} legs for {len(views)} instruments")
        return [_answer(*each) for each in zip(self.seats, legs, views, outlooks, strict=True)]

    def snapshot(self) -> dict[str, Any]:
        """The strategy's state as plain data."""
        return {
            "state": list(self.state),
            "parameters": list(self.config.parameters),
            "evaluated_ns": self.evaluated_ns,
            "seats": [seat.snapshot() for seat in self.seats],
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take up a snapshot; a state that was made of other parameters is of no use."""
        if data.get("parameters", list(self.config.parameters)) == list(self.config.parameters):
            self.state = typed(self.module.State, data["state"])
        self.evaluated_ns = data["evaluated_ns"]
        for seat, kept in zip(self.seats, data["seats"], strict=True):
            seat.restore(kept)


def _look(seat: Seat, outlook: Outlook) -> View:
    view = seat.look(outlook)
    if outlook.last_mid is None:
        return view
    return view._replace(bid=math.nan, ask=math.nan, bid_size=math.nan, ask_size=math.nan)


def _answer(seat: Seat, leg: Leg, view: View, outlook: Outlook) -> Answer:
    if outlook.last_mid is not None:
        return Answer([], None)
    return Answer(seat.orders(leg.quotes, view, outlook), _take(leg, view, outlook))


def _take(leg: Leg, view: View, outlook: Outlook) -> tuple[Wanted, Decision] | None:
    """The order that takes, in whole lots and ticks, neither larger nor at a worse price than asked.

    None where nothing is asked, and where nothing stands at the limit or better: it could only expire.
    """
    (size, limit), book, terms = leg.take, outlook.book, outlook.instrument
    if not size or math.isnan(size) or math.isnan(limit):
        return None
    side = 1 if size > 0 else -1
    price = terms.ticks_below(limit) if side > 0 else terms.ticks_above(limit)
    touch = book.best_ask if side > 0 else book.best_bid
    if side * (price - touch) < 0:
        return None
    # An inverse contract buys the most coins at the lowest price: at this one it is no more than asked.
    lots = terms.lots_within(abs(size), min(price, touch) * view.tick_size)
    if not lots:
        return None
    decision = Decision(
        fair_value=leg.quotes.fair_value,
        reservation=leg.quotes.reservation,
        wanted=limit,
        rounded=price * view.tick_size,
        inventory=view.inventory,
        spread_multiplier=outlook.spread_multiplier,
        size_multiplier=outlook.size_multiplier,
    )
    return Wanted(side, price, lots), decision
