"""The desk: everything the engine knows, in one place, and the commands it has decided on in this step."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from titan.engine.book import Book
from titan.engine.client_ids import ClientIds
from titan.engine.configuration import KernelConfig
from titan.engine.exit_state import Exit
from titan.engine.gatekeeper import Gatekeeper
from titan.engine.health import Health
from titan.engine.ledger import Ledger
from titan.engine.orders import OrderManager
from titan.engine.portfolios import PortfolioHost
from titan.engine.risk_state import RiskState
from titan.engine.signals import MarketSignals
from titan.engine.strategies import Seat, StrategyHost
from titan.model.commands import AmendOrder, AnyCommand, CancelOrder, Notice, PlaceOrder, SetTimer
from titan.model.events import AccountSnapshot, FeeRates, MarkPrice
from titan.model.instruments import Instrument, InstrumentKey
from titan.model.orders import Order
from titan.risk.shutdown import Action, Level, action


class Phase(StrEnum):
    """Where the session stands."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass
class Market:
    """One instrument as it stands now."""

    key: InstrumentKey
    book: Book
    signals: MarketSignals | None = None
    """What the market tells every strategy alike; None where the configuration measures nothing."""
    instrument: Instrument | None = None
    fees: FeeRates | None = None
    mark: MarkPrice | None = None
    mid_half_ticks: int = 0
    """Twice the last trustworthy mid, in ticks; 0 until there has been one."""
    heard_ns: int = 0
    """When the last market message was received."""
    stopped: str = ""
    """Why this symbol may not trade until somebody looks; empty if it may."""
    closed: str = ""
    """Who had this symbol closed; it outlives the session, until somebody resumes."""
    obstacle: str = "the session has not started"
    """Why no quotes stand right now; empty while quoting."""
    fills_from_ns: int = 0
    """Own executions are known to be complete up to here."""
    fills_read_ns: int = 0
    """When own executions were last asked for and told completely."""
    fill_ns: int = 0
    """When the last own execution was booked."""
    book_asked_ns: int = 0
    differing_since_ns: int = 0
    """When the venue's position first differed from the ledger's; 0 while they agree."""
    stated_lots: int = 0
    """The venue's position that differed then."""

    @property
    def terms(self) -> Instrument:
        """The instrument's terms; only asked for once they are known."""
        if self.instrument is None:
            raise LookupError(f"{self.key}: terms are used before the venue has stated them")
        return self.instrument

    @property
    def rates(self) -> FeeRates:
        """The account's fee rates; only asked for once they are known."""
        if self.fees is None:
            raise LookupError(f"{self.key}: fee rates are used before the venue has stated them")
        return self.fees

    @property
    def mid(self) -> Decimal:
        """The last trustworthy mid, exact, quote currency."""
        return self.mid_half_ticks * self.terms.tick_size / 2


@dataclass
class VenueDesk:
    """One venue's connection and account as they stand now."""

    name: str
    streams: dict[str, bool] = field(default_factory=lambda: {"market": False, "private": False})
    unread: set[str] = field(default_factory=set)
    """What must still be read before this venue may be traded."""
    opening: AccountSnapshot | None = None
    closing: AccountSnapshot | None = None
    account: AccountSnapshot | None = None
    """The last one of any purpose: margin and liquidation prices are read off it."""
    asked_ns: dict[str, int] = field(default_factory=dict)
    """When each kind of query was last asked."""
    foreign: set[str] = field(default_factory=set)
    """Venue ids of open orders that are not ours, already spoken of."""
    health: Health = field(default_factory=Health)

    @property
    def connected(self) -> bool:
        """True while both streams are up."""
        return all(self.streams.values())


@dataclass
class Ending:
    """How and why the session ends."""

    reason: str
    exit_code: int
    deadline_ns: int
    proven: set[str] = field(default_factory=set)
    """Venues that have shown an empty list of our orders."""
    exiting: bool = False
    """It waits for exits, until `deadline_ns` less the time in which every order must be proven cancelled."""
    held: list[str] = field(default_factory=list)
    """Positions that an exit was to close and did not."""


@dataclass
class Request:
    """Something that an operator asked for and that is not proven yet."""

    name: str
    action: str
    deadline_ns: int
    orders: list[str] = field(default_factory=list)
    """Client ids that a cancel named."""
    asked: list[str] = field(default_factory=list)
    """Venues asked for their open orders after our last one ended."""
    proven: list[str] = field(default_factory=list)
    """Those that have shown none of ours."""
    instruments: list[str] = field(default_factory=list)
    """What is to be flat."""


