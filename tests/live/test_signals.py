"""The desk as shipped measures every signal, heeds it, explains its quotes by it, and replays them from disk."""

from __future__ import annotations

import pytest

from tests.live.desks import REPOSITORY, read_settings
from tests.sessions import Rehearsal
from titan import settings
from titan.engine.signals import SignalSettings
from titan.live.configure import kernel_config
from titan.model.commands import AmendOrder, PlaceOrder
from titan.model.contract import parameter_ranges
from titan.settings import SettingsError
from titan.store.journal import SessionReader
from titan.store.replay import replay_session
from titan.strategy.adjustments import Parameters

KEYS = [
    *(("quoting", name) for name in parameter_ranges(Parameters)),
    *(("signals", name) for name in parameter_ranges(SignalSettings)),
]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    rehearsal = Rehearsal(tmp_path_factory.mktemp("shipped"), configure=lambda config: config)
    rehearsal.start()
    rehearsal.run(25.0)
    rehearsal.stop()
    return rehearsal


def decisions(rehearsal):
    commands = [command for _, _, command in SessionReader(rehearsal.directory).commands()]
    return [c.decision for c in commands if isinstance(c, PlaceOrder | AmendOrder) and c.decision]


@pytest.mark.parametrize(
    "name",
    ["toxicity_rank", "markout_bps", "volatility_ratio", "inventory_share", "skew_bps", "edge_bps"],
)
def test_every_signal_is_known_after_a_while_and_never_the_same(shipped, name):
    seen = [getattr(decision, name) for decision in decisions(shipped)]
    assert len(set(seen) - {None}) > 3
    assert seen[-1] is not None


def test_the_quotes_heed_them(shipped):
    found = decisions(shipped)
    assert len({decision.spread_multiplier for decision in found}) > 3
    assert len({decision.size_multiplier for decision in found}) > 3
    assert found[0].spread_multiplier > min(decision.spread_multiplier for decision in found)


def test_the_session_replays_from_disk(shipped):
    replay = replay_session(shipped.directory)
    assert (replay.identical, replay.difference) == (True, "")
    assert replay.state_hash == shipped.kernel.state_hash()


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_reaches_the_kernel_and_keeps_to_its_range(tmp_path, section, key):
    stated = {"quoting": Parameters, "signals": SignalSettings}[section]
    allowed = parameter_ranges(stated)[key]
    changed = read_settings(tmp_path, **{f"{section}__{key}": int(allowed.high)})
    assert getattr(getattr(kernel_config(changed, "s", "loopback", 0), section), key) == int(allowed.high)
    with pytest.raises(SettingsError, match=key):
        read_settings(tmp_path, **{f"{section}__{key}": allowed.high + 1})


def test_without_the_sections_nothing_is_adjusted():
    assert Parameters(**settings.Quoting().model_dump()) == Parameters()
    assert SignalSettings(**settings.Signals().model_dump()) == SignalSettings()
    assert "[quoting]" in (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
