"""A record of promotion for the desk of a test, as 'titan promote' would write it."""

from __future__ import annotations

from titan.live.configure import strategy_configs
from titan.live.stages import identity_of
from titan.settings import Settings
from titan.store.promotions import Promotion, append_promotion, read_promotions

NAME = "avellaneda_stoikov"


def promote(settings: Settings, to: str, *, time_ns: int = 0) -> Promotion:
    """Let the desk's strategy stand at a stage, as it is now."""
    before = read_promotions(settings.project.promotions, NAME)
    record = Promotion(
        strategy=NAME,
        stage=before[-1].to if before else "research",
        to=to,
        identity=identity_of(strategy_configs(settings, NAME), settings.strategy[NAME]),
        gates=(),
        evidence=(),
        operator="ann",
        reason="",
        time_ns=time_ns,
        commit="c",
        previous=before[-1].id if before else "",
    )
    append_promotion(settings.project.promotions, record)
    return record
