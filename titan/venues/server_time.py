"""The venue's clock against the session's: the median of round-trip midpoints."""

from __future__ import annotations

from statistics import median_low
from typing import NamedTuple

from titan.model.clock import Clock
from titan.venues.binance_calls import Client
from titan.venues.ccxt_client import Endpoint
from titan.venues.weights import Cost

TIME = Endpoint("fapiPublicGetTime", Cost(weight=1, urgent=True))
SAMPLES = 5
_MS = 1_000_000


class TimeProbe(NamedTuple):
    """One exchange of time: when asked and answered on the session's clock, and what the venue said, ns UTC."""

    asked_ns: int
    venue_ns: int
    answered_ns: int

    @property
    def offset_ns(self) -> int:
        """Venue minus session, if both ways took as long."""
        return self.venue_ns - (self.asked_ns + self.answered_ns) // 2


class Measured(NamedTuple):
    """Medians over the round trips of one measurement, ns."""

    offset_ns: int
    round_trip_ns: int


async def probe(client: Client, clock: Clock) -> TimeProbe | str:
    """Ask the venue's time once; a text says why there is none."""
    asked_ns = clock.now_ns()
    answer = await client.call(TIME, {})
    answered_ns = clock.now_ns()
    value = answer.value if answer.status == 200 else None
    stamp = value.get("serverTime") if isinstance(value, dict) else None
    if not isinstance(stamp, int):
        return answer.failure or f"status {answer.status} instead of the time"
    return TimeProbe(asked_ns, stamp * _MS, answered_ns)


async def synchronise(client: Client, clock: Clock, samples: int = SAMPLES) -> Measured | str:
    """Measure and set the client's offset; a text says why it was left as it is.

    Notes
    -----
    The median of several round trips, so that one slow answer does not shift the signatures' timestamps out
    of the venue's window.
    """
    found: list[TimeProbe] = []
    failure = ""
    for _ in range(samples):
        result = await probe(client, clock)
        if isinstance(result, str):
            failure = result
        else:
            found.append(result)
    if not found:
        return failure
    client.offset_ns = median_low(each.offset_ns for each in found)
    return Measured(client.offset_ns, median_low(each.answered_ns - each.asked_ns for each in found))
