"""Binance's exchangeInfo to instruments."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import msgspec

from titan.model.instruments import Instrument
from titan.wire.binance_account_shapes import RestFilter, RestSymbol
from titan.wire.grid import WireError

NO_BAND_UP = Decimal(1000)
"""Upper price band of a symbol that states none: no price that a book could hold is beyond it."""

_ABSENT = RestFilter("")


def instrument_from_exchange_info(entry: Any, venue: str, version: int = 1) -> Instrument:
    """One symbol entry of exchangeInfo.

    Raises
    ------
    WireError
        If tick or lot are missing or not above 0; nothing can be traded without them.

    Notes
    -----
    A symbol with a `contractSize` is inverse (COIN-M), others are linear with one coin a unit. Trailing
    zeros of tick and lot are dropped, since the venue refuses prices with more decimals than
    `pricePrecision`.
    """
    try:
        found = msgspec.convert(entry, RestSymbol, strict=False)
    except msgspec.ValidationError as error:
        raise WireError(f"exchangeInfo entry unreadable ({error}): {str(entry)[:200]}") from None
    filters = {each.filterType: each for each in found.filters}
    price = filters.get("PRICE_FILTER", _ABSENT)
    lot = filters.get("LOT_SIZE", _ABSENT)
    band = filters.get("PERCENT_PRICE", _ABSENT)
    tick_size = _step(price.tickSize, "tickSize of PRICE_FILTER", found.symbol)
    lot_size = _step(lot.stepSize, "stepSize of LOT_SIZE", found.symbol)
    max_lots = _whole(lot.maxQty, lot_size, ROUND_FLOOR)
    market_lots = _whole(filters.get("MARKET_LOT_SIZE", _ABSENT).maxQty, lot_size, ROUND_FLOOR)
    status = found.status or found.contractStatus
    return Instrument(
        venue=venue,
        symbol=found.symbol,
        base=found.baseAsset,
        quote=found.quoteAsset,
        settle=found.marginAsset,
        kind="linear" if found.contractSize is None else "inverse",
        multiplier=Decimal(1) if found.contractSize is None else found.contractSize,
        tick_size=tick_size,
        lot_size=lot_size,
        min_lots=_whole(lot.minQty, lot_size, ROUND_CEILING),
        max_lots=max_lots,
        max_market_lots=min(market_lots or max_lots, max_lots),
        min_notional=filters.get("MIN_NOTIONAL", _ABSENT).notional,
        band_up=band.multiplierUp or NO_BAND_UP,
        band_down=band.multiplierDown,
        status=status.lower(),
        version=version,
    )


def _step(step: Decimal, what: str, symbol: str) -> Decimal:
    if not step.is_finite() or step <= 0:
        raise WireError(
            f"{symbol}: {what} is {step} or missing; it cannot be traded until the venue states it"
        )
    return step.normalize()


def _whole(quantity: Decimal, step: Decimal, rounding: str) -> int:
    if not quantity.is_finite():
        raise WireError(f"quantity bound {quantity} is not a number")
    return int((quantity / step).to_integral_value(rounding=rounding))
