"""Settings that change while a session runs: which may, and how every part of the desk takes them up.

What orders are counted, matched or sent by (venues, symbols, code, timing) stays as the session began. Limits, exits,
the answers to signals, and a strategy's parameters may change, all at once or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from titan.engine import quoting, risk_watch
from titan.engine.configuration import KernelConfig, StrategyConfig
from titan.engine.desk import Desk, Phase
from titan.engine.portfolios import PortfolioHost
from titan.engine.risk_settings import watched
from titan.engine.strategies import StrategyHost
from titan.model.commands import OperatorAnswer
from titan.model.events import SettingsReloaded
from titan.model.instruments import InstrumentKey

FREE = ("limits", "quoting", "exits", "refusals", "risk")
"""Groups of the configuration that may change while a session runs, but for `FIXED_RISK`."""

FIXED_RISK = ("bucket_s", "end_on_stop")


def on_reload(desk: Desk, event: SettingsReloaded) -> None:
    """Take up new settings, or refuse them all and say which one stands in the way."""
    new = msgspec.msgpack.decode(event.config, type=KernelConfig)
    because = f"{event.who or 'nobody named'}: {event.why or 'no reason given'}"
    refusal = _refusal(desk, new)
    changes = [] if refusal else list(_changes(desk, new))
    if refusal:
        desk.note("warning", "reload_refused", f"{refusal} ({because})")
    elif changes:
        _take_up(desk, new)
        desk.note("warning", "settings_reloaded", f"{'; '.join(changes)} ({because})")
        desk.revalue()
        risk_watch.observe(desk)
        for market in desk.markets.values():
            quoting.evaluate(desk, market)
    told = refusal or "; ".join(changes) or "nothing differs from what is in use"
    desk.emit(OperatorAnswer(request=event.request, done=not refusal, text=told))


def _refusal(desk: Desk, new: KernelConfig) -> str:
    """Why these settings cannot be taken up now; empty if they can."""
    if desk.phase in {Phase.STOPPING, Phase.ENDED}:
        return f"the session is {desk.phase}; the next one reads the settings"
    fixed = sorted(_fixed(desk.config, new))
    if fixed:
        return f"{', '.join(fixed)} cannot change while a session runs; end it and start another one"
    before, after = (list(watched(each.limits, each.risk)) for each in (desk.config, new))
    if before != after:
        names = ", ".join(sorted(set(before) ^ set(after)))
        return f"[risk] whether {names} is watched cannot change while a session runs; end it and start another one"
    return ""


def _fixed(old: KernelConfig, new: KernelConfig) -> Iterator[str]:
    """What differs and may not."""
    for name in KernelConfig.__struct_fields__:
        if name not in {*FREE, "strategies"} and getattr(old, name) != getattr(new, name):
            yield name
    for name in FIXED_RISK:
        if getattr(old.risk, name) != getattr(new.risk, name):
            yield f"[risk] {name}"
    if [_place(each) for each in old.strategies] != [_place(each) for each in new.strategies]:
        yield "which strategies trade what, or their code"


def _place(strategy: StrategyConfig) -> StrategyConfig:
    """A strategy without what may change: where it stands, and by which code."""
    return msgspec.structs.replace(
        strategy, parameters=(), requote_ticks=1, minimum_edge_bps=0.0, calibrated=None
    )


def _changes(desk: Desk, new: KernelConfig) -> Iterator[str]:
    """Every value that differs, as it was and as it will be."""
    for group in FREE:
        yield from _differing(group, getattr(desk.config, group)._asdict(), getattr(new, group)._asdict())
    configs = _by_place(new)
    for host in _hosts(desk):
        before, after = host.config, configs[host.config.name, host.config.key]
        names = host.module.Parameters._fields
        values = (
            {
                **dict(zip(names, each.parameters, strict=True)),
                "requote_ticks": each.requote_ticks,
                "minimum_edge_bps": each.minimum_edge_bps,
                "artefact": each.calibrated.artefact if each.calibrated else "none",
            }
            for each in (before, after)
        )
        yield from _differing(f"{before.name} on {before.symbol}:", *values)


def _hosts(desk: Desk) -> list[StrategyHost | PortfolioHost]:
    return [*desk.hosts, *desk.portfolios]


def _by_place(config: KernelConfig) -> dict[tuple[str, InstrumentKey], StrategyConfig]:
    return {(each.name, each.key): each for each in config.strategies}


def _differing(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, value in new.items():
        if old[name] != value:
            yield f"{where} {name}: {old[name]} -> {value}"


def _take_up(desk: Desk, new: KernelConfig) -> None:
    """Bring the new values to everybody who keeps one."""
    desk.config = new
    desk.gate.limits = new.limits
    desk.risk.reconfigure(new)
    configs = _by_place(new)
    for host in _hosts(desk):
        host.reconfigure(configs[host.config.name, host.config.key])
