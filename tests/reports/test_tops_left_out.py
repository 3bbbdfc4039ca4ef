"""A busy session leaves best bids and asks out of its journal, and says so: its books are none the worse for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports.tape import Tape, linear
from titan.model import events as e
from titan.reports.incident import read_slice
from titan.reports.incident_window import Asked, find_window
from titan.reports.recorder import read_recording

BTC = linear("BTCUSDT", "BTC")


def delta(tape: Tape, update_id: int, bids: tuple[int, int], asks: tuple[int, int]) -> None:
    """The first price of each side goes, and the second comes."""
    tape.wait(0.1)
    tape.put(
        e.BookDelta(
            time_ns=tape.now_ns, venue="desk", symbol="BTCUSDT", first_id=update_id, last_id=update_id,
            previous_id=update_id - 1, bids=((bids[0], 0), (bids[1], 5)), asks=((asks[0], 0), (asks[1], 5)),
        )
    )  # fmt: skip


def top(tape: Tape, update_id: int, bid: int, ask: int) -> None:
    tape.put(
        e.TopOfBook(
            time_ns=tape.now_ns, venue="desk", symbol="BTCUSDT", update_id=update_id, bid=bid, bid_size=5, ask=ask,
            ask_size=5,
        )
    )  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A session that never saw the venue's touch after update 2."""
    tape = Tape(tmp_path, BTC)
    tape.book(BTC, 998, 1002)
    tape.open()
    top(tape, 1, 998, 1002)
    delta(tape, 2, (998, 996), (1002, 1002))
    tape.put(e.TopsLeftOut(time_ns=tape.now_ns, venue="desk", symbol="BTCUSDT"))
    top(tape, 3, 994, 1002)
    delta(tape, 3, (996, 994), (1002, 1002))
    delta(tape, 4, (994, 990), (1002, 1002))
    return tape.kill()


def test_a_sessions_mids_go_on(directory: Path) -> None:
    (market,) = read_recording(directory).markets.values()
    assert [str(mid) for _, mid in market.mids] == ["100.0", "99.9", "99.8", "99.6"]


def test_a_slices_touch_goes_on(directory: Path) -> None:
    found = read_slice(find_window(Asked(str(directory), begin="00:00:00", end="00:00:01")))
    assert [touch for _, *touch in found.touch[BTC.key]] == [
        [998, 1002],
        [996, 1002],
        [994, 1002],
        [990, 1002],
    ]
