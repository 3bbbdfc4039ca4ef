"""Flatten and close on the real adapter path: sockets, journal and the loopback exchange, which is asked afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.live.desks import (
    RUNNER,
    SYMBOL,
    TITAN,
    last_object,
    open_exchange,
    running,
    start,
    trade,
    until,
    write_settings,
)
from tests.live.test_control import ACCOUNT, Desk
from titan.engine import exits
from titan.engine.exit_state import Stage
from titan.live.asking import lines
from titan.loopback.generator import QUOTER, TAKER, Generator
from titan.matching.types import OrderRecord, OrderRequest
from titan.model.commands import PlaceOrder
from titan.model.events import CommandOutcome
from titan.model.orders import BUY, SELL, Lifetime
from titan.store.journal import SessionReader
from titan.store.replay import replay_session
from titan.venues.binance import BinanceAdapter

ROUNDING = Decimal("1e-7")


class Trading(Desk):
    """A session that trades, and what its exchange knows of it."""

    summary: dict[str, Any]

    @property
    def lots(self) -> int:
        (position,) = self.exchange.exchange.positions(ACCOUNT, SYMBOL)
        return int(position.lots)

    @property
    def crowd(self) -> tuple[OrderRecord, ...]:
        """What others have in the book."""
        return tuple(self.exchange.exchange.open_orders(QUOTER, SYMBOL))

    def status(self, word: str) -> None:
        terms = self.exchange.exchange.instruments()[SYMBOL]
        self.exchange.exchange.set_instrument(msgspec.structs.replace(terms, status=word))

    async def fill(self) -> None:
        """Let somebody take what stands at and before one of our quotes, until a position of some size is held."""
        exchange = self.exchange.exchange
        async with asyncio.timeout(20):
            while abs(self.lots) < 5:
                await asyncio.sleep(0.05)
                for order in exchange.open_orders(ACCOUNT, SYMBOL)[:1]:
                    request = OrderRequest(
                        symbol=SYMBOL, side=-order.side, price=order.price, size=20_000, lifetime=Lifetime.IOC
                    )
                    exchange.place(TAKER, request)
                    self.exchange.feeds.pump()

    def exit_orders(self) -> list[PlaceOrder]:
        commands = (command for _, _, command in SessionReader(Path(self.summary["journal"])).commands())
        return [x for x in commands if isinstance(x, PlaceOrder) and x.reduce_only]


@contextlib.asynccontextmanager
async def holding(folder: Path, **changes: object) -> AsyncIterator[Trading]:
    """A session with a position of its own; ended, its journal replays and its books agree with the exchange's."""
    async with open_exchange() as (exchange, url):
        session = asyncio.create_task(trade(folder, url, **changes))
        desk = Trading(folder, exchange)
        await desk.fill()
        yield desk
        if not session.done():
            signal.raise_signal(signal.SIGTERM)
        result = await session
        desk.summary = result.summary
        assert result.exit_code == 0
        assert replay_session(Path(result.summary["journal"])).identical
        assert result.summary["reconciliation_differences"] == 0
        # The venue states open profit with 8 decimals; the parts themselves are exact.
        assert (
            abs(Decimal(result.summary["pnl"]) - Decimal(result.summary["equity_change_at_venue"]))
            <= ROUNDING
        )
        assert result.summary["position"][f"loopback:{SYMBOL}"] == desk.lots


@contextlib.contextmanager
def one_sided(desk: Trading) -> Iterator[int]:
    """Nobody stands where the position could be closed at once, and nobody takes; gives the side that is left."""
    left = SELL if desk.lots > 0 else BUY
    quote = Generator._quote
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_trade_informed", "_trade_uninformed"):
            patch.setattr(Generator, name, lambda self, exchange: None)
        patch.setattr(
            Generator,
            "_quote",
            lambda self, exchange, side: quote(self, exchange, side) if side == left else None,
        )
        clear(desk, -left)
        yield left


def clear(desk: Trading, side: int) -> None:
    """Take every quote of the crowd on one side out of the book."""
    for order in desk.crowd:
        if order.side == side:
            desk.exchange.exchange.cancel(QUOTER, SYMBOL, order_id=order.order_id)


async def test_flatten_closes_everything_and_says_what_the_venue_shows_and_what_it_cost(tmp_path):
    async with holding(tmp_path) as desk:
        answer = await desk.ask("flatten", why="drill")
        assert answer["done"]
        assert (desk.lots, desk.open_orders) == (0, 0)
        assert answer["text"].startswith(f"loopback:{SYMBOL}: position 0 lots, closed ")
        assert answer["text"].endswith("no order of ours is open at loopback")
        status = (await desk.ask("status"))["status"]
        assert status["halted"] == "Ada: drill"
        assert "  exit: position 0 lots, closed" in "\n".join(lines(status))
    assert desk.exit_orders()


async def test_close_closes_one_symbol_until_a_resume(tmp_path):
    async with holding(tmp_path) as desk:
        assert (await desk.ask("close", SYMBOL))["done"]
        assert (desk.lots, desk.open_orders) == (0, 0)
        assert not (await desk.ask("close", "DOGEUSDT"))["done"]
        assert (await desk.ask("resume", SYMBOL))["text"].startswith("resumed from")
        await until(lambda: desk.open_orders >= 2)


