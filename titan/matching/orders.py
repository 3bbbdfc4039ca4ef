"""Orders as the exchange holds them: the mutable order, and the store of open and ended ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from titan.matching.types import OrderRecord, OrderRequest, Status


@dataclass(slots=True, eq=False)
class LiveOrder:
    """One order at the exchange. The books change `filled`, the exchange everything else."""

    order_id: int
    account: str
    request: OrderRequest
    client_id: str
    price: int
    size: int
    created_ns: int
    updated_ns: int
    filled: int = 0
    filled_value: Decimal = Decimal(0)
    ended: Status | None = None
    reason: str = ""
    resting: bool = False

    symbol: str = field(init=False)
    side: int = field(init=False)

    def __post_init__(self) -> None:
        self.symbol = self.request.symbol
        self.side = self.request.side

    @property
    def remaining(self) -> int:
        """Lots that may still fill."""
        return self.size - self.filled

    @property
    def live(self) -> bool:
        """True until it has ended."""
        return self.ended is None

    @property
    def status(self) -> Status:
        """Where it stands."""
        if self.ended is not None:
            return self.ended
        return Status.PARTIALLY_FILLED if self.filled else Status.OPEN

    def record(self) -> OrderRecord:
        """The order as it is now."""
        request = self.request
        return OrderRecord(
            order_id=self.order_id,
            client_id=self.client_id,
            account=self.account,
            symbol=self.symbol,
            side=self.side,
            price=self.price,
            size=self.size,
            kind=request.kind,
            lifetime=request.lifetime,
            reduce_only=request.reduce_only,
            self_trade=request.self_trade,
            status=self.status,
            filled=self.filled,
            filled_value=self.filled_value,
            created_ns=self.created_ns,
            updated_ns=self.updated_ns,
            reason=self.reason,
        )


class OrderStore:
    """One account's orders: every open one, and the last `limit` that ended."""

    def __init__(self, limit: int) -> None:
        self._open: dict[int, LiveOrder] = {}
        self._open_by_client: dict[tuple[str, str], LiveOrder] = {}
        self._ended: dict[int, OrderRecord] = {}
        self._ended_by_client: dict[tuple[str, str], int] = {}
        self._ended_ids: deque[int] = deque()
        self._limit = limit

    def add(self, order: LiveOrder) -> None:
        """Hold a new open order."""
        self._open[order.order_id] = order
        self._open_by_client[(order.symbol, order.client_id)] = order

    def end(self, order: LiveOrder) -> None:
        """Move an order that has ended to the history, and forget the oldest beyond the limit."""
        del self._open[order.order_id]
        name = (order.symbol, order.client_id)
        del self._open_by_client[name]
        if self._limit == 0:
            return
        self._ended[order.order_id] = order.record()
        self._ended_by_client[name] = order.order_id
        self._ended_ids.append(order.order_id)
        if len(self._ended_ids) > self._limit:
            self._forget(self._ended_ids.popleft())

    def _forget(self, order_id: int) -> None:
        record = self._ended.pop(order_id)
        name = (record.symbol, record.client_id)
        # A later order of the same client id must stay findable.
        if self._ended_by_client.get(name) == order_id:
            del self._ended_by_client[name]

    def find_open(self, symbol: str, order_id: int, client_id: str) -> LiveOrder | None:
        """The open order of that id (or client id, if the id is 0)."""
        if order_id == 0:
            return self._open_by_client.get((symbol, client_id))
        order = self._open.get(order_id)
        return order if order is not None and order.symbol == symbol else None

    def find(self, symbol: str, order_id: int, client_id: str) -> OrderRecord | None:
        """An order, open or ended; by client id the open one, else the latest that ended."""
        live = self.find_open(symbol, order_id, client_id)
        if live is not None:
            return live.record()
        ended_id = order_id or self._ended_by_client.get((symbol, client_id), 0)
        ended = self._ended.get(ended_id)
        return ended if ended is not None and ended.symbol == symbol else None

    def open(self, symbol: str = "") -> Iterator[LiveOrder]:
        """Open orders in the order they came, of one symbol or all."""
        return (order for order in list(self._open.values()) if symbol in ("", order.symbol))

    def records(self, symbol: str) -> tuple[OrderRecord, ...]:
        """Open and ended orders of a symbol, by id."""
        found = [record for record in self._ended.values() if record.symbol == symbol]
        found.extend(order.record() for order in self.open(symbol))
        return tuple(sorted(found, key=lambda record: record.order_id))
