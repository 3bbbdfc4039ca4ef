"""What was reported durable is there after any failure, and a failure is reported once."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.store.memory_disk import MemoryDisk
from tests.store.samples import SESSION, append, cancel, header, place, timer, write_session
from titan.store.disk import SystemDisk, write_all
from titan.store.framing import JournalError
from titan.store.journal import SessionReader
from titan.store.writer import JournalFailed, SessionWriter

INPUTS = 7


class Script:
    """Writes inputs one commit at a time on a memory disk, and notes what was reported."""

    def __init__(self, disk: MemoryDisk) -> None:
        self.reported = 0
        self.failures: list[OSError] = []
        self._settled = threading.Event()
        self.writer: SessionWriter | None = None
        try:
            self.writer = SessionWriter.create(
                Path(SESSION),
                header(),
                segment_bytes=200,
                on_durable=self._durable,
                on_failure=self._failure,
                disk=disk,
            )
        except OSError as error:
            self.failures.append(error)
            return
        for seq in range(1, INPUTS + 1):
            self._settled.clear()
            append(self.writer, seq)
            self._wait(seq)
        self.writer.close()

    def _wait(self, seq: int) -> None:
        assert self.writer is not None
        while self.writer.failed is None and self.writer.durable_seq < seq:
            self._settled.wait(0.01)

    def _durable(self, seq: int) -> None:
        self.reported = max(self.reported, seq)
        self._settled.set()

    def _failure(self, error: OSError) -> None:
        self.failures.append(error)
        self._settled.set()


def _operations() -> int:
    disk = MemoryDisk()
    script = Script(disk)
    assert script.failures == []
    assert script.reported == INPUTS
    return disk.operations


@pytest.mark.parametrize("keep", ["synced", "all", "later half"])
def test_power_loss_at_every_operation_keeps_what_was_reported(tmp_path: Path, keep: str) -> None:
    for fail_at in range(1, _operations() + 1):
        disk = MemoryDisk(fail_at)
        script = Script(disk)
        directory = tmp_path / str(fail_at) / SESSION
        directory.parent.mkdir()
        disk.survivors(directory, keep)
        try:
            reader = SessionReader(directory)
        except JournalError:
            assert script.reported == 0
            continue
        found = [seq for seq, _ in reader.inputs()]
        assert found == list(range(1, len(found) + 1))
        assert reader.last_seq >= script.reported
        commanded = [seq for seq, index, _ in reader.commands() if index == 1]
        assert commanded[: len([seq for seq in range(1, script.reported + 1) if seq % 3])] == [
            seq for seq in range(1, script.reported + 1) if seq % 3
        ]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_failing_write_is_reported_once_and_nothing_later_is_durable(code: int) -> None:
    for fail_at in range(8, _operations() - 1):
        disk = MemoryDisk(fail_at, OSError(code, os.strerror(code)))
        script = Script(disk)
        writer = script.writer
        if writer is None or disk.log[fail_at - 1][0] == "close":
            continue
        assert [error.errno for error in script.failures] == [code]
        assert writer.failed is script.failures[0]
        assert writer.durable_seq == script.reported
        writer.close()


def test_appending_after_a_failure_neither_raises_nor_counts_nor_piles_up() -> None:
    disk = MemoryDisk(fail_at=10, error=OSError(errno.ENOSPC, "full"))
    failures: list[OSError] = []
    failed = threading.Event()

    def fail(error: OSError) -> None:
        failures.append(error)
        failed.set()

    writer = SessionWriter.create(Path(SESSION), header(), on_failure=fail, disk=disk)
    writer.append_event(1, timer(1))
    assert failed.wait(5)
    backlog = writer.backlog
    writer.append_frame(2, 5, "binance", b"x")
    writer.append_command(1, 0, place(1))
    assert writer.durable_seq == 0
    assert writer.backlog == backlog
    writer.close()
    writer.close()
    assert len(failures) == 1


def test_frames_are_durable_before_the_records_of_the_same_commit() -> None:
    disk = MemoryDisk()
    writer = SessionWriter.create(Path(SESSION), header(), disk=disk)
    with disk_held(disk) as held:
        writer.append_event(1, timer(1))
        assert held.reached.wait(5)
        begun = len(disk.log) + 1
        writer.append_event(2, timer(2))
        writer.append_frame(3, 30, "binance", b"frame")
    writer.close()
    steps = disk.log[begun : begun + 4]
    assert steps == [
        ("write", "capture-000001.tc"),
        ("sync", "capture-000001.tc"),
        ("write", "journal-000001.tj"),
        ("sync", "journal-000001.tj"),
    ]


def test_short_writes_are_continued(tmp_path: Path) -> None:
    disk = MemoryDisk(longest_write=5)
    write_session(Path("unused"), INPUTS, disk)
    disk.survivors(tmp_path / SESSION, "synced")
    assert SessionReader(tmp_path / SESSION).last_seq == INPUTS


def test_a_write_that_takes_nothing_is_a_failure() -> None:
    disk = MemoryDisk(longest_write=0)
    descriptor = disk.create(Path("file"))
    with pytest.raises(OSError, match="took none"):
        write_all(disk, descriptor, b"data")


def test_a_command_appended_later_holds_back_its_input() -> None:
    disk = MemoryDisk()
    reports: list[int] = []
    writer = SessionWriter.create(Path(SESSION), header(), on_durable=reports.append, disk=disk)
    writer.append_event(1, timer(1))
    while writer.durable_seq < 1:
        assert writer.failed is None
    with disk_held(disk):
        writer.append_command(1, 0, place(1))
        assert writer.durable_seq == 0
    writer.close()
    assert writer.durable_seq == 1
    assert writer.backlog == 0


class disk_held:
    """Keeps a memory disk from syncing inside the block."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk
        self._sync = disk.fdatasync
        self._go = threading.Event()
        self.reached = threading.Event()

    def __enter__(self) -> disk_held:
        self._disk.fdatasync = self._held  # type: ignore[method-assign]
        return self

    def __exit__(self, *error: object) -> None:
        self._go.set()

    def _held(self, descriptor: int) -> None:
        self.reached.set()
        assert self._go.wait(5)
        self._sync(descriptor)


