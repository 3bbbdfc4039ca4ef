"""From the settings to the frozen configurations of the components."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

from titan.engine.configuration import (
    Calibrated,
    ExitSettings,
    Expected,
    KernelConfig,
    RefusalSettings,
    Resilience,
    StrategyConfig,
    Timing,
    VenueConfig,
)
from titan.engine.portfolios import check_legs, spans_several
from titan.engine.risk_settings import RiskSettings, shutdown_parameters
from titan.engine.signals import SignalSettings
from titan.engine.strategies import AnyStrategyModule, StrategyError, load_strategy
from titan.live.errors import UsageError
from titan.live.regime_files import regimes_of
from titan.live.risk_shocks import ShockError, read_shocks
from titan.model.contract import ParameterError, PortfolioModule, build_parameters
from titan.risk.limits import LimitSettings
from titan.risk.scenarios import Method
from titan.settings import Live, Settings, Strategy, Venue
from titan.store.artefacts import Artefact, ArtefactError, current_artefact
from titan.strategy.adjustments import Parameters

MS_NS = 1_000_000
S_NS = 1_000_000_000


def kernel_config(
    settings: Settings,
    session: str,
    venue: str,
    duration_s: float,
    *,
    real_time: bool = True,
    unattended: bool = False,
) -> KernelConfig:
    """The engine's configuration for one session on one venue.

    Parameters
    ----------
    venue : str
        The [venue.NAME] that is traded; strategies of other venues stay out of it.
    duration_s : float
        Seconds of the session's clock from the first quote; 0 is no end.
    real_time : bool
        False for a replay, whose clock stands still or runs faster: what compares clocks with it is off there.
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
        for each in strategy_configs(settings, name)
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
                expected=_expected(stated),
            ),
        ),
        strategies=strategies,
        limits=_limits(settings),
        risk=_risk(settings, unattended or duration_s > 0, real_time=real_time),
        size_share=live.canary_share if live.mode == "canary" else 1.0,
        resilience=_resilience(live, real_time=real_time),
        exits=ExitSettings(**settings.risk.model_dump(include=set(ExitSettings._fields))),
        # In shadow nothing ever fills: an exit would wait for what cannot come.
        flatten_at_end=live.flatten_at_end and live.mode != "shadow",
        refusals=RefusalSettings(
            live.refusals_in_a_row, round(live.refusals_within_s * S_NS), round(live.refusals_wait_s * S_NS)
        ),
        quoting=Parameters(**settings.quoting.model_dump()),
        signals=SignalSettings(**settings.signals.model_dump()),
        regimes=regimes_of(settings.project.regimes, stated.symbols),
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


def _limits(settings: Settings) -> LimitSettings:
    """The limits of [risk]; in mode canary those on money are cut to its share."""
    limits = LimitSettings(*(getattr(settings.risk, name) for name in LimitSettings._fields))
    if settings.live.mode != "canary":
        return limits
    money = ("max_order_notional", "max_position_notional", "max_gross_notional", "max_daily_loss")
    return limits._replace(**{name: getattr(limits, name) * settings.live.canary_share for name in money})


def _expected(venue: Venue) -> Expected:
    return Expected(
        margin_mode="" if venue.margin_mode == "any" else venue.margin_mode,
        leverage=venue.leverage,
        multi_assets=venue.multi_assets,
        max_maker_fee_bps=venue.max_maker_fee_bps,
        max_taker_fee_bps=venue.max_taker_fee_bps,
    )


def _resilience(live: Live, *, real_time: bool) -> Resilience:
    by_the_clock = Resilience(
        dead_man_ns=live.dead_man_s * S_NS,
        most_drift_ns=live.most_drift_ms * MS_NS,
        most_round_trip_ns=live.most_round_trip_ms * MS_NS,
        private_late_ns=round(live.private_late_s * S_NS),
    )
    return msgspec.structs.replace(
        by_the_clock if real_time else Resilience(),
        breaker_failures=live.breaker_failures,
        breaker_window_ns=round(live.breaker_window_s * S_NS),
        breaker_longest_ns=round(live.breaker_longest_s * S_NS),
    )


def _risk(settings: Settings, ends: bool, *, real_time: bool) -> RiskSettings:
    stated = RiskSettings(*(getattr(settings.risk, name) for name in RiskSettings._fields))
    stated = stated._replace(end_on_stop=stated.end_on_stop or ends)
    shutdown_parameters(_limits(settings), stated)  # a contradiction is told before an exchange is started
    _check_estimates(settings, stated)
    # Beside a clock that is not ours nothing is estimated, and no result is missed.
    return stated if real_time else stated._replace(max_estimate_age_s=0.0)


