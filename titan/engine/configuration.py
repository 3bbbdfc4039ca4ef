"""What the engine is told once, at the start: frozen, journalled in the session's header, and enough for a replay."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

from titan.engine.regimes import RegimeConfig
from titan.engine.risk_settings import RiskSettings
from titan.engine.signals import SignalSettings
from titan.model.contract import Range
from titan.model.instruments import InstrumentKey
from titan.risk.limits import LimitSettings
from titan.strategy.adjustments import Parameters


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """How an account must be set up for a session to start on it. What is empty, 0 or None is not compared."""

    margin_mode: str = ""
    """``cross`` or ``isolated``."""
    leverage: int = 0
    multi_assets: bool | None = None
    max_maker_fee_bps: float | None = None
    """Highest commission rates, in basis points of notional; a rebate is negative."""
    max_taker_fee_bps: float | None = None


class VenueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A venue and the account traded there."""

    name: str
    protocol: str
    account: str
    symbols: tuple[str, ...]
    use_amend: bool = True
    expected: Expected | None = None
    """Compared with the account at the start; None, as in sessions of before it was, compares nothing."""


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """Where a strategy's parameters come from that a calibration has found, and what follows once they are in doubt."""

    artefact: str
    """Its id; it stands with every decision."""
    expires_ns: int
    doubt: str
    """Why the fit is not to be relied on; empty for a good one."""
    hold: bool
    """In doubt quote nothing; otherwise quote wider, and smaller, by these factors."""
    spread_factor: float
    size_factor: float

    def in_doubt(self, now_ns: int) -> str:
        """Why the parameters are in doubt now; empty if they are not."""
        if self.doubt:
            return f"the fit of artefact {self.artefact} is in doubt: {self.doubt}"
        if now_ns >= self.expires_ns:
            return f"artefact {self.artefact} has expired: calibrate again"
        return ""


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
    calibrated: Calibrated | None = None
    """None where all parameters are those of the settings."""

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
    fills_a_look: int = 2
    """Instruments of a venue whose executions are read again at one look, in turn: more would use up its budget."""
    terms_ns: int = 300_000_000_000
    unknown_after_ns: int = 2_000_000_000
    grace_ns: int = 5_000_000_000
    stale_after_ns: int = 5_000_000_000
    shutdown_ns: int = 10_000_000_000
    absence_proof_ns: int = 7_000_000_000
    """A request's receive window (5 s) and a margin: only after it can "no such order" be proof."""
    duration_ns: int = 0
    """End the session this long after the first quote; 0 means never."""


class ExitSettings(NamedTuple):
    """How a position is got out of; see `titan.engine.exits`."""

    chase_interval_ms: Annotated[
        int, Range(50, 10_000, "ms", "an exit's order follows the touch no more often than this")
    ] = 300
    chase_attempts: Annotated[
        int, Range(0, 100, "intervals", "an exit stands at the touch so long before it takes")
    ] = 5
    exit_collar_bps: Annotated[
        float,
        Range(0.1, 2_000, "bps", "farthest from the mid at which an exit takes before it goes to the market"),
    ] = 50.0
    exit_timeout_s: Annotated[
        float, Range(1, 3_600, "s", "an operator's answer, or the session's end, waits so long for an exit")
    ] = 30.0
    max_inventory_age_s: Annotated[
        float, Range(0, 1e7, "s", "inventory of a strategy that is older is worked out passively; 0: never")
    ] = 0.0

    @property
    def interval_ns(self) -> int:
        """The least time between two prices of an exit's order."""
        return self.chase_interval_ms * 1_000_000


class RefusalSettings(NamedTuple):
    """When a side waits after refusals; see `titan.engine.backoff`. 0 in a row: never."""

    in_a_row: int = 0
    within_ns: int = 5_000_000_000
    wait_ns: int = 1_000_000_000


class Resilience(msgspec.Struct, frozen=True, kw_only=True):
    """How a session meets a venue that fails. 0 switches a protection off, as in sessions of before there were any."""

    breaker_failures: int = 0
    """Unproven outcomes and failed queries within `breaker_window_ns` after which quoting rests."""
    breaker_window_ns: int = 10_000_000_000
    breaker_first_ns: int = 2_000_000_000
    """The first rest; each one that follows soon is twice as long, up to `breaker_longest_ns`."""
    breaker_longest_ns: int = 60_000_000_000
    dead_man_ns: int = 0
    """Countdown after which the venue cancels by itself; it is renewed three times as often."""
    most_drift_ns: int = 0
    """Largest change of a venue's clock against ours between two measurements."""
    most_round_trip_ns: int = 0
    private_late_ns: int = 0
    """Time within which the private stream must tell what a query has told."""


class KernelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration of one session's engine."""

    session: str
    reporting_currency: str
    venues: tuple[VenueConfig, ...]
    strategies: tuple[StrategyConfig, ...]
    limits: LimitSettings
    timing: Timing = Timing()
    resilience: Resilience = Resilience()
    size_share: float = 1.0
    """The part of each quote's size that is sent."""
    quoting: Parameters = Parameters()
    """How every strategy's quotes answer the signals; nothing is changed where nothing is said."""
    signals: SignalSettings | None = None
    """How the signals are measured; None, as in sessions of before there were any, measures none."""
    exits: ExitSettings = ExitSettings()
    flatten_at_end: bool = False
    """Close every position before the session ends."""
    refusals: RefusalSettings = RefusalSettings()
    """When a side waits after refusals; as in sessions of before there was such a wait, never."""
    regimes: tuple[RegimeConfig, ...] = ()
    """The regimes of each instrument for which a model was given."""
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
