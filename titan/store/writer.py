"""Writing a session: a thread of its own commits what has gathered, frames before records.

Notes
-----
A commit writes and syncs the gathered frames, then writes and syncs the gathered records. So a durable record
implies that every earlier input is durable, and the number of syncs depends on the disk, not on the number of
records.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self, get_args

import msgspec

from titan.model.commands import AnyCommand, Command
from titan.model.events import AnyEvent, Event
from titan.store.disk import Disk, SystemDisk, write_all
from titan.store.framing import CAPTURE, COMMIT, JOURNAL, MAX_RECORD_BYTES, FileKind, file_header, frame
from titan.store.journal import FrameRecord, Header, Record
from titan.store.upcasters import Upcasters

MAX_FRAME_BYTES = MAX_RECORD_BYTES - 1024
"""Largest market frame: a record less what stands beside the payload."""


MOST_BACKLOG = 200_000
"""Frames and records that may wait for the disk. One that takes in no more must not take the memory as well."""


class JournalFailed(RuntimeError):
    """The journal cannot be written any more: what was asked for is not durable and never will be."""


class _Group:
    """What gathers until the next commit. `low` is the smallest sequence number in it, 0 if it is empty."""

    __slots__ = ("frames", "high", "low", "records")

    def __init__(self) -> None:
        self.frames: list[FrameRecord] = []
        self.records: list[Record] = []
        self.low = 0
        self.high = 0

    def add(self, record: FrameRecord | Record) -> None:
        if isinstance(record, FrameRecord):
            self.frames.append(record)
        else:
            self.records.append(record)

    def note(self, seq: int) -> None:
        if self.low == 0 or seq < self.low:
            self.low = seq


class _SegmentFile:
    """The file that grows now, of one sort; the next one is begun once this one is full."""

    def __init__(self, disk: Disk, directory: Path, kind: FileKind, segment_bytes: int) -> None:
        self._disk = disk
        self._directory = directory
        self._kind = kind
        self._segment_bytes = segment_bytes
        self._number = 0
        self._descriptor: int | None = None
        self._size = 0

    def begin(self, more: bytes = b"") -> None:
        """Make the next segment and its name durable, with `more` behind the file header."""
        self.close()
        self._number += 1
        head = file_header(self._kind, self._number, self._directory.name) + more
        self._descriptor = self._disk.create(self._directory / self._kind.name(self._number))
        self._size = 0
        self._put(head)
        self._disk.sync_directory(self._directory)

    def commit(self, pieces: list[bytes]) -> None:
        """Write the pieces behind a commit mark and return once they are on the medium."""
        if self._size >= self._segment_bytes:
            self.begin()
        self._put(COMMIT + b"".join(pieces))

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            self._disk.close(descriptor)

    def _put(self, data: bytes) -> None:
        if self._descriptor is None:
            raise OSError(errno.EBADF, f"{self._kind.stem} of {self._directory} is closed")
        write_all(self._disk, self._descriptor, data)
        self._disk.fdatasync(self._descriptor)
        self._size += len(data)


def _versions(kind: str, union: object, upcasters: Upcasters) -> dict[type, int]:
    return {each: upcasters.current(kind, str(each.__struct_config__.tag)) for each in get_args(union)}


class _Bell:
    """Wakes the writing thread. A ring costs one system call; further ones, until it is heard, none."""

    def __init__(self) -> None:
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ringing = False

    def ring(self) -> None:
        if not self._ringing:
            self._ringing = True
            self._rings.put(None)

    def wait(self, timeout_s: float | None) -> None:
        """Return at the next ring, or after the time-out. What was done before a ring is visible after it."""
        with contextlib.suppress(queue.Empty):
            self._rings.get(timeout=timeout_s)
        self._ringing = False


class SessionWriter:
    """Writes one session; made by `create`. Append from one thread only; inputs are numbered 1, 2, 3...

    Notes
    -----
    A command may be appended after its input was committed already. Then `durable_seq` falls back below that
    input until the command is durable too. So ask `durable_seq` or `wait_durable` after appending and before
    sending; the number that `on_durable` was called with may be out of date by the time it is looked at.
    """

    def __init__(
        self,
        directory: Path,
        flush_interval_s: float,
        on_durable: Callable[[int], None],
        on_failure: Callable[[OSError], None],
        files: tuple[_SegmentFile, _SegmentFile],
        most_backlog: int = MOST_BACKLOG,
    ) -> None:
        self.directory = directory
        self.failed: OSError | None = None
        self._flush_interval_s = flush_interval_s
        self._on_durable = on_durable
        self._on_failure = on_failure
        self._capture, self._journal = files
        self._most_backlog = most_backlog
        self._encode = msgspec.msgpack.Encoder().encode
        self._event_versions = _versions("event", AnyEvent, Upcasters())
        self._command_versions = _versions("command", AnyCommand, Upcasters())
        self._lock = threading.Lock()
        self._bell = _Bell()
        self._closing = False
        self._ended = False
        self._gathering = _Group()
        self._committing: _Group | None = None
        self._appended_seq = 0
        self._committed_seq = 0
        self._waiters: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._thread = threading.Thread(target=self._run, name=f"journal {directory.name}", daemon=True)

    def begin(self) -> None:
        """Begin to commit; `create` has done it."""
        self._thread.start()

    @classmethod
    def create(
        cls,
        directory: Path,
        header: Header,
        *,
        segment_bytes: int = 64 << 20,
        flush_interval_s: float = 0.002,
        on_durable: Callable[[int], None] = lambda seq: None,
        on_failure: Callable[[OSError], None] = lambda error: None,
        disk: Disk | None = None,
        most_backlog: int = MOST_BACKLOG,
    ) -> Self:
        """Make the session's directory with a durable header, and start the writing thread.

        Parameters
        ----------
        directory : Path
            A directory that does not exist yet, named as the session.
        header : Header
            Its `session` must be the directory's name.
        segment_bytes : int
            A file that has reached this size is followed by the next one.
        flush_interval_s : float
            How often inputs are committed; 0 commits each at once, at the price of a wake-up an append.
            Whoever waits for an input never sits it out.
        on_durable : function of int
            Called in the writing thread after a commit, with `durable_seq`.
        on_failure : function of OSError
            Called once when a write fails, in the writing thread, or when too much waits for the disk, in the
            caller's. Nothing is written after that.
        disk : Disk, optional
            The file operations; the real ones if not given.
        most_backlog : int
            Frames and records that may wait for the disk.

        Raises
        ------
        OSError
            If the directory or the header cannot be written.
        ValueError
            If the header is of another session.
        """
        if header.session != directory.name:
            raise ValueError(f"the header is of session {header.session}, the directory is {directory}")
        disk = disk or SystemDisk()
        disk.make_directory(directory)
        capture = _SegmentFile(disk, directory, CAPTURE, segment_bytes)
        journal = _SegmentFile(disk, directory, JOURNAL, segment_bytes)
        version = Upcasters().current("header", "header")
        journal.begin(frame(msgspec.msgpack.encode(Record(0, "header", version, 0, header))))
        capture.begin()
        writer = cls(directory, flush_interval_s, on_durable, on_failure, (capture, journal), most_backlog)
        writer.begin()
        return writer

    # ---- Appending: the caller's thread, never blocks on the disk

    def append_event(self, seq: int, event: Event) -> None:
        """Add an input that is no market frame."""
        version = self._event_versions[type(event)]
        record = Record(seq, "event", version, 0, event)
        self._append(seq, record)

    def append_frame(self, seq: int, time_ns: int, venue: str, payload: bytes) -> None:
        """Add a market frame as received."""
        record = FrameRecord(seq, time_ns, venue, payload)
        if len(payload) > MAX_FRAME_BYTES:
            raise ValueError(
                f"a frame of {len(payload)} bytes cannot be written; allowed are {MAX_FRAME_BYTES}"
            )
        self._append(seq, record)

    def append_command(self, seq: int, index: int, command: Command) -> None:
        """Add the command number `index` of those that input `seq` caused; `wait_durable` then hastens its commit."""
        version = self._command_versions[type(command)]
        record = Record(seq, "command", version, index, command)
        if not 0 < seq <= self._appended_seq:
            raise ValueError(f"a command of input {seq}, but the last input appended is {self._appended_seq}")
        with self._lock:
            self._gathering.note(seq)
            if self.failed is None:
                self._gathering.add(record)
        self._noted()
        self._bound()

    def _append(self, seq: int, record: FrameRecord | Record) -> None:
        if seq != self._appended_seq + 1 or self._closing:
            state = "the session is closed" if self._closing else f"the last one was {self._appended_seq}"
            raise ValueError(f"input {seq} cannot be appended: {state}")
        with self._lock:
            self._appended_seq = seq
            group = self._gathering
            group.note(seq)
            group.high = seq
            if self.failed is None:
                group.add(record)
        self._noted()
        self._bound()

    def _bound(self) -> None:
        """Give up on a disk that does not keep up, while there is still memory to cancel every order with."""
        group = self._gathering
        if len(group.frames) + len(group.records) > self._most_backlog and self.failed is None:
            text = f"the disk does not keep up: {self.backlog} frames and records wait for it"
            self._give_up(OSError(errno.EIO, text))
            self._settle_waiters(ended=True)

    # ---- What is durable

    @property
    def durable_seq(self) -> int:
        """The largest number up to which every input, and every command of it so far appended, is durable."""
        with self._lock:
            return self._durable()

    def _durable(self) -> int:
        durable = self._committed_seq
        for group in (self._committing, self._gathering):
            if group is not None and group.low:
                durable = min(durable, group.low - 1)
        return durable

    @property
    def backlog(self) -> int:
        """How many frames and records wait for a commit."""
        with self._lock:
            groups = [group for group in (self._committing, self._gathering) if group is not None]
            return sum(len(group.frames) + len(group.records) for group in groups)

    async def wait_durable(self, seq: int) -> None:
        """Return once `durable_seq` has reached `seq`, commands appended so far included.

        Raises
        ------
        JournalFailed
            If it never will.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._durable() >= seq:
                return
            if self.failed is not None or self._ended:
                raise self._not_durable(seq)
            self._waiters.append((seq, loop, future))
        self._hasten()
        await future

    def close(self) -> None:
        """Commit what is left, end the thread, close the files. Never raises for the disk: see `failed`."""
        self._closing = True
        self._hasten()
        self._join()

    # ---- When the commits happen: here in a thread of its own

    def _noted(self) -> None:
        """Something was appended."""
        if self._flush_interval_s == 0:
            self._bell.ring()

    def _hasten(self) -> None:
        """Somebody waits: commit as soon as may be."""
        self._bell.ring()

    def _join(self) -> None:
        """Return once everything is committed and closed."""
        self._thread.join()

    # ---- The writing thread

    def _run(self) -> None:
        finished = False
        try:
            while self.failed is None and self._wait_for_more():
                self._commit()
            if self.failed is None:
                self._finish()
            finished = True
        except OSError as error:
            self._give_up(error)
        finally:
            if not finished and self.failed is None:
                self._give_up(OSError(errno.EIO, "the journal's thread ended by an error of its own"))
            if self.failed is not None:
                self._close_files(self.failed)
            self._settle_waiters(ended=True)

    def _wait_for_more(self) -> bool:
        """Wait until it is time to commit; False once there is nothing left and the session closes."""
        closing = self._closing
        while self._is_empty():
            if closing:
                return False
            self._bell.wait(self._flush_interval_s or None)
            closing = self._closing
        return True

    def _is_empty(self) -> bool:
        with self._lock:
            return not self._gathering.low

    def _commit(self) -> None:
        with self._lock:
            group, self._gathering = self._gathering, _Group()
            self._committing = group
        # Encoded here and not where it is appended: events never change, and the caller has quotes to make.
        if group.frames:
            self._capture.commit([frame(self._encode(record)) for record in group.frames])
        if group.records:
            self._journal.commit([frame(self._encode(record)) for record in group.records])
        with self._lock:
            if self.failed is not None:
                return  # given up meanwhile: whoever waited has been told so
            self._committing = None
            self._committed_seq = max(self._committed_seq, group.high)
            durable = self._durable()
        if group.low:
            self._on_durable(durable)
        self._settle_waiters(ended=False)

    def _finish(self) -> None:
        """A last mark behind everything, so that later damage is told from a torn tail."""
        for file in (self._capture, self._journal):
            file.commit([])
            file.close()

    def _give_up(self, error: OSError) -> None:
        with self._lock:
            if self.failed is not None:
                return
            self.failed = error
            # Kept for its sequence numbers, which hold `durable_seq` down for good; its bytes are of no more
            # use.
            self._gathering.frames.clear()
            self._gathering.records.clear()
        self._on_failure(error)

    def _close_files(self, error: OSError) -> None:
        for file in (self._capture, self._journal):
            try:
                file.close()
            except OSError as second:
                error.add_note(f"closing failed as well: {second}")

    def _not_durable(self, seq: int) -> JournalFailed:
        cause = self.failed or "the session is closed"
        return JournalFailed(f"input {seq} is not durable: {cause}; send nothing that adds risk")

    def _settle_waiters(self, *, ended: bool) -> None:
        with self._lock:
            self._ended = ended
            durable = self._durable()
            settled = [waiter for waiter in self._waiters if ended or waiter[0] <= durable]
            self._waiters = [waiter for waiter in self._waiters if waiter not in settled]
        for seq, loop, future in settled:
            error = None if seq <= durable else self._not_durable(seq)
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, future, error)


def _settle(future: asyncio.Future[None], error: JournalFailed | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
