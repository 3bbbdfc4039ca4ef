"""A recorded market is the same each time, and is a capture like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

import titan
from titan.loopback.recording import record_market


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    one = record_market(tmp_path / "new" / "one", seconds=2.0, seed=5)
    two = record_market(tmp_path / "two", seconds=2.0, seed=5)
    other = record_market(tmp_path / "other", seconds=2.0, seed=6)
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes() != other.read_bytes()


def test_it_holds_a_book_from_its_snapshot_on(tmp_path: Path) -> None:
    found = titan.load_capture(record_market(tmp_path / "market", seconds=2.0))
    assert (found.depth["kind"] == "snapshot").sum() > 10
    assert not found.trades.empty
    assert not found.top.empty
    span = found.trades["received"].max() - found.trades["received"].min()
    assert 1.0 < span.total_seconds() <= 2.0


def test_one_that_holds_no_book_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"seconds = 0.5: must be above 0.5"):
        record_market(tmp_path / "market", seconds=0.5)
    assert not (tmp_path / "market").exists()
