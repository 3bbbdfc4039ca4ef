"""Reconciliation as pure comparisons of what we hold to be true with what the venue says. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from titan.model.events import AccountSnapshot, Balance, OrderUpdate
from titan.model.orders import Order

WALLET_TOLERANCE = Decimal("0.000001")
"""Wallets may differ by the venue's own rounding of a session's bookings (8 decimals each), in the asset."""


class OpenOrderDifferences(NamedTuple):
    """What an open-orders answer shows beside our own list."""

    ghosts: tuple[Order, ...]
    """Live here, absent there: to be proven by query, never concluded."""
    orphans: tuple[OrderUpdate, ...]
    """Ours by client-id prefix, unknown here: to be adopted."""
    foreign: tuple[OrderUpdate, ...]
    """Somebody else's, an operator's by hand above all: left alone."""


def compare_open_orders(
    local: Iterable[Order], venue: Iterable[OrderUpdate], *, prefix: str, settled_before_ns: int
) -> OpenOrderDifferences:
    """Compare our live orders with the venue's complete list.

    Parameters
    ----------
    prefix : str
        What every client id of this account begins with.
    settled_before_ns : int
        Orders that changed later than this are in flight around the query: it proves nothing about them.
    """
    ours = {order.client_id: order for order in local}
    theirs = {update.client_id: update for update in venue}
    ghosts = [
        order
        for client_id, order in ours.items()
        if client_id not in theirs and order.changed_ns < settled_before_ns
    ]
    unknown = [update for client_id, update in theirs.items() if client_id not in ours]
    return OpenOrderDifferences(
        ghosts=tuple(ghosts),
        orphans=tuple(u for u in unknown if u.client_id.startswith(prefix)),
        foreign=tuple(u for u in unknown if not u.client_id.startswith(prefix)),
    )


class PositionDifference(NamedTuple):
    """One symbol whose position the venue states otherwise; lots."""

    symbol: str
    local: int
    venue: int


def compare_positions(local: Mapping[str, int], snapshot: AccountSnapshot) -> tuple[PositionDifference, ...]:
    """Symbols whose lots differ; a symbol absent on one side counts as zero there."""
    venue = {position.symbol: position.lots for position in snapshot.positions}
    return tuple(
        PositionDifference(symbol, local.get(symbol, 0), venue.get(symbol, 0))
        for symbol in sorted({*local, *venue})
        if local.get(symbol, 0) != venue.get(symbol, 0)
    )


class WalletDifference(NamedTuple):
    """One asset whose wallet the venue states otherwise."""

    asset: str
    local: Decimal
    venue: Decimal


def compare_wallets(
    expected: Mapping[str, Decimal], balances: Iterable[Balance]
) -> tuple[WalletDifference, ...]:
    """Assets whose wallets differ by more than `WALLET_TOLERANCE`."""
    venue = {balance.asset: balance.wallet for balance in balances}
    return tuple(
        WalletDifference(asset, wallet, venue.get(asset, Decimal(0)))
        for asset, wallet in sorted(expected.items())
        if abs(wallet - venue.get(asset, Decimal(0))) > WALLET_TOLERANCE
    )
