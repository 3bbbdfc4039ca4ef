"""The grid of a capture's instruments, inferred from its numbers, since captures carry no exchangeInfo.

The step of price and size is one unit of the last decimal that any number of that symbol uses, trailing zeros
aside. It may differ from the venue's own tick (0.1 for 0.5), which changes no comparison and no best price.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

from titan.model.instruments import Instrument
from titan.store.captures import CaptureError, read_capture
from titan.wire.capture_marks import PREFIX

_NUMBER = rb'"(?:\d+)(?:\.(\d*?)0*)?"'
_LEVEL = re.compile(rb"\[\s*" + _NUMBER + rb",\s*" + _NUMBER + rb"\s*\]")
_PRICE = re.compile(rb'"[bap]":\s*' + _NUMBER)
_SIZE = re.compile(rb'"[BAq]":\s*' + _NUMBER)
_SYMBOL = re.compile(rb'"(?:s|symbol)":\s*"(\w+)"')
_SNAPSHOT = re.compile(rb'"stream":\s*"(\w+)@snapshot"')
_PARTS = re.compile(r"(?P<base>\w+?)(?P<quote>USDT|USDC|FDUSD|TUSD|BUSD|USD|BTC|ETH|BNB)(?P<expiry>_\w+)?")

_MARK_PRICE, _HEAD_BYTES = b"markPriceUpdate", 160

_CONTRACT_USD = {"BTC": 100}
_OTHER_CONTRACT_USD = 10
_NO_LIMIT_LOTS = 10**15


class Scale:
    """Decimals of price and size that one symbol's numbers use."""

    __slots__ = ("price", "size")

    def __init__(self) -> None:
        self.price = 0
        self.size = 0

    def see(self, payload: bytes) -> None:
        """Take in every price and size of a frame; mark prices may lie off the grid, and tell nothing of it."""
        if _MARK_PRICE in payload[:_HEAD_BYTES]:
            return
        for price, size in _LEVEL.findall(payload):
            self.price = max(self.price, len(price))
            self.size = max(self.size, len(size))
        self.price = max([self.price, *map(len, _PRICE.findall(payload))])
        self.size = max([self.size, *map(len, _SIZE.findall(payload))])

    def widen(self, other: Scale) -> None:
        """Take in what another has seen."""
        self.price = max(self.price, other.price)
        self.size = max(self.size, other.size)


def scales_of(path: Path, on_torn: Callable[[str], None] | None = None) -> dict[str, Scale]:
    """The scale of every symbol of a capture; a depth snapshot that names none belongs to the only one.

    Parameters
    ----------
    path : Path
        The capture.
    on_torn : function of str, optional
        As of `titan.store.captures.read_capture`.

    Raises
    ------
    CaptureError
        If the file is no readable capture, or no frame of it names a symbol.
    """
    found: dict[str, Scale] = {}
    nameless = Scale()
    unnamed = False
    for frame in read_capture(path, on_torn):
        if frame.payload.startswith(PREFIX):
            continue
        symbol = symbol_of(frame.payload)
        unnamed = unnamed or not symbol
        (found.setdefault(symbol, Scale()) if symbol else nameless).see(frame.payload)
    if not found and unnamed:
        raise CaptureError(f"{path}: no frame names a symbol; is this a capture of Binance's streams?")
    for scale in found.values():
        scale.widen(nameless)
    return found


def symbol_of(payload: bytes) -> str:
    """The symbol that a frame names, or nothing."""
    wrapped = _SNAPSHOT.search(payload, 0, 64)
    if wrapped:
        return wrapped[1].decode().upper()
    named = _SYMBOL.search(payload)
    return named[1].decode() if named else ""


def infer_instruments(paths: Iterable[Path], venue: str) -> dict[str, Instrument]:
    """Instruments of all symbols in `paths`, on grids that hold every number in them.

    Notes
    -----
    Bounds, minimum notional and price band are not to be had from a capture: they are wide open. A symbol of
    COIN-M (``BTCUSD_PERP``) is inverse, 100 USD a contract for BTC and 10 USD for others.
    """
    merged: dict[str, Scale] = {}
    for path in paths:
        for symbol, scale in scales_of(path).items():
            merged.setdefault(symbol, Scale()).widen(scale)
    return {symbol: instrument_on(scale, symbol, venue) for symbol, scale in merged.items()}


def instrument_on(scale: Scale, symbol: str, venue: str) -> Instrument:
    """An instrument whose tick and lot are one unit of the last decimal seen."""
    parts = _PARTS.fullmatch(symbol)
    base, quote = (parts["base"], parts["quote"]) if parts else (symbol, "")
    inverse = quote == "USD" and parts is not None and parts["expiry"] is not None
    multiplier = _CONTRACT_USD.get(base, _OTHER_CONTRACT_USD) if inverse else 1
    return Instrument(
        venue=venue,
        symbol=symbol,
        base=base,
        quote=quote,
        settle=base if inverse else quote,
        kind="inverse" if inverse else "linear",
        multiplier=Decimal(multiplier),
        tick_size=Decimal(1).scaleb(-scale.price),
        lot_size=Decimal(1).scaleb(-scale.size),
        min_lots=1,
        max_lots=_NO_LIMIT_LOTS,
        max_market_lots=_NO_LIMIT_LOTS,
        min_notional=Decimal(0),
        band_up=Decimal(1000),
        band_down=Decimal(0),
        status="trading",
    )
