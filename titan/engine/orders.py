"""The order manager: every order of ours, its enforced state machine, and fills booked exactly once.

It never concludes from silence. An order whose fate is not proven is UNKNOWN, counts at its worst case, and
stays until the venue's word ends it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from titan.model.events import CommandOutcome, Fill, OrderAbsent, OrderUpdate, VenueEvent
from titan.model.instruments import InstrumentKey
from titan.model.orders import TERMINAL, Order, OrderState

S = OrderState

_ENDS = {S.FILLED, S.CANCELLED, S.EXPIRED}
TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    S.INTENT: frozenset({S.OPEN, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.UNKNOWN, S.REJECTED, *_ENDS}),
    S.OPEN: frozenset({S.PARTIALLY_FILLED, S.PENDING_AMEND, S.PENDING_CANCEL, S.UNKNOWN, *_ENDS}),
    S.PARTIALLY_FILLED: frozenset({S.OPEN, S.PENDING_AMEND, S.PENDING_CANCEL, S.UNKNOWN, *_ENDS}),
    S.PENDING_AMEND: frozenset({S.OPEN, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.UNKNOWN, *_ENDS}),
    S.PENDING_CANCEL: frozenset({S.OPEN, S.PARTIALLY_FILLED, S.UNKNOWN, S.REJECTED, *_ENDS}),
    S.UNKNOWN: frozenset({S.OPEN, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.REJECTED, *_ENDS}),
    S.FILLED: frozenset(),
    S.CANCELLED: frozenset(),
    S.REJECTED: frozenset(),
    S.EXPIRED: frozenset(),
}

KEEP_ENDED_NS = 3600 * 10**9
"""Ended orders are remembered this long, so that a late fill finds its order."""

MOST_ENDED = 5_000
"""And no more of them than this, a kilobyte each: at a venue's utmost of 20 orders a second, the last four minutes."""

KEEP_TRADES = 100_000
"""Trade ids remembered for deduplication; queries never reach further back than that many fills."""


class IllegalTransition(RuntimeError):
    """A state change that the life of an order does not allow: a fault in the engine, never the venue's doing."""


class Counts(msgspec.Struct):
    """What this session has seen: orders that the venue acknowledged, and executions booked."""

    acked: int = 0
    fills: int = 0
    fills_before_opening: int = 0
    """Executions from between the sessions: they are in the opening position, in no session's P&L."""
    fills_digest: str = ""
    """Chained hash of every execution's time, side, price, size and fee: equal digests, equal fills."""


def _trade_name(fill: Fill) -> str:
    """A self-trade shows one trade id on both orders: the order id belongs to the name of a fill."""
    return f"{fill.venue}:{fill.symbol}:{fill.trade_id}:{fill.venue_id}"


