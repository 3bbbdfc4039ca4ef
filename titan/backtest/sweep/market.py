"""One pass over a tape: the market is reconstructed once, and every set trades on it in lock-step.

The order of what happens at one moment is fixed. All market events of a time come first, then the requests that
arrive then, set by set, then the step in which the sets look and quote. A set sees the book as it was after the last
event that has reached it: events reach it in the tape's order, none before one that stands before it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from titan.backtest.sweep.book import (
    ASKS,
    BIDS,
    DISPLAYED,
    OURS,
    TRADED,
    Book,
    best_ask,
    best_bid,
    place_of,
    put,
)
from titan.backtest.sweep.exchange import Fills, meet, on_level, serve
from titan.backtest.sweep.orders import NO_LINK, Desk, Integers, next_request_ns
from titan.backtest.sweep.quoting import Sheet, learn, note_wanted, plan_side, send_changes
from titan.model.contract import Quotes, View

BID, ASK, BUY, SELL = 0, 1, 2, 3
"""Kinds of events: a level stated anew, or a trade by its aggressor's side."""


class Columns(NamedTuple):
    """The tape's columns, 21 bytes an event."""

    time_ns: npt.NDArray[np.int64]
    delay_ns: npt.NDArray[np.uint32]
    price: npt.NDArray[np.int32]
    lots: npt.NDArray[np.int32]
    kind: npt.NDArray[np.uint8]


class Frame(NamedTuple):
    """When steps are taken, where paths are noted, and the units."""

    start_ns: int
    interval_ns: int
    steps: int
    path_every: int
    tick_size: float
    lot_size: float
    coins: float  # lots x coins / parts is the float nearest to the size in coins
    parts: float


class Looks(NamedTuple):
    """What is seen at a step, shared by all sets, in a ring of (length, 6)."""

    rows: Integers  # bid, ask (ticks, 0 none), bid lots, ask lots, bought, sold
    flow: Integers  # (3,): lots bought and sold since the last look, and how many looks were taken


class Paths(NamedTuple):
    """Each set's position and cash, and the doubled mid, at the points of the path."""

    position: Integers  # (sets, points)
    cash: Integers
    mid: Integers  # (points,)


class Chosen(NamedTuple):
    """Parameters and state of each set's strategy, floats apart from whole numbers, (sets, most fields)."""

    parameters: npt.NDArray[np.float64]
    whole_parameters: Integers
    state: npt.NDArray[np.float64]
    whole_state: Integers


class World(NamedTuple):
    """Everything that a pass reads and writes beside the tape."""

    frame: Frame
    book: Book
    looks: Looks
    desk: Desk
    sheet: Sheet
    chosen: Chosen
    paths: Paths


def decide(k: int, strategy: int, view: View, chosen: Chosen) -> Quotes:
    """Ask the strategy of set `k`; written anew for each sweep by `titan.backtest.sweep.strategies`."""
    raise NotImplementedError(f"set {k}: link strategy {strategy} first")


def simulate(columns: Columns, world: World, fills: Fills) -> bool:
    """Let every set trade on the whole tape; False if there was no room for all fills."""
    book, desk, looks, frame = world.book, world.desk, world.looks, world.frame
    levels, reach = book.levels, desk.reach
    step, step_ns = 1, frame.start_ns + frame.interval_ns
    look_ns, due_ns, mid = step_ns, step_ns, 0
    for at in range(len(columns.time_ns)):
        now_ns, kind = columns.time_ns[at], whole(columns.kind[at])
        price, lots = whole(columns.price[at]), whole(columns.lots[at])
        while now_ns + whole(columns.delay_ns[at]) > look_ns:
            look(book, looks)
            look_ns += frame.interval_ns
        while due_ns < now_ns:
            step = catch_up(step, step_ns, mid, world)
            step_ns = frame.start_ns + step * frame.interval_ns
            due_ns = min(step_ns, next_request_ns(desk))
        # The side that the lots come from: a level's own, or a trade's aggressor's. They meet our orders on the other.
        is_level = kind <= ASK
        side = kind if is_level else kind - BUY
        sign = 1 - 2 * side
        if is_level:
            place = place_of(book, side, price)
            before, ours = whole(levels[side, place, DISPLAYED]), whole(levels[side, place, OURS])
            moved = put(book, side, place, lots)
            if ours != NO_LINK:
                on_level(desk, ours, before, lots)
        else:
            levels[1 - side, place_of(book, 1 - side, price), TRADED] += lots
            looks.flow[side] += lots
            moved = False
        if sign * (price - reach[1 - side]) >= 0 and lots > 0:
            if fills.used[0] + desk.orders.size > len(fills.rows):
                return False
            meet(desk, book, -sign, price, lots, not is_level, now_ns, mid, fills)
        if moved:
            mid = mid_after(book, mid)
    while step <= frame.steps:
        while looks.flow[2] < step:
            look(book, looks)
        step = catch_up(step, frame.start_ns + step * frame.interval_ns, mid, world)
    close(mid, desk)
    return True


