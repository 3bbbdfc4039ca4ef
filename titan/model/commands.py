"""Everything that leaves the engine. The outbox makes a command durable, then carries it out."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from titan.model.instruments import InstrumentKey
from titan.model.orders import Lifetime


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all outputs."""


class OrderCommand(Command, frozen=True, kw_only=True):
    """A command about one order; it is journalled and durable before it is sent."""

    venue: str
    symbol: str
    client_id: str

    @property
    def key(self) -> InstrumentKey:
        """The instrument it is about."""
        return InstrumentKey(self.venue, self.symbol)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Why a quote stands where it stands, each step in quote currency: enough to explain a fill."""

    fair_value: float
    reservation: float
    wanted: float
    rounded: float
    inventory: float
    spread_multiplier: float
    size_multiplier: float
    skew_bps: float | None = None
    """Added to this side's price for the inventory, bps of the fair value; None, here and below, is not known."""
    edge_bps: float | None = None
    """What the fill must earn for the takers' gain, beyond its fee and the minimum edge."""
    toxicity_rank: float | None = None
    markout_bps: float | None = None
    volatility_ratio: float | None = None
    inventory_share: float | None = None
    regime_spread: float | None = None
    regime_size: float | None = None
    artefact: str | None = None
    """Id of the calibration whose parameters were used; None where they are those of the settings."""


class PlaceOrder(OrderCommand, frozen=True, tag="place"):
    """Send a new order; price in ticks, size in lots, side +1 or -1."""

    strategy: str
    side: int
    price: int
    size: int
    lifetime: Lifetime
    reduce_only: bool
    decision: Decision | None = None


class AmendOrder(OrderCommand, frozen=True, tag="amend"):
    """Change an open order: `price` in ticks and `size` in lots are the new TOTALS, filled part included."""

    side: int
    price: int
    size: int
    decision: Decision | None = None


class CancelOrder(OrderCommand, frozen=True, tag="cancel"):
    """Cancel one order."""


class CancelAll(Command, frozen=True, tag="cancel_all"):
    """Cancel every order of one symbol, whoever sent it."""

    venue: str
    symbol: str


class QueryOrder(OrderCommand, frozen=True, tag="query_order"):
    """Ask for one order by client id: `OrderUpdate`, `OrderAbsent` or `QueryFailed`."""


class QueryOpenOrders(Command, frozen=True, tag="query_open_orders"):
    """Ask for all open orders: `OpenOrders` or `QueryFailed`."""

    venue: str


class QueryAccount(Command, frozen=True, tag="query_account"):
    """Ask for balances and positions: `AccountSnapshot` with the same `purpose`, or `QueryFailed`."""

    venue: str
    purpose: str


class QueryFills(Command, frozen=True, tag="query_fills"):
    """Ask for own executions and funding since `since_ns`: `Income`s, then `FillsQueried`, or `QueryFailed`."""

    venue: str
    symbol: str
    since_ns: int


class QueryInstruments(Command, frozen=True, tag="query_instruments"):
    """Re-read terms and fee rates: one `InstrumentUpdate` and `FeeRates` a symbol, or `QueryFailed`."""

    venue: str


class RequestBook(Command, frozen=True, tag="request_book"):
    """Fetch a depth snapshot; the answer enters as a captured frame (`BookSnapshot`), or as `QueryFailed`."""

    venue: str
    symbol: str


class QuerySetup(Command, frozen=True, tag="query_setup"):
    """Ask how the account is set up: `AccountSetup` or `QueryFailed`. Nothing is ever changed there."""

    venue: str


class KeepAlive(Command, frozen=True, tag="keep_alive"):
    """Have the venue cancel the symbol's orders in `countdown_ns` unless asked again; 0 ends the countdown.

    Answered by `KeptAlive` or `QueryFailed`.
    """

    venue: str
    symbol: str
    countdown_ns: int


class RebuildStream(Command, frozen=True, tag="rebuild_stream"):
    """Drop the private stream and connect anew: it is open, and does not tell what it should."""

    venue: str
    reason: str


class SetTimer(Command, frozen=True, tag="set_timer"):
    """Fire `TimerFired(name)` once, at or after `at_ns`; a second request of the same name replaces the first."""

    name: str
    at_ns: int


class Notice(Command, frozen=True, tag="notice"):
    """Something an operator should be able to read later: logged and counted, never sent anywhere.

    `code` is stable, lower-case, counted in the metrics; `level` is ``info``, ``warning`` or ``error``.
    """

    level: str
    code: str
    message: str
    venue: str = ""
    symbol: str = ""
    client_id: str = ""


class OperatorAnswer(Command, frozen=True, tag="operator_answer"):
    """What became of an `OperatorAction`: `done` only if the venue has proven it; `text` says what was verified."""

    request: str
    done: bool
    text: str


class RiskStanding(Command, frozen=True, tag="risk_standing"):
    """The risk state as it stood, for a successor that cannot replay this session: written, never sent anywhere.

    `day` counts days since 1970 UTC; `earned_today` is in the reporting currency; `risk` is its snapshot, msgpack.
    """

    day: int
    earned_today: Decimal
    risk: bytes


class EndSession(Command, frozen=True, tag="end_session"):
    """All is proven, or cannot be: flush and leave with `exit_code`. `left_open` lists orders not proven cancelled."""

    exit_code: int
    reason: str
    left_open: tuple[str, ...]


AnyCommand = (
    PlaceOrder | AmendOrder | CancelOrder | CancelAll | QueryOrder | QueryOpenOrders | QueryAccount |
    QueryFills | QueryInstruments | QuerySetup | KeepAlive | RebuildStream | RequestBook | SetTimer | Notice |
    OperatorAnswer | RiskStanding | EndSession
)  # fmt: skip

NEEDS_DURABLE = (PlaceOrder, AmendOrder)
"""Commands that must be in the journal before they are sent. Cancels go even when the journal fails."""
