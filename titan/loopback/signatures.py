"""API keys and the HMAC-SHA256 signature of a request, checked as Binance checks them."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from titan.loopback.errors import VenueError, missing
from titan.loopback.params import Params

_SIGNATURE = re.compile(r"(^|&)signature=[^&]*")
_AHEAD_MS = 1_000
_DEFAULT_WINDOW_MS = 5_000
_MOST_WINDOW_MS = 60_000


class Credentials(msgspec.Struct, frozen=True):
    """One account of the exchange: `key` names it, `wallet` is its starting balance (settle currency)."""

    key: str
    secret: str
    wallet: Decimal

    def __repr__(self) -> str:
        return f"Credentials(key={self.key!r}, wallet={self.wallet})"


DEFAULT_CREDENTIALS = Credentials("loopback-key", "loopback-secret", Decimal(100_000))


class Keyring:
    """The accounts that may sign in.

    Parameters
    ----------
    accounts : iterable of Credentials
        Keys must differ.
    """

    def __init__(self, accounts: Iterable[Credentials]) -> None:
        self._secrets = {account.key: account.secret for account in accounts}

    def account(self, api_key: str | None) -> str:
        """The account behind an ``X-MBX-APIKEY`` header.

        Raises
        ------
        VenueError
            -2014 without a key, -2015 for an unknown one.
        """
        if not api_key:
            raise VenueError(-2014, "API-key format invalid.", 401)
        if api_key not in self._secrets:
            raise VenueError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return api_key

    def verify(self, account: str, query: str, body: str, params: Params, now_ns: int) -> None:
        """Check signature and timestamp of a signed request.

        Parameters
        ----------
        query, body : str
            Exactly as sent, still encoded: the signature covers these bytes.
        now_ns : int
            The exchange's clock.

        Raises
        ------
        VenueError
            -1102 if signature or timestamp is absent, -1022 if the signature differs, -1021 if the timestamp
            lies outside the window.
        """
        given = params.text("signature")
        timestamp_ms = params.integer("timestamp")
        window_ms = params.integer("recvWindow", _DEFAULT_WINDOW_MS)
        payload = _SIGNATURE.sub("", query).encode() + _SIGNATURE.sub("", body).encode()
        expected = hmac.new(self._secrets[account].encode(), payload, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise VenueError(-1022, "Signature for this request is not valid.")
        _check_time(timestamp_ms, window_ms, now_ns // 1_000_000)


def _check_time(timestamp_ms: int, window_ms: int, now_ms: int) -> None:
    if not 0 <= window_ms <= _MOST_WINDOW_MS:
        raise missing("recvWindow")
    if timestamp_ms > now_ms + _AHEAD_MS:
        raise VenueError(-1021, f"Timestamp for this request was {_AHEAD_MS}ms ahead of the server's time.")
    if timestamp_ms < now_ms - window_ms:
        raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")
