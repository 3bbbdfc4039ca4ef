"""The one way in which an order of ours comes into being, or is changed: noted, counted, and then commanded."""

from __future__ import annotations

from titan.engine.desk import Desk, Market
from titan.engine.router import Wanted
from titan.model.commands import AmendOrder, Decision, PlaceOrder
from titan.model.orders import Lifetime, Order, OrderState
from titan.risk.budget import RecentOrder


def place(
    desk: Desk,
    market: Market,
    strategy: str,
    wanted: Wanted,
    lifetime: Lifetime,
    *,
    reduce_only: bool = False,
    decision: Decision | None = None,
) -> Order:
    """Send a new order that the gatekeeper has let pass. One at the market is sent without its price."""
    client_id = desk.ids.next(desk.config.venue(market.key.venue).account, strategy)
    venue, symbol = market.key
    price = 0 if lifetime is Lifetime.MARKET else wanted.price
    order = Order(
        venue=venue, symbol=symbol, client_id=client_id, strategy=strategy,
        side=wanted.side, price=price, size=wanted.size,
        lifetime=lifetime, reduce_only=reduce_only, state=OrderState.INTENT,
        created_ns=desk.now_ns, changed_ns=desk.now_ns, asked_ns=desk.now_ns,
    )  # fmt: skip
    desk.orders.add(order)
    desk.gate.note_order(market.key, RecentOrder(desk.now_ns, wanted.side, wanted.price, wanted.size))
    desk.emit(
        PlaceOrder(
            venue=venue, symbol=symbol, client_id=client_id, strategy=strategy,
            side=wanted.side, price=price, size=wanted.size,
            lifetime=lifetime, reduce_only=reduce_only, decision=decision,
        )
    )  # fmt: skip
    return order


def amend(desk: Desk, order: Order, price: int, size: int, decision: Decision | None = None) -> None:
    """Move an order to this price and TOTAL size."""
    desk.orders.begin_amend(order, price, size, desk.now_ns)
    order.asked_ns = desk.now_ns
    desk.emit(
        AmendOrder(
            venue=order.venue, symbol=order.symbol, client_id=order.client_id,
            side=order.side, price=price, size=size, decision=decision,
        )
    )  # fmt: skip
