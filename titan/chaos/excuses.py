"""What may lawfully keep a desk from quoting when nothing goes wrong any more: a thin market, an order to stand still,
requests used up, or a loss: the last two as the exchange itself sees them.
"""

from __future__ import annotations

from decimal import Decimal

from titan.chaos.world import ACCOUNT, World
from titan.engine.desk import Desk
from titan.engine.risk_settings import BUCKET_LOSS, DAILY_LOSS, DRAWDOWN
from titan.loopback.faults import Fault, Kind
from titan.risk.shutdown import Level

THIN = ("a side of the book is empty", "the book is syncing")
"""The market's own reasons."""

STANDING = {
    "stop": ("STOP: trial",),
    "pause": ("paused: trial",),
    "flatten": ("STOP: trial", "an exit is under way: trial"),
    "close": ("closed: trial", "an exit is under way: trial"),
}
"""What each act of the trial's operator leaves behind until a resume."""

BY_RISK = ("STOP: risk: ", "STOP: the day's loss", "risk is CRITICAL")

RESTS = "fails too often: quoting rests"

USED_UP = 0.75
"""Share of the minute's request weight, as charged, from which calls that are not urgent may be held back: what was
lost on its way counts for whoever sent it."""

READING = "still reading "

RESTS_S = 30.0
"""How long after that the breaker may rest: calls that were held back count as failures for it."""

FORCED = {Kind.LIQUIDATE, Kind.DELEVERAGE}
UNHEARD_S = 10.0
"""How long an execution that the venue forced may be unknown where its word was lost: the next look at executions, and
the grace that is given to a difference."""

LOSSES = {DAILY_LOSS, DRAWDOWN, BUCKET_LOSS}

SEEN = Decimal("0.5")
"""Share of a loss limit that must have been lost at the exchange's prices: a desk values at a book that may lie for a
moment, and by executions of which it has not heard yet."""

LONG_BEFORE = 2
"""Times a loss limit by which a desk must be in STOP, whatever it valued its position at in between."""


class Excuses:
    """Follows what the account earns and what is asked of the desk.

    Parameters
    ----------
    world : World
        Whose exchange states the account.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._standing: list[str] = []
        self._peak: Decimal | None = None
        self._fall = self._fall_since = Decimal(0)
        self._used_up_s = -RESTS_S
        self._forced_s = -UNHEARD_S

    def struck(self, fault: Fault) -> None:
        """A fault has met its call, frame or account."""
        if fault.kind in FORCED:
            self._forced_s = self._world.elapsed_s

    @property
    def may_not_know(self) -> bool:
        """Whether the venue has changed the position by itself, and nobody may have heard of it yet."""
        return self._world.elapsed_s - self._forced_s < UNHEARD_S

    def asked(self, action: str) -> None:
        """An operator acts: a resume ends everything that was asked before it."""
        self._standing = [] if action == "resume" else [*self._standing, action]
        if action == "resume":
            self._peak, self._fall_since = None, Decimal(0)  # whoever resumes accepts the loss

    @property
    def wants_out(self) -> bool:
        """Whether the last word is that the position be closed."""
        return bool({"flatten", "close"} & set(self._standing))

    def look(self) -> None:
        """Take the account's worth at the exchange's own prices as it is now, and the weight that it has used."""
        exchange, symbol = self._world.exchange, self._world.symbol
        desk = self._world.desk
        if desk.limiter.weight_used(exchange.now_ns) > USED_UP * desk.limits.weight_per_minute:
            self._used_up_s = self._world.elapsed_s
        depth = exchange.depth(symbol, 1)
        if not (depth.bids and depth.asks):
            return
        (position,) = exchange.positions(ACCOUNT, symbol)
        terms = exchange.instruments()[symbol]
        mid = (depth.bids[0][0] + depth.asks[0][0]) * terms.tick_size / 2
        value = terms.notional(mid, position.lots) * (1 if position.lots > 0 else -1)
        worth = sum(balance.wallet for balance in exchange.balances(ACCOUNT)) + value - position.basis
        self._peak = worth if self._peak is None else max(self._peak, worth)
        self._fall_since = max(self._fall_since, self._peak - worth)
        self._fall = max(self._fall, self._fall_since)

    def holds(self, desk: Desk, obstacle: str) -> bool:
        """Whether this is a lawful reason not to quote."""
        standing = tuple(text for action in self._standing for text in STANDING[action])
        if obstacle.startswith((*THIN, *standing)):
            return True
        if obstacle.endswith(RESTS) or obstacle.startswith(READING):
            return self._world.elapsed_s - self._used_up_s < RESTS_S
        return obstacle.startswith(BY_RISK) and self._lost(desk)

    def overdue(self, desk: Desk) -> str:
        """What the account has lost although a limit should have stopped the desk long before; empty if it has not."""
        limit = Decimal(str(desk.risk.limits.get(DRAWDOWN, 0)))
        if desk.halted or not limit or self._fall_since < LONG_BEFORE * limit:
            return ""
        return f"{self._fall_since:.2f} were lost, and max_drawdown = {limit} has not stopped the desk"

    def _lost(self, desk: Desk) -> bool:
        """Whether each channel that shuts the desk watches a loss, and the exchange has seen that loss."""
        shut = [name for name, level in desk.risk.channel_levels.items() if level >= Level.CRITICAL]
        limits = [Decimal(str(desk.risk.limits[name])) for name in shut if name in LOSSES]
        return len(limits) == len(shut) > 0 and self._fall >= SEEN * max(limits)
