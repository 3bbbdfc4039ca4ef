"""Everything that enters the engine.

Every event carries `time_ns`, the receipt time on the session's clock (integer ns UTC). Events made from the
venue's market frames are not journalled: their frames go to the session's capture and are decoded again on
replay. All others are journalled as they are; their `tag` names them in the journal and never changes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from titan.model.instruments import Instrument, InstrumentKey

Levels = tuple[tuple[int, int], ...]
"""Price levels (ticks, lots); 0 lots in a delta removes the level."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all inputs: `time_ns` is the receipt time, integer ns UTC on the session's clock."""

    time_ns: int


class VenueEvent(Event, frozen=True, kw_only=True):
    """An event of one instrument at one venue; `venue_ns` is the venue's own stamp, 0 where it gives none."""

    venue: str
    symbol: str
    venue_ns: int = 0

    @property
    def key(self) -> InstrumentKey:
        """The instrument it is about."""
        return InstrumentKey(self.venue, self.symbol)


# ---- Market data, decoded from captured frames -----------------------------------------------------------


class BookSnapshot(VenueEvent, frozen=True, tag="book_snapshot", gc=False):
    """A whole book as of update `last_id`: bids and asks, best first or in any order."""

    last_id: int
    bids: Levels
    asks: Levels


class BookDelta(VenueEvent, frozen=True, tag="book_delta", gc=False):
    """Changed levels of updates `first_id`..`last_id`; `previous_id` is the preceding delta's last, -1 if not given."""

    first_id: int
    last_id: int
    previous_id: int
    bids: Levels
    asks: Levels


class TopOfBook(VenueEvent, frozen=True, tag="top_of_book", gc=False):
    """Best bid and ask after update `update_id`; ticks and lots."""

    update_id: int
    bid: int
    bid_size: int
    ask: int
    ask_size: int


class TradePrint(VenueEvent, frozen=True, tag="trade", gc=False):
    """A public trade; `side` is the aggressor's (+1 bought, -1 sold)."""

    trade_id: int
    price: int
    size: int
    side: int


class MarkPrice(VenueEvent, frozen=True, tag="mark_price", gc=False):
    """Mark and index price (may lie off the tick grid), the current funding rate and the next settlement."""

    mark: Decimal
    index: Decimal
    funding_rate: float
    next_funding_ns: int


class BadFrame(VenueEvent, frozen=True, tag="bad_frame"):
    """A frame that could not be trusted; an empty `symbol` puts every book of the venue in doubt."""

    reason: str


MarketEvent = BookSnapshot | BookDelta | TopOfBook | TradePrint | MarkPrice | BadFrame

# ---- The account, as the venue tells it ------------------------------------------------------------------

Source = Literal["answer", "stream", "query"]


class OrderUpdate(VenueEvent, frozen=True, tag="order_update"):
    """The venue's word on one order. `state` is open, partially_filled, filled, cancelled, rejected or expired."""

    client_id: str
    venue_id: str
    state: str
    side: int
    price: int
    size: int
    filled: int
    reduce_only: bool
    source: Source
    reason: str = ""


class Fill(VenueEvent, frozen=True, tag="fill"):
    """One execution of an order of ours. `fee` is what was charged (a rebate is negative), in `fee_asset`.

    `tick_size` is what `price` counts where that is not the instrument's present tick: an execution from before a
    change of terms, read again. None is the present one.
    """

    client_id: str
    venue_id: str
    trade_id: str
    side: int
    price: int
    size: int
    maker: bool
    fee: Decimal
    fee_asset: str
    realized: Decimal
    source: Source
    tick_size: Decimal | None = None

    def price_in(self, instrument: Instrument) -> Decimal:
        """The price in quote currency, by the instrument's terms or its own tick."""
        return instrument.price(self.price) if self.tick_size is None else self.price * self.tick_size


class CommandOutcome(VenueEvent, frozen=True, tag="command_outcome"):
    """How sending a command ended, where no `OrderUpdate` says so.

    `rejected`: the venue's code is on the allow-list of definite refusals. `unknown`: anything else that is
    no success. `not_sent`: it never left this process.
    """

    action: Literal["place", "amend", "cancel", "cancel_all"]
    client_id: str
    outcome: Literal["rejected", "unknown", "not_sent"]
    code: str
    message: str


