"""Protections of prices, limits, losses and exits, each with the desk on which it is missed."""

from __future__ import annotations

from typing import Any

import msgspec

from titan.chaos import trial
from titan.chaos.protection import Patch, Protection
from titan.chaos.schedule import flattened
from titan.engine import exits, judgement, risk_watch
from titan.engine.configuration import KernelConfig
from titan.engine.desk import Desk, Market
from titan.engine.exit_state import Exit, Stage
from titan.engine.risk_settings import RiskSettings
from titan.risk import limits
from titan.risk.denials import Denial
from titan.strategy import quoting
from titan.strategy.quoting import TickQuotes

TIGHT = RiskSettings(dwell_s=3.0, max_drawdown=0.12)


def _tight(session: str, symbol: str) -> KernelConfig:
    return msgspec.structs.replace(_CONFIGURATION(session, symbol), risk=TIGHT)


def _believe_flat(of: Desk, market: Market, found: Exit, lots: int) -> None:
    found.stage = Stage.FLAT


def _without(denial: Denial) -> Patch:
    """The gatekeeper without one of its checks."""

    def evaluate(*asked: Any) -> Denial | None:
        found: Denial | None = _EVALUATE(*asked)
        return None if found is denial else found

    return (judgement, "evaluate", evaluate)


def _through_the_touch(bid: float, ask: float, best_bid: int, best_ask: int, tick: float) -> TickQuotes:
    """Round the bid to where it would take what stands across."""
    found = _ROUND(bid, ask, best_bid, best_ask, tick)
    return TickQuotes(best_ask, max(found.ask_ticks, best_ask + 1)) if best_ask and found.ask_ticks else found


def _in_another_unit(bid: float, ask: float, best_bid: int, best_ask: int, tick: float) -> TickQuotes:
    """Prices of a strategy that has taken one unit for another: a twentieth too low and too high."""
    found = _ROUND(bid, ask, best_bid, best_ask, tick)
    return TickQuotes(found.bid_ticks * 19 // 20, found.ask_ticks * 21 // 20)


_CONFIGURATION = trial.configuration
_EVALUATE = vars(judgement)["evaluate"]
_ROUND = quoting.round_inside

LIMIT_PROTECTIONS: dict[str, Protection] = {
    "flat_proven": Protection(
        "a position is called closed when the venue states 0, never because orders were sent",
        ((exits, "_get_out", _believe_flat),),
    ),
    "reducing_passes": Protection(
        "orders that reduce pass limits and STOP",
        ((limits, "is_reducing", lambda *asked: False),),
        ((trial, "configuration", _tight),),
        "on a desk that losses have stopped, when somebody wants out",
        flattened,
    ),
    "losses_reach_risk": Protection(
        "every loss reaches the limits, from the one ledger",
        ((risk_watch, "observe", lambda of: None),),
        ((trial, "configuration", _tight),),
        "on a desk with a tight limit on its drawdown",
    ),
    "behind_the_touch": Protection(
        "a quote stands behind the other side's touch, never at it",
        ((quoting, "round_inside", _through_the_touch),),
        (_without(Denial.WOULD_CROSS),),
        "on a desk whose gatekeeper lets it cross",
    ),
    "collar": Protection(
        "a price far from the market is another unit, not a quote",
        (_without(Denial.PRICE_COLLAR),),
        ((quoting, "round_inside", _in_another_unit),),
        "on a desk whose strategy mistakes a unit",
    ),
}
"""By name.

:meta hide-value:
"""
