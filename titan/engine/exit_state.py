"""An exit as it stands: how far it is, what the venue last showed of the position, and what it has cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from titan.evaluation.pnl import ZERO, gain
from titan.model.events import Fill
from titan.model.instruments import Instrument


class Stage(StrEnum):
    """How hard an exit tries."""

    CHASE = "chase"  # post-only at the touch
    TAKE = "take"  # immediate-or-cancel, no further than the exit's collar
    MARKET = "market"
    FLAT = "flat"  # the venue has shown a position of 0


class Cause(StrEnum):
    """Who wants it."""

    OPERATOR = "operator"  # it outlives the session
    END = "end"  # of the session
    AGE = "age"  # of a strategy's inventory: it only ever chases


@dataclass
class Exit:
    """One exit of one instrument."""

    because: str
    cause: Cause
    started_ns: int
    strategy: str = ""
    """Whose old inventory is worked out; empty: the whole position, whoever holds it."""
    stage: Stage = Stage.CHASE
    tries: int = 0
    """Prices, or orders, of this stage so far."""
    idle: int = 0
    """Orders in a row that closed nothing."""
    next_ns: int = 0
    """Nothing new is sent before."""
    question: int = 0
    """The number of the account query whose answer is waited for, or was taken; 0: it must be asked."""
    ask_again_ns: int = 0
    lots: int | None = None
    """The venue's position, asked for after the last order ended and the last execution was booked."""
    waiting: str = ""
    """Why it does not go on; empty while it does."""
    told: str = ""
    """What was last told of that: the same again is the same story."""
    resting: bool = False
    """The session ends without it."""
    arrival: Decimal | None = None
    """The mid when it began: what its executions are measured against."""
    closed: int = 0
    closed_before: int = 0
    """Lots closed so far, and when the last order was sent."""
    cost: Decimal = ZERO
    """What its executions were worse than the mid when it began, settle asset, without fees."""
    fees: dict[str, Decimal] = field(default_factory=dict)

    @property
    def passive(self) -> bool:
        """It only ever stands at the touch, and only for one strategy's old inventory."""
        return self.cause is Cause.AGE

    @property
    def under_way(self) -> bool:
        """True until it is flat, or the session ends without it."""
        return self.stage is not Stage.FLAT and not self.resting

    def forget_position(self) -> None:
        """What the venue last showed holds no longer."""
        self.lots, self.question = None, 0

    def note_fill(self, fill: Fill, terms: Instrument, *, ours: bool) -> None:
        """An execution was booked: the position is another, and if it was this exit's, it had its price.

        Parameters
        ----------
        ours : bool
            It was an execution of an exit's order.
        """
        self.forget_position()
        if not ours:
            return
        self.closed += fill.size
        self.fees[fill.fee_asset] = self.fees.get(fill.fee_asset, ZERO) + fill.fee
        if self.arrival is not None:
            quantity = fill.side * fill.size * terms.lot_size * terms.multiplier
            self.cost -= gain(terms.kind, quantity, fill.price_in(terms), self.arrival)

    def price_paid(self, settle: str) -> str:
        """What it has cost so far, for people."""
        if not self.closed:
            return "nothing had to be closed"
        against = "unknown, there was no mid" if self.arrival is None else f"{_plain(self.cost)} {settle}"
        fees = " and ".join(f"{_plain(fee)} {asset}" for asset, fee in self.fees.items())
        return f"closed {self.closed} lots; cost against the mid at its start {against}, fees {fees}"

    def snapshot(self) -> dict[str, Any]:
        """Everything here as plain data."""
        return asdict(self)

    @classmethod
    def restored(cls, data: Any) -> Exit:
        """An exit from its snapshot."""
        return msgspec.convert(data, cls)

    def for_next_session(self) -> Exit:
        """The same to go on with after a restart: nothing that was asked or tried holds any more."""
        return Exit(
            self.because, self.cause, self.started_ns, self.strategy,
            arrival=self.arrival, closed=self.closed, closed_before=self.closed, cost=self.cost, fees=self.fees,
        )  # fmt: skip


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize() + ZERO:f}"