class OrderAbsent(VenueEvent, frozen=True, tag="order_absent"):
    """A query by client id answered "no such order"; it is proof only under the conditions that the engine checks."""

    client_id: str


class Balance(msgspec.Struct, frozen=True):
    """Wallet balance of one asset: realised only, without open profit."""

    asset: str
    wallet: Decimal


class Position(msgspec.Struct, frozen=True):
    """A venue's record of one position. Equity re-marked at m is wallet + unrealized + gain(lots, mark, m)."""

    symbol: str
    lots: int
    entry: Decimal
    mark: Decimal
    unrealized: Decimal
    liquidation: Decimal | None = None
    """The price at which the venue would close it; 0 where no price would, None where it does not say."""
    maintenance_margin: Decimal | None = None
    """What it binds at the least, settle currency; None where the venue does not say."""


class BalanceUpdate(Event, frozen=True, tag="balance_update"):
    """A wallet changed, as told by the private stream."""

    venue: str
    balances: tuple[Balance, ...]
    cause: str
    venue_ns: int = 0


class AccountSnapshot(Event, frozen=True, tag="account_snapshot"):
    """Answer to `QueryAccount`: balances and every non-zero position. A failed query never makes one."""

    venue: str
    purpose: str
    balances: tuple[Balance, ...]
    positions: tuple[Position, ...]
    venue_ns: int = 0
    maintenance_margin: Decimal | None = None
    """What all positions bind at the least, and what the account is worth with its open profit: the venue liquidates
    where they meet. Both in the venue's one unit of account; None where it does not say."""
    margin_balance: Decimal | None = None


class OpenOrders(Event, frozen=True, tag="open_orders"):
    """Answer to `QueryOpenOrders`: all open orders of the account. A failed query never makes one."""

    venue: str
    orders: tuple[OrderUpdate, ...]
    venue_ns: int = 0


class FillsQueried(Event, frozen=True, tag="fills_queried"):
    """Answer to `QueryFills`: every execution of the symbol since `since_ns`, complete."""

    venue: str
    symbol: str
    since_ns: int
    fills: tuple[Fill, ...]


class Income(VenueEvent, frozen=True, tag="income"):
    """A wallet movement that is no fill: funding above all. `amount` is signed, in `asset`."""

    kind: str
    asset: str
    amount: Decimal
    income_id: str


class QueryFailed(Event, frozen=True, tag="query_failed"):
    """A query got no usable answer: it changes nothing but the time of the next attempt."""

    venue: str
    query: str
    symbol: str
    client_id: str
    reason: str
    final: bool = False
    """The venue has answered, and asking again cannot help: the settings ask for what it has not."""


class FeeRates(VenueEvent, frozen=True, tag="fee_rates"):
    """The account's commission rates as fractions of notional."""

    maker: Decimal
    taker: Decimal


class InstrumentUpdate(Event, frozen=True, tag="instrument"):
    """Terms of an instrument, read at start or re-read."""

    instrument: Instrument


class SymbolSetup(msgspec.Struct, frozen=True):
    """How the account has one symbol set up: `margin_mode` is ``cross`` or ``isolated``."""

    symbol: str
    margin_mode: str
    leverage: int


class AccountSetup(Event, frozen=True, tag="account_setup"):
    """Answer to `QuerySetup`: the account's modes. `withdrawals` is None where the venue was not asked."""

    venue: str
    position_mode: Literal["one_way", "hedge"]
    multi_assets: bool
    symbols: tuple[SymbolSetup, ...]
    withdrawals: bool | None = None
    """Whether the key in use may withdraw."""


class KeptAlive(VenueEvent, frozen=True, tag="kept_alive"):
    """Answer to `KeepAlive`: the venue has confirmed the countdown, ns; at its end it cancels the symbol's orders."""

    countdown_ns: int


class VenueShut(Event, frozen=True, tag="venue_shut"):
    """The venue has refused all requests until `until_ns` (session clock): a ban, or too many of them."""

    venue: str
    until_ns: int
    reason: str


class ClockSync(Event, frozen=True, tag="clock_sync"):
    """The venue's clock was measured: venue minus session, and the round trip that it was measured over, ns."""

    venue: str
    offset_ns: int
    round_trip_ns: int


