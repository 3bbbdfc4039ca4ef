"""Initial and maintenance margin of an account, cross margin, one-way mode. Nothing is liquidated here."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from titan.matching.account import ZERO, Account, Position, settle_value, to_money
from titan.matching.terms import Bracket
from titan.matching.types import PositionRecord
from titan.model.instruments import Instrument
from titan.model.orders import BUY

MarkOf = Callable[[str], Decimal | None]
"""The mark price of a symbol; None before there is one."""


class Exposure(NamedTuple):
    """Signed position value and the values of open buys and sells, settle asset."""

    position: Decimal
    buys: Decimal
    sells: Decimal

    @property
    def worst(self) -> Decimal:
        """Value held if all orders of the worse side fill."""
        return max(abs(self.position + self.buys), abs(self.position - self.sells))


def bracket_of(brackets: tuple[Bracket, ...], notional: Decimal) -> Bracket:
    """The tier of a position value; the last one beyond all caps."""
    for bracket in brackets:
        if notional <= bracket.notional_cap:
            return bracket
    return brackets[-1]


def notional_limit(brackets: tuple[Bracket, ...], leverage: int) -> Decimal:
    """Largest position value that a leverage allows."""
    return max(
        (bracket.notional_cap for bracket in brackets if bracket.max_leverage >= leverage), default=ZERO
    )


def maintenance(brackets: tuple[Bracket, ...], notional: Decimal) -> Decimal:
    """Maintenance margin of a position value."""
    bracket = bracket_of(brackets, notional)
    return to_money(notional * bracket.maintenance_rate - bracket.deduction)


def liquidation_price(
    brackets: tuple[Bracket, ...], position: PositionRecord, margin: Decimal, maintained: Decimal
) -> Decimal:
    """The price at which a cross account's margin meets its maintenance margin by one linear position; 0 if none does.

    Parameters
    ----------
    margin, maintained : Decimal
        The account's margin balance and the maintenance margin of all its positions, both at the mark, settle asset.

    Notes
    -----
    Everything else stays at its mark, and the position in its tier of now:
    margin + quantity (p - mark) = others + abs(quantity) rate p - deduction.
    """
    if not position.notional:
        return ZERO
    bracket = bracket_of(brackets, position.notional)
    unsigned = position.notional / position.mark
    quantity = unsigned if position.lots > 0 else -unsigned
    others = maintained - position.maintenance_margin
    short = others - margin - bracket.deduction
    return max((quantity * position.mark + short) / (quantity - unsigned * bracket.maintenance_rate), ZERO)


def exposure_of(account: Account, instrument: Instrument, mark: Decimal | None) -> Exposure:
    """What an account holds and has ordered of one instrument; without a mark the position counts at its
    cost.
    """
    position = account.positions.get(instrument.symbol)
    buys = sells = ZERO
    for order in account.store.open(instrument.symbol):
        if order.request.reduce_only:
            continue
        value = settle_value(instrument, instrument.price(order.price), order.remaining)
        if order.side == BUY:
            buys += value
        else:
            sells += value
    return Exposure(signed_value(position, mark) if position is not None else ZERO, buys, sells)


def signed_value(position: Position, mark: Decimal | None) -> Decimal:
    """A position's value at the mark, or at its cost if there is none, with the position's sign."""
    value = abs(position.basis) if mark is None else position.value(mark)
    return value if position.lots >= 0 else -value


def initial_margin(account: Account, instrument: Instrument, mark: Decimal | None) -> Decimal:
    """Margin bound by an account's position and orders in one instrument."""
    return to_money(exposure_of(account, instrument, mark).worst / account.leverage(instrument.symbol))


def unrealized(account: Account, asset: str, mark_of: MarkOf) -> Decimal:
    """Open profit of all positions that settle in an asset."""
    total = ZERO
    for symbol, position in account.positions.items():
        mark = mark_of(symbol)
        if position.instrument.settle == asset and position.lots and mark is not None:
            total += position.unrealized(mark)
    return total
