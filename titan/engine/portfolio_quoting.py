"""Strategies over several instruments: asked once a step, after every book has moved, and carried out leg by leg."""

from __future__ import annotations

import math

from titan.engine import taking
from titan.engine.desk import Desk, Market
from titan.engine.portfolios import PortfolioHost
from titan.engine.quoting import ask, look, obstacle, resume, withdraw


def evaluate(desk: Desk) -> None:
    """Ask every strategy that trades an instrument which was asked about in this step."""
    for host in desk.portfolios:
        if not desk.touched.isdisjoint(host.config.keys):
            _evaluate(desk, host)


def _evaluate(desk: Desk, host: PortfolioHost) -> None:
    """Withdraw where nothing may stand, and ask for the rest; where nothing at all may stand, nothing is asked."""
    legs = [(desk.markets[seat.key], seat) for seat in host.seats]
    reasons = [obstacle(desk, market, seat) for market, seat in legs]
    for (market, seat), reason in zip(legs, reasons, strict=True):
        if reason:
            withdraw(desk, market, seat, reason)
    if all(reasons) or desk.now_ns - host.evaluated_ns < desk.config.timing.quote_interval_ns:
        return
    outlooks = [
        look(desk, market, seat)._replace(last_mid=_last_mid(market) if reason else None)
        for (market, seat), reason in zip(legs, reasons, strict=True)
    ]
    answers = ask(desk, host.seats, host.evaluate, outlooks)
    if answers is None:
        return
    open_legs = [
        (*leg, answer) for leg, answer, reason in zip(legs, answers, reasons, strict=True) if not reason
    ]
    for market, seat, _ in open_legs:
        resume(desk, market, seat)
    # What takes goes first on every leg: a hedge does not wait for quotes, nor for the messages they cost.
    for leg in open_legs:
        taking.take(desk, *leg)
    for leg in open_legs:
        taking.quote(desk, *leg)


def _last_mid(market: Market) -> float:
    """The last trustworthy mid, quote currency; before there has been one, the mark."""
    if market.mid_half_ticks:
        return float(market.mid)
    return float(market.mark.mark) if market.mark else math.nan
