"""Commands to Binance USD-M's request parameters, and what its refusals prove.

A refusal counts only if its code stands in the table of its call: everything else, a time-out and an empty
answer included, is unknown and has to be queried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from titan.model.commands import AmendOrder, CancelAll, CancelOrder, PlaceOrder, QueryOrder
from titan.model.instruments import Instrument
from titan.model.orders import BUY, Lifetime

Action = Literal["place", "amend", "cancel", "cancel_all", "query"]

TIME_IN_FORCE = {
    Lifetime.POST_ONLY: "GTX",
    Lifetime.GTC: "GTC",
    Lifetime.IOC: "IOC",
    Lifetime.FOK: "FOK",
}

NO_SUCH_ORDER = -2013
"""A query's answer for an order that the venue does not (or no longer, or not yet) know."""

SUCCESS_CODE = 200
"""`code` of an answer that is no error, e.g. of cancel all."""

_TURNED_AWAY = frozenset({
    -1002, -1003, -1015, -1021, -1022,  # unauthorised, too many requests or orders, timestamp, signature
    -1100, -1101, -1102, -1103, -1104, -1105, -1106, -1115, -1116, -1117, -1121, -1130,  # parameters
    -2014, -2015,  # API key
})  # fmt: skip
"""Codes of a request that was not looked at."""

_FILTERS = frozenset({
    -1111,  # precision
    -4001, -4002, -4003, -4004, -4005, -4013,  # smallest and largest price and quantity
    -4014, -4023,  # tick, lot
    -4016, -4024,  # price band
    -4164,  # minimum notional
})  # fmt: skip

REJECTS: dict[Action, frozenset[int]] = {
    "place": _TURNED_AWAY | _FILTERS | {
        -2018, -2019, -2023, -2024, -2025,  # balance, margin, liquidation, position, open orders
        -2027, -2028,  # leverage
        -2022,  # reduce-only
        -4015,  # client id
        -4061,  # position side
        -4140, -4141,  # symbol not trading
        -5021, -5022,  # fill-or-kill, post-only
    },
    "amend": _TURNED_AWAY | _FILTERS | {-5027},  # nothing to change
    "cancel": _TURNED_AWAY,
    "cancel_all": _TURNED_AWAY,
    "query": _TURNED_AWAY,
}  # fmt: skip
"""Definite refusals of each call: the order is as it was before.

Left out on purpose: -4116 (duplicate client id: the first order may live), -2011 and -2013 (the order may
have filled), -1000, -1001, -1006, -1007, -1008 (the venue does not say), and -5022 of an amend (a
crossing post-only amend cancels the order).
"""

_REFUSED_STATUS = frozenset({418, 429})
_SERVER_ERROR = 500


def classify(action: Action, code: int | None, http_status: int) -> Literal["rejected", "unknown"]:
    """What a failed call proves.

    Parameters
    ----------
    code : int or None
        The venue's own code, None where the answer holds none.
    http_status : int
        Status of the answer, 0 where there was none. 418 and 429 refuse whatever the code; a server error
        proves nothing.
    """
    if http_status in _REFUSED_STATUS:
        return "rejected"
    if http_status >= _SERVER_ERROR or http_status == 0 or code is None:
        return "unknown"
    return "rejected" if code in REJECTS[action] else "unknown"


def refusal(answer: Any) -> tuple[int, str] | None:
    """Code and message of an answer that is an error, alone or in a batch; None if it is none."""
    if not isinstance(answer, Mapping):
        return None
    code = answer.get("code")
    if not isinstance(code, int) or code == SUCCESS_CODE:
        return None
    return code, str(answer.get("msg", ""))


def place_params(command: PlaceOrder, instrument: Instrument) -> dict[str, str]:
    """Parameters of POST order, answered with its final state: a limit order, or one at the market without a price."""
    params = {
        "symbol": command.symbol,
        "side": _side(command.side),
        "type": "LIMIT",
        "timeInForce": TIME_IN_FORCE.get(command.lifetime, ""),
        "quantity": instrument.size_text(command.size),
        "price": instrument.price_text(command.price),
        "newClientOrderId": command.client_id,
        "newOrderRespType": "RESULT",
    }
    if command.lifetime is Lifetime.MARKET:
        params["type"] = "MARKET"
        del params["timeInForce"], params["price"]  # refused where it is not required
    if command.reduce_only:
        params["reduceOnly"] = "true"
    return params


def amend_params(command: AmendOrder, instrument: Instrument) -> dict[str, str]:
    """Parameters of PUT order: price and TOTAL quantity."""
    return {
        "symbol": command.symbol,
        "side": _side(command.side),
        "quantity": instrument.size_text(command.size),
        "price": instrument.price_text(command.price),
        "origClientOrderId": command.client_id,
    }


def cancel_params(command: CancelOrder) -> dict[str, str]:
    """Parameters of DELETE order."""
    return {"symbol": command.symbol, "origClientOrderId": command.client_id}


def query_params(command: QueryOrder) -> dict[str, str]:
    """Parameters of GET order."""
    return {"symbol": command.symbol, "origClientOrderId": command.client_id}


def cancel_all_params(command: CancelAll) -> dict[str, str]:
    """Parameters of DELETE allOpenOrders."""
    return {"symbol": command.symbol}


def _side(side: int) -> str:
    return "BUY" if side == BUY else "SELL"
