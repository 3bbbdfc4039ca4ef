"""`import titan` as a researcher has it: cheap, callable, at home in a running loop, and clear about what is wrong."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

import titan
from tests.live.desks import read_settings
from titan.backtest import sweep_study, trial
from titan.backtest.cell_strategies import code_of
from titan.backtest.sweep.capture_tape import capture_tape
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.run import SweepError
from titan.backtest.sweep_study import SweepStudy
from titan.engine.strategies import StrategyError
from titan.live.errors import UsageError
from titan.loopback.recording import record_market
from titan.model.contract import ParameterError, Quotes, Range, View
from titan.reports.errors import ParameterProblem, ReportError
from titan.reports.session_frames import SessionFrames
from titan.store.artefacts import read_artefact
from titan.store.captures import CaptureError

AVELLANEDA = "titan.strategy.avellaneda_stoikov"
FREE = {"maker_fee": Decimal("-0.00005")}


class PatientMaker:
    """As a cell would define it: quotes about the mid."""

    class Parameters(NamedTuple):
        half_spread_bps: Annotated[float, Range(0.0, 100.0, "bps", "distance of each quote from the mid")] = (
            0.02
        )
        size: Annotated[float, Range(0.001, 10.0, "coins", "size of each quote")] = 0.01

    class State(NamedTuple):
        mid: float

    @staticmethod
    def initial(parameters: Any) -> Any:
        return PatientMaker.State(float("nan"))

    @staticmethod
    def update(parameters: Any, state: Any, view: View) -> Any:
        return state._replace(mid=(view.bid + view.ask) / 2)

    @staticmethod
    def quote(parameters: Any, state: Any, view: View) -> Quotes:
        away = state.mid * parameters.half_spread_bps * 1e-4
        return Quotes(
            state.mid - away, parameters.size, state.mid + away, parameters.size, state.mid, state.mid
        )


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_market(tmp_path_factory.mktemp("captures") / "market", seconds=12.0, seed=3)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return read_settings(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def patient(capture: Path, desk: Any) -> SessionFrames:
    """A backtest of a strategy of a cell, begun where an event loop runs."""

    async def cell() -> SessionFrames:
        return titan.backtest(capture, PatientMaker, parameters={"half_spread_bps": 0.03}, settings=desk)

    return asyncio.run(cell())


# ---- The import ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first", ["import titan.backtest.sweep", "from titan.backtest import sweep", "titan.backtest"]
)
def test_a_room_that_can_be_called_stays_a_package(first: str) -> None:
    """And neither it nor the face loads anything heavy before it is called."""
    code = (
        f"import sys, titan; {first}; import titan.backtest.sweep as package; import inspect, types\n"
        "assert isinstance(titan.backtest, types.ModuleType) and callable(titan.backtest)\n"
        "assert titan.backtest.sweep is package and titan.sweep is not package\n"
        "assert 'sweep' in dir(titan.backtest) and 'sweep' in dir(titan)\n"
        "print(*sorted({'numpy', 'pandas', 'matplotlib', 'numba'} & set(sys.modules)))\n"
    ).replace("titan.sweep is not package", "'titan.sweep' not in sys.modules")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_rooms_signature_is_the_functions() -> None:
    assert inspect.signature(titan.backtest) == inspect.signature(trial.backtest)
    assert titan.sweep is importlib.import_module("titan.backtest.sweep_study").sweep


# ---- Backtests -----------------------------------------------------------------------------------------------


def test_a_strategy_of_a_cell_trades_in_a_running_loop(patient: SessionFrames) -> None:
    (strategy,) = patient.result.recording.config.strategies
    assert (strategy.name, strategy.parameters) == ("patient_maker", (0.03, 0.01))
    assert set(patient.fills["strategy"]) == {"patient_maker"}
    half_spread = (patient.decisions["wanted"] / patient.decisions["fair_value"] - 1).abs() * 1e4
    assert (half_spread >= 0.03 - 1e-9).all()
    assert not patient.result.failed
    assert patient.faults == ()


def test_the_journal_names_the_text_of_the_cell(patient: SessionFrames) -> None:
    (strategy,) = patient.result.recording.config.strategies
    kept = patient.directory / f"{strategy.code.rpartition('.')[2]}.py"
    text = kept.read_text(encoding="utf-8")
    assert "away = state.mid * parameters.half_spread_bps * 1e-4" in text
    assert (
        "half_spread_bps: typing.Annotated[float, Range(low=0.0, high=100.0, unit='bps',"
        in kept.read_text(encoding="utf-8")
    )
    assert code_of(PatientMaker) == strategy.code
    assert patient.directory.name == patient.session


def test_an_edited_cell_has_another_name() -> None:
    class Wider(NamedTuple):
        half_spread_bps: Annotated[float, Range(0.0, 100.0, "bps", "distance")] = 0.05

    functions = {name: getattr(PatientMaker, name) for name in ("initial", "update", "quote")}
    edited = SimpleNamespace(Parameters=Wider, State=PatientMaker.State, **functions)
    assert code_of(edited) != code_of(PatientMaker)


def test_the_same_without_a_loop_and_by_the_settings(
    capture: Path, desk: Any, patient: SessionFrames
) -> None:
    again = titan.backtest(capture, PatientMaker, parameters={"half_spread_bps": 0.03}, settings=desk)
    assert again.fills["price"].tolist() == patient.fills["price"].tolist()
    assert again.total == patient.total
    named = titan.backtest(capture, "avellaneda_stoikov", settings=desk, seconds=3.0)
    everything = titan.backtest(capture, settings=desk, seconds=3.0)
    assert named.pnl.equals(everything.pnl)
    other = titan.backtest(
        capture, AVELLANEDA, parameters={"mean_fill_depth_bps": 5.0}, settings=desk, seconds=3.0
    )
    assert other.decisions["wanted"].tolist() != named.decisions["wanted"].tolist()


def test_a_strategy_that_raises_is_told_where_the_result_is_shown(capture: Path, desk: Any) -> None:
    functions = {name: getattr(PatientMaker, name) for name in ("initial", "update")}

    def quote(parameters: Any, state: Any, view: View) -> Quotes:
        raise ArithmeticError("a slip <of the pen>")

    slip = SimpleNamespace(
        Parameters=PatientMaker.Parameters, State=PatientMaker.State, quote=quote, **functions
    )
    found = titan.backtest(capture, slip, settings=desk, seconds=2.0)
    (fault,) = found.faults
    assert fault.startswith("strategy_quarantined: ")
    assert "ArithmeticError: a slip <of the pen>" in fault
    assert "a slip &lt;of the pen&gt;" in found._repr_html_()
    assert fault in repr(found)
    assert found.orders.empty


def test_a_session_ended_by_a_limit_says_so(capture: Path, tmp_path: Path) -> None:
    careful = read_settings(tmp_path, risk__max_drawdown="0.000001")
    found = titan.backtest(capture, settings=careful)
    assert any("exit code 4" in fault for fault in found.faults)


def test_a_fault_in_the_loop_of_its_own_reaches_the_caller() -> None:
    async def fail() -> None:
        raise UsageError("as it was raised")

    async def cell() -> None:
        trial.to_its_end(fail)

    with pytest.raises(UsageError, match="as it was raised"):
        asyncio.run(cell())


def test_a_stop_button_cancels_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of waiting for a market's end."""
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    class Interrupted(trial.ThreadPoolExecutor):
        def submit(self, function: Any, /, *given: Any) -> Any:
            super().submit(function, *given)

            def result() -> None:
                raise KeyboardInterrupt

            return SimpleNamespace(result=result)

    monkeypatch.setattr(trial, "ThreadPoolExecutor", Interrupted)

    async def cell() -> None:
        trial.to_its_end(endless)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(cell())
    assert ended == ["cancelled"]


