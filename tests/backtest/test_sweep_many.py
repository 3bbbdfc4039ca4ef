"""Many markets: the same bytes on one worker and on two, and on every backend that is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.backtest.sweeping import AVELLANEDA, MS
from tests.live.desks import record_capture
from titan.backtest.sweep import many
from titan.backtest.sweep.many import BACKENDS, BackendError, Capture, Made, ManyResult, Stored, sweep_many
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.synthetic import synthetic_tape
from titan.store.capture_tapes import parts_of
from titan.store.catalogue import write_part

NARROW = {"mean_fill_depth_bps": 0.01, "minimum_half_spread_bps": 0.01}
SETS = [
    ParameterSet(f"{skew}", AVELLANEDA, NARROW | {"skew_at_max_inventory_bps": skew}, entry=2 * MS)
    for skew in (0.1, 0.2)
]
MARKETS = {"first": Made(6_000, 1), "second": Made(4_000, 2)}


@pytest.fixture(scope="module")
def alone() -> ManyResult:
    return sweep_many(MARKETS, SETS)


def test_every_set_trades_on_every_market(alone: ManyResult) -> None:
    frame = alone.frame()
    assert frame.index.tolist() == [(market, one.name) for market in MARKETS for one in SETS]
    assert (frame["fills"] > 0).all()
    assert alone.by == "sweep"
    assert alone["first"].digest != alone["second"].digest


@pytest.mark.timeout(300)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_bytes_on_two_workers(alone: ManyResult, backend: str) -> None:
    if find_spec(BACKENDS[backend]) is None:
        pytest.skip(f"{BACKENDS[backend]} is not installed: it comes with titan-mm[cluster]")
    assert sweep_many(MARKETS, SETS, workers=2, backend=backend).digest == alone.digest


def test_a_market_may_be_a_file_a_catalogue_or_a_tape(alone: ManyResult, tmp_path: Path) -> None:
    capture = record_capture(tmp_path / "market", seconds=6.0)
    for part in parts_of([capture], "loopback"):
        write_part(tmp_path / "data", part)
    found = sweep_many(
        {
            "file": Capture(capture),
            "catalogue": Stored(tmp_path / "data", "loopback", "BTCUSDT"),
            "tape": synthetic_tape(6_000, 1),
        },
        SETS,
    )
    assert found["tape"].digest == alone["first"].digest
    assert found["file"].events > 100
    assert found["catalogue"].events > 100


def test_a_strategy_that_numba_cannot_compile_says_so() -> None:
    stubborn = ParameterSet("stubborn", "tests.backtest.stubborn")
    assert sweep_many({"one": Made(1_500, 1)}, [stubborn]).by == "replay"
    assert sweep_many({"one": Made(1_500, 1)}, [stubborn, *SETS]).by == "sweep and replay"


def test_what_cannot_be_shared_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="markets is empty"):
        sweep_many({}, SETS)
    with pytest.raises(ValueError, match="workers = 0"):
        sweep_many(MARKETS, SETS, workers=0)
    with pytest.raises(BackendError, match="must be one of loky, dask, ray"):
        sweep_many(MARKETS, SETS, backend="spark")
    monkeypatch.setattr(many, "find_spec", lambda name: None if name == "ray" else object())
    with pytest.raises(BackendError, match=r"backend ray needs ray: install titan-mm\[cluster\]"):
        sweep_many(MARKETS, SETS, backend="ray")
