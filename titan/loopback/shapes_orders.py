"""Orders and executions as Binance USD-M writes them, in REST answers and on the private stream."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from titan.loopback.shapes_market import Payload, money, money_or_zero, ms
from titan.matching.types import (
    AccountChanged,
    Execution,
    OrderChanged,
    OrderKind,
    OrderRecord,
    PositionRecord,
    SelfTrade,
    Status,
)
from titan.model.instruments import Instrument
from titan.model.orders import Lifetime

LIFETIMES = {"GTC": Lifetime.GTC, "IOC": Lifetime.IOC, "FOK": Lifetime.FOK, "GTX": Lifetime.POST_ONLY}
SIDES = {"BUY": 1, "SELL": -1}
SELF_TRADE_MODES = {
    "EXPIRE_TAKER": SelfTrade.EXPIRE_TAKER,
    "EXPIRE_MAKER": SelfTrade.EXPIRE_MAKER,
    "EXPIRE_BOTH": SelfTrade.EXPIRE_BOTH,
}
_LIFETIME_TEXT = {lifetime: text for text, lifetime in LIFETIMES.items()}
_MODE_TEXT = {mode: text for text, mode in SELF_TRADE_MODES.items()}
_KIND_TEXT = {OrderKind.LIMIT: "LIMIT", OrderKind.MARKET: "MARKET"}
_STATUS_TEXT = {
    Status.OPEN: "NEW",
    Status.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    Status.FILLED: "FILLED",
    Status.CANCELLED: "CANCELED",
    Status.EXPIRED: "EXPIRED",
}
_EXECUTION_TYPE = {
    "new": "NEW",
    "trade": "TRADE",
    "amended": "AMENDMENT",
    "cancelled": "CANCELED",
    "expired": "EXPIRED",
}
_CAUSE = {"order": "ORDER", "funding_fee": "FUNDING_FEE", "transfer": "DEPOSIT"}

Answer = Literal["placed", "queried"]


def side_text(side: int) -> str:
    """``BUY`` or ``SELL``."""
    return "BUY" if side > 0 else "SELL"


def status_text(order: OrderRecord) -> str:
    """Binance's word for where an order stands."""
    if order.status is Status.EXPIRED and order.reason == "self_trade":
        return "EXPIRED_IN_MATCH"
    return _STATUS_TEXT[order.status]


def average_price(instrument: Instrument, order: OrderRecord) -> str:
    """Average price of the filled part: on the tick grid as a price, off it with 5 decimals more."""
    if not order.filled:
        return f"{instrument.price(0):f}"
    units = instrument.size(order.filled) * instrument.multiplier
    linear = instrument.kind == "linear"
    average = order.filled_value / units if linear else units / order.filled_value
    on_grid = average.quantize(instrument.tick_size)
    return f"{on_grid:f}" if on_grid == average else f"{average:.5f}"


def order_answer(instrument: Instrument, order: OrderRecord, answer: Answer) -> Payload:
    """An order as REST states it: only queries carry `time`, only the other answers `cumQty`."""
    filled = instrument.size_text(order.filled)
    found: Payload = {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": status_text(order),
        "clientOrderId": order.client_id,
        "price": instrument.price_text(order.price),
        "avgPrice": average_price(instrument, order),
        "origQty": instrument.size_text(order.size),
        "executedQty": filled,
    }
    if answer == "placed":
        found["cumQty"] = filled
    found |= {
        "cumQuote": f"{order.filled_value:f}",
        "timeInForce": _LIFETIME_TEXT[order.lifetime],
        "type": _KIND_TEXT[order.kind],
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": side_text(order.side),
        "positionSide": "BOTH",
        "stopPrice": f"{instrument.price(0):f}",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": _KIND_TEXT[order.kind],
        "priceMatch": "NONE",
        "selfTradePreventionMode": _MODE_TEXT[order.self_trade],
        "goodTillDate": 0,
    }
    if answer == "queried":
        found["time"] = ms(order.created_ns)
    found["updateTime"] = ms(order.updated_ns)
    return found


def acknowledgement(instrument: Instrument, order: OrderRecord) -> Payload:
    """The ``ACK`` answer to a new order: as accepted, before any match, as Binance sends by default."""
    return order_answer(instrument, order, "placed") | {
        "status": "NEW",
        "avgPrice": f"{instrument.price(0):f}",
        "executedQty": instrument.size_text(0),
        "cumQty": instrument.size_text(0),
        "cumQuote": f"{Decimal(0):f}",
        "updateTime": ms(order.created_ns),
    }


