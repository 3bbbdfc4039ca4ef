"""Market events drawn at random, the capture that would hold them, and what a tape says read back by hand."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import strategies as st

from titan.model.instruments import Instrument
from titan.store import tape as t

START_NS = 1_723_161_255_000_000_000
SYMBOL = "BTCUSDT"

INSTRUMENT = Instrument(
    venue="capture",
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    settle="USDT",
    kind="linear",
    multiplier=Decimal(1),
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
    min_lots=1,
    max_lots=10**9,
    max_market_lots=10**9,
    min_notional=Decimal(0),
    band_up=Decimal(1000),
    band_down=Decimal(0),
    status="trading",
)


def text(count, step):
    return f"{count * step:f}"


def levels(pairs):
    return [[text(ticks, INSTRUMENT.tick_size), text(lots, INSTRUMENT.lot_size)] for ticks, lots in pairs]


def sides(smallest):
    """Some levels of each side: bids below 1,000 ticks and asks above, so that no book is ever crossed."""
    size = st.integers(smallest, 5_000)
    return st.tuples(
        st.dictionaries(st.integers(990, 999), size, max_size=4),
        st.dictionaries(st.integers(1_001, 1_010), size, max_size=4),
    )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("depth"), sides(0), st.booleans()),
        st.tuples(st.just("snapshot"), sides(1), st.just(False)),
        st.tuples(st.just("trade"), st.integers(990, 1_010), st.booleans()),
        st.tuples(st.just("top"), sides(1), st.just(False)),
        st.tuples(st.just("mark"), st.integers(1, 9_999_999), st.just(False)),
        st.tuples(st.just("disconnected"), st.none(), st.just(False)),
    ),
    min_size=1,
    max_size=25,
)
"""What happens one after the other; a depth event with True has lost the update before it."""


def capture_lines(steps, lags_us, start_ns=START_NS, gap_ns=1_234_567):
    """Lines of a capture of these steps: received in order, stamped `lags_us` earlier, in milliseconds."""
    update, trade = 100, 0
    lines = []
    for number, (kind, what, flag) in enumerate(steps):
        received_ns = start_ns + number * gap_ns
        stamp = (received_ns - lags_us[number % len(lags_us)] * 1_000) // 1_000_000
        data = {"e": "", "E": stamp, "T": stamp, "s": SYMBOL}
        stream = f"{SYMBOL.lower()}@"
        if kind == "depth":
            previous = update
            update += 3 + flag
            data |= {
                "e": "depthUpdate",
                "U": previous + 1 + flag,
                "u": update,
                "pu": previous + flag,
                "b": levels(what[0].items()),
                "a": levels(what[1].items()),
            }
            stream += "depth@100ms"
        elif kind == "snapshot":
            data = {
                "lastUpdateId": update,
                "E": stamp,
                "T": stamp,
                "bids": levels(sorted(what[0].items(), reverse=True)),
                "asks": levels(sorted(what[1].items())),
            }
            stream += "snapshot"
        elif kind == "trade":
            trade += 1
            data |= {"e": "trade", "t": trade, "p": levels([(what, 7)])[0][0], "q": "0.007", "m": flag}
            stream += "trade"
        elif kind == "top":
            bid = max(what[0].items(), default=(0, 0))
            ask = min(what[1].items(), default=(0, 0))
            (b, bq), (a, aq) = levels([bid, ask])
            data |= {"e": "bookTicker", "u": update, "b": b, "B": bq, "a": a, "A": aq}
            stream += "bookTicker"
        elif kind == "mark":
            price = f"{what / 1_000_000:.6f}"
            data |= {"e": "markPriceUpdate", "p": price, "i": price, "r": "0.0001", "T": stamp + 1_000}
            stream += "markPrice@1s"
        else:
            stream, data = "!titan", {"mark": kind}
        message = json.dumps({"stream": stream, "data": data}, separators=(",", ":"))
        lines.append(f"{received_ns} {message}\n".encode())
    return lines


class Seen:
    """What happened, told from a capture's lines alone: no code of Titan's reads them.

    `rows` holds each trade and each side of each best price as (time, receipt to the microsecond, what, ticks, lots);
    `books` the whole book after each message that left or made one known, None where it became unknown.
    """

    def __init__(self, lines):
        self.rows, self.books, self.marks = [], [], []
        self._book, self._last, self._anchored, self._held = None, 0, False, []
        for line in lines:
            stamp, _, payload = line.partition(b" ")
            frame = json.loads(payload)
            self._take(int(stamp), frame["stream"].partition("@")[2], frame["data"])

    def _take(self, received_ns, kind, data):
        if kind.startswith("depth"):
            self._delta(data)
        elif kind == "snapshot":
            self._snapshot(data)
        elif not kind:
            if data["mark"] in ("started", "connected", "disconnected"):
                self._void()
                self._held = []
        elif kind.startswith("markPrice"):
            self.marks.append((data["E"] * 1_000_000, float(data["p"]), data["T"] * 1_000_000))
        else:
            self._row(received_ns, kind, data)

    def _row(self, received_ns, kind, data):
        time_ns = data["T"] * 1_000_000
        seen_ns = time_ns + (received_ns - time_ns) // 1_000 * 1_000
        if kind == "trade":
            what = t.TRADE | t.LAST | (t.ASK if data["m"] else 0)
            self.rows.append((time_ns, seen_ns, what, *counts(data["p"], data["q"])))
        else:
            self.rows.append((time_ns, seen_ns, t.TOP, *counts(data["b"], data["B"])))
            self.rows.append((time_ns, seen_ns, t.TOP | t.ASK | t.LAST, *counts(data["a"], data["A"])))

    def _void(self):
        if self._book is not None:
            self.books.append(None)
        self._book = None

    def _delta(self, data):
        if self._book is None:
            if self._held and self._held[-1]["u"] != data["pu"]:
                self._held = []
            self._held.append(data)
        elif data["pu"] == self._last or (not self._anchored and data["pu"] <= self._last <= data["u"]):
            self._change(data)
            if data["b"] or data["a"]:
                self.books.append(dict(self._book))
        elif self._anchored or data["u"] >= self._last:
            self._void()
            self._held = [data]

    def _change(self, data):
        self._last, self._anchored = data["u"], True
        for side, changed in ((0, data["b"]), (t.ASK, data["a"])):
            for price, size in changed:
                ticks, lots = counts(price, size)
                self._book[side, ticks] = lots
                if not lots:
                    del self._book[side, ticks]

    def _snapshot(self, data):
        if self._book is not None and data["lastUpdateId"] < self._last:
            return
        held = [delta for delta in self._held if delta["u"] >= data["lastUpdateId"]]
        if self._book is None and held and held[0]["pu"] > data["lastUpdateId"]:
            return
        self._book, self._last, self._anchored = {}, data["lastUpdateId"], False
        for side, known in ((0, data["bids"]), (t.ASK, data["asks"])):
            for price, size in known:
                ticks, lots = counts(price, size)
                self._book[side, ticks] = lots
        for delta in held:
            self._change(delta)
        self._held = []
        self.books.append(dict(self._book))


def counts(price, size):
    return int(Decimal(price) / INSTRUMENT.tick_size), int(Decimal(size) / INSTRUMENT.lot_size)


def read_back(tape):
    """The rows that are no depth, and the books, of a tape: as `Seen` has them."""
    rows, books, book = [], [], None
    received = tape.received_ns()
    for time_ns, seen_ns, what, ticks, lots in zip(
        tape.columns.time_ns.tolist(),
        received.tolist(),
        *(column.tolist() for column in tape.columns[2:]),
        strict=True,
    ):
        kind, last = what & t.KIND, what & t.LAST
        if kind in (t.TRADE, t.TOP):
            rows.append((time_ns, seen_ns, what, ticks, lots))
            continue
        if kind == t.CLEAR:
            book = None if last else {}
        elif lots:
            book[what & t.ASK, ticks] = lots
        elif kind == t.DEPTH:
            book.pop((what & t.ASK, ticks), None)
        if last:
            books.append(None if book is None else dict(book))
    return rows, books
