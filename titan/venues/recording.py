"""The recording task: a venue's public streams as they come, a snapshot wherever a book begins, and what was missed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from titan.model.clock import Clock
from titan.store.capture_writer import CaptureWriter
from titan.venues.binance_calls import DEPTH, EXCHANGE_INFO, Client
from titan.venues.binance_streams import CHANNELS, WATCHED, channel_of
from titan.venues.supervised import supervised
from titan.venues.websocket import Connector, Stream, StreamSettings
from titan.wire.binance_usdm import wrap_snapshot
from titan.wire.capture_marks import Mark, MarkKind, encode_mark

_RETRY_FIRST_S, _RETRY_LIMIT_S = 1.0, 30.0
_SHOWN_BYTES = 200
_OK = 200


class RecordingRefused(ValueError):
    """A recording cannot begin as asked; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class RecordingConfig:
    """What is recorded, and from where.

    Parameters
    ----------
    venue : str
        The settings' [venue.NAME].
    symbols : tuple of str
        The venue's own identifiers.
    stream : str
        Address of the websocket streams.
    channels : tuple of str
        Of each symbol.
    depth_levels : int
        Levels of a book snapshot.
    flush_s : float
        How often what was received becomes readable in the file; a kill loses no more than this.
    stale_after_s : float
        Silence after which the stream is rebuilt; 0 never.
    """

    venue: str
    symbols: tuple[str, ...]
    stream: str
    channels: tuple[str, ...] = CHANNELS
    depth_levels: int = 1_000
    flush_s: float = 1.0
    stale_after_s: float = 15.0


class _DepthIds(msgspec.Struct, gc=False):
    s: str
    U: int
    u: int
    pu: int = -1


class _DepthFrame(msgspec.Struct, gc=False):
    data: _DepthIds


class _SnapshotId(msgspec.Struct):
    lastUpdateId: int


_decode_depth = msgspec.json.Decoder(_DepthFrame).decode
_decode_snapshot = msgspec.json.Decoder(_SnapshotId).decode


class _Sequence:
    """One symbol's update ids since the last connection, and what a snapshot must have reached to meet them.

    Attributes
    ----------
    last_id : int or None
        Of the last delta; None before the first.
    starts_after : int or None
        The update before the first delta of this file, or after the last break; None where none has come.
    snapshot_id : int or None
        Of a snapshot that came before any delta.
    """

    def __init__(self) -> None:
        self.last_id: int | None = None
        self.starts_after: int | None = None
        self.snapshot_id: int | None = None

    def take(self, ids: _DepthIds) -> str:
        """Follow the ids; says how they do not continue."""
        previous = ids.pu if ids.pu >= 0 else ids.U - 1
        last_id, self.last_id = self.last_id, ids.u
        broken = last_id is not None and previous != last_id
        if broken or self.starts_after is None:
            self.starts_after = previous
        return f"after update {last_id} came {ids.U}..{ids.u}, which follows {previous}" if broken else ""

    def begin_file(self) -> None:
        """A new file's deltas follow the last one of the file before."""
        self.starts_after = self.last_id

    def meets(self, snapshot_id: int) -> bool:
        """Tell whether a snapshot meets the deltas, as far as they have come."""
        self.snapshot_id = snapshot_id
        return self.starts_after is None or snapshot_id >= self.starts_after

    @property
    def missed_snapshot(self) -> bool:
        """True if the snapshot that came before them is older than the first deltas."""
        return None not in (self.snapshot_id, self.starts_after) and not self.meets(self.snapshot_id or 0)


