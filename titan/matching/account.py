"""Wallets and one-way positions with an exact cost, booked to the venue's 8 decimals.

The cost of a position (`basis`) is kept as money, never as an average price: a reduction takes its share of
the cost out, rounded once, and the rest stays. So realised profit, fees and funding sum to the wallet's
change exactly, and wallet plus open profit depends on the executions alone, not on the order of roundings.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from titan.matching.orders import OrderStore
from titan.matching.terms import AccountTerms, Holding
from titan.matching.types import Execution, IncomeRecord
from titan.model.instruments import Instrument

CENT = Decimal("0.00000001")
"""The venue's smallest amount of any asset."""
ZERO = Decimal(0)


def to_money(amount: Decimal) -> Decimal:
    """An amount at the venue's 8 decimals, halves to even."""
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN)


def settle_value(instrument: Instrument, price: Decimal, lots: int) -> Decimal:
    """Unsigned value of a size at a price in the settle asset, at 8 decimals."""
    notional = instrument.notional(price, lots)
    return to_money(notional if instrument.kind == "linear" else notional / price)


@dataclass(slots=True)
class Position:
    """A signed position and its signed cost in the settle asset.

    `basis` is what an exit must bring for a profit of zero: value(exit) * direction * sign(lots) - basis is
    the profit, with direction +1 for linear contracts and -1 for inverse ones (whose value falls as the
    price rises).
    """

    instrument: Instrument
    lots: int = 0
    basis: Decimal = ZERO
    updated_ns: int = 0

    @property
    def direction(self) -> int:
        """+1 where value rises with the price, -1 for inverse contracts."""
        return 1 if self.instrument.kind == "linear" else -1

    def take_over(self, held: Holding, time_ns: int) -> None:
        """Begin with what an account of before held."""
        self.lots, self.basis, self.updated_ns = held.lots, held.basis, time_ns

    def execute(self, side: int, lots: int, price: Decimal, time_ns: int) -> Decimal:
        """Book an execution; returns the realised profit, fees apart."""
        self.updated_ns = time_ns
        value = settle_value(self.instrument, price, lots)
        closing = min(lots, abs(self.lots)) if self.lots * side < 0 else 0
        # Split so that the parts sum to the whole: the other side of the match may not have to split.
        closed_value = value if closing == lots else settle_value(self.instrument, price, closing)
        realized = self._close(side, closing, closed_value) if closing else ZERO
        self.basis += self.direction * side * (value - closed_value)
        self.lots += side * (lots - closing)
        return realized

    def _close(self, side: int, lots: int, value: Decimal) -> Decimal:
        held = abs(self.lots)
        share = self.basis if lots == held else to_money(self.basis * lots / held)
        self.basis -= share
        self.lots += side * lots
        return -self.direction * side * value - share

    def value(self, mark: Decimal) -> Decimal:
        """Unsigned value at a price, settle asset."""
        return settle_value(self.instrument, mark, self.lots) if self.lots else ZERO

    def unrealized(self, mark: Decimal) -> Decimal:
        """Open profit at a price, settle asset."""
        sign = (self.lots > 0) - (self.lots < 0)
        return self.direction * sign * self.value(mark) - self.basis

    def entry(self) -> Decimal:
        """Average entry price at 8 decimals, 0 if flat; for show, never for booking."""
        if self.lots == 0:
            return ZERO
        notional_of_one = abs(self.lots) * self.instrument.lot_size * self.instrument.multiplier
        cost = abs(self.basis)
        return to_money(
            cost / notional_of_one if self.instrument.kind == "linear" else notional_of_one / cost
        )


@dataclass(slots=True)
class Account:
    """One account: wallets, positions, orders, and the records of what happened."""

    name: str
    terms: AccountTerms
    history_limit: int
    wallets: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    leverages: dict[str, int] = field(default_factory=dict)
    store: OrderStore = field(init=False)
    executions: deque[Execution] = field(init=False)
    income: deque[IncomeRecord] = field(init=False)

    def __post_init__(self) -> None:
        limit = 0 if self.terms.background else self.history_limit
        self.store = OrderStore(limit)
        self.executions = deque(maxlen=limit)
        self.income = deque(maxlen=limit)

    @property
    def background(self) -> bool:
        """True for a participant of the generated market."""
        return self.terms.background

    def position(self, instrument: Instrument) -> Position:
        """The position in an instrument, made flat if it is new."""
        found = self.positions.get(instrument.symbol)
        if found is None:
            found = self.positions[instrument.symbol] = Position(instrument)
        return found

    def lots(self, symbol: str) -> int:
        """Signed lots held of a symbol."""
        found = self.positions.get(symbol)
        return found.lots if found is not None else 0

    def leverage(self, symbol: str) -> int:
        """The leverage set for a symbol."""
        return self.leverages.get(symbol, self.terms.leverage)

    def wallet(self, asset: str) -> Decimal:
        """Wallet balance of an asset."""
        return self.wallets.get(asset, ZERO)