def whole(value: Any) -> int:
    """A column's number as one of 64 bits, so that no sum of two types becomes a float."""
    return np.int64(value)  # type: ignore[return-value]


def mid_after(book: Book, mid: int) -> int:
    """The doubled mid; the last one while a side is empty."""
    bid, ask = best_bid(book), best_ask(book)
    return bid + ask if bid > 0 and ask > 0 else mid


def catch_up(step: int, step_ns: int, mid: int, world: World) -> int:
    """Do what is due next: answer the requests of the soonest arrival, or take the step; the step that comes then."""
    arrival_ns = next_request_ns(world.desk)
    if arrival_ns > step_ns:
        take_step(step, step_ns, mid, world)
        return step + 1
    for k in range(len(world.desk.sets)):
        while world.desk.request_ns[k] <= arrival_ns:
            serve(world.desk, k, world.book)
    return step


def look(book: Book, looks: Looks) -> None:
    """Keep what the sets will see at the next step."""
    bid, ask = best_bid(book), best_ask(book)
    row = looks.rows[looks.flow[2] % len(looks.rows)]
    row[0], row[1] = bid, ask
    row[2] = book.levels[BIDS, book.best[BIDS], DISPLAYED] if bid > 0 else 0
    row[3] = book.levels[ASKS, book.best[ASKS], DISPLAYED] if ask > 0 else 0
    row[4], row[5] = looks.flow[0], looks.flow[1]
    looks.flow[0] = looks.flow[1] = 0
    looks.flow[2] += 1


def take_step(step: int, now_ns: int, mid: int, world: World) -> None:
    """Let every set look, decide and send, and note where it stands."""
    desk, sheet, paths = world.desk, world.sheet, world.paths
    row = world.looks.rows[(step - 1) % len(world.looks.rows)]
    noted, point = step % world.frame.path_every == 0, step // world.frame.path_every - 1
    seen = market_view(now_ns, row, world.frame)
    if noted:
        paths.mid[point] = mid
    for k in range(len(desk.sets)):
        one = desk.sets[k]
        if noted:
            paths.position[k, point], paths.cash[k, point] = one.position, one.cash
        learn(desk, k, now_ns)
        want(k, seen, row, world)
        send_changes(desk, k, now_ns, sheet)


def want(k: int, seen: View, row: Integers, world: World) -> None:
    """Ask a set's strategy, and plan what to cancel and what to place; without a sound touch it wants nothing."""
    desk, sheet, frame = world.desk, world.sheet, world.frame
    one = desk.sets[k]
    sheet.asking[0] = k
    sheet.wanted[:] = 0
    if 0 < row[0] < row[1]:
        quotes = decide(k, one.strategy, view_of(desk, k, seen, frame), world.chosen)
        note_wanted(
            quotes, one.maker_fee, one.edge_bps, row[0], row[1], frame.tick_size, frame.lot_size, sheet
        )
    plan_side(desk, k, 1, sheet)
    plan_side(desk, k, -1, sheet)


def market_view(now_ns: int, row: Integers, frame: Frame) -> View:
    """What all sets see alike: the touch as it has reached them; the rest is not on a tape."""
    tick = frame.tick_size
    return View(
        (now_ns - frame.start_ns) / 1e9,
        row[0] * tick,
        row[1] * tick,
        row[2] * frame.coins / frame.parts,
        row[3] * frame.coins / frame.parts,
        row[4] * frame.coins / frame.parts,
        row[5] * frame.coins / frame.parts,
        np.nan,
        np.nan,
        np.nan,
        np.nan,
        np.nan,
        np.nan,
        np.nan,
        tick,
        frame.lot_size,
    )


def view_of(desk: Desk, k: int, seen: View, frame: Frame) -> View:
    """What set `k` sees: the market, the position that it knows, and its fees."""
    one = desk.sets[k]
    return seen._replace(
        inventory=one.known_position * frame.coins / frame.parts,
        maker_fee=one.maker_fee,
        taker_fee=one.taker_fee,
    )


def close(mid: int, desk: Desk) -> None:
    """Mark every set's position at the last mid."""
    for k in range(len(desk.sets)):
        one = desk.sets[k]
        one.inventory += one.position * (mid - one.mark)
        one.mark = mid
