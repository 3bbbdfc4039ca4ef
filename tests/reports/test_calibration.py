"""A calibration finds what a drawn market was made of, says when it cannot, and becomes an artefact a runner takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.live.desks import record_capture, write_settings
from tests.reports.tape import linear
from titan import cli
from titan.live.configure import kernel_config
from titan.reports import calibration
from titan.reports.calibration import Asked, calibrate, read_tape, values_of
from titan.reports.errors import ReportError
from titan.settings import load
from titan.store.artefacts import current_artefact
from titan.store.tape import ASK, LAST, TOP, TRADE, Columns, MarkColumns, Tape

BTC = linear("BTCUSDT", "BTC")
SECOND_NS = 1_000_000_000
EMPTY = MarkColumns(*(np.zeros(0, dtype) for dtype in ("i8", "i4", "f8", "f8", "f8", "i8")))


def drawn(
    seconds: int = 3_600, decay: float = 0.5, rate: float = 2.0, sigma: float = 6.0, seed: int = 4
) -> Tape:
    """A market whose mid moves each second by `sigma`, and in which orders reach exponential depths."""
    rng = np.random.default_rng(seed)
    ticks = 600_000 + np.round(10.0 * sigma * rng.standard_normal(seconds + 1).cumsum()).astype(int)
    rows = []
    for second, bid in enumerate(ticks.tolist()):
        start = second * SECOND_NS
        rows += [(start, TOP, bid, 5), (start, TOP | ASK | LAST, bid + 1, 5)]
        for at in np.sort(rng.integers(1, SECOND_NS, rng.poisson(2.0 * rate))).tolist():
            sold = rng.random() < 0.5
            depth = int(rng.exponential(1.0 / decay) * 10.0)
            price = bid - depth if sold else bid + 1 + depth
            rows.append((start + at, TRADE | LAST | (ASK if sold else 0), price, 1))
    time_ns, what, price, size = zip(*rows, strict=True)
    columns = Columns(
        np.array(time_ns, "i8"), np.zeros(len(rows), "i4"), np.array(what, "u1"), np.array(price, "i4"),
        np.array(size, "i4"),
    )  # fmt: skip
    return Tape(BTC, columns, EMPTY)


def test_the_market_it_was_drawn_from_is_found() -> None:
    found = calibrate(drawn(), Asked(farthest_bps=1.0))
    assert found.doubt == ""
    for name in ("sells", "buys", "both"):
        fit = found.fits[name]
        assert fit.decay_low < 0.5 < fit.decay_high
        # Depths are drawn from half a tick off the mid on; the law's rate is that at the mid.
        assert fit.rate_low < 2.0 * np.exp(0.5 * 0.05) < fit.rate_high
        assert fit.misfit < 0.05
    depth, volatility = values_of(found)
    assert depth.low < 1e4 / (0.5 * found.price) < depth.high
    year = np.sqrt(365 * 86_400) * 6.0 / found.price
    assert volatility.low < year < volatility.high


def test_what_cannot_be_relied_on_is_in_doubt() -> None:
    few = calibrate(drawn(seconds=6), Asked(farthest_bps=1.0))
    assert "orders in range: at least 30 are needed" in few.doubt
    assert "misfit" in calibrate(drawn(), Asked(farthest_bps=1.0, largest_misfit=0.01)).doubt
    assert "the mid never moved" in calibrate(drawn(sigma=0.0), Asked(farthest_bps=1.0)).doubt


def test_what_no_calibration_can_be_made_of_is_refused(tmp_path: Path) -> None:
    tape = drawn(seconds=6)
    trades = Tape(BTC, Columns(*(column[(tape.columns.what & TOP) != TOP] for column in tape.columns)), EMPTY)
    tops = (tape.columns.what & 0x7E) == TOP
    with pytest.raises(ReportError, match="no best bid and ask"):
        calibrate(Tape(BTC, Columns(*(column[~tops] for column in tape.columns)), EMPTY), Asked())
    with pytest.raises(ReportError, match="no trades after its first best bid and ask"):
        calibrate(Tape(BTC, Columns(*(column[tops] for column in tape.columns)), EMPTY), Asked())
    with pytest.raises(ReportError, match="shorter than three seconds"):
        calibrate(drawn(seconds=1), Asked())
    assert len(trades) < len(tape)
    with pytest.raises(ReportError, match="captures is empty"):
        read_tape(Asked())
    with pytest.raises(ReportError, match="is no file"):
        read_tape(Asked(captures=str(tmp_path / "absent.gz")))


def test_nothing_that_could_be_used_leaves_the_artefact_as_it_is() -> None:
    tape = drawn(seconds=6, rate=0.2)
    found = calibrate(tape, Asked())
    found = found._replace(fits=found.fits | {"both": found.fits["both"]._replace(decay=float("nan"))})
    with pytest.raises(ReportError, match="nothing was found that could be used"):
        calibration.artefact_of(found, tape, [], Asked())


@pytest.mark.timeout(180)
def test_from_a_capture_to_the_runner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes an artefact; a session's configuration takes it."""
    capture = record_capture(tmp_path / "market.gz", seconds=40.0)
    changes = {
        "strategy__calibrated": "mean_fill_depth_bps, reference_volatility", "strategy__calibration_bound": 1000,
    }  # fmt: skip
    settings = load(write_settings(tmp_path, **changes), environment={})
    asked = [
        "calibrate",
        str(capture),
        "--settings",
        str(tmp_path / "settings.ini"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert cli.main([*asked, "-p", "symbol=NONE"]) == 2
    assert "parameter symbol = NONE: the files hold BTCUSDT" in capsys.readouterr().err
    assert cli.main(asked) == 0
    page = Path(capsys.readouterr().out.splitlines()[-1]).read_text(encoding="utf-8")
    artefact = current_artefact(settings.project.artefacts, "loopback", "BTCUSDT")
    assert artefact.id in page
    assert artefact.data[0].file == capture.name
    assert json.loads((settings.project.artefacts / "loopback.BTCUSDT" / f"{artefact.id}.json").read_text())[
        "study"
    ]
    (strategy,) = kernel_config(settings, "s", "loopback", 0.0).strategies
    assert strategy.calibrated is not None
    assert strategy.calibrated.artefact == artefact.id
    depth = artefact.value("mean_fill_depth_bps")
    assert depth is not None
    assert depth.value in strategy.parameters
