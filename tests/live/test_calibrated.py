"""A session takes calibrated parameters from the instrument's artefact, inside bounds, or does not start."""

import asyncio
import signal
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests.live.desks import SYMBOL, open_exchange, until, write_settings
from tests.store.test_artefacts import FOUND
from titan.engine.strategies import StrategyError
from titan.live.asking import ask
from titan.live.configure import kernel_config
from titan.live.control import control_path
from titan.live.errors import UsageError
from titan.live.runner import RunOptions, run
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.model.commands import PlaceOrder
from titan.settings import load
from titan.store.artefacts import Value, write_artefact
from titan.store.journal import SessionReader
from titan.store.replay import replay_session
from titan.strategy.avellaneda_stoikov import Parameters

TAKEN = {"strategy__calibrated": "mean_fill_depth_bps, reference_volatility"}
VALUES = (
    Value("mean_fill_depth_bps", 0.03, 0.02, 0.04, "bps"),
    Value("reference_volatility", 0.4, 0.3, 0.5, "1/sqrt(year)"),
)
BTC = msgspec.structs.replace(FOUND, venue="loopback", values=VALUES, expires_ns=2**62)


def settings_with(folder: Path, **changes):
    return load(write_settings(folder, **TAKEN | changes), environment={})


def configured(settings):
    (found,) = kernel_config(settings, "s", "loopback", 0.0).strategies
    return found


def test_values_take_the_place_of_those_of_the_settings(tmp_path):
    settings = settings_with(tmp_path)
    write_artefact(settings.project.artefacts, BTC)
    found = configured(settings)
    parameters = Parameters(*found.parameters)
    assert (parameters.mean_fill_depth_bps, parameters.reference_volatility) == (0.03, 0.4)
    assert found.calibrated is not None
    assert (found.calibrated.artefact, found.calibrated.hold) == (BTC.id, False)


@pytest.mark.parametrize(
    ("changes", "values", "told"),
    [
        ({}, VALUES[:1], "calibrated = reference_volatility: no such parameter"),
        ({"strategy__calibrated": "luck"}, VALUES, "calibrated = luck: no such parameter"),
        (
            {},
            (Value("mean_fill_depth_bps", 0.5, 0, 1, "bps"), VALUES[1]),
            "0.5, and 0.02 stands here: more than",
        ),
        ({"strategy__calibration_bound": 1.2}, VALUES, "more than calibration_bound = 1.2 apart"),
    ],
)
def test_what_is_missing_or_too_far_off_is_refused(tmp_path, changes, values, told):
    settings = settings_with(tmp_path, **changes)
    write_artefact(settings.project.artefacts, msgspec.structs.replace(BTC, values=values))
    with pytest.raises(StrategyError) as caught:
        configured(settings)
    assert told in str(caught.value)


def test_without_an_artefact_nothing_starts(tmp_path):
    with pytest.raises(UsageError, match="run 'titan calibrate' first"):
        configured(settings_with(tmp_path))


async def test_a_reload_takes_up_a_new_artefact_and_orders_name_it(tmp_path):
    newer = msgspec.structs.replace(BTC, doubt="12 orders in range", made_ns=5)
    async with open_exchange() as (desk, url):
        settings = settings_with(tmp_path, venue__rest_url=url)
        write_artefact(settings.project.artefacts, BTC)
        options = RunOptions(
            venue="loopback",
            quiet=True,
            read_settings=lambda: load(tmp_path / "settings.ini", environment={}),
        )
        session = asyncio.create_task(run(settings, options))
        path = control_path(settings.project.journals, "loopback.main")
        trades = partial(desk.exchange.trades, DEFAULT_CREDENTIALS.key, SYMBOL)
        await until(lambda: len(trades()) > 3)
        write_artefact(settings.project.artefacts, newer)
        answer = await asyncio.to_thread(ask, path, 10.0, action="reload", who="Ada", why="a new day")
        assert answer["text"] == f"avellaneda_stoikov on BTCUSDT: artefact: {BTC.id} -> {newer.id}"
        before = len(trades())
        await until(lambda: len(trades()) > before + 3)
        signal.raise_signal(signal.SIGTERM)
        result = await session
    assert result.exit_code == 0
    commands = [x for _, _, x in SessionReader(Path(result.summary["journal"])).commands()]
    named = [x.decision.artefact for x in commands if isinstance(x, PlaceOrder) and x.decision]
    assert list(dict.fromkeys(named)) == [BTC.id, newer.id]
    assert replay_session(Path(result.summary["journal"])).identical
