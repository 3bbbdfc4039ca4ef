"""REST calls that place, amend, cancel and query orders."""

from __future__ import annotations

from collections.abc import Callable

from titan.loopback import errors, order_params, refusals, shapes_orders
from titan.loopback.call import Call, Endpoint, Security, by_symbol, flat
from titan.loopback.params import Params
from titan.loopback.shapes_market import Payload, ms
from titan.matching.types import OrderRecord, Refusal, RefusalReason
from titan.model.instruments import Instrument

_MOST_PLACED = 5
_MOST_CANCELLED = 10
_COUNTDOWN_MOST_MS = 10**12


def _place(call: Call) -> object:
    instrument = call.instrument()
    request = order_params.order_request(call.params, instrument)
    kind = call.params.optional("newOrderRespType", "ACK")
    if kind not in ("ACK", "RESULT"):
        raise errors.VenueError(-1136, "Invalid newOrderRespType")
    try:
        order = call.desk.exchange.place(call.account, request)
    except Refusal as refusal:
        raise _order_error(call, instrument, refusal, request.side) from None
    if kind == "ACK":
        return shapes_orders.acknowledgement(instrument, order)
    return shapes_orders.order_answer(instrument, order, "placed")


def _amend(call: Call) -> object:
    instrument = call.instrument()
    name = order_params.order_id(call.params)
    side = order_params.side(call.params)
    size = order_params.size_lots(call.params, instrument)
    price = order_params.price_ticks(call.params, instrument)
    try:
        order = call.desk.exchange.amend(
            call.account,
            instrument.symbol,
            price=price,
            size=size,
            side=side,
            order_id=name.order_id,
            client_id=name.client_id,
        )
    except Refusal as refusal:
        raise _order_error(call, instrument, refusal, side) from None
    return shapes_orders.order_answer(instrument, order, "placed")


def _order_error(call: Call, instrument: Instrument, refusal: Refusal, side: int) -> errors.VenueError:
    value = f"{instrument.min_notional:f}"
    if refusal.reason is RefusalReason.PRICE_BAND:
        mark = call.desk.exchange.mark(instrument.symbol)
        bound = instrument.band_up if side > 0 else instrument.band_down
        value = shapes_orders.price_8(mark.mark * bound) if mark else ""
    return refusals.order_error(refusal, value, side)


def _cancel(call: Call) -> object:
    instrument = call.instrument()
    name = order_params.order_id(call.params)
    try:
        order = call.desk.exchange.cancel(
            call.account, instrument.symbol, order_id=name.order_id, client_id=name.client_id
        )
    except Refusal as refusal:
        raise refusals.cancel_error(refusal) from None
    return shapes_orders.order_answer(instrument, order, "placed")


def _cancel_all(call: Call) -> object:
    call.desk.exchange.cancel_all(call.account, call.instrument().symbol)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def _batch(handler: Callable[[Call], object]) -> Callable[[Call], object]:
    """Carry out each entry of ``batchOrders`` by itself; a refusal stands in its place."""

    def carry_out(call: Call) -> object:
        entries = call.params.json_list("batchOrders")
        if not 1 <= len(entries) <= _MOST_PLACED:
            raise errors.VenueError(-4082, "Invalid number of batch place orders.")
        answers: list[object] = []
        for entry in entries:
            if not isinstance(entry, dict):
                raise errors.missing("batchOrders")
            answers.append(_one_of_batch(handler, call, Params({str(k): _text(v) for k, v in entry.items()})))
        return answers

    return carry_out


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_of_batch(handler: Callable[[Call], object], call: Call, params: Params) -> object:
    try:
        return handler(call._replace(params=params))
    except errors.VenueError as error:
        return error.body()


def _cancel_batch(call: Call) -> object:
    call.instrument()
    named = [name for name in ("orderIdList", "orderidlist") if name in call.params]
    own = [name for name in ("origClientOrderIdList", "origclientorderidlist") if name in call.params]
    if not named and not own:
        raise errors.missing("orderIdList")
    key = "orderId" if named else "origClientOrderId"
    ids = call.params.json_list(*(named or own))
    if not 1 <= len(ids) <= _MOST_CANCELLED:
        raise errors.VenueError(-4083, "Invalid number of batch cancel orders.")
    symbol = call.params.text("symbol")
    return [_one_of_batch(_cancel, call, Params({"symbol": symbol, key: str(each)})) for each in ids]


