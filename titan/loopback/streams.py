"""Websocket connections of the exchange and what each has subscribed to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from titan.loopback.fault_frames import FrameFaults

_NAME = re.compile(r"^(?P<symbol>!|[a-z0-9_]+@)(?P<rest>.+)$")
_MOST_QUEUED = 100_000


class Connection:
    """One websocket of a client: a queue that a writer empties, so that a slow reader delays nobody else.

    Parameters
    ----------
    socket : web.WebSocketResponse
        Prepared.
    combined : bool
        Wrap each frame as ``{"stream": name, "data": frame}``.
    account, listen_key : str
        Of a private stream; empty on public ones.
    counted : bool
        False for an observer, whose frames no lock-step runner waits for.
    faults : FrameFaults, optional
        What goes wrong with its frames.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        combined: bool,
        account: str = "",
        listen_key: str = "",
        counted: bool = True,
        faults: FrameFaults | None = None,
    ) -> None:
        self.account = account
        self.listen_key = listen_key
        self.counted = counted
        self.combined = combined
        self.names: set[str] = set()
        self._socket = socket
        self._faults = faults
        self._queue: asyncio.Queue[tuple[bytes, float] | None] = asyncio.Queue()

    @property
    def silent(self) -> bool:
        """Whether a fault keeps it from saying anything, an answer to a ping included."""
        return self._faults is not None and self._faults.silent

    @property
    def swallowed_ns(self) -> int:
        """When a silence that lasts swallowed its first frame, ns UTC; 0 where there is none."""
        return self._faults.swallowed_ns if self._faults is not None and self.silent else 0

    def send(self, payload: bytes) -> None:
        """Queue one frame, or what a fault makes of it."""
        if self._faults is None:
            self._queue.put_nowait((payload, 0.0))
            return
        frames, delay_s = self._faults.take(payload)
        due_s = asyncio.get_running_loop().time() + delay_s if delay_s else 0.0
        for frame in frames:
            self._queue.put_nowait((frame, due_s))

    def publish(self, name: str, payload: bytes) -> None:
        """Queue one data frame of stream `name`."""
        self.send(b'{"stream":"%b","data":%b}' % (name.encode(), payload) if self.combined else payload)

    def drop(self) -> None:
        """End the connection from the venue's side, as an outage does."""
        self._queue.put_nowait(None)

    async def write(self) -> None:
        """Send what is queued until the socket closes; a reader too far behind is cut off."""
        while not self._socket.closed:
            queued = await self._queue.get()
            if queued is None:
                await self._socket.close(code=WSCloseCode.GOING_AWAY)
                return
            if self._queue.qsize() > _MOST_QUEUED:
                await self._socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"slow consumer")
                return
            payload, due_s = queued
            if due_s:
                await asyncio.sleep(due_s - asyncio.get_running_loop().time())
            try:
                await self._socket.send_frame(payload, WSMsgType.TEXT)
            except ConnectionError:
                return  # the reader sees the close and takes the connection off the register


class Register:
    """Who receives which stream, and how many data frames went out in all.

    Attributes
    ----------
    public_sent, private_sent : int
        Data frames queued so far; the lock-step control tells them to its runner.
    """

    def __init__(self) -> None:
        self.public_sent = 0
        self.private_sent = 0
        self._by_name: dict[str, list[Connection]] = {}
        self._private: dict[str, list[Connection]] = {}

    def subscribe(self, connection: Connection, names: Iterable[str]) -> None:
        """Add streams; an unknown name is accepted and stays silent, as at the venue."""
        for name in names:
            if name not in connection.names:
                connection.names.add(name)
                self._by_name.setdefault(name, []).append(connection)

    def unsubscribe(self, connection: Connection, names: Iterable[str]) -> None:
        """Take streams off a connection."""
        for name in names:
            if name in connection.names:
                connection.names.discard(name)
                self._by_name[name].remove(connection)
                if not self._by_name[name]:
                    del self._by_name[name]

    def add_private(self, connection: Connection) -> None:
        """Let a connection receive its account's private frames."""
        self._private.setdefault(connection.account, []).append(connection)

    def end_private(self, account: str) -> None:
        """Send no more private frames to the connections that an account has open."""
        self._private.pop(account, None)

    def connections(self, stream: str = "") -> list[Connection]:
        """Every connection of the ``market`` or the ``private`` streams, or of both."""
        market = {connection: None for found in self._by_name.values() for connection in found}
        private = {connection: None for found in self._private.values() for connection in found}
        return [
            *(market if stream in {"", "market"} else {}),
            *(private if stream in {"", "private"} else {}),
        ]

    def remove(self, connection: Connection) -> None:
        """Forget a connection."""
        self.unsubscribe(connection, tuple(connection.names))
        if connection in self._private.get(connection.account, ()):
            self._private[connection.account].remove(connection)

    def wanted(self, name: str) -> bool:
        """True if anyone receives the stream."""
        return name in self._by_name

    def names(self) -> tuple[str, ...]:
        """Every stream that anyone receives."""
        return tuple(self._by_name)

    def publish(self, name: str, payload: bytes) -> None:
        """Send a frame to everyone who subscribed to `name`."""
        for connection in self._by_name.get(name, ()):
            connection.publish(name, payload)
            self.public_sent += connection.counted

    def publish_private(self, account: str, payload: bytes) -> None:
        """Send a frame to the private streams of an account."""
        for connection in self._private.get(account, ()):
            connection.publish(connection.listen_key, payload)
            self.private_sent += connection.counted


class Subscription(msgspec.Struct, frozen=True):
    """A request on a public websocket."""

    method: str = ""
    params: list[str | bool] = []
    id: int | str | None = None


def answer_request(register: Register, connection: Connection, text: str) -> bytes:
    """Carry out a request on a websocket (SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, ...); its answer."""
    try:
        request = msgspec.json.decode(text, type=Subscription)
    except msgspec.DecodeError as error:
        return _refusal(3, f"Invalid JSON: {error}", None)
    names = [name for name in request.params if isinstance(name, str)]
    result: object = None
    match request.method:
        case "SUBSCRIBE":
            malformed = [name for name in names if not _NAME.match(name)]
            if malformed:
                return _refusal(2, f"Invalid request: stream {malformed[0]} is malformed", request.id)
            register.subscribe(connection, names)
        case "UNSUBSCRIBE":
            register.unsubscribe(connection, names)
        case "LIST_SUBSCRIPTIONS":
            result = sorted(connection.names)
        case "GET_PROPERTY":
            result = connection.combined
        case "SET_PROPERTY":
            connection.combined = bool(request.params and request.params[-1] is True)
        case _:
            return _refusal(2, f"Invalid request: unknown method {request.method}", request.id)
    return msgspec.json.encode({"result": result, "id": request.id})


def _refusal(code: int, message: str, request_id: int | str | None) -> bytes:
    return msgspec.json.encode({"error": {"code": code, "msg": message}, "id": request_id})