async def test_waiting_for_durability() -> None:
    disk = MemoryDisk()
    writer = SessionWriter.create(Path(SESSION), header(), flush_interval_s=30.0, disk=disk)
    writer.append_event(1, timer(1))
    # A waiter does not sit out the interval.
    await asyncio.wait_for(writer.wait_durable(1), 5)
    await asyncio.wait_for(writer.wait_durable(1), 5)
    writer.append_event(2, timer(2))
    writer.append_command(2, 0, cancel(2))
    await asyncio.wait_for(writer.wait_durable(2), 5)
    writer.close()


async def test_waiters_are_told_of_a_failure() -> None:
    disk = MemoryDisk()
    writer = SessionWriter.create(Path(SESSION), header(), disk=disk)
    with disk_held(disk) as held:
        writer.append_event(1, timer(1))
        assert held.reached.wait(5)
        waiting = asyncio.create_task(writer.wait_durable(1))
        cancelled = asyncio.create_task(writer.wait_durable(1))
        await asyncio.sleep(0)
        cancelled.cancel()
        disk.fail_at = disk.operations + 1
        disk.error = OSError(errno.ENOSPC, "full")
    with pytest.raises(JournalFailed, match=r"input 1 is not durable.*full.*send nothing"):
        await waiting
    with pytest.raises(JournalFailed):
        await writer.wait_durable(1)
    writer.close()


