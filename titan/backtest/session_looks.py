"""When a session's strategy looked, and what it then sent: by running its journal again."""

from __future__ import annotations

from typing import NamedTuple

from titan.backtest.session_told import Told
from titan.backtest.sweep.given_looks import Look, Sent
from titan.engine.kernel import Kernel
from titan.model.commands import AmendOrder, CancelOrder, PlaceOrder
from titan.model.events import AnyEvent, BookDelta, StopRequested, TimerFired, TopOfBook, TradePrint
from titan.reports.errors import ReportError
from titan.store.replay import replay_session


class Looked(NamedTuple):
    """The looks of a session until it was told to stop, and its requests, by the time of the input that led to them."""

    looks: list[Look]
    sent: list[Sent]


def read_looks(told: Told) -> Looked:
    """Run a session again and note when its strategy was asked.

    Parameters
    ----------
    told : Told
        The session by receipt, whose inputs have times of their own.

    Raises
    ------
    ReportError
        If it does not replay as it was.
    """
    watcher = _Watcher(told.stamps_ns)
    replay = replay_session(told.result.recording.directory, watcher.watch)
    if not replay.identical:
        raise ReportError(f"{replay.session} does not replay as it was: {replay.difference}")
    return Looked(watcher.looks, watcher.sent)


class _Watcher:
    """Is shown the kernel after each input.

    In lock-step a timer fires before the market's frame of the same moment, and its requests reach the exchange after
    that one.
    """

    def __init__(self, stamps_ns: list[int]) -> None:
        self._stamps = iter(stamps_ns)
        self._evaluated_ns = 0
        self._by_timer = False
        self._stopped = False
        self.looks: list[Look] = []
        self.sent: list[Sent] = []

    def watch(self, kernel: Kernel, event: AnyEvent) -> None:
        stamp_ns, desk = next(self._stamps), kernel.desk
        if self._by_timer and isinstance(event, BookDelta | TradePrint | TopOfBook):
            self._by_timer = False
            if event.time_ns == self._evaluated_ns:
                self.looks[-1] = self.looks[-1]._replace(reaches_ns=stamp_ns)
        self._stopped |= isinstance(event, StopRequested)
        if self._stopped:
            return
        (host,) = desk.hosts
        if host.evaluated_ns != self._evaluated_ns:
            self._evaluated_ns = host.evaluated_ns
            self._by_timer = isinstance(event, TimerFired)
            self.looks.append(Look(stamp_ns, stamp_ns, (desk.now_ns - desk.epoch_ns) / 1e9))
        for command in desk.out:
            if isinstance(command, PlaceOrder):
                self.sent.append(Sent(stamp_ns, "new", command.side, command.price, command.size))
            elif isinstance(command, AmendOrder):
                self.sent.append(Sent(stamp_ns, "amend", command.side, command.price, command.size))
            elif isinstance(command, CancelOrder):
                order = desk.orders.get(command.client_id)
                if order is not None:
                    self.sent.append(Sent(stamp_ns, "cancel", order.side, order.price, order.size))
