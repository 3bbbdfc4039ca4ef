"""A set that looks when it is told to, in place of whole intervals: otherwise by the rules of a sweep."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.plain_exchange import Own
from titan.backtest.sweep.reference import Reference, Wire
from titan.backtest.sweep.results import SetResult
from titan.backtest.sweep.tape import Tape
from titan.engine.gatekeeper import Gatekeeper
from titan.engine.router import Wanted
from titan.model.contract import View
from titan.model.instruments import InstrumentKey
from titan.risk.budget import RecentOrder
from titan.risk.checks import check_crossing
from titan.risk.denials import Denial
from titan.risk.limits import LimitSettings

_KEY = InstrumentKey("tape", "")


class Look(NamedTuple):
    """When a set looks, and when what it then asks reaches the exchange: after the tape's events of that time.

    `since_start_s` is the clock that the strategy is shown.
    """

    time_ns: int
    reaches_ns: int
    since_start_s: float


class Sent(NamedTuple):
    """A request as it was sent: ``new`` or ``cancel``, and the order's side, ticks and lots."""

    time_ns: int
    word: str
    side: int
    price: int
    lots: int


class GivenLooks(Reference):
    """One set on one tape whose events are told at once, and what it sends at the looks that it is given.

    Parameters
    ----------
    looks : sequence of Look
        In order of time.
    limits : LimitSettings, optional
        Leave out what the gatekeeper denies by these: the same order again within the window, and one that would trade
        with one of ours that is not proven to be gone. Amounts and budgets are not looked at.
    """

    def __init__(
        self, tape: Tape, one: ParameterSet, looks: Sequence[Look], *, limits: LimitSettings | None = None
    ) -> None:
        if tape.columns.delay_ns.any():
            raise ValueError(
                "the tape tells events with a delay: given looks need one that tells them at once"
            )
        super().__init__(tape, one, interval_ns=1, path_every=1)
        self._to_come = deque(looks)
        self._gate = None if limits is None else Gatekeeper(limits, ())
        self._requests = self._carried = _Carried()

    @property
    def sent(self) -> list[Sent]:
        """All requests, in the order sent."""
        return self._carried.sent

    def run(self, how: str = "plain Python, looks given") -> SetResult:
        """Trade on the whole tape."""
        columns = (column.tolist() for column in self._tape.columns)
        for time_ns, _, price, lots, kind in zip(*columns, strict=True):
            self._until(time_ns)
            self._on_event(time_ns, price, lots, kind)
        self._until(math.inf)
        return self._result(how)

    def _until(self, time_ns: float) -> None:
        """Do all that is due before this time."""
        while min(self._next_look_ns(), self._next_request_ns()) < time_ns:
            if self._next_request_ns() <= self._next_look_ns():
                self._serve()
            else:
                self._carried.reaches_ns = self._to_come[0].reaches_ns
                self._look()
                self._step(self._to_come[0].time_ns)
                self._to_come.popleft()

    def _next_look_ns(self) -> float:
        return self._to_come[0].time_ns if self._to_come else math.inf

    def _view(self, now_ns: int, look: tuple[int, ...]) -> View:
        return super()._view(now_ns, look)._replace(time_s=self._to_come[0].since_start_s)

    def _place(self, now_ns: int, wanted: Wanted) -> None:
        if self._gate is not None:
            order = RecentOrder(now_ns, wanted.side, wanted.price, wanted.size)
            if self._gate.duplicates(_KEY, order) or self._crosses_own(wanted):
                return
            self._gate.note_order(_KEY, order)
        super()._place(now_ns, wanted)

    def _crosses_own(self, wanted: Wanted) -> bool:
        own = [own.known for own in self._exchange.owns if own.known.live]
        bid = max((order.price for order in own if order.side > 0), default=0)
        ask = min((order.price for order in own if order.side < 0), default=0)
        return check_crossing(wanted.side, wanted.price, bid, ask, Denial.SELF_TRADE) is not None


class _Carried(Wire):
    """The way to the exchange, with the arrival of each look's requests as it is given."""

    def __init__(self) -> None:
        super().__init__([0])
        self.reaches_ns = 0
        self.sent: list[Sent] = []

    def send(self, now_ns: int, own: Own, word: str, lots: int = 0) -> None:
        """Keep the request, and send it."""
        order = own.known
        self.sent.append(Sent(now_ns, word, order.side, order.price, order.size))
        super().send(self.reaches_ns, own, word, lots)