class OrderManager:
    """Orders by client id, with exposure always at its worst case."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._orders: dict[str, Order] = {}
        self._live: dict[InstrumentKey, dict[str, Order]] = {}
        self._trades: dict[str, None] = {}
        self._by_venue_id: dict[tuple[InstrumentKey, str], str] = {}

    # ---- Reading -----------------------------------------------------------------------------------------

    def get(self, client_id: str) -> Order | None:
        """The order of this client id, live or recently ended."""
        return self._orders.get(client_id)

    def find(self, event: VenueEvent, client_id: str, venue_id: str) -> Order | None:
        """The order that an event is about: by client id, or by the venue's id where only that is told."""
        return self._orders.get(client_id or self._by_venue_id.get((event.key, venue_id), ""))

    def live(self, key: InstrumentKey | None = None) -> Iterator[Order]:
        """Every order not proven ended, oldest first: of one instrument, or of all in the order of their keys."""
        for group in [key] if key else sorted(self._live):
            yield from list(self._live.get(group, {}).values())

    @property
    def live_count(self) -> int:
        """How many are not proven ended."""
        return sum(map(len, self._live.values()))

    def open_lots(self, key: InstrumentKey, side: int, without: str = "") -> int:
        """Lots that may still fill on one side at the worst case, unknown and pending orders included."""
        return sum(o.remaining for o in self.live(key) if o.side == side and o.client_id != without)

    # ---- Our own acts ------------------------------------------------------------------------------------

    def add(self, order: Order) -> None:
        """Take up a new intent or an order adopted from the venue."""
        if order.client_id in self._orders:
            raise IllegalTransition(f"order {order.client_id}: the client id is in use; ids are never reused")
        self._orders[order.client_id] = order
        self._name(order, order.venue_id)
        if order.live:
            self._live.setdefault(order.key, {})[order.client_id] = order

    def begin_amend(self, order: Order, price: int, size: int, time_ns: int) -> None:
        """An amend is on its way: until answered, the worse of the old and the new size counts."""
        order.pending_price, order.pending_size = price, size
        order.amended_ns = time_ns
        self._move(order, S.PENDING_AMEND, time_ns)

    def begin_cancel(self, order: Order, time_ns: int) -> None:
        """A cancel is on its way."""
        self._move(order, S.PENDING_CANCEL, time_ns)

    def doubt(self, order: Order, time_ns: int) -> None:
        """Nothing proves any longer where this order stands."""
        if order.state is not S.UNKNOWN:
            self._move(order, S.UNKNOWN, time_ns)

    # ---- The venue's word --------------------------------------------------------------------------------

    def apply_update(self, update: OrderUpdate, proof_after_ns: int = 0) -> Order | None:
        """Book the venue's word on an order; None if the order is not known here.

        Updates may arrive late or twice: a filled quantity never falls, and an ended order stays ended. An
        amend that has had no answer may still arrive at the venue within `proof_after_ns`: until then its
        worse size counts.
        """
        order = self.find(update, update.client_id, update.venue_id)
        if order is None or not order.live:
            return order
        state = OrderState(update.state)
        stale = update.venue_ns < order.venue_ns or update.filled < order.venue_filled
        if state not in TERMINAL and (stale or order.ends_as is not None):
            return order
        same_stamp = bool(order.venue_id) and update.venue_ns == order.venue_ns
        self._acknowledge(order, update.venue_id)
        order.venue_ns = max(order.venue_ns, update.venue_ns)
        order.venue_filled = max(order.venue_filled, update.filled)
        order.absences = 0
        if state in TERMINAL:
            order.ends_as = state
            order.size = max(order.size, update.size)  # an amend that we do not know of is no over-fill
            self._settle(order, update.time_ns)
            return order
        confirms_amend = (update.price, update.size) == (order.pending_price, order.pending_size)
        # Of two words with one stamp nobody can tell which is the later: the worse size counts, until an amend of ours
        # is answered, or a query that was asked since.
        asked_since = update.source == "query" and order.queried_ns > order.changed_ns
        told = (update.source == "answer" and confirms_amend) or asked_since
        if same_stamp and update.size < order.size and not told:
            return order
        order.price, order.size = update.price, update.size
        if order.state is S.PENDING_AMEND and not confirms_amend and update.source != "answer":
            return order  # a fill of the old terms crossed our amend on the way
        if order.state is S.PENDING_CANCEL and update.source != "query":
            return order  # word of the time before our cancel arrived
        if (
            order.pending_size
            and not confirms_amend
            and order.queried_ns <= order.amended_ns + proof_after_ns
        ):
            self.doubt(order, update.time_ns)
            return order  # our amend may still be on its way
        order.pending_price = order.pending_size = 0
        self._move(order, S.PARTIALLY_FILLED if order.venue_filled else S.OPEN, update.time_ns)
        return order

    def knows(self, fill: Fill) -> bool:
        """Whether an execution was booked before."""
        return _trade_name(fill) in self._trades

    def apply_fill(self, fill: Fill) -> bool:
        """Book an execution once, in whatever state its order is; False if it was booked before."""
        name = _trade_name(fill)
        if name in self._trades:
            return False
        self._trades[name] = None
        if len(self._trades) > KEEP_TRADES:
            del self._trades[next(iter(self._trades))]
        order = self.find(fill, fill.client_id, fill.venue_id)
        if order is not None and (not order.adopted_ns or fill.venue_ns > order.adopted_ns):
            order.filled += fill.size
            order.venue_filled = max(order.venue_filled, order.filled)
            self._acknowledge(order, fill.venue_id)
            if order.live:
                self._after_fill(order, fill.time_ns)
        return True

    def count_fill(self, fill: Fill, in_session: bool) -> None:
        """Count an execution that was booked, in the session or before its opening."""
        if not in_session:
            self.counts.fills_before_opening += 1
            return
        self.counts.fills += 1
        said = f"{fill.symbol} {fill.venue_ns} {fill.side} {fill.price} {fill.size} {fill.maker} {fill.fee}"
        chained = f"{self.counts.fills_digest} {said}"
        self.counts.fills_digest = hashlib.sha256(chained.encode()).hexdigest()[:16]

    def _acknowledge(self, order: Order, venue_id: str) -> None:
        if not order.venue_id and venue_id:
            self.counts.acked += 1
            order.venue_id = venue_id
            self._name(order, venue_id)

    def _name(self, order: Order, venue_id: str) -> None:
        if venue_id:
            self._by_venue_id[order.key, venue_id] = order.client_id

    def _after_fill(self, order: Order, time_ns: int) -> None:
        if order.size < order.filled <= order.pending_size:
            order.size = order.pending_size  # our amend has arrived: this execution is its answer
        if order.filled >= max(order.size, order.pending_size):
            order.ends_as = S.FILLED
        if order.ends_as:
            self._settle(order, time_ns)
        elif order.state in {S.INTENT, S.OPEN}:
            self._move(order, S.PARTIALLY_FILLED, time_ns)

    def apply_outcome(self, outcome: CommandOutcome) -> Order | None:
        """Book how sending ended; only a definite refusal ends an order, everything else leaves it UNKNOWN."""
        order = self._orders.get(outcome.client_id)
        if order is None or not order.live:
            return order
        refused = outcome.outcome in {"rejected", "not_sent"}
        if outcome.action == "place":
            never_stood = not order.venue_id and not order.venue_filled
            if refused and never_stood and order.state in {S.INTENT, S.UNKNOWN, S.PENDING_CANCEL}:
                order.ends_as = S.REJECTED
                self._settle(order, outcome.time_ns)
            elif not refused and order.state is S.INTENT:
                self.doubt(order, outcome.time_ns)
            return order
        if refused and outcome.action == "amend":
            order.pending_price = order.pending_size = 0
            if order.state is S.PENDING_AMEND:
                self._move(order, S.PARTIALLY_FILLED if order.venue_filled else S.OPEN, outcome.time_ns)
        else:
            self.doubt(
                order, outcome.time_ns
            )  # a refused cancel says no more than that the order is elsewhere
        return order

    def apply_absence(self, absent: OrderAbsent, proof_after_ns: int) -> Order | None:
        """Book one "no such order"; returns the order.

        It counts only when the venue's clock is past the order's sending by `proof_after_ns`: before that the
        order may still be on its way. Two of them, with own executions read in between, end the order
        (`conclude_absent`). One that the venue has ended itself waits for its executions, and for nothing
        else.
        """
        order = self._orders.get(absent.client_id)
        if order is None or not order.live or order.ends_as is not None:
            return order
        self.doubt(order, absent.time_ns)
        if absent.venue_ns > order.created_ns + proof_after_ns:
            order.fills_read &= order.absences > 0
            order.absences += 1
        return order

    def conclude_absent(self, order: Order, time_ns: int) -> None:
        """End an order that the venue twice does not know and whose executions are all booked."""
        order.ends_as = S.CANCELLED if order.filled else S.REJECTED
        order.venue_filled = order.filled
        self._settle(order, time_ns)

    # ---- State -------------------------------------------------------------------------------------------

    def _settle(self, order: Order, time_ns: int) -> None:
        """End an order once every execution that the venue counted is booked; until then it stays live."""
        if order.filled < order.venue_filled:
            return
        end = order.ends_as or S.CANCELLED
        if end is S.CANCELLED and order.filled >= order.size:
            end = S.FILLED
        if end is S.REJECTED and (order.venue_id or S.REJECTED not in TRANSITIONS[order.state]):
            end = S.CANCELLED  # it had stood in the book: nothing said later can undo that
        order.pending_price = order.pending_size = 0
        self._move(order, end, time_ns)
        del self._live[order.key][order.client_id]

    def _move(self, order: Order, state: OrderState, time_ns: int) -> None:
        if state is not order.state:
            if state not in TRANSITIONS[order.state]:
                raise IllegalTransition(
                    f"order {order.client_id}: {order.state} -> {state} is no step of an order's life"
                )
            order.state = state
        order.changed_ns = time_ns

    def drop(self, order: Order) -> None:
        """Let go of a live order that this session has no means to follow; the caller tells about it."""
        del self._live[order.key][order.client_id]
        del self._orders[order.client_id]
        self._by_venue_id.pop((order.key, order.venue_id), None)

    def forget(self, before_ns: int) -> None:
        """Drop orders that ended before `before_ns`, and the first of those beyond `MOST_ENDED`; never a live order."""
        ended = [order for order in self._orders.values() if not order.live]
        beyond = max(len(ended) - MOST_ENDED, 0)
        for order in ended[:beyond] + [order for order in ended[beyond:] if order.changed_ns < before_ns]:
            del self._orders[order.client_id]
            self._by_venue_id.pop((order.key, order.venue_id), None)

    def rekey(self, key: InstrumentKey, tick_ratio: Decimal, lot_ratio: Decimal) -> None:
        """Express live orders in new ticks and lots (old = ratio * new), for the time until they are
        cancelled.

        What is no whole number of new lots counts at its worst: sizes are rounded up, what is filled is
        rounded down.
        """
        for order in self.live(key):
            order.price = round(order.price * tick_ratio)
            order.pending_price = round(order.pending_price * tick_ratio)
            order.size = math.ceil(order.size * lot_ratio)
            order.pending_size = math.ceil(order.pending_size * lot_ratio)
            order.filled = math.floor(order.filled * lot_ratio)
            order.venue_filled = math.floor(order.venue_filled * lot_ratio)

    def snapshot(self) -> dict[str, object]:
        """Everything here as plain data."""
        return {
            "orders": [msgspec.to_builtins(o) for o in self._orders.values()],
            "trades": list(self._trades),
            "counts": msgspec.to_builtins(self.counts),
        }

    def restore(self, data: dict[str, object]) -> None:
        """Take up a snapshot, into an empty manager."""
        for order in msgspec.convert(data["orders"], list[Order]):
            self.add(order)
        self._trades = dict.fromkeys(msgspec.convert(data["trades"], list[str]))
        self.counts = msgspec.convert(data["counts"], Counts)