async def test_a_disk_that_stands_still_is_given_up_before_memory_fills() -> None:
    """A disk that hangs reports nothing: what waits for it is counted, and nothing of it is ever said to be durable."""
    disk = MemoryDisk()
    failures: list[OSError] = []
    writer = SessionWriter.create(
        Path(SESSION), header(), on_failure=failures.append, disk=disk, most_backlog=5
    )
    with disk_held(disk) as held:
        writer.append_event(1, timer(1))
        assert held.reached.wait(5)
        waiting = asyncio.create_task(writer.wait_durable(1))
        await asyncio.sleep(0)
        for seq in range(2, 7):
            writer.append_event(seq, timer(seq))
        assert writer.failed is None
        writer.append_command(6, 0, place(6))
        assert [str(error) for error in failures] == [str(writer.failed)]
        assert "the disk does not keep up: 7 frames and records wait for it" in str(writer.failed)
        with pytest.raises(JournalFailed, match="does not keep up"):
            await asyncio.wait_for(waiting, 5)
        writer.append_event(7, timer(7))
        assert writer.backlog == 1, "what is being written; the rest is let go"
    writer.close()
    assert writer.durable_seq == 0
    assert len(failures) == 1


async def test_waiting_for_what_was_never_appended_ends_with_the_session() -> None:
    writer = SessionWriter.create(Path(SESSION), header(), disk=MemoryDisk())
    waiting = asyncio.create_task(writer.wait_durable(1))
    await asyncio.sleep(0)
    writer.close()
    with pytest.raises(JournalFailed, match="closed"):
        await waiting
    with pytest.raises(JournalFailed, match="closed"):
        await writer.wait_durable(1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_in_a_callback_counts_as_a_failure_of_storage() -> None:
    failures: list[OSError] = []

    def broken(seq: int) -> None:
        raise ZeroDivisionError(seq)

    writer = SessionWriter.create(
        Path(SESSION), header(), on_durable=broken, on_failure=failures.append, disk=MemoryDisk()
    )
    writer.append_event(1, timer(1))
    writer.close()
    assert [error.errno for error in failures] == [errno.EIO]


def test_inputs_and_commands_out_of_turn_are_refused() -> None:
    writer = SessionWriter.create(Path(SESSION), header(), disk=MemoryDisk())
    with pytest.raises(ValueError, match="input 2 cannot be appended"):
        writer.append_event(2, timer(2))
    with pytest.raises(ValueError, match="a command of input 1"):
        writer.append_command(1, 0, place(1))
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.append_event(1, timer(1))


def test_a_session_is_never_written_over(tmp_path: Path) -> None:
    write_session(tmp_path, 1)
    with pytest.raises(FileExistsError):
        SessionWriter.create(tmp_path / SESSION, header())
    with pytest.raises(FileExistsError):
        SystemDisk().create(tmp_path / SESSION / "journal-000001.tj")
    with pytest.raises(ValueError, match="header is of session"):
        SessionWriter.create(tmp_path / "20240808T120000Z-ffffff", header())


_CHILD = """
import sys
from pathlib import Path
from tests.store.samples import SESSION, append, header
from titan.store.writer import SessionWriter

def report(seq):
    sys.stdout.write(f"{seq}\\n")
    sys.stdout.flush()

writer = SessionWriter.create(Path(sys.argv[1]) / SESSION, header(), segment_bytes=20_000, on_durable=report)
seq = 0
while True:
    seq += 1
    append(writer, seq)
    while writer.backlog > 500:
        pass
"""


def test_after_kill_9_everything_reported_is_there(tmp_path: Path, repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tmp_path)], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert child.stdout is not None
    reported = 0
    for line in child.stdout:
        reported = int(line)
        if reported > 2_000:
            child.send_signal(signal.SIGKILL)
            break
    rest = child.stdout.read().split()
    child.stdout.close()
    child.wait()
    # The last line may have been cut by the kill.
    reported = max([reported, *map(int, rest[:-1])])
    reader = SessionReader(tmp_path / SESSION)
    assert reader.last_seq >= reported
    commanded = {(seq, index) for seq, index, _ in reader.commands()}
    assert all((seq, 1) in commanded for seq in range(1, reported) if seq % 3)
