"""A recorded market: the capture is read up to its first synchronised book, then acts line by line."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

from titan.loopback.capture_reader import (
    CaptureLine,
    CaptureReader,
    Pairs,
    RawDepth,
    RawMessage,
    RawSnapshot,
    RawTrade,
)
from titan.loopback.errors import ExchangeStartError
from titan.loopback.market import Recorded
from titan.matching.exchange import Exchange
from titan.model.events import BookDelta, BookSnapshot, Levels, TradePrint
from titan.model.instruments import Instrument

_QUOTES = ("USDT", "USDC", "BUSD")
_Event = BookSnapshot | BookDelta | TradePrint


class ReplayedMarket:
    """A raw USD-M capture with an inline depth snapshot, as a source.

    Parameters
    ----------
    path : Path
        The capture; read once, line by line.
    venue : str
        Venue name given to the events.

    Raises
    ------
    ExchangeStartError
        If the file is missing, is no USD-M capture, or ends before its book is synchronised.
    """

    def __init__(self, path: Path, venue: str) -> None:
        self._reader = CaptureReader(path)
        self._lines = self._reader.lines()
        self._ahead: deque[CaptureLine] = deque()
        self._damage = ""
        try:
            self.instrument = self._read_terms(venue)
        except OSError as error:
            raise ExchangeStartError(
                f"cannot read capture {path}: {error.strerror}; check --replay"
            ) from None
        self.start_ns = self._ahead[0].time_ns

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The one that the capture is of."""
        return (self.instrument,)

    def prepare(self, exchange: Exchange) -> None:
        """Read until the book is synchronised; nothing of this is published."""
        while not exchange.synchronised(self.instrument.symbol):
            time_ns = self.next_ns()
            if time_ns is None:
                raise ExchangeStartError(
                    f"capture {self._reader.path} never has a whole book{self._why()}; "
                    "record depth diffs and a snapshot together"
                )
            exchange.advance(max(time_ns, exchange.now_ns))
            self.step(exchange)
        self.start_ns = exchange.now_ns

    def next_ns(self) -> int | None:
        """Receipt time of the next line; None at the end or at the first damage."""
        if self._damage:
            return None
        if not self._ahead:
            line = next(self._lines, None)
            if line is None:
                self._end(self._reader.damage or "")
                return None
            self._ahead.append(line)
        return self._ahead[0].time_ns

    def learn(self, instrument: Instrument) -> None:
        """Never asked for: what was recorded keeps its grid."""
        raise ValueError(f"{instrument.key}: a recorded market keeps its tick")

    def step(self, exchange: Exchange) -> Recorded | None:
        """Apply the next line; the frame to forward, if it is one of the symbol's."""
        line = self._ahead.popleft()
        symbol = self.instrument.symbol
        if not isinstance(line.message, RawSnapshot) and line.message.s != symbol:
            return None
        try:
            event = to_event(line, self.instrument, exchange.now_ns)
            if event is not None:
                exchange.apply_market(event)
        except ValueError as error:
            self._end(f"line {line.number} cannot be applied ({error})")
            return None
        if isinstance(line.message, RawSnapshot):
            return None
        print_ = event if isinstance(event, TradePrint) else None
        return Recorded(symbol, line.kind, line.payload, print_)

    def _end(self, damage: str) -> None:
        if damage:
            self._damage = damage
            print(
                f"capture {self._reader.path}: {damage}; all before it was served, the market ends there",
                file=sys.stderr,
                flush=True,
            )

    def _why(self) -> str:
        damage = self._damage or self._reader.damage
        return f" ({damage})" if damage else ""

    def _read_terms(self, venue: str) -> Instrument:
        """Read up to the first snapshot, and infer the instrument from what was seen."""
        for line in self._lines:
            self._ahead.append(line)
            if isinstance(line.message, RawSnapshot):
                break
        else:
            raise ExchangeStartError(
                f"capture {self._reader.path} holds no depth snapshot{self._why()}; "
                "replay needs a USD-M capture with an inline REST snapshot"
            )
        symbol = next((message.s for message in self._messages() if isinstance(message, RawDepth)), "")
        if not symbol:
            raise ExchangeStartError(
                f"capture {self._reader.path} holds no depth diffs{self._why()}; nothing can be replayed"
            )
        return infer_instrument(symbol, venue, _level_texts(self._ahead))

    def _messages(self) -> Iterator[RawMessage]:
        yield from [line.message for line in self._ahead]
        for line in self._lines:
            self._ahead.append(line)
            yield line.message