def user_trade(instrument: Instrument, execution: Execution) -> Payload:
    """One row of ``GET /fapi/v1/userTrades``."""
    value = instrument.notional(instrument.price(execution.price), execution.size)
    return {
        "symbol": execution.symbol,
        "id": execution.trade_id,
        "orderId": execution.order_id,
        "side": side_text(execution.side),
        "price": instrument.price_text(execution.price),
        "qty": instrument.size_text(execution.size),
        "realizedPnl": money(execution.realized),
        "quoteQty": f"{value:f}",
        "commission": money(execution.fee),
        "commissionAsset": execution.fee_asset,
        "time": ms(execution.time_ns),
        "positionSide": "BOTH",
        "buyer": execution.side > 0,
        "maker": execution.maker,
    }


# ---- the private stream ----


def order_trade_update(
    instrument: Instrument, change: OrderChanged, bids_value: Decimal, asks_value: Decimal
) -> Payload:
    """An ``ORDER_TRADE_UPDATE`` frame.

    Parameters
    ----------
    bids_value, asks_value : Decimal
        Value of the account's open orders on each side, quote currency.
    """
    order, execution = change.order, change.execution
    return {
        "e": "ORDER_TRADE_UPDATE",
        "T": ms(change.time_ns),
        "E": ms(change.time_ns),
        "o": {
            "s": order.symbol,
            "c": order.client_id,
            "S": side_text(order.side),
            "o": _KIND_TEXT[order.kind],
            "f": _LIFETIME_TEXT[order.lifetime],
            "q": instrument.size_text(order.size),
            "p": instrument.price_text(order.price),
            "ap": average_price(instrument, order) if order.filled else "0",
            "sp": "0",
            "x": _EXECUTION_TYPE[change.change],
            "X": status_text(order),
            "i": order.order_id,
            "l": instrument.size_text(execution.size) if execution else "0",
            "z": instrument.size_text(order.filled) if order.filled else "0",
            "L": instrument.price_text(execution.price) if execution else "0",
            "N": execution.fee_asset if execution else instrument.settle,
            "n": money(execution.fee) if execution else "0",
            "T": ms(change.time_ns),
            "t": execution.trade_id if execution else 0,
            "b": f"{bids_value:f}",
            "a": f"{asks_value:f}",
            "m": execution.maker if execution else False,
            "R": order.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": _KIND_TEXT[order.kind],
            "ps": "BOTH",
            "cp": False,
            "AP": "0",
            "cr": "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "rp": money_or_zero(execution.realized) if execution else "0",
            "V": _MODE_TEXT[order.self_trade],
            "pm": "NONE",
            "gtd": 0,
        },
    }


def account_update(change: AccountChanged, instruments: dict[str, Instrument], realized: Decimal) -> Payload:
    """An ``ACCOUNT_UPDATE`` frame; `realized` is what the symbol has realised so far, before fees."""
    other_than_trade = change.cause != "order"
    return {
        "e": "ACCOUNT_UPDATE",
        "T": ms(change.time_ns),
        "E": ms(change.time_ns),
        "a": {
            "m": _CAUSE[change.cause],
            "B": [
                {
                    "a": wallet.asset,
                    "wb": money(wallet.wallet),
                    "cw": money(wallet.wallet),
                    "bc": money_or_zero(wallet.change) if other_than_trade else "0",
                }
                for wallet in change.wallets
            ],
            "P": [
                _position(position, instruments[position.symbol], realized) for position in change.positions
            ],
        },
    }


def _position(position: PositionRecord, instrument: Instrument, realized: Decimal) -> Payload:
    return {
        "s": position.symbol,
        "pa": instrument.size_text(position.lots) if position.lots else "0",
        "ep": price_8(position.entry),
        "bep": price_8(position.entry),
        "cr": money_or_zero(realized),
        "up": money_or_zero(position.unrealized),
        "mt": "cross",
        "iw": "0",
        "ps": "BOTH",
    }


def price_8(price: Decimal) -> str:
    """A price that may lie off the grid: up to 8 decimals, at least 1."""
    text = f"{price:.8f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def listen_key_expired(listen_key: str, now_ns: int) -> Payload:
    """The last frame of a private stream."""
    return {"e": "listenKeyExpired", "E": ms(now_ns), "listenKey": listen_key}
