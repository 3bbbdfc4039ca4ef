"""What a session is doing, as plain data for an operator: read from the engine, never decided here."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from titan.engine.desk import Desk, Market
from titan.engine.exits import progress
from titan.engine.kernel import Kernel
from titan.engine.risk_settings import LIMIT_OF
from titan.engine.strategies import Seat
from titan.live.summary import money
from titan.model.orders import Order


def status(kernel: Kernel, mode: str = "") -> dict[str, Any]:
    """The session at this moment. Money is a decimal string in the reporting currency, null if it cannot be valued."""
    desk, summary = kernel.desk, kernel.summary()
    return {
        "session": desk.config.session,
        "mode": mode,
        "phase": desk.phase.value,
        "halted": desk.halted,
        "paused": desk.paused,
        "kill_switch": desk.kill_switch,
        "storage_failed": desk.storage_failed,
        "reporting_currency": desk.config.reporting_currency,
        "pnl": money(summary.pnl),
        "day_loss": money(desk.day_loss),
        "max_daily_loss": desk.config.limits.max_daily_loss,
        "differences": summary.differences,
        "risk": _risk(desk),
        "venues": {
            name: {"streams": venue.streams, "unread": sorted(venue.unread)}
            for name, venue in desk.venues.items()
        },
        "instruments": {
            str(key): _instrument(kernel, market) for key, market in desk.markets.items()
        },
        "orders": [_order(kernel, order) for order in desk.orders.live()],
        "strategies": {
            f"{host.config.name} {host.key}": host.quarantined or host.obstacle or "quoting"
            for host in desk.seats
        },
        "waiting": [text for host in desk.seats for text in _waiting(kernel, host)],
    }  # fmt: skip


def _waiting(kernel: Kernel, seat: Seat) -> list[str]:
    """The sides that wait after refusals."""
    now_ns = kernel.desk.now_ns
    return [
        f"{seat.config.name} {seat.key}: {'buys' if side > 0 else 'sells'} wait {(wait.until_ns - now_ns) / 1e9:.1f} s "
        f"after refusals: {wait.why}"
        for side, wait in seat.waits.items()
        if now_ns < wait.until_ns
    ]


def _risk(desk: Desk) -> dict[str, Any]:
    """The level and every channel: what it measures, its limit and its own level; null where it cannot be read."""
    risk = desk.risk
    return {
        "level": desk.level.name,
        "may_increase": desk.action.may_increase,
        "size_factor": desk.action.size_factor,
        "spread_factor": desk.action.spread_factor,
        "released_by": risk.state.released_by,
        "channels": {
            name: {
                "level": level.name,
                "value": _finite(risk.measures[name]),
                "limit": risk.limits[name],
                "share": _finite(risk.share(name, risk.measures[name])),
                "key": LIMIT_OF[name],
            }
            for name, level in risk.channel_levels.items()
        },
        "result": _result(desk),
    }


def _result(desk: Desk) -> dict[str, Any] | None:
    """The risk result with its age, and whether it still says anything; null before the first."""
    result = desk.risk.result
    if result is None:
        return None
    found: dict[str, Any] = msgspec.to_builtins(result)
    age_s = (desk.now_ns - result.computed_ns) / 1e9
    return found | {"age_s": age_s, "expired": desk.now_ns >= result.expires_ns}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _instrument(kernel: Kernel, market: Market) -> dict[str, Any]:
    lots = kernel.desk.ledger.lots(market.key)
    terms = market.instrument
    return {
        "position_lots": lots,
        "position": None if terms is None else f"{terms.size_text(lots)} {terms.base}",
        "mid": None if terms is None or not market.mid_half_ticks else f"{market.mid:f}",
        "book": market.book.state,
        "not_quoting_because": market.obstacle,
        "exit": progress(kernel.desk, market.key) if market.key in kernel.desk.exits and terms else "",
    }


def _order(kernel: Kernel, order: Order) -> dict[str, Any]:
    terms = kernel.desk.markets[order.key].instrument if order.key in kernel.desk.markets else None
    return {
        "client_id": order.client_id,
        "instrument": str(order.key),
        "strategy": order.strategy,
        "side": "buy" if order.side > 0 else "sell",
        "price": f"{order.price} ticks" if terms is None else terms.price_text(order.price),
        "remaining_lots": order.remaining,
        "state": order.state.value,
    }
