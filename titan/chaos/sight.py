"""Whether the runner saw what it acted on: its streams, its book, and what it had read before it quoted again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from titan.chaos.world import World
from titan.engine.desk import Desk
from titan.model.commands import AmendOrder, PlaceOrder
from titan.model.events import (
    AnyEvent,
    BookDelta,
    BookSnapshot,
    FillsQueried,
    InstrumentUpdate,
    OpenOrders,
    StreamState,
    TopOfBook,
    TradePrint,
)
from titan.model.orders import BUY, SELL, Lifetime
from titan.risk.shutdown import Level

MARKET = (BookDelta, BookSnapshot, TopOfBook, TradePrint)
LONGEST_SILENCE_S = 25.0
"""Of a market stream that says it is up: the watchdog's patience, its looks, and a connection made anew."""

LONGEST_OWED_S = 20.0
"""Of what a half-dead private stream has not told: some answered order, and the patience with it."""

LONGEST_WRONG_S = 2.0
"""Of a book in use: a snapshot that lies is found out by the venue's own touch, when that next moves and is heard."""

SILENT = "the book is empty: nothing was heard for 5 s"
LEAST_STILL_S = 4.9
"""Of a thin market at rest: a frame may have been under way for the rest of the 5 s."""

RESYNCED_S = 1.5
"""How long after that a book may take to be in step again."""

KEPT = 4_096


class Sight:
    """Follows what a life of the runner hears.

    Parameters
    ----------
    world : World
        Whose exchange is compared with.
    violated : function of str
        Takes note of a promise that was not kept.
    """

    def __init__(self, world: World, violated: Callable[[str], None]) -> None:
        self._world = world
        self._violated = violated
        self._touches: dict[int, tuple[Decimal, Decimal]] = {}
        self._told_s = world.elapsed_s
        self._woke_s = -RESYNCED_S
        world.desk.feeds.observe = self._note_touch
        self.begin()

    def begin(self) -> None:
        """A new life has seen nothing yet."""
        self._blind = {"market", "private", "orders", "fills"}
        self._heard_s = self._world.elapsed_s
        self._wrong_since_s: float | None = None

    def _note_touch(self, delta: BookDelta) -> None:
        """The exchange's own best bid and ask after an update."""
        now_s = self._world.elapsed_s
        if now_s - self._told_s > LEAST_STILL_S:
            self._woke_s = now_s
        self._told_s = now_s
        depth = self._world.exchange.depth(self._world.symbol, 1)
        if depth.last_id != delta.last_id:
            return  # more has happened since
        tick = self._world.exchange.instruments()[self._world.symbol].tick_size
        bid, ask = (levels[0][0] if levels else 0 for levels in (depth.bids, depth.asks))
        self._touches[delta.last_id] = (bid * tick, ask * tick)
        if len(self._touches) > KEPT:
            del self._touches[next(iter(self._touches))]

    def hear(self, desk: Desk, event: AnyEvent) -> None:
        """Take in what the runner has just heard."""
        if isinstance(event, MARKET):
            self._check_silence()
            self._compare(desk, event.update_id if isinstance(event, TopOfBook) else -1)
        elif isinstance(event, StreamState):
            if not event.up:
                if event.stream == "market":
                    self._check_silence()
                self._blind.add(event.stream)
            else:
                self._blind.discard(event.stream)
                self._heard_s = self._world.elapsed_s
                if event.stream == "private":
                    self._blind |= {"orders", "fills"}
        elif isinstance(event, InstrumentUpdate):
            self._heard_s = self._world.elapsed_s  # before the terms no frame could be read
        elif isinstance(event, OpenOrders):
            self._blind.discard("orders")
        elif isinstance(event, FillsQueried):
            self._blind.discard("fills")

    def _check_silence(self) -> None:
        now_s = self._world.elapsed_s
        if "market" not in self._blind and now_s - self._heard_s > LONGEST_SILENCE_S:
            self._violated(f"the market stream was silent for {now_s - self._heard_s:.1f} s and was left up")
        self._heard_s = now_s

    def _compare(self, desk: Desk, told: int) -> None:
        """A book that is used shows the exchange's own touch, update for update.

        It counts as wrong from the moment on at which the venue's own touch was told, as `told` updates made it.
        """
        for market in desk.markets.values():
            book = market.book
            there = self._touches.get(book.last_id) if book.state == "ready" else None
            if there is None:
                if book.state != "ready":
                    self._wrong_since_s = None
                continue
            tick = market.terms.tick_size
            here = (book.best_bid * tick, book.best_ask * tick)
            now_s = self._world.elapsed_s
            if here == there:
                self._wrong_since_s = None
            elif self._wrong_since_s is None:
                self._wrong_since_s = now_s if told >= book.last_id else None
            elif now_s - self._wrong_since_s > LONGEST_WRONG_S:
                self._wrong_since_s = now_s + 3_600.0  # once is enough
                self._violated(
                    f"after update {book.last_id} the exchange's touch is {there[0]} {there[1]}, and that of the "
                    f"book in use {here[0]} {here[1]}"
                )

    def still(self, obstacle: str) -> bool:
        """Whether a book was given up because nothing was heard, and the exchange had indeed nothing to tell of it."""
        now_s = self._world.elapsed_s
        was_still = now_s - self._told_s > LEAST_STILL_S or now_s - self._woke_s < RESYNCED_S
        return obstacle.endswith(SILENT) and was_still

    def judge(self, desk: Desk, command: PlaceOrder | AmendOrder) -> None:
        """Whether an order that was decided on may be."""
        market = desk.markets[command.key]
        what = f"{command.client_id}: an order"
        if isinstance(command, PlaceOrder) and not command.reduce_only:
            if desk.halted or desk.paused:
                self._violated(f"{what} that adds risk while {desk.halted or desk.paused}")
            if desk.level >= Level.CRITICAL and command.side * desk.ledger.lots(command.key) >= 0:
                self._violated(f"{what} that adds to the position at risk level {desk.level.name}")
            if self._blind:
                self._violated(f"{what} that adds risk without {', '.join(sorted(self._blind))}")
        touch = {BUY: market.book.best_ask, SELL: market.book.best_bid}[command.side]
        post_only = isinstance(command, AmendOrder) or command.lifetime is Lifetime.POST_ONLY
        if post_only and touch and command.side * (command.price - touch) >= 0:
            self._violated(f"{what} at {command.price} that would take at {touch} and must not")

    def check_streams(self) -> None:
        """At rest both streams are connected and will be told."""
        register = self._world.desk.register
        for stream in ("market", "private"):
            if not register.connections(stream):
                self._violated(f"at rest the {stream} stream is not connected")
        now_ns = self._world.desk.clock.now_ns()
        for connection in register.connections("private"):
            owed_s = (now_ns - connection.swallowed_ns) / 1e9 if connection.swallowed_ns else 0.0
            if owed_s > LONGEST_OWED_S:
                self._violated(f"at rest the private stream has told nothing for {owed_s:.1f} s")
        self._check_silence()