def _level_texts(lines: Iterable[CaptureLine]) -> list[tuple[str, str]]:
    found: Pairs = []
    for line in lines:
        if isinstance(line.message, RawDepth):
            found += line.message.b + line.message.a
        elif isinstance(line.message, RawSnapshot):
            found += line.message.bids + line.message.asks
    return found


def infer_instrument(symbol: str, venue: str, pairs: Iterable[tuple[str, str]]) -> Instrument:
    """Terms of a linear perpetual from the levels of its book: a capture holds no ``exchangeInfo``.

    The tick is the largest power of ten that every price is a multiple of, so that it can be finer than the
    venue's but never coarser; the lot is the last decimal of the sizes, which Binance writes in full. The
    bounds that no capture shows are Binance's for BTCUSDT.

    Raises
    ------
    ExchangeStartError
        If the symbol is not settled in a dollar coin.
    """
    quote = next((known for known in _QUOTES if symbol.endswith(known)), "")
    if not quote:
        raise ExchangeStartError(
            f"{symbol} is no USD-M perpetual: this exchange replays symbols quoted in {', '.join(_QUOTES)}"
        )
    prices, sizes = zip(*pairs, strict=True)
    tick, lot = _tick_size(prices), _last_place(sizes)
    return Instrument(
        venue=venue,
        symbol=symbol,
        base=symbol.removesuffix(quote),
        quote=quote,
        settle=quote,
        kind="linear",
        multiplier=Decimal(1),
        tick_size=tick,
        lot_size=lot,
        min_lots=1,
        max_lots=max(int(1_000 / lot), 1),
        max_market_lots=max(int(120 / lot), 1),
        min_notional=Decimal(5),
        band_up=Decimal("1.05"),
        band_down=Decimal("0.95"),
        status="trading",
    )


def _tick_size(prices: Iterable[str]) -> Decimal:
    """The largest power of ten that every price is a multiple of: never too fine by a guess, 58710.20 gives 0.10."""
    seen = [Decimal(price) for price in prices]
    tick = _last_place(str(price) for price in seen)
    while all(price % (tick * 10) == 0 for price in seen):
        tick *= 10
    return tick


def _last_place(texts: Iterable[str]) -> Decimal:
    return Decimal(1).scaleb(-max(len(text.partition(".")[2]) for text in texts))


def to_event(line: CaptureLine, instrument: Instrument, now_ns: int) -> _Event | None:
    """The model's event of a line, stamped `now_ns` or later; None for what does not move the book.

    Raises
    ------
    ValueError
        For a price or size off the grid.
    """
    time_ns, message = max(line.time_ns, now_ns), line.message
    venue, symbol = instrument.venue, instrument.symbol
    match message:
        case RawSnapshot():
            return BookSnapshot(
                time_ns=time_ns,
                venue=venue,
                symbol=symbol,
                venue_ns=message.T * 1_000_000,
                last_id=message.lastUpdateId,
                bids=_levels(message.bids, instrument),
                asks=_levels(message.asks, instrument),
            )
        case RawDepth():
            return BookDelta(
                time_ns=time_ns,
                venue=venue,
                symbol=symbol,
                venue_ns=message.T * 1_000_000,
                first_id=message.U,
                last_id=message.u,
                previous_id=message.pu,
                bids=_levels(message.b, instrument),
                asks=_levels(message.a, instrument),
            )
        case RawTrade(X="MARKET"):
            return TradePrint(
                time_ns=time_ns,
                venue=venue,
                symbol=symbol,
                venue_ns=message.T * 1_000_000,
                trade_id=message.t,
                price=instrument.ticks(message.p),
                size=instrument.lots(message.q),
                side=-1 if message.m else 1,
            )
    return None


def _levels(pairs: Pairs, instrument: Instrument) -> Levels:
    return tuple((instrument.ticks(price), instrument.lots(size)) for price, size in pairs)
