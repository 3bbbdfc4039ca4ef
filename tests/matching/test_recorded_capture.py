"""The recorded book on real BTCUSDT data: the touch is the venue's own, a maker there fills plausibly."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.matching.builders import SYMBOL, exchange, instrument, request
from titan.matching.exchange import Exchange
from titan.matching.types import Refusal, RefusalReason
from titan.model.events import BookDelta, BookSnapshot, MarketEvent, TopOfBook, TradePrint
from titan.model.orders import BUY, SELL, Lifetime

LINES = 12_000
TERMS = instrument(tick_size=Decimal("0.10"))


def levels(rows: list[list[str]]) -> tuple[tuple[int, int], ...]:
    return tuple((TERMS.ticks(price), TERMS.lots(size)) for price, size in rows)


def decode(time_ns: int, data: dict) -> MarketEvent | None:
    named = {"time_ns": time_ns, "venue": "test", "symbol": SYMBOL}
    if "lastUpdateId" in data:
        sides = {"bids": levels(data["bids"]), "asks": levels(data["asks"])}
        return BookSnapshot(**named, last_id=data["lastUpdateId"], **sides)
    if data["e"] == "depthUpdate":
        ids = {"first_id": data["U"], "last_id": data["u"], "previous_id": data["pu"]}
        return BookDelta(**named, **ids, bids=levels(data["b"]), asks=levels(data["a"]))
    if data["e"] == "bookTicker":
        ((bid, bid_size), (ask, ask_size)) = levels([[data["b"], data["B"]], [data["a"], data["A"]]])
        touch = {"bid": bid, "bid_size": bid_size, "ask": ask, "ask_size": ask_size}
        return TopOfBook(**named, update_id=data["u"], **touch)
    if data["X"] != "MARKET":
        return None
    ((price, size),) = levels([[data["p"], data["q"]]])
    return TradePrint(**named, trade_id=data["t"], price=price, size=size, side=SELL if data["m"] else BUY)


@pytest.fixture(scope="module")
def events(titan_data: Path) -> list[MarketEvent]:
    found = []
    with gzip.open(titan_data / "binance_capture_20240808" / "usdm_btcusdt_20240808.gz", "rb") as lines:
        for _, line in zip(range(LINES), lines, strict=False):
            stamp, payload = line.split(b" ", 1)
            message = msgspec.json.decode(payload)
            event = decode(int(stamp), message.get("data", message))
            if event is not None:
                found.append(event)
    return found


def test_the_touch_is_the_venues(events):
    ex = exchange(market="replayed")
    tops = {event.update_id: event for event in events if isinstance(event, TopOfBook)}
    order = sorted(tops)
    checked = 0
    for event in events:
        ex.apply_market(event)
        if not isinstance(event, BookDelta) or not ex.synchronised(SYMBOL) or event.last_id < order[0]:
            continue
        depth = ex.depth(SYMBOL, 1)
        if depth.last_id != event.last_id:
            continue
        top = tops[max(update_id for update_id in order if update_id <= event.last_id)]
        assert (depth.bids[0], depth.asks[0]) == ((top.bid, top.bid_size), (top.ask, top.ask_size))
        checked += 1
    assert checked > 500


def quote(ex: Exchange, model_events: list[MarketEvent]) -> None:
    """Stand at the recorded touch with small orders, renewed each second."""
    renewed_s = 0
    for event in model_events:
        ex.apply_market(event)
        if ex.now_ns // 10**9 == renewed_s or not ex.synchronised(SYMBOL):
            continue
        renewed_s = ex.now_ns // 10**9
        ex.cancel_all("a", SYMBOL)
        depth = ex.depth(SYMBOL, 1)
        for side, ((price, _),) in ((BUY, depth.bids), (SELL, depth.asks)):
            try:
                ex.place("a", request(side, price, 10, Lifetime.POST_ONLY))
            except Refusal as refusal:
                if refusal.reason is not RefusalReason.POST_ONLY_WOULD_CROSS:
                    raise


def test_a_maker_fills_less_the_more_careful_the_queue_model(events):
    filled = {}
    for model in ("risk_averse", "logarithmic", "power"):
        ex = exchange("a", market="replayed", queue_model=model)
        quote(ex, events)
        trades = ex.trades("a")
        assert {trade.side for trade in trades} == {BUY, SELL}
        assert all(trade.maker for trade in trades)
        filled[model] = sum(trade.size for trade in trades)
    assert filled["risk_averse"] <= filled["logarithmic"]
    assert filled["risk_averse"] <= filled["power"]
