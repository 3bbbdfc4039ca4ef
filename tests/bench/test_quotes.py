"""The benchmark of quotes: its rows, and a strategy that answers with nothing is no measurement."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from bench import quotes
from bench.__main__ import COLUMNS
from titan.strategy import glft


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "ROUNDS", 3)


def test_rows() -> None:
    rows = quotes.run()
    assert [set(row) for row in rows] == [set(COLUMNS)] * 4
    assert [row["target"] for row in rows] == [3.0, None, 3.0, None]
    assert all(0.0 < row["value"] < 1_000.0 for row in rows)
    assert all(row["met"] == (row["value"] <= 3.0) for row in rows[::2])
    assert "GLFT: one quote" in rows[0]["name"]


def test_the_views_are_all_quoted_and_none_is_the_one_before() -> None:
    seen = quotes.views()
    assert len(set(seen)) == quotes.CALLS
    assert max(abs(view.inventory) for view in seen) > 0.05


def test_a_miss_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "measure", lambda module: (3.1, 1.0))
    assert [row["met"] for row in quotes.run()] == [False, True, False, True]


def test_no_quote_is_no_measurement() -> None:
    empty = glft.Quotes(math.nan, 0.0, math.nan, 0.0, math.nan, math.nan)
    silent = SimpleNamespace(
        __name__="silent",
        Parameters=glft.Parameters,
        initial=glft.initial,
        update=glft.update,
        quote=lambda *_: empty,
    )
    with pytest.raises(RuntimeError, match="silent: a view gave no quote"):
        quotes.measure(silent)
