"""The order book of one instrument, built from the venue's own deltas, and honest about when it may be used.

The book is usable only in the state ``ready``. Anything that does not continue it exactly (a gap, a
repeated or late delta, a crossed touch, an impossible level, a touch that disagrees with the venue's own
best bid and ask) makes it ``doubtful``: its levels are dropped, deltas are buffered from there on, and a
new snapshot is wanted.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush, nlargest, nsmallest
from typing import Literal, NamedTuple

import msgspec

from titan.model.events import BookDelta, BookSnapshot, Levels, TopOfBook
from titan.model.orders import BUY

BookState = Literal["empty", "syncing", "ready", "doubtful"]
BookFault = Literal["none", "gap", "crossed", "level", "touch", "told"]
"""Why a book last left `ready`: updates lost or out of order, crossed, an impossible level, the venue's own
touch differs, or it was told to."""

BUFFER_LIMIT = 4096
"""Deltas held while waiting for a snapshot; the oldest go first, the snapshot to come is newer than they."""

UNPROVEN_LIMIT = 4096
"""Touches of the book still waiting for the venue's best bid and ask of a later update."""

_HEAP_SLACK = 64


class Touch(NamedTuple):
    """Best bid and ask after update `update_id`; ticks and lots, 0 where a side is empty."""

    update_id: int
    bid: int
    bid_size: int
    ask: int
    ask_size: int


class BookImage(msgspec.Struct, frozen=True):
    """All of a book's state as plain data, levels best first; from `Book.snapshot`, for `restore`."""

    state: BookState
    reason: str
    fault: BookFault
    last_id: int
    venue_ns: int
    anchored: bool
    bids: Levels
    asks: Levels
    buffer: tuple[BookDelta, ...]
    unproven: tuple[Touch, ...]
    last_top: TopOfBook | None


class _Side:
    """Levels of one side and the best of them: a dict, and a heap whose dead entries are dropped late."""

    __slots__ = ("_heap", "_sign", "best", "best_size", "levels")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self.clear()

    def clear(self) -> None:
        self.levels: dict[int, int] = {}
        self._heap: list[int] = []
        self.best = 0
        self.best_size = 0

    def apply(self, changes: Levels) -> bool:
        """Take changed levels; False if one is impossible (the side is then in no defined state)."""
        levels, heap, sign = self.levels, self._heap, self._sign
        for ticks, lots in changes:
            if lots > 0:
                if ticks not in levels:
                    if ticks <= 0:
                        return False
                    heappush(heap, sign * ticks)
                levels[ticks] = lots
            elif lots == 0:
                levels.pop(ticks, None)
            else:
                return False
        self._find_best()
        return True

    def _find_best(self) -> None:
        levels, heap, sign = self.levels, self._heap, self._sign
        while heap and sign * heap[0] not in levels:
            heappop(heap)
        self.best = sign * heap[0] if heap else 0
        self.best_size = levels[self.best] if heap else 0
        if len(heap) > 2 * len(levels) + _HEAP_SLACK:
            self._heap = [sign * ticks for ticks in levels]
            heapify(self._heap)

    def top(self, count: int) -> Levels:
        """The best `count` levels, best first."""
        pick = nsmallest if self._sign > 0 else nlargest
        return tuple(pick(count, self.levels.items()))


