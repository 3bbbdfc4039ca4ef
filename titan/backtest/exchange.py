"""The loopback exchange without sockets: the same core, feeds and REST gateway, called directly."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from titan.loopback import rest
from titan.loopback.desk import Desk
from titan.loopback.signatures import Credentials
from titan.loopback.streams import Connection
from titan.venues.ccxt_client import Answer, Endpoint
from titan.venues.weights import RateLimits, WeightBudget

_METHOD = re.compile(r"^fapi(?:Public|Private)(?P<version>V\d)?(?P<verb>Get|Post|Put|Delete)(?P<name>.+)$")

_DEEPER = {"positionSideDual": "positionSide/dual"}
"""Paths of two parts, which ccxt writes as one word."""


def address(endpoint: Endpoint) -> tuple[str, str]:
    """The HTTP method and path of a call."""
    found = _METHOD.match(endpoint.method)
    if found is None:
        raise ValueError(f"{endpoint.method} is no method of Binance USD-M")
    name = found["name"][0].lower() + found["name"][1:]
    name = _DEEPER.get(name, name)
    return found["verb"].upper(), f"/fapi/{(found['version'] or 'v1').lower()}/{name}"


def signed(params: Mapping[str, str | int], credentials: Credentials, now_ns: int) -> str:
    """The query string of a signed call, as it would stand on the wire."""
    query = urlencode({**params, "timestamp": now_ns // 1_000_000})
    return f"{query}&signature={hmac.new(credentials.secret.encode(), query.encode(), hashlib.sha256).hexdigest()}"


class InProcessClient:
    """Carries out the adapter's calls on an exchange in this process, signed as they would be on the wire.

    Parameters
    ----------
    desk : Desk
        The exchange.
    credentials : Credentials
        The account.
    """

    def __init__(self, desk: Desk, credentials: Credentials) -> None:
        self._desk = desk
        self._credentials = credentials
        self.budget = WeightBudget(RateLimits())  # never asked: the exchange's own limits hold
        self.offset_ns = 0

    def venue_ns(self) -> int:
        """The exchange's clock."""
        return self._desk.exchange.now_ns

    async def call(self, endpoint: Endpoint, params: Mapping[str, str | int]) -> Answer:
        """One call, answered at once."""
        verb, path = address(endpoint)
        query = signed(params, self._credentials, self.venue_ns())
        answer = rest.answer(self._desk, verb, path, query, "", self._credentials.key)
        return Answer(answer.status, answer.body)

    def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Nothing to disconnect."""


class Subscriber(Connection):
    """Receives an exchange's frames in place of a websocket.

    Parameters
    ----------
    deliver : function of bytes
        Takes each data frame, as it would stand on the wire.
    account : str
        The account of a private stream; empty on a public one.
    """

    def __init__(self, deliver: Callable[[bytes], None], account: str = "") -> None:
        self.account = account
        self.listen_key = account
        self.counted = True
        self.combined = not account
        self.names: set[str] = set()
        self._deliver = deliver

    def send(self, payload: bytes) -> None:
        """Hand over one frame."""
        self._deliver(payload)
