"""`titan record`: run the recording task until its time is over or a signal comes, and say what was written."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from titan.live.clocks import MachineClock
from titan.live.errors import StartRefused, StorageFault, UsageError
from titan.model.clock import Clock
from titan.settings import Settings, Venue
from titan.store.capture_writer import CaptureWriter, Rotation
from titan.venues.binance_config import BinanceConfig
from titan.venues.binance_streams import CHANNELS
from titan.venues.ccxt_client import ClientConfig, RestClient
from titan.venues.recording import Recorder, RecordingConfig, RecordingRefused
from titan.venues.weights import WeightBudget


@dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """What the command line asks for beside the settings.

    Parameters
    ----------
    venue : str
        The settings' [venue.NAME].
    out : Path
        Folder of the captures.
    symbols : tuple of str
        What is recorded; empty takes the venue's symbols.
    channels : tuple of str
        Streams of each symbol.
    duration_s : float
        Seconds from the first connection; 0 is until a signal.
    rotation : Rotation
        When a file ends.
    flush_s : float
        How often what came becomes readable.
    """

    venue: str
    out: Path
    symbols: tuple[str, ...] = ()
    channels: tuple[str, ...] = CHANNELS
    duration_s: float = 0.0
    rotation: Rotation = field(default_factory=Rotation)
    flush_s: float = 1.0


class Recorded(msgspec.Struct, frozen=True):
    """What a recording wrote: its files, lines, snapshots, and how often it was disconnected or missed updates."""

    files: tuple[str, ...]
    lines: int
    snapshots: int
    disconnects: int
    gaps: int


async def record(settings: Settings, options: RecordOptions, say: Callable[[str], None]) -> Recorded:
    """Record until the time is over, or SIGINT or SIGTERM comes.

    Parameters
    ----------
    settings : Settings
        Where the venue is reached; no key is needed or used.
    options : RecordOptions
        What is recorded, and where to.
    say : function of str
        Told of connections, breaks and files, a line at a time.

    Raises
    ------
    RunnerError
        One clear line and an exit code. What was written until then can be read.
    """
    venue = settings.venue.get(options.venue)
    if venue is None:
        raise UsageError(f"venue {options.venue}: the settings have no [venue.{options.venue}]")
    config = _address(settings, options.venue, venue)
    clock = MachineClock()
    try:
        writer = CaptureWriter(options.out, options.venue, options.rotation)
    except OSError as error:
        raise UsageError(f"{options.out}: {error.strerror}; name another folder with --out") from None
    recorder = Recorder(
        RecordingConfig(
            venue=options.venue,
            symbols=options.symbols or venue.symbols,
            stream=config.stream,
            channels=options.channels,
            flush_s=options.flush_s,
        ),
        _client(config, clock),
        clock,
        writer,
        say,
    )
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    try:
        await _record(recorder, ending, options.duration_s, config.request_timeout_s)
    except RecordingRefused as error:
        raise StartRefused(str(error)) from None
    except TimeoutError as error:
        raise StartRefused(f"venue {options.venue} at {config.stream}: {error}; check stream_url") from None
    except OSError as error:
        raise StorageFault(
            f"the capture in {options.out} cannot be written ({error.strerror}); all before its last flush can be "
            "read: make room, and record again"
        ) from None
    return Recorded(
        files=tuple(map(str, writer.files)),
        lines=writer.lines,
        snapshots=recorder.snapshots,
        disconnects=recorder.disconnects,
        gaps=recorder.gaps,
    )


async def _record(recorder: Recorder, ending: asyncio.Event, duration_s: float, timeout_s: float) -> None:
    """Open, wait for the first of: a signal, the end of the time, a fault of the recorder; close in any case."""
    stopped = asyncio.ensure_future(ending.wait())
    opening = asyncio.ensure_future(recorder.open(timeout_s))
    try:
        await asyncio.wait({stopped, opening}, return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            opening.cancel()
            await asyncio.wait({opening})
            return
        opening.result()
        running = asyncio.ensure_future(recorder.run())
        await asyncio.wait(
            {stopped, running}, timeout=duration_s or None, return_when=asyncio.FIRST_COMPLETED
        )
        if running.done():
            running.result()
        running.cancel()
    finally:
        stopped.cancel()
        await recorder.close()


def _address(settings: Settings, name: str, venue: Venue) -> BinanceConfig:
    """Where the venue is reached: the settings' addresses, or the protocol's own where they are empty."""
    if not venue.rest_url and settings.live.mode == "loopback" and name == settings.live.venue:
        raise UsageError(
            f"[venue.{name}] has no rest_url: in mode loopback its exchange is a child of the runner; start "
            "'titan exchange' and give its address, or name another [venue.NAME] with --venue"
        )
    rest = urlsplit(venue.rest_url)
    stream_url = venue.stream_url
    if venue.rest_url and not stream_url:
        stream_url = f"{'wss' if rest.scheme == 'https' else 'ws'}://{rest.netloc}"
    return BinanceConfig(
        venue=name,
        account=venue.account,
        symbols=venue.symbols,
        rest_url=venue.rest_url,
        stream_url=stream_url,
    )


def _client(config: BinanceConfig, clock: Clock) -> RestClient:
    keyless = ClientConfig(
        rest_url=config.rest,
        api_key="",
        api_secret="",
        timeout_s=config.request_timeout_s,
        recv_window_ms=config.recv_window_ms,
    )
    return RestClient(keyless, clock, WeightBudget(config.limits))
