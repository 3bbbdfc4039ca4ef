"""Orders as they were, on a tape: they fill by the queue, move, go, and a tape that is cut goes on where it was."""

from __future__ import annotations

import pytest

from tests.backtest.sweeping import MS, START_NS, tape_of
from titan.backtest.sweep.given_orders import Word, cut, given_orders
from titan.backtest.sweep.tape import TapeError
from titan.simulation.queue_position import RISK_AVERSE

MARKET = (
    (0, "bid", 100, 5),
    (0, "ask", 102, 5),
    (30, "sell", 100, 4),
    (40, "sell", 100, 4),
    (50, "sell", 100, 9),
)


def word(ms: int, size: int, price: int = 100, name: str = "one") -> Word:
    return Word(START_NS + ms * MS, name, 1, price, size)


def lots(*words: Word) -> list[tuple[int, str, int]]:
    given = given_orders(tape_of(*MARKET), words, RISK_AVERSE)
    return [((fill.time_ns - START_NS) // MS, fill.client_id, fill.lots) for fill in given.fills]


def test_an_order_waits_its_turn() -> None:
    """Five lots stand before it: of the second trade three lots reach it, of the third the rest."""
    assert lots(word(10, 6)) == [(40, "one", 3), (50, "one", 3)]


def test_the_markets_events_of_a_time_come_first() -> None:
    assert lots(word(30, 2)) == [(40, "one", 2)]
    assert lots(word(10, 6), word(40, 0)) == [(40, "one", 3)]


def test_an_order_that_moves_begins_anew_with_what_is_left() -> None:
    assert lots(word(10, 6), word(45, 6, price=101)) == [(40, "one", 3), (50, "one", 3)]
    assert lots(word(10, 6), word(45, 6)) == [(40, "one", 3), (50, "one", 3)]
    assert lots(word(10, 6), word(45, 3)) == [(40, "one", 3)]


def test_orders_of_one_price_fill_in_the_order_they_came() -> None:
    assert lots(word(10, 2), word(11, 9, name="two")) == [(40, "one", 2), (40, "two", 1), (50, "two", 8)]


def test_what_would_take_and_what_was_left_before_an_order_is_known() -> None:
    given = given_orders(
        tape_of(*MARKET), [word(10, 1, price=102, name="far"), word(35, 6), word(36, 0)], RISK_AVERSE
    )
    assert given.fills == []
    assert given.refused == {"far"}
    assert given.ahead == {"one": 1.0}


def test_a_tape_that_is_cut_goes_on_where_it_was() -> None:
    tape = tape_of(*MARKET, (60, "bid", 99, 7))
    later = cut(tape, START_NS + 30 * MS, START_NS + 50 * MS)
    assert later.start_ns == START_NS + 30 * MS
    assert later.columns.kind.tolist() == [0, 1, 3, 3, 3]
    assert later.columns.lots.tolist() == [5, 5, 4, 4, 9]
    with pytest.raises(TapeError, match="it is of another time"):
        cut(tape, START_NS + 70 * MS, START_NS + 80 * MS)
