"""What one session holds for its report: facts as received, before any accounting.

`titan.reports.recorder` reads them from the journal; the engine's own ledger is not asked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from titan.engine.book import Book
from titan.engine.configuration import KernelConfig
from titan.evaluation.pnl import ZERO, Mid
from titan.model import events as e
from titan.model.commands import EndSession
from titan.model.instruments import Instrument, InstrumentKey
from titan.reports.errors import ReportError
from titan.reports.limit_usage import Usage
from titan.reports.order_lives import OrderLives
from titan.store.journal import Header

MANUAL = "manual"
"""The book of executions that no strategy asked for."""


class Factors(NamedTuple):
    """What the regime in force did to a quote; None where the model could not say."""

    spread: float | None
    size: float | None


class Execution(NamedTuple):
    """One execution of ours after the opening: `quantity` is unsigned, in units times multiplier."""

    time_ns: int
    venue_ns: int
    key: InstrumentKey
    strategy: str
    client_id: str
    trade_id: str
    side: int
    quantity: Decimal
    price: Decimal
    mid_before: Decimal
    maker: bool
    fee: Decimal
    fee_asset: str
    realized: Decimal


class Booking(NamedTuple):
    """A wallet movement after the opening that is no execution; `amount` is signed, in `asset`."""

    time_ns: int
    venue_ns: int
    key: InstrumentKey
    kind: str
    asset: str
    amount: Decimal


class Remark(NamedTuple):
    """One notice of the engine to its operator."""

    time_ns: int
    level: str
    code: str
    message: str
    instrument: str
    client_id: str


@dataclass
class MarketRecord:
    """One instrument: its terms as they stand now, its book, and the mids since the account was opened."""

    key: InstrumentKey
    terms: Instrument | None = None
    book: Book = field(default_factory=Book)
    mid: Decimal | None = None
    mids: list[Mid] = field(default_factory=list)
    marked: bool = False
    """True if there was a mid when the account was opened."""
    quantity: Decimal = ZERO
    """Signed quantity held now, units times multiplier: the opening position and every execution since."""

    @property
    def known(self) -> Instrument:
        """The terms; `ReportError` if the journal never stated them."""
        if self.terms is None:
            raise ReportError(
                f"{self.key}: executed or held, but the journal states no terms of it; "
                "check the session by 'titan journal verify'"
            )
        return self.terms

    def units(self, lots: int) -> Decimal:
        """Lots to quantity: units times multiplier."""
        return lots * self.known.lot_size * self.known.multiplier


@dataclass
class VenueRecord:
    """One venue's account at both ends; positions as quantities, by symbol."""

    name: str
    opening: e.AccountSnapshot | None = None
    closing: e.AccountSnapshot | None = None
    held_at_opening: dict[str, Decimal] = field(default_factory=dict)
    held_at_closing: dict[str, Decimal] = field(default_factory=dict)


@dataclass
class Recording:
    """A session as recorded."""

    directory: Path
    header: Header
    config: KernelConfig
    markets: dict[InstrumentKey, MarketRecord]
    venues: dict[str, VenueRecord]
    lives: OrderLives
    usage: Usage
    executions: list[Execution] = field(default_factory=list)
    before_opening: int = 0
    """Executions received before the opening account: they belong to the opening position."""
    after_closing: int = 0
    bookings: list[Booking] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    risk_results: list[e.RiskResult] = field(default_factory=list)
    """Those that the engine took up, oldest first."""
    regimes: dict[InstrumentKey, list[tuple[int, Factors]]] = field(default_factory=lambda: defaultdict(list))
    """The regime's factors as the decisions tell them, from when on, ns: one entry a change."""
    feed_delays: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Receipt less the venue's stamp, ns, by kind of message; only where the venue stamps."""
    events: Counter[str] = field(default_factory=Counter)
    started_ns: int = 0
    ended_ns: int = 0
    ended: EndSession | None = None
    truncated: tuple[str, ...] = ()

    def rate(self, asset: str) -> Decimal | None:
        """Reporting currency per unit of an asset at the closing mids; None, never a guess, without one."""
        reporting = self.config.reporting_currency
        if asset == reporting:
            return Decimal(1)
        for market in self.markets.values():
            if market.terms is None or market.mid is None:
                continue
            if (market.terms.base, market.terms.quote) == (asset, reporting):
                return market.mid
            if (market.terms.base, market.terms.quote) == (reporting, asset):
                return 1 / market.mid
        return None
