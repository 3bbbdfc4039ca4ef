"""A market that talks more: the latest best bid and offer and trade of each contract are said again, stamped anew.

The generated market of a contract makes some hundred messages a second, a large venue thousands. Order books, orders
and executions are the exchange's own.
"""

from __future__ import annotations

import itertools

import msgspec

from titan.loopback.desk import Desk

AGAIN = ("bookTicker", "bookTicker", "bookTicker", "trade")
"""What is said again, in turn: on a large venue about three of four messages are best bids and offers."""


class Echo:
    """Hears what an exchange publishes, and says it again.

    Parameters
    ----------
    desk : Desk
        The exchange.
    symbols : tuple of str
        Its contracts.
    """

    def __init__(self, desk: Desk, symbols: tuple[str, ...]) -> None:
        self._desk = desk
        self._latest: dict[str, dict[str, object]] = {}
        self._publish = desk.register.publish
        self._names = itertools.cycle(f"{symbol.lower()}@{kind}" for kind in AGAIN for symbol in symbols)
        self._silent = False
        desk.register.publish = self._heard  # type: ignore[method-assign]

    def fall_silent(self) -> None:
        """Keep back every public frame from here on, the market's own included."""
        self._silent = True

    def say(self, count: int) -> None:
        """Say so many frames again; nothing of a contract that has said nothing yet."""
        for name in itertools.islice(self._names, count):
            latest = self._latest.get(name)
            if latest is None or self._silent:
                continue
            latest["E"] = latest["T"] = self._desk.clock.now_ns() // 1_000_000
            if "t" in latest:
                latest["t"] = int(str(latest["t"])) + 1
            self._publish(name, msgspec.json.encode(latest))

    def _heard(self, name: str, payload: bytes) -> None:
        if self._silent:
            return
        if name.endswith(AGAIN):
            self._latest[name] = msgspec.json.decode(payload)
        self._publish(name, payload)
