"""The paper exchange and a backtest's on one recorded market: the same orders make the same fills."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from tests.live.desks import SYMBOL, record_capture
from titan.backtest.replay import recorded_exchange
from titan.matching.exchange import Exchange
from titan.matching.terms import ExchangeSettings
from titan.matching.types import OrderRequest, Refusal
from titan.model.commands import CancelAll, PlaceOrder
from titan.model.events import CommandOutcome, Fill, OrderUpdate
from titan.model.instruments import Instrument
from titan.model.orders import BUY, SELL, Lifetime
from titan.venues.paper_exchange import PaperConfig, PaperExchange
from titan.wire.binance_usdm import wrap_snapshot
from titan.wire.frames import FrameDecoder

ACCOUNT = "a"
EVERY = 40
"""Frames between two turns of the trader."""


class Wish(NamedTuple):
    """An order by its distance from the touch, in ticks, away from the other side."""

    side: int
    away: int
    size: int
    lifetime: Lifetime


def wishes(turns: int) -> list[list[Wish]]:
    draw = random.Random(4)
    return [
        [
            Wish(
                side,
                draw.randrange(-2, 3),
                draw.randrange(1, 30),
                draw.choice((Lifetime.POST_ONLY, Lifetime.IOC)),
            )
            for side in (BUY, SELL)
        ]
        for _ in range(turns)
    ]


class Made(NamedTuple):
    """One execution."""

    time_ns: int
    side: int
    price: int
    size: int
    maker: bool
    fee: Decimal
    realized: Decimal


def in_a_backtest(capture: Path) -> tuple[list[Made], list[str]]:
    """Executions and refusals of the trader on the loopback exchange's replay of a capture."""
    desk = recorded_exchange(capture)
    exchange = desk.exchange
    account = exchange.accounts()[0]
    refused: list[str] = []
    turns = iter(wishes(10_000))
    frames = 0
    while (due_ns := desk.source.next_ns()) is not None:
        desk.clock.set(due_ns)
        desk.step(due_ns)
        frames += 1
        if frames % EVERY == 0:
            exchange.cancel_all(account, SYMBOL)
            for wish in next(turns):
                price = touch(exchange, wish)
                request = OrderRequest(
                    symbol=SYMBOL, side=wish.side, size=wish.size, price=price, lifetime=wish.lifetime
                )
                try:
                    exchange.place(account, request)
                except Refusal as refusal:
                    refused.append(refusal.reason.value)
    made = [
        Made(each.time_ns, each.side, each.price, each.size, each.maker, each.fee, each.realized)
        for each in exchange.trades(account)
    ]
    return made, refused


def touch(exchange: Exchange, wish: Wish) -> int:
    depth = exchange.depth(SYMBOL, 1)
    best = depth.bids if wish.side == BUY else depth.asks
    return best[0][0] - wish.side * wish.away


def on_paper(capture: Path, terms: Instrument, settings: ExchangeSettings) -> tuple[list[Made], list[str]]:
    """The same of the paper exchange, on the same frames as a stream brings them."""
    lines = [line.split(b" ", 1) for line in capture.read_bytes().splitlines()]
    config = PaperConfig(
        venue=terms.venue,
        protocol="binance_usdm",
        symbols=(SYMBOL,),
        wallet=Decimal(100_000),
        exchange=settings,
    )
    paper = PaperExchange(config, {SYMBOL: terms}, int(lines[0][0]))
    decoder = FrameDecoder({terms.venue: "binance_usdm"})
    decoder.learn(terms)
    made: list[Made] = []
    refused: list[str] = []
    turns = iter(wishes(10_000))
    frames, ready = 0, False
    for stamp, payload in lines:
        frame = wrap_snapshot(SYMBOL, payload) if b'"lastUpdateId"' in payload else payload
        event = decoder.decode(terms.venue, frame, int(stamp))
        assert event is not None
        paper.advance(int(stamp))
        paper.take(event)
        frames += ready
        ready = paper._exchange.synchronised(SYMBOL)
        if frames and frames % EVERY == 0:
            paper.cancel_all(CancelAll(venue=terms.venue, symbol=SYMBOL))
            for number, wish in enumerate(next(turns)):
                command = PlaceOrder(
                    venue=terms.venue, symbol=SYMBOL, client_id=f"{frames}-{number}", strategy="s", side=wish.side,
                    price=touch(paper._exchange, wish), size=wish.size, lifetime=wish.lifetime, reduce_only=False,
                )  # fmt: skip
                (answer,) = paper.place(command, terms)
                assert isinstance(answer, OrderUpdate | CommandOutcome)
                refused += [answer.code] if isinstance(answer, CommandOutcome) else []
        for told in paper.private():
            if isinstance(told, Fill):
                made.append(
                    Made(told.venue_ns, told.side, told.price, told.size, told.maker, told.fee, told.realized)
                )
    return made, refused


def test_the_same_orders_make_the_same_fills(tmp_path):
    capture = record_capture(tmp_path / "capture")
    desk = recorded_exchange(capture)
    terms = desk.exchange.instruments()[SYMBOL]
    backtest, refused = in_a_backtest(capture)
    paper, refused_on_paper = on_paper(capture, terms, desk.settings)
    assert paper == backtest
    assert refused_on_paper == refused
    assert {each.maker for each in paper} == {True, False}
    assert len(paper) > 20
    assert "post_only_would_cross" in refused