class Book:
    """The order book of one instrument.

    Parameters
    ----------
    venue, symbol : str
        Whose book it is; only its events must be given to it.

    Attributes
    ----------
    state : str
        ``empty`` (nothing seen), ``syncing`` (deltas are buffered, a snapshot is wanted), ``ready``, or
        ``doubtful`` (it was ready and went wrong; it waits for a snapshot like ``syncing``).
    reason : str
        Why the book is not ready, or was last not ready.
    fault : str
        The kind of that reason, once it was ready: see `BookFault`.
    last_id : int
        Update id the levels stand at; 0 unless ready.
    venue_ns : int
        The venue's stamp of that update.

    Notes
    -----
    A delta is taken to cover the updates after `previous_id` (where the venue does not give it: `first_id`
    - 1) up to `last_id`. On a snapshot with id L, deltas with last_id < L are dropped, and the first one
    applied must satisfy previous <= L <= last_id; from then on previous must equal the book's id. That
    contains the rules of Binance's futures (U <= L <= u, then pu = u) and spot (U <= L+1 <= u, then U =
    u+1) streams.
    """

    __slots__ = (
        "_anchored", "_asks", "_bids", "_buffer", "_last_top", "_unproven",
        "fault", "last_id", "reason", "state", "symbol", "venue", "venue_ns",
    )  # fmt: skip

    def __init__(self, venue: str = "", symbol: str = "") -> None:
        self.venue = venue
        self.symbol = symbol
        self._bids = _Side(-1)
        self._asks = _Side(1)
        self._buffer: deque[BookDelta] = deque(maxlen=BUFFER_LIMIT)
        self._unproven: deque[Touch] = deque(maxlen=UNPROVEN_LIMIT)
        self._last_top: TopOfBook | None = None
        self._anchored = False
        self.state: BookState = "empty"
        self.reason = "nothing received yet"
        self.fault: BookFault = "none"
        self.last_id = 0
        self.venue_ns = 0

    # ---- What it says ------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """True while the levels may be quoted from."""
        return self.state == "ready"

    @property
    def wants_snapshot(self) -> bool:
        """True when a snapshot would help: deltas flow, or it was ready before, and it is not ready now."""
        return self.state == "syncing" or self.state == "doubtful"

    @property
    def best_bid(self) -> int:
        """Best bid, ticks; 0 if there is none or the book is not ready."""
        return self._bids.best

    @property
    def best_bid_size(self) -> int:
        """Lots at the best bid."""
        return self._bids.best_size

    @property
    def best_ask(self) -> int:
        """Best ask, ticks; 0 if there is none or the book is not ready."""
        return self._asks.best

    @property
    def best_ask_size(self) -> int:
        """Lots at the best ask."""
        return self._asks.best_size

    def levels(self, side: int, count: int) -> Levels:
        """The best `count` levels (ticks, lots) of a side (+1 bids, -1 asks), best first."""
        return (self._bids if side == BUY else self._asks).top(count)

    def depth_at(self, side: int, price: int) -> int:
        """Lots standing at `price` (ticks) on a side (+1 bids, -1 asks); 0 if none."""
        return (self._bids if side == BUY else self._asks).levels.get(price, 0)

    # ---- What it is told ---------------------------------------------------------------------------------

    def apply(self, event: BookSnapshot | BookDelta) -> None:
        """Take a snapshot or a delta. Never raises: what cannot be right makes the book doubtful."""
        if isinstance(event, BookSnapshot):
            self._take_snapshot(event)
        elif self.state == "ready":
            self._take_delta(event)
        else:
            self._hold(event)

    def note_top(self, top: TopOfBook) -> None:
        """Compare with the venue's own best bid and ask.

        The touch after update u must equal the latest `TopOfBook` whose id is at most u. The two come at
        different times, so a touch of the book is judged when the first `TopOfBook` beyond it arrives, or one
        of that very update.
        """
        if top.bid_size and top.ask_size and top.bid >= top.ask:
            self.doubt(
                f"the venue's own touch is crossed at {top.update_id}: bid {top.bid}, ask {top.ask} (ticks)",
                "crossed",
            )
            return
        before = self._last_top
        if before is not None and top.update_id < before.update_id:
            return
        unproven = self._unproven
        while unproven and unproven[0].update_id < top.update_id:
            touch = unproven.popleft()
            if before is not None and before.update_id <= touch.update_id:
                self._compare(touch, before)
        self._last_top = top
        if unproven and unproven[0].update_id == top.update_id:
            self._compare(unproven[0], top)

    def note_silence(self) -> bool:
        """Nothing was heard for a while: the venue's last word on the touch holds. False if the book is another."""
        top, touch = self._last_top, self._unproven[-1] if self._unproven else None
        if top is not None and touch is not None and top.update_id <= touch.update_id:
            self._compare(touch, top)
        return self.ready

    def _compare(self, touch: Touch, top: TopOfBook) -> None:
        if touch[1:] != _told(top):
            self.doubt(f"touch {tuple(touch)} differs from the venue's own {_told(top)}", "touch")

    def skip_tops(self) -> None:
        """Some were left out before the next one: no touch up to it can be judged by the last that was seen."""
        self._last_top = None

    def doubt(self, reason: str, fault: BookFault = "told") -> None:
        """Drop the levels, keep listening, want a snapshot."""
        self._drop_levels()
        self._buffer.clear()
        self.state = "doubtful"
        self.reason = reason
        self.fault = fault

    def reset(self, reason: str) -> None:
        """Forget all, the stream's continuity included: after a disconnect or a changed tick or lot."""
        self.doubt(reason)
        self._last_top = None
        self.state = "empty"

    # ---- Inside ------------------------------------------------------------------------------------------

    def _drop_levels(self) -> None:
        self._bids.clear()
        self._asks.clear()
        self._unproven.clear()
        self._anchored = False
        self.last_id = 0
        self.venue_ns = 0

    def _hold(self, delta: BookDelta) -> None:
        """Buffer a delta until the snapshot comes; one that does not continue the buffer starts it anew."""
        if delta.first_id > delta.last_id or _previous(delta) >= delta.last_id:
            self._buffer.clear()
            return
        if self._buffer and self._buffer[-1].last_id != _previous(delta):
            self._buffer.clear()
        self._buffer.append(delta)
        if self.state == "empty":
            self.state = "syncing"

    def _take_snapshot(self, snapshot: BookSnapshot) -> None:
        if self.state == "ready" and snapshot.last_id < self.last_id:
            return
        held = [delta for delta in self._buffer if delta.last_id >= snapshot.last_id]
        if held and _previous(held[0]) > snapshot.last_id:
            # The updates between the two are lost; a newer snapshot will meet the buffer.
            self.reason = (
                f"snapshot {snapshot.last_id} is older than the deltas held, from {held[0].first_id} on"
            )
            return
        self._drop_levels()
        self._buffer.clear()
        self.last_id = snapshot.last_id
        self.venue_ns = snapshot.venue_ns
        self.state = "ready"
        if not (self._bids.apply(snapshot.bids) and self._asks.apply(snapshot.asks)):
            self.doubt(f"snapshot {snapshot.last_id} holds a negative size or a price not above 0", "level")
            return
        self._check_crossed(f"snapshot {snapshot.last_id}")
        for delta in held:
            if self.state == "ready":
                self._take_delta(delta)

    def _take_delta(self, delta: BookDelta) -> None:
        last_id = self.last_id
        previous = delta.previous_id if delta.previous_id >= 0 else delta.first_id - 1
        joins = previous == last_id or (not self._anchored and previous <= last_id <= delta.last_id)
        if not joins or delta.first_id > delta.last_id or previous >= delta.last_id:
            if not self._anchored and previous < delta.last_id < last_id:
                return
            self.doubt(_break(delta, previous, last_id), "gap")
            self._hold(delta)
            return
        if not (self._bids.apply(delta.bids) and self._asks.apply(delta.asks)):
            self.doubt(f"delta up to {delta.last_id} holds a negative size or a price not above 0", "level")
            return
        self._anchored = True
        self.last_id = delta.last_id
        self.venue_ns = delta.venue_ns
        bids, asks = self._bids, self._asks
        if bids.best >= asks.best and bids.best and asks.best:
            self._check_crossed(f"delta {delta.first_id}..{delta.last_id}")
            return
        touch = Touch(delta.last_id, bids.best, bids.best_size, asks.best, asks.best_size)
        self._unproven.append(touch)
        if self._last_top is not None and self._last_top.update_id == touch.update_id:
            self._compare(touch, self._last_top)

    def _check_crossed(self, after: str) -> None:
        bid, ask = self._bids.best, self._asks.best
        if bid and ask and bid >= ask:
            self.doubt(f"crossed after {after}: best bid {bid}, best ask {ask} (ticks)", "crossed")

    # ---- Keeping it --------------------------------------------------------------------------------------

    def snapshot(self) -> BookImage:
        """All state, as plain data that msgspec encodes; equal books give equal images."""
        return BookImage(
            state=self.state,
            reason=self.reason,
            fault=self.fault,
            last_id=self.last_id,
            venue_ns=self.venue_ns,
            anchored=self._anchored,
            bids=self._bids.top(len(self._bids.levels)),
            asks=self._asks.top(len(self._asks.levels)),
            buffer=tuple(self._buffer),
            unproven=tuple(self._unproven),
            last_top=self._last_top,
        )

    def restore(self, image: BookImage) -> None:
        """Become the book that `image` was taken of."""
        self._drop_levels()
        self._bids.apply(image.bids)
        self._asks.apply(image.asks)
        self._buffer = deque(image.buffer, maxlen=BUFFER_LIMIT)
        self._unproven = deque(image.unproven, maxlen=UNPROVEN_LIMIT)
        self._last_top = image.last_top
        self._anchored = image.anchored
        self.state = image.state
        self.reason = image.reason
        self.fault = image.fault
        self.last_id = image.last_id
        self.venue_ns = image.venue_ns


def _previous(delta: BookDelta) -> int:
    return delta.previous_id if delta.previous_id >= 0 else delta.first_id - 1


def _told(top: TopOfBook) -> tuple[int, int, int, int]:
    return top.bid, top.bid_size, top.ask, top.ask_size


def _break(delta: BookDelta, previous: int, last_id: int) -> str:
    """Say how a delta fails to continue the book."""
    span = f"delta {delta.first_id}..{delta.last_id} (after {previous})"
    if delta.first_id > delta.last_id or previous >= delta.last_id:
        return f"{span} ends before it begins"
    if previous > last_id:
        return f"gap: {span} follows update {last_id}; the updates between are lost"
    return f"out of sequence: {span} came when the book stood at {last_id}"
