"""Listen keys: who may read which private stream, and until when."""

from __future__ import annotations

import hashlib

from titan.loopback import errors

VALIDITY_NS = 3_600_000_000_000


class ListenKeys:
    """At most one key an account; a key lives an hour unless it is renewed."""

    def __init__(self) -> None:
        self._key_of: dict[str, str] = {}
        self._account_of: dict[str, str] = {}
        self._expires_ns: dict[str, int] = {}
        self._made = 0

    def create(self, account: str, now_ns: int) -> str:
        """The account's key, new or renewed."""
        if account not in self._key_of:
            self._made += 1
            # Only an account that signed in learns it; a count keeps runs repeatable.
            key = hashlib.sha256(f"{account}/{self._made}".encode()).hexdigest()
            self._key_of[account] = key
            self._account_of[key] = account
        return self.renew(account, now_ns)

    def renew(self, account: str, now_ns: int) -> str:
        """Give the account's key another hour; -1125 if there is none."""
        if account not in self._key_of:
            raise errors.bad_listen_key()
        key = self._key_of[account]
        self._expires_ns[key] = now_ns + VALIDITY_NS
        return key

    def close(self, account: str) -> None:
        """End the account's key; -1125 if there is none."""
        if account not in self._key_of:
            raise errors.bad_listen_key()
        self._forget(self._key_of[account])

    def account(self, key: str) -> str | None:
        """Whose private stream a key opens."""
        return self._account_of.get(key)

    def expire(self, now_ns: int) -> list[tuple[str, str]]:
        """End the keys whose hour is over; (account, key) of each."""
        ended = [(self._account_of[key], key) for key, until in self._expires_ns.items() if now_ns >= until]
        for _, key in ended:
            self._forget(key)
        return ended

    def expire_all(self) -> list[tuple[str, str]]:
        """End every key now; (account, key) of each."""
        ended = [(account, key) for key, account in self._account_of.items()]
        for _, key in ended:
            self._forget(key)
        return ended

    def _forget(self, key: str) -> None:
        del self._key_of[self._account_of.pop(key)]
        del self._expires_ns[key]
