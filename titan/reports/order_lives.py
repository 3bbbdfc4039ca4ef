"""The life of each order as the journal tells it: when it was placed, what became of it, what may still fill."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from titan.engine.client_ids import strategy_of
from titan.model import events as e
from titan.model.commands import AmendOrder, AnyCommand, CancelOrder, PlaceOrder
from titan.model.instruments import InstrumentKey
from titan.model.orders import TERMINAL
from titan.reports.limit_usage import Usage

Action = Literal["place", "amend", "cancel"]


@dataclass
class OrderLife:
    """One order; times are receipt times, ns, 0 where it never happened. Sizes in lots."""

    key: InstrumentKey
    client_id: str
    strategy: str
    side: int
    size: int
    placed_ns: int
    adopted: bool = False
    acked_ns: int = 0
    ended_ns: int = 0
    end: str = ""
    amends: int = 0
    cancels: int = 0
    quoted: int = 0
    """The largest total that it asked for, lots."""
    filled: int = 0
    filled_before: int = 0
    """Lots that were filled before it was known here; they are in the opening position."""
    pending: int = 0
    venue_filled: int = 0

    @property
    def remaining(self) -> int:
        """Lots that may still fill, at the worse of the old and the pending size."""
        if self.end in {"rejected", "not_sent"}:
            return 0
        bound = self.venue_filled if self.end else max(self.size, self.pending)
        return max(bound - self.filled - self.filled_before, 0)


@dataclass
class OrderLives:
    """Every order of ours in one session.

    Parameters
    ----------
    prefixes : mapping of str to str
        By venue, what the client ids of our account begin with.
    strategies : tuple of str
        The strategies' names.
    """

    prefixes: Mapping[str, str]
    strategies: tuple[str, ...]
    lives: dict[str, OrderLife] = field(default_factory=dict)
    answers: dict[Action, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Decision to the first word of the venue on it, ns."""
    outcomes: list[e.CommandOutcome] = field(default_factory=list)
    _asked: dict[str, tuple[Action, int]] = field(default_factory=dict)
    _fills: set[tuple[str, str, str, str]] = field(default_factory=set)
    _live: dict[InstrumentKey, dict[str, OrderLife]] = field(default_factory=lambda: defaultdict(dict))

    def get(self, client_id: str) -> OrderLife | None:
        """The order of a client id."""
        return self.lives.get(client_id)

    def open_lots(self, key: InstrumentKey) -> tuple[int, int]:
        """Lots that may still be bought and sold."""
        buying = sum(life.remaining for life in self._live[key].values() if life.side > 0)
        return buying, sum(life.remaining for life in self._live[key].values() if life.side < 0)

    def open_orders(self, key: InstrumentKey) -> int:
        """Orders that may still fill."""
        return len(self._live[key])

    # ---- What we decided -------------------------------------------------------------------------------------

    def command(self, command: AnyCommand, now_ns: int, usage: Usage) -> set[InstrumentKey]:
        """Take a command; returns the instruments whose open orders it changed."""
        if not isinstance(command, PlaceOrder | AmendOrder | CancelOrder):
            return set()
        usage.message(command.venue, now_ns)
        if isinstance(command, PlaceOrder):
            life = OrderLife(
                command.key,
                command.client_id,
                command.strategy,
                command.side,
                command.size,
                now_ns,
                quoted=command.size,
            )
            self.lives[command.client_id] = self._live[command.key][command.client_id] = life
            self._ask(command.client_id, "place", now_ns)
            return {command.key}
        found = self.lives.get(command.client_id)
        if found is None:
            return set()
        if isinstance(command, AmendOrder):
            found.amends += 1
            found.pending = command.size
            found.quoted = max(found.quoted, command.size)
            self._ask(command.client_id, "amend", now_ns)
        else:
            found.cancels += 1
            self._ask(command.client_id, "cancel", now_ns)
        return {command.key}

    def _ask(self, client_id: str, action: Action, now_ns: int) -> None:
        self._asked[client_id] = (action, now_ns)

    # ---- What the venue said ---------------------------------------------------------------------------------

    def event(self, event: Any, now_ns: int) -> set[InstrumentKey]:
        """Take an input; returns the instruments whose open orders it changed."""
        if isinstance(event, e.OrderUpdate):
            return self._update(event, now_ns)
        if isinstance(event, e.OpenOrders):
            return set().union(*(self._update(update, now_ns) for update in event.orders))
        if isinstance(event, e.Fill):
            return self._fill(event, now_ns)
        if isinstance(event, e.FillsQueried):
            return set().union(*(self._fill(fill, now_ns) for fill in event.fills))
        if isinstance(event, e.CommandOutcome):
            return self._outcome(event, now_ns)
        return set()

    def _update(self, update: e.OrderUpdate, now_ns: int) -> set[InstrumentKey]:
        life = self.lives.get(update.client_id)
        if life is None:
            life = self._adopt(update, now_ns)
            if life is None:
                return set()
        self._answered(update, now_ns)
        if update.venue_id and not life.acked_ns:
            life.acked_ns = now_ns
        life.venue_filled = max(life.venue_filled, update.filled)
        if update.state in TERMINAL:
            self._end(life, update.state, now_ns)
        elif not life.end:
            if update.source == "answer" or (life.pending and update.size == life.pending):
                life.pending = 0
            life.size = update.size
        return {life.key}

    def _adopt(self, update: e.OrderUpdate, now_ns: int) -> OrderLife | None:
        ours = update.client_id.startswith(self.prefixes[update.venue])
        if not ours or update.state in TERMINAL:
            return None
        life = OrderLife(
            update.key, update.client_id, strategy_of(update.client_id, self.strategies), update.side, update.size,
            now_ns, adopted=True, quoted=update.size - update.filled, filled_before=update.filled,
        )  # fmt: skip
        self.lives[update.client_id] = self._live[update.key][update.client_id] = life
        return life

    def _answered(self, update: e.OrderUpdate, now_ns: int) -> None:
        asked = self._asked.get(update.client_id)
        if asked is None:
            return
        action, since_ns = asked
        # Word of an earlier state may cross a cancel or an amend on the way: only its own answer counts.
        proves = (
            action == "place"
            or update.source == "answer"
            or (action == "cancel" and update.state in TERMINAL)
        )
        if proves:
            del self._asked[update.client_id]
            self.answers[action].append(now_ns - since_ns)

    def _fill(self, fill: e.Fill, now_ns: int) -> set[InstrumentKey]:
        name = (fill.venue, fill.symbol, fill.trade_id, fill.venue_id)
        life = self.lives.get(fill.client_id)
        if life is None or name in self._fills:
            return set()
        self._fills.add(name)
        life.acked_ns = life.acked_ns or now_ns
        life.filled += fill.size
        if life.filled + life.filled_before >= max(life.size, life.pending):
            self._end(life, "filled", now_ns)
        elif life.end and not life.remaining:
            self._live[life.key].pop(life.client_id, None)
        return {life.key}

    def _end(self, life: OrderLife, end: str, now_ns: int) -> None:
        if not life.end:
            life.end, life.ended_ns = end, now_ns
        if not life.remaining:
            self._live[life.key].pop(life.client_id, None)

    def _outcome(self, outcome: e.CommandOutcome, now_ns: int) -> set[InstrumentKey]:
        self.outcomes.append(outcome)
        asked = self._asked.pop(outcome.client_id, None)
        if asked is not None and outcome.outcome == "rejected":
            self.answers[asked[0]].append(now_ns - asked[1])
        life = self.lives.get(outcome.client_id)
        if life is None:
            return set()
        if outcome.outcome in {"rejected", "not_sent"}:
            if outcome.action == "place":
                self._end(life, outcome.outcome, now_ns)
            life.pending = 0
        return {life.key}
