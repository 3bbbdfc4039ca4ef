"""ccxt as a signer and a transport for Binance USD-M: implicit methods only, bytes out, nothing interpreted."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

import aiohttp
import msgspec

from titan.model.clock import Clock
from titan.venues.weights import Cost, WeightBudget

DEAD_URL = "http://127.0.0.1:9"
"""Where every address goes that Titan does not use: a call by mistake reaches nobody."""

_PACKAGES = ("ccxt", "ccxt.async_support")
_MODULE = "ccxt.async_support.binanceusdm"
_PATHS = {
    "fapiPublic": "/fapi/v1",
    "fapiPublicV2": "/fapi/v2",
    "fapiPublicV3": "/fapi/v3",
    "fapiPrivate": "/fapi/v1",
    "fapiPrivateV2": "/fapi/v2",
    "fapiPrivateV3": "/fapi/v3",
}
_OK = 200
_SENT_NS: ContextVar[int] = ContextVar("_SENT_NS")
"""When the call of this task was sent, by the venue's clock: ccxt does not tell it with the answer."""


def _one_exchange() -> Any:
    """ccxt's `binanceusdm` class, without the hundred exchanges beside it.

    The packages' own ``__init__`` imports them all, which costs seconds of processor time at each start. So
    they stand in empty while the one class is imported, and are taken away afterwards: anybody's own
    ``import ccxt`` works as ever, on the same classes.
    """
    if any(name in sys.modules for name in _PACKAGES):
        return importlib.import_module(_MODULE).binanceusdm
    try:
        for name in _PACKAGES:
            sys.modules[name] = _empty_package(name)
        names = vars(sys.modules["ccxt"])
        # What the few modules that are needed take from the package itself.
        errors = vars(importlib.import_module("ccxt.base.errors"))
        names.update({name: value for name, value in errors.items() if isinstance(value, type)})
        names["Exchange"] = importlib.import_module("ccxt.base.exchange").Exchange
        importlib.import_module(_MODULE)
    finally:
        for name in _PACKAGES:
            sys.modules.pop(name, None)
    return sys.modules[_MODULE].binanceusdm


def _empty_package(name: str) -> Any:
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ImportError(f"{name} is not installed: install Titan with its requirements")
    return importlib.util.module_from_spec(spec)


_binanceusdm: Any = _one_exchange()
_CcxtError: type[Exception] = sys.modules["ccxt.base.errors"].BaseError


class Endpoint(NamedTuple):
    """A call: ccxt's implicit method, and what it costs."""

    method: str
    cost: Cost

    @property
    def public(self) -> bool:
        """True of what the venue tells everybody; anything else carries a key."""
        return self.method.startswith("fapiPublic")

    @property
    def reads(self) -> bool:
        """True of what changes nothing at the venue; a listen key only lets us listen."""
        return "Get" in self.method or self.method.endswith("ListenKey")


