"""From the settings to the frozen configurations of the components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from titan.engine.configuration import KernelConfig, StrategyConfig, Timing, VenueConfig
from titan.engine.portfolios import check_legs, spans_several
from titan.engine.risk_settings import RiskSettings, shutdown_parameters
from titan.engine.strategies import AnyStrategyModule, StrategyError, load_strategy
from titan.live.errors import UsageError
from titan.model.contract import PortfolioModule, build_parameters
from titan.risk.limits import LimitSettings
from titan.settings import Settings, Strategy

MS_NS = 1_000_000
S_NS = 1_000_000_000


def kernel_config(
    settings: Settings, session: str, venue: str, duration_s: float, *, unattended: bool = False
) -> KernelConfig:
    """The engine's configuration for one session on one venue.

    Parameters
    ----------
    venue : str
        The [venue.NAME] that is traded; strategies of other venues stay out of it.
    duration_s : float
        Seconds of the session's clock from the first quote; 0 is no end.
    unattended : bool
        Nobody is there to resume: STOP ends the session, as it does where there is a duration.

    Raises
    ------
    ParameterError, StrategyError
        Naming the section, key and range.
    """
    stated = settings.venue[venue]
    live = settings.live
    strategies = tuple(
        each
        for name, strategy in settings.strategy.items()
        if strategy.enabled and strategy.venue == venue
        for each in _strategies(settings, name)
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
        limits=LimitSettings(*(getattr(settings.risk, name) for name in LimitSettings._fields)),
        risk=_risk(settings, unattended or duration_s > 0),
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


def _risk(settings: Settings, ends: bool) -> RiskSettings:
    stated = RiskSettings(*(getattr(settings.risk, name) for name in RiskSettings._fields))
    stated = stated._replace(end_on_stop=stated.end_on_stop or ends)
    limits = LimitSettings(*(getattr(settings.risk, name) for name in LimitSettings._fields))
    shutdown_parameters(limits, stated)  # a contradiction is told before an exchange is started
    return stated


def _strategies(settings: Settings, name: str) -> list[StrategyConfig]:
    """One strategy over all symbols of a section where its code wants several, otherwise one a symbol."""
    strategy, where = settings.strategy[name], f"strategy.{name}"
    module = load_strategy(strategy.code)
    if not spans_several(module):
        return [_strategy(strategy, name, symbol, module) for symbol in strategy.symbols]
    check_legs(cast("PortfolioModule", module), strategy.symbols, where)
    if strategy.symbol_parameters:
        symbol = min(strategy.symbol_parameters)
        raise StrategyError(
            f"[{where}.{symbol}]: the code has one set of parameters for all its symbols; move them to [{where}]"
        )
    return [_strategy(strategy, name, strategy.symbols[0], module, strategy.symbols)]


def _strategy(
    strategy: Strategy, name: str, symbol: str, module: AnyStrategyModule, legs: tuple[str, ...] = ()
) -> StrategyConfig:
    parameters = build_parameters(module.Parameters, strategy.parameters_for(symbol), f"strategy.{name}")
    return StrategyConfig(
        name=name,
        code=strategy.code,
        venue=strategy.venue,
        symbol=symbol,
        parameters=tuple(parameters),
        requote_ticks=strategy.requote_ticks,
        minimum_edge_bps=strategy.minimum_edge_bps,
        legs=legs,
    )


def strategy_modules(config: KernelConfig) -> Mapping[str, AnyStrategyModule]:
    """The modules of a configuration's strategies, by code."""
    return {strategy.code: load_strategy(strategy.code) for strategy in config.strategies}
