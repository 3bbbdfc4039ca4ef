"""The exchange without I/O: accounts, orders, matching, funding and mark prices of several instruments.

It reads no clock and draws no random number: the same calls give the same ids, the same fills and the same events. Order
ids and trade ids count up from 1. A face translates its protocol into these calls and `drain` into its streams.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from titan.matching.terms import AccountTerms, ExchangeSettings
from titan.matching.types import (
    BalanceRecord,
    Depth,
    ExchangeEvent,
    Execution,
    FundingRecord,
    IncomeRecord,
    MarkRecord,
    OrderRecord,
    OrderRequest,
    PositionRecord,
)
from titan.model.events import MarketEvent
from titan.model.instruments import Instrument


class Exchange:
    """One venue: all its instruments, accounts and orders.

    Every method that is asked in the name of an account raises `Refusal` where the venue would answer with an error;
    nothing has changed then.
    """

    def __init__(self, instruments: Iterable[Instrument], settings: ExchangeSettings, now_ns: int = 0) -> None: ...

    # ---- the clock ----
    @property
    def now_ns(self) -> int:
        """The exchange's clock, ns UTC."""

    def advance(self, now_ns: int) -> None:
        """Move the clock; countdowns, funding settlements and mark prices that fall due happen at their own stamps, in order.
        After a jump over several mark stamps only the last mark is emitted. ValueError if the clock would run backwards."""

    def drain(self) -> list[ExchangeEvent]:
        """Take everything that happened since the last call, in order, public and private (of all non-background accounts)."""

    # ---- the market ----
    def apply_market(self, event: MarketEvent) -> None:
        """Replayed market only: apply a recorded event, and fill what it fills. ValueError if absurd or out of sequence: then nothing
        has changed. Deltas before the first snapshot are kept and applied after it; stale ones are dropped. TopOfBook changes nothing. Advances the clock
        to event.time_ns if that is later."""

    def synchronised(self, symbol: str) -> bool:
        """True once the book can be traded on: generated, or replayed and built from a snapshot without a gap since."""

    def instruments(self) -> Mapping[str, Instrument]: ...
    def set_instrument(self, instrument: Instrument) -> None:
        """New terms (status, filters). The grid must stay the same; ValueError otherwise."""

    def depth(self, symbol: str, levels: int = 0) -> Depth:
        """The best levels of each side (0: all)."""

    def mark(self, symbol: str) -> MarkRecord | None:
        """Mark price and funding; None before the book ever had two sides."""

    def last_trade(self, symbol: str) -> tuple[int, int, int] | None:
        """Price (ticks), size (lots) and time of the latest public trade."""

    def set_index(self, symbol: str, index: Decimal) -> None:
        """State the index price (generated market); until then it equals the mark."""

    def set_funding_rate(self, symbol: str, rate: Decimal) -> None: ...
    def funding_history(self, symbol: str) -> tuple[FundingRecord, ...]:
        """Past settlements, oldest first."""

    # ---- accounts ----
    def open_account(self, account: str, terms: AccountTerms) -> None:
        """ValueError if it exists."""

    def accounts(self) -> tuple[str, ...]: ...
    def balances(self, account: str) -> tuple[BalanceRecord, ...]: ...
    def positions(self, account: str, symbol: str = "") -> tuple[PositionRecord, ...]:
        """Every symbol ever traded, flat ones too (lots 0); of one symbol also if it was never traded."""

    def fees(self, account: str, symbol: str) -> tuple[Decimal, Decimal]:
        """(maker, taker) as fractions of notional."""

    def leverage(self, account: str, symbol: str) -> int: ...
    def set_leverage(self, account: str, symbol: str, leverage: int) -> None: ...
    def income(self, account: str, symbol: str = "", since_ns: int = 0) -> tuple[IncomeRecord, ...]:
        """Oldest first, `since_ns` included."""

    def trades(self, account: str, symbol: str = "", since_ns: int = 0, from_id: int = 0) -> tuple[Execution, ...]:
        """Own executions, oldest first."""

    # ---- orders ----
    def place(self, account: str, request: OrderRequest) -> OrderRecord:
        """The order after matching: open, partially filled, filled or expired."""

    def amend(self, account: str, symbol: str, *, price: int, size: int, side: int = 0, order_id: int = 0,
              client_id: str = "") -> OrderRecord:
        """New price and TOTAL size; always requeues. A post-only order that would cross, or a size not above the filled part,
        CANCELS the order (no Refusal: look at the record's status). `side` if given must be the order's."""

    def cancel(self, account: str, symbol: str, *, order_id: int = 0, client_id: str = "") -> OrderRecord: ...
    def cancel_all(self, account: str, symbol: str) -> tuple[OrderRecord, ...]: ...
    def set_countdown(self, account: str, symbol: str, countdown_ns: int) -> None:
        """Cancel all orders of the symbol in `countdown_ns` unless called again; 0 ends it."""

    def order(self, account: str, symbol: str, *, order_id: int = 0, client_id: str = "") -> OrderRecord:
        """One order, open or ended; by client id the open one, else the latest."""

    def open_orders(self, account: str, symbol: str = "") -> tuple[OrderRecord, ...]:
        """In the order they were placed."""

    def orders(self, account: str, symbol: str, since_ns: int = 0) -> tuple[OrderRecord, ...]:
        """Open and ended ones, by id."""
