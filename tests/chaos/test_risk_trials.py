"""Trials of a desk whose limits are so tight that every risk level is reached while everything goes wrong."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from titan.chaos import trial
from titan.chaos.schedule import draw_schedule
from titan.chaos.trial import run_trial
from titan.engine import permission, risk_watch
from titan.engine.configuration import KernelConfig
from titan.engine.desk import Desk
from titan.engine.risk_settings import RiskSettings
from titan.risk.shutdown import Level

TIGHT = RiskSettings(dwell_s=3.0, max_drawdown=0.12, max_loss_per_bucket=0.1, bucket_s=10.0)
LOST = trial.LIMITS._replace(max_daily_loss=0.08)
LEAST, MOST = 9, 80
"""Trials that are run at least, and those within which every level must have been reached."""


@pytest.fixture
def tight(monkeypatch):
    """The levels that were reached, by name."""
    usual, observe = trial.configuration, risk_watch.observe
    reached: Counter[str] = Counter()

    def configured(session: str, symbol: str) -> KernelConfig:
        return msgspec.structs.replace(usual(session, symbol), limits=LOST, risk=TIGHT)

    def observed(desk: Desk) -> None:
        observe(desk)
        reached[desk.risk.level.name] += 1

    monkeypatch.setattr(trial, "configuration", configured)
    monkeypatch.setattr(risk_watch, "observe", observed)
    return reached


def broken(seeds=range(1, LEAST + 1)):
    return [text for seed in seeds for text in run_trial(seed, draw_schedule(seed)).violations]


@pytest.mark.timeout(120)
def test_no_promise_is_broken_at_any_level(tight):
    levels = {level.name for level in Level}
    for seed in range(1, MOST + 1):
        assert broken((seed,)) == []
        if seed >= LEAST and set(tight) == levels:
            break
    assert set(tight) == levels


@pytest.mark.timeout(120)
def test_without_the_permission_orders_that_add_are_found(tight, monkeypatch):
    monkeypatch.setattr(permission, "permitted", lambda desk, market, strategy, quotes: list(quotes))
    monkeypatch.setattr("titan.engine.judgement.evaluate", lambda *asked: None)
    assert any("adds to" in text for text in broken())
