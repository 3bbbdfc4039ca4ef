"""A tape as a raw USD-M capture, so that a replay and a peer read the same file: a snapshot, depth diffs, trades."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from titan.backtest.sweep.market import ASK, BID, BUY
from titan.backtest.sweep.tape import Tape

SYMBOL = "BTCUSDT"
OPENING = 100
"""Events that are told by the snapshot alone; a synthetic book is whole after 80."""

Level = tuple[int, int]


class Message(NamedTuple):
    """A snapshot, a depth diff, or a trade (`side` of its aggressor, one level in `bids`); ticks and lots."""

    time_ns: int
    kind: str
    bids: list[Level]
    asks: list[Level]
    side: int = 0

    @property
    def levels(self) -> int:
        """How many levels a diff states; what the opening or a trade tells is no update."""
        return len(self.bids) + len(self.asks) if self.kind == "depth" else 0


def messages_of(tape: Tape, gather_ns: int) -> Iterator[Message]:
    """The tape as a venue tells it: levels gathered over `gather_ns` and told as they last were, trades at once.

    Notes
    -----
    With 0 every level is told by a message of its own. A diff without levels follows the snapshot: a reader joins the
    two there, and every level told after that is an update for all readers.
    """
    books: tuple[dict[int, int], dict[int, int]] = ({}, {})
    columns = zip(*(column.tolist() for column in tape.columns), strict=True)
    told, due_ns = False, 0
    for number, (time_ns, _, price, lots, kind) in enumerate(columns):
        if not told and number >= OPENING:
            yield _opening(time_ns, books)
            yield Message(time_ns, "depth", [], [])
            told, due_ns = True, time_ns + gather_ns
        if told and time_ns >= due_ns and any(books):
            yield _diff(due_ns, books)
        while told and time_ns >= due_ns and gather_ns:
            due_ns += gather_ns
        if kind in (BID, ASK):
            books[kind][price] = lots
        elif told:
            yield Message(time_ns, "trade", [(price, lots)], [], 1 if kind == BUY else -1)
        if not gather_ns:
            due_ns = time_ns


def _opening(time_ns: int, books: tuple[dict[int, int], dict[int, int]]) -> Message:
    bids, asks = ([level for level in book.items() if level[1]] for book in books)
    _forget(books)
    return Message(time_ns, "snapshot", sorted(bids, reverse=True), sorted(asks))


def _diff(time_ns: int, books: tuple[dict[int, int], dict[int, int]]) -> Message:
    bids, asks = (list(book.items()) for book in books)
    _forget(books)
    return Message(time_ns, "depth", bids, asks)


def _forget(books: tuple[dict[int, int], dict[int, int]]) -> None:
    for book in books:
        book.clear()


def write_capture(path: Path, tape: Tape, gather_ns: int) -> int:
    """Write the capture and return the level updates that it tells after its opening."""
    places = [-int(step.as_tuple().exponent) for step in (tape.tick_size, tape.lot_size)]
    updates = last_id = trade_id = 0
    with path.open("w", encoding="utf-8") as file:
        for message in messages_of(tape, gather_ns):
            updates += message.levels
            trade_id += message.kind == "trade"
            last_id += message.kind != "trade"
            body = _body(message, last_id, trade_id, places)
            file.write(f"{message.time_ns} {json.dumps(body, separators=(',', ':'))}\n")
    return updates


def _body(message: Message, last_id: int, trade_id: int, places: list[int]) -> dict[str, Any]:
    time_ms = message.time_ns // 1_000_000
    bids, asks = (
        [[_text(price, places[0]), _text(lots, places[1])] for price, lots in levels]
        for levels in (message.bids, message.asks)
    )
    times = {"E": time_ms, "T": time_ms}
    if message.kind == "snapshot":
        return {"lastUpdateId": last_id, **times, "bids": bids, "asks": asks}
    if message.kind == "depth":
        ids = {"U": last_id, "u": last_id, "pu": last_id - 1}
        data = {"e": "depthUpdate", **times, "s": SYMBOL, **ids, "b": bids, "a": asks}
        return {"stream": f"{SYMBOL.lower()}@depth@0ms", "data": data}
    price, size = bids[0]
    data = {"e": "trade", **times, "s": SYMBOL, "t": trade_id, "p": price, "q": size}
    return {
        "stream": f"{SYMBOL.lower()}@trade",
        "data": {**data, "X": "MARKET", "m": message.side < 0},
    }


def _text(count: int, places: int) -> str:
    whole, part = divmod(count, 10**places)
    return f"{whole}.{part:0{places}}"
