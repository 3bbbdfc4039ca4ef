"""Tapes: what is refused, what is kept, and what a capture becomes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.backtest.sweeping import START_NS, tape_of
from titan.backtest.sweep.book import ASKS, BIDS, best_ask, best_bid, empty_book, place_of, put
from titan.backtest.sweep.capture_tape import capture_tape
from titan.backtest.sweep.market import ASK, BID, Columns
from titan.backtest.sweep.synthetic import synthetic_tape
from titan.backtest.sweep.tape import Tape, TapeError, as_columns, load_tape

MS = 1_000_000
GOOD = ((0, "bid", 100, 5), (1, "ask", 102, 5), (2, "buy", 102, 1))


def with_column(name: str, values: list[int]) -> Columns:
    columns = tape_of(*GOOD).columns
    return columns._replace(**{name: np.array(values, dtype=getattr(columns, name).dtype)})


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("time_ns", [5, 4, 6], "event 1 of the tape: time_ns falls"),
        ("price", [100, 0, 102], "event 1 of the tape: price is not above 0"),
        ("kind", [0, 1, 9], "event 2 of the tape: kind is not from 0 to 3"),
        ("lots", [5, 5, 0], "event 2 of the tape: a trade has no lots"),
        ("lots", [-5, 5, 1], "event 0 of the tape: lots are negative"),
        ("lots", [5, 5], "must be of one length"),
        ("price", [1, 100_000_000, 102], "more than 50000000 places"),
    ],
)
def test_what_is_no_tape_is_refused(name, values, message):
    with pytest.raises(TapeError, match=message):
        Tape(with_column(name, values), Decimal("0.1"), Decimal("0.001"))


def test_a_grid_of_nothing_is_refused():
    with pytest.raises(TapeError, match="must be > 0"):
        Tape(tape_of(*GOOD).columns, Decimal(0), Decimal("0.001"))


def test_an_event_does_not_overtake_the_one_before_it():
    columns = as_columns([0, 10, 20], [30, 5, 0], [1, 1, 1], [1, 1, 1], [0, 0, 0])
    assert columns.delay_ns.tolist() == [30, 20, 10]
    with pytest.raises(TapeError, match="event 0 of the tape: delay_ns is not from 0"):
        as_columns([0], [2**32], [1], [1], [0])


def test_it_is_written_and_read(tmp_path):
    tape = tape_of(*GOOD, delay_ms=3)
    tape.save(tmp_path / "tape.npz")
    again = load_tape(tmp_path / "tape.npz")
    assert [column.tolist() for column in again.columns] == [column.tolist() for column in tape.columns]
    assert (again.tick_size, again.lot_size, len(again)) == (tape.tick_size, tape.lot_size, 3)
    assert again.counts() == {"levels": 2, "trades": 1}
    np.savez(tmp_path / "other.npz", x=1)
    with pytest.raises(TapeError, match=r"other\.npz: is no tape"):
        load_tape(tmp_path / "other.npz")


def test_a_made_market_is_the_same_for_the_same_seed_and_holds_together():
    tape = synthetic_tape(5_000, seed=2)
    assert [c.tobytes() for c in tape.columns] == [c.tobytes() for c in synthetic_tape(5_000, seed=2).columns]
    assert tape.columns.price.tobytes() != synthetic_tape(5_000, seed=4).columns.price.tobytes()
    assert tape.bytes_per_event == 21.0
    book, spreads = empty_book(tape.lowest, tape.highest), []
    for kind, price, lots in zip(tape.columns.kind, tape.columns.price, tape.columns.lots, strict=True):
        if kind in (BID, ASK):
            put(book, int(kind), place_of(book, int(kind), int(price)), int(lots))
        spreads.append(best_ask(book) - best_bid(book))
    assert min(spreads[500:]) >= 1
    assert np.median(spreads[500:]) <= 3
    for wrong in ({"events": 0}, {"events": 5, "start_ticks": 10}):
        with pytest.raises(ValueError, match="must be >"):
            synthetic_tape(**wrong)


def test_a_level_that_crosses_makes_what_it_passed_stale():
    book = empty_book(90, 110)
    for side, price, lots in ((BIDS, 100, 1), (ASKS, 102, 1), (ASKS, 103, 1), (ASKS, 105, 1)):
        put(book, side, place_of(book, side, price), lots)
    put(book, BIDS, place_of(book, BIDS, 103), 2)
    assert (best_bid(book), best_ask(book)) == (103, 105)
    put(book, BIDS, place_of(book, BIDS, 103), 0)
    assert (best_bid(book), best_ask(book)) == (100, 105)
    put(book, ASKS, place_of(book, ASKS, 103), 4)
    assert best_ask(book) == 103
    for price in (103, 105):
        put(book, ASKS, place_of(book, ASKS, price), 0)
    assert best_ask(book) == 0


def line(ms: int, text: str) -> str:
    return f"{START_NS + ms * MS} {text}\n"


def diff(ms: int, first: int, last: int, before: int, bids: str, asks: str = "") -> str:
    stamp = START_NS // MS + ms - 40
    ids = f'"U":{first},"u":{last},"pu":{before}'
    body = f'"e":"depthUpdate","E":{stamp},"T":{stamp},"s":"BTCUSDT",{ids},"b":[{bids}],"a":[{asks}]'
    return line(ms, '{"stream":"btcusdt@depth@0ms","data":{' + body + "}}")


def trade(ms: int, price: str, kind: str = "MARKET", maker: str = "true") -> str:
    stamp = START_NS // MS + ms - 40
    body = f'"e":"trade","E":{stamp},"T":{stamp},"s":"BTCUSDT","t":1,"p":"{price}","q":"0.002","X":"{kind}","m":{maker}'
    return line(ms, '{"stream":"btcusdt@trade","data":{' + body + "}}")


SNAPSHOT = line(20, '{"lastUpdateId":10,"bids":[["100.0","1.000"]],"asks":[["100.2","2.000"]]}')
WHOLE = (
    diff(0, 1, 5, 0, '["99.0","9.000"]')
    + diff(10, 6, 12, 5, '["100.0","0.500"]', '["100.3","0.004"]')
    + SNAPSHOT
    + diff(30, 13, 14, 12, '["100.0","0.000"]')
    + trade(31, "100.0")
    + trade(32, "100.1", kind="INSURANCE_FUND")
    + trade(55, "100.2", maker="false")
)


@pytest.fixture
def capture(tmp_path):
    def write(text: str) -> Path:
        (tmp_path / "capture").write_text(text)
        return tmp_path / "capture"

    return write


def test_a_capture_becomes_a_tape_from_its_first_whole_book_on(capture):
    tape = capture_tape(capture(WHOLE), least_delay_ns=2 * MS)
    found = [
        (int(kind), int(price), int(lots))
        for kind, price, lots in zip(tape.columns.kind, tape.columns.price, tape.columns.lots, strict=True)
    ]
    assert found == [
        *((0, 1000, 1000), (1, 1002, 2000)),  # the snapshot
        *((0, 1000, 500), (1, 1003, 4)),  # the diff that joins it; the one before is dropped
        (0, 1000, 0),
        *((3, 1000, 2), (2, 1002, 2)),  # off-market prints are left out
    ]
    assert (tape.tick_size, tape.lot_size) == (Decimal("0.1"), Decimal("0.001"))
    assert tape.columns.delay_ns.min() == 2 * MS  # whatever the recorder's clock was


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (WHOLE + diff(60, 20, 21, 19, '["100.0","1.000"]'), "line 8 does not follow update 14"),
        (diff(0, 1, 5, 0, '["99.0","9.000"]'), "BTCUSDT never has a whole book"),
        (SNAPSHOT + diff(30, 11, 14, 10, '["100.0","1.000"]'), "the snapshot has no time"),
        (WHOLE.replace("BTCUSDT", "BTCUSD_PERP"), "is inverse"),
        (WHOLE + line(90, '{"a":'), "capture: line"),
    ],
)
def test_a_capture_that_makes_no_tape_is_refused(capture, text, message):
    with pytest.raises(ValueError, match=message):
        capture_tape(capture(text))


def test_the_symbol_is_named_where_there_are_several(capture):
    both = WHOLE + trade(70, "5.0").replace("BTCUSDT", "ETHUSDT")
    assert len(capture_tape(capture(both), "BTCUSDT")) == 7
    with pytest.raises(TapeError, match="holds BTCUSDT, ETHUSDT; name one"):
        capture_tape(capture(both))
    with pytest.raises(TapeError, match="holds no XRPUSDT"):
        capture_tape(capture(both), "XRPUSDT")
    with pytest.raises(ValueError, match="least_delay_ns = -1"):
        capture_tape(capture(both), "BTCUSDT", -1)
