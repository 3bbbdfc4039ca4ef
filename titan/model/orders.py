"""The vocabulary of orders: sides, states, lifetimes, and the record of one order."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from titan.model.instruments import InstrumentKey

BUY = 1
SELL = -1


class OrderState(StrEnum):
    """Where an order stands in its life; `engine.orders` holds and enforces the legal transitions."""

    INTENT = "intent"  # decided: made durable, then sent; no answer yet
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_AMEND = "pending_amend"
    PENDING_CANCEL = "pending_cancel"
    UNKNOWN = "unknown"  # silence or an answer that proves nothing: counts at its worst case
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


TERMINAL = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})


class Lifetime(StrEnum):
    """Time in force. POST_ONLY is good till cancelled and never takes; MARKET takes at any price, and has none: 0."""

    POST_ONLY = "post_only"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    MARKET = "market"


AT_ONCE = frozenset({Lifetime.IOC, Lifetime.FOK, Lifetime.MARKET})
"""Lifetimes of orders that never stand in the book: until their end is told they are in flight."""


class Order(msgspec.Struct, kw_only=True):
    """One order of ours, as far as we can know it. Prices in ticks, sizes in lots, `side` +1 buy, -1 sell."""

    venue: str
    symbol: str
    client_id: str
    strategy: str
    side: int
    price: int
    size: int
    lifetime: Lifetime
    reduce_only: bool
    state: OrderState
    created_ns: int
    changed_ns: int
    venue_id: str = ""
    venue_ns: int = 0  # the venue's stamp on the newest word about it
    venue_filled: int = 0  # lots the venue says are filled
    filled: int = 0  # lots of the executions booked here
    pending_price: int = 0  # an amend under way, 0 if none
    pending_size: int = 0
    ends_as: OrderState | None = None  # the venue ended it, but executions are still missing here
    adopted_ns: int = 0  # the venue's stamp on what was adopted: executions up to it are in `filled` already
    asked_ns: int = 0  # when the last request to change it was decided
    amended_ns: int = 0  # when the last amend was decided
    cancel_asked_ns: int = 0  # when the last cancel was decided
    queried_ns: int = 0  # when the venue was last asked about it
    absences: int = 0  # valid "no such order" answers since the last word
    fills_read: bool = False  # own executions were read completely since the first of them

    @property
    def key(self) -> InstrumentKey:
        """The instrument it is for."""
        return InstrumentKey(self.venue, self.symbol)

    @property
    def remaining(self) -> int:
        """Lots that may still change the position, at the worse of the old and the pending size."""
        bound = self.venue_filled if self.ends_as else max(self.size, self.pending_size)
        return max(bound - self.filled, 0)

    @property
    def live(self) -> bool:
        """True until the venue has proven it ended."""
        return self.state not in TERMINAL
