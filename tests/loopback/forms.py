"""The form of a message: its keys and, for each, what kind of value stands there and with how many decimals."""

from __future__ import annotations

import re
from typing import Any

_DECIMAL = re.compile(r"^-?\d+(?:\.(\d+))?$")


def form(value: Any, places: bool = False) -> Any:
    """Keys and kinds of a decoded message; lists are told by their first element.

    Parameters
    ----------
    places : bool
        Tell decimals with their number of places.
    """
    match value:
        case dict():
            return {key: form(each, places) for key, each in value.items()}
        case list():
            return [form(value[0], places)] if value else []
        case bool():
            return "flag"
        case int():
            return "whole"
        case float():
            return "number"
        case str() if (found := _DECIMAL.match(value)) is not None:
            return f"decimal {len(found[1] or '')}" if places else "decimal"
        case str():
            return "text"
        case _:
            return type(value).__name__


_D2, _D3, _D8 = "decimal 2", "decimal 3", "decimal 8"

RECORDED = {
    "depthUpdate": dict.fromkeys(("E", "T", "U", "u", "pu"), "whole")
    | {"e": "text", "s": "text", "b": [[_D2]], "a": [[_D2]]},
    "trade": dict.fromkeys(("E", "T", "t"), "whole")
    | {"e": "text", "s": "text", "p": _D2, "q": _D3, "X": "text", "m": "flag"},
    "bookTicker": dict.fromkeys(("u", "T", "E"), "whole")
    | {"e": "text", "s": "text", "b": _D2, "B": _D3, "a": _D2, "A": _D3},
    "snapshot": dict.fromkeys(("lastUpdateId", "E", "T"), "whole") | {"bids": [[_D2]], "asks": [[_D2]]},
    "aggTrade": dict.fromkeys(("E", "a", "f", "l", "T"), "whole")
    | {"e": "text", "s": "text", "p": "decimal", "q": "decimal", "m": "flag"},
}
"""Forms of recorded public traffic of BTCUSDT; `aggTrade` of another symbol, so without places."""

_ORDER = dict.fromkeys(
    ("price", "avgPrice", "origQty", "executedQty", "cumQuote", "stopPrice"), "decimal"
) | dict.fromkeys(("orderId", "goodTillDate", "time", "updateTime"), "whole")
_ORDER |= dict.fromkeys(("reduceOnly", "closePosition", "priceProtect"), "flag")
_ORDER |= dict.fromkeys(
    (
        "symbol",
        "status",
        "clientOrderId",
        "timeInForce",
        "type",
        "side",
        "positionSide",
        "workingType",
        "origType",
        "priceMatch",
        "selfTradePreventionMode",
    ),
    "text",
)

_ORDER_TRADE = dict.fromkeys(
    ("q", "p", "ap", "sp", "l", "z", "L", "n", "b", "a", "AP", "cr", "rp"), "decimal"
) | dict.fromkeys(("i", "T", "t", "si", "ss"), "whole")
_ORDER_TRADE |= dict.fromkeys(("m", "R", "cp", "pP"), "flag")
_ORDER_TRADE |= dict.fromkeys(("s", "c", "S", "o", "f", "x", "X", "N", "wt", "ot", "ps", "V"), "text")

_MARGINS = (
    "InitialMargin",
    "MaintMargin",
    "WalletBalance",
    "UnrealizedProfit",
    "MarginBalance",
    "PositionInitialMargin",
    "OpenOrderInitialMargin",
    "CrossWalletBalance",
    "CrossUnPnl",
)

