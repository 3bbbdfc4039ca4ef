"""Faults of the exchange itself, carried out on its core: connections dropped, restarts, halts, forced executions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from titan.loopback.desk import Desk
from titan.loopback.fault_gate import FaultGate
from titan.loopback.faults import Fault, Kind
from titan.loopback.generator import TAKER
from titan.matching.types import OrderKind, OrderRequest, Refusal
from titan.model.orders import BUY, SELL, Lifetime

_S = 1_000_000_000
SWEEP_TICKS = 20
SWEEP_LOTS = 100_000


@dataclass
class FaultActs:
    """Carries out what a gate says is due.

    Parameters
    ----------
    desk, gate
        The exchange, and who says what is due.
    """

    desk: Desk
    gate: FaultGate
    _resume_ns: dict[str, int] = field(default_factory=dict)

    def next_ns(self) -> int | None:
        """When something is due next."""
        times = [*self._resume_ns.values(), *([due] if (due := self.gate.next_act_ns()) is not None else [])]
        return min(times, default=None)

    def carry_out(self) -> None:
        """Do everything that is due by the exchange's clock."""
        now_ns = self.desk.exchange.now_ns
        for symbol in [symbol for symbol, at_ns in self._resume_ns.items() if at_ns <= now_ns]:
            del self._resume_ns[symbol]
            self._state(symbol, "trading")
        acts: dict[Kind, Callable[[Fault], None]] = {
            Kind.DROP_STREAM: lambda fault: self._drop(fault.stream),
            Kind.EXPIRE_LISTEN_KEY: lambda fault: self.desk.expire_every_listen_key(),
            Kind.RESTART: lambda fault: self._restart(fault),
            Kind.RESTART_LOSING_ORDERS: lambda fault: self._restart(fault, losing_orders=True),
            Kind.SWEEP: lambda fault: self._sweep(),
            Kind.HALT: self._halt,
            Kind.LIQUIDATE: lambda fault: self._close_positions("autoclose", 1),
            Kind.DELEVERAGE: lambda fault: self._close_positions("adl_autoclose", 2),
            Kind.CHANGE_TICK: lambda fault: self._change_tick(),
        }
        for fault in self.gate.due_acts(now_ns):
            acts[fault.kind](fault)
        self.desk.feeds.pump()

    def _clients(self) -> tuple[str, ...]:
        """The accounts that somebody signs in with."""
        return tuple(name for name in self.desk.exchange.accounts() if not name.startswith("crowd/"))

    def _symbols(self) -> tuple[str, ...]:
        return tuple(self.desk.exchange.instruments())

    def _drop(self, stream: str) -> None:
        for connection in self.desk.register.connections(stream):
            self.desk.register.remove(connection)
            connection.drop()

    def _restart(self, fault: Fault, *, losing_orders: bool = False) -> None:
        self._drop("")
        self.gate.away(self.desk.exchange.now_ns + round(fault.for_s * _S))
        if losing_orders:
            for account in self._clients():
                for symbol in self._symbols():
                    self.desk.exchange.cancel_all(account, symbol)

    def _sweep(self) -> None:
        for symbol in self._symbols():
            depth = self.desk.exchange.depth(symbol, 1)
            for side, levels in ((BUY, depth.asks), (SELL, depth.bids)):
                if levels:
                    self._take(TAKER, symbol, side, SWEEP_LOTS, levels[0][0] + side * SWEEP_TICKS)

    def _take(self, account: str, symbol: str, side: int, lots: int, price: int) -> None:
        request = OrderRequest(
            symbol=symbol, side=side, size=lots, price=max(price, 1), lifetime=Lifetime.IOC
        )
        try:
            self.desk.exchange.place(account, request)
        except Refusal:
            # A halted symbol, or a price outside the band: then nothing is swept, as at the venue.
            return

    def _halt(self, fault: Fault) -> None:
        for symbol in self._symbols():
            self._state(symbol, "halted")
            self._resume_ns[symbol] = self.desk.exchange.now_ns + round(fault.for_s * _S)

    def _state(self, symbol: str, status: str) -> None:
        terms = self.desk.exchange.instruments()[symbol]
        self.desk.exchange.set_instrument(msgspec.structs.replace(terms, status=status))

    def _change_tick(self) -> None:
        exchange, feeds = self.desk.exchange, self.desk.feeds
        for symbol, terms in list(exchange.instruments().items()):
            for account in exchange.accounts():
                exchange.cancel_all(account, symbol)
            # What the old grid left goes out in its own ticks.
            feeds.pump()
            feeds.flush_all(symbol, exchange.now_ns)
            changed = exchange.regrid(symbol, 2 * terms.tick_size)
            feeds.learn(changed)
            self.desk.source.learn(changed)

    def _close_positions(self, name: str, part: int) -> None:
        """Close positions at the market under the venue's own client id; `part` 2 closes half of each."""
        for account in self._clients():
            for position in self.desk.exchange.positions(account):
                lots = abs(position.lots) // part
                if not lots:
                    continue
                side = -1 if position.lots > 0 else 1
                client_id = f"{name}-{self.desk.exchange.now_ns // 1_000_000}"
                request = OrderRequest(
                    symbol=position.symbol, side=side, size=lots, client_id=client_id, kind=OrderKind.MARKET,
                    reduce_only=True, lifetime=Lifetime.IOC,
                )  # fmt: skip
                try:
                    self.desk.exchange.place(account, request)
                except Refusal:
                    return  # a halted symbol is not liquidated either
