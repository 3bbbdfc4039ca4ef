"""A risk result reaches the engine when its file changes; a broken file changes nothing; what operators see of risk."""

from __future__ import annotations

import asyncio
import json
import math
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.engine.losing import TIGHT, fall, holding, result
from tests.engine.scripted import RISK, Session, configuration
from tests.live.desks import open_exchange, read_settings, trade, until
from titan.engine.risk_settings import EstimateSettings, RiskSettings
from titan.live.asking import ask, lines
from titan.live.configure import kernel_config
from titan.live.control import control_path
from titan.live.risk_beside import setup_of
from titan.live.risk_record import NAME as PRICES
from titan.live.risk_results import NAME, RiskResults
from titan.live.status import status
from titan.live.telemetry import Telemetry
from titan.model.contract import ParameterError
from titan.model.events import RiskPart, RiskResult, StrategyPart, StressLoss
from titan.store.replay import replay_session

STATED: dict[str, Any] = {
    "source": "daily study", "currency": "USDT", "shortfall": 12.5, "computed_ns": 5, "expires_ns": 9,
    "parts": [{"venue": "v", "symbol": "BTCUSDT", "shortfall": 12.5}], "stresses": [{"name": "crash", "loss": 80.0}],
}  # fmt: skip


def put(path: Path, content: str) -> None:
    """Write it whole and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_text(content)
    aside.replace(path)


def watching(path: Path) -> tuple[RiskResults, list[Any], list[str]]:
    told: list[Any] = []
    complaints: list[str] = []
    return RiskResults(path, lambda make: told.append(make(7)), complaints.append), told, complaints


def test_a_file_is_taken_in_once_each_time_it_changes(tmp_path):
    results, told, complaints = watching(tmp_path / NAME)
    results.watch()
    put(tmp_path / NAME, json.dumps(STATED))
    results.watch()
    results.watch()
    assert told == [
        RiskResult(
            time_ns=7, source="daily study", currency="USDT", shortfall=12.5, computed_ns=5, expires_ns=9,
            parts=(RiskPart("v", "BTCUSDT", 12.5),), stresses=(StressLoss("crash", 80.0),),
        )
    ]  # fmt: skip
    put(tmp_path / NAME, json.dumps(STATED | {"shortfall": 13.0}))
    results.watch()
    assert [event.shortfall for event in told] == [12.5, 13.0]
    assert complaints == []


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", json.dumps(STATED | {"shortfal": 1}), json.dumps(STATED | {"shortfall": "12"}),
        json.dumps(STATED).replace("12.5", "NaN"), json.dumps({k: v for k, v in STATED.items() if k != "expires_ns"}),
    ],
)  # fmt: skip
def test_a_file_that_is_no_result_is_told_once_and_changes_nothing(tmp_path, content):
    results, told, complaints = watching(tmp_path / NAME)
    put(tmp_path / NAME, content)
    results.watch()
    results.watch()
    assert told == []
    assert len(complaints) == 1
    assert "rename it into place" in complaints[0]


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    results, told, complaints = watching(tmp_path)
    results.watch()
    assert (told, len(complaints)) == ([], 1)


async def test_a_running_session_takes_it_in_and_its_journal_replays(tmp_path):
    file = read_settings(tmp_path, risk__max_shortfall="100").project.data / NAME
    async with open_exchange() as (exchange, url):
        session = asyncio.create_task(trade(tmp_path, url, risk__max_shortfall="100"))
        path = control_path(read_settings(tmp_path).project.journals, "loopback.main")

        async def shown() -> dict[str, Any]:
            return (await asyncio.to_thread(ask, path, 10.0, action="status"))["status"]

        await until(lambda: exchange.exchange.open_orders and path.exists())
        async with asyncio.timeout(20):
            while (await shown())["phase"] != "running":
                await asyncio.sleep(0.05)
        now_ns = exchange.exchange.now_ns
        stated = STATED | {
            "shortfall": 75.0,
            "parts": [],
            "computed_ns": now_ns - 10**9,
            "expires_ns": now_ns + 10**12,
        }
        put(file, json.dumps(stated))
        async with asyncio.timeout(20):
            while (await shown())["risk"]["level"] != "WARNING":
                await asyncio.sleep(0.05)
        text = "\n".join(lines(await shown()))
        assert "risk WARNING: size x 0.4, spread x 1.75" in text
        assert "shortfall 75 of max_shortfall = 100  WARNING" in text
        signal.raise_signal(signal.SIGTERM)
        found = await session
        assert found.exit_code == 0
        assert replay_session(Path(found.summary["journal"])).identical


# ---- What operators see --------------------------------------------------------------------------------------


def test_the_status_shows_level_channels_and_values():
    session = holding(risk=RISK._replace(max_shortfall=100.0))
    fall(session, 1.5)
    session.send(result(session, 20.0))
    session.wait(1)
    shown = status(session.kernel)["risk"]
    assert (shown["level"], shown["may_increase"]) == ("WARNING", True)
    assert (shown["size_factor"], shown["spread_factor"]) == (0.4, 1.75)
    daily = shown["channels"]["daily_loss"]
    assert (daily["level"], daily["limit"], daily["key"]) == ("WARNING", 2.0, "max_daily_loss")
    assert daily["value"] == pytest.approx(1.5, abs=0.02)
    assert daily["share"] == pytest.approx(daily["value"] / 2)
    assert shown["channels"]["margin_ratio"]["value"] is None
    assert shown["result"]["shortfall"] == 20.0
    json.dumps(status(session.kernel), allow_nan=False)
    text = "\n".join(lines(status(session.kernel)))
    assert "margin_ratio unknown of max_margin_ratio = 0.8  NORMAL" in text


@pytest.mark.parametrize(("lost", "gauge"), [(0.1, 0), (1.1, 1), (1.5, 2), (1.75, 3), (2.5, 4)])
def test_the_level_is_a_gauge(lost, gauge):
    session = holding()
    fall(session, lost)
    telemetry = Telemetry(session.kernel, "s", "error")
    assert f"titan_risk_level {float(gauge)}".encode() in telemetry.render()


# ---- From the settings ---------------------------------------------------------------------------------------


def test_lesson_20_every_key_of_risk_reaches_the_engine(tmp_path):
    stated = {f"risk__{name}": str(value).lower() for name, value in ANOTHER.items()}
    settings = read_settings(tmp_path, **stated)
    found = kernel_config(settings, "s", "loopback", 0).risk
    assert found == RiskSettings(**ANOTHER)
    assert set(ANOTHER) == set(RiskSettings._fields)
    assert all(getattr(found, name) != default for name, default in RiskSettings._field_defaults.items())


ANOTHER = {
    "max_drawdown": 7.0, "max_loss_per_bucket": 6.0, "bucket_s": 40.0, "max_mark_age_s": 8.0, "max_margin_ratio": 0.95,
    "min_liquidation_distance": 0.02, "max_shortfall": 200.0, "caution_at": 0.3, "warning_at": 0.6, "critical_at": 0.75,
    "exit_gap": 0.5, "dwell_s": 25.0, "caution_size": 0.8, "warning_size": 0.5, "critical_size": 0.3,
    "caution_spread": 1.5, "warning_spread": 2.0, "critical_spread": 3.0, "end_on_stop": True,
    "max_stress_loss": 900.0, "max_estimate_age_s": 90.0,
}  # fmt: skip


ESTIMATES = {
    "estimate_every_s": 12.0, "estimate_tail": 0.05, "estimate_horizon_s": 600.0, "estimate_half_life": 40.0,
    "estimate_window": 700, "estimate_enough": 60, "assumed_volatility": 0.2, "assumed_beta": 1.7,
    "stress_shocks": "crash: BTC -30%", "max_estimate_age_s": 90.0,
}  # fmt: skip


def test_lesson_20_every_key_of_the_estimate_reaches_the_process(tmp_path):
    settings = read_settings(tmp_path, **{f"risk__{name}": value for name, value in ESTIMATES.items()})
    found = setup_of(settings, tmp_path / "now", "before")
    assert set(EstimateSettings._fields) | {"stress_shocks", "max_estimate_age_s"} == set(ESTIMATES)
    assert (
        found.every_s, found.tail, found.horizon_s, found.half_life, found.window, found.enough,
        found.assumed_volatility, found.assumed_beta, found.shocks, found.valid_s,
    ) == tuple(ESTIMATES.values())  # fmt: skip
    assert (found.record, found.inherited) == (
        str(tmp_path / "now" / PRICES),
        str(tmp_path / "before" / PRICES),
    )
    assert setup_of(settings, tmp_path / "now").inherited == ""
    unwatched = read_settings(tmp_path, risk__max_estimate_age_s=0, risk__estimate_every_s=12)
    assert setup_of(unwatched, tmp_path).valid_s == 48.0


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        (
            {"max_estimate_age_s": 50},
            "max_estimate_age_s = 50: must be at least 2 estimate_every_s = 60, or 0",
        ),
        ({"estimate_window": 100}, "estimate_window = 100: must be at least 250, what estimate_enough"),
        ({"stress_shocks": "crash: -30%"}, "stress_shocks: 'crash: -30%': write NAME"),
    ],
)
def test_estimates_that_could_never_be_are_told_before_anything_starts(tmp_path, changes, word):
    settings = read_settings(tmp_path, **{f"risk__{name}": value for name, value in changes.items()})
    with pytest.raises(ParameterError, match=r"\[risk\] ") as caught:
        kernel_config(settings, "s", "loopback", 0)
    assert word in str(caught.value)


def test_where_time_is_not_ours_no_result_is_missed(tmp_path):
    settings = read_settings(tmp_path, risk__max_shortfall=100)
    assert kernel_config(settings, "s", "loopback", 0).risk.max_estimate_age_s == 120
    replay = kernel_config(settings, "s", "loopback", 0, real_time=False).risk
    assert (replay.max_estimate_age_s, replay.max_shortfall) == (0, 100)


def test_a_result_is_handed_over_with_all_that_it_says(tmp_path):
    results, told, _ = watching(tmp_path / NAME)
    more = {
        "strategies": [{"strategy": "as", "shortfall": 12.5, "error": 1.5}],
        "error": 1.0, "tail": 0.025, "horizon_s": 3600.0, "basis": "a record",
    }  # fmt: skip
    put(tmp_path / NAME, json.dumps(STATED | more))
    results.watch()
    (event,) = told
    assert event.strategies == (StrategyPart("as", 12.5, 1.5),)
    assert (event.error, event.tail, event.horizon_s, event.basis) == (1.0, 0.025, 3600.0, "a record")


def test_people_see_the_error_the_shares_the_age_and_what_is_not_known():
    session = holding(risk=RISK._replace(max_shortfall=100.0))
    assert "  no risk result yet: shortfall and stress losses are not known" in lines(status(session.kernel))
    session.send(
        result(
            session, 20.0, parts=(RiskPart("v", "BTCUSDT", 20.0, 3.0),), error=2.5, tail=0.025, horizon_s=3600.0,
            basis="filtered record of 812 returns of 30 s",
            strategies=(StrategyPart("as", 25.0, 3.0), StrategyPart("manual", -5.0)),
            stresses=tuple(StressLoss(f"day {loss}", float(loss)) for loss in (1, 4, 3, 2)),
        )
    )  # fmt: skip
    session.wait(14)
    text = "\n".join(lines(status(session.kernel)))
    assert (
        """
  expected shortfall 20 +- 2.5 USDT (2.5% tail over 3600 s), 14 s old
    filtered record of 812 returns of 30 s
    position v:BTCUSDT: 20 +- 3, 100%
    strategy as: 25 +- 3, 125%
    strategy manual: -5 +- unknown, -25%
    stress day 4: loses 4 USDT
    stress day 3: loses 3 USDT
    stress day 2: loses 2 USDT
