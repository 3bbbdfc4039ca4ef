"""The grid on nautilus_trader's BacktestEngine, run by the interpreter of the environment in which it is installed.

`python -m bench.peers.nautilus_side SPEC`: SPEC is a JSON file {capture, interval_ms, parameters, forms, repeat, out}.
A form is "messages" (a depth message is one datum) or "levels" (each level is one). What the strategy wants is Titan's
source (`bench.peers.fixed_grid`, `titan.strategy.quoting`); book, matching and messages are nautilus_trader's.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.common.config import LoggingConfig
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    BookAction,
    BookType,
    OmsType,
    OrderSide,
    OrderStatus,
    RecordFlag,
    TimeInForce,
)
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.risk.config import RiskEngineConfig
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from bench.peers import fixed_grid
from titan.model.contract import View
from titan.strategy.quoting import Level, ladder, round_inside

SIDES = {1: OrderSide.BUY, -1: OrderSide.SELL}
CHANGEABLE = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


class Grid(Strategy):
    """Keeps the grid's orders: one that is off its price is modified, one that is gone is placed anew."""

    def __init__(self, instrument: CryptoPerpetual, parameters: dict[str, Any], interval_ms: int) -> None:
        super().__init__()
        self.instrument = instrument
        self.parameters = fixed_grid.Parameters(**parameters)
        self.interval = timedelta(milliseconds=interval_ms)
        self.memory = fixed_grid.initial(self.parameters)
        self.standing: dict[int, list[Any]] = {side: [] for side in SIDES}
        self.inventory = 0.0
        self.told = {"looks": 0, "placed": 0, "modified": 0, "cancelled": 0, "fills": 0, "refused": 0}

    def on_start(self) -> None:
        """Ask for the book, and for a look at it every interval."""
        self.subscribe_order_book_deltas(self.instrument.id, BookType.L2_MBP)
        self.clock.set_timer("look", self.interval, callback=self.look)

    def look(self, event: Any) -> None:
        """Bring the orders to what is wanted now."""
        book = self.cache.order_book(self.instrument.id)
        bid, ask = book.best_bid_price(), book.best_ask_price()
        if bid is None or ask is None or bid >= ask:
            return
        self.told["looks"] += 1
        wanted = self.wanted(book, bid.as_double(), ask.as_double())
        for side in SIDES:
            self.serve(side, [level for level in wanted if level.side == side])

    def wanted(self, book: OrderBook, bid: float, ask: float) -> list[Level]:
        """The grid by Titan's source, in ticks."""
        tick, nan = float(self.instrument.price_increment), math.nan
        view = View(
            self.clock.timestamp_ns() / 1e9,
            *(bid, ask, book.best_bid_size().as_double(), book.best_ask_size().as_double(), 0.0, 0.0),
            *(self.inventory, nan, nan, nan, nan, 0.0, 0.0, tick, float(self.instrument.size_increment)),
        )
        self.memory = fixed_grid.update(self.parameters, self.memory, view)
        quotes = fixed_grid.quote(self.parameters, self.memory, view)
        inside = round_inside(quotes.bid, quotes.ask, round(bid / tick), round(ask / tick), tick)
        lot = float(self.instrument.size_increment)
        return [level for level in ladder(quotes, inside, tick) if level.size >= lot]

    def serve(self, side: int, wanted: list[Level]) -> None:
        """As Titan's router: an order whose price is wanted stays, others move to what is missing, or go."""
        standing = [order for order in self.standing[side] if not order.is_closed]
        prices = [
            self.instrument.make_price(level.price_ticks * self.instrument.price_increment)
            for level in wanted
        ]
        held = {order.price for order in standing}
        free = [order for order in standing if order.price not in prices and order.status in CHANGEABLE]
        for level, price in zip(wanted, prices, strict=True):
            if price in held:
                continue
            if free:
                self.told["modified"] += 1
                self.modify_order(free.pop(0), price=price)
            elif len(standing) < len(wanted):
                standing.append(self.place(level, price))
        for order in free:
            self.told["cancelled"] += 1
            self.cancel_order(order)
        self.standing[side] = standing

    def place(self, level: Level, price: Price) -> Any:
        """Send one order more."""
        order = self.order_factory.limit(
            self.instrument.id,
            SIDES[level.side],
            self.instrument.make_qty(level.size, round_down=True),
            price,
            time_in_force=TimeInForce.GTC,
            post_only=True,
        )
        self.told["placed"] += 1
        self.submit_order(order)
        return order

    def on_order_filled(self, event: Any) -> None:
        """Count the position: asking the portfolio at each look would cost more."""
        self.told["fills"] += 1
        self.inventory += event.last_qty.as_double() * (1 if event.order_side == OrderSide.BUY else -1)

    def on_order_rejected(self, event: Any) -> None:
        """Count what was refused."""
        self.told["refused"] += 1

    def on_order_modify_rejected(self, event: Any) -> None:
        """Count what was refused."""
        self.told["refused"] += 1


