"""What a paper exchange says, in the events of the adapter's contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from titan.matching.types import (
    AccountChanged,
    ExchangeEvent,
    Execution,
    IncomeRecord,
    OrderChanged,
    OrderRecord,
    Refusal,
    RefusalReason,
)
from titan.model import commands as c
from titan.model.events import (
    Balance,
    BalanceUpdate,
    CommandOutcome,
    Fill,
    FillsQueried,
    Income,
    JournalledEvent,
    OpenOrders,
    OrderUpdate,
    Source,
)

UNPROVEN = frozenset({RefusalReason.UNKNOWN_ORDER, RefusalReason.DUPLICATE_CLIENT_ID})
"""Refusals that do not say what became of the order: it may have filled, or the first of its name may live."""


def received(event: JournalledEvent, time_ns: int) -> JournalledEvent:
    """The event as it is heard at `time_ns`, with all that it holds."""
    if isinstance(event, OpenOrders):
        orders = tuple(msgspec.structs.replace(order, time_ns=time_ns) for order in event.orders)
        return msgspec.structs.replace(event, time_ns=time_ns, orders=orders)
    if isinstance(event, FillsQueried):
        fills = tuple(msgspec.structs.replace(fill, time_ns=time_ns) for fill in event.fills)
        return msgspec.structs.replace(event, time_ns=time_ns, fills=fills)
    return msgspec.structs.replace(event, time_ns=time_ns)


class Words:
    """Turns the core's records into events, stamped with the exchange's time until they are heard.

    Parameters
    ----------
    venue : str
        The [venue.NAME].
    run : str
        Begins every id. The core counts from 1 in each run, and no id may ever come again.
    """

    def __init__(self, venue: str, run: str) -> None:
        self._venue = venue
        self._run = run

    def order(self, record: OrderRecord, time_ns: int, source: Source) -> OrderUpdate:
        """An order as it stands."""
        return OrderUpdate(
            time_ns=time_ns,
            venue=self._venue,
            symbol=record.symbol,
            venue_ns=record.updated_ns,
            client_id=record.client_id,
            venue_id=self._name(record.order_id),
            state=record.status.value,
            side=record.side,
            price=record.price,
            size=record.size,
            filled=record.filled,
            reduce_only=record.reduce_only,
            source=source,
            reason="" if record.reason == "requested" else record.reason,
        )

    def fill(self, execution: Execution, time_ns: int, source: Source) -> Fill:
        """An execution."""
        return Fill(
            time_ns=time_ns,
            venue=self._venue,
            symbol=execution.symbol,
            venue_ns=execution.time_ns,
            client_id=execution.client_id,
            venue_id=self._name(execution.order_id),
            trade_id=self._name(execution.trade_id),
            side=execution.side,
            price=execution.price,
            size=execution.size,
            maker=execution.maker,
            fee=execution.fee,
            fee_asset=execution.fee_asset,
            realized=execution.realized,
            source=source,
        )

    def funding(self, record: IncomeRecord, time_ns: int) -> Income:
        """A settlement of funding."""
        return Income(
            time_ns=time_ns,
            venue=self._venue,
            symbol=record.symbol,
            venue_ns=record.time_ns,
            kind="funding",
            asset=record.asset,
            amount=record.amount,
            income_id=f"FUNDING_FEE:{self._name(record.income_id)}",
        )

    def refused(
        self,
        action: Literal["place", "amend", "cancel"],
        command: c.OrderCommand,
        refusal: Refusal,
        time_ns: int,
    ) -> CommandOutcome:
        """What a refusal proves of an order."""
        return CommandOutcome(
            time_ns=time_ns,
            venue=self._venue,
            symbol=command.symbol,
            action=action,
            client_id=command.client_id,
            outcome="unknown" if refusal.reason in UNPROVEN else "rejected",
            code=refusal.reason.value,
            message=refusal.detail,
        )

    def private(self, events: Iterable[ExchangeEvent], time_ns: int) -> list[JournalledEvent]:
        """What the private stream tells; public events are the venue's to tell."""
        told: list[JournalledEvent] = []
        for event in events:
            if isinstance(event, OrderChanged):
                told.append(self.order(event.order, time_ns, "stream"))
                if event.execution is not None:
                    told.append(self.fill(event.execution, time_ns, "stream"))
            elif isinstance(event, AccountChanged):
                told.append(self._balance(event, time_ns))
        return told

    def _balance(self, event: AccountChanged, time_ns: int) -> BalanceUpdate:
        return BalanceUpdate(
            time_ns=time_ns,
            venue=self._venue,
            balances=tuple(Balance(wallet.asset, wallet.wallet) for wallet in event.wallets),
            cause=event.cause.upper(),
            venue_ns=event.time_ns,
        )

    def _name(self, number: int) -> str:
        return f"{self._run}-{number}"
