"""Decode, book and best bid and ask over a real USD-M capture, against ccxt's own handler on the same messages."""

from __future__ import annotations

import asyncio
import gc
import statistics
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import ccxt.pro
import msgspec

from bench import data_folder
from titan.engine.book import Book
from titan.model.events import BookDelta, BookSnapshot, TopOfBook
from titan.store.capture_scale import infer_instruments
from titan.store.captures import CapturedFrame, read_capture
from titan.wire.binance_usdm import MarketCodec

CAPTURE = Path("binance_capture_20240808") / "usdm_btcusdt_20240808.gz"
TARGET_US = 10.0
RATIO_TARGET = 8.0
SYMBOL = "BTCUSDT"
UNIFIED = "BTC/USDT:USDT"
_STREAM = "wss://fstream.binance.com/public/ws/1"
_US = 1_000.0
BLOCK = 1_000
_REST_DEPTH = b'{"lastUpdateId"'
_BOOK_EVENTS = (BookDelta, BookSnapshot)


class Ours:
    """The codec and the book, as the runner uses them."""

    def __init__(self, path: Path) -> None:
        self._codec = MarketCodec(infer_instruments([path], "binance"), "binance")
        self.book = Book("binance", SYMBOL)

    def take(self, payload: bytes, time_ns: int) -> tuple[int, int]:
        """One frame in, best bid and ask (ticks) out."""
        event = self._codec.decode(payload, time_ns)
        book = self.book
        if isinstance(event, TopOfBook):
            book.note_top(event)
        elif isinstance(event, _BOOK_EVENTS):
            book.apply(event)
        return book.best_bid, book.best_ask


class Theirs:
    """ccxt's receive path below the socket: its JSON parser, `handle_message`, its order book."""

    def __init__(self) -> None:
        self.exchange: Any = ccxt.pro.binanceusdm()
        self.exchange.set_markets([self.exchange.parse_market(_MARKET)])
        self.client: Any = self.exchange.client(_STREAM)
        self.book: Any = self.exchange.order_book({}, 1000)
        self.book.cache = []
        self.exchange.orderbooks[UNIFIED] = self.book

    def take(self, text: str) -> tuple[float, float]:
        """One frame in, best bid and ask (quote currency) out; 0 where there is none yet."""
        self.client.handle_text_or_binary_message(text)
        return self.best()

    def best(self) -> tuple[float, float]:
        """Best bid and ask as ccxt's order book has them."""
        bids, asks = self.book["bids"], self.book["asks"]
        return (bids[0][0], asks[0][0]) if bids and asks else (0.0, 0.0)

    def take_snapshot(self, text: str) -> tuple[float, float]:
        """The REST depth answer, and the deltas held until then, as ccxt's own snapshot task does it."""
        answer = msgspec.json.decode(text)
        snapshot = self.exchange.parse_order_book(answer, UNIFIED, answer["T"])
        last_id = snapshot["nonce"] = answer["lastUpdateId"]
        held = self.book.cache
        self.book.reset(snapshot)
        for message in held:
            joins = message["U"] <= last_id <= message["u"] or message["pu"] == self.book["nonce"]
            if message["u"] >= last_id and joins:
                self.exchange.handle_order_book_message(self.client, message, self.book)
        return self.best()


_MARKET = {
    "symbol": SYMBOL,
    "pair": SYMBOL,
    "contractType": "PERPETUAL",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "pricePrecision": 2,
    "quantityPrecision": 3,
    "orderTypes": ["LIMIT", "MARKET"],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.10", "maxPrice": "1000000", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
    ],
}


async def compare(path: Path, frames: Sequence[CapturedFrame]) -> tuple[list[int], list[int]]:
    """Nanoseconds a message, ours and theirs, in turns of `BLOCK` messages.

    Notes
    -----
    Turns, so that both meet the same load of the machine; blocks, so that neither finds the processor's caches
    filled by the other at every single message.

    Raises
    ------
    RuntimeError
        If the two books disagree after any message: a fast wrong answer is no result.
    """
    ours, theirs = Ours(path), Theirs()
    tick = float(infer_instruments([path], "binance")[SYMBOL].tick_size)
    our_ns: list[int] = []
    their_ns: list[int] = []
    try:
        for start in range(0, len(frames), BLOCK):
            block = frames[start : start + BLOCK]
            told = _our_turn(ours, block, our_ns)
            for frame, ready, best, other in zip(
                block, *told, _their_turn(theirs, block, their_ns), strict=True
            ):
                if ready and (round(other[0] / tick), round(other[1] / tick)) != best:
                    raise RuntimeError(
                        f"line {frame.line}: the books differ, {best} ticks of {tick}, ccxt {other}"
                    )
        if not ours.book.ready:
            raise RuntimeError(f"the book is {ours.book.state} at the end: {ours.book.reason}")
    finally:
        await theirs.exchange.close()
    return our_ns, their_ns


def _our_turn(
    ours: Ours, block: Sequence[CapturedFrame], times_ns: list[int]
) -> tuple[list[bool], list[tuple[int, int]]]:
    ready, bests = [], []
    for frame in block:
        begun = perf_counter_ns()
        best = ours.take(frame.payload, frame.time_ns)
        elapsed = perf_counter_ns() - begun
        if not frame.payload.startswith(_REST_DEPTH):
            times_ns.append(elapsed)
        ready.append(ours.book.ready)
        bests.append(best)
    return ready, bests


def _their_turn(
    theirs: Theirs, block: Sequence[CapturedFrame], times_ns: list[int]
) -> list[tuple[float, float]]:
    bests = []
    for frame in block:
        text = frame.payload.decode()
        if frame.payload.startswith(_REST_DEPTH):
            bests.append(theirs.take_snapshot(text))
            continue
        begun = perf_counter_ns()
        best = theirs.take(text)
        times_ns.append(perf_counter_ns() - begun)
        bests.append(best)
    return bests


def rows(our_ns: Sequence[int], their_ns: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of the median message: against the limit, and against the peer."""
    ours, theirs = statistics.median(our_ns) / _US, statistics.median(their_ns) / _US
    common = {"unit": "us", "peer": f"ccxt {ccxt.__version__} binanceusdm handler"}
    return [
        {
            "name": "decode + book + best bid and ask: p50 a message",
            "value": ours,
            **common,
            "peer_value": theirs,
            "ratio": theirs / ours,
            "target": TARGET_US,
            "met": ours <= TARGET_US,
        },
        {
            "name": "decode + book + best bid and ask: times faster than ccxt's handler, p50",
            "value": theirs / ours,
            "unit": "x",
            "peer": common["peer"],
            "peer_value": 1.0,
            "ratio": theirs / ours,
            "target": RATIO_TARGET,
            "met": theirs / ours >= RATIO_TARGET,
        },
    ]


def run(limit: int | None = None) -> list[dict[str, Any]]:
    """The rows for bench/results.json; without recorded data there is nothing to measure, and none.

    Parameters
    ----------
    limit : int, optional
        Only the first so many frames.
    """
    path = data_folder() / CAPTURE
    if not path.is_file():
        return []
    frames = list(read_capture(path))[:limit]
    gc.collect()
    gc.disable()
    try:
        our_ns, their_ns = asyncio.run(compare(path, frames))
    finally:
        gc.enable()
    return rows(our_ns, their_ns)
