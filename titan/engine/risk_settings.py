"""What shuts the desk by degrees: which measures are watched, where levels begin, and what a level does to quotes.

Each measure is read as a share of its limit: 1 is the limit, and there the desk is in STOP.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, NamedTuple

from titan.model.contract import ParameterError, Range
from titan.risk.limits import MONEY, LimitSettings
from titan.risk.shutdown import Channel, Parameters, checked

S_NS = 1_000_000_000


class RiskSettings(NamedTuple):
    """The channels of the shutdown and what its levels do; a limit of 0 is not watched."""

    max_drawdown: Annotated[
        float, Range(0, 1e9, MONEY, "fall from the most ever earned that stops risk; 0: not watched")
    ] = 0.0
    max_loss_per_bucket: Annotated[
        float, Range(0, 1e9, MONEY, "loss within bucket_s that stops risk; 0: not watched")
    ] = 0.0
    bucket_s: Annotated[float, Range(1, 86_400, "s", "time bucket of max_loss_per_bucket")] = 300.0
    max_mark_age_s: Annotated[
        float, Range(0, 3_600, "s", "age of a mark price that raises WARNING, and never more; 0: not watched")
    ] = 15.0
    max_margin_ratio: Annotated[
        float,
        Range(0, 1, "share", "maintenance margin of the margin balance that stops risk; 0: not watched"),
    ] = 0.8
    min_liquidation_distance: Annotated[
        float,
        Range(0, 1, "share of the mark", "distance to a liquidation price that stops risk; 0: not watched"),
    ] = 0.05
    max_shortfall: Annotated[
        float, Range(0, 1e9, MONEY, "expected shortfall of all positions that stops risk; 0: not watched")
    ] = 0.0
    caution_at: Annotated[float, Range(0.01, 1, "share of a limit", "where CAUTION begins")] = 0.5
    warning_at: Annotated[float, Range(0.01, 1, "share of a limit", "where WARNING begins")] = 0.7
    critical_at: Annotated[
        float, Range(0.01, 1, "share of a limit", "where CRITICAL begins: only orders that reduce pass")
    ] = 0.85
    exit_gap: Annotated[
        float, Range(0.01, 0.99, "share of a level's beginning", "how far below it a level may end")
    ] = 0.1
    dwell_s: Annotated[
        float, Range(1, 86_400, "s", "how long a measure stays below before its level ends")
    ] = 300.0
    caution_size: Annotated[float, Range(0, 1, "factor", "on the size of quotes in CAUTION")] = 0.7
    warning_size: Annotated[float, Range(0, 1, "factor", "on the size of quotes in WARNING")] = 0.4
    critical_size: Annotated[float, Range(0, 1, "factor", "on the size of quotes in CRITICAL")] = 0.2
    caution_spread: Annotated[float, Range(1, 100, "factor", "on the spread of quotes in CAUTION")] = 1.25
    warning_spread: Annotated[float, Range(1, 100, "factor", "on the spread of quotes in WARNING")] = 1.75
    critical_spread: Annotated[float, Range(1, 100, "factor", "on the spread of quotes in CRITICAL")] = 2.5
    end_on_stop: Annotated[
        bool,
        Range(
            0,
            1,
            "true or false",
            "whether STOP ends the session; a recorded market and a --duration end it always",
        ),
    ] = False
    max_stress_loss: Annotated[
        float, Range(0, 1e9, MONEY, "loss in the worst stress scenario that stops risk; 0: not watched")
    ] = 0.0
    max_estimate_age_s: Annotated[
        float,
        Range(
            0,
            86_400,
            "s",
            "age of the risk result that raises WARNING, and never more, where max_shortfall or max_stress_loss "
            "is set; 0: not watched",
        ),
    ] = 120.0


class EstimateSettings(NamedTuple):
    """How the process beside the runner estimates shortfall and stress losses; the engine only takes its results."""

    estimate_every_s: Annotated[
        float,
        Range(
            0, 3_600, "s", "time between two estimates, and the period of a return; 0: no process is started"
        ),
    ] = 30.0
    estimate_tail: Annotated[
        float, Range(0.005, 0.1, "probability", "tail whose mean loss the expected shortfall is")
    ] = 0.025
    estimate_horizon_s: Annotated[
        float, Range(1, 604_800, "s", "time over which positions are taken to stand still and lose")
    ] = 3_600.0
    estimate_half_life: Annotated[
        float, Range(2, 10_000, "returns", "half-life of the weights of volatility and correlation")
    ] = 120.0
    estimate_window: Annotated[
        int, Range(50, 20_000, "returns", "the most that are kept of the record, restarts included")
    ] = 2_880
    estimate_enough: Annotated[
        int,
        Range(
            20,
            20_000,
            "returns",
            "the fewest that an instrument is estimated from, and never fewer than one in the tail; before that "
            "assumed_volatility counts",
        ),
    ] = 250
    assumed_volatility: Annotated[
        float,
        Range(
            0.001,
            2,
            "share a day",
            "volatility of an instrument with too short a record, and of all at first",
        ),
    ] = 0.1
    assumed_beta: Annotated[
        float, Range(0.1, 10, "", "slope on Bitcoin of an instrument with too short a record")
    ] = 1.2


DAILY_LOSS, DRAWDOWN, BUCKET_LOSS = "daily_loss", "drawdown", "bucket_loss"
MARK_AGE, MARGIN_RATIO, LIQUIDATION, SHORTFALL = "mark_age", "margin_ratio", "liquidation", "shortfall"
STRESS_LOSS, ESTIMATE_AGE = "stress_loss", "estimate_age"

LIMIT_OF = {
    DAILY_LOSS: "max_daily_loss",
    DRAWDOWN: "max_drawdown",
    BUCKET_LOSS: "max_loss_per_bucket",
    MARK_AGE: "max_mark_age_s",
    MARGIN_RATIO: "max_margin_ratio",
    LIQUIDATION: "min_liquidation_distance",
    SHORTFALL: "max_shortfall",
    STRESS_LOSS: "max_stress_loss",
    ESTIMATE_AGE: "max_estimate_age_s",
}
"""The key of [risk] that limits each channel's measure."""

