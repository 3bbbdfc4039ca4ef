"""The strategy host: gives a strategy its view in quote currency and coins, and turns its answer into ticks
and lots.

This is the one place, beside the wire codecs, where units are converted. The adjustments that hold for every
strategy are applied here, by the functions of `titan.strategy.adjustments` and `titan.strategy.quoting`.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, cast

from titan.engine.book import Book
from titan.engine.configuration import StrategyConfig
from titan.engine.nested import typed
from titan.engine.router import Wanted
from titan.engine.signals import UNKNOWN
from titan.model.commands import Decision
from titan.model.contract import PortfolioModule, Quotes, StrategyModule, View
from titan.model.events import FeeRates, MarkPrice
from titan.model.instruments import Instrument, InstrumentKey
from titan.strategy import quoting
from titan.strategy.adjustments import Adjustment, Parameters, Signals, adjust, inventory_share, respond

AnyStrategyModule = StrategyModule | PortfolioModule


class StrategyError(ValueError):
    """A strategy module that cannot be used; the message names it and says what it lacks."""


def load_strategy(code: str) -> AnyStrategyModule:
    """Import a strategy module of Titan or of any other package and check its shape.

    Raises
    ------
    StrategyError
        If it cannot be imported or does not follow the contract.
    """
    try:
        module = importlib.import_module(code)
    except ImportError as error:
        raise StrategyError(
            f"code = {code}: cannot be imported ({error}); "
            "export its notebook, install its package, or correct the name"
        ) from error
    missing = [
        name for name in ("Parameters", "State", "initial", "update", "quote") if not hasattr(module, name)
    ]
    if missing:
        raise StrategyError(
            f"code = {code}: lacks {', '.join(missing)}; see titan.model.contract for what a strategy holds"
        )
    return cast("AnyStrategyModule", module)


@dataclass
class Wait:
    """Refusals of one side's orders in a row; see `titan.engine.backoff`."""

    refused_ns: tuple[int, ...] = ()
    rounds: int = 0
    """Waits since an order last stood."""
    until_ns: int = 0
    why: str = ""


class Outlook(NamedTuple):
    """What the host needs to know of the world for one evaluation."""

    time_s: float
    book: Book
    instrument: Instrument
    fees: FeeRates
    mark: MarkPrice | None
    now_ns: int
    lots: int
    spread_multiplier: float
    size_multiplier: float
    last_mid: float | None = None
    """Where the touch may not be used: the last trustworthy mid, quote currency, in its place."""
    adjusting: Parameters = Parameters()
    signals: Signals | None = None