"""
        in text
    )
    session.wait(60)
    assert "74 s old, EXPIRED: nothing is known now" in "\n".join(lines(status(session.kernel)))


def test_the_metrics_are_not_known_before_a_result_and_after_its_end():
    session = holding(risk=RISK._replace(max_shortfall=100.0))
    telemetry = Telemetry(session.kernel, "s", "error")
    assert b"titan_shortfall NaN" in telemetry.render()
    assert b"titan_risk_result_age_seconds NaN" in telemetry.render()
    parts = {"parts": (RiskPart("v", "BTCUSDT", 20.0),), "strategies": (StrategyPart("as", 20.0),)}
    session.send(result(session, 20.0, error=2.5, stresses=(StressLoss("crash", 80.0),), **parts))
    session.wait(10)
    shown = telemetry.render().decode()
    for line in (
        "titan_shortfall 20.0", "titan_shortfall_error 2.5", 'titan_shortfall_part{instrument="v:BTCUSDT"} 20.0',
        'titan_shortfall_strategy{strategy="as"} 20.0', 'titan_stress_loss{scenario="crash"} 80.0',
        "titan_risk_process_failures 0.0",
    ):  # fmt: skip
        assert f"\n{line}\n" in shown
    assert 9.0 <= age_shown(shown) <= 10.0
    session.wait(60)
    later = telemetry.render().decode()
    assert "titan_shortfall NaN" in later
    assert "titan_stress_loss{" not in later
    assert 69.0 <= age_shown(later) <= 70.0


def age_shown(metrics):
    (line,) = [line for line in metrics.splitlines() if line.startswith("titan_risk_result_age_seconds ")]
    return float(line.split()[1])


@pytest.mark.parametrize(
    ("duration_s", "unattended", "ends"), [(0, False, False), (5, False, True), (0, True, True)]
)
def test_where_nobody_is_there_to_resume_stop_ends_the_session(tmp_path, duration_s, unattended, ends):
    config = kernel_config(read_settings(tmp_path), "s", "loopback", duration_s, unattended=unattended)
    assert config.risk.end_on_stop is ends


def test_contradicting_levels_are_told_before_anything_starts(tmp_path):
    settings = read_settings(tmp_path, risk__caution_at="0.9")
    with pytest.raises(
        ParameterError, match=r"\[risk\] warning_at = 0\.7: must be at least caution_at = 0\.9"
    ):
        kernel_config(settings, "s", "loopback", 0)


def test_a_desk_without_losses_is_normal():
    session = Session(configuration(limits=TIGHT))
    session.start()
    session.wait(1)
    assert status(session.kernel)["risk"]["level"] == "NORMAL"
    assert not math.isnan(session.desk.risk.measures["daily_loss"])
