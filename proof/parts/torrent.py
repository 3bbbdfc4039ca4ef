"""An exchange process that tells more than its market does: what it said before, again, up to a steady rate."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

import msgspec

from proof.parts.echo import Echo
from titan.loopback.desk import Desk
from titan.loopback.main import ExchangeOptions, build_desk, keep_moving, serving

PACE_S = 0.002


class Torrent(NamedTuple):
    """How much is told: `rate_per_s` counts every public frame of all contracts."""

    symbols: tuple[str, ...]
    rate_per_s: float
    seed: int = 1


class Told(NamedTuple):
    """What was sent and received so far; `orders` by kind of order event, `calls` by method and path."""

    public: int
    orders: dict[str, int]
    calls: dict[str, int]
    late_s: float
    """How far behind its rate it was at the worst."""


class Mouth(NamedTuple):
    """A running torrent, from outside."""

    port: int
    pipe: Connection

    def told(self) -> Told:
        """What it has sent and received so far."""
        return self._ask("told")

    def begin(self) -> Told:
        """Say again, from now on, what is lacking to the rate."""
        return self._ask("begin")

    def fall_silent(self) -> Told:
        """Stop every public frame, the market's own included; what was sent up to then."""
        return self._ask("silence")

    def _ask(self, what: str) -> Told:
        self.pipe.send(what)
        told: Told = self.pipe.recv()
        return told


@contextmanager
def torrent(options: Torrent) -> Iterator[Mouth]:
    """Run one in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(options, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Mouth(ours.recv(), ours)
    finally:
        ours.close()
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(options: Torrent, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_run(options, pipe))


async def _run(options: Torrent, pipe: Connection) -> None:
    desk = build_desk(ExchangeOptions(seed=options.seed, symbols=options.symbols))
    ending, begun, silence = asyncio.Event(), asyncio.Event(), asyncio.Event()
    source = _Source(desk, options)

    def asked() -> None:
        try:
            wanted = pipe.recv()
        except EOFError:
            ending.set()
            begun.set()
            silence.set()
            asyncio.get_running_loop().remove_reader(pipe.fileno())
            return
        if wanted == "begin":
            begun.set()
        elif wanted == "silence":
            begun.set()
            silence.set()
            source.fall_silent()
        pipe.send(source.told())

    async with serving(desk) as port:
        asyncio.get_running_loop().add_reader(pipe.fileno(), asked)
        pipe.send(port)
        pouring = asyncio.create_task(source.pour(begun, silence))
        await keep_moving(desk, ending)
        await pouring


class _Source:
    """Counts what the exchange publishes, and lets it say the rest again."""

    def __init__(self, desk: Desk, options: Torrent) -> None:
        self._desk = desk
        self._rate_per_s = options.rate_per_s
        self._echo = Echo(desk, options.symbols)
        self._publish_private = desk.register.publish_private
        self._orders: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._late_s = 0.0
        desk.register.publish_private = self._told_privately  # type: ignore[method-assign]
        desk.arrived = lambda method, path, params: self._calls.update([f"{method} {path}"])

    def told(self) -> Told:
        """What was sent and received so far."""
        sent = self._desk.register.public_sent
        return Told(sent, dict(self._orders), dict(self._calls), self._late_s)

    def fall_silent(self) -> None:
        """Publish nothing public any more."""
        self._echo.fall_silent()

    def _told_privately(self, account: str, payload: bytes) -> None:
        frame = msgspec.json.decode(payload)
        if frame["e"] == "ORDER_TRADE_UPDATE" and self._desk.register.connections("private"):
            self._orders[str(frame["o"]["x"])] += 1
        self._publish_private(account, payload)

    async def pour(self, begun: asyncio.Event, silence: asyncio.Event) -> None:
        """Say again what is lacking to the rate."""
        loop = asyncio.get_running_loop()
        await begun.wait()
        begun_s, before = loop.time(), self._desk.register.public_sent
        while not silence.is_set():
            sent = self._desk.register.public_sent
            due = before + (loop.time() - begun_s) * self._rate_per_s
            self._late_s = max(self._late_s, (due - sent) / self._rate_per_s)
            self._echo.say(max(int(due) - sent, 0))
            with suppress(TimeoutError):
                await asyncio.wait_for(silence.wait(), PACE_S)
