"""The desk's risk state: the latches of every channel, what was earned since the beginning, and the last risk result.

All of it outlives the session: a restart is no new allowance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from titan.engine.configuration import KernelConfig
from titan.engine.risk_settings import (
    AGES,
    ESTIMATE_AGE,
    LIMIT_OF,
    LIQUIDATION,
    S_NS,
    shutdown_parameters,
    watched,
)
from titan.model.events import RiskResult
from titan.risk import shutdown
from titan.risk.shutdown import ChannelState, Latch, Level, Profit

ZERO = Decimal(0)


class RiskState:
    """Latches and counters of one desk.

    Parameters
    ----------
    config : KernelConfig
        Its limits and settings; they say which channels there are.

    Raises
    ------
    ParameterError
        If the settings contradict each other.
    """

    def __init__(self, config: KernelConfig) -> None:
        self.limits = watched(config.limits, config.risk)
        self.parameters = shutdown_parameters(config.limits, config.risk)
        self.state = shutdown.start(self.parameters, 0)
        self.profit = Profit(0, 0.0, 0.0, 0.0, 0.0, 0.0)
        self.carried = ZERO
        """What was earned before this session, reporting currency."""
        self.known = ZERO
        """The session's P&L when it was last known."""
        self.result: RiskResult | None = None
        self.measures = dict.fromkeys(self.limits, math.nan)
        """What each channel measured when it was last read; NaN where it could not be."""
        self.begun = False
        """Whether this session has been observed; before that, nothing is known of what the time between has cost."""
        self.told_ns = 0
        """When the journal was last told of this state."""
        self.level = Level.NORMAL
        """The highest latch of any channel; asked for with every quote."""
        self._bucket_ns = round(config.risk.bucket_s * S_NS)

    @property
    def channel_levels(self) -> dict[str, Level]:
        """The highest latch of each channel."""
        return dict(zip(self.limits, shutdown.channel_levels(self.state), strict=True))

    def share(self, name: str, measure: float) -> float:
        """A measure as a share of its limit; 1 is the limit."""
        limit = self.limits[name]
        if name == LIQUIDATION:
            return limit / measure if measure > 0 else math.nan if math.isnan(measure) else math.inf
        share = measure / limit
        return min(share, 1.0) if name in AGES else share

    def earn(self, pnl: Decimal, now_ns: int) -> None:
        """Take the session's P&L as it is known now."""
        self.known = pnl
        self.profit = shutdown.profit_update(self.profit, float(self.carried + pnl), now_ns, self._bucket_ns)

    def observe(self, measures: Mapping[str, float], now_ns: int) -> None:
        """Read every channel once; NaN sets nothing, and nothing clears meanwhile."""
        self.measures = {name: measures[name] for name in self.limits}
        shares = tuple(self.share(name, measure) for name, measure in self.measures.items())
        self._hold(shutdown.update(self.parameters, self.state, now_ns, shares))

    def release(self, operator: str) -> None:
        """Clear STOP for a named operator, who accepts the loss: the drawdown is measured from here on."""
        self._hold(shutdown.release(self.state, operator))
        self.profit = self.profit._replace(peak=self.profit.now)
        self.told_ns = 0  # what was told last would hold a successor in STOP

    def _hold(self, state: shutdown.State) -> None:
        self.state, self.level = state, shutdown.level(state)

    def reasons(self, at: Level) -> str:
        """The channels that stand at this level or above, with the keys of [risk] that limit them."""
        found = [name for name, level in self.channel_levels.items() if level >= at]
        return ", ".join(
            f"{name} ({LIMIT_OF[name]} = {self.limits[name]:g}{self._why(name)})" for name in found
        )

    def _why(self, name: str) -> str:
        """What an operator must know of a channel besides its limit; empty if nothing."""
        if name != ESTIMATE_AGE:
            return ""
        age = self.measures[name]
        return (
            f"; no risk result yet for {age:.0f} s"
            if self.result is None
            else f"; the risk result is {age:.0f} s old"
        )

    def reconfigure(self, config: KernelConfig) -> None:
        """Take up other limits of the same channels; what is latched stays latched."""
        self.limits = watched(config.limits, config.risk)
        self.parameters = shutdown_parameters(config.limits, config.risk)

    # ---- State -------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything here as plain data, channels by name: the next session may watch others."""
        channels = zip(self.limits, self.state.channels, strict=True)
        return {
            "time_ns": self.state.time_ns,
            "released_by": self.state.released_by,
            "channels": {
                name: [channel.value, [list(latch) for latch in channel.latches], channel.read_ns]
                for name, channel in channels
            },
            "profit": list(self.profit),
            "carried": str(self.carried),
            "known": str(self.known),
            "result": self.result and msgspec.to_builtins(self.result),
            "measures": self.measures,
            "begun": self.begun,
            "told_ns": self.told_ns,
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take up a snapshot; a channel that it does not have begins calm."""
        channels = []
        for name, calm in zip(self.limits, self.state.channels, strict=True):
            value, latches, *read = data["channels"].get(name, calm)
            read_ns = read[0] if read else data["time_ns"]  # a snapshot of before it was kept
            channels.append(ChannelState(value, tuple(Latch(*latch) for latch in latches), read_ns))
        self._hold(shutdown.State(data["time_ns"], tuple(channels), data["released_by"]))
        self.profit = Profit(*data["profit"])
        self.carried, self.known = Decimal(data["carried"]), Decimal(data["known"])
        self.result = data["result"] and msgspec.convert(data["result"], RiskResult)
        self.measures |= {name: value for name, value in data["measures"].items() if name in self.limits}
        self.begun, self.told_ns = data["begun"], data.get("told_ns", 0)

    def begin_session(self) -> None:
        """After taking up a predecessor's snapshot: what it earned is carried, and what it last saw is unknown now."""
        self.carried, self.known, self.begun = self.carried + self.known, ZERO, False
        self.told_ns = 0
        self.measures = dict.fromkeys(self.limits, math.nan)
        unseen = tuple(channel._replace(value=math.nan) for channel in self.state.channels)
        self.state = self.state._replace(channels=unseen)
