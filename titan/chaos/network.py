"""Calls and frames between the adapter and the exchange, in memory and virtual time, with the faults of a plan.

What is on its way stays on its way: a runner that dies does not call its requests back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qs, urlsplit

from titan.backtest.exchange import address, signed
from titan.loopback import rest
from titan.loopback.answer import RestAnswer
from titan.loopback.clock import ExchangeClock
from titan.loopback.desk import Desk
from titan.loopback.fault_answers import instead, named_order, spoiled, torn
from titan.loopback.fault_frames import FrameFaults
from titan.loopback.fault_gate import FaultGate
from titan.loopback.faults import Kind
from titan.loopback.signatures import Credentials
from titan.loopback.streams import Connection
from titan.model.clock import Clock
from titan.venues.ccxt_client import Answer, Endpoint
from titan.venues.websocket import Socket, StreamSettings
from titan.venues.weights import RateLimits, WeightBudget

APART_S = 1e-7
"""Between two frames of a connection: a loop keeps the order of different moments alone."""


class Network:
    """Everything between one adapter and one exchange.

    Parameters
    ----------
    desk : Desk
        The exchange, on the same clock.
    gate : FaultGate
        What goes wrong.
    draw : random.Random
        Draws latencies.
    clock : ExchangeClock
        The virtual clock.
    """

    def __init__(self, desk: Desk, gate: FaultGate, draw: random.Random, clock: ExchangeClock) -> None:
        self.desk = desk
        self.gate = gate
        self.clock = clock
        self._draw = draw
        self.under_way: set[asyncio.Task[None]] = set()
        self.fault: BaseException | None = None
        """What ended a call that neither the exchange nor the plan meant to end: a fault of the trial itself."""

    def latency_s(self) -> float:
        """One way, drawn: a few milliseconds, now and then many."""
        return self._draw.uniform(0.001, 0.006) * (20.0 if self._draw.random() < 0.02 else 1.0)

    def carry(
        self, verb: str, path: str, query: str, key: str, params: Mapping[str, str | int]
    ) -> asyncio.Future[RestAnswer | None]:
        """One call; None where the connection broke in the middle of the answer. Ends with the call, whoever waits."""
        done: asyncio.Future[RestAnswer | None] = asyncio.get_running_loop().create_future()
        task = asyncio.get_running_loop().create_task(self._travel(verb, path, query, key, params, done))
        self.under_way.add(task)
        task.add_done_callback(self._arrived)
        return done

    def _arrived(self, task: asyncio.Task[None]) -> None:
        """A call has come to its end."""
        self.under_way.discard(task)
        if not task.cancelled():
            self.fault = self.fault or task.exception()

    async def _travel(
        self,
        verb: str,
        path: str,
        query: str,
        key: str,
        params: Mapping[str, str | int],
        done: asyncio.Future[RestAnswer | None],
    ) -> None:
        fault = self.gate.call(self.clock.now_ns(), verb, path, named_order(params))
        kind = fault.kind if fault else None
        await asyncio.sleep(self.latency_s() + (fault.delay_s if fault and kind is Kind.DELAY_CALL else 0.0))
        if kind is Kind.LOSE_REQUEST or self.gate.unreachable(self.clock.now_ns()):
            return  # whoever waits gives up by its own time-out
        if kind is Kind.REFUSE_CONNECTION:
            _settle(done, None)
            return
        answer = instead(fault, self.clock.now_ns())
        if answer is None:
            answer = spoiled(rest.answer(self.desk, verb, path, query, "", key), fault)
        if kind is Kind.LOSE_ANSWER:
            return
        await asyncio.sleep(self.latency_s() + (fault.delay_s if fault and kind is Kind.LATE_ANSWER else 0.0))
        _settle(done, None if torn(fault, answer) else answer)


def _settle(done: asyncio.Future[RestAnswer | None], answer: RestAnswer | None) -> None:
    """Hand over what came of a call, unless nobody waits for it any more."""
    if not done.done():
        done.set_result(answer)


class MemoryClient:
    """The adapter's calls over a `Network`, signed as on the wire and within the same budget.

    Parameters
    ----------
    network, credentials
        The way, and who signs.
    clock : Clock
        The runner's: it signs by it, as far as the offset is known.
    timeout_s : float
        An answer that takes longer is no answer.
    """

    def __init__(self, network: Network, credentials: Credentials, clock: Clock, timeout_s: float) -> None:
        self._offset_ns = 0
        self.budget = WeightBudget(RateLimits())
        self._network = network
        self._clock = clock
        self._credentials = credentials
        self._timeout_s = timeout_s

    @property
    def offset_ns(self) -> int:
        """Venue's clock minus the runner's, as last measured."""
        return self._offset_ns

    @offset_ns.setter
    def offset_ns(self, offset_ns: int) -> None:
        change_ns, self._offset_ns = offset_ns - self._offset_ns, offset_ns
        self.budget.correct(change_ns, self.venue_ns())

    def venue_ns(self) -> int:
        """The venue's time, as far as the offset is known."""
        return self._clock.now_ns() + self.offset_ns

    def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Nothing to disconnect."""

    async def call(self, endpoint: Endpoint, params: Mapping[str, str | int]) -> Answer:
        """Send once and return what came of it."""
        refused = self.budget.admit(endpoint.cost, self.venue_ns())
        if refused:
            return Answer(0, b"", f"not sent, {refused}", sent=False)
        if self._network.gate.refuses(self._network.clock.now_ns(), named_order(params)):
            await asyncio.sleep(self._network.latency_s())
            return Answer(0, b"", "could not connect", sent=False)
        verb, path = address(endpoint)
        sent_ns = self.venue_ns()
        query = signed(params, self._credentials, sent_ns)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._network.carry(verb, path, query, self._credentials.key, params)
        except TimeoutError:
            return Answer(0, b"", "no whole answer in time")
        if answer is None:
            return Answer(0, b"", "no whole answer: the connection broke")
        text = answer.body.decode()
        self.budget.observe(answer.status, answer.headers, text, self.venue_ns(), sent_ns)
        return Answer(answer.status, answer.body)


class MemoryConnector:
    """Opens streams of the exchange in memory."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def connect(self, url: str, settings: StreamSettings) -> Socket:
        """Connect; `ConnectionRefusedError` while the exchange is unreachable or the key is not known."""
        network = self._network
        await asyncio.sleep(network.latency_s())
        if network.gate.unreachable(network.clock.now_ns()):
            raise ConnectionRefusedError(111, "Connection refused")
        parts = urlsplit(url)
        names = [name for name in parse_qs(parts.query).get("streams", [""])[0].split("/") if name]
        key = parts.path.rpartition("/")[2] if not names else ""
        account = network.desk.listen_keys.account(key) if key else None
        if key and account is None:
            raise ConnectionRefusedError(111, "Connection refused")
        socket = MemorySocket(network, account or "", key, settings.heartbeat_s)
        if account:
            network.desk.register.add_private(socket)
        network.desk.register.subscribe(socket, names)
        return socket

    async def close(self) -> None:
        """Nothing to close besides the sockets."""