AGES = frozenset({MARK_AGE, ESTIMATE_AGE})
"""Channels whose share is cut at 1: what is old alone warns, and never stops a desk."""

_RISING = (
    ("caution_at", "warning_at", "critical_at"),
    ("critical_size", "warning_size", "caution_size"),
    ("caution_spread", "warning_spread", "critical_spread"),
)


def watched(limits: LimitSettings, settings: RiskSettings) -> dict[str, float]:
    """The limit of every channel that is watched, in a fixed order."""
    stated = limits._asdict() | settings._asdict()
    found = {name: float(stated[key]) for name, key in LIMIT_OF.items() if stated[key]}
    if SHORTFALL not in found and STRESS_LOSS not in found:
        found.pop(ESTIMATE_AGE, None)  # nothing is limited by a result: none need come
    return found


def shutdown_parameters(limits: LimitSettings, settings: RiskSettings) -> Parameters:
    """The latches of every watched channel, thresholds as shares of its limit.

    Raises
    ------
    ParameterError
        If a milder level begins above a worse one, or does more to the quotes.
    """
    for names in _RISING:
        for low, high in pairwise(names):
            least, value = getattr(settings, low), getattr(settings, high)
            if value < least:
                raise ParameterError(f"[risk] {high} = {value:g}: must be at least {low} = {least:g}")
    sizes = (settings.caution_size, settings.warning_size, settings.critical_size)
    spreads = (settings.caution_spread, settings.warning_spread, settings.critical_spread)
    return checked(
        Parameters(
            channels=tuple(_channel(name, settings) for name in watched(limits, settings)),
            dwell_ns=round(settings.dwell_s * S_NS),
            size_factors=(1.0, *sizes, 0.0),
            spread_factors=(1.0, *spreads, spreads[-1]),
        )
    )


def _channel(name: str, settings: RiskSettings) -> Channel:
    enter = (settings.caution_at, settings.warning_at, settings.critical_at, 1.0)
    if name in AGES:
        enter = (1.0, 1.0, 2.0, 2.0)
    kept = 1.0 - settings.exit_gap
    leave = (enter[0] * kept, enter[1] * kept, enter[2] * kept, enter[3] * kept)
    return Channel(name, enter, leave, daily=name == DAILY_LOSS)
