"""How an account is set up, as Binance USD-M tells it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from titan.model.events import AccountSetup, SymbolSetup
from titan.wire.grid import WireError

_MARGIN = {"CROSSED": "cross", "ISOLATED": "isolated"}


def account_setup_from_rest(
    mode: Any,
    assets: Any,
    rows: Any,
    restrictions: Any | None,
    *,
    time_ns: int,
    venue: str,
    symbols: Collection[str],
) -> AccountSetup:
    """Put the answers about position mode, asset mode, symbols and key together.

    Parameters
    ----------
    mode, assets, rows : object
        Answers of ``positionSide/dual``, ``multiAssetsMargin`` and ``symbolConfig``.
    restrictions : object or None
        Answer of the spot host's ``account/apiRestrictions``; None where it was not asked.
    symbols : collection of str
        Rows of others are left out.

    Raises
    ------
    WireError
        If an answer lacks what it is asked for: a mode that is not told is not taken for the expected one.
    """
    hedge = _flag(mode, "dualSidePosition")
    if not isinstance(rows, list):
        raise WireError("symbolConfig: the answer is no list")
    return AccountSetup(
        time_ns=time_ns,
        venue=venue,
        position_mode="hedge" if hedge else "one_way",
        multi_assets=_flag(assets, "multiAssetsMargin"),
        symbols=tuple(_symbol(row) for row in rows if isinstance(row, dict) and row.get("symbol") in symbols),
        withdrawals=None if restrictions is None else _flag(restrictions, "enableWithdrawals"),
    )


def _flag(answer: Any, key: str) -> bool:
    value = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(value, bool):
        raise WireError(f"{key} = {value}: must be true or false")
    return value


def _symbol(row: dict[str, Any]) -> SymbolSetup:
    kind, leverage = row.get("marginType"), row.get("leverage")
    if kind not in _MARGIN:
        raise WireError(f"marginType = {kind}: must be CROSSED or ISOLATED")
    if not isinstance(leverage, int) or isinstance(leverage, bool) or leverage < 1:
        raise WireError(f"leverage = {leverage}: must be a whole number from 1 on")
    return SymbolSetup(str(row["symbol"]), _MARGIN[kind], leverage)
