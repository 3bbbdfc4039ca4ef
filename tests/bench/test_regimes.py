"""The benchmark of the regime filter: it compares answers as well as times."""

from __future__ import annotations

import numpy as np
import pytest

from bench import regimes
from bench.__main__ import COLUMNS


def test_rows_of_a_short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regimes, "TURNS", 2)
    monkeypatch.setattr(regimes, "STEPS", 200)
    monkeypatch.setattr(regimes, "FIT_BARS", 400)
    step, ratio, plain, fit = regimes.run()
    assert all(set(row) == set(COLUMNS) and row["value"] > 0 for row in (step, ratio, plain, fit))
    assert step["ratio"] == ratio["value"] == pytest.approx(step["peer_value"] / step["value"])
    assert plain["peer_value"] == step["value"]
    assert (plain["target"], fit["target"]) == (None, None)


def test_targets() -> None:
    met = regimes.rows(1.0, 10.0, 300.0, 0.5)
    missed = regimes.rows(2.5, 10.0, 300.0, 0.5)
    assert [row["met"] for row in met] == [True] * 4
    assert [row["met"] for row in missed] == [False, False, True, True]


def test_filters_that_disagree_are_no_result() -> None:
    known = regimes.parts()
    other = regimes.theirs({**known, "start": [0.1, 0.3, 0.6]})
    with pytest.raises(RuntimeError, match="bar 1: the filters differ"):
        regimes.check(regimes.ours(known), other, np.zeros((1, 2)))
