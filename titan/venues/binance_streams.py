"""Binance USD-M's market and private stream: addresses, listen key, and delivery."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Literal

from titan.model.clock import Clock
from titan.model.events import JournalledEvent, StreamState
from titan.model.instruments import Instrument
from titan.venues.adapter import Sinks
from titan.venues.binance_calls import KEEP_LISTEN_KEY, LISTEN_KEY, Client
from titan.venues.binance_config import BinanceConfig
from titan.venues.supervised import supervised
from titan.venues.websocket import Connector, Stream, StreamRefused, StreamSettings
from titan.wire.binance_usdm import WireError, decode_user_event, refusal

CHANNELS = ("depth@100ms", "bookTicker", "trade", "markPrice@1s")
WATCHED = ("depth@100ms", "markPrice@1s")
"""Channels that are never silent on a live market: each has a watchdog of its own."""

KEEP_ALIVE_FAILURES = 2
"""Renewals of the listen key without an answer after which a new one is made."""

REPLACEABLE = (b"@bookTicker", b"@markPrice@1s")
"""Channels of which only the newest frame counts."""

_PREFIX = b'{"stream":"'
_RETRY_KEEP_ALIVE_S = 30.0
_S = 1_000_000_000


def channel_of(payload: bytes) -> bytes:
    """The stream's name in a combined frame, empty if it begins otherwise."""
    if not payload.startswith(_PREFIX):
        return b""
    return payload[len(_PREFIX) : payload.find(b'"', len(_PREFIX))]


def replaceable(payload: bytes) -> bytes:
    """The channel of a frame that a newer one of the same channel makes void; empty for any other frame."""
    channel = channel_of(payload)
    return channel if channel.endswith(REPLACEABLE) else b""


def symbol_of_tops(channel: bytes) -> str:
    """The symbol whose best bids and offers a channel tells, empty for any other channel."""
    symbol, _, kind = channel.partition(b"@")
    return symbol.decode().upper() if kind == b"bookTicker" else ""


