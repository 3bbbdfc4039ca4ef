"""A backtest from the settings to a journal and a summary, like a live session's."""

from __future__ import annotations

import secrets
from pathlib import Path

from titan.backtest.replay import recorded_exchange, run_backtest
from titan.engine.kernel import Kernel
from titan.live.configure import kernel_config, strategy_modules
from titan.live.errors import INTERNAL, StartRefused, StorageFault
from titan.live.journaling import begin_journal
from titan.live.outbox import Outbox
from titan.live.result import Result
from titan.live.session import Session
from titan.live.summary import summarise
from titan.live.telemetry import Telemetry
from titan.loopback.desk import Desk
from titan.model.clock import SetClock
from titan.settings import Settings
from titan.store.disk import Disk
from titan.store.session import new_session_id


async def backtest_session(
    settings: Settings, capture: Path, duration_s: float = 0.0, disk: Disk | None = None
) -> Result:
    """Run the strategies of the settings' venue on a capture, and journal it as a session.

    Parameters
    ----------
    duration_s : float
        Seconds of the capture's clock from the first quote; 0 runs to its end.
    disk : Disk, optional
        Where the journal is written; the real one if not given.

    Raises
    ------
    ExchangeStartError
        If the capture cannot be replayed.
    StartRefused, StorageFault
        If the journal cannot be begun, or written to its end.
    """
    return await backtest_on(recorded_exchange(capture), settings, duration_s, disk)


async def backtest_on(
    desk: Desk, settings: Settings, duration_s: float = 0.0, disk: Disk | None = None
) -> Result:
    """The same against an exchange that is there already.

    Parameters
    ----------
    desk : Desk
        As of `titan.backtest.replay.run_backtest`; it can be used once.

    Raises
    ------
    StartRefused, StorageFault
        If the journal cannot be begun, or written to its end.
    """
    clock = SetClock(desk.exchange.now_ns)
    venue = settings.live.venue
    session_id = new_session_id(clock.now_ns(), secrets.token_bytes(3))
    config = kernel_config(settings, session_id, venue, duration_s, real_time=False, unattended=True)
    kernel = Kernel(config, strategy_modules(config))
    journals = settings.project.journals
    try:
        journals.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartRefused(
            f"journals folder {journals}: {error.strerror}; correct [project] journals"
        ) from None
    failures: list[OSError] = []
    writer = begin_journal(settings, kernel, clock, f"backtest.{session_id}", None, failures.append, disk)
    telemetry = Telemetry(kernel, session_id, settings.live.log_level)

    def attach(session: Session, outbox: Outbox) -> None:
        session.observe = telemetry.observe
        outbox.note_latency = telemetry.note_latency

    try:
        done = await run_backtest(desk, venue, clock, kernel, writer, attach)
    finally:
        writer.close()
    if failures:
        text = f"the journal could not be written: {failures[0]}; free space, then run the backtest again"
        raise StorageFault(text) from None
    summary = summarise(
        kernel,
        mode="backtest",
        events=done.session.events,
        sent=done.outbox.sent,
        latencies=telemetry.latencies,
        cpu_to_first_quote_s=None,
        ended=done.session.ended,
        journal=writer.directory,
    )
    return Result(done.session.ended.exit_code if done.session.ended else INTERNAL, summary)