class Seat:
    """A strategy's place on one instrument: what aggressors did there since it last looked, and why it is silent.

    Parameters
    ----------
    config : StrategyConfig
        Which strategy, and how it quotes.
    key : InstrumentKey
        The instrument.
    """

    def __init__(self, config: StrategyConfig, key: InstrumentKey) -> None:
        self.config = config
        self.key = key
        self.quarantined = ""
        self.denied = ""
        self.obstacle = "the session has not started"
        self.doubted = ""
        """What was last told of parameters in doubt."""
        self.waits = {1: Wait(), -1: Wait()}
        self._bought = 0
        self._sold = 0

    def note_trade(self, side: int, lots: int) -> None:
        """Gather what aggressors bought and sold since the last view."""
        if side > 0:
            self._bought += lots
        else:
            self._sold += lots

    def look(self, outlook: Outlook) -> View:
        """The view of this moment; the flow is counted anew from here on."""
        view = self._view(outlook)
        self._bought = self._sold = 0
        return view

    def _view(self, outlook: Outlook) -> View:
        book, instrument, mark = outlook.book, outlook.instrument, outlook.mark
        tick = float(instrument.tick_size)
        bid, ask = book.best_bid * tick, book.best_ask * tick
        if outlook.last_mid is not None:
            bid = ask = outlook.last_mid
        coin = instrument.coins
        return View(
            time_s=outlook.time_s,
            bid=bid,
            ask=ask,
            bid_size=coin(book.best_bid_size, bid),
            ask_size=coin(book.best_ask_size, ask),
            bought=coin(self._bought, ask),
            sold=coin(self._sold, bid),
            inventory=coin(outlook.lots, (bid + ask) / 2),
            mark_price=float(mark.mark) if mark else math.nan,
            index_price=float(mark.index) if mark else math.nan,
            funding_rate=mark.funding_rate if mark else math.nan,
            funding_in_s=(mark.next_funding_ns - outlook.now_ns) / 1e9 if mark else math.nan,
            maker_fee=float(outlook.fees.maker),
            taker_fee=float(outlook.fees.taker),
            tick_size=tick,
            lot_size=coin(1, (bid + ask) / 2),
        )

    def orders(self, quotes: Quotes, view: View, outlook: Outlook) -> list[tuple[Wanted, Decision]]:
        """The quotes rounded, clamped and laddered."""
        return _in_ticks(quotes, view, outlook, self.config)

    def snapshot(self) -> dict[str, Any]:
        """What is known here as plain data."""
        return {
            "quarantined": self.quarantined,
            "denied": self.denied,
            "doubted": self.doubted,
            "obstacle": self.obstacle,
            "flow": [self._bought, self._sold],
            "waits": {str(side): asdict(wait) for side, wait in self.waits.items()},
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        self.quarantined = data["quarantined"]
        self.denied = data["denied"]
        self.doubted = data.get("doubted", "")
        self.obstacle = data["obstacle"]
        self._bought, self._sold = data["flow"]
        for side, kept in data.get("waits", {}).items():
            self.waits[int(side)] = Wait(**kept | {"refused_ns": tuple(kept["refused_ns"])})


class StrategyHost(Seat):
    """Runs one strategy on one instrument.

    Parameters
    ----------
    config : StrategyConfig
        Which strategy, where, with which parameters.
    module : StrategyModule
        The exported notebook.
    """

    def __init__(self, config: StrategyConfig, module: StrategyModule) -> None:
        super().__init__(config, config.key)
        self.module = module
        self._begin()
        self.evaluated_ns = 0

    def _begin(self) -> None:
        self.parameters = self.module.Parameters(*self.config.parameters)
        self.state = self.module.initial(self.parameters)

    def reconfigure(self, config: StrategyConfig) -> None:
        """Quote by another configuration of the same strategy; other parameters begin a new state."""
        changed, self.config = config.parameters != self.config.parameters, config
        if changed:
            self._begin()

    def evaluate(self, outlook: Outlook) -> list[tuple[Wanted, Decision]]:
        """Update the strategy and return the quotes it wants, rounded, clamped and laddered.

        Raises
        ------
        Exception
            Whatever the strategy raises: the caller quarantines it.
        """
        self.evaluated_ns = outlook.now_ns
        view = self.look(outlook)
        self.state = self.module.update(self.parameters, self.state, view)
        quotes = self.module.quote(self.parameters, self.state, view)
        return self.orders(quotes, view, outlook)

    def snapshot(self) -> dict[str, Any]:
        """The strategy's state as plain data."""
        return super().snapshot() | {
            "state": list(self.state),
            "parameters": list(self.config.parameters),
            "evaluated_ns": self.evaluated_ns,
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take up a snapshot; a state that was made of other parameters is of no use."""
        super().restore(data)
        if data.get("parameters", list(self.config.parameters)) == list(self.config.parameters):
            self.state = typed(self.module.State, data["state"])
        self.evaluated_ns = data["evaluated_ns"]


def _in_ticks(
    quotes: Quotes, view: View, outlook: Outlook, config: StrategyConfig
) -> list[tuple[Wanted, Decision]]:
    """The quotes as orders: adjusted to signals and risk state, worth their fee, off the touch, in ticks and lots."""
    signals, adjustment = _adjustment(view, outlook)
    adjusted = adjust(adjustment, quotes, view.maker_fee, config.minimum_edge_bps)
    artefact = None if config.calibrated is None else config.calibrated.artefact
    book = outlook.book
    prices = quoting.round_inside(adjusted.bid, adjusted.ask, book.best_bid, book.best_ask, view.tick_size)
    wanted: list[tuple[Wanted, Decision]] = []
    for level in quoting.ladder(adjusted, prices, view.tick_size):
        price = level.price_ticks * view.tick_size
        lots = outlook.instrument.lots_within(level.size, price)
        if not lots:
            continue
        decision = Decision(
            fair_value=quotes.fair_value,
            reservation=quotes.reservation,
            wanted=quotes.bid if level.side > 0 else quotes.ask,
            rounded=price,
            inventory=view.inventory,
            spread_multiplier=adjustment.spread_multiplier,
            size_multiplier=adjustment.size_multiplier,
            artefact=artefact,
            **_reasons(level.side, signals, adjustment) if outlook.signals is not None else {},
        )
        wanted.append((Wanted(level.side, level.price_ticks, lots), decision))
    return wanted


def _adjustment(view: View, outlook: Outlook) -> tuple[Signals, Adjustment]:
    """The signals with this strategy's own inventory, and what they and the risk state ask for together."""
    share = inventory_share(view.inventory, (view.bid + view.ask) / 2, outlook.adjusting.full_inventory)
    signals = (UNKNOWN if outlook.signals is None else outlook.signals)._replace(inventory_share=share)
    answer = respond(outlook.adjusting, signals)
    return signals, answer._replace(
        spread_multiplier=answer.spread_multiplier * outlook.spread_multiplier,
        size_multiplier=answer.size_multiplier * outlook.size_multiplier,
    )


def _reasons(side: int, signals: Signals, adjustment: Adjustment) -> dict[str, float | None]:
    """What explains an adjusted quote in the journal; None for what is unknown, for NaN equals nothing on replay."""
    skew = adjustment.bid_skew_bps if side > 0 else adjustment.ask_skew_bps
    known = {"skew_bps": skew, "edge_bps": adjustment.edge_bps, **signals._asdict()}
    return {name: None if math.isnan(value) else value for name, value in known.items()}
