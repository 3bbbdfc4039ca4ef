"""The backtest study: what it sweeps, how it says what was made, and the page that it leaves."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.live.desks import record_capture
from titan import cli
from titan.backtest import study_tables
from titan.backtest.findings import of_study
from titan.backtest.study import Asked, Study, doubt_of, grid_of, read_tapes, study
from titan.backtest.sweep.capture_tape import capture_tape
from titan.backtest.sweep.market import BUY
from titan.backtest.sweep.tape import Tape
from titan.engine.strategies import load_strategy
from titan.evaluation.performance import Interval
from titan.reports.errors import ReportError
from titan.reports.findings import Findings
from titan.store.capture_tapes import parts_of
from titan.store.catalogue import write_part

SMALL = Asked(events=20_000, first_points=2, second_points=2, block_s=3.0, embargo_s=1.0, folds=2)


@pytest.fixture(scope="module")
def found() -> Study:
    return study(SMALL)


def test_the_grid_is_every_pair_of_values() -> None:
    grid = grid_of(SMALL)
    assert [tuple(one.parameters.values()) for one in grid.sets] == [
        (0.01, one, other) for one in (0.05, 0.25) for other in (0.01, 0.05)
    ]
    whole = grid_of(SMALL._replace(second="layers", second_low=1, second_high=3, second_points=5))
    assert whole.second == (1, 2, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "titan.strategy.none"}, "name a package.module"),
        ({"first": "skew"}, "skew is no parameter of the strategy; known are order_size"),
        ({"first": "minimum_half_spread_bps"}, "are both minimum_half_spread_bps: sweep two"),
        ({"first_low": 3.0, "first_high": 1.0}, "from 3 to 1: must not fall"),
        ({"first_high": 999.0}, "skew_at_max_inventory_bps"),
        ({"first_points": 1, "second_points": 1}, "the grid has one set"),
        ({"fixed": "order_size"}, "write name: value"),
        ({"fixed": "order_size: big"}, "'big' is no number"),
        ({"captures": "absent.gz"}, "absent.gz is not there"),
        ({"captures": "."}, "name one, with venue and symbol"),
        ({"period_s": 60.0}, "the market is too short for what is asked"),
    ],
)
def test_what_cannot_be_studied_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        study(SMALL._replace(**changes))


def test_parts_and_periods_are_the_profit(found: Study) -> None:
    for k, total in enumerate(found.totals):
        (one,) = (result.sets[k] for result in found.results)
        assert one.pnl.spread + one.pnl.inventory - one.pnl.fees == total
        interval = found.intervals[k]
        assert interval.value == pytest.approx(float(total), abs=1e-9)
        assert interval.low <= interval.value <= interval.high or not found.fills[k]
    assert max(found.fills) > 20
    assert found.totals[found.best] == max(found.totals)
    assert study(SMALL).results[0].digest == found.results[0].digest


def test_the_sentence_says_who_lost(found: Study) -> None:
    lost = sum(total < 0 for total in found.totals)
    text = study_tables.verdict(found)
    assert (f"{lost} of 4 sets lost money" if lost < 4 else "All 4 sets lost money") in text
    assert "The best in sample" in text
    losing = found._replace(
        intervals=(Interval(-2.0, -3.0, -1.0),) * 4, walk_interval=Interval(-1.5, -3.0, 1.0)
    )
    text = study_tables.verdict(losing)
    assert "lost 2.0000 in quote currency (95%: -3.0000 to -1.0000). Chosen" in text
    assert "the strategy lost 1.5000 (95%: -3.0000 to +1.0000, not to be told from nothing)" in text
    assert "color:#b5483a" in study_tables.headline(losing).html


def test_a_search_among_the_worthless_is_doubted_and_skill_is_not() -> None:
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((400, 20))
    best = int(noise.sum(axis=0).argmax())
    worthless = doubt_of(noise, best, 1.0, SMALL)
    assert worthless.deflated < 0.9
    assert worthless.overfitting is not None
    assert worthless.overfitting.probability > 0.2
    assert 0.05 < worthless.error < 0.5
    skilled = noise.copy()
    skilled[:, 3] += 0.5
    found = doubt_of(skilled, 3, 1.0, SMALL)
    assert found.deflated > 0.99
    assert found.overfitting is not None
    assert found.overfitting.probability < 0.05
    assert doubt_of(skilled, 3, 1.0, SMALL._replace(trials=10_000)).luck > found.luck


def test_what_cannot_be_said_of_a_set_is_said() -> None:
    returns = np.random.default_rng(5).standard_normal((40, 3))
    returns[:, 2] = 0.0
    doubt = doubt_of(returns, 0, 1.0, SMALL)
    assert doubt.overfitting is not None
    assert doubt.reasons == (
        "of 3 sets 1 stand still in some half of the record: they have no ratio there, and are left out of "
        "the probability of overfitting",
    )
    seldom = returns[:, :2].copy()
    seldom[22:, 1] = 0.0
    assert doubt_of(seldom, 0, 10.0, SMALL).reasons == (
        "no error of the probability of overfitting: drawn anew, a set stands still in a half of the record",
    )
    still = doubt_of(np.zeros((40, 2)), 0, 1.0, SMALL)
    assert still.overfitting is None
    assert any("no deflated Sharpe ratio" in reason for reason in still.reasons)


def test_a_capture_and_its_catalogue_are_one_market(tmp_path: Path) -> None:
    """What a catalogue keeps is the same levels and trades at the same exchange times."""
    capture = record_capture(tmp_path / "market", seconds=6.0)
    for part in parts_of([capture], "loopback"):
        write_part(tmp_path / "data", part)
    asked = Asked(captures=str(tmp_path / "data"), venue="loopback", symbol="BTCUSDT")
    name, (stored,) = read_tapes(asked)
    read = capture_tape(capture, least_delay_ns=1_000_000)
    assert name == "loopback BTCUSDT"
    assert (stored.tick_size, stored.lot_size) == (read.tick_size, read.lot_size)
    trades = [column[read.columns.kind >= BUY].tolist() for column in (*read.columns[:1], *read.columns[2:])]
    kept = [
        column[stored.columns.kind >= BUY].tolist() for column in (*stored.columns[:1], *stored.columns[2:])
    ]
    assert kept == trades
    assert len(kept[0]) > 10
    after = int(read.start_ns) + 2_000_000_000
    assert _levels(stored, after) == _levels(read, after)


def _levels(tape: Tape, after_ns: int) -> list[tuple[int, ...]]:
    columns = tape.columns
    chosen = (columns.time_ns > after_ns) & (columns.kind < BUY)
    rows = zip(*(column[chosen].tolist() for column in (*columns[:1], *columns[2:])), strict=True)
    return sorted(rows)


@pytest.mark.timeout(180)
def test_the_notebook_leaves_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["events=20000", "first_points=2", "second_points=2", "folds=2", "embargo_s=1", "block_s=3"]
    asked = [text for pair in given for text in ("-p", pair)]
    assert cli.main(["report", "backtest_study", *asked, "--out", str(tmp_path)]) == 0
    page = Path(capsys.readouterr().out.splitlines()[-1]).read_text(encoding="utf-8")
    assert "The best in sample" in page
    assert "probability that the best set is better (DSR)" in page
    assert page.count("<img") == 2
    assert "No evidence for a promotion: it was tried on a synthetic market." in page


def test_a_promotion_reads_the_best_set_as_it_was_tried(tmp_path: Path) -> None:
    asked = SMALL._replace(
        captures=str(record_capture(tmp_path / "market", seconds=6.0)), period_s=0.2, embargo_s=0.2
    )
    found = study(asked)
    told = of_study(asked, found)
    assert isinstance(told, Findings)
    assert told.measured == {"dsr": found.doubt.deflated}
    assert told.identity is not None
    best = found.grid.sets[found.best]
    values = {**load_strategy(best.strategy).Parameters()._asdict(), **best.parameters}
    assert told.identity.parameters == {"BTCUSDT": {**values, "requote_ticks": 1.0, "minimum_edge_bps": 0.0}}
    assert told.identity.sources.keys() >= {"titan.strategy.glft", "titan.strategy.quoting"}
    unknown = found._replace(
        doubt=found.doubt._replace(deflated=float("nan"), reasons=("all sets stood still",))
    )
    assert repr(of_study(asked, unknown)) == "No evidence for a promotion: all sets stood still."


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("TITAN_SLOW") != "1", reason="reads the recorded market: set TITAN_SLOW=1")
@pytest.mark.timeout(600)
def test_on_a_recorded_market_a_loss_is_called_one(titan_data: Path) -> None:
    capture = titan_data / "binance_capture_20240808" / "usdm_btcusdt_20240808.gz"
    found = study(Asked(captures=str(capture), maker_fee_bps=2.0, first_points=3, second_points=3))
    lost = sum(total < 0 for total in found.totals)
    assert lost > 0
    assert f"{lost} of 9" in study_tables.verdict(found) or "All 9 sets lost" in study_tables.verdict(found)
