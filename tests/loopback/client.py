"""A client of the exchange that signs by hand, and the exchange it talks to, for tests on real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from titan.loopback.clock import LockstepClock
from titan.loopback.desk import Desk
from titan.loopback.server import OBSERVER_HEADER
from titan.loopback.signatures import DEFAULT_CREDENTIALS, Credentials

SYMBOL = "BTCUSDT"


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> int:
        return self.body["code"]


class Client:
    """REST and websockets of one exchange, signed for one account."""

    def __init__(self, desk: Desk, port: int, session: aiohttp.ClientSession, account: Credentials) -> None:
        self.desk = desk
        self.port = port
        self.account = account
        self._session = session

    def of(self, account: Credentials) -> Client:
        return Client(self.desk, self.port, self._session, account)

    @property
    def now_ms(self) -> int:
        return self.desk.clock.now_ns() // 1_000_000

    async def public(self, path: str, **params: Any) -> Answer:
        return await self._send("GET", path, urlencode(params), {})

    async def keyed(self, method: str, path: str) -> Answer:
        return await self._send(method, path, "", {"X-MBX-APIKEY": self.account.key})

    async def signed(self, method: str, path: str, in_body: bool = False, **params: Any) -> Answer:
        query = urlencode({"timestamp": self.now_ms, **params})
        secret = self.account.secret.encode()
        query += "&signature=" + hmac.new(secret, query.encode(), hashlib.sha256).hexdigest()
        return await self._send(method, path, query, {"X-MBX-APIKEY": self.account.key}, in_body)

    async def raw(self, method: str, path: str, query: str, key: str | None) -> Answer:
        return await self._send(method, path, query, {"X-MBX-APIKEY": key} if key is not None else {})

    async def _send(
        self, method: str, path: str, query: str, headers: dict[str, str], in_body: bool = False
    ) -> Answer:
        base = f"http://127.0.0.1:{self.port}/fapi{path}"
        # Encoded already: what is signed must be what is sent.
        url = URL(base if in_body or not query else f"{base}?{query}", encoded=True)
        if in_body:
            headers = headers | {"Content-Type": "application/x-www-form-urlencoded"}
            context = self._session.request(method, url, data=query, headers=headers)
        else:
            context = self._session.request(method, url, headers=headers)
        async with context as answer:
            return Answer(answer.status, dict(answer.headers), await answer.json())

    async def order(self, **params: Any) -> Answer:
        """A small limit order, far below the market unless told otherwise."""
        order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": "0.010", "price": "59000.00"}
        order |= {"timeInForce": "GTC"} | params
        return await self.signed("POST", "/v1/order", **{k: v for k, v in order.items() if v is not None})

    async def taken(self, side: str, quantity: str, **params: Any) -> Answer:
        """A market order."""
        return await self.signed(
            "POST", "/v1/order", symbol=SYMBOL, side=side, type="MARKET", quantity=quantity, **params
        )

    async def stream(self, path: str, observer: bool = False) -> aiohttp.ClientWebSocketResponse:
        headers = {OBSERVER_HEADER: "1"} if observer else {}
        return await self._session.ws_connect(f"ws://127.0.0.1:{self.port}{path}", headers=headers)

    async def private(self) -> aiohttp.ClientWebSocketResponse:
        key = (await self.keyed("POST", "/v1/listenKey")).body["listenKey"]
        return await self.stream(f"/private/ws?listenKey={key}")

    def run(self, seconds: float) -> None:
        """Let so much time of a lock-step exchange pass."""
        clock = self.desk.clock
        assert isinstance(clock, LockstepClock)
        clock.set(clock.now_ns() + int(seconds * 1e9))
        self.desk.advance_to(clock.now_ns())


async def frame(socket: aiohttp.ClientWebSocketResponse) -> Any:
    """The next frame, decoded; fails when none comes."""
    return await socket.receive_json(timeout=5)


async def frame_of(socket: aiohttp.ClientWebSocketResponse, kind: str) -> Any:
    """The next frame whose ``e`` is `kind`."""
    async with asyncio.timeout(5):
        while True:
            found = await socket.receive_json()
            if found.get("data", found).get("e") == kind:
                return found


DEFAULT = DEFAULT_CREDENTIALS
