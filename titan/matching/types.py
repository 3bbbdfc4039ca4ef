"""What the exchange core takes and gives: order requests, records, executions, private events, refusals.

Prices are integer ticks, sizes integer lots, times integer ns UTC, money `Decimal` in the settle asset,
rounded to the venue's 8 decimals at each booking.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple

import msgspec

from titan.model.events import BookDelta, MarkPrice, TopOfBook, TradePrint
from titan.model.orders import Lifetime


class OrderKind(StrEnum):
    """How the price is found."""

    LIMIT = "limit"
    MARKET = "market"


class SelfTrade(StrEnum):
    """What ends when an account's taker would meet its own resting order; the taker's setting decides."""

    EXPIRE_TAKER = "expire_taker"
    EXPIRE_MAKER = "expire_maker"
    EXPIRE_BOTH = "expire_both"


class Status(StrEnum):
    """Where an order stands at the exchange."""

    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class RefusalReason(StrEnum):
    """Why a call was refused; a face maps each to its venue's code."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_ORDER = "unknown_order"  # no open order, or no order at all, of that id
    NOT_TRADING = "not_trading"
    BAD_PARAMETER = "bad_parameter"  # parameters that do not go together
    TICK = "tick"  # price not a positive number of ticks
    LOT = "lot"  # size below the smallest order
    MAX_SIZE = "max_size"
    MIN_NOTIONAL = "min_notional"
    PRICE_BAND = "price_band"  # buy too high or sell too low against the mark
    MAX_ORDERS = "max_orders"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"  # among the account's OPEN orders of the symbol
    INSUFFICIENT_MARGIN = "insufficient_margin"
    MAX_POSITION = "max_position"  # beyond what the set leverage allows
    MAX_LEVERAGE = "max_leverage"  # beyond what the position's bracket allows
    POST_ONLY_WOULD_CROSS = "post_only_would_cross"
    REDUCE_ONLY_REJECTED = "reduce_only_rejected"
    NO_AMEND_NEEDED = "no_amend_needed"


class Refusal(Exception):
    """A call that the exchange did not carry out; nothing has changed.

    Parameters
    ----------
    reason : RefusalReason
        The stable cause.
    detail : str
        What was wrong, with the value and the bound.
    """

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order as asked for. `price` (ticks) is 0 for market orders; an empty `client_id` lets the exchange
    choose one.
    """

    symbol: str
    side: int
    size: int
    price: int = 0
    client_id: str = ""
    kind: OrderKind = OrderKind.LIMIT
    lifetime: Lifetime = Lifetime.GTC
    reduce_only: bool = False
    self_trade: SelfTrade = SelfTrade.EXPIRE_TAKER


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the exchange knows it.

    `size` is the total, filled part included; `filled_value` the sum of price * size of its executions in
    quote currency (linear) or of contract value / price in coin (inverse). `reason` says why it ended
    early: ``self_trade``, ``reduce_only``, ``unfilled`` (immediate orders), ``countdown``, ``post_only``
    (an amend that would cross), ``amended_below_filled``, ``requested``.
    """

    order_id: int
    client_id: str
    account: str
    symbol: str
    side: int
    price: int
    size: int
    kind: OrderKind
    lifetime: Lifetime
    reduce_only: bool
    self_trade: SelfTrade
    status: Status
    filled: int
    filled_value: Decimal
    created_ns: int
    updated_ns: int
    reason: str = ""

    @property
    def remaining(self) -> int:
        """Lots that may still fill."""
        return self.size - self.filled

    @property
    def open(self) -> bool:
        """True while it rests in the book."""
        return self.status in (Status.OPEN, Status.PARTIALLY_FILLED)


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One account's side of one match. `fee` is what was charged (a rebate is negative); `realized`
    excludes it.

    Both sides of a match carry the same `trade_id`. `value` is the settle-asset value of the match.
    """

    trade_id: int
    order_id: int
    client_id: str
    account: str
    symbol: str
    side: int
    price: int
    size: int
    value: Decimal
    maker: bool
    fee: Decimal
    fee_asset: str
    realized: Decimal
    time_ns: int


class IncomeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of a wallet; the wallet's change is the sum of its records. `trade_id` is 0 where no
    match caused it.
    """

    income_id: int
    account: str
    symbol: str
    kind: Literal["realized_pnl", "commission", "funding_fee", "transfer"]
    asset: str
    amount: Decimal
    time_ns: int
    trade_id: int = 0


class BalanceRecord(NamedTuple):
    """One asset of an account. `margin` is wallet + unrealized; `available` is margin less initial margin,
    at least 0.
    """

    asset: str
    wallet: Decimal
    unrealized: Decimal
    margin: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available: Decimal


class PositionRecord(NamedTuple):
    """One one-way position, signed `lots`. `basis` is its exact signed cost: unrealized = value at the mark
    - basis.
    """

    symbol: str
    lots: int
    entry: Decimal
    mark: Decimal
    unrealized: Decimal
    basis: Decimal
    notional: Decimal
    leverage: int
    initial_margin: Decimal
    maintenance_margin: Decimal
    updated_ns: int


class FundingRecord(NamedTuple):
    """One settlement of a symbol: the rate and the mark that were applied."""

    symbol: str
    rate: Decimal
    mark: Decimal
    time_ns: int


class MarkRecord(NamedTuple):
    """Mark and index price, current funding rate and next settlement of a symbol."""

    symbol: str
    mark: Decimal
    index_price: Decimal
    funding_rate: Decimal
    next_funding_ns: int
    time_ns: int


class Depth(NamedTuple):
    """The best levels of a book, best first, after update `last_id`."""

    last_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    time_ns: int


Change = Literal["new", "trade", "amended", "cancelled", "expired"]


class OrderChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Private: an order changed; `execution` is set when `change` is ``trade``."""

    time_ns: int
    change: Change
    order: OrderRecord
    execution: Execution | None = None

    @property
    def account(self) -> str:
        """Whose order."""
        return self.order.account


class WalletChange(NamedTuple):
    """One asset's wallet after a change, and by how much it changed."""

    asset: str
    wallet: Decimal
    change: Decimal


class AccountChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Private: wallet or position changed. `symbol` is empty for transfers. It follows the `OrderChanged`
    that caused it.
    """

    time_ns: int
    account: str
    cause: Literal["order", "funding_fee", "transfer"]
    symbol: str
    wallets: tuple[WalletChange, ...]
    positions: tuple[PositionRecord, ...]


ExchangeEvent = BookDelta | TopOfBook | TradePrint | MarkPrice | OrderChanged | AccountChanged
"""Everything `Exchange.drain` gives: public model events, and the private ones of all accounts in the order
they happened.
"""
