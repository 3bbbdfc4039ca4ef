"""Request weight and order counts: the windows, the headers, and the refusals when they are full."""

from __future__ import annotations

import msgspec

from titan.loopback.errors import VenueError

_SECOND_NS = 1_000_000_000


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's limits; the defaults are Binance USD-M's."""

    weight_per_minute: int = 2_400
    orders_per_10_s: int = 300
    orders_per_minute: int = 1_200
    refusals_before_ban: int = 100
    ban_s: int = 120


class Window:
    """A counter that starts anew at each multiple of its length, as Binance's do.

    Parameters
    ----------
    length_s : int
        Length of the window.
    limit : int
        Largest count within it.
    """

    def __init__(self, length_s: int, limit: int) -> None:
        self.limit = limit
        self._length_ns = length_s * _SECOND_NS
        self._index = -1
        self._used = 0

    def used(self, now_ns: int) -> int:
        """Count in the window that holds `now_ns`."""
        index = now_ns // self._length_ns
        if index != self._index:
            self._index, self._used = index, 0
        return self._used

    def add(self, count: int, now_ns: int) -> None:
        """Count `count` more."""
        self._used = self.used(now_ns) + count

    def full(self, count: int, now_ns: int) -> bool:
        """True if `count` more would exceed the limit."""
        return self.used(now_ns) + count > self.limit

    def wait_s(self, now_ns: int) -> int:
        """Whole seconds until the window starts anew."""
        return -(-(self._length_ns - now_ns % self._length_ns) // _SECOND_NS)


class Limiter:
    """Weight of one address (all callers share 127.0.0.1) and order counts of each account."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._weight = Window(60, limits.weight_per_minute)
        self._orders: dict[str, tuple[Window, Window]] = {}
        self._refused = Window(60, limits.refusals_before_ban)
        self._banned_until_ns = 0
        self.refusals = 0
        """Requests that were one too many."""

    def weight_used(self, now_ns: int) -> int:
        """Weight of the minute so far."""
        return self._weight.used(now_ns)

    def charge(self, weight: int, now_ns: int) -> None:
        """Charge the weight of a request.

        Raises
        ------
        VenueError
            -1003 with status 429 when the minute is used up, with 418 once the caller goes on regardless.
        """
        if now_ns < self._banned_until_ns:
            raise self._banned()
        self.refusals += self._weight.full(weight, now_ns)
        if self._weight.full(weight, now_ns):
            if self._refused.full(1, now_ns):
                self._banned_until_ns = now_ns + self._limits.ban_s * _SECOND_NS
                raise self._banned()
            self._refused.add(1, now_ns)
            raise VenueError(
                -1003,
                f"Too many requests; current limit of IP(127.0.0.1) is {self._weight.limit} requests per "
                "minute. Please use the websocket for live updates to avoid polling the API.",
                429,
            )
        self._weight.add(weight, now_ns)

    def charge_orders(self, account: str, per_10_s: int, per_minute: int, now_ns: int) -> None:
        """Count orders sent by an account.

        Raises
        ------
        VenueError
            -1015 when either window is full.
        """
        short, long = self._windows(account)
        for window, count, name in ((short, per_10_s, "TEN_SECONDS"), (long, per_minute, "MINUTE")):
            if window.full(count, now_ns):
                self.refusals += 1
                raise VenueError(
                    -1015, f"Too many new orders; current limit is {window.limit} orders per {name}.", 429
                )
        short.add(per_10_s, now_ns)
        long.add(per_minute, now_ns)

    def headers(self, account: str | None, orders: bool, now_ns: int) -> dict[str, str]:
        """The counters that go with every answer, order counts only where orders were counted."""
        found = {"X-MBX-USED-WEIGHT-1M": str(self.weight_used(now_ns))}
        if account is not None and orders:
            short, long = self._windows(account)
            found["X-MBX-ORDER-COUNT-10S"] = str(short.used(now_ns))
            found["X-MBX-ORDER-COUNT-1M"] = str(long.used(now_ns))
        return found

    def retry_after_s(self, now_ns: int) -> int:
        """Seconds to wait after a 429 or 418."""
        if now_ns < self._banned_until_ns:
            return -(-(self._banned_until_ns - now_ns) // _SECOND_NS)
        return self._weight.wait_s(now_ns)

    def _windows(self, account: str) -> tuple[Window, Window]:
        if account not in self._orders:
            self._orders[account] = (
                Window(10, self._limits.orders_per_10_s),
                Window(60, self._limits.orders_per_minute),
            )
        return self._orders[account]

    def _banned(self) -> VenueError:
        return VenueError(
            -1003,
            f"Way too many requests; IP(127.0.0.1) banned until {self._banned_until_ns // 1_000_000}. "
            "Please use the websocket for live updates to avoid bans.",
            418,
        )