@dataclass
class Desk:
    """The engine's whole state. Functions of the rooms beside read and change it; nobody outside the engine does."""

    config: KernelConfig
    ids: ClientIds
    orders: OrderManager
    ledger: Ledger
    markets: dict[InstrumentKey, Market]
    venues: dict[str, VenueDesk]
    hosts: list[StrategyHost]
    gate: Gatekeeper
    risk: RiskState
    portfolios: list[PortfolioHost] = field(default_factory=list)
    """The hosts of strategies over several instruments."""
    phase: Phase = Phase.STARTING
    now_ns: int = 0
    epoch_ns: int = 0
    """Receipt time of the session's first event."""
    first_quote_ns: int = 0
    storage_failed: str = ""
    paused: str = ""
    halted: str = ""
    """Why the desk is in STOP; it outlives the session, until a named operator resumes."""
    kill_switch: str = ""
    """What stands in the kill switch's file; empty while there is none."""
    requests: list[Request] = field(default_factory=list)
    exits: dict[InstrumentKey, Exit] = field(default_factory=dict)
    """One an instrument; one that is flat stays until somebody resumes."""
    questions: int = 0
    """Account queries that exits have asked."""
    looks: int = 0
    """Times that the venues' records have been looked at again; says whose executions are next."""
    ending: Ending | None = None
    differences: int = 0
    """Reconciliation differences that nothing explained."""
    day: int = 0
    """UTC day number that `day_open` belongs to."""
    pnl: Decimal | None = Decimal(0)
    """The session's P&L when last valued, reporting currency; None if a price for it is missing."""
    day_open: Decimal = Decimal(0)
    """The session's P&L at that day's start."""
    out: list[AnyCommand] = field(default_factory=list)
    touched: set[InstrumentKey] = field(default_factory=set)
    """Instruments whose strategies were asked in this step."""
    revalued: bool = False
    """Whether the P&L was taken in this step and the risk state has not seen it."""

    def emit(self, command: AnyCommand) -> None:
        """Decide on a command; every message to a venue's order entry counts against its budget."""
        if isinstance(command, PlaceOrder | AmendOrder | CancelOrder):
            self.gate.note_message(command.venue, self.now_ns)
        self.out.append(command)

    def timer(self, name: str, delay_ns: int) -> None:
        """Ask to be woken."""
        self.emit(SetTimer(name=name, at_ns=self.now_ns + delay_ns))

    def note(
        self, level: str, code: str, message: str, key: InstrumentKey | None = None, client_id: str = ""
    ) -> None:
        """Tell the operator."""
        venue, symbol = key or ("", "")
        self.emit(
            Notice(level=level, code=code, message=message, venue=venue, symbol=symbol, client_id=client_id)
        )

    @property
    def day_loss(self) -> Decimal | None:
        """What this UTC day has lost so far (a loss is positive), reporting currency; None if it cannot be valued."""
        unknown = self.phase is not Phase.STARTING and not self.risk.begun
        return None if self.pnl is None or unknown else self.day_open - self.pnl

    @property
    def level(self) -> Level:
        """How far the desk is shut: STOP by whoever stopped it, otherwise as far as the worst channel says."""
        return Level.STOP if self.halted else self.risk.level

    @property
    def action(self) -> Action:
        """What the level does to size, spread and permission."""
        return action(self.risk.parameters, self.level)

    @property
    def seats(self) -> list[Seat]:
        """Every strategy's place on every instrument it trades."""
        return [*self.hosts, *(seat for host in self.portfolios for seat in host.seats)]

    def exiting(self, key: InstrumentKey, strategy: str) -> str:
        """Why this strategy may not quote here because of an exit; empty if it may."""
        found = self.exits.get(key)
        holds = found is not None and found.under_way and found.strategy in {"", strategy}
        return f"an exit is under way: {found.because}" if found is not None and holds else ""

    def owned_by_exit(self, order: Order) -> bool:
        """True for an order of an exit that is under way: only the exit moves or cancels it."""
        works = self.phase in {Phase.RUNNING, Phase.STOPPING} and self.venues[order.venue].opening is not None
        return works and order.reduce_only and bool(self.exiting(order.key, order.strategy))

    def revalue(self) -> None:
        """Take the session's P&L at the present mids: after every execution, and on the fixed clock."""
        parts = self.ledger.parts(self.conversion)
        self.pnl = parts.total if parts is not None else None
        self.revalued = True

    def conversion(self, asset: str) -> Decimal | None:
        """Reporting currency per unit of an asset, from a traded mid; None, never a guess, where there is none."""
        reporting = self.config.reporting_currency
        if asset == reporting:
            return Decimal(1)
        for market in self.markets.values():
            if market.instrument and market.mid_half_ticks:
                pair = (market.instrument.base, market.instrument.quote)
                if pair == (asset, reporting):
                    return market.mid
                if pair == (reporting, asset):
                    return 1 / market.mid
        return None

    def markets_of(self, venue: str) -> list[Market]:
        """The instruments traded at a venue."""
        return [market for key, market in self.markets.items() if key.venue == venue]
