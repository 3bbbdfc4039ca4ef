"""Order parameters: Binance's strings to the core's requests, refused as Binance refuses them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from titan.loopback import errors
from titan.loopback.params import Params
from titan.loopback.shapes_market import decimals
from titan.loopback.shapes_orders import LIFETIMES, SELF_TRADE_MODES, SIDES
from titan.matching.types import OrderKind, OrderRequest, SelfTrade
from titan.model.instruments import Instrument, OffGridError
from titan.model.orders import Lifetime

_CLIENT_ID = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")
_KINDS = {"LIMIT": OrderKind.LIMIT, "MARKET": OrderKind.MARKET}
_CONDITIONAL = {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"}


class OrderId(NamedTuple):
    """How an order is named: the exchange's id if not 0, else the client's."""

    order_id: int
    client_id: str


def price_ticks(params: Params, instrument: Instrument) -> int:
    """The mandatory ``price`` in ticks: -4001 not positive, -1111 too many decimals, -4014 off the tick."""
    price = params.decimal("price")
    if price <= 0:
        raise errors.VenueError(-4001, "Price less than 0.")
    _check_decimals(price, instrument.tick_size)
    try:
        return instrument.ticks(price)
    except OffGridError:
        raise errors.off_tick() from None


def size_lots(params: Params, instrument: Instrument) -> int:
    """The mandatory ``quantity`` in lots: -4003 not positive, -1111 too many decimals, -4023 off the step."""
    size = params.decimal("quantity")
    if size <= 0:
        raise errors.VenueError(-4003, "Quantity less than or equal to zero.")
    _check_decimals(size, instrument.lot_size)
    try:
        return instrument.lots(size)
    except OffGridError:
        raise errors.off_step() from None


def _check_decimals(value: Decimal, step: Decimal) -> None:
    if decimals(value.normalize()) > decimals(step):
        raise errors.precision()


def side(params: Params) -> int:
    """The mandatory ``side``: +1 or -1."""
    return params.choice("side", SIDES, errors.VenueError(-1117, "Invalid side."))


def client_id(params: Params) -> str:
    """The optional ``newClientOrderId``; -4015 if malformed."""
    value = params.optional("newClientOrderId")
    if value and not _CLIENT_ID.match(value):
        raise errors.VenueError(
            -4015, "Client order id is not valid; it takes up to 36 of the characters .A-Z:/a-z0-9_-"
        )
    return value


def order_id(params: Params) -> OrderId:
    """``orderId`` or ``origClientOrderId``; -1102 if neither is given."""
    if "orderId" in params:
        return OrderId(params.integer("orderId"), "")
    if "origClientOrderId" in params:
        return OrderId(0, params.text("origClientOrderId"))
    raise errors.VenueError(
        -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
    )


def order_request(params: Params, instrument: Instrument) -> OrderRequest:
    """A new order from its parameters.

    Raises
    ------
    VenueError
        With Binance's code for the first parameter that is missing or wrong.
    """
    direction = side(params)
    kind = _kind(params)
    _check_position_side(params)
    size = size_lots(params, instrument)
    if kind is OrderKind.LIMIT:
        lifetime = _lifetime(params)
        price = price_ticks(params, instrument)
    else:
        if "timeInForce" in params:
            raise errors.VenueError(-1106, "Parameter 'timeInForce' sent when not required.")
        if "price" in params:
            raise errors.VenueError(-1106, "Parameter 'price' sent when not required.")
        lifetime, price = Lifetime.IOC, 0
    return OrderRequest(
        symbol=instrument.symbol,
        side=direction,
        size=size,
        price=price,
        client_id=client_id(params),
        kind=kind,
        lifetime=lifetime,
        reduce_only=params.flag("reduceOnly"),
        self_trade=_self_trade(params),
    )


def _kind(params: Params) -> OrderKind:
    if params.optional("type") in _CONDITIONAL:
        raise errors.VenueError(
            -4120,
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
        )
    return params.choice("type", _KINDS, errors.VenueError(-1116, "Invalid orderType."))


def _lifetime(params: Params) -> Lifetime:
    return params.choice("timeInForce", LIFETIMES, errors.VenueError(-1115, "Invalid timeInForce."))


def _self_trade(params: Params) -> SelfTrade:
    mode = params.optional("selfTradePreventionMode", "EXPIRE_TAKER")
    if mode not in SELF_TRADE_MODES:
        raise errors.VenueError(-5039, "Invalid self trade prevention mode.")
    return SELF_TRADE_MODES[mode]


def _check_position_side(params: Params) -> None:
    if params.optional("positionSide", "BOTH") != "BOTH":
        raise errors.VenueError(-4061, "Order's position side does not match user's setting.")
