"""Ten million market events and 200,000 order events: resident memory grows by less than 20 MB.

Kernel, session, outbox, adapter, codecs and the writing thread of the journal are the ones that trade live, on the real
disk; the exchange stands in the same process, as in a backtest, and its clock runs as fast as both can work. So its
memory is measured, too: of ended orders and executions it remembers the last thousands, as venues do. The process is
watched from outside. A soak cannot be resumed: a process that ends takes its memory with it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable
from ctypes import c_longlong
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any, NamedTuple

from proof.parts.desk import contracts, machine_load, many_contracts, resident_mb, write_settings
from proof.parts.echo import Echo
from proof.result import Result
from titan.backtest.replay import run_backtest
from titan.engine.kernel import Kernel
from titan.live.configure import kernel_config, strategy_modules
from titan.live.journaling import begin_journal
from titan.live.outbox import Outbox
from titan.live.session import Session
from titan.live.telemetry import Telemetry
from titan.loopback.desk import Desk
from titan.loopback.limits import RateLimits
from titan.loopback.main import LOCKSTEP, MAKER_PROGRAMME, ExchangeOptions, build_desk
from titan.loopback.market import MarketSource, Recorded
from titan.matching.exchange import Exchange
from titan.matching.terms import ExchangeSettings
from titan.model import events as e
from titan.model.clock import SetClock
from titan.model.commands import AnyCommand
from titan.model.instruments import Instrument
from titan.settings import load
from titan.store.session import new_session_id

MARKET_WANTED = 10_000_000
ORDERS_WANTED = 200_000
MOST_GROWTH_MB = 20.0
WARM_UP = 0.1
"""Share of the events during which caches fill."""

CONTRACTS = 20
AGAIN_AN_ACT = 4
"""Frames that are said again after each act of the market."""

REMEMBERED = 2_000
LONGEST_S = 3_500.0
LOOK_EVERY_S = 5.0
POINTS = 24
SEGMENT_MB = 16
NO_LIMIT = RateLimits(weight_per_minute=10**9, orders_per_10_s=10**9, orders_per_minute=10**9)

MARKET = (e.BookDelta, e.BookSnapshot, e.TopOfBook, e.TradePrint, e.MarkPrice)
ORDERS = (e.OrderUpdate, e.Fill, e.CommandOutcome, e.OrderAbsent)


class Point(NamedTuple):
    """One look at the process."""

    second: float
    market: int
    orders: int
    resident_mb: float


def run(state: Path, scale: float = 1.0) -> Result:
    """Let a process take so many events, and look at its memory."""
    state.mkdir(parents=True, exist_ok=True)
    changes = many_contracts(contracts(CONTRACTS))
    changes["store"] = {"segment_mb": SEGMENT_MB}
    changes["risk"] |= {
        "messages_per_s": 60,
        "message_burst": 200,
        "max_daily_loss": 10**7,
        "max_drawdown": 10**7,
    }
    changes["risk"] |= {"max_loss_per_bucket": 10**7}
    settings = write_settings(state, changes)
    context = multiprocessing.get_context("spawn")
    counts = RawArray(c_longlong, 2)
    ours, theirs = context.Pipe()
    process = context.Process(target=_soak, args=(settings, counts, scale, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        points = _curve(process.pid or 0, counts, ours, state / "journals")
        ended = ours.recv() if ours.poll() else {"reason": "not within the time", "exit_code": None}
    except EOFError:
        ended = {"reason": "the process died", "exit_code": process.exitcode}
    finally:
        process.kill()
        process.join()
    return _judged(points, scale, ended)


def _curve(pid: int, counts: Any, pipe: Connection, journals: Path) -> list[Point]:
    """Look again and again until it has ended, or the time is up."""
    begun_s = time.monotonic()
    points: list[Point] = []
    wait_s = 0.2
    while not pipe.poll(wait_s) and time.monotonic() - begun_s < LONGEST_S:
        points.append(Point(time.monotonic() - begun_s, counts[0], counts[1], resident_mb(pid)))
        _forget_segments(journals)
        wait_s = min(LOOK_EVERY_S, wait_s * 1.2)
    return points


def _forget_segments(journals: Path) -> None:
    """Remove files that the writer has left behind: a soak writes gigabytes, and nobody reads them."""
    for session in journals.glob("2*-*"):
        for kind in ("capture-*", "journal-*"):
            for path in sorted(session.glob(kind))[1:-2]:
                path.unlink()


def _judged(points: list[Point], scale: float, ended: dict[str, Any]) -> Result:
    last = points[-1]
    warm = next(point for point in points if point.market >= WARM_UP * last.market)
    most = max(points[points.index(warm) :], key=lambda point: point.resident_mb)
    growth_mb = most.resident_mb - warm.resident_mb
    reached = ended["exit_code"] == 0
    each = max(len(points) // POINTS, 1)
    return Result(
        "soak",
        reached and growth_mb < MOST_GROWTH_MB,
        f"{last.market} market events and {last.orders} order events in {last.second:.0f} s: resident memory "
        f"{warm.resident_mb:.1f} MB after the first tenth, at most {growth_mb:+.1f} MB from there"
        + ("" if reached else f"; NOT as many as wanted: {ended['reason']}"),
        (
            *(
                f"{point.second:7.0f} s {point.market:9} market {point.orders:7} order {point.resident_mb:7.1f} MB"
                for point in [*points[::each], last]
            ),
            f"the session ended with: {ended}",
            machine_load(),
        ),
    )


# ---- In the process that is watched -------------------------------------------------------------------------


def _soak(settings: Path, counts: Any, scale: float, pipe: Connection) -> None:
    """Trade until both counts are reached, or nobody watches any more."""
    watcher = os.getppid()

    def enough() -> bool:
        return os.getppid() != watcher or bool(
            counts[0] >= MARKET_WANTED * scale and counts[1] >= ORDERS_WANTED * scale
        )

    pipe.send(asyncio.run(_trade(settings, counts, enough)))


async def _trade(path: Path, counts: Any, enough: Callable[[], bool]) -> dict[str, Any]:
    settings = load(path, environment={})
    venue = settings.live.venue
    terms = ExchangeSettings(fees=MAKER_PROGRAMME, history_limit=REMEMBERED)
    symbols = settings.venue[venue].symbols
    desk = build_desk(ExchangeOptions(symbols=symbols, speed=LOCKSTEP, settings=terms, limits=NO_LIMIT))
    desk.source = _Talkative(desk, Echo(desk, symbols), enough)
    clock = SetClock(desk.exchange.now_ns)
    session_id = new_session_id(clock.now_ns(), b"soak")
    config = kernel_config(settings, session_id, venue, 0.0, real_time=False, unattended=True)
    kernel = Kernel(config, strategy_modules(config))
    failures: list[OSError] = []
    settings.project.journals.mkdir(parents=True, exist_ok=True)
    writer = begin_journal(settings, kernel, clock, f"soak.{session_id}", None, failures.append)
    telemetry = Telemetry(kernel, session_id, "error")

    def attach(session: Session, outbox: Outbox) -> None:
        session.observe = _counting(counts, telemetry)
        outbox.note_latency = telemetry.note_latency

    try:
        done = await run_backtest(desk, venue, clock, kernel, writer, attach)
    finally:
        writer.close()
    ended, summary = done.session.ended, kernel.summary()
    return {
        "reason": ended.reason if ended else f"no end: {failures}",
        "exit_code": ended.exit_code if ended else None,
        "sent": done.outbox.sent,
        "fills": kernel.desk.orders.counts.fills,
        "open_orders": summary.open_orders,
        "differences": summary.differences,
        "trading_s": round((clock.now_ns() - desk.source.start_ns) / 1e9),
    }


def _counting(
    counts: Any, telemetry: Telemetry
) -> Callable[[e.AnyEvent, tuple[AnyCommand, ...], int, int], None]:
    def observe(event: e.AnyEvent, commands: tuple[AnyCommand, ...], heard_ns: int, decided_ns: int) -> None:
        counts[0] += isinstance(event, MARKET)
        counts[1] += isinstance(event, ORDERS)
        telemetry.observe(event, commands, heard_ns, decided_ns)

    return observe


class _Talkative:
    """A market that says more than it does, until there was enough."""

    def __init__(self, desk: Desk, echo: Echo, enough: Callable[[], bool]) -> None:
        self._market: MarketSource = desk.source
        self._echo = echo
        self._enough = enough
        self.instruments = self._market.instruments
        self.start_ns = self._market.start_ns

    def prepare(self, exchange: Exchange) -> None:
        """It was prepared before."""

    def next_ns(self) -> int | None:
        """When the market acts next; None once there was enough."""
        return None if self._enough() else self._market.next_ns()

    def step(self, exchange: Exchange) -> Recorded | None:
        """Let the market act, and say again what it said before."""
        self._echo.say(AGAIN_AN_ACT)
        return self._market.step(exchange)

    def learn(self, instrument: Instrument) -> None:
        """Go on in another tick."""
        self._market.learn(instrument)
