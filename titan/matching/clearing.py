"""Booking: every wallet movement goes through here, with the income record that proves it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from titan.matching.account import Account, settle_value, to_money
from titan.matching.orders import LiveOrder
from titan.matching.terms import Fees
from titan.matching.types import Execution, IncomeRecord
from titan.model.instruments import Instrument

IncomeKind = Literal["realized_pnl", "commission", "funding_fee", "transfer"]


class Clearing:
    """Books executions, fees, funding and transfers; income ids count up."""

    def __init__(self, fees: Fees) -> None:
        self._fees = fees
        self._last_income_id = 0

    def fees_of(self, account: Account) -> Fees:
        """The commission rates that an account pays."""
        return account.terms.fees if account.terms.fees is not None else self._fees

    def move(
        self,
        account: Account,
        asset: str,
        amount: Decimal,
        kind: IncomeKind,
        symbol: str,
        time_ns: int,
        trade_id: int = 0,
    ) -> None:
        """Change a wallet and record why; a movement of nothing leaves no record."""
        if amount == 0:
            return
        account.wallets[asset] = account.wallet(asset) + amount
        self._last_income_id += 1
        account.income.append(
            IncomeRecord(
                income_id=self._last_income_id,
                account=account.name,
                symbol=symbol,
                kind=kind,
                asset=asset,
                amount=amount,
                time_ns=time_ns,
                trade_id=trade_id,
            )
        )

    def execute(
        self,
        account: Account,
        order: LiveOrder,
        instrument: Instrument,
        price: int,
        size: int,
        *,
        maker: bool,
        trade_id: int,
        time_ns: int,
    ) -> Execution:
        """Book one side of a match: position, realised profit and commission."""
        at = instrument.price(price)
        value = settle_value(instrument, at, size)
        realized = account.position(instrument).execute(order.side, size, at, time_ns)
        rates = self.fees_of(account)
        fee = to_money(value * (rates.maker if maker else rates.taker))
        asset = instrument.settle
        self.move(account, asset, realized, "realized_pnl", instrument.symbol, time_ns, trade_id)
        self.move(account, asset, -fee, "commission", instrument.symbol, time_ns, trade_id)
        order.filled_value += value
        order.updated_ns = time_ns
        execution = Execution(
            trade_id=trade_id,
            order_id=order.order_id,
            client_id=order.client_id,
            account=account.name,
            symbol=instrument.symbol,
            side=order.side,
            price=price,
            size=size,
            value=value,
            maker=maker,
            fee=fee,
            fee_asset=asset,
            realized=realized,
            time_ns=time_ns,
        )
        account.executions.append(execution)
        return execution

    def fund(
        self, account: Account, instrument: Instrument, rate: Decimal, mark: Decimal, time_ns: int
    ) -> Decimal:
        """Settle funding of one position; returns what the account received (negative: paid)."""
        lots = account.lots(instrument.symbol)
        side = (lots > 0) - (lots < 0)
        amount = to_money(-side * settle_value(instrument, mark, lots) * rate)
        self.move(account, instrument.settle, amount, "funding_fee", instrument.symbol, time_ns)
        return amount