class Recorder:
    """Writes what a venue's public streams say until it is closed.

    Parameters
    ----------
    config : RecordingConfig
        What is recorded.
    client : Client
        Carries out the calls; no key is needed.
    clock : Clock
        Stamps every frame at its receipt.
    writer : CaptureWriter
        Where it goes.
    say : function of str
        Told of each connection, break and file, a line at a time.
    connector : Connector, optional
        Opens the stream's connections; over the network unless given.
    jitter : function, optional
        Draws from 0 to 1 for the pauses between connections.

    Attributes
    ----------
    disconnects, gaps, snapshots : int
        What happened so far.
    """

    def __init__(
        self,
        config: RecordingConfig,
        client: Client,
        clock: Clock,
        writer: CaptureWriter,
        say: Callable[[str], None],
        connector: Connector | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.disconnects = 0
        self.gaps = 0
        self.snapshots = 0
        self._config = config
        self._client = client
        self._clock = clock
        self._writer = writer
        self._say = say
        self._terms: list[tuple[str, dict[str, Any]]] = []
        self._sequences: dict[str, _Sequence] = {}
        self._wanted: dict[str, None] = {}
        self._asked = asyncio.Event()
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []
        watched = [channel for channel in config.channels if channel in WATCHED]
        self._stream = Stream(
            self._address,
            self._take,
            self._on_state,
            StreamSettings(stale_after_s=config.stale_after_s),
            channel=channel_of,
            watched=tuple(
                f"{symbol.lower()}@{channel}".encode() for symbol in config.symbols for channel in watched
            ),
            connector=connector,
            jitter=jitter,
            on_fault=self._on_fault,
        )

    async def open(self, timeout_s: float) -> None:
        """Read the terms, begin the first file and connect.

        Raises
        ------
        RecordingRefused
            If the venue does not answer or does not list a symbol; nothing was written.
        OSError
            If the capture cannot be written.
        TimeoutError
            If the stream does not come up.
        """
        self._client.open()
        self._terms = await self._read_terms()
        self._begin_file(self._clock.now_ns())
        self._mark("started", reason=", ".join(self._config.channels))
        await self._stream.open(timeout_s)
        self._tasks = [
            supervised(work, self._on_fault) for work in (self._keep_flushed(), self._take_snapshots())
        ]

    async def run(self) -> None:
        """Return never; raise what ends the recording, such as a full disk."""
        await asyncio.shield(self._fault)

    async def close(self) -> None:
        """Disconnect and end the file, whole."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._stream.close()
        await self._client.close()
        if self._writer.files and not self._fault.done():
            self._mark("ended")
        self._writer.close()

    # ---- What comes in -----------------------------------------------------------------------------------

    def _take(self, payload: bytes) -> None:
        now_ns = self._clock.now_ns()
        if self._writer.due(now_ns):
            self._begin_file(now_ns)
            for symbol in self._config.symbols:
                self._sequences.setdefault(symbol, _Sequence()).begin_file()
                self._want(symbol)
        if not payload.endswith(b"}") or b"\n" in payload:
            shown = payload[:_SHOWN_BYTES].decode(errors="replace")
            self._mark("unreadable", reason=f"{len(payload)} bytes that are no line of JSON", frame=shown)
            return
        self._writer.write(now_ns, payload)
        if b"@depth" in payload[:64]:
            self._follow(payload)

    def _follow(self, payload: bytes) -> None:
        try:
            ids = _decode_depth(payload).data
        except msgspec.DecodeError:
            return  # it stands in the capture as it came, and the codec will say of it what is wrong
        sequence = self._sequences.setdefault(ids.s, _Sequence())
        first = sequence.starts_after is None
        broken = sequence.take(ids)
        if first and sequence.missed_snapshot:
            self._want(ids.s)
        if broken:
            self.gaps += 1
            self._mark("gap", symbol=ids.s, reason=broken)
            self._say(f"gap in {ids.s}: {broken}")
            self._want(ids.s)

    def _on_state(self, up: bool, reason: str) -> None:
        self._sequences.clear()
        self._mark("connected" if up else "disconnected", reason=reason)
        self._writer.flush()
        self._say(f"{'connected' if up else 'disconnected'}: {reason}")
        if up:
            for symbol in self._config.symbols:
                self._want(symbol)
        else:
            self.disconnects += 1
            self._wanted.clear()

    def _on_fault(self, error: BaseException) -> None:
        if not self._fault.done():
            self._fault.set_exception(error)

    async def _address(self) -> str:
        names = [
            f"{symbol.lower()}@{channel}"
            for symbol in self._config.symbols
            for channel in self._config.channels
        ]
        return f"{self._config.stream}/stream?streams={'/'.join(names)}"

    # ---- Files -------------------------------------------------------------------------------------------

    def _begin_file(self, now_ns: int) -> None:
        """Begin a file that stands by itself: terms first, and soon a snapshot of each book."""
        self._writer.begin(now_ns)
        for symbol, entry in self._terms:
            self._writer.write(now_ns, encode_mark(Mark(mark="terms", symbol=symbol, terms=entry)))
        self._say(f"writing {self._writer.files[-1]}")

    def _mark(self, mark: MarkKind, **fields: Any) -> None:
        self._writer.write(self._clock.now_ns(), encode_mark(Mark(mark=mark, **fields)))

    async def _keep_flushed(self) -> None:
        while True:
            await asyncio.sleep(self._config.flush_s)
            self._writer.flush()

    # ---- Calls -------------------------------------------------------------------------------------------

    async def _read_terms(self) -> list[tuple[str, dict[str, Any]]]:
        answer = await self._client.call(EXCHANGE_INFO, {})
        value = answer.value
        listed = value.get("symbols") if isinstance(value, dict) else None
        if answer.status != _OK or not isinstance(listed, list):
            why = answer.failure or f"status {answer.status}"
            raise RecordingRefused(
                f"venue {self._config.venue} does not state its instruments ({why}); check rest_url and the network"
            )
        entries = {entry.get("symbol"): entry for entry in listed if isinstance(entry, dict)}
        missing = [symbol for symbol in self._config.symbols if symbol not in entries]
        if missing:
            raise RecordingRefused(
                f"venue {self._config.venue} does not list {', '.join(missing)}; check --symbols"
            )
        return [(symbol, entries[symbol]) for symbol in self._config.symbols]

    def _want(self, symbol: str) -> None:
        self._wanted[symbol] = None
        self._asked.set()

    async def _take_snapshots(self) -> None:
        """Answer each wish for a snapshot, in order; where the venue does not, wait longer each time."""
        failures = 0
        while True:
            await self._asked.wait()
            if not self._wanted:
                self._asked.clear()
                continue
            symbol = next(iter(self._wanted))
            failed = await self._take_snapshot(symbol)
            failures = failures + 1 if failed else 0
            if failed:
                pause_s = min(_RETRY_FIRST_S * 2.0 ** min(failures - 1, 30), _RETRY_LIMIT_S)
                self._say(f"no snapshot of {symbol} ({failed}); asking again in {pause_s:g} s")
                await asyncio.sleep(pause_s)

    async def _take_snapshot(self, symbol: str) -> str:
        """Write one; says why there is none. One that the deltas received do not meet is asked for again."""
        disconnects = self.disconnects
        answer = await self._client.call(DEPTH, {"symbol": symbol, "limit": self._config.depth_levels})
        if disconnects != self.disconnects:
            return ""  # it is of a stream that has ended; the next connection wishes for its own
        try:
            last_id = _decode_snapshot(answer.payload).lastUpdateId
        except (msgspec.DecodeError, UnicodeDecodeError):
            return (
                answer.failure
                or f"status {answer.status}: {answer.payload[:_SHOWN_BYTES].decode(errors='replace')}"
            )
        self._writer.write(self._clock.now_ns(), wrap_snapshot(symbol, answer.payload.replace(b"\n", b" ")))
        self.snapshots += 1
        sequence = self._sequences.setdefault(symbol, _Sequence())
        if not sequence.meets(last_id):
            return f"update {last_id} is older than the deltas received, which follow {sequence.starts_after}"
        self._wanted.pop(symbol, None)
        return ""
