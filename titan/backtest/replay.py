"""A backtest: the kernel on a recorded market, in one process, round by round as in a lock-step replay.

Everything but the sockets is what trades live: the session, the outbox, the adapter, the codecs, the exchange's
gateway. So a backtest and a lock-step session on the same capture make the same fills.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from titan.backtest.exchange import InProcessClient, Subscriber
from titan.engine.kernel import Kernel
from titan.live.lockstep import Mailbox, run_out, work
from titan.live.outbox import Outbox
from titan.live.session import Session
from titan.loopback.capture_reader import require_whole
from titan.loopback.clock import LockstepClock
from titan.loopback.desk import Desk
from titan.loopback.main import LOCKSTEP, ExchangeOptions, build_desk
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.model.clock import SetClock
from titan.model.events import JournalledEvent, SessionStarted, StopRequested, StreamState
from titan.store.writer import SessionWriter
from titan.venues.adapter import Sinks
from titan.venues.binance import BinanceAdapter
from titan.venues.binance_config import BinanceConfig
from titan.venues.binance_streams import CHANNELS
from titan.wire.frames import FrameDecoder


@dataclass(frozen=True)
class Backtest:
    """A finished backtest, ready to be summarised like a live session."""

    session: Session
    outbox: Outbox


def recorded_exchange(capture: Path, seed: int = 1) -> Desk:
    """The loopback exchange on a capture, its clock at the first synchronised moment.

    Raises
    ------
    ExchangeStartError
        If the capture cannot be replayed.
    """
    require_whole(capture)
    return build_desk(ExchangeOptions(replay=capture, seed=seed, speed=LOCKSTEP))


async def run_backtest(
    desk: Desk,
    venue: str,
    clock: SetClock,
    kernel: Kernel,
    writer: SessionWriter,
    prepare: Callable[[Session, Outbox], None] = lambda session, outbox: None,
) -> Backtest:
    """Run a session against an exchange in this process until the market ends or the session does.

    Parameters
    ----------
    desk : Desk
        From `recorded_exchange`, or any other in lock-step.
    clock : SetClock
        The session's clock, at the exchange's present.
    prepare : function
        Called before the first event, to attach observers.
    """
    if not isinstance(desk.clock, LockstepClock):
        raise TypeError("a backtest needs an exchange in lock-step: build it with speed max")
    config = kernel.desk.config.venue(venue)
    decoder = FrameDecoder({venue: config.protocol})
    session = Session(kernel, writer, decoder, clock)
    mailbox = Mailbox()
    client = InProcessClient(desk, DEFAULT_CREDENTIALS)
    adapter = BinanceAdapter(
        BinanceConfig(venue=venue, account=config.account, symbols=config.symbols, rest_url="in process"),
        _sinks(session, mailbox, venue),
        clock,
        client,
    )
    outbox = Outbox({venue: adapter}, writer, session, clock, in_turn=True)
    session.submit = outbox.submit
    prepare(session, outbox)

    session.ingest(SessionStarted(time_ns=clock.now_ns()))
    _subscribe(desk, adapter, mailbox, session, config.symbols, venue)
    await work(session, outbox)
    while session.ended is None and writer.failed is None and (due_ns := desk.source.next_ns()) is not None:
        desk.clock.set(due_ns)
        desk.step(due_ns)
        clock.set(desk.exchange.now_ns)
        session.fire_due()
        await _settle(session, outbox, mailbox)
    if session.ended is None and writer.failed is None:
        session.ingest(StopRequested(time_ns=clock.now_ns(), reason="the capture is over", exit_code=0))
        await run_out(session, outbox, clock)
    return Backtest(session, outbox)


def _sinks(session: Session, mailbox: Mailbox, venue: str) -> Sinks:
    def private(events: list[JournalledEvent]) -> None:
        for event in events:
            session.ingest(event)

    return Sinks(
        lambda payload: mailbox.put_public(lambda: session.ingest_frame(venue, payload)),
        lambda events: mailbox.put_private(lambda: private(events)),
        session.ingest,
    )


def _subscribe(
    desk: Desk,
    adapter: BinanceAdapter,
    mailbox: Mailbox,
    session: Session,
    symbols: tuple[str, ...],
    venue: str,
) -> None:
    public = Subscriber(adapter.take_market)
    desk.register.subscribe(
        public, [f"{symbol.lower()}@{channel}" for symbol in symbols for channel in CHANNELS]
    )
    desk.register.add_private(Subscriber(adapter.take_private, DEFAULT_CREDENTIALS.key))
    for stream in ("private", "market"):
        session.ingest(
            StreamState(
                time_ns=session.clock.now_ns(), venue=venue, stream=stream, up=True, reason="connected"
            )
        )


async def _settle(session: Session, outbox: Outbox, mailbox: Mailbox) -> None:
    """Take what has arrived and do what follows, until nothing arrives any more."""
    while session.ended is None and mailbox.waiting:
        mailbox.take_all()
        await work(session, outbox)
