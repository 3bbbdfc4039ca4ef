"""Binance USD-M as bytes and events: the face of its codecs."""

from __future__ import annotations

from titan.wire.binance_account import (
    account_from_rest,
    decode_user_event,
    fee_rates_from_rest,
    fill_from_rest,
    income_from_rest,
    order_from_rest,
)
from titan.wire.binance_market import MarketCodec, wrap_snapshot
from titan.wire.binance_orders import (
    NO_SUCH_ORDER,
    REJECTS,
    amend_params,
    cancel_all_params,
    cancel_params,
    classify,
    place_params,
    query_params,
    refusal,
)
from titan.wire.binance_terms import instrument_from_exchange_info
from titan.wire.grid import WireError

__all__ = [
    "NO_SUCH_ORDER",
    "REJECTS",
    "MarketCodec",
    "WireError",
    "account_from_rest",
    "amend_params",
    "cancel_all_params",
    "cancel_params",
    "classify",
    "decode_user_event",
    "fee_rates_from_rest",
    "fill_from_rest",
    "income_from_rest",
    "instrument_from_exchange_info",
    "order_from_rest",
    "place_params",
    "query_params",
    "refusal",
    "wrap_snapshot",
]
