"""The adapter of mode shadow: orders have a life on paper, and none leaves this process.

An order is acknowledged at once, stands until it is cancelled, and never fills; one that takes at once expires.
Everything else, market and account, is read from what stands behind: the venue's account where there are keys, else
one that never trades. The requests that change orders are answered here and never handed on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from titan.model import commands as c
from titan.model.clock import Clock
from titan.model.events import (
    CommandOutcome,
    JournalledEvent,
    KeptAlive,
    OpenOrders,
    OrderAbsent,
    OrderUpdate,
    QueryFailed,
    Source,
)
from titan.model.orders import AT_ONCE, OrderState
from titan.venues.adapter import AccountReader, Sinks

KEEP_ENDED = 10_000
"""Ended orders that can still be asked for."""

_MS = 1_000_000
_STANDS = frozenset({OrderState.OPEN.value})


class ShadowAdapter:
    """An adapter in front of another; see `titan.venues.adapter.Adapter`.

    Parameters
    ----------
    venue : str
        The [venue.NAME].
    behind : function of Sinks
        Makes what reads market and account.
    sinks : Sinks
        Where the streams deliver.
    clock : Clock
        The session's clock.
    """

    def __init__(
        self, venue: str, behind: Callable[[Sinks], AccountReader], sinks: Sinks, clock: Clock
    ) -> None:
        self._venue = venue
        self._sinks = sinks
        self._clock = clock
        self._behind = behind(Sinks(sinks.market, self.take_private, sinks.stream, sinks.fault))
        self._run = str(clock.now_ns() // _MS)
        self._orders: dict[str, OrderUpdate] = {}
        self._placed = 0

    async def open(self) -> None:
        """Open what stands behind."""
        await self._behind.open()

    async def close(self) -> None:
        """Close it."""
        await self._behind.close()

    def take_private(self, events: list[JournalledEvent]) -> None:
        """Hand on what the account's private stream tells, but for its orders: those standing there are not ours."""
        self._sinks.private([event for event in events if not isinstance(event, OrderUpdate)])

    # ---- Orders: never handed on -----------------------------------------------------------------------------

    async def place(self, command: c.PlaceOrder) -> list[JournalledEvent]:
        """Let the order stand; one that takes at once finds nobody and expires."""
        self._placed += 1
        order = OrderUpdate(
            time_ns=0,
            venue=self._venue,
            symbol=command.symbol,
            client_id=command.client_id,
            venue_id=f"shadow-{self._run}-{self._placed}",
            state="expired" if command.lifetime in AT_ONCE else "open",
            side=command.side,
            price=command.price,
            size=command.size,
            filled=0,
            reduce_only=command.reduce_only,
            source="answer",
        )
        return [self._keep(order)]

    async def amend(self, command: c.AmendOrder) -> list[JournalledEvent]:
        """Change an order that stands."""
        order = self._standing(command)
        if order is None:
            return [self._elsewhere("amend", command)]
        return [self._keep(msgspec.structs.replace(order, price=command.price, size=command.size))]

    async def cancel(self, command: c.CancelOrder) -> list[JournalledEvent]:
        """End an order that stands."""
        order = self._standing(command)
        if order is None:
            return [self._elsewhere("cancel", command)]
        return [self._keep(msgspec.structs.replace(order, state="cancelled"))]

    async def cancel_all(self, command: c.CancelAll) -> list[JournalledEvent]:
        """End every order of a symbol that stands here. The account's own are not touched."""
        standing = [order for order in self._open() if order.symbol == command.symbol]
        return [self._keep(msgspec.structs.replace(order, state="cancelled")) for order in standing]

    async def keep_alive(self, command: c.KeepAlive) -> list[JournalledEvent]:
        """Confirm the switch without arming it: at the venue it would cancel the account's own orders."""
        return [
            KeptAlive(
                time_ns=self._clock.now_ns(),
                venue=self._venue,
                symbol=command.symbol,
                countdown_ns=command.countdown_ns,
            )
        ]

    def _keep(self, order: OrderUpdate) -> OrderUpdate:
        """Note where an order stands now, and tell of it as the private stream would."""
        now_ns = self._clock.now_ns()
        self._orders.pop(order.client_id, None)
        kept = self._orders[order.client_id] = msgspec.structs.replace(order, time_ns=now_ns, venue_ns=now_ns)
        if len(self._orders) > KEEP_ENDED:
            ended = next((name for name, each in self._orders.items() if each.state not in _STANDS), "")
            self._orders.pop(ended, None)
        self._sinks.private([self._told(kept, "stream")])
        return kept

    def _told(self, order: OrderUpdate, source: Source) -> OrderUpdate:
        return msgspec.structs.replace(order, time_ns=self._clock.now_ns(), source=source)

    def _standing(self, command: c.OrderCommand) -> OrderUpdate | None:
        order = self._orders.get(command.client_id)
        return order if order is not None and order.state in _STANDS else None

    def _open(self) -> list[OrderUpdate]:
        return [order for order in self._orders.values() if order.state in _STANDS]

    def _elsewhere(self, action: Literal["amend", "cancel"], command: c.OrderCommand) -> CommandOutcome:
        return CommandOutcome(
            time_ns=self._clock.now_ns(),
            venue=self._venue,
            symbol=command.symbol,
            action=action,
            client_id=command.client_id,
            outcome="unknown",
            code="unknown_order",
            message="no such order stands in the shadow",
        )

    # ---- Questions about orders ------------------------------------------------------------------------------

    async def query_order(self, command: c.QueryOrder) -> list[JournalledEvent]:
        """One order by client id. One of an earlier run is not known: it went with its process."""
        order = self._orders.get(command.client_id)
        if order is not None:
            return [self._told(order, "query")]
        now_ns = self._clock.now_ns()
        return [
            OrderAbsent(
                time_ns=now_ns,
                venue=self._venue,
                symbol=command.symbol,
                client_id=command.client_id,
                venue_ns=now_ns,
            )
        ]

    async def query_open_orders(self, command: c.QueryOpenOrders) -> list[JournalledEvent]:
        """Every order that stands here."""
        orders = tuple(self._told(order, "query") for order in self._open())
        return [OpenOrders(time_ns=self._clock.now_ns(), venue=self._venue, orders=orders)]

    # ---- Handed on: what reads -------------------------------------------------------------------------------

    async def query_account(self, command: c.QueryAccount) -> list[JournalledEvent]:
        """Balances and positions of what stands behind."""
        return await self._behind.query_account(command)

    async def query_fills(self, command: c.QueryFills) -> list[JournalledEvent]:
        """Its funding and executions."""
        return await self._behind.query_fills(command)

    async def query_setup(self, command: c.QuerySetup) -> list[JournalledEvent]:
        """How it is set up."""
        return await self._behind.query_setup(command)

    async def query_instruments(self, command: c.QueryInstruments) -> list[JournalledEvent]:
        """The venue's terms and its fee rates."""
        return await self._behind.query_instruments(command)

    async def rebuild_stream(self, command: c.RebuildStream) -> list[JournalledEvent]:
        """Connect its private stream anew."""
        return await self._behind.rebuild_stream(command)

    async def depth(self, command: c.RequestBook) -> bytes | QueryFailed:
        """A depth snapshot."""
        return await self._behind.depth(command)
