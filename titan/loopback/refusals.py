"""The core's neutral refusals in Binance's codes."""

from __future__ import annotations

from titan.loopback.errors import VenueError
from titan.matching.types import Refusal, RefusalReason

CODES: dict[RefusalReason, tuple[int, str]] = {
    RefusalReason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    RefusalReason.UNKNOWN_ACCOUNT: (-2015, "Invalid API-key, IP, or permissions for action."),
    RefusalReason.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    RefusalReason.NOT_TRADING: (-4141, "Symbol is closed."),
    RefusalReason.BAD_PARAMETER: (-1128, "Combination of optional parameters invalid."),
    RefusalReason.TICK: (-4014, "Price not increased by tick size."),
    RefusalReason.LOT: (-4004, "Quantity less than min quantity."),
    RefusalReason.MAX_SIZE: (-4005, "Quantity greater than max quantity."),
    RefusalReason.MIN_NOTIONAL: (
        -4164,
        "Order's notional must be no smaller than {} (unless you choose reduce only).",
    ),
    RefusalReason.PRICE_BAND: (-4016, "Limit price can't be higher than {}."),
    RefusalReason.MAX_ORDERS: (-2025, "Reach max open order limit."),
    RefusalReason.DUPLICATE_CLIENT_ID: (-4116, "ClientOrderId is duplicated."),
    RefusalReason.INSUFFICIENT_MARGIN: (-2019, "Margin is insufficient."),
    RefusalReason.MAX_POSITION: (-2027, "Exceeded the maximum allowable position at current leverage."),
    RefusalReason.MAX_LEVERAGE: (-4028, "Leverage {} is not valid"),
    RefusalReason.POST_ONLY_WOULD_CROSS: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history",
    ),
    RefusalReason.REDUCE_ONLY_REJECTED: (-2022, "ReduceOnly Order is rejected."),
    RefusalReason.NO_AMEND_NEEDED: (-5027, "No need to modify the order."),
}


def venue_error(refusal: Refusal, value: str = "") -> VenueError:
    """Binance's error for a refusal; `value` fills the place that some texts leave for one."""
    code, text = CODES[refusal.reason]
    return VenueError(code, text.format(value))


def order_error(refusal: Refusal, value: str, side: int) -> VenueError:
    """The same for placing and amending, where the code of a price outside the band depends on the side."""
    if refusal.reason is RefusalReason.PRICE_BAND and side < 0:
        return VenueError(-4024, f"Limit price can't be lower than {value}.")
    return venue_error(refusal, value)


def cancel_error(refusal: Refusal) -> VenueError:
    """The same for cancelling, where an unknown order has a code of its own."""
    if refusal.reason is RefusalReason.UNKNOWN_ORDER:
        return VenueError(-2011, "Unknown order sent.")
    return venue_error(refusal)
