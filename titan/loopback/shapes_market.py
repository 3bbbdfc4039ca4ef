"""Public payloads as Binance USD-M writes them: as recorded, or as documented where nothing is recorded."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from titan.loopback.limits import RateLimits
from titan.matching.types import Depth, FundingRecord, MarkRecord
from titan.model.events import BookDelta, Levels, MarkPrice, TopOfBook, TradePrint
from titan.model.instruments import Instrument

Payload = dict[str, object]

INTEREST_RATE = "0.00010000"
_DELIVERY_MS = 4_133_404_800_000  # what Binance states for a contract that never ends
_ONBOARD_MS = 1_569_398_400_000


def ms(time_ns: int) -> int:
    """Milliseconds, as the venue stamps."""
    return time_ns // 1_000_000


def money(amount: Decimal) -> str:
    """An amount with the venue's 8 decimals."""
    return f"{amount:.8f}"


def money_or_zero(amount: Decimal) -> str:
    """An amount with 8 decimals; zero is a bare ``0``, as the private stream writes it."""
    return money(amount) if amount else "0"


def levels(instrument: Instrument, side: Levels) -> list[list[str]]:
    """Price and quantity texts of a side."""
    return [[instrument.price_text(price), instrument.size_text(size)] for price, size in side]


# ---- streams ----


def depth_update(instrument: Instrument, delta: BookDelta) -> Payload:
    """A ``depthUpdate`` frame."""
    return {
        "e": "depthUpdate",
        "E": ms(delta.time_ns),
        "T": ms(delta.time_ns),
        "s": instrument.symbol,
        "U": delta.first_id,
        "u": delta.last_id,
        "pu": delta.previous_id,
        "b": levels(instrument, delta.bids),
        "a": levels(instrument, delta.asks),
    }


def partial_depth(instrument: Instrument, depth: Depth, previous_id: int, time_ns: int) -> Payload:
    """A partial book: the same frame, holding the best levels whole."""
    delta = BookDelta(
        time_ns=time_ns,
        venue=instrument.venue,
        symbol=instrument.symbol,
        first_id=depth.last_id,
        last_id=depth.last_id,
        previous_id=previous_id,
        bids=depth.bids,
        asks=depth.asks,
    )
    return depth_update(instrument, delta)


def book_ticker(instrument: Instrument, top: TopOfBook) -> Payload:
    """A ``bookTicker`` frame."""
    return {
        "e": "bookTicker",
        "u": top.update_id,
        "s": instrument.symbol,
        "b": instrument.price_text(top.bid),
        "B": instrument.size_text(top.bid_size),
        "a": instrument.price_text(top.ask),
        "A": instrument.size_text(top.ask_size),
        "T": ms(top.time_ns),
        "E": ms(top.time_ns),
    }


def trade(instrument: Instrument, print_: TradePrint) -> Payload:
    """A ``trade`` frame."""
    return {
        "e": "trade",
        "E": ms(print_.time_ns),
        "T": ms(print_.time_ns),
        "s": instrument.symbol,
        "t": print_.trade_id,
        "p": instrument.price_text(print_.price),
        "q": instrument.size_text(print_.size),
        "X": "MARKET",
        "m": print_.side < 0,
    }


def agg_trade(instrument: Instrument, print_: TradePrint) -> Payload:
    """An ``aggTrade`` frame; each print is an aggregate of its own."""
    return {
        "e": "aggTrade",
        "E": ms(print_.time_ns),
        "a": print_.trade_id,
        "s": instrument.symbol,
        "p": instrument.price_text(print_.price),
        "q": instrument.size_text(print_.size),
        "f": print_.trade_id,
        "l": print_.trade_id,
        "T": ms(print_.time_ns),
        "m": print_.side < 0,
    }


def mark_price(mark: MarkPrice) -> Payload:
    """A ``markPriceUpdate`` frame."""
    return {
        "e": "markPriceUpdate",
        "E": ms(mark.time_ns),
        "s": mark.symbol,
        "p": money(mark.mark),
        "i": money(mark.index),
        "P": money(mark.index),
        "r": f"{mark.funding_rate:.8f}",
        "T": ms(mark.next_funding_ns),
        "st": 1,
    }


# ---- REST ----


def depth_answer(instrument: Instrument, depth: Depth, now_ns: int) -> Payload:
    """``GET /fapi/v1/depth``."""
    return {
        "lastUpdateId": depth.last_id,
        "E": ms(now_ns),
        "T": ms(depth.time_ns),
        "bids": levels(instrument, depth.bids),
        "asks": levels(instrument, depth.asks),
    }


def book_ticker_answer(instrument: Instrument, depth: Depth) -> Payload:
    """``GET /fapi/v1/ticker/bookTicker``; an empty side is 0 at 0."""
    bid, bid_size = depth.bids[0] if depth.bids else (0, 0)
    ask, ask_size = depth.asks[0] if depth.asks else (0, 0)
    return {
        "symbol": instrument.symbol,
        "bidPrice": instrument.price_text(bid),
        "bidQty": instrument.size_text(bid_size),
        "askPrice": instrument.price_text(ask),
        "askQty": instrument.size_text(ask_size),
        "time": ms(depth.time_ns),
        "lastUpdateId": depth.last_id,
    }