async def test_in_a_market_with_one_side_it_waits_at_the_touch_until_somebody_comes(tmp_path):
    async with holding(tmp_path) as desk:
        with one_sided(desk) as left:
            asked = asyncio.create_task(desk.ask("flatten"))
            standing = desk.exchange.exchange.open_orders
            await until(lambda: [o.side for o in standing(ACCOUNT, SYMBOL) if o.reduce_only] == [left])
            await asyncio.sleep(2.5)  # longer than the chase: nothing else may be tried
            assert [order.reduce_only for order in standing(ACCOUNT, SYMBOL)] == [True]
            assert not asked.done()
        answer = await asked
        assert answer["done"], answer["text"]
        assert (desk.lots, desk.open_orders) == (0, 0)
    assert {order.lifetime for order in desk.exit_orders()} <= {Lifetime.POST_ONLY, Lifetime.IOC}


async def test_it_goes_to_the_market_over_the_wire_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(
        exits, "_escalate", lambda desk, market, found, side: setattr(found, "stage", Stage.MARKET)
    )
    async with holding(tmp_path) as desk:
        terms = desk.exchange.exchange.instruments()[SYMBOL]
        held = abs(desk.lots)
        assert (await desk.ask("flatten"))["done"]
        assert (desk.lots, desk.open_orders) == (0, 0)
        assert terms.max_market_lots > held
    assert {(order.lifetime, order.price) for order in desk.exit_orders()} == {(Lifetime.MARKET, 0)}


async def test_orders_without_an_answer_are_proven_first(tmp_path, monkeypatch):
    place, lost = BinanceAdapter.place, []

    async def silent(self: BinanceAdapter, command: PlaceOrder) -> list[Any]:
        events = await place(self, command)
        if not command.reduce_only or len(lost) == 2:
            return events
        lost.append(command.client_id)
        unknown = CommandOutcome(
            time_ns=events[0].time_ns, venue=command.venue, symbol=command.symbol, action="place",
            client_id=command.client_id, outcome="unknown", code="", message="no whole answer in time",
        )  # fmt: skip
        return [unknown]

    monkeypatch.setattr(BinanceAdapter, "place", silent)
    async with holding(tmp_path) as desk:
        assert (await desk.ask("flatten"))["done"]
        assert (desk.lots, desk.open_orders) == (0, 0)
    assert lost


async def test_a_halted_symbol_is_waited_for(tmp_path):
    async with holding(tmp_path, risk__exit_timeout_s=2, live__shutdown_timeout_s=2) as desk:
        desk.status("halted")
        answer = await desk.ask("flatten")
        assert not answer["done"]
        assert answer["text"].startswith("NOT proven: loopback:BTCUSDT: position ")
        assert "it goes on" in answer["text"]
        assert desk.lots
        desk.status("trading")
        await until(lambda: desk.lots == 0, 30)


async def test_a_kill_switch_that_begins_with_flatten_closes_everything_without_the_socket(tmp_path):
    async with holding(tmp_path) as desk:
        desk.path.unlink()
        kill = tmp_path / "var" / "KILL"
        kill.parent.mkdir(parents=True, exist_ok=True)
        kill.write_text("flatten: smoke in the room\n")
        await until(lambda: desk.lots == 0 and desk.open_orders == 0)
        kill.unlink()


async def test_a_session_told_to_flattens_before_it_ends(tmp_path):
    async with holding(tmp_path, live__flatten_at_end="true") as desk:
        held = desk.lots
        assert held
    assert desk.lots == 0


async def test_killed_in_the_middle_the_next_runner_goes_on_with_it(tmp_path):
    async with open_exchange() as (exchange, url):
        desk = Trading(tmp_path, exchange)
        settings = write_settings(tmp_path, venue__rest_url=url)
        arguments = ("--settings", settings, "--json")

        def standing() -> set[str]:
            orders = exchange.exchange.open_orders(ACCOUNT, SYMBOL)
            return {order.client_id for order in orders if order.reduce_only}

        with running(RUNNER, *arguments) as first:
            await desk.fill()
            with one_sided(desk):
                with running(TITAN, "flatten", "--settings", settings) as asking:
                    await until(standing)
                    first.kill()
                    assert await asyncio.to_thread(asking.wait) != 0, "nobody is left to answer"
                left_behind = standing()
                second = start(RUNNER, *arguments)
                await until(lambda: standing() and not standing() & left_behind, 40)
                assert desk.lots
        await until(lambda: desk.lots == 0 and desk.open_orders == 0, 40)
        second.terminate()
        out, _ = await asyncio.to_thread(second.communicate)
    desk.summary = last_object(out)
    assert desk.summary["position"] == {f"loopback:{SYMBOL}": 0}
    assert desk.summary["reconciliation_differences"] == 0
    assert desk.summary["orders_sent"] == len(desk.exit_orders()), (
        "in STOP nothing but the exit sends an order"
    )
    assert replay_session(Path(desk.summary["journal"])).identical
