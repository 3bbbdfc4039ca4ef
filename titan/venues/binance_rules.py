"""The contract terms of every symbol that Binance USD-M lists, out of one answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from titan.model.instruments import Instrument
from titan.venues.binance_fills import QueryRefused
from titan.wire.binance_usdm import WireError, instrument_from_exchange_info


class NotListed(Exception):
    """The venue does not trade a symbol of ours."""

    def __init__(self, venue: str, symbol: str) -> None:
        super().__init__(f"the venue lists no tradable {symbol}; correct symbols in [venue.{venue}]")
        self.symbol = symbol


def listed_terms(
    info: Mapping[str, Any], venue: str, ours: Collection[str], known: Mapping[str, Instrument]
) -> dict[str, Instrument]:
    """What is known of every symbol after an answer: positions and orders of others have to be told, too.

    Parameters
    ----------
    info : mapping
        The ``exchangeInfo`` answer.
    ours : collection of str
        The symbols that are traded: their terms must be readable.
    known : mapping of str to Instrument
        What was read last; a change raises the version.

    Raises
    ------
    QueryRefused, WireError
        If nothing is listed, or the terms of a symbol of ours cannot be read.
    NotListed
        If one of ours was never listed.
    """
    entries = info.get("symbols")
    if not isinstance(entries, list):
        raise QueryRefused("exchangeInfo lists no symbols")
    found: dict[str, Instrument] = {}
    for entry in entries:
        symbol = entry.get("symbol") if isinstance(entry, dict) else None
        if not isinstance(symbol, str):
            continue
        before = known.get(symbol)
        try:
            fresh = instrument_from_exchange_info(entry, venue, before.version if before else 1)
        except WireError:
            # A symbol without tick or lot cannot be traded; it only matters if it is one of ours.
            if symbol in ours:
                raise
            continue
        if before is not None and fresh != before:
            fresh = msgspec.structs.replace(fresh, version=before.version + 1)
        found[symbol] = fresh
    for symbol in ours:
        if symbol not in found and symbol not in known:
            raise NotListed(venue, symbol)
    return {**known, **found}
