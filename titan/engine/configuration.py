"""What the engine is told once, at the start: frozen, journalled in the session's header, and enough for a replay."""

from __future__ import annotations

import msgspec

from titan.engine.risk_settings import RiskSettings
from titan.model.instruments import InstrumentKey
from titan.risk.limits import LimitSettings


class VenueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A venue and the account traded there."""

    name: str
    protocol: str
    account: str
    symbols: tuple[str, ...]
    use_amend: bool = True


class StrategyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy on one instrument, or on several; `parameters` in the order of its `Parameters` fields."""

    name: str
    code: str
    venue: str
    symbol: str
    parameters: tuple[bool | int | float, ...]
    requote_ticks: int = 1
    minimum_edge_bps: float = 0.0
    """What each fill must earn beyond its fee, measured from the strategy's fair value."""
    legs: tuple[str, ...] = ()
    """The symbols of a strategy over several instruments, in its order, `symbol` first; empty for any other."""

    @property
    def key(self) -> InstrumentKey:
        """The instrument it quotes, or the first one of several."""
        return InstrumentKey(self.venue, self.symbol)

    @property
    def keys(self) -> tuple[InstrumentKey, ...]:
        """Every instrument it trades."""
        return tuple(InstrumentKey(self.venue, symbol) for symbol in self.legs or (self.symbol,))


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Every interval that the engine waits, integer ns of the session's clock."""

    quote_interval_ns: int = 100_000_000
    markout_ns: int = 5_000_000_000
    check_ns: int = 1_000_000_000
    reconcile_ns: int = 5_000_000_000
    terms_ns: int = 300_000_000_000
    unknown_after_ns: int = 2_000_000_000
    grace_ns: int = 5_000_000_000
    stale_after_ns: int = 5_000_000_000
    shutdown_ns: int = 10_000_000_000
    absence_proof_ns: int = 7_000_000_000
    """A request's receive window (5 s) and a margin: only after it can "no such order" be proof."""
    duration_ns: int = 0
    """End the session this long after the first quote; 0 means never."""


class KernelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration of one session's engine."""

    session: str
    reporting_currency: str
    venues: tuple[VenueConfig, ...]
    strategies: tuple[StrategyConfig, ...]
    limits: LimitSettings
    timing: Timing = Timing()
    risk: RiskSettings = RiskSettings()

    def venue(self, name: str) -> VenueConfig:
        """The venue of this name."""
        return next(venue for venue in self.venues if venue.name == name)

    @property
    def keys(self) -> tuple[InstrumentKey, ...]:
        """Every configured instrument."""
        return tuple(InstrumentKey(venue.name, symbol) for venue in self.venues for symbol in venue.symbols)

    @property
    def strategy_names(self) -> tuple[str, ...]:
        """Every strategy's name, once."""
        return tuple(dict.fromkeys(strategy.name for strategy in self.strategies))