class MemorySocket(Connection):
    """One stream, from the exchange's register to the adapter, frames delayed and spoiled by the plan."""

    def __init__(self, network: Network, account: str, key: str, heartbeat_s: float) -> None:
        self.account = account
        self.listen_key = key
        self.counted = True
        self.combined = not account
        self.names: set[str] = set()
        self._network = network
        stream = "private" if account else "market"
        self._spoiling = FrameFaults(network.gate, stream, network.clock)
        self._heartbeat_s = heartbeat_s
        self._arrivals: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._free_s = 0.0
        self._why = "closed by the venue, code 1001"
        self._closed = False

    def send(self, payload: bytes) -> None:
        """Put a frame on its way; order is kept except where a fault breaks it."""
        network = self._network
        if self._closed:
            return
        sent = self._spoiling.take(payload)
        if self._spoiling.silent:
            self._notice_silence()
            return
        loop = asyncio.get_running_loop()
        self._free_s = max(self._free_s, loop.time() + network.latency_s() + sent.delay_s)
        for frame in sent.frames:
            self._free_s += APART_S
            loop.call_at(self._free_s, self._arrivals.put_nowait, frame)

    @property
    def swallowed_ns(self) -> int:
        """When a silence that lasts swallowed its first frame, ns UTC; 0 where there is none."""
        return self._spoiling.swallowed_ns if self._spoiling.silent else 0

    def _notice_silence(self) -> None:
        """A connection that answers no ping ends by the client's own heartbeat."""
        if self._heartbeat_s and not self._why.startswith("no answer"):
            self._why = "no answer to a ping"
            asyncio.get_running_loop().call_later(1.5 * self._heartbeat_s, self._arrivals.put_nowait, None)

    def drop(self) -> None:
        """End from the venue's side."""
        self._closed = True
        asyncio.get_running_loop().call_later(self._network.latency_s(), self._arrivals.put_nowait, None)

    async def payloads(self) -> AsyncIterator[bytes]:
        """Each frame as it arrives, until the connection ends."""
        while (payload := await self._arrivals.get()) is not None:
            yield payload

    def ending(self) -> str:
        """Why it ended."""
        return self._why

    async def close(self) -> None:
        """Close from the client's side."""
        self._closed = True
        self._network.desk.register.remove(self)