DOCUMENTED = {
    "order": _ORDER,
    "orderTradeUpdate": {"e": "text", "T": "whole", "E": "whole", "o": _ORDER_TRADE},
    "accountUpdate": {
        "e": "text",
        "T": "whole",
        "E": "whole",
        "a": {
            "m": "text",
            "B": [{"a": "text"} | dict.fromkeys(("wb", "cw", "bc"), "decimal")],
            "P": [
                dict.fromkeys(("s", "mt", "ps"), "text")
                | dict.fromkeys(("pa", "ep", "bep", "cr", "up", "iw"), "decimal")
            ],
        },
    },
    "markPriceUpdate": dict.fromkeys(("E", "T", "st"), "whole")
    | dict.fromkeys(("e", "s"), "text")
    | dict.fromkeys(("p", "i", "P", "r"), "decimal"),
    "balance": {
        "accountAlias": "text",
        "asset": "text",
        "balance": "decimal",
        "crossWalletBalance": "decimal",
        "crossUnPnl": "decimal",
        "availableBalance": "decimal",
        "maxWithdrawAmount": "decimal",
        "marginAvailable": "flag",
        "updateTime": "whole",
    },
    "positionRisk": dict.fromkeys(
        (
            "positionAmt",
            "entryPrice",
            "markPrice",
            "unRealizedProfit",
            "liquidationPrice",
            "leverage",
            "maxNotionalValue",
            "isolatedMargin",
            "notional",
            "isolatedWallet",
            "breakEvenPrice",
        ),
        "decimal",
    )
    | dict.fromkeys(("symbol", "marginType", "isAutoAddMargin", "positionSide"), "text")
    | {"updateTime": "whole"},
    "account": dict.fromkeys(("feeTier", "updateTime", "tradeGroupId"), "whole")
    | dict.fromkeys(("canTrade", "canDeposit", "canWithdraw", "multiAssetsMargin"), "flag")
    | {"total" + name: "decimal" for name in _MARGINS}
    | dict.fromkeys(("availableBalance", "maxWithdrawAmount"), "decimal")
    | {
        "assets": [
            {name[0].lower() + name[1:]: "decimal" for name in _MARGINS}
            | dict.fromkeys(("availableBalance", "maxWithdrawAmount"), "decimal")
            | {"asset": "text", "marginAvailable": "flag", "updateTime": "whole"}
        ],
        "positions": [
            dict.fromkeys(
                (
                    "initialMargin",
                    "maintMargin",
                    "unrealizedProfit",
                    "positionInitialMargin",
                    "openOrderInitialMargin",
                    "leverage",
                    "entryPrice",
                    "maxNotional",
                    "bidNotional",
                    "askNotional",
                    "positionAmt",
                ),
                "decimal",
            )
            | {"symbol": "text", "positionSide": "text", "isolated": "flag", "updateTime": "whole"}
        ],
    },
}
"""Forms of the venue's documented private messages."""

NEWER = {"orderTradeUpdate": {"pm": "text", "gtd": "whole"}}
"""Keys that the venue has added since those documents."""

SYMBOL_KEYS = frozenset(
    (
        "symbol",
        "pair",
        "contractType",
        "deliveryDate",
        "onboardDate",
        "status",
        "maintMarginPercent",
        "requiredMarginPercent",
        "baseAsset",
        "quoteAsset",
        "marginAsset",
        "pricePrecision",
        "quantityPrecision",
        "baseAssetPrecision",
        "quotePrecision",
        "underlyingType",
        "underlyingSubType",
        "settlePlan",
        "triggerProtect",
        "liquidationFee",
        "marketTakeBound",
        "filters",
        "orderTypes",
        "timeInForce",
    )
)
"""Keys of one symbol in a recorded ``exchangeInfo``."""

FILTERS = {
    "PRICE_FILTER": {"minPrice", "maxPrice", "filterType", "tickSize"},
    "LOT_SIZE": {"stepSize", "filterType", "maxQty", "minQty"},
    "MARKET_LOT_SIZE": {"stepSize", "filterType", "maxQty", "minQty"},
    "MAX_NUM_ORDERS": {"limit", "filterType"},
    "MAX_NUM_ALGO_ORDERS": {"limit", "filterType"},
    "MIN_NOTIONAL": {"notional", "filterType"},
    "PERCENT_PRICE": {"multiplierDown", "multiplierUp", "multiplierDecimal", "filterType"},
}
"""Its filters and their keys."""
