"""How much of each limit a session used at its worst moment."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from titan.model.instruments import InstrumentKey
from titan.risk import budget
from titan.risk.budget import Bucket
from titan.risk.limits import LimitSettings

SECOND_NS = 1_000_000_000


class Peak(NamedTuple):
    """The most of something, and when; `unknown` if a price for its value was missing at some time."""

    value: Decimal
    time_ns: int
    where: str = ""
    unknown: bool = False


NOTHING = Peak(Decimal(0), 0)


@dataclass
class Usage:
    """Peaks by limit, as the session goes on. Money in the reporting currency."""

    limits: LimitSettings
    peaks: dict[str, Peak] = field(default_factory=dict)
    _worst: dict[InstrumentKey, Decimal] = field(default_factory=dict)
    _executions: dict[str, deque[int]] = field(default_factory=dict)
    _buckets: dict[str, Bucket] = field(default_factory=dict)

    def note(self, name: str, value: Decimal | None, time_ns: int, where: str = "") -> None:
        """Take a value of a limit's measure."""
        peak = self.peaks.get(name, NOTHING)
        if value is None:
            self.peaks[name] = peak._replace(unknown=True)
        elif value > peak.value or name not in self.peaks:
            self.peaks[name] = Peak(value, time_ns, where, peak.unknown)

    def position(self, key: InstrumentKey, time_ns: int, worst: Decimal | None, open_orders: int) -> None:
        """The worst case of one instrument: every open order of one side filled."""
        self.note("max_position_notional", worst, time_ns, str(key))
        self.note("max_open_orders", Decimal(open_orders), time_ns, str(key))
        if worst is not None:
            self._worst[key] = worst
            self.note("max_gross_notional", sum(self._worst.values(), Decimal(0)), time_ns)

    def message(self, venue: str, time_ns: int) -> None:
        """A place, amend or cancel left for a venue."""
        limits = self.limits
        bucket = self._buckets.get(venue) or budget.full(limits.message_burst, time_ns)
        bucket = budget.refill(bucket, time_ns, limits.messages_per_s, limits.message_burst)
        self._buckets[venue] = budget.spend(bucket)
        used = limits.message_burst - budget.whole_messages(self._buckets[venue])
        self.note("message_burst", Decimal(used), time_ns, venue)

    def execution(self, strategy: str, time_ns: int) -> None:
        """A strategy traded."""
        times = self._executions.setdefault(strategy, deque())
        times.append(time_ns)
        while time_ns - times[0] >= round(self.limits.execution_window_s * SECOND_NS):
            times.popleft()
        self.note("max_executions", Decimal(len(times)), time_ns, strategy)
