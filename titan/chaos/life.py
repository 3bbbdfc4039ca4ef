"""One life of the runner: session, outbox, adapter and journal, until it ends or dies."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from titan.chaos.crash_disk import CrashDisk
from titan.chaos.world import ACCOUNT, RUNNERS, VENUE, World
from titan.engine.configuration import KernelConfig
from titan.engine.kernel import Kernel
from titan.engine.strategies import AnyStrategyModule
from titan.live.journaling import begin_journal
from titan.live.outbox import Outbox
from titan.live.provenance import Origin
from titan.live.pulse import Pulse
from titan.live.recovery import find_predecessor
from titan.live.session import Session
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.model.commands import AnyCommand, EndSession
from titan.model.events import JournalledEvent, SessionStarted, StorageFailed
from titan.settings import Settings
from titan.store.stepped_writer import SteppedWriter
from titan.venues.adapter import VenueUnreachable
from titan.venues.binance import BinanceAdapter
from titan.venues.binance_config import BinanceConfig
from titan.wire.frames import FrameDecoder

Submit = Callable[[int, AnyCommand, int], None]
COMMITS_S = (0.001, 0.001, 0.02)
"""How long a commit takes, drawn: a disk is quick, mostly."""
DIED = EndSession(exit_code=-9, reason="killed", left_open=())


class Life:
    """One process of the runner.

    Parameters
    ----------
    world : World
        The exchange.
    settings : Settings
        Where the journals are.
    config : KernelConfig
        What is traded; its session names this life.
    modules : mapping of str to module
        The strategies.
    origin : Origin
        For the journal's header.
    draw : random.Random
        Decides what a crash leaves, and the streams' jitter.
    """

    def __init__(
        self,
        world: World,
        settings: Settings,
        config: KernelConfig,
        modules: Mapping[str, AnyStrategyModule],
        origin: Origin,
        draw: random.Random,
    ) -> None:
        self.config = config
        self.disk = CrashDisk(draw)
        account = f"{VENUE}.{config.venue(VENUE).account}"
        self.predecessor = find_predecessor(settings.project.journals, account)
        self.kernel = Kernel(config, modules, self.predecessor.snapshot if self.predecessor else None)
        writer = begin_journal(
            settings, self.kernel, world.clock, account, self.predecessor, self._storage_failed, self.disk,
            origin, SteppedWriter,
        )  # fmt: skip
        if not isinstance(writer, SteppedWriter):
            raise TypeError("a trial's journal is written by the event loop")
        self.writer = writer
        self.writer.commit_s = draw.choice(COMMITS_S)
        decoder = FrameDecoder({VENUE: config.venue(VENUE).protocol})
        self.session = Session(self.kernel, self.writer, decoder, world.clock)
        self.pulse = Pulse(self.session)
        symbols = config.venue(VENUE).symbols
        self._adapter = BinanceAdapter(
            BinanceConfig(
                venue=VENUE, account="main", symbols=symbols, rest_url=world.rest_url, stream_url=world.stream_url,
                api_key=ACCOUNT, api_secret=DEFAULT_CREDENTIALS.secret, clock_sync_interval_s=10.0,
            ),
            self.pulse.sinks(VENUE),
            world.clock,
            world.client(),
            world.connector(),
            draw.random,
        )  # fmt: skip
        self.outbox = Outbox({VENUE: self._adapter}, self.writer, self.session, world.clock, in_turn=False)
        self.session.submit = self.outbox.submit
        self._world = world
        # Whatever is begun from here on dies with this life.
        self._context = contextvars.copy_context()
        self._context.run(RUNNERS.set, True)
        self._task: asyncio.Task[None] | None = None

    def _storage_failed(self, error: OSError) -> None:
        self.tell(lambda now_ns: StorageFailed(time_ns=now_ns, reason=str(error)))

    def tell(self, make: Callable[[int], JournalledEvent]) -> None:
        """Take in an event from outside, such as an operator's."""
        self._context.run(self.pulse.ingest, make)

    def start(self) -> None:
        """Begin to live."""
        self._task = asyncio.get_running_loop().create_task(self._live(), context=self._context)

    async def _live(self) -> None:
        try:
            self.session.ingest(SessionStarted(time_ns=self._world.clock.now_ns()))
            if self.predecessor is not None:
                for event in self.predecessor.handed_on(self._world.clock.now_ns()):
                    self.session.ingest(event)
            try:
                await self._adapter.open()
            except VenueUnreachable:
                return  # refused, as titan-live is: nothing was sent; whoever watches starts it again
            await self.pulse.beat(self.outbox)
            if self.pulse.fault is not None:
                raise self.pulse.fault
            await self.outbox.settle()
        finally:
            await self._adapter.close()
            self.writer.close()

    async def ended(self, within_s: float) -> bool:
        """Wait until it has ended by itself; False if that takes longer. A fault of ours is raised here."""
        if self._task is None:
            return True
        done, _ = await asyncio.wait({self._task}, timeout=within_s)
        if done:
            self._task.result()
        return bool(done)

    def kill(self) -> None:
        """Die at once: nothing is told, nothing is written, and what was not synced is lost."""
        self.session.ended = DIED
        self.writer.kill()
        self.disk.crash()
        for task in self._world.runners_tasks():
            task.cancel()

    @property
    def journal(self) -> Path:
        """Where it wrote."""
        return self.writer.directory
