"""The benchmark of order flow: it compares answers as well as times."""

import pytest

from bench import flow
from bench.__main__ import COLUMNS


def test_rows_of_a_short_run():
    rows = flow.run(count=50_000, print_count=20_000, events=400)
    assert [set(row) for row in rows] == [set(COLUMNS)] * 6
    assert all(row["value"] > 0 for row in rows)
    for row in rows[:2]:
        assert row["met"] == (row["value"] >= flow.RATIO_TARGET)
    assert rows[2]["target"] is None
    for row in rows[3:]:
        assert row["met"] == (row["value"] <= flow.TARGET_US)


def test_both_forms_split_a_trade_over_many_buckets():
    frame, _ = flow.trades(2_000)
    frame.loc[10, ["buys", "sells"]] = 12_000.0, 8_000.0
    ours, theirs = flow.our_vpin(frame, 90.0), flow.pandas_vpin(frame, 90.0)
    assert ours == pytest.approx(theirs, abs=1e-12)
    assert len(ours) == frame.to_numpy().sum() // 90.0 - flow.WINDOW + 1


def test_both_forms_find_the_law_that_made_the_prints():
    ours, theirs = (form(*flow.prints(40_000)) for form in (flow.our_intensity, flow.pandas_intensity))
    assert ours == pytest.approx(theirs, rel=1e-12)
    # An order of one tick geometric with .05 has a decay of .05 a tick of .1; the farthest of several, less.
    assert (ours[0], ours[2]) == pytest.approx((10_000 / 3_600 / 2,) * 2, rel=0.1)
    assert 0.1 < min(ours[1], ours[3]) <= max(ours[1], ours[3]) < 0.5


def test_answers_that_differ_are_no_result(monkeypatch):
    monkeypatch.setattr(flow, "pandas_vpin", lambda frame, size: flow.our_vpin(frame, size) + 0.1)
    with pytest.raises(RuntimeError, match="VPIN: the answers differ"):
        flow.run(count=20_000, print_count=1_000, events=10)