def _check_estimates(settings: Settings, stated: RiskSettings) -> None:
    """Tell what the estimates could never satisfy, before anything is started."""
    risk, age_s = settings.risk, stated.max_estimate_age_s
    if 0 < age_s < 2 * risk.estimate_every_s:
        least = f"2 estimate_every_s = {2 * risk.estimate_every_s:g}"
        raise ParameterError(f"[risk] max_estimate_age_s = {age_s:g}: must be at least {least}, or 0")
    needed = Method(tail=risk.estimate_tail, enough=risk.estimate_enough).needed
    if risk.estimate_every_s and risk.estimate_window < needed:
        least = f"{needed}, what estimate_enough and estimate_tail need"
        raise ParameterError(f"[risk] estimate_window = {risk.estimate_window}: must be at least {least}")
    try:
        read_shocks(risk.stress_shocks)
    except ShockError as error:
        raise ParameterError(str(error)) from None


def strategy_configs(settings: Settings, name: str) -> list[StrategyConfig]:
    """One strategy over all symbols of a section where its code wants several, otherwise one a symbol.

    Raises
    ------
    ParameterError, StrategyError, UsageError
        Naming the section, key and range, or the artefact that is not there.
    """
    strategy, where = settings.strategy[name], f"strategy.{name}"
    module = load_strategy(strategy.code)
    if not spans_several(module):
        artefacts = settings.project.artefacts
        return [_strategy(strategy, name, symbol, module, artefacts) for symbol in strategy.symbols]
    if strategy.calibrated:
        raise StrategyError(
            f"[{where}] calibrated: its code is for several instruments, whose artefacts may differ; leave it empty"
        )
    check_legs(cast("PortfolioModule", module), strategy.symbols, where)
    if strategy.symbol_parameters:
        symbol = min(strategy.symbol_parameters)
        raise StrategyError(
            f"[{where}.{symbol}]: the code has one set of parameters for all its symbols; move them to [{where}]"
        )
    artefacts = settings.project.artefacts
    return [_strategy(strategy, name, strategy.symbols[0], module, artefacts, strategy.symbols)]


def _strategy(
    strategy: Strategy,
    name: str,
    symbol: str,
    module: AnyStrategyModule,
    artefacts: Path,
    legs: tuple[str, ...] = (),
) -> StrategyConfig:
    raw = strategy.parameters_for(symbol)
    try:
        found = current_artefact(artefacts, strategy.venue, symbol) if strategy.calibrated else None
    except ArtefactError as error:
        raise UsageError(str(error)) from None
    if found is not None:
        stated = build_parameters(module.Parameters, raw, f"strategy.{name}")._asdict()
        raw |= calibrated_values(found, strategy, f"strategy.{name}", stated)
    parameters = build_parameters(module.Parameters, raw, f"strategy.{name}")
    return StrategyConfig(
        name=name,
        code=strategy.code,
        venue=strategy.venue,
        symbol=symbol,
        parameters=tuple(parameters),
        requote_ticks=strategy.requote_ticks,
        minimum_edge_bps=strategy.minimum_edge_bps,
        legs=legs,
        calibrated=None if found is None else _calibrated(found, strategy),
    )


def _calibrated(found: Artefact, strategy: Strategy) -> Calibrated:
    return Calibrated(
        artefact=found.id,
        expires_ns=found.expires_ns,
        doubt=found.doubt,
        hold=strategy.in_doubt == "hold",
        spread_factor=strategy.doubt_spread,
        size_factor=strategy.doubt_size,
    )


def calibrated_values(
    found: Artefact, strategy: Strategy, where: str, stated: Mapping[str, float]
) -> dict[str, str]:
    """The parameters that a strategy takes from an artefact.

    Parameters
    ----------
    stated : mapping of str to float
        Every parameter as the settings have it: a calibrated value may not lie too far from it.

    Raises
    ------
    StrategyError
        If the artefact lacks one, or one lies beyond the bound; the message names it.
    """
    values = {}
    for name in strategy.calibrated:
        value = found.value(name)
        if name not in stated or value is None:
            known = ", ".join(each.name for each in found.values if each.name in stated)
            raise StrategyError(
                f"[{where}] calibrated = {name}: no such parameter of the code in artefact {found.id}; it has {known}"
            )
        low, high = stated[name] / strategy.calibration_bound, stated[name] * strategy.calibration_bound
        if not low <= value.value <= high:
            raise StrategyError(
                f"[{where}] {name}: artefact {found.id} says {value.value:g}, and {stated[name]:g} stands here: more "
                f"than calibration_bound = {strategy.calibration_bound:g} apart; look at the calibration"
            )
        values[name] = repr(value.value)
    return values


def strategy_modules(config: KernelConfig) -> Mapping[str, AnyStrategyModule]:
    """The modules of a configuration's strategies, by code."""
    return {strategy.code: load_strategy(strategy.code) for strategy in config.strategies}
