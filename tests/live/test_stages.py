"""No strategy trades where it was not promoted to; all of these end before anything is sent."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import msgspec
import pytest

from tests.live.desks import REPOSITORY, read_settings, write_settings
from tests.live.promoted import NAME, promote
from titan.cli import main_live
from titan.engine.configuration import KernelConfig
from titan.live.configure import kernel_config
from titan.live.control import Control
from titan.live.errors import StartRefused
from titan.live.runner import Runner, RunOptions
from titan.live.stages import identity_of, require_promotions, standing, strategy_sources
from titan.live.venue import VenueAddress
from titan.settings import Settings
from titan.store.promotions import Promotion, read_promotions


def desk(folder: Path, **changes: object) -> Settings:
    return read_settings(folder, project__promotions=folder / "promotions", **changes)


def config_of(settings: Settings) -> KernelConfig:
    return kernel_config(settings, "", "loopback", 0.0)


def refused(settings: Settings, mode: str) -> str:
    """Why a mode is refused; empty if it is not."""
    try:
        require_promotions(settings, config_of(settings), mode)
    except StartRefused as error:
        return str(error)
    return ""


# ---- The rule


@pytest.mark.parametrize("require_from", ["shadow", "paper", "canary"])
def test_which_modes_need_a_record(tmp_path, require_from):
    settings = desk(tmp_path, promotion__require_from=require_from)
    needed = [mode for mode in ("loopback", "shadow", "paper", "canary", "live") if refused(settings, mode)]
    order = ["shadow", "paper", "canary", "live"]
    assert needed == order[order.index(require_from) :]


@pytest.mark.parametrize("stage", ["shadow", "paper", "canary", "live"])
def test_a_record_lets_its_mode_run_and_those_below(tmp_path, stage):
    settings = desk(tmp_path, promotion__require_from="shadow")
    promote(settings, stage)
    order = ["shadow", "paper", "canary", "live"]
    for mode in order:
        assert bool(refused(settings, mode)) == (order.index(mode) > order.index(stage))


def test_a_refusal_says_where_it_stands_and_what_to_run(tmp_path):
    settings = desk(tmp_path)
    assert refused(settings, "live") == (
        "mode live needs a record of promotion: avellaneda_stoikov stands at research; "
        "run 'titan promote avellaneda_stoikov --to shadow'; live comes after it"
    )
    promote(settings, "canary")
    assert refused(settings, "canary") == ""
    assert refused(settings, "live") == (
        "mode live needs a record of promotion: avellaneda_stoikov stands at canary; "
        "run 'titan promote avellaneda_stoikov --to live'"
    )


def test_a_demotion_takes_the_mode_away(tmp_path):
    settings = desk(tmp_path)
    promote(settings, "live")
    promote(settings, "paper")
    assert "stands at paper" in refused(settings, "canary")


def test_other_parameters_make_the_record_not_count(tmp_path):
    promote(desk(tmp_path), "live")
    changed = desk(tmp_path, strategy__mean_fill_depth_bps=0.03)
    said = refused(changed, "live")
    assert "has one to live that does not count: BTCUSDT: mean_fill_depth_bps is 0.03, not 0.02" in said
    assert "run 'titan promote avellaneda_stoikov --to shadow'" in said


def test_another_source_makes_the_record_not_count(tmp_path):
    settings = desk(tmp_path)
    promote(settings, "live")
    (record,) = read_promotions(settings.project.promotions, NAME)
    present = msgspec.structs.replace(
        record.identity, sources={**record.identity.sources, f"titan.{NAME}": "x"}
    )
    stands = standing((record,), present)
    assert (stands.stage, stands.departure) == ("research", f"the source of titan.{NAME} differs")


def test_a_calibrated_parameter_may_follow_its_artefact_inside_the_bound(tmp_path):
    settings = desk(tmp_path, strategy__calibrated="mean_fill_depth_bps", strategy__calibration_bound=2)
    (config,) = config_of(desk(tmp_path)).strategies
    identity = identity_of([config], settings.strategy[NAME])
    assert (identity.calibrated, identity.calibration_bound) == (("mean_fill_depth_bps",), 2.0)
    records = (
        Promotion(
            strategy=NAME, stage="canary", to="live", identity=identity, gates=(), evidence=(), operator="ann",
            reason="", time_ns=0, commit="c", previous="",
        ),
    )  # fmt: skip
    for depth, stage in ((0.01, "live"), (0.04, "live"), (0.041, "research")):
        values = identity.parameters["BTCUSDT"] | {"mean_fill_depth_bps": depth}
        assert (
            standing(records, msgspec.structs.replace(identity, parameters={"BTCUSDT": values})).stage
            == stage
        )


def test_a_touched_record_refuses_the_start(tmp_path):
    settings = desk(tmp_path)
    promote(settings, "live")
    (path,) = (tmp_path / "promotions" / NAME).glob("*.json")
    path.write_bytes(path.read_bytes().replace(b"ann", b"bob"))
    assert "was changed after it was written" in refused(settings, "live")


# ---- The runner


def test_a_live_start_without_a_record_ends_with_3(tmp_path, monkeypatch, capsys):
    for key in ("API_KEY", "API_SECRET"):
        monkeypatch.setenv(f"TITAN_VENUE__LOOPBACK__{key}", "k")
    path = write_settings(tmp_path, live__mode="live", project__promotions=tmp_path / "promotions")
    assert main_live(["--settings", str(path), "--live", "--account", "main"]) == 3
    assert "stands at research; run 'titan promote avellaneda_stoikov --to shadow'" in capsys.readouterr().err
    assert not (tmp_path / "journals").exists()


def test_paper_is_refused_where_the_settings_require_a_record(tmp_path, capsys):
    path = write_settings(
        tmp_path,
        live__mode="paper",
        promotion__require_from="paper",
        project__promotions=tmp_path / "promotions",
    )
    assert main_live(["--settings", str(path)]) == 3
    assert "mode paper needs a record of promotion" in capsys.readouterr().err


def test_a_reload_cannot_bring_in_what_was_not_promoted(tmp_path, monkeypatch):
    """Nor can it by stating a mode that needs no record: the session goes on in its own."""
    settings = desk(tmp_path, live__mode="canary")
    promote(settings, "canary")
    stated = {"now": settings}
    options = RunOptions(venue="loopback", read_settings=lambda: stated["now"])
    runner = Runner(settings, options, VenueAddress("", "", ""), "loopback.main")
    runner._configure = lambda now: kernel_config(now, "s", "loopback", 0.0)
    kept = {}
    monkeypatch.setattr(Control, "__init__", lambda control, *given: kept.update(read_again=given[4]))
    runner._control(type("Session", (), {})())
    assert msgspec.msgpack.decode(kept["read_again"](), type=KernelConfig).size_share == 0.01
    for changes in ({}, {"live__mode": "loopback"}):
        stated["now"] = desk(tmp_path, strategy__requote_ticks=3, **changes)
        with pytest.raises(StartRefused, match="requote_ticks is 3, not 1"):
            kept["read_again"]()


# ---- What a strategy is made of


def test_the_sources_are_the_strategys_and_the_mathematics_that_it_imports():
    found = strategy_sources("titan.strategy.glft")
    assert {"titan.strategy.glft", "titan.strategy.glft_table", "titan.strategy.quoting"} <= set(found)
    assert not any(name.startswith(("titan.model", "titan.engine", "numpy")) for name in found)
    content = (REPOSITORY / "titan" / "strategy" / "glft_table.py").read_bytes()
    assert found["titan.strategy.glft_table"] == hashlib.sha256(content).hexdigest()[:16]


def test_a_module_that_a_strategy_of_another_package_imports_is_its_own(tmp_path, monkeypatch):
    package = tmp_path / "their_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "maker.py").write_text(
        "import math\nimport their_package.far\nfrom . import near\nfrom .deep import SIZE\n"
        "from titan.market import fair_value\n"
    )
    for name in ("near", "far", "deep"):
        (package / f"{name}.py").write_text("SIZE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = strategy_sources("their_package.maker")
    names = {"their_package", *(f"their_package.{name}" for name in ("maker", "near", "far", "deep"))}
    assert set(before) == names
    (package / "deep.py").write_text("SIZE = 2\n")
    after = strategy_sources("their_package.maker")
    assert {name for name in names if before[name] != after[name]} == {"their_package.deep"}
    for name in names:
        sys.modules.pop(name, None)
