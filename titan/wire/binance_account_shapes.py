"""Shapes of Binance USD-M's private messages and REST answers, in the venue's own field names."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from titan.wire.binance_shapes import Milliseconds

Side = Literal["BUY", "SELL"]


class OrderOnStream(msgspec.Struct):
    """The `o` of an ORDER_TRADE_UPDATE. Without a fee, `N` and `n` are left out."""

    s: str
    c: str
    S: Side
    q: Decimal
    p: Decimal
    x: str
    X: str
    i: int
    l: Decimal  # noqa: E741 - the venue's name
    z: Decimal
    L: Decimal
    t: int
    m: bool
    R: bool
    n: Decimal = Decimal(0)
    N: str | None = None
    rp: Decimal = Decimal(0)


class OrderTradeUpdate(msgspec.Struct):
    """Private stream: something happened to an order."""

    T: Milliseconds
    o: OrderOnStream


class BalanceOnStream(msgspec.Struct):
    """One asset of an ACCOUNT_UPDATE."""

    a: str
    wb: Decimal


class AccountChange(msgspec.Struct):
    """The `a` of an ACCOUNT_UPDATE; `m` is the cause."""

    m: str
    B: list[BalanceOnStream] = []


class AccountUpdate(msgspec.Struct):
    """Private stream: a wallet or a position changed."""

    T: Milliseconds
    a: AccountChange


class UserEvent(msgspec.Struct):
    """What tells the kind of a private message."""

    e: str = ""
    data: msgspec.Raw = msgspec.Raw()


class RestOrder(msgspec.Struct):
    """An order as REST tells it."""

    symbol: str
    orderId: int
    clientOrderId: str
    status: str
    side: Side
    price: Decimal
    origQty: Decimal
    executedQty: Decimal
    reduceOnly: bool
    updateTime: Milliseconds = 0


class RestTrade(msgspec.Struct):
    """An own execution of userTrades; it does not tell the client id."""

    symbol: str
    id: int
    orderId: int
    side: Side
    price: Decimal
    qty: Decimal
    commission: Decimal
    commissionAsset: str
    realizedPnl: Decimal
    maker: bool
    time: Milliseconds


class RestAsset(msgspec.Struct):
    """One asset of the account answer."""

    asset: str
    walletBalance: Decimal


class RestAccount(msgspec.Struct):
    """The account answer, as far as balances and margin go; the totals are in the venue's USD."""

    assets: list[RestAsset]
    totalMaintMargin: Decimal | None = None
    totalMarginBalance: Decimal | None = None


class RestPosition(msgspec.Struct):
    """One entry of positionRisk."""

    symbol: str
    positionAmt: Decimal
    entryPrice: Decimal
    markPrice: Decimal
    unRealizedProfit: Decimal
    positionSide: str = "BOTH"
    updateTime: Milliseconds = 0
    liquidationPrice: Decimal | None = None
    maintMargin: Decimal | None = None


class RestIncome(msgspec.Struct):
    """One wallet movement."""

    incomeType: str
    income: Decimal
    asset: str
    time: Milliseconds
    tranId: int | str
    symbol: str = ""


class RestCommission(msgspec.Struct):
    """The commissionRate answer."""

    symbol: str
    makerCommissionRate: Decimal
    takerCommissionRate: Decimal


class RestFilter(msgspec.Struct):
    """One filter of a symbol; which fields are set depends on `filterType`."""

    filterType: str
    tickSize: Decimal = Decimal(0)
    stepSize: Decimal = Decimal(0)
    minQty: Decimal = Decimal(0)
    maxQty: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)
    multiplierUp: Decimal = Decimal(0)
    multiplierDown: Decimal = Decimal(0)


class RestSymbol(msgspec.Struct):
    """One symbol of exchangeInfo. COIN-M gives `contractSize`, and calls the status `contractStatus`."""

    symbol: str
    baseAsset: str
    quoteAsset: str
    marginAsset: str
    filters: list[RestFilter]
    status: str = ""
    contractStatus: str = ""
    contractSize: Decimal | None = None
