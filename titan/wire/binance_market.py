"""Binance's market frames to market events: USD-M, COIN-M and spot, combined stream or bare."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from titan.model.events import (
    BadFrame,
    BookDelta,
    BookSnapshot,
    MarketEvent,
    MarkPrice,
    TopOfBook,
    TradePrint,
)
from titan.model.instruments import Instrument
from titan.wire.binance_shapes import (
    AggTrade,
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    MarkPriceUpdate,
    Peek,
    Trade,
    Wrapped,
    WrappedSnapshot,
)
from titan.wire.capture_marks import MARKS
from titan.wire.grid import UNREADABLE, Grid, WireError

_MS = 1_000_000
_COMBINED = b'{"stream":"'
_TYPED = b'"e":"'
_PEEK_BYTES = 96
_KIND_BYTES = 4
"""The first letters that tell the kinds apart."""

_Route = tuple[Callable[[bytes], Any], Callable[[Any, int], MarketEvent | None]]
"""How one kind of frame is decoded, and what makes the event of it."""


def _decoder(shape: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(shape, strict=False).decode


def wrap_snapshot(symbol: str, answer: bytes) -> bytes:
    """A REST depth answer as the frame that a session stores and `MarketCodec` decodes."""
    return b'{"stream":"' + symbol.lower().encode() + b'@snapshot","data":' + answer + b"}"


class MarketCodec:
    """Bytes of one venue's market frames to events of the known instruments.

    Parameters
    ----------
    instruments : mapping of str to Instrument
        By the venue's symbol. A frame of any other symbol is a `BadFrame` of that symbol.
    venue : str
        Name of the venue in the events.

    Notes
    -----
    The kind is guessed from the first bytes and proven by the typed decoding that follows; whatever does
    not fit is looked at again, slowly, by `_decode_unexpected`.
    """

    def __init__(self, instruments: Mapping[str, Instrument], venue: str) -> None:
        self.venue = venue
        self._grids = {symbol: Grid(instrument) for symbol, instrument in instruments.items()}
        self._bare: dict[str, _Route] = {
            "depthUpdate": (_decoder(DepthUpdate), self._depth),
            "bookTicker": (_decoder(BookTicker), self._top),
            "trade": (_decoder(Trade), self._trade),
            "aggTrade": (_decoder(AggTrade), self._agg_trade),
            "markPriceUpdate": (_decoder(MarkPriceUpdate), self._mark),
        }
        combined: dict[str, _Route] = {
            "depth": (_decoder(Wrapped[DepthUpdate]), self._depth),
            "bookTicker": (_decoder(Wrapped[BookTicker]), self._top),
            "trade": (_decoder(Wrapped[Trade]), self._trade),
            "aggTrade": (_decoder(Wrapped[AggTrade]), self._agg_trade),
            "markPrice": (_decoder(Wrapped[MarkPriceUpdate]), self._mark),
        }
        self._fast_bare = {event[:_KIND_BYTES].encode(): route for event, route in self._bare.items()}
        self._fast_combined = {stream[:_KIND_BYTES].encode(): route for stream, route in combined.items()}
        self._peek = _decoder(Peek)
        self._snapshot = _decoder(DepthSnapshot)
        self._wrapped_snapshot = _decoder(WrappedSnapshot)

    def decode(self, payload: bytes, time_ns: int) -> MarketEvent | None:
        """One frame to one event.

        Returns
        -------
        MarketEvent or None
            None for what is no market data (subscribe answers, other streams, a recorder's marks, off-market
            prints). Anything that cannot be trusted is a `BadFrame`; its symbol is empty where the frame does not
            tell it.
        """
        try:
            if payload[:11] == _COMBINED:
                at = payload.find(b"@", 11, _PEEK_BYTES) + 1
                found = self._fast_combined.get(payload[at : at + _KIND_BYTES])
                if found is not None:
                    decode, make = found
                    return make(decode(payload).data, time_ns)
            else:
                at = payload.find(_TYPED, 0, _PEEK_BYTES) + len(_TYPED)
                found = self._fast_bare.get(payload[at : at + _KIND_BYTES])
                if found is not None:
                    decode, make = found
                    return make(decode(payload), time_ns)
        except UNREADABLE:
            pass  # what is wrong with it is found out below, from the start
        except WireError as error:
            return self._bad(payload, time_ns, str(error))
        return self._decode_unexpected(payload, time_ns)

    # ---- Frames that the first bytes do not tell ---------------------------------------------------------

    def _decode_unexpected(self, payload: bytes, time_ns: int) -> MarketEvent | None:
        try:
            peek: Peek = self._peek(payload)
            if peek.stream and bytes(peek.data):
                return self._decode_wrapped(peek, payload, time_ns)
            return self._decode_bare(peek, payload, time_ns)
        except (*UNREADABLE, WireError) as error:
            return self._bad(payload, time_ns, str(error))

    def _decode_wrapped(self, peek: Peek, payload: bytes, time_ns: int) -> MarketEvent | None:
        if peek.stream == MARKS:
            return None
        symbol, _, kind = peek.stream.partition("@")
        if kind == "snapshot":
            return self._book(self._wrapped_snapshot(payload).data, symbol.upper(), time_ns)
        data = bytes(peek.data)
        return self._decode_bare(self._peek(data), data, time_ns)

    def _decode_bare(self, peek: Peek, payload: bytes, time_ns: int) -> MarketEvent | None:
        event = peek.e or ("bookTicker" if bytes(peek.B) else "")
        if event in self._bare:
            decode, make = self._bare[event]
            return make(decode(payload), time_ns)
        if event:
            return None
        if peek.last_id is not None:
            return self._book(self._snapshot(payload), peek.symbol or self._only_symbol(), time_ns)
        if peek.code is not None or bytes(peek.error):
            raise WireError(f"the venue answered with an error: {payload[:200].decode(errors='replace')}")
        if b'"result"' in payload:
            return None
        raise WireError(f"unrecognised frame: {payload[:200].decode(errors='replace')}")

    def _only_symbol(self) -> str:
        if len(self._grids) != 1:
            raise WireError("a depth snapshot without a symbol, and more than one instrument it could be of")
        return next(iter(self._grids))

    def _bad(self, payload: bytes, time_ns: int, reason: str) -> BadFrame:
        return BadFrame(time_ns=time_ns, venue=self.venue, symbol=self._symbol_of(payload), reason=reason)

    def _symbol_of(self, payload: bytes) -> str:
        """The symbol a bad frame is of, as far as it can be read."""
        try:
            whole = msgspec.json.decode(payload)
        except UNREADABLE:
            return ""
        if not isinstance(whole, dict):
            return ""
        data = whole.get("data")
        inner = data if isinstance(data, dict) else whole
        symbol = inner.get("s", inner.get("symbol"))
        if isinstance(symbol, str):
            return symbol
        stream = whole.get("stream")
        return stream.partition("@")[0].upper() if isinstance(stream, str) and "@" in stream else ""

    # ---- One kind each -----------------------------------------------------------------------------------

    def _grid(self, symbol: str) -> Grid:
        grid = self._grids.get(symbol)
        if grid is None:
            raise WireError(f"symbol {symbol!r} is not among the instruments asked for")
        return grid

    def _depth(self, found: DepthUpdate, time_ns: int) -> BookDelta:
        grid = self._grid(found.s)
        if not 0 < found.U <= found.u:
            raise WireError(f"impossible update ids U {found.U}, u {found.u}, pu {found.pu}")
        return BookDelta(
            time_ns=time_ns,
            venue=self.venue,
            symbol=found.s,
            venue_ns=(found.T or found.E) * _MS,
            first_id=found.U,
            last_id=found.u,
            previous_id=found.pu,
            bids=grid.levels(found.b),
            asks=grid.levels(found.a),
        )

    def _book(self, found: DepthSnapshot, symbol: str, time_ns: int) -> BookSnapshot:
        grid = self._grid(symbol)
        if found.symbol and found.symbol != symbol:
            raise WireError(f"a depth snapshot of {found.symbol} where one of {symbol} was asked for")
        if found.last_id <= 0:
            raise WireError(f"impossible lastUpdateId {found.last_id}")
        return BookSnapshot(
            time_ns=time_ns,
            venue=self.venue,
            symbol=symbol,
            venue_ns=(found.T or found.E) * _MS,
            last_id=found.last_id,
            bids=grid.levels(found.bids),
            asks=grid.levels(found.asks),
        )

    def _top(self, found: BookTicker, time_ns: int) -> TopOfBook:
        grid = self._grids.get(found.s) or self._grid(found.s)
        bid_size, ask_size = grid.lots[found.B], grid.lots[found.A]
        # An empty side is told as price 0 with size 0.
        bid = grid.ticks[found.b] if bid_size else grid.idle_ticks(found.b)
        ask = grid.ticks[found.a] if ask_size else grid.idle_ticks(found.a)
        return TopOfBook(
            time_ns=time_ns,
            venue=self.venue,
            symbol=found.s,
            venue_ns=(found.T or found.E) * _MS,
            update_id=found.u,
            bid=bid,
            bid_size=bid_size,
            ask=ask,
            ask_size=ask_size,
        )

    def _trade(self, found: Trade, time_ns: int) -> TradePrint | None:
        if found.X != "MARKET":
            self._grid(found.s)
            return None
        return self._print(found.s, found.t, found.p, found.q, found.m, found.T, time_ns)

    def _agg_trade(self, found: AggTrade, time_ns: int) -> TradePrint:
        return self._print(found.s, found.a, found.p, found.q, found.m, found.T, time_ns)

    def _print(
        self,
        symbol: str,
        trade_id: int,
        price: str,
        size: str,
        maker_bought: bool,
        ms: int,
        time_ns: int,
    ) -> TradePrint:
        grid = self._grid(symbol)
        lots = grid.lots[size]
        if lots == 0:
            raise WireError(f"trade {trade_id} of size 0")
        return TradePrint(
            time_ns=time_ns,
            venue=self.venue,
            symbol=symbol,
            venue_ns=ms * _MS,
            trade_id=trade_id,
            price=grid.ticks[price],
            size=lots,
            side=-1 if maker_bought else 1,
        )

    def _mark(self, found: MarkPriceUpdate, time_ns: int) -> MarkPrice:
        self._grid(found.s)
        for name, price in (("mark", found.p), ("index", found.i)):
            if not (price.is_finite() and price > Decimal(0)):
                raise WireError(f"{name} price {price} is not a positive number")
        return MarkPrice(
            time_ns=time_ns,
            venue=self.venue,
            symbol=found.s,
            venue_ns=found.E * _MS,
            mark=found.p,
            index=found.i,
            funding_rate=_rate(found.r),
            next_funding_ns=found.T * _MS,
        )


def _rate(text: str) -> float:
    if not text:
        return 0.0
    try:
        rate = float(text)
    except ValueError:
        raise WireError(f"funding rate {text!r} is not a number") from None
    if not math.isfinite(rate) or abs(rate) > 1.0:
        raise WireError(f"funding rate {text} is absurd")
    return rate