class MarketStream:
    """The market stream alone: public data, for which nobody has to sign in.

    Parameters
    ----------
    config : BinanceConfig
        Addresses and symbols.
    clock : Clock
        Stamps events.
    sinks : Sinks
        Where everything goes.
    connector : function, optional
        Makes what opens the stream's connections; over the network unless given.
    jitter : function, optional
        Draws from 0 to 1 for the pauses between connections.
    """

    def __init__(
        self,
        config: BinanceConfig,
        clock: Clock,
        sinks: Sinks,
        connector: Callable[[], Connector] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._clock = clock
        self._sinks = sinks
        symbols = [symbol.lower() for symbol in config.symbols]
        self.market = Stream(
            self._market_address,
            self.take_market,
            lambda up, reason: self._tell("market", up, reason),
            StreamSettings(stale_after_s=config.stale_after_s),
            channel=channel_of,
            watched=tuple(f"{symbol}@{channel}".encode() for symbol in symbols for channel in WATCHED),
            connector=connector() if connector else None,
            jitter=jitter,
            on_fault=sinks.fault,
        )

    async def open(self, timeout_s: float) -> None:
        """Connect; `TimeoutError` if it does not come up."""
        await self.market.open(timeout_s)

    async def close(self) -> None:
        """Close for good."""
        await self.market.close()

    def take_market(self, payload: bytes) -> None:
        """A market frame, as received."""
        self._sinks.market(payload)

    async def _market_address(self) -> str:
        names = [f"{symbol.lower()}@{channel}" for symbol in self._config.symbols for channel in CHANNELS]
        return f"{self._config.stream}/stream?streams={'/'.join(names)}"

    def _tell(self, stream: Literal["market", "private"], up: bool, reason: str) -> None:
        self._sinks.stream(
            StreamState(
                time_ns=self._clock.now_ns(), venue=self._config.venue, stream=stream, up=up, reason=reason
            )
        )


class BinanceStreams(MarketStream):
    """Both streams of an account.

    Parameters
    ----------
    config : BinanceConfig
        The account.
    client : Client
        Makes and renews the listen key.
    clock : Clock
        Stamps events.
    sinks : Sinks
        Where everything goes.
    instruments : function
        The terms known so far, by symbol.
    connector : function, optional
        Makes what opens a stream's connections; over the network unless given.
    jitter : function, optional
        Draws from 0 to 1 for the pauses between connections.
    """

    def __init__(
        self,
        config: BinanceConfig,
        client: Client,
        clock: Clock,
        sinks: Sinks,
        instruments: Callable[[], Mapping[str, Instrument]],
        connector: Callable[[], Connector] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(config, clock, sinks, connector, jitter)
        self._client = client
        self._instruments = instruments
        self._keep_alive: asyncio.Task[None] | None = None
        self._owed: asyncio.TimerHandle | None = None
        self._heard_s = 0.0
        self._renewed_ns = 0
        self._renewal_due = asyncio.Event()
        self.private = Stream(
            self._private_address,
            self.take_private,
            lambda up, reason: self._tell("private", up, reason),
            StreamSettings(stale_after_s=0.0),
            connector=connector() if connector else None,
            jitter=jitter,
            on_fault=sinks.fault,
        )

    def owe(self, since_s: float) -> None:
        """The venue has answered about an order: the private stream, if it lives, speaks of it, too.

        It may be silent for hours, so silence alone tells nothing. One that says nothing of an answered order has
        gone deaf: its key has expired and the word of that was lost, or nothing is behind the connection any more.

        Parameters
        ----------
        since_s : float
            The loop's time when the call began: the stream is often faster than the answer.
        """
        patience_s = self._config.stale_after_s
        if patience_s > 0 and self._heard_s < since_s and self._owed is None:
            self._owed = asyncio.get_running_loop().call_later(patience_s, self._deaf, patience_s)

    def _deaf(self, patience_s: float) -> None:
        self._owed = None
        self.private.rebuild(f"no word for {patience_s:g} s of an order that the venue has answered")

    def _paid(self) -> None:
        if self._owed is not None:
            self._owed.cancel()
            self._owed = None

    async def open(self, timeout_s: float) -> None:
        """Connect both; `TimeoutError` if one does not come up."""
        await self.private.open(timeout_s)
        await super().open(timeout_s)
        self._keep_alive = supervised(self._keep_listen_key(), self._sinks.fault)

    async def close(self) -> None:
        """Close both."""
        if self._keep_alive is not None:
            self._keep_alive.cancel()
        self._paid()
        await super().close()
        await self.private.close()

    async def _private_address(self) -> str:
        answer = await self._client.call(LISTEN_KEY, {})
        value = answer.value
        key = value.get("listenKey") if isinstance(value, dict) else None
        if answer.status != 200 or not isinstance(key, str) or not key:
            code, message = refusal(value) or (answer.status, answer.failure or "no listen key in the answer")
            raise StreamRefused(f"no listen key: {message} ({code})")
        return f"{self._config.stream}/ws/{key}"

    async def _keep_listen_key(self) -> None:
        """Renew the listen key in time; make a new one when the venue no longer knows it.

        In time by both clocks: in a fast replay the venue's hour is over within seconds of this machine's.
        """
        pause_s = self._config.keep_alive_s
        failures = 0
        while True:
            self._renewed_ns = self._clock.now_ns()
            self._renewal_due.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._renewal_due.wait(), pause_s)
            answer = await self._client.call(KEEP_LISTEN_KEY, {})
            refused = refusal(answer.value)
            if refused is not None:
                self.private.rebuild(f"listen key not renewed: {refused[0]} {refused[1]}")
            done = answer.status == 200 or refused is not None
            failures = 0 if done else failures + 1
            if failures == KEEP_ALIVE_FAILURES:
                failures = 0
                self.private.rebuild(f"listen key not renewed {KEEP_ALIVE_FAILURES} times: {answer.failure}")
            pause_s = (
                self._config.keep_alive_s if done else min(_RETRY_KEEP_ALIVE_S, self._config.keep_alive_s)
            )

    def take_market(self, payload: bytes) -> None:
        """A market frame, as received; each also looks whether the listen key is due."""
        super().take_market(payload)
        if self._renewed_ns and self._clock.now_ns() - self._renewed_ns > self._config.keep_alive_s * _S:
            self._renewal_due.set()

    def take_private(self, payload: bytes) -> None:
        """Exactly one delivery a frame; a frame that is unreadable or ends the key also ends the connection."""
        self._heard_s = asyncio.get_running_loop().time()
        self._paid()
        try:
            found = decode_user_event(payload, self._clock.now_ns(), self._config.venue, self._instruments())
        except WireError as error:
            self._sinks.private([])
            self.private.rebuild(str(error))
            return
        events: list[JournalledEvent] = [event for event in found if not isinstance(event, StreamState)]
        self._sinks.private(events)
        for event in found:
            if isinstance(event, StreamState):
                self.private.rebuild(event.reason)