def data_of(capture: Path, instrument: CryptoPerpetual, batched: bool) -> tuple[list[Any], int]:
    """The capture as the engine's data, and the level updates that its diffs tell."""
    made: list[Any] = []
    updates = sequence = 0
    with capture.open(encoding="utf-8") as lines:
        for line in lines:
            text, _, body = line.partition(" ")
            time_ns, message = int(text), json.loads(body)
            data = message.get("data", message)
            if data.get("e") == "trade":
                made.append(trade_of(data, instrument, time_ns))
                continue
            sequence += 1
            opening = "lastUpdateId" in data
            deltas = list(deltas_of(data, instrument, time_ns, sequence, opening))
            updates += 0 if opening else len(deltas)
            if deltas:
                made += [OrderBookDeltas(instrument.id, deltas)] if batched else deltas
    return made, updates


def trade_of(data: dict[str, Any], instrument: CryptoPerpetual, time_ns: int) -> TradeTick:
    """A trade."""
    aggressor = AggressorSide.SELLER if data["m"] else AggressorSide.BUYER
    price, size = Price.from_str(data["p"]), Quantity.from_str(data["q"])
    return TradeTick(instrument.id, price, size, aggressor, TradeId(str(data["t"])), time_ns, time_ns)


def deltas_of(
    data: dict[str, Any], instrument: CryptoPerpetual, time_ns: int, sequence: int, opening: bool
) -> Iterator[OrderBookDelta]:
    """The levels of a snapshot or a diff; the last one says that the message ends there."""
    if opening:
        yield OrderBookDelta.clear(instrument.id, sequence, time_ns, time_ns)
    bids, asks = ("bids", "asks") if opening else ("b", "a")
    levels = [(side, *level) for side, name in ((1, bids), (-1, asks)) for level in data[name]]
    for number, (side, price, size) in enumerate(levels, 1):
        quantity = Quantity.from_str(size)
        action = BookAction.UPDATE if quantity > 0 else BookAction.DELETE
        flags = RecordFlag.F_LAST if number == len(levels) else 0
        order = BookOrder(SIDES[side], Price.from_str(price), quantity, 0)
        yield OrderBookDelta(instrument.id, action, order, flags, sequence, time_ns, time_ns)


def engine_of(instrument: CryptoPerpetual, strategy: Strategy, data: list[Any]) -> BacktestEngine:
    """An engine ready to run: no log, no limits on orders, no analysis afterwards."""
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(bypass=True),
            run_analysis=False,
        )
    )
    engine.add_venue(
        instrument.id.venue,
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(1_000_000, USDT)],
        default_leverage=Decimal(20),
        book_type=BookType.L2_MBP,
        trade_execution=True,
    )
    engine.add_instrument(instrument)
    engine.add_data(data)
    engine.add_strategy(strategy)
    return engine


def run_once(asked: dict[str, Any], batched: bool) -> dict[str, Any]:
    """One run on data of one form: level updates, processor seconds of the run alone, what the strategy did."""
    instrument = TestInstrumentProvider.btcusdt_perp_binance()
    data, updates = data_of(Path(asked["capture"]), instrument, batched)
    strategy = Grid(instrument, asked["parameters"], asked["interval_ms"])
    engine = engine_of(instrument, strategy, data)
    begun = time.process_time()
    engine.run()
    seconds = time.process_time() - begun
    engine.dispose()
    return {"updates": updates, "seconds": seconds, **strategy.told}


def main(spec: Path) -> None:
    """Run the asked number of times on each form of the data and write what was found."""
    asked = json.loads(spec.read_text(encoding="utf-8"))
    found = {
        form: [run_once(asked, form == "messages") for _ in range(asked["repeat"])] for form in asked["forms"]
    }
    Path(asked["out"]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
