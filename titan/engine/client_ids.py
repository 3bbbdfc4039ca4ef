"""Client order ids: deterministic, unique across restarts and instances, and telling whose order it is.

``T`` + account (3) + strategy (3) + session (12) + counter, all of ``0-9a-z``: at most 26 characters for two
billion orders, which fits every venue's length and alphabet (the shortest is 32 alphanumerics).
"""

from __future__ import annotations

import zlib

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """A non-negative integer in lower-case base 36."""
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if number == 0:
            return digits


def code(name: str) -> str:
    """Three characters that stand for a name: the same in every run."""
    return base36(zlib.crc32(name.encode()) % 36**3).rjust(3, "0")


def account_prefix(account: str) -> str:
    """What every client id of ours on this account begins with; an order without it is not ours."""
    return "T" + code(account)


class ClientIds:
    """Hands out the client ids of one session.

    Parameters
    ----------
    session : str
        ``YYYYMMDDTHHMMSSZ-xxxxxx``; its digits and suffix make the ids unique across restarts.
    """

    def __init__(self, session: str) -> None:
        stamp, suffix = session.split("-")
        seconds = int(stamp.replace("T", "").replace("Z", ""))
        self._session = base36(seconds % 36**6).rjust(6, "0") + suffix
        self.count = 0

    def next(self, account: str, strategy: str) -> str:
        """A client id never used before."""
        self.count += 1
        return f"{account_prefix(account)}{code(strategy)}{self._session}{base36(self.count)}"


def strategy_of(client_id: str, strategies: tuple[str, ...]) -> str:
    """The strategy that an id of ours was made for, or an empty string if none of `strategies` matches."""
    found = client_id[4:7]
    return next((name for name in strategies if code(name) == found), "")
