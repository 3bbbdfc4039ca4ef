"""The benchmark of sweeps: its rows, and what counts as a fill that differs."""

from __future__ import annotations

import os

import numpy as np
import pytest

from bench import sweep
from bench.__main__ import COLUMNS
from bench.peers import environment, hftbacktest_rules
from bench.sweep import Compared, differing
from titan.backtest.sweep import rules
from titan.backtest.sweep.synthetic import synthetic_tape
from titan.simulation.queue_position import LOGARITHM, RISK_AVERSE, QueueState


def test_a_fill_that_only_one_side_has_differs_as_often_as_it_occurs():
    one, two, three = (1, 1, 100, 2), (2, -1, 101, 2), (3, 1, 99, 1)
    ours = np.array([one, two, two])
    assert differing(ours, np.array([two, one, two])) == 0
    assert differing(ours, np.array([one, two])) == 1
    assert differing(ours, np.array([one, two, two, three])) == 1
    assert differing(ours[:0].reshape(0, 4), ours) == 3


def test_rows_of_fills_have_a_target_where_the_rules_are_the_same():
    rows = sweep.exact_rows(
        [Compared("grid, risk-averse, x", 9, 1, 0, 1.0), Compared("grid, logarithm, x", 9, 5, 0, 1.0)]
    )
    assert [set(row) for row in rows] == [set(COLUMNS)] * 3
    assert [(row["value"], row["target"], row["met"]) for row in rows] == [
        (1.0, 0.0, False),
        (5.0, None, True),
        (0.0, 0.0, True),
    ]


def test_rows_of_speed_and_memory():
    row = sweep.speed_row("x", 30e6, 10e6, 3.0)
    assert (set(row), row["ratio"], row["met"]) == (set(COLUMNS), 3.0, True)
    assert not sweep.speed_row("x", 29e6, 10e6, 3.0)["met"]
    assert sweep.memory_row(synthetic_tape(100))["value"] == 21.0


def test_the_many_sets_differ():
    sets = sweep.many_sets(sweep.GRID)
    assert (
        len({(one.entry, one.queue, one.parameters["order_size"]) for one in sets}) == len(sets) == sweep.MANY
    )


def test_the_peers_rules_are_ours_where_no_fraction_is():
    place = QueueState(3.0, 2.0, 4)
    for lots in (1, 3, 4, 9):
        ours, theirs = (
            module.passed(place, 1, 100, 100, lots, True) for module in (rules, hftbacktest_rules)
        )
        assert ours[1] == theirs[1]
    for lots in (0, 2, 4, 7):
        ours, theirs = (module.changed(place, 5, lots, RISK_AVERSE) for module in (rules, hftbacktest_rules))
        assert ours == theirs
        ours, theirs = (module.changed(place, 5, lots, LOGARITHM) for module in (rules, hftbacktest_rules))
        assert ours.ahead == pytest.approx(theirs.ahead)


def test_the_peer_counts_what_traded_as_standing_behind_us():
    traded = QueueState(3.0, 5.0, 1)  # of 10 displayed, 2 have traded
    assert (
        hftbacktest_rules.changed(traded, 10, 6, LOGARITHM).ahead
        > rules.changed(traded, 10, 6, LOGARITHM).ahead
    )
    fraction = QueueState(0.4, 0.0, 1)
    assert (
        rules.passed(fraction, 1, 100, 100, 1, True)[1],
        hftbacktest_rules.passed(fraction, 1, 100, 100, 1, True)[1],
    ) == (0, 1)


def test_an_environment_that_cannot_be_made_says_why(monkeypatch, tmp_path):
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "peers-nothing.txt").write_text("not a requirement ===\n")
    monkeypatch.setattr(environment.sys, "executable", "/bin/false")
    with pytest.raises(environment.PeerError, match=r"making .*nothing ended with 1"):
        environment.interpreter("nothing", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("TITAN_SLOW") != "1", reason="installs a peer and takes minutes: set TITAN_SLOW=1"
)
@pytest.mark.timeout(3600)
def test_the_fills_are_hftbacktests(monkeypatch):
    monkeypatch.setattr(sweep, "REPEAT", 1)
    for one in sweep.compare(synthetic_tape(100_000), "short"):
        assert one.fills > 100
        assert one.by_their_rules == 0
        assert one.ours == 0 or "risk-averse" not in one.name
