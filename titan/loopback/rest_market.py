"""Public REST calls."""

from __future__ import annotations

from titan.loopback import errors, shapes_market
from titan.loopback.call import Call, Endpoint, Security, by_symbol, flat
from titan.loopback.params import Params

_DEPTH_WEIGHTS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}


def _depth_weight(params: Params) -> int:
    return _DEPTH_WEIGHTS.get(params.integer("limit", 500), 10)


def _ping(call: Call) -> object:
    return {}


def _time(call: Call) -> object:
    return {"serverTime": shapes_market.ms(call.now_ns)}


def _exchange_info(call: Call) -> object:
    desk = call.desk
    listed = desk.exchange.instruments().values()
    return shapes_market.exchange_info(listed, desk.limits, desk.settings.max_open_orders, call.now_ns)


def _depth(call: Call) -> object:
    instrument = call.instrument()
    limit = call.params.integer("limit", 500)
    if limit not in _DEPTH_WEIGHTS:
        raise errors.VenueError(-4021, f"'{limit}' is not valid depth limit.")
    depth = call.desk.exchange.depth(instrument.symbol, limit)
    return shapes_market.depth_answer(instrument, depth, call.now_ns)


def _trades(call: Call) -> object:
    instrument = call.instrument()
    prints = call.desk.feeds.recent_trades(instrument.symbol)[-call.params.limit(500, 1_000) :]
    return [shapes_market.trade_answer(instrument, print_) for print_ in prints]


def _agg_trades(call: Call) -> object:
    instrument = call.instrument()
    since_ms = call.params.integer("startTime", 0)
    until_ms = call.params.integer("endTime", shapes_market.ms(call.now_ns))
    from_id = call.params.integer("fromId", 0)
    if until_ms < since_ms:
        raise errors.VenueError(-1023, "Start time is greater than end time.")
    limit = call.params.limit(500, 1_000)
    found = [
        print_
        for print_ in call.desk.feeds.recent_trades(instrument.symbol)
        if print_.trade_id >= from_id and since_ms <= shapes_market.ms(print_.time_ns) <= until_ms
    ]
    page = found[:limit] if since_ms or from_id else found[-limit:]
    return [shapes_market.agg_trade_answer(instrument, print_) for print_ in page]


def _book_ticker(call: Call) -> object:
    rows = [
        shapes_market.book_ticker_answer(instrument, call.desk.exchange.depth(instrument.symbol, 1))
        for instrument in call.instruments()
    ]
    return rows[0] if "symbol" in call.params else rows


def _ticker_price(call: Call) -> object:
    rows = [
        shapes_market.price_answer(instrument, prints[-1])
        for instrument in call.instruments()
        if (prints := call.desk.feeds.recent_trades(instrument.symbol))
    ]
    if "symbol" in call.params and not rows:
        raise errors.VenueError(-1122, "Invalid symbol status.")  # nothing has traded yet
    return rows[0] if "symbol" in call.params else rows


def _premium_index(call: Call) -> object:
    rows = [
        shapes_market.premium_index(mark)
        for instrument in call.instruments()
        if (mark := call.desk.exchange.mark(instrument.symbol)) is not None
    ]
    if "symbol" in call.params and not rows:
        raise errors.VenueError(-1122, "Invalid symbol status.")
    return rows[0] if "symbol" in call.params else rows


def _funding_rate(call: Call) -> object:
    since_ms = call.params.integer("startTime", 0)
    until_ms = call.params.integer("endTime", shapes_market.ms(call.now_ns))
    limit = call.params.limit(100, 1_000)
    found = [
        record
        for instrument in call.instruments()
        for record in call.desk.exchange.funding_history(instrument.symbol)
        if since_ms <= shapes_market.ms(record.time_ns) <= until_ms
    ]
    page = found[:limit] if since_ms else found[-limit:]
    return [shapes_market.funding_rate(record) for record in page]


def _funding_info(call: Call) -> object:
    return [
        {
            "symbol": instrument.symbol,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": max(call.desk.settings.funding_interval_s // 3_600, 1),
            "disclaimer": False,
        }
        for instrument in call.instruments()
    ]


ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/fapi/v1/ping"): Endpoint(_ping, Security.NONE, flat(1)),
    ("GET", "/fapi/v1/time"): Endpoint(_time, Security.NONE, flat(1)),
    ("GET", "/fapi/v1/exchangeInfo"): Endpoint(_exchange_info, Security.NONE, flat(1)),
    ("GET", "/fapi/v1/depth"): Endpoint(_depth, Security.NONE, _depth_weight),
    ("GET", "/fapi/v1/trades"): Endpoint(_trades, Security.NONE, flat(5)),
    ("GET", "/fapi/v1/aggTrades"): Endpoint(_agg_trades, Security.NONE, flat(20)),
    ("GET", "/fapi/v1/ticker/bookTicker"): Endpoint(_book_ticker, Security.NONE, by_symbol(2, 5)),
    ("GET", "/fapi/v1/ticker/price"): Endpoint(_ticker_price, Security.NONE, by_symbol(1, 2)),
    ("GET", "/fapi/v2/ticker/price"): Endpoint(_ticker_price, Security.NONE, by_symbol(1, 2)),
    ("GET", "/fapi/v1/premiumIndex"): Endpoint(_premium_index, Security.NONE, by_symbol(1, 10)),
    ("GET", "/fapi/v1/fundingRate"): Endpoint(_funding_rate, Security.NONE, flat(1)),
    ("GET", "/fapi/v1/fundingInfo"): Endpoint(_funding_info, Security.NONE, flat(1)),
}