def price_answer(instrument: Instrument, print_: TradePrint) -> Payload:
    """``GET /fapi/v1/ticker/price``."""
    return {
        "symbol": instrument.symbol,
        "price": instrument.price_text(print_.price),
        "time": ms(print_.time_ns),
    }


def trade_answer(instrument: Instrument, print_: TradePrint) -> Payload:
    """One row of ``GET /fapi/v1/trades``."""
    value = instrument.notional(instrument.price(print_.price), print_.size)
    return {
        "id": print_.trade_id,
        "price": instrument.price_text(print_.price),
        "qty": instrument.size_text(print_.size),
        "quoteQty": f"{value:f}",
        "time": ms(print_.time_ns),
        "isBuyerMaker": print_.side < 0,
    }


def agg_trade_answer(instrument: Instrument, print_: TradePrint) -> Payload:
    """One row of ``GET /fapi/v1/aggTrades``."""
    frame = agg_trade(instrument, print_)
    return {name: frame[name] for name in ("a", "p", "q", "f", "l", "T", "m")}


def premium_index(mark: MarkRecord) -> Payload:
    """``GET /fapi/v1/premiumIndex``."""
    return {
        "symbol": mark.symbol,
        "markPrice": money(mark.mark),
        "indexPrice": money(mark.index_price),
        "estimatedSettlePrice": money(mark.index_price),
        "lastFundingRate": money(mark.funding_rate),
        "interestRate": INTEREST_RATE,
        "nextFundingTime": ms(mark.next_funding_ns),
        "time": ms(mark.time_ns),
    }


def funding_rate(record: FundingRecord) -> Payload:
    """One row of ``GET /fapi/v1/fundingRate``."""
    return {
        "symbol": record.symbol,
        "fundingTime": ms(record.time_ns),
        "fundingRate": money(record.rate),
        "markPrice": money(record.mark),
    }


def rate_limits(limits: RateLimits) -> list[Payload]:
    """The limits as ``exchangeInfo`` states them."""
    rows = (
        ("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute),
        ("ORDERS", "MINUTE", 1, limits.orders_per_minute),
        ("ORDERS", "SECOND", 10, limits.orders_per_10_s),
    )
    return [
        {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
        for kind, interval, number, limit in rows
    ]


def exchange_info(
    instruments: Iterable[Instrument], limits: RateLimits, max_orders: int, now_ns: int
) -> Payload:
    """``GET /fapi/v1/exchangeInfo``."""
    listed = tuple(instruments)
    return {
        "timezone": "UTC",
        "serverTime": ms(now_ns),
        "futuresType": "U_MARGINED",
        "rateLimits": rate_limits(limits),
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
            for asset in sorted({instrument.settle for instrument in listed})
        ],
        "symbols": [symbol_entry(instrument, max_orders) for instrument in listed],
    }


def decimals(step: Decimal) -> int:
    """Decimals of a step as the venue writes it."""
    exponent = step.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def symbol_entry(instrument: Instrument, max_orders: int) -> Payload:
    """One symbol of ``exchangeInfo``."""
    status = "TRADING" if instrument.trading else instrument.status.upper()
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _DELIVERY_MS,
        "onboardDate": _ONBOARD_MS,
        "status": status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.settle,
        "pricePrecision": decimals(instrument.tick_size),
        "quantityPrecision": decimals(instrument.lot_size),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "settlePlan": 0,
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012000",
        "marketTakeBound": "0.05",
        "filters": _filters(instrument, max_orders),
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _filters(instrument: Instrument, max_orders: int) -> list[Payload]:
    return [
        {
            "minPrice": instrument.price_text(1),
            "maxPrice": "1000000",
            "filterType": "PRICE_FILTER",
            "tickSize": instrument.price_text(1),
        },
        _lot_filter("LOT_SIZE", instrument, instrument.max_lots),
        _lot_filter("MARKET_LOT_SIZE", instrument, instrument.max_market_lots),
        {"limit": max_orders, "filterType": "MAX_NUM_ORDERS"},
        {"limit": 10, "filterType": "MAX_NUM_ALGO_ORDERS"},
        {"notional": f"{instrument.min_notional:f}", "filterType": "MIN_NOTIONAL"},
        {
            "multiplierDown": f"{instrument.band_down:.4f}",
            "multiplierUp": f"{instrument.band_up:.4f}",
            "multiplierDecimal": "4",
            "filterType": "PERCENT_PRICE",
        },
    ]


def _lot_filter(name: str, instrument: Instrument, most: int) -> Payload:
    return {
        "stepSize": instrument.size_text(1),
        "filterType": name,
        "maxQty": instrument.size_text(most),
        "minQty": instrument.size_text(instrument.min_lots),
    }
