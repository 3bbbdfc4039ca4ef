"""Small exchanges and orders for the tests of this room."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from titan.matching.exchange import Exchange
from titan.matching.terms import AccountTerms, ExchangeSettings
from titan.matching.types import OrderKind, OrderRecord, OrderRequest
from titan.model.events import BookDelta, BookSnapshot, MarkPrice, TradePrint
from titan.model.instruments import Instrument
from titan.model.orders import BUY, SELL, Lifetime

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND  # 2023-11-14 22:13:20 UTC
SYMBOL = "BTCUSDT"
WALLET = Decimal(100_000)


def instrument(**changes: Any) -> Instrument:
    terms: dict[str, Any] = {
        "venue": "test",
        "symbol": SYMBOL,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "kind": "linear",
        "multiplier": Decimal(1),
        "tick_size": Decimal("0.1"),
        "lot_size": Decimal("0.001"),
        "min_lots": 1,
        "max_lots": 100_000,
        "max_market_lots": 50_000,
        "min_notional": Decimal(5),
        "band_up": Decimal("1.05"),
        "band_down": Decimal("0.95"),
        "status": "trading",
    }
    return Instrument(**(terms | changes))


def exchange(*accounts: str, terms: Instrument | None = None, **settings: Any) -> Exchange:
    made = Exchange([terms or instrument()], ExchangeSettings(**settings), START)
    for account in accounts:
        made.open_account(account, AccountTerms(balances=((made.instruments()[SYMBOL].settle, WALLET),)))
    made.drain()
    return made


def replayed(*accounts: str, **settings: Any) -> Exchange:
    return exchange(*accounts, market="replayed", **settings)


def request(side: int, price: int, size: int, lifetime: Lifetime = Lifetime.GTC, **rest: Any) -> OrderRequest:
    return OrderRequest(symbol=SYMBOL, side=side, price=price, size=size, lifetime=lifetime, **rest)


def buy(to: Exchange, account: str, price: int, size: int, **rest: Any) -> OrderRecord:
    return to.place(account, request(BUY, price, size, **rest))


def sell(to: Exchange, account: str, price: int, size: int, **rest: Any) -> OrderRecord:
    return to.place(account, request(SELL, price, size, **rest))


def market(to: Exchange, account: str, side: int, size: int, **rest: Any) -> OrderRecord:
    return to.place(account, request(side, 0, size, kind=OrderKind.MARKET, **rest))


def snapshot(last_id: int, bids: dict[int, int], asks: dict[int, int], time_ns: int = START) -> BookSnapshot:
    return BookSnapshot(
        time_ns=time_ns,
        venue="test",
        symbol=SYMBOL,
        last_id=last_id,
        bids=tuple(bids.items()),
        asks=tuple(asks.items()),
    )


def delta(
    last_id: int, bids: dict[int, int] | None = None, asks: dict[int, int] | None = None, **rest: Any
) -> BookDelta:
    stated: dict[str, Any] = {"time_ns": START, "first_id": last_id, "previous_id": last_id - 1}
    return BookDelta(
        venue="test",
        symbol=SYMBOL,
        last_id=last_id,
        bids=tuple((bids or {}).items()),
        asks=tuple((asks or {}).items()),
        **(stated | rest),
    )


def trade(price: int, size: int, side: int, time_ns: int = START) -> TradePrint:
    return TradePrint(
        time_ns=time_ns, venue="test", symbol=SYMBOL, trade_id=1, price=price, size=size, side=side
    )


def mark_price(mark: str, time_ns: int = START, next_funding_ns: int = START + 60 * SECOND) -> MarkPrice:
    return MarkPrice(
        time_ns=time_ns,
        venue="test",
        symbol=SYMBOL,
        mark=Decimal(mark),
        index=Decimal(mark),
        funding_rate=0.0002,
        next_funding_ns=next_funding_ns,
    )
