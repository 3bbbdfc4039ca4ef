"""The runner: puts a session together, lets it run, takes it apart. Tasks, sockets and shut-down; no decision."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from titan.engine.kernel import Kernel
from titan.live import provenance, risk_results
from titan.live.child import ChildExchange
from titan.live.configure import kernel_config, strategy_modules
from titan.live.control import Control, answer_within_s, control_path, machine_folder
from titan.live.errors import CLEAN, INTERNAL, RunnerError, StartRefused, UsageError
from titan.live.journaling import begin_journal
from titan.live.lockstep import Mailbox, follow
from titan.live.modes import HARMLESS, REAL, Acts, address_for, clock_of, require_mode
from titan.live.outbox import Outbox
from titan.live.paper import carried_account
from titan.live.pulse import Pulse
from titan.live.recovery import Predecessor, find_predecessor
from titan.live.result import Result
from titan.live.risk_beside import Estimates
from titan.live.session import Session
from titan.live.stages import require_promotions
from titan.live.status import status
from titan.live.summary import summarise
from titan.live.telemetry import Telemetry, start_logging
from titan.live.venue import VenueAddress, build_adapter, credentials_name
from titan.live.view import View
from titan.model.clock import Clock, SetClock
from titan.model.commands import AnyCommand, PlaceOrder
from titan.model.events import (
    AnyEvent,
    JournalledEvent,
    SessionStarted,
    StopRequested,
    StorageFailed,
)
from titan.settings import Settings
from titan.store.disk import Disk
from titan.store.lock import AccountLock, AccountLocked
from titan.store.session import new_session_id
from titan.store.writer import SessionWriter
from titan.venues.adapter import Adapter, VenueUnreachable
from titan.venues.supervised import supervised
from titan.wire.frames import FrameDecoder


@dataclass(frozen=True)
class RunOptions:
    """What the command line asks for beside the settings."""

    venue: str
    replay: Path | None = None
    speed: str = "1"
    duration_s: float = 0.0
    seed: int = 1
    quiet: bool = False
    acts: Acts = field(default_factory=Acts)
    """What was done on purpose for real money."""
    faults: Path | None = None
    read_settings: Callable[[], Settings] | None = None
    """Reads the settings again as they stand; None, and they stay what they are."""


async def run(settings: Settings, options: RunOptions, disk: Disk | None = None) -> Result:
    """Run one session from start to proven stop.

    Parameters
    ----------
    disk : Disk, optional
        Where the journal is written; the real one if not given.

    Raises
    ------
    RunnerError
        One clear line and an exit code; nothing was sent.
    """
    refuse_unready_modes(settings, options)
    # A wrong parameter is told before an exchange is started or asked.
    config = kernel_config(settings, "", options.venue, options.duration_s)
    require_promotions(settings, config, settings.live.mode)
    journals = settings.project.journals
    account = f"{options.venue}.{settings.venue[options.venue].account}"
    async with AsyncExitStack() as stack:
        try:
            journals.mkdir(parents=True, exist_ok=True)
            stack.enter_context(AccountLock(journals, account))
            if _is_shared(settings, options.venue):
                stack.enter_context(
                    AccountLock(machine_folder(), credentials_name(settings.venue[options.venue]))
                )
        except AccountLocked as error:
            raise StartRefused(str(error)) from None
        except OSError as error:
            raise StartRefused(
                f"journals folder {journals}: {error.strerror}; correct [project] journals"
            ) from None
        child = await _start_exchange(settings, options, stack)
        address = address_for(settings, options.venue, child.port if child else None)
        runner = Runner(settings, options, address, account, disk)
        if child is not None:
            watch = supervised(runner.end_with(child), runner.on_fault)
            stack.callback(watch.cancel)
        return await runner.run()


def refuse_unready_modes(settings: Settings, options: RunOptions) -> None:
    """Refuse what this version cannot do, rather than do something else."""
    require_mode(settings, options.venue, options.acts)
    for given, flag in ((options.replay, "--replay"), (options.faults, "--faults")):
        if given is not None and settings.live.mode != "loopback":
            raise UsageError(f"{flag} is for mode loopback, and [live] mode = {settings.live.mode}")
    if options.replay is not None and settings.venue[options.venue].rest_url:
        raise UsageError(
            f"--replay starts an exchange of its own, but [venue.{options.venue}] rest_url is set; "
            "empty it, or start 'titan exchange --replay' yourself and leave --replay out"
        )
    if options.faults is not None and settings.venue[options.venue].rest_url:
        raise UsageError(
            f"--faults is for an exchange of its own, but [venue.{options.venue}] rest_url is set; "
            "empty it, or start 'titan exchange --faults' yourself and leave --faults out"
        )
    if options.replay is not None and not options.replay.is_file():
        raise UsageError(f"capture {options.replay}: no such file")


def _is_shared(settings: Settings, venue: str) -> bool:
    """Whether another runner of this machine could trade the same account."""
    mode = settings.live.mode
    return mode in REAL or (mode not in HARMLESS and bool(settings.venue[venue].rest_url))


async def _start_exchange(
    settings: Settings, options: RunOptions, stack: AsyncExitStack
) -> ChildExchange | None:
    if settings.venue[options.venue].rest_url or settings.live.mode != "loopback":
        return None
    arguments = ["--speed", options.speed, "--seed", str(options.seed)]
    if options.replay is not None:
        arguments += ["--replay", str(options.replay)]
    else:
        arguments += ["--symbols", ",".join(settings.venue[options.venue].symbols)]
    if options.faults is not None:
        arguments += ["--faults", str(options.faults)]
    log = start_logging(settings.live.log_level)
    child = ChildExchange(arguments, lambda line: log.warning(line, code="exchange"))
    return await stack.enter_async_context(child)


class Runner:
    """One session's parts."""

    def __init__(
        self,
        settings: Settings,
        options: RunOptions,
        address: VenueAddress,
        account: str,
        disk: Disk | None = None,
    ) -> None:
        self._disk = disk
        self._settings = settings
        self._options = options
        self._address = address
        self._account = account
        self._first_quote_cpu_s: float | None = None
        self._pulse: Pulse | None = None
        self._predecessor: Predecessor | None = None
        self._real_time = True

    async def run(self) -> Result:
        """Run the session; whatever happens, streams and files are closed."""
        stated = self._settings.venue[self._options.venue]
        mode = self._settings.live.mode
        clock, instance, real_time = await clock_of(self._address, stated, mode)
        self._real_time = real_time
        session_id = new_session_id(clock.now_ns(), secrets.token_bytes(3))
        self._configure = partial(
            kernel_config,
            session=session_id,
            venue=self._options.venue,
            duration_s=self._options.duration_s,
            real_time=real_time,
            unattended=self._options.replay is not None,
        )
        config = self._configure(self._settings)
        modules = strategy_modules(config)
        # A fresh exchange knows nothing of earlier sessions; only one that was there before has a history with us.
        account = f"{self._account}@{instance}"
        journals = self._settings.project.journals
        predecessor = self._predecessor = find_predecessor(journals, account)
        carried = carried_account(journals, account) if mode == "paper" else None
        kernel = Kernel(config, modules, predecessor.snapshot if predecessor else None)
        on_failure = self._storage_failed_in_thread(asyncio.get_running_loop())
        writer = begin_journal(self._settings, kernel, clock, account, predecessor, on_failure, self._disk)
        telemetry = Telemetry(kernel, session_id, self._settings.live.log_level)
        decoder = FrameDecoder({venue.name: venue.protocol for venue in config.venues})
        session = Session(kernel, writer, decoder, clock)
        session.observe = self._observer(telemetry)
        lockstep = isinstance(clock, SetClock)
        mailbox = Mailbox() if lockstep else None
        pulse = self._pulse = Pulse(session)
        sinks = pulse.sinks(self._options.venue, mailbox)
        adapter = build_adapter(self._settings, self._options.venue, self._address, clock, sinks, carried)
        telemetry.inboxes = pulse.inboxes
        outbox = Outbox({self._options.venue: adapter}, writer, session, clock, in_turn=lockstep)
        outbox.note_latency = telemetry.note_latency
        outbox.unwritten = telemetry.unwritten
        session.submit = outbox.submit
        try:
            await self._serve_telemetry(telemetry)
            if predecessor is not None and predecessor.difference:
                text = f"{predecessor.session} does not replay as it was; the venue's orders and position are taken up"
                telemetry.log.warning(text, code="predecessor_differs", difference=predecessor.difference)
            for notebook in provenance.stale_modules():
                text = "notebook is newer than its module; run make export"
                telemetry.log.warning(text, code="stale_module", notebook=notebook)
            if lockstep:
                await self._live_in_lockstep(pulse, session, outbox, adapter, mailbox, clock)
            else:
                await self._live_on_the_clock(pulse, session, outbox, adapter, telemetry)
        finally:
            await adapter.close()
            await telemetry.close()
            writer.close()
        return self._result(kernel, session, outbox, telemetry, writer)

    # ---- Putting it together ---------------------------------------------------------------------------------

    def _storage_failed_in_thread(self, loop: asyncio.AbstractEventLoop) -> Callable[[OSError], None]:
        def tell(error: OSError) -> None:
            loop.call_soon_threadsafe(self._on_storage_failure, str(error))

        return tell

    def _on_storage_failure(self, reason: str) -> None:
        self._ingest(lambda now_ns: StorageFailed(time_ns=now_ns, reason=reason))

    def _ingest(self, make: Callable[[int], JournalledEvent]) -> None:
        """Take in what the process itself has to tell; before the session is put together nobody can hear it."""
        if self._pulse is not None:
            self._pulse.ingest(make)

    def _observer(self, telemetry: Telemetry) -> Callable[[AnyEvent, tuple[AnyCommand, ...], int, int], None]:
        def observe(
            event: AnyEvent, commands: tuple[AnyCommand, ...], heard_ns: int, decided_ns: int
        ) -> None:
            if self._first_quote_cpu_s is None and any(
                isinstance(command, PlaceOrder) for command in commands
            ):
                self._first_quote_cpu_s = round(time.process_time(), 3)
            telemetry.observe(event, commands, heard_ns, decided_ns)

        return observe

    async def _serve_telemetry(self, telemetry: Telemetry) -> None:
        port = self._settings.live.telemetry_port
        try:
            bound = await telemetry.serve(port)
        except OSError as error:
            raise StartRefused(
                f"telemetry port {port}: {error.strerror}; give another telemetry_port, or 0"
            ) from None
        url = f"http://127.0.0.1:{bound}/metrics"
        telemetry.log.info("metrics and health", code="telemetry", url=url, pid=os.getpid())

    # ---- Letting it run --------------------------------------------------------------------------------------

    async def _open(self, session: Session, adapter: Adapter) -> None:
        # From the first question on, a signal is a stop like any other: orders may follow at any moment.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, signal.Signals(number).name)
        session.ingest(SessionStarted(time_ns=session.clock.now_ns()))
        if self._predecessor is not None:
            for event in self._predecessor.handed_on(session.clock.now_ns()):
                session.ingest(event)
        try:
            await adapter.open()
        except VenueUnreachable as error:
            raise StartRefused(str(error)) from None

    async def end_with(self, child: ChildExchange) -> None:
        """Stop when the exchange that was started for this session has ended: there will be no other."""
        code = await child.wait()
        text = f"the loopback exchange ended with code {code}; see its last words above"
        self._ingest(lambda now_ns: StopRequested(time_ns=now_ns, reason=text, exit_code=INTERNAL))

    def on_fault(self, error: BaseException) -> None:
        """A task that nobody awaits has died: the session ends with what it died of."""
        if self._pulse is not None:
            self._pulse.fail(error)

    def _on_signal(self, name: str) -> None:
        self._ingest(lambda now_ns: StopRequested(time_ns=now_ns, reason=f"{name} received", exit_code=CLEAN))

    async def _live_on_the_clock(
        self, pulse: Pulse, session: Session, outbox: Outbox, adapter: Adapter, telemetry: Telemetry
    ) -> None:
        control = self._control(session)
        complain = partial(telemetry.log.warning, code="risk_result_unreadable")
        results = risk_results.RiskResults(
            self._settings.project.data / risk_results.NAME, self._ingest, complain
        )
        await control.open()
        try:
            await self._open(session, adapter)
            with View(
                session.kernel, telemetry, mode=self._settings.live.mode, quiet=self._options.quiet
            ) as view:

                def look() -> None:
                    control.watch()
                    results.watch()
                    view.refresh()

                before = self._predecessor.session if self._predecessor is not None else ""
                estimates = Estimates(self._settings, session, before, telemetry)
                async with estimates.kept(self._ingest, self.on_fault, real_time=self._real_time):
                    await pulse.beat(outbox, look)
        finally:
            await control.close()
        await self._raise_fault(pulse.fault, outbox)
        await outbox.settle()

    def _control(self, session: Session) -> Control:
        settings = self._settings
        path = control_path(settings.project.journals, self._account)
        deadline_s = answer_within_s(settings)

        def read_again() -> bytes:
            read = self._options.read_settings
            now = read() if read else settings
            config = self._configure(now)
            require_promotions(now, config, settings.live.mode)
            return msgspec.msgpack.encode(config)

        control = Control(
            path,
            settings.project.kill_file,
            self._ingest,
            lambda: status(session.kernel, settings.live.mode),
            read_again,
            deadline_s,
        )
        session.answered = control.answered
        return control

    async def _live_in_lockstep(
        self,
        pulse: Pulse,
        session: Session,
        outbox: Outbox,
        adapter: Adapter,
        mailbox: Mailbox | None,
        clock: Clock,
    ) -> None:
        if mailbox is None or not isinstance(clock, SetClock):
            raise TypeError("lock-step needs a clock that is set and a mailbox")
        await self._open(session, adapter)

        async def over(reason: str, exit_code: int) -> None:
            self._ingest(lambda now_ns: StopRequested(time_ns=now_ns, reason=reason, exit_code=exit_code))

        url = self._address.control_url
        following = asyncio.create_task(follow(url, session, outbox, mailbox, clock, over))
        stopped = asyncio.create_task(pulse.stopped.wait())
        await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if pulse.fault is not None:
            following.cancel()
        await asyncio.wait({following})
        if not following.cancelled():
            pulse.fault = pulse.fault or following.exception()
        if isinstance(pulse.fault, RunnerError):
            raise pulse.fault
        await self._raise_fault(pulse.fault, outbox)

    async def _raise_fault(self, fault: BaseException | None, outbox: Outbox) -> None:
        """After a fault of ours nothing is known: cancel whatever may stand, then let the fault end the session."""
        if fault is None:
            return
        await outbox.halt(self._settings.live.shutdown_timeout_s)
        left = await outbox.cancel_everything(
            self._options.venue, self._settings.venue[self._options.venue].symbols
        )
        text = "every order was cancelled" if not left else f"NOT proven cancelled: {', '.join(left)}"
        raise InternalFault(f"{type(fault).__name__}: {fault}; {text}") from fault

    # ---- Taking it apart -------------------------------------------------------------------------------------

    def _result(
        self, kernel: Kernel, session: Session, outbox: Outbox, telemetry: Telemetry, writer: SessionWriter
    ) -> Result:
        summary = summarise(
            kernel,
            mode=self._settings.live.mode,
            events=session.events,
            sent=outbox.sent,
            latencies=telemetry.latencies,
            cpu_to_first_quote_s=self._first_quote_cpu_s,
            ended=session.ended,
            journal=writer.directory,
        )
        return Result(session.ended.exit_code if session.ended else INTERNAL, summary)


class InternalFault(RunnerError):
    """A fault of ours ended the session."""

    exit_code = INTERNAL


__all__ = ["Result", "RunOptions", "Runner", "run"]
