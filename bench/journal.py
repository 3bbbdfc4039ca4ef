"""The journal: group commit against one durable commit a record, and what an append costs its caller."""

from __future__ import annotations

import gc
import socket
import statistics
import tempfile
import threading
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import msgspec

from titan.model.commands import PlaceOrder
from titan.model.events import OrderUpdate
from titan.model.orders import Lifetime
from titan.store.disk import SystemDisk, write_all
from titan.store.framing import frame
from titan.store.journal import Header, Record
from titan.store.session import new_session_id
from titan.store.writer import SessionWriter

GROUPED_RECORDS = 20_000
SINGLE_COMMITS = 200
PACED_APPENDS = 10_000
RATE_TARGET = 10.0
ENQUEUE_TARGET_US = 20.0
FRAME = b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":1,"b":"60000.10","B":"1.5"}}' * 2


def _update(seq: int) -> OrderUpdate:
    return OrderUpdate(
        time_ns=seq,
        venue="binance",
        symbol="BTCUSDT",
        client_id=f"titan-{seq}",
        venue_id=str(seq),
        state="open",
        side=1,
        price=600_001,
        size=5,
        filled=0,
        reduce_only=False,
        source="stream",
    )


def _place(seq: int) -> PlaceOrder:
    return PlaceOrder(
        venue="binance",
        symbol="BTCUSDT",
        client_id=f"titan-{seq}",
        strategy="avellaneda_stoikov",
        side=1,
        price=600_001,
        size=5,
        lifetime=Lifetime.POST_ONLY,
        reduce_only=False,
    )


def _writer(directory: Path, name: str) -> SessionWriter:
    session = new_session_id(0, name.encode())
    header = Header(
        schema=1,
        session=session,
        predecessor=None,
        created_ns=0,
        commit="",
        lock_hash="",
        cpu_flags="",
        source_hashes={},
        config=b"",
        snapshot=None,
        state_hash=None,
    )
    return SessionWriter.create(directory / session, header)


def grouped_rate(directory: Path, records: int = GROUPED_RECORDS) -> float:
    """Records a second from the first append to the last one durable."""
    writer = _writer(directory, "grp")
    begun = perf_counter_ns()
    for seq in range(1, records + 1):
        writer.append_event(seq, _update(seq))
    writer.close()
    elapsed_s = (perf_counter_ns() - begun) / 1e9
    if writer.durable_seq != records:
        raise RuntimeError(f"only {writer.durable_seq} of {records} records became durable: {writer.failed}")
    return records / elapsed_s


def single_rate(directory: Path, commits: int = SINGLE_COMMITS) -> float:
    """Records a second where each is written and synced before the next: the same bytes on the same disk."""
    disk = SystemDisk()
    descriptor = disk.create(directory / "single")
    begun = perf_counter_ns()
    for seq in range(1, commits + 1):
        record = Record(seq, "event", 1, 0, _update(seq))
        write_all(disk, descriptor, frame(msgspec.msgpack.encode(record)))
        disk.fdatasync(descriptor)
    elapsed_s = (perf_counter_ns() - begun) / 1e9
    disk.close(descriptor)
    return commits / elapsed_s


def enqueue_p99_us(directory: Path, appends: int = PACED_APPENDS) -> float:
    """99th percentile of one append, microseconds, while the writing thread commits; two frames to one event.

    Notes
    -----
    Appends come in bursts of ten, a millisecond apart: about what a busy stream of a few symbols delivers. As in the
    runner, each frame is made from what a socket delivered just before, which is not part of the time.
    """
    writer = _writer(directory, "enq")
    pause = threading.Event()
    sender, receiver = socket.socketpair()
    times_ns: list[int] = []
    gc.collect()
    for seq in range(1, appends + 1):
        sender.send(FRAME)
        payload = receiver.recv(65_536)
        if seq % 3:
            begun = perf_counter_ns()
            writer.append_frame(seq, seq, "binance", payload)
        else:
            event = _update(seq)
            begun = perf_counter_ns()
            writer.append_event(seq, event)
        times_ns.append(perf_counter_ns() - begun)
        if seq % 30 == 0:
            command = _place(seq)
            begun = perf_counter_ns()
            writer.append_command(seq, 0, command)
            times_ns.append(perf_counter_ns() - begun)
        if seq % 10 == 0:
            pause.wait(0.001)
    writer.close()
    sender.close()
    receiver.close()
    return statistics.quantiles(times_ns, n=100)[98] / 1e3


def run() -> list[dict[str, Any]]:
    """The rows for bench/results.json."""
    with tempfile.TemporaryDirectory(prefix="titan-bench-", dir=Path.cwd()) as name:
        directory = Path(name)
        single = single_rate(directory)
        grouped = grouped_rate(directory)
        enqueue_us = enqueue_p99_us(directory)
    ratio = grouped / single
    return [
        {
            "name": "journal: durable records a second, group commit",
            "value": grouped,
            "unit": "1/s",
            "peer": "one write and fdatasync a record",
            "peer_value": single,
            "ratio": ratio,
            "target": RATE_TARGET,
            "met": ratio >= RATE_TARGET,
        },
        {
            "name": "journal: enqueue p99",
            "value": enqueue_us,
            "unit": "us",
            "peer": "limit",
            "peer_value": ENQUEUE_TARGET_US,
            "ratio": enqueue_us / ENQUEUE_TARGET_US,
            "target": ENQUEUE_TARGET_US,
            "met": enqueue_us <= ENQUEUE_TARGET_US,
        },
    ]
