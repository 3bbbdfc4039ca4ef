"""Twenty contracts, 10,000 messages a second, five minutes, one core: no order event is lost, conflation is counted.

The runner is the real process, kept to one core; the exchange is another one, and tells at that rate over a real
websocket. At the end it falls silent, and then every public frame that it sent must have been taken in,
made void by a newer one, or dropped, and counted as such; and every order event that it sent must be in the journal.

How long a message takes is measured twice: by the runner, from a frame's receipt to the commands that it led to, and
from the journal, from the exchange's stamp to the moment at which the session took the frame. The latter has a
resolution of 1 ms and holds what waited in the sockets, too. Both say what this machine did meanwhile, and pass or fail
nothing.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from proof.parts.desk import (
    MARKET_EVENTS,
    RunnerProcess,
    backlog,
    contracts,
    counted,
    machine_load,
    many_contracts,
    running,
    write_settings,
)
from proof.parts.torrent import Mouth, Told, Torrent, torrent
from proof.result import Result
from titan.model.events import Fill, OrderUpdate
from titan.store.journal import Frame, SessionReader
from titan.venues.binance_streams import CHANNELS, channel_of

CONTRACTS = 20
RATE_PER_S = 10_000.0
SECONDS = 300.0
ENOUGH_OF_RATE = 0.98
LOOK_S = 0.5
DRAINED_S = 20.0
_STAMP = re.compile(rb'"E":(\d{13})')


class Load(NamedTuple):
    """What was sent, what arrived, and how long it took."""

    rate_per_s: float
    sent: Told
    taken: int
    conflated: int
    dropped: int
    most_waiting: int
    orders_heard: int
    fills_heard: int
    cpu_share: float
    lags_ms: tuple[int, int, int]
    """From the exchange's stamp to the session: median, 99th percentile, longest."""
    summary: dict[str, Any]

    @property
    def orders_sent(self) -> int:
        """Order events that the exchange sent."""
        return sum(self.sent.orders.values())

    @property
    def uncounted(self) -> int:
        """Public frames of which nobody knows what became."""
        return self.sent.public - self.taken - self.conflated - self.dropped


def run(state: Path, scale: float = 1.0) -> Result:
    """Put the load on, and compare both sides."""
    return _judged(measure(state, SECONDS * scale))


def measure(state: Path, seconds: float, rate_per_s: float = RATE_PER_S, symbols: int = CONTRACTS) -> Load:
    """Put so much load on for so long."""
    state.mkdir(parents=True, exist_ok=True)
    names = contracts(symbols)
    core = min(os.sched_getaffinity(0))
    with torrent(Torrent(names, rate_per_s)) as mouth:
        changes = many_contracts(names)
        changes["venue.loopback"]["rest_url"] = f"http://127.0.0.1:{mouth.port}"
        settings = write_settings(state, changes)
        with running(state, settings, core) as runner:
            runner.wait_ready()
            rate, most_waiting, cpu_share = _under_load(runner, mouth, seconds)
            metrics = _drained(runner, mouth)
            summary = runner.stop()
            sent = mouth.told()
    heard = _journalled(Path(summary["journal"]))
    return Load(
        rate_per_s=rate,
        sent=sent,
        taken=heard.frames,
        conflated=backlog(metrics, "conflated"),
        dropped=backlog(metrics, "dropped"),
        most_waiting=most_waiting,
        orders_heard=heard.orders,
        fills_heard=heard.fills,
        cpu_share=cpu_share,
        lags_ms=heard.lags_ms,
        summary=summary,
    )


def _under_load(runner: RunnerProcess, mouth: Mouth, seconds: float) -> tuple[float, int, float]:
    """Wait; the rate that was sent, the most frames seen waiting, and the share of its core that the runner used."""
    begun_s, sent, cpu_s = time.monotonic(), mouth.begin().public, runner.cpu_s()
    most_waiting = 0
    while time.monotonic() - begun_s < seconds:
        most_waiting = max(most_waiting, backlog(runner.metrics(), "waiting"))
        time.sleep(LOOK_S)
    took_s = time.monotonic() - begun_s
    return (mouth.told().public - sent) / took_s, most_waiting, (runner.cpu_s() - cpu_s) / took_s


def _drained(runner: RunnerProcess, mouth: Mouth) -> dict[str, float]:
    """The metrics once the exchange has fallen silent and nothing more arrives."""
    mouth.fall_silent()
    before: list[int] = []
    end_s = time.monotonic() + DRAINED_S
    while True:
        metrics = runner.metrics()
        known = [backlog(metrics, each) for each in ("waiting", "conflated", "dropped")]
        known.append(counted(metrics, MARKET_EVENTS))
        if (known == before and not known[0]) or time.monotonic() > end_s:
            return metrics
        before = known
        time.sleep(LOOK_S)


class _Heard(NamedTuple):
    """What a journal holds."""

    frames: int
    orders: int
    fills: int
    lags_ms: tuple[int, int, int]


def _journalled(session: Path) -> _Heard:
    """Frames, order updates and fills that the streams brought, and how old frames were when they were taken."""
    heard: Counter[type] = Counter()
    lags: Counter[int] = Counter()
    frames = 0
    for _, found in SessionReader(session).inputs():
        if isinstance(found, Frame):
            frames += channel_of(found.payload).partition(b"@")[2].decode() in CHANNELS
            stamp = _STAMP.search(found.payload)
            if stamp is not None:
                lags[found.time_ns // 1_000_000 - int(stamp[1])] += 1
        elif isinstance(found, OrderUpdate | Fill) and found.source == "stream":
            heard[type(found)] += 1
    ages = (_percentile(lags, 0.5), _percentile(lags, 0.99), max(lags))
    return _Heard(frames, heard[OrderUpdate], heard[Fill], ages)


def _percentile(counts: Counter[int], share: float) -> int:
    left = share * counts.total()
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return max(counts)


def _judged(load: Load) -> Result:
    lost = load.orders_sent - load.orders_heard
    lost_fills = load.sent.orders.get("TRADE", 0) - load.fills_heard
    full = load.rate_per_s >= ENOUGH_OF_RATE * RATE_PER_S
    passed = not lost and not lost_fills and not load.uncounted and full and load.summary["exit_code"] == 0
    latency = load.summary["latency_us"]
    stages = "; ".join(
        f"{stage} {each['p50']:.0f} / {each['p99']:.0f} / {each['max']:.0f}"
        for stage, each in latency.items()
    )
    return Result(
        "load",
        passed,
        f"{load.rate_per_s:.0f} messages a second: {lost} of {load.orders_sent} order events lost, receipt to command "
        f"p99 {latency['decision']['p99']:.0f} us, {load.conflated} frames conflated"
        + ("" if full else "; the load that was asked for was NOT reached"),
        (
            f"receipt to stage, p50 / p99 / max, us: {stages}",
            f"exchange's stamp to session, p50 / p99 / max, ms: {' / '.join(map(str, load.lags_ms))}",
            f"{load.sent.public} public frames sent: {load.taken} taken, {load.conflated} conflated, "
            f"{load.dropped} dropped, {load.uncounted} uncounted; at most {load.most_waiting} were seen waiting",
            f"order events sent: {load.sent.orders}; {load.orders_heard} updates and {load.fills_heard} fills heard",
            f"the runner used {load.cpu_share:.0%} of its core; the exchange was at most {load.sent.late_s:.2f} s late",
            f"the session ended with exit code {load.summary['exit_code']}, "
            f"{load.summary['open_orders_at_exit']} open orders, {load.summary['reconciliation_differences']} "
            "differences",
            machine_load(),
        ),
    )
