"""What the gatekeeper remembers between orders: message budgets, recent orders, recent executions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from titan.model.instruments import InstrumentKey
from titan.risk import budget
from titan.risk.budget import Bucket, RecentOrder
from titan.risk.limits import LimitSettings

SECOND_NS = 1_000_000_000


class Gatekeeper:
    """What the checks must remember: message budgets per venue, recent orders and executions per strategy."""

    def __init__(self, limits: LimitSettings, venues: Iterable[str]) -> None:
        self.limits = limits
        self._buckets = {venue: budget.full(limits.message_burst, 0) for venue in venues}
        self._recent: dict[str, tuple[RecentOrder, ...]] = {}
        self._executions: dict[str, tuple[int, ...]] = {}

    def note_message(self, venue: str, now_ns: int) -> None:
        """A place, amend or cancel leaves for this venue; a cancel may take the budget into debt."""
        self._buckets[venue] = budget.spend(self._refilled(venue, now_ns))

    def note_order(self, key: InstrumentKey, order: RecentOrder) -> None:
        """An order was decided on; the same again within the window is a duplicate."""
        window_ns = round(self.limits.duplicate_window_s * SECOND_NS)
        self._recent[str(key)] = budget.remember(self._recent.get(str(key), ()), order, window_ns)

    def note_execution(self, strategy: str, now_ns: int) -> None:
        """A strategy traded."""
        window_ns = round(self.limits.execution_window_s * SECOND_NS)
        self._executions[strategy] = budget.remember_time(
            self._executions.get(strategy, ()), now_ns, window_ns
        )

    def messages(self, venue: str, now_ns: int) -> int:
        """Messages that may be sent to this venue now."""
        return budget.whole_messages(self._refilled(venue, now_ns))

    def duplicates(self, key: InstrumentKey, order: RecentOrder) -> int:
        """How often the same order was sent within the window."""
        window_ns = round(self.limits.duplicate_window_s * SECOND_NS)
        return budget.count_same(self._recent.get(str(key), ()), order, window_ns)

    def executions(self, strategy: str, now_ns: int) -> int:
        """How often the strategy traded within the window."""
        window_ns = round(self.limits.execution_window_s * SECOND_NS)
        return budget.count_within(self._executions.get(strategy, ()), now_ns, window_ns)

    def _refilled(self, venue: str, now_ns: int) -> Bucket:
        limits = self.limits
        return budget.refill(self._buckets[venue], now_ns, limits.messages_per_s, limits.message_burst)

    def snapshot(self) -> dict[str, Any]:
        """Everything here as plain data."""
        return {
            "buckets": {venue: list(bucket) for venue, bucket in self._buckets.items()},
            "recent": {key: [list(order) for order in orders] for key, orders in self._recent.items()},
            "executions": {name: list(times) for name, times in self._executions.items()},
        }

    def restore(self, data: dict[str, Any]) -> None:
        """Take up a snapshot; venues that are no longer configured are left out."""
        kept = {venue: Bucket(*bucket) for venue, bucket in data["buckets"].items() if venue in self._buckets}
        self._buckets |= kept
        self._recent = {key: tuple(RecentOrder(*o) for o in orders) for key, orders in data["recent"].items()}
        self._executions = {name: tuple(times) for name, times in data["executions"].items()}