# ---- The session itself ----------------------------------------------------------------------------------


class SessionStarted(Event, frozen=True, tag="session_started"):
    """The first event: the engine asks for everything it needs to know."""


class StreamState(Event, frozen=True, tag="stream_state"):
    """A stream came up or went down; `stream` is ``market`` or ``private``."""

    venue: str
    stream: Literal["market", "private"]
    up: bool
    reason: str


class TimerFired(Event, frozen=True, tag="timer"):
    """A requested timer is due."""

    name: str


class StopRequested(Event, frozen=True, tag="stop_requested"):
    """End the session: cancel everything, prove it, stop with `exit_code`."""

    reason: str
    exit_code: int


class TopsLeftOut(VenueEvent, frozen=True, tag="tops_left_out"):
    """Best bids and offers were made void by newer ones before they were taken: the next does not follow the last."""


class StorageFailed(Event, frozen=True, tag="storage_failed"):
    """The journal can no longer be written: nothing that adds risk may be sent from here on."""

    reason: str


class OperatorAction(Event, frozen=True, tag="operator"):
    """A named person's order: pause, resume, stop or cancel. The `OperatorAnswer` carries the same `request`."""

    action: str
    target: str
    who: str
    why: str
    request: str = ""


class RiskInherited(Event, frozen=True, tag="risk_inherited"):
    """What a predecessor's journal last told of its risk state, where that journal cannot be replayed.

    Fields as in `RiskStanding`.
    """

    session: str
    day: int
    earned_today: Decimal
    risk: bytes


class SettingsReloaded(Event, frozen=True, tag="settings_reloaded"):
    """Somebody wants the running session to take up its settings as they stand now: `config`, the engine's, msgpack."""

    config: bytes
    who: str
    why: str
    request: str


class KillSwitch(Event, frozen=True, tag="kill_switch"):
    """The kill switch's file is there, with what stands in it, or is gone."""

    on: bool
    why: str


class RiskPart(msgspec.Struct, frozen=True):
    """What one position adds to the portfolio's expected shortfall, reporting currency."""

    venue: str
    symbol: str
    shortfall: float
    error: float | None = None
    """Its standard error; None where it has none."""


class StrategyPart(msgspec.Struct, frozen=True):
    """What one strategy adds to the portfolio's expected shortfall, reporting currency."""

    strategy: str
    shortfall: float
    error: float | None = None


class StressLoss(msgspec.Struct, frozen=True):
    """What all positions would lose in one named scenario, reporting currency; a gain is negative."""

    name: str
    loss: float


class RiskResult(Event, frozen=True, tag="risk_result"):
    """The portfolio's risk as another process has computed it; after `expires_ns` it says nothing any more."""

    source: str
    currency: str
    shortfall: float
    """Expected shortfall of all positions together; the parts, where there are any, sum to it."""
    parts: tuple[RiskPart, ...]
    stresses: tuple[StressLoss, ...]
    computed_ns: int
    """When the positions and prices were that it is of."""
    expires_ns: int
    strategies: tuple[StrategyPart, ...] = ()
    """The same shortfall by strategy, where it is known; it sums to it as well."""
    error: float | None = None
    """Standard error of the shortfall; None where it has none."""
    tail: float = 0.0
    """Probability of the tail, and the horizon; 0 where the source does not say."""
    horizon_s: float = 0.0
    basis: str = ""
    """What it rests on, in words: a record, or an assumption for want of one."""


AccountEvent = (
    OrderUpdate | Fill | CommandOutcome | OrderAbsent | BalanceUpdate | AccountSnapshot | OpenOrders
    | FillsQueried | Income | QueryFailed | FeeRates | InstrumentUpdate | AccountSetup | KeptAlive | VenueShut
    | ClockSync
)  # fmt: skip
SessionEvent = (
    SessionStarted
    | StreamState
    | TimerFired
    | StopRequested
    | TopsLeftOut
    | StorageFailed
    | OperatorAction
    | RiskInherited
    | SettingsReloaded
    | KillSwitch
    | RiskResult
)
JournalledEvent = AccountEvent | SessionEvent
AnyEvent = MarketEvent | JournalledEvent
