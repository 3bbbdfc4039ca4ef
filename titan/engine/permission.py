"""Which quotes may stand at CRITICAL and STOP: those that reduce what is held, and no more of them than it takes."""

from __future__ import annotations

from collections.abc import Sequence

from titan.engine.desk import Desk, Market
from titan.engine.router import Wanted
from titan.model.commands import Decision
from titan.model.orders import Lifetime
from titan.risk.shutdown import Level


def restriction(desk: Desk) -> str:
    """Why not everything that is wanted may stand; empty if it may."""
    if desk.action.may_increase:
        return ""
    return f"risk is {desk.level.name}: only orders that reduce pass; {desk.risk.reasons(Level.CRITICAL)}"


def permitted(
    desk: Desk, market: Market, strategy: str, quotes: Sequence[tuple[Wanted, Decision]]
) -> list[tuple[Wanted, Decision]]:
    """The quotes that may stand, cut to what closes the position.

    Orders of other strategies, and what takes at once, come first: together they may close it once. An order that is
    to be moved stands already, so without this it would never meet the gatekeeper.
    """
    if desk.action.may_increase:
        return list(quotes)
    kept: list[tuple[Wanted, Decision]] = []
    for side in (1, -1):
        others = sum(
            order.remaining
            for order in desk.orders.live(market.key)
            if order.side == side and (order.strategy != strategy or order.lifetime is Lifetime.IOC)
        )
        room = max(-side * desk.ledger.lots(market.key) - others, 0)
        for wanted, decision in quotes:
            if wanted.side == side and room:
                kept.append((wanted._replace(size=min(wanted.size, room)), decision))
                room -= kept[-1][0].size
    return kept
