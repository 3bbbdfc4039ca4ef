"""A venue on 127.0.0.1 that answers whatever a test wants it to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import WSMsgType, web

from titan.model.events import JournalledEvent, StreamState
from titan.venues.adapter import Sinks
from titan.venues.binance import BinanceAdapter
from titan.venues.binance_config import BinanceConfig

KEY, SECRET = "the-api-key", "the-api-secret"
NOW_NS = 1_723_118_400_123_456_789  # a replay's clock: 2024

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """JSON, or bytes as they are."""
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)

    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers=headers, content_type="application/json")

    return reply


def error(
    code: int, status: int = 400, text: str = "refused", headers: dict[str, str] | None = None
) -> Reply:
    return answer({"code": code, "msg": text}, status, headers)


async def drop(request: web.Request) -> web.StreamResponse:
    """The connection ends without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def silence(request: web.Request) -> web.StreamResponse:
    """No answer until the client gives up."""
    await asyncio.sleep(30)
    return web.Response()


def cut(body: bytes) -> Reply:
    """A success whose body breaks off."""

    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(body) + 50)})
        await response.prepare(request)
        await response.write(body)
        assert request.transport is not None
        request.transport.close()
        return response

    return reply


class SessionClock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.ns = NOW_NS

    def now_ns(self) -> int:
        return self.ns


SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "1", "maxPrice": "1000000"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ],
}


def order(client_id: str = "mine", **changes: Any) -> dict[str, Any]:
    return {
        "orderId": 17,
        "clientOrderId": client_id,
        "symbol": "BTCUSDT",
        "status": "NEW",
        "side": "BUY",
        "price": "60000.10",
        "origQty": "0.003",
        "executedQty": "0.000",
        "reduceOnly": False,
        "updateTime": 1_723_118_400_200,
        **changes,
    }


class FakeVenue:
    """Scripted answers by (method, path below /fapi/); what was asked; and the open websockets."""

    def __init__(self) -> None:
        self.replies: dict[tuple[str, str], list[Reply] | Reply] = {
            ("GET", "v1/time"): answer({"serverTime": NOW_NS // 1_000_000}),
            ("GET", "v1/exchangeInfo"): answer({"symbols": [SYMBOL]}),
            ("GET", "v1/commissionRate"): answer(
                {"symbol": "BTCUSDT", "makerCommissionRate": "0.0002", "takerCommissionRate": "0.0004"}
            ),
            ("PUT", "v1/listenKey"): answer({}),
        }
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.keys_made = 0
        self.sockets: dict[str, list[web.WebSocketResponse]] = {"market": [], "private": []}
        self.connected = asyncio.Event()
        self.headers: list[dict[str, str]] = []
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/fapi/{path:.*}", self._rest)
        app.router.add_get("/sapi/v1/{rest:.*}", self._spot)
        app.router.add_get("/stream", self._market)
        app.router.add_get("/ws/{key}", self._private)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def on(self, method: str, path: str, *replies: Reply) -> None:
        """Answer with each in turn, and with the last one from then on."""
        self.replies[method, path] = list(replies)

    def calls(self, method: str, path: str) -> list[dict[str, str]]:
        return [params for each, where, params in self.asked if (each, where) == (method, path)]

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        text = request.query_string or (await request.text())
        params = dict(parse_qsl(text))
        self.asked.append((request.method, request.match_info["path"], params))
        self.headers.append(dict(request.headers))
        if "signature" in params:
            signed, _, signature = text.rpartition("&signature=")
            assert signature == hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
            assert request.headers["X-MBX-APIKEY"] == KEY
        scripted = self.replies.get((request.method, request.match_info["path"]))
        if scripted is None and request.match_info["path"] == "v1/listenKey":
            self.keys_made += 1
            return await answer({"listenKey": f"key-{self.keys_made}"})(request)
        if isinstance(scripted, list):
            scripted = scripted.pop(0) if len(scripted) > 1 else scripted[0]
        assert scripted is not None, request.path
        return await scripted(request)

    async def _spot(self, request: web.Request) -> web.StreamResponse:
        scripted = self.replies["GET", f"sapi/{request.match_info['rest']}"]
        return await (scripted[0] if isinstance(scripted, list) else scripted)(request)

    async def _market(self, request: web.Request) -> web.StreamResponse:
        return await self._socket(request, "market")

    async def _private(self, request: web.Request) -> web.StreamResponse:
        return await self._socket(request, "private")

    async def _socket(self, request: web.Request, name: str) -> web.StreamResponse:
        self.asked.append(("WS", request.path, dict(request.query)))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets[name].append(socket)
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        return socket


class Desk:
    """An adapter at a fake venue, and everything it delivered."""

    def __init__(self, venue: FakeVenue, faults: list[BaseException] | None = None, **changes: Any) -> None:
        self.venue = venue
        self.clock = SessionClock()
        self.frames: list[bytes] = []
        self.private: list[list[JournalledEvent]] = []
        self.states: list[StreamState] = []
        self.told: list[JournalledEvent] = []
        self._changed = asyncio.Event()
        settings: dict[str, Any] = {
            "venue": "binance",
            "account": "main",
            "symbols": ("BTCUSDT",),
            "rest_url": f"http://127.0.0.1:{venue.port}",
            "stream_url": f"ws://127.0.0.1:{venue.port}",
            "api_key": KEY,
            "api_secret": SECRET,
            "request_timeout_s": 5.0,
            **changes,
        }
        self.config = BinanceConfig(**settings)
        sinks = Sinks(self._keep(self.frames), self._keep(self.private), self._sort, *self._heard(faults))
        self.adapter = BinanceAdapter(self.config, sinks, self.clock)

    def _heard(self, faults: list[BaseException] | None) -> list[Callable[[BaseException], None]]:
        return [] if faults is None else [faults.append]

    def _sort(self, event: JournalledEvent) -> None:
        self._keep(self.states if isinstance(event, StreamState) else self.told)(event)

    def _keep(self, where: list[Any]) -> Callable[[Any], None]:
        def keep(value: Any) -> None:
            where.append(value)
            self._changed.set()

        return keep

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something delivered makes it true."""
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def said(self, stream: str) -> list[tuple[bool, str]]:
        return [(state.up, state.reason) for state in self.states if state.stream == stream]
