"""Balances, positions, margin tables and income as Binance USD-M writes them in REST answers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from titan.loopback.shapes_market import Payload, money, ms
from titan.loopback.shapes_orders import price_8
from titan.matching.terms import Bracket
from titan.matching.types import BalanceRecord, IncomeRecord, PositionRecord
from titan.model.instruments import Instrument

_INCOME_TYPE = {
    "realized_pnl": "REALIZED_PNL",
    "commission": "COMMISSION",
    "funding_fee": "FUNDING_FEE",
    "transfer": "TRANSFER",
}
INCOME_KINDS = {text: kind for kind, text in _INCOME_TYPE.items()}


class OpenValue(NamedTuple):
    """Value of the open orders of each side, quote currency."""

    bids: Decimal
    asks: Decimal


class Holding(NamedTuple):
    """One position with its instrument, the value of open orders, the largest allowed, and its liquidation price."""

    instrument: Instrument
    position: PositionRecord
    open_value: OpenValue
    max_value: Decimal
    liquidation: Decimal


def balance_row(balance: BalanceRecord, alias: str, now_ns: int) -> Payload:
    """One row of ``GET /fapi/v2/balance`` and v3."""
    return {
        "accountAlias": alias,
        "asset": balance.asset,
        "balance": money(balance.wallet),
        "crossWalletBalance": money(balance.wallet),
        "crossUnPnl": money(balance.unrealized),
        "availableBalance": money(balance.available),
        "maxWithdrawAmount": money(min(balance.available, max(balance.wallet, Decimal(0)))),
        "marginAvailable": True,
        "updateTime": ms(now_ns),
    }


def account_answer(
    balances: Sequence[BalanceRecord], holdings: Sequence[Holding], version: int, now_ns: int
) -> Payload:
    """``GET /fapi/v2/account`` (with account flags and every position) and ``/fapi/v3/account``."""
    in_positions = sum((holding.position.initial_margin for holding in holdings), Decimal(0))
    totals = _totals(balances, in_positions)
    assets = [_asset_row(balance, in_positions, now_ns) for balance in balances]
    if version == 3:
        for asset in assets:
            asset.pop("marginAvailable")
        held = [holding for holding in holdings if holding.position.lots or any(holding.open_value)]
        return totals | {"assets": assets, "positions": [_account_position_v3(holding) for holding in held]}
    flags: Payload = {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }
    positions = [_account_position_v2(holding) for holding in holdings]
    return flags | totals | {"assets": assets, "positions": positions}


def _totals(balances: Sequence[BalanceRecord], in_positions: Decimal) -> Payload:
    # One settle asset: Binance's totals are USD values, and USDT counts as one.
    zero = Decimal(0)
    initial = sum((balance.initial_margin for balance in balances), zero)
    wallet = sum((balance.wallet for balance in balances), zero)
    unrealized = sum((balance.unrealized for balance in balances), zero)
    available = sum((balance.available for balance in balances), zero)
    return {
        "totalInitialMargin": money(initial),
        "totalMaintMargin": money(sum((balance.maintenance_margin for balance in balances), zero)),
        "totalWalletBalance": money(wallet),
        "totalUnrealizedProfit": money(unrealized),
        "totalMarginBalance": money(wallet + unrealized),
        "totalPositionInitialMargin": money(in_positions),
        "totalOpenOrderInitialMargin": money(initial - in_positions),
        "totalCrossWalletBalance": money(wallet),
        "totalCrossUnPnl": money(unrealized),
        "availableBalance": money(available),
        "maxWithdrawAmount": money(min(available, max(wallet, zero))),
    }


def _asset_row(balance: BalanceRecord, in_positions: Decimal, now_ns: int) -> Payload:
    return {
        "asset": balance.asset,
        "walletBalance": money(balance.wallet),
        "unrealizedProfit": money(balance.unrealized),
        "marginBalance": money(balance.margin),
        "maintMargin": money(balance.maintenance_margin),
        "initialMargin": money(balance.initial_margin),
        "positionInitialMargin": money(in_positions),
        "openOrderInitialMargin": money(balance.initial_margin - in_positions),
        "crossWalletBalance": money(balance.wallet),
        "crossUnPnl": money(balance.unrealized),
        "availableBalance": money(balance.available),
        "maxWithdrawAmount": money(min(balance.available, max(balance.wallet, Decimal(0)))),
        "marginAvailable": True,
        "updateTime": ms(now_ns),
    }


def _signed_value(position: PositionRecord) -> Decimal:
    return -abs(position.notional) if position.lots < 0 else abs(position.notional)


def _price_or_zero(price: Decimal) -> str:
    return price_8(price) if price else "0"


def _open_margin(holding: Holding) -> Decimal:
    return max(holding.open_value) / holding.position.leverage


def _account_position_v2(holding: Holding) -> Payload:
    position = holding.position
    return {
        "symbol": position.symbol,
        "initialMargin": money(position.initial_margin + _open_margin(holding)),
        "maintMargin": money(position.maintenance_margin),
        "unrealizedProfit": money(position.unrealized),
        "positionInitialMargin": money(position.initial_margin),
        "openOrderInitialMargin": money(_open_margin(holding)),
        "leverage": str(position.leverage),
        "isolated": False,
        "entryPrice": price_8(position.entry),
        "maxNotional": f"{holding.max_value:f}",
        "bidNotional": f"{holding.open_value.bids:f}",
        "askNotional": f"{holding.open_value.asks:f}",
        "positionSide": "BOTH",
        "positionAmt": holding.instrument.size_text(position.lots),
        "updateTime": ms(position.updated_ns),
    }


def _account_position_v3(holding: Holding) -> Payload:
    position = holding.position
    return {
        "symbol": position.symbol,
        "positionSide": "BOTH",
        "positionAmt": holding.instrument.size_text(position.lots),
        "unrealizedProfit": money(position.unrealized),
        "isolatedMargin": money(Decimal(0)),
        "notional": money(_signed_value(position)),
        "isolatedWallet": "0",
        "initialMargin": money(position.initial_margin + _open_margin(holding)),
        "maintMargin": money(position.maintenance_margin),
        "updateTime": ms(position.updated_ns),
    }


def position_risk_v2(holding: Holding) -> Payload:
    """One row of ``GET /fapi/v2/positionRisk``."""
    position = holding.position
    return {
        "symbol": position.symbol,
        "positionAmt": holding.instrument.size_text(position.lots),
        "entryPrice": price_8(position.entry),
        "breakEvenPrice": price_8(position.entry),
        "markPrice": money(position.mark),
        "unRealizedProfit": money(position.unrealized),
        "liquidationPrice": _price_or_zero(holding.liquidation),
        "leverage": str(position.leverage),
        "maxNotionalValue": f"{holding.max_value:f}",
        "marginType": "cross",
        "isolatedMargin": money(Decimal(0)),
        "isAutoAddMargin": "false",
        "positionSide": "BOTH",
        "notional": money(_signed_value(position)),
        "isolatedWallet": "0",
        "updateTime": ms(position.updated_ns),
    }


def position_risk_v3(holding: Holding) -> Payload:
    """One row of ``GET /fapi/v3/positionRisk``."""
    position = holding.position
    return {
        "symbol": position.symbol,
        "positionSide": "BOTH",
        "positionAmt": holding.instrument.size_text(position.lots),
        "entryPrice": price_8(position.entry),
        "breakEvenPrice": price_8(position.entry),
        "markPrice": money(position.mark),
        "unRealizedProfit": money(position.unrealized),
        "liquidationPrice": _price_or_zero(holding.liquidation),
        "isolatedMargin": "0",
        "notional": money(_signed_value(position)),
        "marginAsset": holding.instrument.settle,
        "isolatedWallet": "0",
        "initialMargin": money(position.initial_margin + _open_margin(holding)),
        "maintMargin": money(position.maintenance_margin),
        "positionInitialMargin": money(position.initial_margin),
        "openOrderInitialMargin": money(_open_margin(holding)),
        "adl": 0,
        "bidNotional": f"{holding.open_value.bids:f}",
        "askNotional": f"{holding.open_value.asks:f}",
        "updateTime": ms(position.updated_ns),
    }


def income_row(record: IncomeRecord) -> Payload:
    """One row of ``GET /fapi/v1/income``."""
    trade_id = str(record.trade_id) if record.trade_id else ""
    return {
        "symbol": record.symbol,
        "incomeType": _INCOME_TYPE[record.kind],
        "income": money(record.amount),
        "asset": record.asset,
        "info": trade_id or _INCOME_TYPE[record.kind],
        "time": ms(record.time_ns),
        "tranId": record.income_id,
        "tradeId": trade_id,
    }


def leverage_brackets(symbol: str, brackets: Sequence[Bracket]) -> Payload:
    """One symbol of ``GET /fapi/v1/leverageBracket``."""
    rows: list[Payload] = []
    floor = Decimal(0)
    for number, bracket in enumerate(brackets, start=1):
        rows.append(
            {
                "bracket": number,
                "initialLeverage": bracket.max_leverage,
                "notionalCap": int(bracket.notional_cap),
                "notionalFloor": int(floor),
                "maintMarginRatio": float(bracket.maintenance_rate),
                "cum": float(bracket.deduction),
            }
        )
        floor = bracket.notional_cap
    return {"symbol": symbol, "brackets": rows}
