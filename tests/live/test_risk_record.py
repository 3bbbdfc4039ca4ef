"""The record of prices: what is missing is no return, and a crash of either side costs one line at the most."""

from __future__ import annotations

import math

import numpy as np
import pytest

from titan.live.risk_record import PriceRecord
from titan.model.instruments import InstrumentKey

BTC, ETH = InstrumentKey("v", "BTCUSDT"), InstrumentKey("v", "ETHUSDT")
SECOND = 10**9


def kept(path=None, inherited=None, window=50, complaints=None):
    told = [] if complaints is None else complaints
    return PriceRecord(path, inherited, window, told.append)


def fill(record, *rows, start_s=0, every_s=10):
    for at, row in enumerate(rows):
        known = {key: price for key, price in zip((BTC, ETH), row, strict=True) if price is not None}
        record.note((start_s + every_s * (at + 1)) * SECOND, known)


def test_returns_are_between_neighbours():
    record = kept()
    assert record.returns([BTC], 10).shape == (0, 1)
    fill(record, (100.0, 10.0), (110.0, 10.0), (99.0, 11.0))
    assert record.returns([BTC, ETH], 10) == pytest.approx(np.array([[0.1, 0.0], [-0.1, 0.1]]))


def test_before_its_first_price_an_instrument_is_unknown_and_after_it_a_hole_drops_the_row():
    record = kept()
    fill(
        record,
        (100.0, None),
        (110.0, None),
        (110.0, 10.0),
        (110.0, 11.0),
        (121.0, None),
        (121.0, 11.0),
        (121.0, 22.0),
    )
    found = record.returns([BTC, ETH], 10)
    assert found[:2, 1].tolist() == pytest.approx([math.nan, math.nan], nan_ok=True)
    assert found[:2, 0] == pytest.approx([0.1, 0.0])
    assert found[2:] == pytest.approx(np.array([[0.0, 0.1], [0.0, 1.0]]))


def test_an_instrument_that_was_never_seen_is_unknown():
    record = kept()
    fill(record, (100.0, None), (110.0, None))
    assert record.returns([BTC, ETH], 10) == pytest.approx(np.array([[0.1, math.nan]]), nan_ok=True)


def test_a_gap_is_no_period():
    record = kept()
    fill(record, (100.0, 10.0), (110.0, 10.0))
    fill(record, (500.0, 10.0), (505.0, 10.0), start_s=3_600)
    assert record.returns([BTC], 10)[:, 0] == pytest.approx([0.1, 0.01])
    assert len(record.returns([BTC], 30)) == 0, "nor is another period"


def test_a_clock_that_stands_or_goes_back_adds_nothing():
    record = kept()
    fill(record, (100.0, 10.0), (110.0, 10.0))
    record.note(20 * SECOND, {BTC: 1.0})
    record.note(5 * SECOND, {BTC: 1.0})
    assert record.returns([BTC], 10)[:, 0] == pytest.approx([0.1])


def test_only_the_window_is_kept_and_the_file_does_not_grow(tmp_path):
    record = kept(tmp_path / "prices.jsonl", window=5)
    fill(record, *[(100.0 + at, 10.0) for at in range(40)])
    assert len(record.returns([BTC], 10)) == 5
    assert len((tmp_path / "prices.jsonl").read_bytes().splitlines()) <= 13


def test_a_killed_process_goes_on_from_its_file_and_a_torn_line_is_left_out(tmp_path):
    path = tmp_path / "prices.jsonl"
    first = kept(path)
    fill(first, (100.0, 10.0), (110.0, 10.0), (99.0, 11.0))
    whole = path.read_bytes()
    for cut in (0, 1, 5):
        path.write_bytes(whole[: len(whole) - cut])
        complaints = []
        again = kept(path, complaints=complaints)
        assert len(again.returns([BTC], 10)) == (2 if cut <= 1 else 1)
        assert complaints == []
        fill(again, (100.0, 10.0), start_s=60)
        assert kept(path).returns([BTC], 10).shape == again.returns([BTC], 10).shape


def test_the_next_session_takes_up_the_record_of_the_one_before_and_leaves_it_alone(tmp_path):
    before, after = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    fill(kept(before), (100.0, 10.0), (110.0, 10.0))
    kept_bytes = before.read_bytes()
    second = kept(after, before)
    fill(second, (120.0, 10.0), start_s=20)
    assert second.returns([BTC], 10)[:, 0] == pytest.approx([0.1, 1 / 11])
    assert before.read_bytes() == kept_bytes
    fill(kept(after, before), (130.0, 10.0), start_s=30)
    assert len(kept(after, before).returns([BTC], 10)) == 3, "its own file comes first"


def test_a_file_that_cannot_be_written_or_is_none_of_ours_is_told_and_the_record_goes_on(tmp_path):
    complaints = []
    record = kept(tmp_path / "missing" / "prices.jsonl", complaints=complaints)
    fill(record, (100.0, 10.0), (110.0, 10.0))
    assert len(record.returns([BTC], 10)) == 1
    (text,) = complaints
    assert "prices are kept in memory" in text
    (tmp_path / "other").write_text("what\nis\nthis\n")
    kept(tmp_path / "prices.jsonl", tmp_path / "other", complaints=complaints)
    assert "3 lines are no prices" in complaints[-1]
    kept(tmp_path / "prices2.jsonl", tmp_path, complaints=complaints)
    assert "the record begins anew" in complaints[-1]


def test_a_disk_that_fails_later_is_told_once(tmp_path):
    complaints = []
    folder = tmp_path / "session"
    folder.mkdir()
    record = kept(folder / "prices.jsonl", complaints=complaints)
    fill(record, (100.0, 10.0))
    (folder / "prices.jsonl").unlink()
    folder.rmdir()
    fill(record, (110.0, 10.0), (99.0, 10.0), start_s=10)
    assert len(complaints) == 1
    assert len(record.returns([BTC], 10)) == 2
