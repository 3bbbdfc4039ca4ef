"""A live session on an exchange that replayed a capture by the clock: its orders, and the capture, on one time line.

The exchange's clock is the recorder's there: an order is stamped by it, in whole milliseconds, and the market acts at
the times of receipt. What the recorded messages say of their own time is of another clock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Set
from pathlib import Path

import numpy as np

from titan.backtest.parity import compare
from titan.backtest.session_told import Told, read_told
from titan.backtest.sweep.given_orders import Word, given_orders
from titan.backtest.sweep.stored_tape import stored_tape
from titan.reports.errors import ReportError
from titan.simulation.queue_position import QueueModel
from titan.store import tape as t
from titan.store.capture_tapes import tapes_of

STAMP_NS = 1_000_000
"""The exchange stamps orders in whole milliseconds, rounded down."""


def read_replayed(directory: Path, capture: Path) -> Told:
    """Read a session of one strategy, with the capture that its exchange replayed as its market.

    Where in its millisecond an order came is told by nobody: it is put at the end, after what the market did in it.
    See `came_earlier`.

    Raises
    ------
    JournalError
        If the session cannot be read.
    ReportError
        If it never sent an order, or the capture is of another contract.
    """
    told = read_told(directory, "venue")
    tapes = tapes_of([capture])
    if told.terms.symbol not in tapes:
        raise ReportError(f"{capture}: it holds {', '.join(tapes)}, and no {told.terms.symbol}")
    stored = tapes[told.terms.symbol]
    if not stored.instrument.same_grid(told.terms):
        raise ReportError(f"{capture}: {told.terms.symbol} counts in other ticks or lots than in the session")
    return dataclasses.replace(
        told,
        market=at_receipt(stored),
        words=in_their_millisecond(told.words, set()),
        grain_ns=STAMP_NS,
    )


def came_earlier(told: Told, queue: QueueModel) -> tuple[Told, frozenset[str]]:
    """The session with those orders at the beginning of their milliseconds whose executions only that explains.

    Parameters
    ----------
    told : Told
        From `read_replayed`.

    Returns
    -------
    Told
        The session; an order that neither end explains stands at the end of its milliseconds.
    frozenset of str
        Client ids of the orders that came earlier.
    """
    differing = _differing(told, queue)
    if not differing:
        return told, frozenset()
    moved = dataclasses.replace(told, words=in_their_millisecond(told.words, differing))
    explained = differing - _differing(moved, queue)
    found = dataclasses.replace(told, words=in_their_millisecond(told.words, explained))
    return found, frozenset(explained)


def in_their_millisecond(words: list[Word], early: Set[str]) -> list[Word]:
    """The words at the end of their milliseconds; those of `early` orders at the beginning, but for their last."""
    placed = []
    for word in words:
        begin_ns = word.time_ns // STAMP_NS * STAMP_NS
        first = word.client_id in early and word.size > 0
        placed.append(word._replace(time_ns=begin_ns if first else begin_ns + STAMP_NS - 1))
    return sorted(placed, key=lambda word: word.time_ns)


def _differing(told: Told, queue: QueueModel) -> set[str]:
    tape = stored_tape(told.market, delayed=False)
    differences, _, _ = compare(told, given_orders(tape, told.words, queue), "venue")
    return {difference.client_id for difference in differences}


def at_receipt(stored: t.Tape) -> t.Tape:
    """The market as it is replayed: each event acts when it was received, and is told at once."""
    columns = stored.columns
    return t.Tape(
        stored.instrument,
        columns._replace(time_ns=stored.received_ns(), lag_us=np.zeros_like(columns.lag_us)),
        stored.marks,
    )
