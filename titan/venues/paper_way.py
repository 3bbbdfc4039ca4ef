"""One way between us and a paper exchange: what is sent arrives in order, each after its latency."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from titan.model.clock import Clock
from titan.simulation.latency import Channel, LatencyModel, send
from titan.venues.supervised import supervised


class Way:
    """Carries messages one way.

    Parameters
    ----------
    model : LatencyModel
        Of one message; a single quantile is a fixed latency.
    seed : int
        Of the draws: the same seed gives the same latencies, whatever is sent.
    clock : Clock
        The session's.
    fault : function of an exception
        Called with what ended the way for good: a fault of ours in what a message does at its arrival.
    """

    def __init__(
        self, model: LatencyModel, seed: int, clock: Clock, fault: Callable[[BaseException], None]
    ) -> None:
        self._model = model
        self._seed = seed
        self._clock = clock
        self._fault = fault
        self._channel = Channel()
        self._under_way: deque[tuple[int, Callable[[], None]]] = deque()
        self._sent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """True while messages arrive by themselves."""
        return self._task is not None and not self._task.done()

    def open(self) -> None:
        """Begin to carry; call from within the event loop."""
        self._task = supervised(self._carry(), self._fault)

    def close(self) -> None:
        """What is under way is lost."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._under_way.clear()

    def send(self, arrive: Callable[[], None]) -> None:
        """Have `arrive` called once the message is there."""
        self._channel = send(self._model, self._channel, self._seed, self._clock.now_ns())
        self._under_way.append((self._channel.arrived_ns, arrive))
        self._sent.set()

    def deliver_due(self) -> None:
        """Let everything arrive that is due by now: whoever changes the other end calls this first."""
        while self._under_way and self._under_way[0][0] <= self._clock.now_ns():
            self._under_way.popleft()[1]()

    async def _carry(self) -> None:
        while True:
            self.deliver_due()
            if not self._under_way:
                self._sent.clear()
                await self._sent.wait()
                continue
            await asyncio.sleep(max(self._under_way[0][0] - self._clock.now_ns(), 0) / 1e9)
