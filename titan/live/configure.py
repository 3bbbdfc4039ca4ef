"""From the settings to the frozen configurations of the components."""

from __future__ import annotations

from collections.abc import Mapping

from titan.engine.configuration import KernelConfig, StrategyConfig, Timing, VenueConfig
from titan.engine.signals import SignalSettings
from titan.engine.strategies import load_strategy
from titan.live.errors import UsageError
from titan.model.contract import StrategyModule, build_parameters
from titan.risk.limits import LimitSettings
from titan.settings import Settings
from titan.strategy.adjustments import Parameters

MS_NS = 1_000_000
S_NS = 1_000_000_000


def kernel_config(settings: Settings, session: str, venue: str, duration_s: float) -> KernelConfig:
    """The engine's configuration for one session on one venue.

    Parameters
    ----------
    venue : str
        The [venue.NAME] that is traded; strategies of other venues stay out of it.
    duration_s : float
        Seconds of the session's clock from the first quote; 0 is no end.

    Raises
    ------
    ParameterError, StrategyError
        Naming the section, key and range.
    """
    stated = settings.venue[venue]
    live = settings.live
    strategies = tuple(
        _strategy(settings, name, venue, symbol)
        for name, strategy in settings.strategy.items()
        if strategy.enabled and strategy.venue == venue
        for symbol in strategy.symbols
    )
    if not strategies:
        raise UsageError(
            f"no enabled [strategy.NAME] trades on [venue.{venue}]; enable one, or set its venue"
        )
    return KernelConfig(
        session=session,
        reporting_currency=settings.project.reporting_currency,
        venues=(
            VenueConfig(
                name=venue,
                protocol=stated.protocol,
                account=stated.account,
                symbols=stated.symbols,
                use_amend=stated.use_amend,
            ),
        ),
        strategies=strategies,
        limits=LimitSettings(**settings.risk.model_dump()),
        quoting=Parameters(**settings.quoting.model_dump()),
        signals=SignalSettings(**settings.signals.model_dump()),
        timing=Timing(
            quote_interval_ns=live.quote_interval_ms * MS_NS,
            markout_ns=round(live.markout_s * S_NS),
            reconcile_ns=round(live.query_interval_s * S_NS),
            unknown_after_ns=round(live.unknown_query_after_s * S_NS),
            stale_after_ns=round(live.stale_after_s * S_NS),
            shutdown_ns=round(live.shutdown_timeout_s * S_NS),
            duration_ns=round(duration_s * S_NS),
        ),
    )


def _strategy(settings: Settings, name: str, venue: str, symbol: str) -> StrategyConfig:
    strategy = settings.strategy[name]
    module = load_strategy(strategy.code)
    where = f"strategy.{name}"
    parameters = build_parameters(module.Parameters, strategy.parameters_for(symbol), where)
    return StrategyConfig(
        name=name,
        code=strategy.code,
        venue=venue,
        symbol=symbol,
        parameters=tuple(parameters),
        requote_ticks=strategy.requote_ticks,
        minimum_edge_bps=strategy.minimum_edge_bps,
    )


def strategy_modules(config: KernelConfig) -> Mapping[str, StrategyModule]:
    """The modules of a configuration's strategies, by code."""
    return {strategy.code: load_strategy(strategy.code) for strategy in config.strategies}
