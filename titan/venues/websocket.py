"""A websocket that reconnects: jittered backoff, a watchdog for silence, and a word at each change of state."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal, NamedTuple, Protocol

import aiohttp

from titan.venues.supervised import supervised

_CLOSE_TIMEOUT_S = 1.0
"""How long a close waits for the peer's: one that has gone silent does not answer it."""


class StreamRefused(ConnectionError):
    """The address of a stream could not be had, such as a listen key; the text says why."""


class StreamSettings(NamedTuple):
    """How a stream is kept alive; all in seconds.

    `stale_after_s` of 0 switches the watchdog off, for streams that may be silent for long (the private one)
    and for replays that stand still while the runner works. `heartbeat_s` of 0 sends no pings. A connection that does
    not live for `steady_s` counts as one that failed: after each all is read again, and a venue counts them.
    """

    connect_timeout_s: float = 10.0
    stale_after_s: float = 15.0
    heartbeat_s: float = 20.0
    backoff_first_s: float = 0.25
    backoff_limit_s: float = 30.0
    steady_s: float = 3.0


class Socket(Protocol):
    """One open websocket."""

    def payloads(self) -> AsyncIterator[bytes]:
        """Each message as received, until the connection ends."""
        ...

    def ending(self) -> str:
        """Why it ended."""
        ...

    async def close(self) -> None:
        """Close it; nothing if it has ended."""
        ...


class Connector(Protocol):
    """Opens websockets. `connect` raises `OSError` or `aiohttp.ClientError` where it cannot."""

    async def connect(self, url: str, settings: StreamSettings) -> Socket: ...

    async def close(self) -> None: ...


class NetworkConnector:
    """Websockets over the network."""

    def __init__(self) -> None:
        self._http: aiohttp.ClientSession | None = None

    async def connect(self, url: str, settings: StreamSettings) -> Socket:
        """Connect, with pings if the settings want them."""
        if self._http is None:
            self._http = aiohttp.ClientSession(trust_env=False)
        socket = await self._http.ws_connect(
            url,
            heartbeat=settings.heartbeat_s or None,
            max_msg_size=0,
            decode_text=False,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
        )
        return _NetworkSocket(socket)

    async def close(self) -> None:
        """Close every connection."""
        if self._http is not None:
            await self._http.close()


class _NetworkSocket:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse[Literal[False]]) -> None:
        self._socket = socket

    async def payloads(self) -> AsyncIterator[bytes]:
        async for message in self._socket:
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                yield message.data

    def ending(self) -> str:
        error = self._socket.exception()
        if error is not None:
            return f"{type(error).__name__}: {error}"
        return f"closed by the venue, code {self._socket.close_code}"

    async def close(self) -> None:
        with suppress(aiohttp.ClientError, OSError):
            await self._socket.close()


