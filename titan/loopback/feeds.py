"""What the exchange publishes: events as frames, depth gathered per interval, recordings verbatim."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

import msgspec

from titan.loopback import shapes_market, shapes_orders
from titan.loopback.shapes_account import OpenValue
from titan.loopback.streams import Register
from titan.matching.exchange import Exchange
from titan.matching.types import AccountChanged, OrderChanged
from titan.model.events import BookDelta, MarkPrice, TopOfBook, TradePrint
from titan.model.instruments import Instrument

_MS_NS = 1_000_000
FLUSH_NS = 100 * _MS_NS
_INTERVALS_MS = {100: "@100ms", 250: "", 500: "@500ms"}
_IMMEDIATE = "@depth@0ms"
_PARTIAL_LEVELS = (5, 10, 20)
_RECENT_TRADES = 1_000
_encode = msgspec.json.encode


class _Diff:
    """Changed levels of one symbol since the last frame of one interval."""

    def __init__(self) -> None:
        self.first_id = 0
        self.last_id = 0
        self.previous_id = -1
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}

    def add(self, delta: BookDelta) -> None:
        if not self.first_id:
            self.first_id = delta.first_id
            if self.previous_id < 0:
                self.previous_id = delta.previous_id
        self.last_id = delta.last_id
        self.bids.update(delta.bids)
        self.asks.update(delta.asks)

    def take(self, instrument: Instrument, time_ns: int) -> BookDelta | None:
        if not self.first_id:
            return None
        delta = BookDelta(
            time_ns=time_ns,
            venue=instrument.venue,
            symbol=instrument.symbol,
            first_id=self.first_id,
            last_id=self.last_id,
            previous_id=self.previous_id,
            bids=tuple(sorted(self.bids.items(), reverse=True)),
            asks=tuple(sorted(self.asks.items())),
        )
        self.first_id, self.previous_id = 0, self.last_id
        self.bids, self.asks = {}, {}
        return delta


class Feeds:
    """Turns what happened at the exchange into frames for whoever subscribed.

    Parameters
    ----------
    exchange : Exchange
        Drained by `pump`.
    register : Register
        Who receives what.
    """

    def __init__(self, exchange: Exchange, register: Register) -> None:
        self.register = register
        self.observe: Callable[[BookDelta], None] = lambda delta: None
        """Called with each change of a book, right behind it."""
        self._exchange = exchange
        self._instruments = dict(exchange.instruments())
        self._diffs = {(symbol, each): _Diff() for symbol in self._instruments for each in _INTERVALS_MS}
        self._partial_ids: dict[str, int] = {}
        self._realized: dict[tuple[str, str], Decimal] = {}
        self._recent: dict[str, deque[TradePrint]] = {
            symbol: deque(maxlen=_RECENT_TRADES) for symbol in self._instruments
        }

    def recent_trades(self, symbol: str) -> tuple[TradePrint, ...]:
        """The latest public trades, oldest first."""
        return tuple(self._recent[symbol])

    def learn(self, instrument: Instrument) -> None:
        """Take up another grid. What was gathered in the old one must have gone out before (`flush_all`)."""
        self._instruments[instrument.symbol] = instrument
        self._recent[instrument.symbol].clear()

    def flush_all(self, symbol: str, time_ns: int) -> None:
        """Publish what was gathered of a symbol, whatever its interval."""
        for interval_ms in _INTERVALS_MS:
            delta = self._diffs[symbol, interval_ms].take(self._instruments[symbol], time_ns)
            if delta is not None:
                self._publish_diff(delta, interval_ms)

    def pump(self) -> None:
        """Publish everything that has happened at the exchange."""
        for event in self._exchange.drain():
            match event:
                case BookDelta():
                    self._depth(event)
                case TopOfBook():
                    self._top(event)
                case TradePrint():
                    self.note_trade(event)
                    self._trade(event)
                case MarkPrice():
                    self._mark(event)
                case OrderChanged():
                    self._order(event)
                case AccountChanged():
                    self._account(event)

    def forward(self, symbol: str, kind: str, payload: bytes) -> None:
        """Publish a recorded frame, byte for byte, to subscribers of its kind; depth to all intervals."""
        prefix = symbol.lower() + "@"
        if kind != "depth":
            self.register.publish(prefix + kind, payload)
            return
        self.register.publish(prefix + "depth", payload)
        for suffix in ("@0ms", "@100ms", "@250ms", "@500ms"):
            self.register.publish(prefix + "depth" + suffix, payload)

    def note_trade(self, print_: TradePrint) -> None:
        """Remember a public trade, and publish it as the aggregate that it is."""
        self._recent[print_.symbol].append(print_)
        name = print_.symbol.lower() + "@aggTrade"
        if self.register.wanted(name):
            self.register.publish(
                name, _encode(shapes_market.agg_trade(self._instruments[print_.symbol], print_))
            )

    def flush(self, time_ns: int) -> None:
        """Publish gathered diffs whose interval ends at `time_ns`, and the partial books."""
        for (symbol, interval_ms), diff in self._diffs.items():
            if time_ns % (interval_ms * _MS_NS):
                continue
            delta = diff.take(self._instruments[symbol], time_ns)
            if delta is not None:
                self._publish_diff(delta, interval_ms)
        for name in self.register.names():
            self._partial(name, time_ns)

    def _publish_diff(self, delta: BookDelta, interval_ms: int) -> None:
        name = delta.symbol.lower() + "@depth" + _INTERVALS_MS[interval_ms]
        names = [name, name + "@250ms"] if interval_ms == 250 else [name]
        wanted = [each for each in names if self.register.wanted(each)]
        if wanted:
            payload = _encode(shapes_market.depth_update(self._instruments[delta.symbol], delta))
            for each in wanted:
                self.register.publish(each, payload)

    def _partial(self, name: str, time_ns: int) -> None:
        symbol, _, rest = name.partition("@")
        channel, _, pace = rest.partition("@")
        if (
            not channel.startswith("depth")
            or not channel[5:].isdigit()
            or symbol.upper() not in self._instruments
        ):
            return
        count = int(channel[5:])
        interval_ms = int(pace.removesuffix("ms")) if pace in ("100ms", "250ms", "500ms") else 250
        if count not in _PARTIAL_LEVELS or time_ns % (interval_ms * _MS_NS):
            return
        instrument = self._instruments[symbol.upper()]
        depth = self._exchange.depth(instrument.symbol, count)
        previous_id = self._partial_ids.get(name, depth.last_id)
        self._partial_ids[name] = depth.last_id
        frame = shapes_market.partial_depth(instrument, depth, previous_id, time_ns)
        self.register.publish(name, _encode(frame))

    def _depth(self, delta: BookDelta) -> None:
        self.observe(delta)
        for interval_ms in _INTERVALS_MS:
            self._diffs[delta.symbol, interval_ms].add(delta)
        name = delta.symbol.lower() + _IMMEDIATE
        if self.register.wanted(name):
            self.register.publish(
                name, _encode(shapes_market.depth_update(self._instruments[delta.symbol], delta))
            )

    def _top(self, top: TopOfBook) -> None:
        wanted = [
            name for name in (top.symbol.lower() + "@bookTicker", "!bookTicker") if self.register.wanted(name)
        ]
        if wanted:
            payload = _encode(shapes_market.book_ticker(self._instruments[top.symbol], top))
            for name in wanted:
                self.register.publish(name, payload)

    def _trade(self, print_: TradePrint) -> None:
        name = print_.symbol.lower() + "@trade"
        if self.register.wanted(name):
            self.register.publish(
                name, _encode(shapes_market.trade(self._instruments[print_.symbol], print_))
            )

    def _mark(self, mark: MarkPrice) -> None:
        payload = shapes_market.mark_price(mark)
        third = mark.time_ns // 1_000_000_000 % 3 == 0  # the streams without @1s tick every 3 s
        for pace in ("@1s", "") if third else ("@1s",):
            self.register.publish(mark.symbol.lower() + "@markPrice" + pace, _encode(payload))
            self.register.publish("!markPrice@arr" + pace, _encode([payload]))

    def _order(self, change: OrderChanged) -> None:
        order, execution = change.order, change.execution
        if execution is not None:
            key = (order.account, order.symbol)
            self._realized[key] = self._realized.get(key, Decimal(0)) + execution.realized
        value = self.open_value(order.account, order.symbol)
        frame = shapes_orders.order_trade_update(self._instruments[order.symbol], change, *value)
        self.register.publish_private(order.account, _encode(frame))

    def _account(self, change: AccountChanged) -> None:
        realized = self._realized.get((change.account, change.symbol), Decimal(0))
        frame = shapes_orders.account_update(change, self._instruments, realized)
        self.register.publish_private(change.account, _encode(frame))

    def open_value(self, account: str, symbol: str) -> OpenValue:
        """Value of an account's open orders of a symbol, each side."""
        instrument = self._instruments[symbol]
        value = {1: Decimal(0), -1: Decimal(0)}
        for order in self._exchange.open_orders(account, symbol):
            value[order.side] += instrument.notional(instrument.price(order.price), order.remaining)
        return OpenValue(value[1], value[-1])
