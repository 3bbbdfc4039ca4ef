"""The benchmark of codec and book: it compares answers as well as times."""

import pytest

from bench import decode_book


def test_rows_of_a_short_run(titan_data, monkeypatch):
    monkeypatch.setenv("TITAN_DATA", str(titan_data))
    rows = decode_book.run(limit=2_000)
    assert [set(row) for row in rows] == [
        {"name", "value", "unit", "peer", "peer_value", "ratio", "target", "met"}
    ] * len(rows)
    assert rows[0]["ratio"] == pytest.approx(rows[0]["peer_value"] / rows[0]["value"])
    assert all(row["value"] > 0 for row in rows)


def test_without_data_there_is_nothing_to_measure(tmp_path, monkeypatch):
    monkeypatch.setenv("TITAN_DATA", str(tmp_path))
    assert decode_book.run() == []


def test_books_that_disagree_are_no_result(titan_data, monkeypatch):
    monkeypatch.setenv("TITAN_DATA", str(titan_data))
    monkeypatch.setattr(decode_book.Theirs, "best", lambda self: (1.0, 2.0))
    with pytest.raises(RuntimeError, match="the books differ"):
        decode_book.run(limit=500)