def _record(call: Call) -> tuple[Instrument, OrderRecord]:
    instrument = call.instrument()
    name = order_params.order_id(call.params)
    try:
        order = call.desk.exchange.order(
            call.account, instrument.symbol, order_id=name.order_id, client_id=name.client_id
        )
    except Refusal as refusal:
        raise refusals.venue_error(refusal) from None
    return call.terms_then(order.symbol, order.created_ns), order


def _query(call: Call) -> object:
    return shapes_orders.order_answer(*_record(call), "queried")


def _open_order(call: Call) -> object:
    instrument, order = _record(call)
    if not order.open:
        raise errors.VenueError(-2013, "Order does not exist.")
    return shapes_orders.order_answer(instrument, order, "queried")


def _rows(call: Call, orders: tuple[OrderRecord, ...]) -> list[Payload]:
    return [
        shapes_orders.order_answer(call.terms_then(order.symbol, order.created_ns), order, "queried")
        for order in orders
    ]


def _open_orders(call: Call) -> object:
    symbol = call.instrument().symbol if "symbol" in call.params else ""
    return _rows(call, call.desk.exchange.open_orders(call.account, symbol))


def _all_orders(call: Call) -> object:
    instrument = call.instrument()
    from_id = call.params.integer("orderId", 0)
    since_ms = call.params.integer("startTime", 0)
    until_ms = call.params.integer("endTime", ms(call.now_ns))
    found = tuple(
        order
        for order in call.desk.exchange.orders(call.account, instrument.symbol)
        if order.order_id >= from_id and since_ms <= ms(order.created_ns) <= until_ms
    )
    limit = call.params.limit(500, 1_000)
    return _rows(call, found[:limit] if from_id or since_ms else found[-limit:])


def _user_trades(call: Call) -> object:
    instrument = call.instrument()
    from_id = call.params.integer("fromId", 0)
    since_ms = call.params.integer("startTime", 0)
    until_ms = call.params.integer("endTime", ms(call.now_ns))
    order_id = call.params.integer("orderId", 0)
    found = [
        execution
        for execution in call.desk.exchange.trades(
            call.account, instrument.symbol, since_ns=since_ms * 1_000_000, from_id=from_id
        )
        if ms(execution.time_ns) <= until_ms and order_id in (0, execution.order_id)
    ]
    limit = call.params.limit(500, 1_000)
    page = found[:limit] if from_id or since_ms else found[-limit:]
    return [
        shapes_orders.user_trade(call.terms_then(instrument.symbol, execution.time_ns), execution)
        for execution in page
    ]


def _countdown(call: Call) -> object:
    instrument = call.instrument()
    countdown_ms = call.params.integer("countdownTime")
    if not 0 <= countdown_ms <= _COUNTDOWN_MOST_MS:
        raise errors.illegal("countdownTime")
    call.desk.exchange.set_countdown(call.account, instrument.symbol, countdown_ms * 1_000_000)
    return {"symbol": instrument.symbol, "countdownTime": str(countdown_ms)}


_SIGNED = Security.SIGNED
_FREE, _ONE, _FIVE = flat(0), flat(1), flat(5)

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", "/fapi/v1/order"): Endpoint(_place, _SIGNED, _FREE, orders=(1, 1)),
    ("PUT", "/fapi/v1/order"): Endpoint(_amend, _SIGNED, _FREE, orders=(1, 1)),
    ("DELETE", "/fapi/v1/order"): Endpoint(_cancel, _SIGNED, _ONE),
    ("GET", "/fapi/v1/order"): Endpoint(_query, _SIGNED, _ONE),
    ("POST", "/fapi/v1/batchOrders"): Endpoint(_batch(_place), _SIGNED, _FIVE, orders=(5, 1)),
    ("PUT", "/fapi/v1/batchOrders"): Endpoint(_batch(_amend), _SIGNED, _FIVE, orders=(5, 1)),
    ("DELETE", "/fapi/v1/batchOrders"): Endpoint(_cancel_batch, _SIGNED, _ONE),
    ("DELETE", "/fapi/v1/allOpenOrders"): Endpoint(_cancel_all, _SIGNED, _ONE),
    ("GET", "/fapi/v1/openOrders"): Endpoint(_open_orders, _SIGNED, by_symbol(1, 40)),
    ("GET", "/fapi/v1/openOrder"): Endpoint(_open_order, _SIGNED, _ONE),
    ("GET", "/fapi/v1/allOrders"): Endpoint(_all_orders, _SIGNED, _FIVE),
    ("GET", "/fapi/v1/userTrades"): Endpoint(_user_trades, _SIGNED, _FIVE),
    ("POST", "/fapi/v1/countdownCancelAll"): Endpoint(_countdown, _SIGNED, flat(10)),
}