class Methods(PatientMaker):
    def quote(self, *given: Any) -> Any:  # type: ignore[override]
        return given


def made_of_nothing() -> Any:
    """A strategy whose function has no source."""
    functions = {name: getattr(PatientMaker, name) for name in ("initial", "update")}
    namespace: dict[str, Any] = {}
    exec("def quote(parameters, state, view): return None", namespace)
    return SimpleNamespace(
        Parameters=PatientMaker.Parameters, State=PatientMaker.State, quote=namespace["quote"], **functions
    )


@pytest.mark.parametrize(
    ("strategy", "parameters", "error", "said"),
    [
        (SimpleNamespace, {}, StrategyError, "lacks Parameters, State, initial, update, quote"),
        (Methods(), {}, StrategyError, "quote: must be a plain function; put @staticmethod above it"),
        (made_of_nothing(), {}, StrategyError, "the source of quote cannot be read"),
        ("nobody", {}, ParameterError, r"there is no \[strategy.nobody\]; there are avellaneda_stoikov"),
        ("no.such_module", {}, StrategyError, "cannot be imported"),
        (
            PatientMaker,
            {"speed": 1.0},
            ParameterError,
            "speed: unknown parameter; known are half_spread_bps, size",
        ),
        (PatientMaker, {"size": 99.0}, ParameterError, "size = 99.0: out of range"),
        (None, {"size": 1.0}, ParameterError, "of which strategy"),
    ],
)
def test_a_strategy_that_cannot_be_hosted_is_told(
    capture: Path, desk: Any, strategy: Any, parameters: dict[str, float], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        titan.backtest(capture, strategy, parameters=parameters, settings=desk)


def test_which_capture_must_be_clear(tmp_path: Path, desk: Any) -> None:
    with pytest.raises(CaptureError, match=r"absent: is not there; 'titan record' makes captures"):
        titan.backtest(tmp_path / "absent", settings=desk)
    for name in ("a", "b"):
        (tmp_path / f"{name}.capture.gz").touch()
    with pytest.raises(CaptureError, match="holds 2 captures, and a backtest is on one"):
        titan.backtest(tmp_path, settings=desk)


# ---- Sweeps --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept(capture: Path) -> SweepStudy:
    values = {"half_spread_bps": [0.01, 0.03, 0.3], "size": [0.01, 0.1]}
    return titan.sweep(capture, values, strategy=PatientMaker, **FREE)


def test_every_combination_is_a_set(swept: SweepStudy) -> None:
    assert len(swept.sets) == len(swept.frame) == 6
    assert swept.varied == ("half_spread_bps", "size")
    assert (
        swept.frame["spread"] + swept.frame["inventory"] - swept.frame["fees"]
    ).to_list() == pytest.approx(swept.frame["total"].to_list())
    assert swept.frame["total"].max() == swept.frame.loc[swept.best.name, "total"]
    assert swept.frame["how"].str.contains("plain Python, for numba: .*inside another definition").all()


def test_a_heat_map_shows_each_set_in_its_place(swept: SweepStudy) -> None:
    table = swept.table()
    assert table.shape == (2, 3)
    place = swept.frame.loc["set 4", "total"]
    assert table.loc[0.1, 0.03] == place
    assert swept.table(x="size", value="fills").loc[0.03, 0.1] == swept.frame["fills"].iloc[3]
    texts = [text.get_text() for text in swept.plot().axes[0].texts]
    assert texts == [f"{number:.4g}" for number in table.to_numpy().ravel()]
    assert swept.plot().png().startswith(b"\x89PNG")


def test_one_parameter_is_a_line_and_none_are_bars(capture: Path) -> None:
    tape = capture_tape(capture)
    line = titan.sweep(tape, {"size": [0.1, 0.01]}, strategy=PatientMaker)
    (drawn,) = line.plot().axes[0].lines
    assert np.asarray(drawn.get_xdata()).tolist() == [0.01, 0.1]
    one = titan.sweep(tape, [ParameterSet("alone", PatientMaker)])
    assert [bar.get_height() for bar in one.plot().axes[0].patches] == one.frame["total"].tolist()
    with pytest.raises(SweepError, match="1 parameters are varied, and this needs two"):
        line.table()
    with pytest.raises(SweepError, match="glamour: no such column; there are size, spread"):
        line.table(x="size", y="size", value="glamour")


def test_a_notebook_shows_the_best_first(swept: SweepStudy) -> None:
    html = swept._repr_html_()
    depth, size = swept.best.parameters.values()
    assert f"{swept.best.name} (half_spread_bps {depth:g}, size {size:g}), made" in html
    order = sorted(swept.frame.index, key=lambda name: -swept.frame.loc[name, "total"])
    found = [html.index(f">{name}<") for name in order]
    assert found == sorted(found)
    assert repr(swept).splitlines()[0] in html


def test_the_settings_say_what_a_sweep_leaves_open(capture: Path, desk: Any) -> None:
    study = sweep_study._combined(
        {"skew_at_max_inventory_bps": [0.1, 0.2]}, "avellaneda_stoikov", desk, "", {}
    )
    stated = desk.strategy["avellaneda_stoikov"].parameters
    assert [one.parameters["skew_at_max_inventory_bps"] for one in study] == [0.1, 0.2]
    assert {one.parameters["mean_fill_depth_bps"] for one in study} == {float(stated["mean_fill_depth_bps"])}
    with pytest.raises(SweepError, match=r"there is no \[strategy.nobody\]; there are avellaneda_stoikov"):
        titan.sweep(capture, {"size": [0.1]}, strategy="nobody", settings=desk)


@pytest.mark.parametrize(
    ("sets", "more", "said"),
    [
        ({"size": [1.0]}, {}, "needs strategy="),
        ({}, {"strategy": AVELLANEDA}, "the mapping holds no values"),
        ({"size": []}, {"strategy": AVELLANEDA}, "size holds no values"),
        ({"size": [1.0]}, {"strategy": AVELLANEDA, "speed": 2}, "speed: no field of ParameterSet"),
        ([ParameterSet("a", AVELLANEDA)], {"entry": 2}, "entry: stand in each ParameterSet"),
        ({"size": [0.1]}, {"strategy": PatientMaker, "workers": 2}, "sweep it with workers=1"),
    ],
)
def test_a_sweep_that_is_not_clear_is_told(capture: Path, sets: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(SweepError, match=said):
        titan.sweep(capture, sets, **more)


# ---- Calibration ---------------------------------------------------------------------------------------------


def test_a_calibration_has_values_with_intervals_and_an_artefact(capture: Path, tmp_path: Path) -> None:
    found = titan.calibrate(capture)
    assert list(found.values.index) == ["mean_fill_depth_bps", "reference_volatility"]
    assert (
        (found.values["low"] < found.values["value"]) & (found.values["value"] < found.values["high"])
    ).all()
    assert set(found.fits.columns) == {"sells", "buys", "both"}
    assert found.parameters["mean_fill_depth_bps"] == found.values.loc["mean_fill_depth_bps", "value"]
    kept = read_artefact(found.write(tmp_path))
    assert (kept.id, kept.doubt) == (found.artefact().id, found.doubt)
    assert kept.data[0].file == capture.name
    assert found.plot().png().startswith(b"\x89PNG")
    assert "mean_fill_depth_bps" in found._repr_html_()
    assert repr(found).startswith("BTCUSDT: mean_fill_depth_bps")


def test_a_calibration_of_several_files_or_none(capture: Path, tmp_path: Path) -> None:
    later = record_market(tmp_path / "later", seconds=6.0, seed=4)
    assert titan.calibrate([capture, later]).files == (capture, later)
    refused: list[tuple[Callable[[], Any], type[Exception], str]] = [
        (lambda: titan.calibrate(tmp_path / "absent"), ReportError, "is no file"),
        (lambda: titan.calibrate(tmp_path / "a,b"), ReportError, "a comma separates captures"),
        (lambda: titan.calibrate(capture, "ETHUSDT"), ReportError, "the files hold BTCUSDT"),
        (
            lambda: titan.calibrate(capture, largest_misfit=9.0),
            ParameterProblem,
            "must be between 0.01 and 1",
        ),
    ]
    for ask, error, said in refused:
        with pytest.raises(error, match=said):
            ask()
