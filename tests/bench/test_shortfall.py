"""The benchmark of shortfall and parts: it compares answers as well as times."""

import numpy as np
import pytest

from bench import shortfall
from bench.__main__ import COLUMNS


def test_rows_of_a_short_run():
    rows = shortfall.run(days=2_000, turns=3)
    assert [set(row) for row in rows] == [set(COLUMNS)] * 3
    cost, faster, lean = rows
    assert cost["ratio"] == pytest.approx(cost["peer_value"] / cost["value"])
    assert faster["value"] == pytest.approx(cost["ratio"])
    assert faster["met"] == (faster["value"] >= shortfall.RATIO_TARGET)
    assert lean["value"] == cost["value"]
    assert lean["target"] is None


@pytest.mark.parametrize("days", [40, 390, 1_000])  # one day in the tail, a fraction, a whole number
def test_the_peers_weigh_the_boundary_as_we_do(days):
    returns, held = shortfall.sample(days)
    total, parts = shortfall.ours(returns, held, 0.025)
    for form in (shortfall.straightforward, shortfall.lean):
        other, their_parts = form(returns, held, 0.025)
        assert other == pytest.approx(total, rel=1e-12)
        assert their_parts == pytest.approx(parts, rel=1e-9)
        assert np.sum(their_parts) == pytest.approx(other, rel=1e-9)


def test_shortfalls_that_disagree_are_no_result(monkeypatch):
    monkeypatch.setattr(shortfall, "TOLERANCE", 0.0)
    monkeypatch.setattr(
        shortfall, "sorted_weights", lambda losses, tail: np.full(len(losses), 1.0 / len(losses))
    )
    with pytest.raises(RuntimeError, match="the shortfalls differ"):
        shortfall.run(days=400, turns=1)
