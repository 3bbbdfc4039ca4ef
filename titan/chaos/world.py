"""The exchange of a trial: generated, on virtual time, its market moving and its faults happening when they are due."""

from __future__ import annotations

import asyncio
import random

from titan.chaos.network import Network
from titan.chaos.virtual_time import VirtualClock
from titan.loopback.desk import Desk
from titan.loopback.fault_acts import FaultActs
from titan.loopback.fault_gate import FaultGate
from titan.loopback.faults import Plan
from titan.loopback.generator import Crowd, Generator, default_instrument
from titan.loopback.limits import RateLimits
from titan.loopback.main import MAKER_PROGRAMME
from titan.loopback.market import GeneratedMarket
from titan.loopback.signatures import DEFAULT_CREDENTIALS, Keyring
from titan.matching.exchange import Exchange
from titan.matching.terms import AccountTerms, ExchangeSettings

VENUE = "loopback"
ACCOUNT = DEFAULT_CREDENTIALS.key
START_NS = 1_704_067_190_000_000_000
"""2023-12-31 23:59:50 UTC: a trial crosses midnight and a funding settlement."""

CROWD = Crowd(quotes=8.0, cancels=6.0, informed=4.0, takers=2.0, orders_a_side=20)
"""Few enough to be quick, many enough to fill quotes at the touch every second or so."""


class World:
    """Everything that does not die with the runner.

    Parameters
    ----------
    seed : int
        Of market, latencies and faults.
    plan : Plan
        The faults.
    """

    def __init__(self, seed: int, plan: Plan) -> None:
        loop = asyncio.get_running_loop()
        self.clock = VirtualClock(loop, START_NS)
        instrument = default_instrument("binance")
        settings = ExchangeSettings(fees=MAKER_PROGRAMME, market="generated")
        self.exchange = Exchange([instrument], settings, START_NS)
        balances = ((instrument.settle, DEFAULT_CREDENTIALS.wallet),)
        self.exchange.open_account(ACCOUNT, AccountTerms(balances=balances))
        source = GeneratedMarket(Generator(seed, instrument, START_NS, CROWD), instrument, START_NS)
        source.prepare(self.exchange)
        self.exchange.drain()
        self.desk = Desk(
            self.exchange, settings, source, self.clock, Keyring([DEFAULT_CREDENTIALS]), RateLimits()
        )
        self.gate = FaultGate(plan, START_NS)
        self.acts = FaultActs(self.desk, self.gate)
        self.network = Network(self.desk, self.gate, random.Random(f"{seed} network"), self.clock)
        self.symbol = instrument.symbol
        self._task = loop.create_task(self._move())

    async def _move(self) -> None:
        """Let the market act, and the faults happen, each at its time."""
        while True:
            times = [due for due in (self.desk.source.next_ns(), self.acts.next_ns()) if due is not None]
            wait_s = (min(times) - self.clock.now_ns()) / 1e9
            await asyncio.sleep(max(wait_s, 0.0))
            self.desk.catch_up()
            self.acts.carry_out()

    def raise_fault(self) -> None:
        """Raise what has ended the market: a trial against one that stands still proves nothing."""
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the trial began."""
        return (self.clock.now_ns() - START_NS) / 1e9

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """What goes on when the runner dies."""
        return {self._task, *self.network.under_way}

    def close(self) -> None:
        """End the market."""
        self._task.cancel()
