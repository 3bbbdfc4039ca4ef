"""The aiohttp application: REST on ``/fapi``, websockets on the venue's paths, the control socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiohttp import WSMsgType, web

from titan.loopback import rest
from titan.loopback.answer import RestAnswer
from titan.loopback.control import Control
from titan.loopback.desk import Desk
from titan.loopback.fault_sockets import SocketFaults, abort, whole
from titan.loopback.streams import Connection, answer_request

OBSERVER_HEADER = "X-Titan-Observer"
"""Sent with a websocket by someone who only watches: a lock-step runner is not told of those frames."""

_PING_S = 180.0  # Binance pings every 3 minutes


def application(desk: Desk, faults: SocketFaults | None = None) -> web.Application:
    """The exchange's application; it holds no state of its own beyond `desk`, and `faults` where they are planned."""
    face = _Face(desk, faults)
    app = web.Application()
    for prefix in ("", "/public", "/market", "/private"):
        app.router.add_get(prefix + "/ws", face.raw)
        app.router.add_get(prefix + "/ws/{names:.+}", face.raw)
        app.router.add_get(prefix + "/stream", face.combined)
    control = Control(desk)
    app.router.add_get("/control", control.handle)
    app.router.add_route("*", "/fapi/{rest:.*}", face.rest)
    app.on_shutdown.append(face.close)
    app.on_shutdown.append(control.close)
    return app


class _Face:
    """Handlers of the application."""

    def __init__(self, desk: Desk, faults: SocketFaults | None) -> None:
        self._desk = desk
        self._faults = faults
        self._sockets: set[web.WebSocketResponse] = set()

    async def rest(self, request: web.Request) -> web.StreamResponse:
        body = (await request.read()).decode(errors="replace")
        path, _, query = request.raw_path.partition("?")

        def carried_out() -> RestAnswer:
            key = request.headers.get("X-MBX-APIKEY")
            return rest.answer(self._desk, request.method, path, query, body, key)

        if self._faults is None:
            return whole(carried_out())
        return await self._faults.call(request, carried_out)

    async def raw(self, request: web.Request) -> web.StreamResponse:
        """``/ws``, ``/ws/<stream>/<stream>``, ``/ws/<listenKey>``, ``/ws?listenKey=``; ccxt adds a number."""
        names = [name for name in request.match_info.get("names", "").split("/") if name]
        if "listenKey" in request.query:
            names.append(request.query["listenKey"])
        return await self._stream(request, names, combined=False)

    async def combined(self, request: web.Request) -> web.StreamResponse:
        """``/stream?streams=<stream>/<stream>``."""
        names = [name for name in request.query.get("streams", "").split("/") if name]
        return await self._stream(request, names, combined=True)

    async def _stream(self, request: web.Request, names: Iterable[str], combined: bool) -> web.StreamResponse:
        if self._faults is not None and self._faults.refusing:
            return abort(request)
        # Pings are answered below: a half-dead connection answers none.
        socket = web.WebSocketResponse(heartbeat=_PING_S, autoping=False)
        try:
            await socket.prepare(request)
        except ConnectionError:
            return abort(request)  # whoever asked is gone, as a runner that was killed
        self._desk.catch_up()
        key, account = next(
            ((name, found) for name in names if (found := self._desk.listen_keys.account(name)) is not None),
            ("", ""),
        )
        counted = OBSERVER_HEADER not in request.headers
        stream = "private" if account else "market"
        faults = self._faults.frames(stream) if self._faults is not None else None
        connection = Connection(socket, combined, account, key, counted, faults)
        register = self._desk.register
        if account:
            register.add_private(connection)
        register.subscribe(connection, [name for name in names if "@" in name or name.startswith("!")])
        self._sockets.add(socket)
        writer = asyncio.create_task(connection.write())
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    connection.send(answer_request(register, connection, message.data))
                elif message.type is WSMsgType.PING and not connection.silent:
                    await socket.pong(message.data)
        finally:
            register.remove(connection)
            self._sockets.discard(socket)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    async def close(self, app: web.Application) -> None:
        """Say goodbye on every stream."""
        await asyncio.gather(*(socket.close() for socket in tuple(self._sockets)))
