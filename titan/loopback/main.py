"""`run_exchange`: put an exchange together, open its port, keep its market moving until told to stop."""

from __future__ import annotations

import asyncio
import errno
import math
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path

import msgspec
from aiohttp import web

from titan.loopback.clock import ExchangeClock, LockstepClock, ScaledClock, WallClock
from titan.loopback.desk import Desk
from titan.loopback.errors import ExchangeStartError
from titan.loopback.fault_sockets import Door, SocketFaults
from titan.loopback.faults import Kind, Plan
from titan.loopback.generator import Generator, default_instrument
from titan.loopback.limits import RateLimits
from titan.loopback.market import GeneratedMarket, JoinedMarkets, MarketSource
from titan.loopback.replay import ReplayedMarket
from titan.loopback.server import application
from titan.loopback.signatures import DEFAULT_CREDENTIALS, Credentials, Keyring
from titan.matching.exchange import Exchange
from titan.matching.terms import AccountTerms, ExchangeSettings, Fees

HOST = "127.0.0.1"
LOCKSTEP = math.inf
"""The speed called ``max``: the market moves when the runner on the control socket is done."""

_VENUE = "binance"
_LOCKSTEP_START_NS = (
    1_704_067_200_000_000_000  # 2024-01-01 00:00 UTC: a generated market that repeats needs a fixed start
)
_PACE_S = 0.005
_STEPS_A_TURN = 200


MAKER_PROGRAMME = Fees(maker=Decimal("-0.00005"), taker=Decimal("0.0004"))
"""Fees of the default account: a market maker's programme, half a basis point of rebate."""


class ExchangeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How an exchange is run.

    Parameters
    ----------
    port : int
        0 takes a free one.
    replay : Path or None
        A raw USD-M capture; None generates a market.
    seed : int
        Of the generated market.
    symbols : tuple of str
        What is generated, each a market of its own; the first one is the same whatever the others are.
    speed : float
        Seconds of the exchange's clock a second; `LOCKSTEP` for ``max``.
    accounts : tuple of Credentials
        Who may sign in.
    settings : ExchangeSettings
        Fees, margin, funding, queue model; `market` is set to what `replay` says.
    limits : RateLimits
        Request weight and order counts.
    faults : Plan or None
        What goes wrong; its times count from the start. It needs a clock that runs by itself.
    stop_at_stdin_end : bool
        End when standard input does: a child process that ends with its parent.
    """

    port: int = 0
    replay: Path | None = None
    seed: int = 1
    symbols: tuple[str, ...] = ("BTCUSDT",)
    speed: float = 1.0
    accounts: tuple[Credentials, ...] = (DEFAULT_CREDENTIALS,)
    settings: ExchangeSettings = ExchangeSettings(fees=MAKER_PROGRAMME)
    limits: RateLimits = RateLimits()
    faults: Plan | None = None
    stop_at_stdin_end: bool = False


def parse_account(text: str) -> Credentials:
    """An account from ``key:secret:balance``.

    Raises
    ------
    ExchangeStartError
        Without showing the secret.
    """
    key, _, rest = text.partition(":")
    secret, _, balance = rest.partition(":")
    try:
        wallet = Decimal(balance)
    except ArithmeticError:
        wallet = Decimal("NaN")
    if not key or not secret or not wallet.is_finite() or wallet < 0:
        raise ExchangeStartError(
            f"account {key or '(no key)'}: write it as key:secret:balance, balance in USDT"
        )
    return Credentials(key, secret, wallet)


def parse_speed(text: str) -> float:
    """``max``, or a positive number.

    Raises
    ------
    ExchangeStartError
        For anything else.
    """
    if text == "max":
        return LOCKSTEP
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not (math.isfinite(speed) and speed > 0):
        raise ExchangeStartError(f"speed {text}: give a positive number, or max")
    return speed


def build_desk(options: ExchangeOptions) -> Desk:
    """The exchange without its port.

    Raises
    ------
    ExchangeStartError
        If the capture cannot be replayed, a symbol cannot be generated, or two accounts share a key.
    """
    keys = [account.key for account in options.accounts]
    if len(set(keys)) != len(keys):
        raise ExchangeStartError("two accounts share one key; give each its own")
    source = _source(options)
    market = "generated" if options.replay is None else "replayed"
    settings = msgspec.structs.replace(options.settings, market=market)
    exchange = Exchange(source.instruments, settings, source.start_ns)
    for account in options.accounts:
        terms = AccountTerms(balances=((source.instruments[0].settle, account.wallet),))
        exchange.open_account(account.key, terms)
    source.prepare(exchange)
    exchange.drain()  # what led up to the opening is nobody's news
    clock = _clock(options, exchange.now_ns)
    return Desk(exchange, settings, source, clock, Keyring(options.accounts), options.limits)


def _source(options: ExchangeOptions) -> MarketSource:
    if options.replay is not None:
        return ReplayedMarket(options.replay, _VENUE)
    start_ns = _LOCKSTEP_START_NS if options.speed == LOCKSTEP else WallClock().now_ns()
    return JoinedMarkets(
        [
            _generated(options.seed + number, symbol, start_ns)
            for number, symbol in enumerate(_generable(options.symbols))
        ]
    )


def _generable(symbols: tuple[str, ...]) -> tuple[str, ...]:
    strange = [symbol for symbol in symbols if not re.fullmatch(r"[A-Z0-9]+USDT", symbol)]
    if strange or not symbols or len(set(symbols)) != len(symbols):
        raise ExchangeStartError(
            f"symbols {', '.join(symbols)}: must be different coins in USDT, such as BTCUSDT,ETHUSDT"
        )
    return symbols


def _generated(seed: int, symbol: str, start_ns: int) -> GeneratedMarket:
    instrument = default_instrument(_VENUE, symbol)
    return GeneratedMarket(Generator(seed, instrument, start_ns), instrument, start_ns)


def _clock(options: ExchangeOptions, start_ns: int) -> ExchangeClock:
    if options.speed == LOCKSTEP:
        return LockstepClock(start_ns)
    if options.replay is None and options.speed == 1.0:
        return WallClock()
    return ScaledClock(start_ns, options.speed)


async def run_exchange(
    options: ExchangeOptions, on_open: Callable[[int], None], stop: asyncio.Event | None = None
) -> None:
    """Serve until SIGTERM, SIGINT, the end of standard input (if asked for) or `stop`.

    Parameters
    ----------
    on_open : callable
        Called once with the port, when it accepts connections.
    stop : asyncio.Event or None
        Ends the exchange from within the same loop; without it signals are handled here.

    Raises
    ------
    ExchangeStartError
        One line that says what to do; nothing is left open.
    """
    _check_faults(options)
    desk = build_desk(options)
    faults = None if options.faults is None else SocketFaults(desk, options.faults)
    ending = stop or asyncio.Event()
    async with serving(desk, options.port, faults=faults) as port:
        if stop is None:
            _end_on_signals(ending)
        watch = asyncio.create_task(_end_with_stdin(ending)) if options.stop_at_stdin_end else None
        on_open(port)
        try:
            await keep_moving(desk, ending, faults)
        finally:
            if watch is not None:
                watch.cancel()


def _check_faults(options: ExchangeOptions) -> None:
    """Refuse a plan that this exchange cannot follow."""
    if options.faults is None:
        return
    if options.speed == LOCKSTEP:
        raise ExchangeStartError("faults take time, and at speed max none passes by itself; give a number")
    kinds = {fault.kind for fault in options.faults.faults}
    if options.replay is not None and Kind.CHANGE_TICK in kinds:
        raise ExchangeStartError(f"faults {Kind.CHANGE_TICK}: a recorded market keeps its tick; leave it out")


@asynccontextmanager
async def serving(
    desk: Desk, port: int = 0, tls: ssl.SSLContext | None = None, faults: SocketFaults | None = None
) -> AsyncIterator[int]:
    """Hold a port of 127.0.0.1 open for `desk`; gives the port. The market is left to the caller.

    Parameters
    ----------
    tls : ssl.SSLContext or None
        Speak https and wss, so that a client can be sent here under the venue's own host names.
    faults : SocketFaults or None
        What goes wrong; while it refuses connections the port is closed.

    Raises
    ------
    ExchangeStartError
        If the port cannot be opened.
    """
    runner = web.AppRunner(application(desk, faults), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    door = None
    try:
        site = web.TCPSite(runner, HOST, port, ssl_context=tls)
        await _open_port(site, port)
        bound = runner.addresses[0][1]
        if faults is not None:
            door = asyncio.create_task(
                Door(runner, faults, lambda: web.TCPSite(runner, HOST, bound, ssl_context=tls), site).keep()
            )
        yield bound
    finally:
        if door is not None:
            door.cancel()
        await runner.cleanup()


async def _open_port(site: web.TCPSite, port: int) -> None:
    try:
        await site.start()
    except OverflowError:
        raise ExchangeStartError(
            f"port {port} does not exist; give one from 0 to 65535 with --port"
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"port {port} on {HOST} is in use; give another with --port, or 0 for a free one"
        else:
            message = f"cannot listen on {HOST} port {port}: {error.strerror}; give another with --port"
        raise ExchangeStartError(message) from None


async def keep_moving(desk: Desk, ending: asyncio.Event, faults: SocketFaults | None = None) -> None:
    """Let the market act, and planned faults happen, when their time comes; in lock-step only the control does that."""
    while not ending.is_set():
        if isinstance(desk.clock, LockstepClock):
            await ending.wait()
            return
        done = desk.advance_to(desk.clock.now_ns(), most_steps=_STEPS_A_TURN)
        if faults is not None:
            faults.carry_out()
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), _PACE_S if done else 0.0)


def _end_on_signals(ending: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)


async def _end_with_stdin(ending: asyncio.Event) -> None:
    """Set `ending` when standard input (a pipe) closes, as it does when the parent process dies."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1_024):
        continue  # whatever the parent writes is of no interest
    ending.set()
