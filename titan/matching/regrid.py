"""Another tick for an instrument while the exchange runs: orders must be gone, positions stay."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from titan.matching.account import Account
from titan.matching.market import Market
from titan.model.instruments import Instrument


def regrid(market: Market, accounts: Iterable[Account], tick_size: Decimal, now_ns: int) -> Instrument:
    """Change a market's tick; what was before keeps the grid that it was made in (`Market.terms_at`).

    Parameters
    ----------
    accounts : iterable of Account
        All of the exchange's.
    tick_size : Decimal
        Quote currency, above 0.
    now_ns : int
        From when on, ns UTC.

    Raises
    ------
    ValueError
        If an order of anybody still stands: its price is counted in the old ticks.
    """
    symbol = market.instrument.symbol
    if not tick_size > 0:
        raise ValueError(f"tick_size = {tick_size}: must be above 0")
    owners = list(accounts)
    standing = [account.name for account in owners if any(account.store.open(symbol))]
    if standing:
        raise ValueError(f"{symbol}: the tick cannot change while orders of {', '.join(standing)} stand")
    market.regrid(tick_size, now_ns)
    for account in owners:
        if symbol in account.positions:
            account.positions[symbol].instrument = market.instrument
    return market.instrument
