"""Frozen settings of the exchange core: fees, margin brackets, accounts, funding, queue model."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

SECOND_NS = 1_000_000_000


class Bracket(NamedTuple):
    """A margin tier: up to `notional_cap` (settle asset), leverage up to `max_leverage`.

    Maintenance margin is notional * `maintenance_rate` - `deduction`.
    """

    notional_cap: Decimal
    max_leverage: int
    maintenance_rate: Decimal
    deduction: Decimal


DEFAULT_BRACKETS = (
    Bracket(Decimal(300_000), 125, Decimal("0.004"), Decimal(0)),
    Bracket(Decimal(800_000), 100, Decimal("0.005"), Decimal(300)),
    Bracket(Decimal(3_000_000), 75, Decimal("0.0065"), Decimal(1_500)),
    Bracket(Decimal(12_000_000), 50, Decimal("0.01"), Decimal(12_000)),
    Bracket(Decimal(70_000_000), 25, Decimal("0.02"), Decimal(132_000)),
    Bracket(Decimal(100_000_000), 20, Decimal("0.025"), Decimal(482_000)),
    Bracket(Decimal(230_000_000), 10, Decimal("0.05"), Decimal(2_982_000)),
    Bracket(Decimal(480_000_000), 5, Decimal("0.1"), Decimal(14_482_000)),
    Bracket(Decimal(600_000_000), 4, Decimal("0.125"), Decimal(26_482_000)),
    Bracket(Decimal(800_000_000), 3, Decimal("0.15"), Decimal(41_482_000)),
    Bracket(Decimal(1_200_000_000), 2, Decimal("0.25"), Decimal(121_482_000)),
    Bracket(Decimal(1_800_000_000), 1, Decimal("0.5"), Decimal(421_482_000)),
)


class Fees(NamedTuple):
    """Commission as fractions of notional; a negative maker fee is a rebate."""

    maker: Decimal = Decimal("0.0002")
    taker: Decimal = Decimal("0.0005")


class Holding(NamedTuple):
    """A position that an account is opened with: signed lots and their signed cost, settle asset."""

    symbol: str
    lots: int
    basis: Decimal


class AccountTerms(msgspec.Struct, frozen=True, kw_only=True):
    """One account as it is opened.

    Parameters
    ----------
    balances : tuple of (asset, amount)
        Starting wallets; each becomes a ``transfer`` income record.
    holdings : tuple of Holding
        Starting positions.
    fees : Fees or None
        None takes the exchange's fees.
    leverage : int
        Of every symbol until `Exchange.set_leverage`.
    background : bool
        A participant of the generated market: no margin or order limits, no private events, no history.
    """

    balances: tuple[tuple[str, Decimal], ...] = ()
    holdings: tuple[Holding, ...] = ()
    fees: Fees | None = None
    leverage: int = 20
    background: bool = False


class ExchangeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the exchange behaves, whoever trades on it.

    Parameters
    ----------
    market : {"generated", "replayed"}
        Whether `place` makes the book, or recorded events do (`Exchange.apply_market`).
    fees : Fees
        Where an account has none of its own.
    brackets : tuple of Bracket
        Rising notional caps, one table for all symbols.
    max_open_orders : int
        Per account and symbol.
    funding_interval_s : int
        Settlements stand at whole multiples since the epoch: 8 h gives 00, 08 and 16 h UTC. A recorded mark price that
        names the next settlement goes before.
    funding_rate : Decimal
        Fraction of notional an interval until `Exchange.set_funding_rate`; positive means that longs pay.
    mark_interval_s : int
        Distance of mark prices.
    mark_weight : float
        Weight in (0, 1] of the newest mid in the mark of a generated market; a replayed one takes the mid.
    queue_model : {"risk_averse", "power", "logarithmic"}
        How cancellations at our price are split before and behind us in a replayed market.
    queue_exponent : float
        Exponent of the ``power`` model.
    history_limit : int
        Ended orders, executions and income records kept, each per account.
    """

    market: Literal["generated", "replayed"] = "generated"
    fees: Fees = Fees()
    brackets: tuple[Bracket, ...] = DEFAULT_BRACKETS
    max_open_orders: int = 200
    funding_interval_s: int = 8 * 3600
    funding_rate: Decimal = Decimal("0.0001")
    mark_interval_s: int = 1
    mark_weight: float = 0.2
    queue_model: Literal["risk_averse", "power", "logarithmic"] = "power"
    queue_exponent: float = 2.0
    history_limit: int = 100_000
