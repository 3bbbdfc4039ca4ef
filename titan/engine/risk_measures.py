"""What each channel of the risk state measures on this desk. One that cannot be read is NaN: it clears nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal

from titan.engine.desk import Desk, Phase
from titan.engine.risk_settings import (
    BUCKET_LOSS,
    DAILY_LOSS,
    DRAWDOWN,
    ESTIMATE_AGE,
    LIQUIDATION,
    MARGIN_RATIO,
    MARK_AGE,
    SHORTFALL,
    STRESS_LOSS,
)
from titan.model.events import AccountSnapshot, Position, RiskResult
from titan.model.instruments import InstrumentKey
from titan.risk.shutdown import DAY_NS, Level, losses

ACCOUNT_WITHIN = 6
"""Reconciliation intervals for which an account snapshot is believed."""


def update(desk: Desk) -> None:
    """Take the P&L and every other measure as they are now.

    While a session starts it knows too little: its latches stay as its predecessor left them.
    """
    begins = desk.phase is Phase.RUNNING and not desk.risk.begun
    if desk.phase is Phase.ENDED or not (desk.risk.begun or begins):
        return
    if desk.now_ns // DAY_NS != desk.day:
        desk.day, desk.day_open = desk.now_ns // DAY_NS, desk.risk.known
    if begins:
        _take_up_the_time_between(desk)
    if desk.pnl is not None:
        desk.risk.earn(desk.pnl, desk.now_ns)
    desk.risk.observe(measures(desk), desk.now_ns)


def _take_up_the_time_between(desk: Desk) -> None:
    earned = desk.ledger.between.total(desk.conversion)
    if earned is None:
        return
    desk.risk.begun = True
    desk.risk.carried += earned
    desk.day_open -= earned
    if earned:
        text = f"{earned:f} {desk.config.reporting_currency} were earned between the sessions; the risk state counts it"
        desk.note("info" if earned > 0 else "warning", "earned_between", text)


def measures(desk: Desk) -> dict[str, float]:
    """Every channel's measure: money, seconds, or shares, as its limit in [risk] is stated."""
    daily = desk.day_loss
    known = daily is not None
    _, drawdown, bucket = losses(desk.risk.profit) if known else (math.nan, math.nan, math.nan)
    accounts = [venue.account for venue in desk.venues.values()]
    return {
        DAILY_LOSS: float(daily) if daily is not None else math.nan,
        DRAWDOWN: drawdown,
        BUCKET_LOSS: bucket,
        MARK_AGE: max((_mark_age_s(desk, key) for key in desk.markets), default=0.0),
        MARGIN_RATIO: _worst(desk, MARGIN_RATIO, (_margin_ratio(desk, account) for account in accounts)),
        LIQUIDATION: _worst(
            desk, LIQUIDATION, (d for account in accounts for d in _distances(desk, account)), min
        ),
        SHORTFALL: _shortfall(desk),
        STRESS_LOSS: _stress_loss(desk),
        ESTIMATE_AGE: _estimate_age_s(desk),
    }


def stop_reason(desk: Desk) -> str:
    """Why the risk state is in STOP, in words."""
    loss = desk.day_loss
    if desk.risk.channel_levels.get(DAILY_LOSS) is Level.STOP and loss is not None:
        return f"the day's loss of {loss} has reached max_daily_loss = {desk.risk.limits[DAILY_LOSS]:g}"
    return f"risk: {desk.risk.reasons(Level.STOP)}"


def _worst(
    desk: Desk, name: str, found: Iterable[float], worse: Callable[[Iterable[float]], float] = max
) -> float:
    """The worst of several; unknown as soon as one is, unless a known one has reached the limit."""
    values = list(found)
    known = [value for value in values if not math.isnan(value)]
    if not values:
        return math.inf if worse is min else 0.0
    if not known:
        return math.nan
    worst = worse(known)
    decided = len(known) == len(values) or desk.risk.share(name, worst) >= 1.0
    return worst if decided else math.nan


def _mark_age_s(desk: Desk, key: InstrumentKey) -> float:
    """Seconds since a mark price was received, or since the session began if there was none."""
    mark = desk.markets[key].mark
    return (desk.now_ns - (mark.time_ns if mark else desk.epoch_ns)) / 1e9


def _fresh(desk: Desk, account: AccountSnapshot | None) -> AccountSnapshot | None:
    """The snapshot, unless it is too old to be believed."""
    patience_ns = ACCOUNT_WITHIN * desk.config.timing.reconcile_ns
    return account if account is not None and desk.now_ns - account.time_ns <= patience_ns else None


def _margin_ratio(desk: Desk, account: AccountSnapshot | None) -> float:
    account = _fresh(desk, account)
    if account is None or account.maintenance_margin is None or account.margin_balance is None:
        return math.nan
    if not account.maintenance_margin:
        return 0.0
    if account.margin_balance <= 0:
        return math.inf
    return float(account.maintenance_margin / account.margin_balance)


def _distances(desk: Desk, account: AccountSnapshot | None) -> list[float]:
    """How far the mark may go before each position is liquidated, as a share of the mark; 0 where it has."""
    account = _fresh(desk, account)
    if account is None:
        return [math.nan]
    return [_distance(desk, account.venue, position) for position in account.positions if position.lots]


def _distance(desk: Desk, venue: str, position: Position) -> float:
    if position.liquidation is None:
        return math.nan
    market = desk.markets.get(InstrumentKey(venue, position.symbol))
    mark = market.mark.mark if market is not None and market.mark is not None else position.mark
    if not position.liquidation:
        return math.inf
    if mark <= 0:
        return math.nan
    side = 1 if position.lots > 0 else -1
    return float(max(side * (mark - position.liquidation) / mark, Decimal(0)))


def _valid(desk: Desk) -> RiskResult | None:
    """The risk result, unless there is none or it has expired."""
    result = desk.risk.result
    return result if result is not None and desk.now_ns < result.expires_ns else None


def _shortfall(desk: Desk) -> float:
    result = _valid(desk)
    return result.shortfall if result is not None else math.nan


def _stress_loss(desk: Desk) -> float:
    """The loss in the worst scenario; a result without one says nothing of it."""
    result = _valid(desk)
    losses = [stress.loss for stress in result.stresses] if result is not None else []
    return max(losses, default=math.nan)


def _estimate_age_s(desk: Desk) -> float:
    """Seconds since what the risk result is of, or since the session began if there was none."""
    result = desk.risk.result
    return (desk.now_ns - (result.computed_ns if result is not None else desk.epoch_ns)) / 1e9
