"""A session and the capture that its exchange replayed, on one time line, by stamps of whole milliseconds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.backtest.test_parity import run_session
from tests.live.desks import record_capture
from titan.backtest.parity import compare
from titan.backtest.session_replayed import STAMP_NS, came_earlier, in_their_millisecond, read_replayed
from titan.backtest.session_told import Told
from titan.backtest.study import QUEUES
from titan.backtest.sweep.given_orders import Word, given_orders
from titan.backtest.sweep.stored_tape import stored_tape
from titan.reports.errors import ReportError

SQUARE = QUEUES["square"]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_capture(tmp_path_factory.mktemp("captures") / "capture", seconds=12.0)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, capture: Path) -> Path:
    return run_session(tmp_path_factory.mktemp("session"), capture)


@pytest.fixture(scope="module")
def told(session: Path, capture: Path) -> Told:
    return read_replayed(session, capture)


def test_orders_fill_alike_by_the_exchanges_stamps(told: Told) -> None:
    """Of the session only orders and their stamps are used: the market is the capture's own."""
    found, early = came_earlier(told, SQUARE)
    assert (found.words, early) == (told.words, frozenset())
    given = given_orders(stored_tape(told.market, delayed=False), told.words, SQUARE)
    differences, matched, apart_ms = compare(told, given, "venue")
    assert (differences, apart_ms) == ((), 0.0)
    assert matched > 10


def test_an_order_that_only_the_beginning_of_its_millisecond_explains(told: Told) -> None:
    """Orders are stamped anew by the millisecond in which they filled: some must have come before what it held."""
    given = given_orders(stored_tape(told.market, delayed=False), told.words, SQUARE)
    found = set()
    for fill in given.fills:
        stamp_ns = fill.time_ns // STAMP_NS * STAMP_NS
        words = [
            word._replace(time_ns=stamp_ns) if word.client_id == fill.client_id and word.size else word
            for word in told.words
        ]
        moved = dataclasses.replace(told, words=in_their_millisecond(words, set()))
        after, early = came_earlier(moved, SQUARE)
        assert early <= {fill.client_id}
        assert after.words == in_their_millisecond(words, early)
        found |= early
    assert found


def test_words_stand_at_an_end_of_their_millisecond() -> None:
    words = [
        Word(5_300_000, "one", 1, 100, 7),
        Word(5_200_000, "two", 1, 100, 7),
        Word(5_900_000, "one", 1, 100, 0),
    ]
    placed = in_their_millisecond(words, {"one"})
    assert [(word.client_id, word.size, word.time_ns) for word in placed] == [
        ("one", 7, 5_000_000),
        ("two", 7, 5_999_999),
        ("one", 0, 5_999_999),
    ]


def test_a_capture_of_another_contract_is_refused(session: Path, capture: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(capture.read_bytes().replace(b"BTCUSDT", b"ETHUSDT").replace(b"btcusdt", b"ethusdt"))
    with pytest.raises(ReportError, match="holds ETHUSDT, and no BTCUSDT"):
        read_replayed(session, other)
