"""What sessions and findings add up to, and how findings and modes are read back."""

from __future__ import annotations

import math

import pytest

from tests.reports.promoting import ACCOUNTS, NAME, parity, read_desk, sharpe, write_desk, write_report
from titan.engine.promotion import Gates
from titan.live.modes import mode_behind
from titan.reports.errors import ReportError
from titan.reports.evidence import add_up
from titan.reports.findings import read_findings
from titan.reports.watched import Watched

H_NS = 3_600_000_000_000

# ---- Adding up


def seen(session: str = "a", hours: float = 10, day: int = 5, path=(1.0,), **changes: object) -> Watched:
    found = Watched(session, {day: round(hours * H_NS)}, 50, tuple(path), 1.0, 0, False)
    return found._replace(**changes)


def test_days_count_once_and_only_where_they_were_watched_long_enough():
    found = add_up("paper", Gates(), [seen(hours=5), seen("b", hours=3), seen("c", hours=7, day=6)], [])
    assert found.days == 1
    assert found.fills == 150
    assert add_up("paper", Gates(least_hours_a_day=0), [seen(time_on={1: 0, 2: 1})], []).days == 1


def test_the_drawdown_runs_over_sessions_but_not_over_backtests():
    two = [seen(path=(5.0, 2.0)), seen("b", path=(-1.0, -4.0, 0.0))]
    assert add_up("paper", Gates(), two, []).drawdown == 7.0
    assert add_up("research", Gates(), two, []).drawdown == 4.0


def test_canary_is_counted_at_whole_size():
    assert add_up("canary", Gates(), [seen(path=(-0.5,), size_share=0.01)], []).drawdown == 50.0


def test_a_price_that_lacked_leaves_the_drawdown_unknown():
    assert math.isnan(add_up("paper", Gates(), [seen(path=(1.0, math.nan, 2.0))], []).drawdown)


def test_differences_and_stops_are_summed_up():
    found = add_up("paper", Gates(), [seen(differences=2), seen("b", differences=1, stopped=True)], [])
    assert (found.differences, found.stops) == (3, 1)


def test_parity_counts_the_days_that_were_simulated_again_and_the_worst_of_them():
    two = [seen(), seen("b", day=6)]
    found = add_up("paper", Gates(), two, [parity("a", 0.2), parity("b", -0.9)])
    assert (found.parity_days, found.parity_bps) == (2, 0.9)
    found = add_up("paper", Gates(), two, [parity("a", 0.2)])
    assert (found.days, found.parity_days, found.parity_bps) == (2, 1, 0.2)
    found = add_up("paper", Gates(), two, [parity("a", math.nan), parity("b", 0.1)])
    assert math.isnan(found.parity_bps)
    assert math.isnan(add_up("paper", Gates(), two, []).parity_days)


# ---- Findings and modes


def test_findings_survive_their_notebook(tmp_path):
    first = sharpe(read_desk(write_desk(tmp_path).parent), 0.5)
    path = write_report(tmp_path, "two", first, parity("s", 0.25))
    assert read_findings(path) == (first, parity("s", 0.25))
    assert read_findings(write_report(tmp_path, "none")) == ()
    assert parity("s", 0.25)._repr_mimebundle_()["text/plain"] == f"parity of {NAME}: parity_bps 0.25"
    with pytest.raises(ReportError, match="run its study again"):
        read_findings(tmp_path / "absent.ipynb")


@pytest.mark.parametrize("stage", sorted(ACCOUNTS))
def test_a_journal_says_of_which_mode_it_is(stage):
    mode = {"research": "backtest"}.get(stage, stage)
    assert mode_behind(ACCOUNTS[stage], 0.01 if stage == "canary" else 1.0) == mode
