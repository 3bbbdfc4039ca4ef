"""Regimes on the live path: bars of mids, the filter's word, and what it does to quotes."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.engine.scripted import Session, configuration, of
from tests.engine.scripted_venue import MID, SECOND
from titan.calibration.emissions import regime_model
from titan.calibration.regimes import Rule, filter_series, filter_start
from titan.engine.kernel import Kernel
from titan.engine.regimes import BarRegimes, RegimeConfig
from titan.engine.signals import SignalSettings
from titan.live.errors import UsageError
from titan.live.regime_files import read_regimes, regimes_of
from titan.model import commands as c

MODEL = regime_model(
    [0.5, 0.5], [[0.95, 0.05], [0.05, 0.95]], [[0.0, -1.0], [0.0, 1.0]],
    [np.eye(2) * 0.3, np.eye(2) * 0.3], ("calm", "wild"), [0.0, -10.0], [2e-4, 1.0], bound=8.0,
)  # fmt: skip
CONFIG = RegimeConfig(
    symbol="BTCUSDT", bar_s=1.0, model=MODEL, spread_factors=(1.0, 3.0), size_factors=(1.0, 0.5),
    rule=Rule(bars=2),
)  # fmt: skip


def path(seconds: int, swing: float, seed: int = 1) -> list[tuple[int, float]]:
    """Mids ten times a second that swing by a fraction of the price."""
    rng = np.random.default_rng(seed)
    mids = 50_000.0 * np.exp(np.cumsum(swing * rng.standard_normal(10 * seconds)))
    return [(SECOND + at * SECOND // 10, float(mid)) for at, mid in enumerate(mids)]


def after(model: BarRegimes, mids: list[tuple[int, float]]) -> tuple[float, ...]:
    state = model.initial()
    for time_ns, mid in mids:
        state = model.update(state, time_ns, mid)
    return state


def test_before_any_bar_the_widest_quotes_are_in_force() -> None:
    model = BarRegimes(CONFIG)
    assert model.factors(model.initial()) == (3.0, 0.5)


def test_calm_bars_narrow_and_wild_ones_widen() -> None:
    model = BarRegimes(CONFIG)
    assert model.factors(after(model, path(20, 3e-6))) == (1.0, 1.0)
    assert model.factors(after(model, path(20, 5e-5))) == (3.0, 0.5)


def test_the_bars_are_those_of_the_notebook() -> None:
    mids = path(12, 2e-5)
    rows = []
    for second in range(1, 12):
        bar = [mid for time_ns, mid in mids if time_ns // SECOND == second]
        rows.append([math.log(bar[-1] / bar[0]), math.log(math.log(max(bar) / min(bar)))])
    expected = filter_series(MODEL, CONFIG.rule, filter_start(MODEL, 1), rows).state
    found = after(BarRegimes(CONFIG), [*mids[:110], (12 * SECOND, 50_000.0)])
    assert found[5:7] == pytest.approx(expected.probabilities, abs=1e-12)
    assert found[-3:] == expected[3:]


def test_a_bar_without_a_move_or_without_a_mid_is_no_evidence() -> None:
    model = BarRegimes(CONFIG)
    state = after(model, path(10, 3e-6))
    still = model.update(model.update(state, 11 * SECOND, 1.0), 12 * SECOND, 1.0)
    assert state[-1] > 0
    assert still[-1] == 0, "a streak ends where nothing is seen"
    silent = model.update(state, 1_000 * SECOND, 1.0)
    assert silent[5:] == model.initial()[5:], "after a long silence it starts anew"


def session_of(config: RegimeConfig | None) -> Session:
    base = configuration(check_ns=60 * SECOND)
    quiet = SignalSettings(volatility_half_life_s=0.5, usual_memory=4.0)
    session = Session(
        msgspec.structs.replace(base, signals=quiet, regimes=() if config is None else (config,))
    )
    session.start()
    for step in range(40):
        session.tick(MID + step % 2, wait_s=0.25)
    return session


def test_the_regime_in_force_is_in_every_order() -> None:
    session = session_of(CONFIG)
    told = [x.decision for _, out in session.log for x in of(out, c.PlaceOrder | c.AmendOrder) if x.decision]
    assert told[0].regime_spread == 3.0
    assert told[0].spread_multiplier == pytest.approx(3.0)
    plain = session_of(None)
    assert {x.regime_spread for _, out in plain.log for y in of(out, c.PlaceOrder) if (x := y.decision)} == {
        1.0
    }


def test_the_model_is_in_the_journal_and_the_state_in_the_snapshot() -> None:
    session = session_of(CONFIG)
    written = msgspec.msgpack.decode(msgspec.msgpack.encode(session.config), type=type(session.config))
    assert written == session.config
    kernel = Kernel(written, session.modules)
    for event, commands in session.log:
        assert repr(kernel.step(event)) == repr(commands)
    assert kernel.state_hash() == session.kernel.state_hash()
    again = Kernel(written, session.modules, session.kernel.snapshot())
    assert again.snapshot() == session.kernel.snapshot()


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "BTCUSDT.json"
    file.write_bytes(msgspec.json.encode(CONFIG))
    assert read_regimes(file) == CONFIG
    assert regimes_of(tmp_path, ("BTCUSDT", "ETHUSDT")) == (CONFIG,)
    assert regimes_of(tmp_path / "none", ("BTCUSDT",)) == ()
    file.rename(tmp_path / "ETHUSDT.json")
    with pytest.raises(UsageError, match="symbol = BTCUSDT: must be ETHUSDT"):
        regimes_of(tmp_path, ("ETHUSDT",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bar_s": 0.01}, "bar_s = 0.01: must be from 0.1 to 86400"),
        ({"spread_factors": [0.5, 1.0]}, r"spread_factors = \(0.5, 1.0\): must be 2 numbers from 1 to 100"),
        ({"size_factors": [1.0]}, r"size_factors = \(1.0,\): must be 2 numbers from 0 to 1"),
        ({"rule": [2.0, 3, 0.2]}, "threshold and margin must be"),
        ({"colour": 1}, "unknown field `colour`"),
    ],
)
def test_a_file_that_says_what_is_not_allowed_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    file = tmp_path / "BTCUSDT.json"
    file.write_bytes(msgspec.json.encode(msgspec.to_builtins(CONFIG) | change))
    with pytest.raises(UsageError, match=message):
        read_regimes(file)


def test_other_features_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    one = regime_model([1.0], [[1.0]], [[0.0]], [[[1.0]]], ("all",), [0.0], [1.0])
    with pytest.raises(ValueError, match="model has 1 features"):
        RegimeConfig(symbol="X", bar_s=1.0, model=one, spread_factors=(1.0,), size_factors=(1.0,))
    with pytest.raises(UsageError, match="No such file"):
        read_regimes(tmp_path / "none.json")