class Answer(NamedTuple):
    """What came of a call.

    Parameters
    ----------
    status : int
        HTTP status, 0 where there was no whole answer.
    payload : bytes
        The answer's body.
    failure : str
        Why there is no answer; empty if there is one. Never holds a key, a signature or a secret.
    sent : bool
        False only where it is certain that the venue never saw the request.
    """

    status: int
    payload: bytes
    failure: str = ""
    sent: bool = True

    @property
    def value(self) -> Any:
        """The body decoded; None where it is no whole JSON."""
        try:
            return msgspec.json.decode(self.payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


class ClientConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to, as whom, and how long to wait."""

    rest_url: str
    api_key: str
    api_secret: str
    timeout_s: float
    recv_window_ms: int
    spot_url: str = ""
    """Host of the calls about the key itself; empty if there is none."""
    read_only: bool = False
    """Nothing that would change anything at the venue is sent."""

    def __repr__(self) -> str:
        return f"ClientConfig(rest_url={self.rest_url!r})"


class _StatusAnswer(Exception):
    """An answer whose status is no success, on its way out of ccxt."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status)
        self.status = status
        self.text = text


class _Signer(_binanceusdm):  # type: ignore[misc]
    """ccxt's class with its interpretation of answers taken out."""

    def __init__(self, config: ClientConfig, client: RestClient) -> None:
        super().__init__(
            {
                "apiKey": config.api_key,
                "secret": config.api_secret,
                "enableRateLimit": False,
                "timeout": config.timeout_s * 1000,
                "aiohttp_trust_env": False,
                "options": {"recvWindow": config.recv_window_ms},
            }
        )
        for name in self.urls["api"]:
            self.urls["api"][name] = config.rest_url + _PATHS[name] if name in _PATHS else DEAD_URL
        if config.spot_url:
            self.urls["api"]["sapi"] = config.spot_url + "/sapi/v1"
        # ccxt logs headers with the key at level debug: a logger without handlers or parents keeps it quiet.
        self.logger = logging.Logger("titan.ccxt", logging.CRITICAL)
        self._client = client
        # ccxt sleeps this long at each close; the connector waits for its connections by itself.
        self.timeout_on_exit = 0

    def nonce(self) -> int:
        """Timestamps of signed requests: the venue's time by the session's clock."""
        return self._client.venue_ns() // 1_000_000

    def parse_json(self, http_response: str) -> str:
        """The text itself, so that bytes reach the codecs untouched."""
        return http_response

    def on_rest_response(
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        response_headers: Mapping[str, str],
        response_body: str,
        request_headers: object,
        request_body: object,
    ) -> str:
        """Let the budget read the headers."""
        now_ns = self._client.venue_ns()
        self._client.budget.observe(code, response_headers, response_body, now_ns, _SENT_NS.get())
        return response_body

    def handle_errors(
        self, code: int, reason: str, url: str, method: str, headers: object, body: str, *rest: object
    ) -> None:
        """Hand out whatever is no success, with its status."""
        if code != _OK:
            raise _StatusAnswer(code, body)


class RestClient:
    """Signed and public calls, each sent once, within the budget.

    Parameters
    ----------
    config : ClientConfig
        Address and credentials.
    clock : Clock
        The session's clock: requests are signed by it, so that a replay runs in its own year.
    budget : WeightBudget
        Shared by everything that uses the account.
    """

    def __init__(self, config: ClientConfig, clock: Clock, budget: WeightBudget) -> None:
        self.budget = budget
        self._offset_ns = 0
        self._clock = clock
        self._config = config
        self._signer: Any = None

    @property
    def offset_ns(self) -> int:
        """Venue's clock minus the session's, as last measured."""
        return self._offset_ns

    @offset_ns.setter
    def offset_ns(self, offset_ns: int) -> None:
        change_ns, self._offset_ns = offset_ns - self._offset_ns, offset_ns
        self.budget.correct(change_ns, self.venue_ns())

    def venue_ns(self) -> int:
        """The venue's time now, as far as the offset is known."""
        return self._clock.now_ns() + self.offset_ns

    def open(self) -> None:
        """Make the connection pool; call from within the event loop."""
        self._signer = _Signer(self._config, self)
        self._signer.open()
        # aiohttp sends PUT and DELETE a second time when a kept connection turns out dead; an amend must not be.
        self._signer.session._retry_connection = False

    async def close(self) -> None:
        """Close the connections."""
        if self._signer is not None:
            signer, self._signer = self._signer, None
            await signer.close()

    async def call(self, endpoint: Endpoint, params: Mapping[str, str | int]) -> Answer:
        """Send once and return what came of it; raises for nothing that a venue or a network does."""
        if self._signer is None:
            return Answer(0, b"", "the connection to the venue is closed", sent=False)
        if not (endpoint.public or self._config.api_key):
            return Answer(0, b"", f"{endpoint.method}: not sent, there is no key", sent=False)
        if self._config.read_only and not endpoint.reads:
            return Answer(0, b"", f"{endpoint.method}: not sent, this connection only reads", sent=False)
        refused = self.budget.admit(endpoint.cost, self.venue_ns())
        if refused:
            return Answer(0, b"", f"not sent, {refused}", sent=False)
        _SENT_NS.set(self.venue_ns())
        try:
            text: str = await getattr(self._signer, endpoint.method)(dict(params))
        except _StatusAnswer as answer:
            return Answer(answer.status, answer.text.encode())
        except (_CcxtError, aiohttp.ClientError, OSError) as error:
            return _no_answer(endpoint, error)
        return Answer(_OK, text.encode())


def _no_answer(endpoint: Endpoint, error: Exception) -> Answer:
    """Only a connection that was never made proves that nothing was sent."""
    causes: list[BaseException] = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    unconnected = any(isinstance(cause, aiohttp.ClientConnectorError) for cause in causes)
    # ccxt's own text holds the signed address: only the kinds of the errors are told, and the system's word.
    kinds = ", ".join(type(cause).__name__ for cause in causes)
    words = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    system = f" ({words[0]})" if words else ""
    done = "could not connect" if unconnected else "no whole answer"
    return Answer(0, b"", f"{endpoint.method}: {done}: {kinds}{system}", sent=not unconnected)
