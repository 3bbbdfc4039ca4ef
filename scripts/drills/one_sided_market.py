"""STOP with flatten where nobody stands across: at the touch, then within the collar, then at the market."""

from __future__ import annotations

from pathlib import Path

import msgspec

from scripts.drills.stage import Drill, Stage, in_virtual_time, page, section
from titan.engine.configuration import ExitSettings, KernelConfig
from titan.loopback.generator import QUOTER
from titan.loopback.market import Recorded
from titan.matching.exchange import Exchange
from titan.matching.types import OrderRequest
from titan.model.instruments import Instrument
from titan.model.orders import BUY, SELL

FILE = "one_sided_market.md"
TITLE = "STOP with flatten in a one-sided market"
EXITS = ExitSettings(exit_collar_bps=20.0, exit_timeout_s=4.0)
SHUTDOWN_NS = 2_000_000_000
LEAST_LOTS = 10
FEW_LOTS, NEAR_BPS, NEAR_S = 4, 10, 12.0
MANY_LOTS, FAR_BPS, FAR_S = 200, 60, 20.0
AGAIN_S, END_S = 30.0, 34.0
PROMISE = f"""
A desk is long, every bid leaves, and nobody takes; the operator flattens. The exit rests at the touch and does not call
itself done. After {NEAR_S:g} s a bid for {FEW_LOTS} lots stands {NEAR_BPS} bps away: it is taken, within the exit's
collar of {EXITS.exit_collar_bps:g} bps. After {FAR_S:g} s the only bid stands {FAR_BPS} bps away, beyond that collar:
what is left goes at the market. Only a position of 0, stated by the venue, is called flat.

`exit_timeout_s` is {EXITS.exit_timeout_s:g} and `shutdown_timeout_s` {SHUTDOWN_NS / 1e9:g}: the first
answer is not long in coming. {{doc}}`flatten_one_sided` shows the commands of such a drill, and what they print.
"""
BEAT_NS = 500_000_000


class LeftAlone:
    """A market of one side: its asks stay as they are, one far order moves so that the streams speak, nobody takes.

    Parameters
    ----------
    instrument : Instrument
        What is traded.
    now_ns : int
        When it begins.
    """

    def __init__(self, instrument: Instrument, now_ns: int) -> None:
        self.instruments = (instrument,)
        self.start_ns = now_ns
        self._next_ns = now_ns + BEAT_NS
        self._order_id = 0

    def prepare(self, exchange: Exchange) -> None:
        """Let every bid leave."""
        for order in exchange.open_orders(QUOTER, self.instruments[0].symbol):
            if order.side == BUY:
                exchange.cancel(QUOTER, order.symbol, order_id=order.order_id)

    def next_ns(self) -> int:
        """Time of the next act."""
        return self._next_ns

    def step(self, exchange: Exchange) -> Recorded | None:
        """Move the far order."""
        (instrument,) = self.instruments
        self._next_ns += BEAT_NS
        if self._order_id:
            exchange.cancel(QUOTER, instrument.symbol, order_id=self._order_id)
            self._order_id = 0
        else:
            price = exchange.depth(instrument.symbol).asks[-1][0] + 10
            request = OrderRequest(symbol=instrument.symbol, side=SELL, size=1, price=price)
            self._order_id = exchange.place(QUOTER, request).order_id
        return None

    def learn(self, instrument: Instrument) -> None:
        """Go on in another tick."""
        self.instruments = (instrument,)


def rehearse() -> Drill:
    """Flatten a long position while nobody bids."""
    return in_virtual_time(_rehearse)


def _configured(config: KernelConfig) -> KernelConfig:
    timing = msgspec.structs.replace(config.timing, shutdown_ns=SHUTDOWN_NS)
    return msgspec.structs.replace(config, exits=EXITS, timing=timing)


async def _rehearse(folder: Path) -> Drill:
    stage = Stage(folder, follows=lambda command: command.reduce_only)
    stage.configure = _configured
    await stage.open()
    await _grow_long(stage)
    stage.transcript.begin()
    _leave_alone(stage)
    stage.ask("flatten", why="the bids are gone")
    stage.note_moment()
    for at_s, lots, bps in ((NEAR_S, FEW_LOTS, NEAR_BPS), (FAR_S, MANY_LOTS, FAR_BPS)):
        await stage.until_s(at_s - 1.0)
        stage.note_moment()
        await stage.until_s(at_s)
        _bid(stage, lots, bps)
    await stage.until_s(AGAIN_S)
    stage.note_moment()
    stage.ask("flatten", why="is it?")
    await stage.until_s(END_S)
    stage.note_moment()
    return await stage.end()


async def _grow_long(stage: Stage) -> None:
    """Let somebody sell into our bids until the position is long enough."""
    while stage.lots < LEAST_LOTS:
        await stage.until_resting(1)
        bids = [order for order in stage.open_orders() if order.side == BUY]
        if bids:
            stage.take(SELL, min(order.price for order in bids))
        await stage.until_s(stage.elapsed_s + 1.0)


def _leave_alone(stage: Stage) -> None:
    """From here on the market has one side."""
    desk = stage.world.desk
    (instrument,) = desk.source.instruments
    desk.source = LeftAlone(instrument, desk.exchange.now_ns)
    desk.source.prepare(desk.exchange)
    desk.feeds.pump()
    stage.transcript.say("fault", "every bid leaves, and nobody takes")


def _bid(stage: Stage, lots: int, bps: int) -> None:
    """Somebody bids so far below the mark."""
    world = stage.world
    mark, tick = world.exchange.mark(world.symbol), world.exchange.instruments()[world.symbol].tick_size
    if mark is None:
        raise RuntimeError("the exchange has no mark price to bid below")
    price = int(mark.mark * (10_000 - bps) / 10_000 / tick)
    world.exchange.place(QUOTER, OrderRequest(symbol=world.symbol, side=BUY, size=lots, price=price))
    world.desk.feeds.pump()
    stage.transcript.say("market", f"somebody bids {lots} lots at {price}, {bps} bps below the mark")


def text() -> str:
    """The page."""
    return page(TITLE, PROMISE, section(rehearse()))
