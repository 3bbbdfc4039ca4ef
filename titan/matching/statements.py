"""What an account looks like from outside: balances, positions, and the private event of a change."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from titan.matching.account import ZERO, Account, Position, to_money
from titan.matching.checks import MarginRules
from titan.matching.margin import initial_margin, maintenance, unrealized
from titan.matching.market import Market
from titan.matching.terms import Bracket
from titan.matching.types import AccountChanged, BalanceRecord, PositionRecord, WalletChange


def position_record(account: Account, market: Market, brackets: tuple[Bracket, ...]) -> PositionRecord:
    """One position as it stands, flat if it was never traded."""
    instrument = market.instrument
    position = account.positions.get(instrument.symbol) or Position(instrument)
    mark = ZERO if market.mark is None else market.mark
    held = position.lots != 0 and market.mark is not None
    notional = position.value(mark) if held else ZERO
    leverage = account.leverage(instrument.symbol)
    return PositionRecord(
        symbol=instrument.symbol,
        lots=position.lots,
        entry=position.entry(),
        mark=mark,
        unrealized=position.unrealized(mark) if held else ZERO,
        basis=position.basis,
        notional=notional,
        leverage=leverage,
        initial_margin=to_money(notional / leverage),
        maintenance_margin=maintenance(brackets, notional),
        updated_ns=position.updated_ns,
    )


def balance_records(
    account: Account, markets: Mapping[str, Market], rules: MarginRules
) -> tuple[BalanceRecord, ...]:
    """Every asset of an account, with the margin that its positions and orders bind."""
    return tuple(_balance(account, asset, markets, rules) for asset in sorted(account.wallets))


def _balance(
    account: Account, asset: str, markets: Mapping[str, Market], rules: MarginRules
) -> BalanceRecord:
    wallet = account.wallet(asset)
    open_profit = unrealized(account, asset, rules.mark_of)
    settled = [market for market in markets.values() if market.instrument.settle == asset]
    initial = sum((initial_margin(account, market.instrument, market.mark) for market in settled), ZERO)
    kept = sum(
        (position_record(account, market, rules.brackets).maintenance_margin for market in settled), ZERO
    )
    margin = wallet + open_profit
    return BalanceRecord(asset, wallet, open_profit, margin, initial, kept, max(margin - initial, ZERO))


def account_changed(
    account: Account,
    market: Market,
    brackets: tuple[Bracket, ...],
    cause: Literal["order", "funding_fee"],
    change: Decimal,
    now_ns: int,
) -> AccountChanged:
    """The private event after one wallet and one position may have changed."""
    asset = market.instrument.settle
    return AccountChanged(
        time_ns=now_ns,
        account=account.name,
        cause=cause,
        symbol=market.instrument.symbol,
        wallets=(WalletChange(asset, account.wallet(asset), change),),
        positions=(position_record(account, market, brackets),),
    )


def transferred(account: Account, now_ns: int) -> AccountChanged:
    """The private event after an account received its starting balances."""
    wallets = tuple(WalletChange(asset, amount, amount) for asset, amount in account.wallets.items())
    return AccountChanged(
        time_ns=now_ns, account=account.name, cause="transfer", symbol="", wallets=wallets, positions=()
    )
