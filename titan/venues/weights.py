"""Request weight and order counts of an account: our own budget, corrected by what the venue's headers say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

_S = 1_000_000_000
_HEADERS = {
    "x-mbx-used-weight-1m": "weight",
    "x-mbx-order-count-10s": "orders_10s",
    "x-mbx-order-count-1m": "orders_1m",
}
_WINDOW_NS = {"weight": 60 * _S, "orders_10s": 10 * _S, "orders_1m": 60 * _S}
_CLOCK_NS = _S // 4
"""How far the venue's clock may be from where it is thought to be: beyond that quoting rests ([live] most_drift_ms)."""

PROBE_NS = 10 * _S
"""How long the one request after a refusal of all is waited for before another may try."""

BANNED = "banned (418)"
_BANNED_UNTIL = re.compile(r"banned until (\d{13})")


class RateLimits(NamedTuple):
    """What a venue allows an account.

    `reserve` is the part of each that only urgent calls may use, and the last half of it cancels alone;
    `cancels_limited` is how many cancels still go out after a 429. After a 418 nothing does: the venue no longer looks,
    and each attempt makes the ban longer.
    """

    weight: int = 2_400
    orders_10s: int = 300
    orders_1m: int = 1_200
    reserve: float = 0.1
    cancels_limited: int = 20


class Cost(NamedTuple):
    """What one call uses up. Urgent calls (cancels, and what proves orders) may use the reserve.

    `cancels` is true of those that take off risk, and of nothing else.
    """

    weight: int = 1
    orders: int = 0
    urgent: bool = False
    cancels: bool = False


class _Window:
    """One fixed window of a limit, aligned to the venue's clock as the venue aligns it."""

    def __init__(self, limit: int, length_ns: int) -> None:
        self.limit = limit
        self.used = 0
        self._length_ns = length_ns
        self._number = 0

    def roll(self, now_ns: int) -> None:
        number = now_ns // self._length_ns
        if number != self._number:
            self._number, self.used = number, 0

    def same(self, one_ns: int, other_ns: int) -> bool:
        return one_ns // self._length_ns == other_ns // self._length_ns

    def left_s(self, now_ns: int) -> float:
        return (self._length_ns - now_ns % self._length_ns) / _S


class WeightBudget:
    """Admits calls while they fit into the venue's limits.

    Parameters
    ----------
    limits : RateLimits
        Of the account.
    """

    def __init__(self, limits: RateLimits) -> None:
        self._reserve = limits.reserve
        self._most_cancels = limits.cancels_limited
        self._windows = {
            name: _Window(getattr(limits, name), length_ns) for name, length_ns in _WINDOW_NS.items()
        }
        self._banned_until_ns = 0
        self._paused_until_ns = 0
        self._listening = True
        self._probed_ns: int | None = None
        self._cancels_left = 0
        self.shut: Callable[[int, str], None] = lambda until_ns, reason: None
        """Called when the venue refuses everything: until when by its own clock, ns UTC, and what it said."""

    def admit(self, cost: Cost, now_ns: int) -> str:
        """Count a call in, or say why it must not be sent.

        Parameters
        ----------
        now_ns : int
            The venue's time, ns UTC.

        Returns
        -------
        str
            Empty if the call may be sent; it is then counted.
        """
        refused = "" if self._listening else self._refused(cost, now_ns)
        if refused:
            return refused
        wanted = {"weight": cost.weight, "orders_10s": cost.orders, "orders_1m": cost.orders}
        for name, amount in wanted.items():
            window = self._windows[name]
            window.roll(now_ns)
            allowed = window.limit * (1 - self._kept_from(cost))
            if amount and window.used + amount > allowed:
                return f"{name} used {window.used} of {window.limit}: free again in {window.left_s(now_ns):.1f} s"
        for name, amount in wanted.items():
            self._windows[name].used += amount
        return ""

    def _kept_from(self, cost: Cost) -> float:
        """The part of every limit that a call must leave: questions about orders must not eat what cancels need."""
        return 0.0 if cost.cancels else self._reserve / 2 if cost.urgent else self._reserve

    def _refused(self, cost: Cost, now_ns: int) -> str:
        """After a refusal of all requests one goes out when its time is over, and the others when that is answered."""
        if cost.cancels and self._cancels_left > 0:
            self._cancels_left -= 1
            return ""
        if now_ns < self._shut_until_ns:
            return f"the venue refuses all requests for another {(self._shut_until_ns - now_ns) / _S:.1f} s"
        if self._probed_ns is not None and now_ns - self._probed_ns < PROBE_NS:
            return "one request is out to see whether the venue answers again"
        self._probed_ns = now_ns
        return ""

    def observe(self, status: int, headers: Mapping[str, str], body: str, now_ns: int, sent_ns: int) -> None:
        """Take in what an answer says of the limits: counts in the headers, 429 and 418, and until when.

        Parameters
        ----------
        now_ns, sent_ns : int
            The venue's time now and when the call was sent, ns UTC. A count may be of any moment between: where a
            window has begun meanwhile, it can be the last one's and says nothing of this one.
        """
        plain = {name.lower(): value for name, value in headers.items()}
        for header, name in _HEADERS.items():
            window = self._windows[name]
            if plain.get(header, "").isdigit() and window.same(sent_ns - _CLOCK_NS, now_ns):
                window.roll(now_ns)
                window.used = max(window.used, int(plain[header]))
        if status in (418, 429):
            self._shut(status, plain, body, now_ns)
        elif now_ns >= self._shut_until_ns:
            self._listening, self._probed_ns = True, None

    @property
    def _shut_until_ns(self) -> int:
        return max(self._banned_until_ns, self._paused_until_ns)

    def _shut(self, status: int, headers: Mapping[str, str], body: str, now_ns: int) -> None:
        """A ban names a moment of the venue's clock, a limit a pause from now on."""
        if status == 418:
            self._cancels_left = 0
        elif self._listening:
            self._cancels_left = self._most_cancels
        self._listening, self._probed_ns = False, None
        before_ns = self._shut_until_ns
        banned = _BANNED_UNTIL.search(body)
        if banned:
            self._banned_until_ns = max(self._banned_until_ns, int(banned.group(1)) * 1_000_000)
        else:
            wait = headers.get("retry-after", "")
            pause_ns = int(wait) * _S if wait.isdigit() else _WINDOW_NS["weight"]
            self._paused_until_ns = max(self._paused_until_ns, now_ns + pause_ns)
        if self._shut_until_ns > before_ns:
            said = BANNED if status == 418 else "too many requests (429)"
            self.shut(self._shut_until_ns, said)

    def correct(self, change_ns: int, now_ns: int) -> None:
        """The venue's clock has been measured anew: it moved by `change_ns` and shows `now_ns`.

        A pause that runs is as long as before, by the new one. A ban names a moment of that clock: one that seemed over
        and is not is told again.
        """
        if self._paused_until_ns:
            self._paused_until_ns += change_ns
        if now_ns < self._banned_until_ns:
            self._listening, self._probed_ns = False, None
            self.shut(self._banned_until_ns, BANNED)

    @property
    def used(self) -> dict[str, int]:
        """What is used of each limit in its window, for the metrics."""
        return {name: window.used for name, window in self._windows.items()}
