"""The calls of Binance USD-M that the adapter makes, and what each costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from titan.venues.ccxt_client import Answer, Endpoint
from titan.venues.weights import Cost, WeightBudget

PLACE = Endpoint("fapiPrivatePostOrder", Cost(weight=0, orders=1))
AMEND = Endpoint("fapiPrivatePutOrder", Cost(weight=0, orders=1))
CANCEL = Endpoint("fapiPrivateDeleteOrder", Cost(weight=1, urgent=True, cancels=True))
CANCEL_ALL = Endpoint("fapiPrivateDeleteAllOpenOrders", Cost(weight=1, urgent=True, cancels=True))
ORDER = Endpoint("fapiPrivateGetOrder", Cost(weight=1, urgent=True))
OPEN_ORDERS = Endpoint("fapiPrivateGetOpenOrders", Cost(weight=40, urgent=True))
ALL_ORDERS = Endpoint("fapiPrivateGetAllOrders", Cost(weight=5))
USER_TRADES = Endpoint("fapiPrivateGetUserTrades", Cost(weight=5))
INCOME = Endpoint("fapiPrivateGetIncome", Cost(weight=30))
ACCOUNT = Endpoint("fapiPrivateV3GetAccount", Cost(weight=5))
POSITIONS = Endpoint("fapiPrivateV3GetPositionRisk", Cost(weight=5))
COMMISSION = Endpoint("fapiPrivateGetCommissionRate", Cost(weight=20))
EXCHANGE_INFO = Endpoint("fapiPublicGetExchangeInfo", Cost(weight=1))
DEPTH = Endpoint("fapiPublicGetDepth", Cost(weight=20))
LISTEN_KEY = Endpoint("fapiPrivatePostListenKey", Cost(weight=1, urgent=True))
KEEP_LISTEN_KEY = Endpoint("fapiPrivatePutListenKey", Cost(weight=1, urgent=True))

KEEP_ALIVE = Endpoint("fapiPrivatePostCountdownCancelAll", Cost(weight=10, urgent=True))
POSITION_MODE = Endpoint("fapiPrivateGetPositionSideDual", Cost(weight=30))
MULTI_ASSETS = Endpoint("fapiPrivateGetMultiAssetsMargin", Cost(weight=30))
SYMBOL_CONFIG = Endpoint("fapiPrivateGetSymbolConfig", Cost(weight=5))
RESTRICTIONS = Endpoint("sapiGetAccountApiRestrictions", Cost(weight=1))
"""Served by the spot host alone."""


class Client(Protocol):
    """Makes calls, each once, and never raises for what a venue or a network does."""

    offset_ns: int
    budget: WeightBudget

    def venue_ns(self) -> int: ...

    def open(self) -> None: ...

    async def close(self) -> None: ...

    async def call(self, endpoint: Endpoint, params: Mapping[str, str | int]) -> Answer: ...
