"""The files of regime models: one an instrument, written by a fit elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from titan.engine.regimes import RegimeConfig
from titan.live.errors import UsageError


def read_regimes(path: Path) -> RegimeConfig:
    """Read the regimes of one instrument from a JSON file.

    Raises
    ------
    UsageError
        If it cannot be read, or says something that is not allowed.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=RegimeConfig)
    except OSError as error:
        raise UsageError(f"regimes {path}: {error.strerror}; write it, or remove it") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise UsageError(f"regimes {path}: {error}; fit and write it anew, or remove it") from None


def regimes_of(folder: Path, symbols: Sequence[str]) -> tuple[RegimeConfig, ...]:
    """The models of regimes that stand in the folder, one file an instrument."""
    files = {symbol: folder / f"{symbol}.json" for symbol in symbols}
    found = {symbol: read_regimes(path) for symbol, path in files.items() if path.exists()}
    for symbol, regimes in found.items():
        if regimes.symbol != symbol:
            raise UsageError(f"regimes {files[symbol]}: symbol = {regimes.symbol}: must be {symbol}")
    return tuple(found.values())