class Stream:
    """One websocket, opened again and again until it is closed.

    Parameters
    ----------
    address : function
        Awaited before each connection; returns the URL or raises `StreamRefused`.
    on_payload : function of bytes
        Called with each message, untouched.
    on_state : function of (bool, str)
        Called at each change: up or down, and why.
    settings : StreamSettings
        Time-outs.
    channel : function of bytes to bytes, optional
        Names the channel within the stream that a message is of; each of `watched` must not fall silent.
    watched : tuple of bytes
        Channels that the watchdog looks at one by one, besides the stream as a whole.
    jitter : function, optional
        Draws from 0 to 1, so that many runners do not come back at one moment.
    connector : Connector, optional
        Opens the connections; over the network unless given.
    on_fault : function of an exception, optional
        Called with what ended the stream for good: a fault of ours, in a callback or in the watchdog. Without it
        `close` raises that.
    """

    def __init__(
        self,
        address: Callable[[], Awaitable[str]],
        on_payload: Callable[[bytes], None],
        on_state: Callable[[bool, str], None],
        settings: StreamSettings,
        *,
        channel: Callable[[bytes], bytes] | None = None,
        watched: tuple[bytes, ...] = (),
        jitter: Callable[[], float] = random.random,
        connector: Connector | None = None,
        on_fault: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._connector = connector or NetworkConnector()
        self._on_fault = on_fault
        self._address = address
        self._on_payload = on_payload
        self._on_state = on_state
        self._settings = settings
        self._channel = channel
        self._watched = watched
        self._jitter = jitter
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._drop: asyncio.Future[str] | None = None
        self._heard: dict[bytes, float] = {}
        self._heard_s = 0.0
        self.last_failure = ""

    async def open(self, timeout_s: float) -> None:
        """Start, and return once the stream is up.

        Raises
        ------
        TimeoutError
            If it is not up in time; it goes on trying until `close`. `last_failure` says why.
        """
        self._task = supervised(self._run(), self._on_fault or (lambda error: None))
        up = asyncio.ensure_future(self._up.wait())
        done, _ = await asyncio.wait({up, self._task}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if up not in done:
            up.cancel()
            if self._task.done():
                self._task.result()
            raise TimeoutError(f"no stream within {timeout_s:g} s: {self.last_failure or 'no answer'}")

    async def close(self) -> None:
        """Close for good; a stream that is closed on purpose tells nobody."""
        if self._task is None:
            return
        self._up.clear()
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait({task})
        if self._on_fault is None and not task.cancelled():
            task.result()

    def rebuild(self, why: str) -> None:
        """Drop the connection now and make a new one; nothing if there is none."""
        if self._drop is not None and not self._drop.done():
            self._drop.set_result(why)

    async def _run(self) -> None:
        failures = 0
        try:
            while True:
                lived_s = await self._one_connection()
                failures = 1 if lived_s >= self._settings.steady_s else failures + 1
                await asyncio.sleep(self._pause_s(failures))
        finally:
            # Also when a callback of ours raised: whoever quotes must hear that nothing comes any more.
            self._went_down("the stream has ended")
            await self._connector.close()

    def _went_down(self, reason: str) -> None:
        self.last_failure = reason
        if self._up.is_set():
            self._up.clear()
            self._on_state(False, reason)

    def _pause_s(self, failures: int) -> float:
        longest = min(
            self._settings.backoff_first_s * 2.0 ** min(failures - 1, 30), self._settings.backoff_limit_s
        )
        return longest * (0.5 + 0.5 * self._jitter())

    async def _one_connection(self) -> float:
        """Connect and receive until it ends; for how long it was up, seconds."""
        settings = self._settings
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                url = await self._address()
                socket = await self._connector.connect(url, settings)
        except TimeoutError:
            self._went_down(f"no answer within {settings.connect_timeout_s:g} s")
            return 0.0
        except (aiohttp.ClientError, OSError) as error:
            self._went_down(f"{type(error).__name__}: {_plain(error)}")
            return 0.0
        loop = asyncio.get_running_loop()
        connected_s = loop.time()
        try:
            self._went_down(await self._receive(socket))
        finally:
            await socket.close()
        return loop.time() - connected_s

    async def _receive(self, socket: Socket) -> str:
        """Hand on messages until the connection ends; why it did."""
        loop = asyncio.get_running_loop()
        self._drop = loop.create_future()
        self._heard_s = loop.time()
        self._heard = dict.fromkeys(self._watched, self._heard_s)
        self._up.set()
        self._on_state(True, "connected")
        reader = loop.create_task(self._read(socket))
        watchdog = loop.create_task(self._watch())
        waited: set[asyncio.Future[Any]] = {reader, watchdog, self._drop}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            # A read that failed raises here, before the reason of a rebuild is looked at; so does a watchdog that died.
            if watchdog.done() and not reader.done():
                watchdog.result()
            return reader.result() if reader.done() else self._drop.result()
        finally:
            watchdog.cancel()
            reader.cancel()
            self._drop = None

    async def _read(self, socket: Socket) -> str:
        async for payload in socket.payloads():
            self._note(payload)
            self._on_payload(payload)
        return socket.ending()

    def _note(self, payload: bytes) -> None:
        self._heard_s = asyncio.get_running_loop().time()
        if self._channel is not None:
            channel = self._channel(payload)
            if channel in self._heard:
                self._heard[channel] = self._heard_s

    async def _watch(self) -> None:
        """Rebuild the stream once it, or a watched channel of it, has been silent for too long."""
        limit_s = self._settings.stale_after_s
        if limit_s <= 0:
            await asyncio.get_running_loop().create_future()  # it watches nothing, until it is cancelled
        while True:
            await asyncio.sleep(limit_s / 4)
            now_s = asyncio.get_running_loop().time()
            if now_s - self._heard_s > limit_s:
                self.rebuild(f"silent for {now_s - self._heard_s:.1f} s")
                return
            for channel, heard_s in self._heard.items():
                if now_s - heard_s > limit_s:
                    self.rebuild(f"{channel.decode()} silent for {now_s - heard_s:.1f} s")
                    return


def _plain(error: Exception) -> str:
    """What went wrong, without the address: a private stream's holds its listen key."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"status {error.status}"
    if isinstance(error, StreamRefused):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "the connection failed"
