"""Logs, metrics and health: what the session tells the outside. It reads, it never decides."""

from __future__ import annotations

import logging
import sys
from array import array
from collections.abc import Callable, Mapping
from typing import TextIO, cast

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from titan.engine.desk import Phase
from titan.engine.kernel import Kernel
from titan.live.inbox import Inbox
from titan.live.risk_gauges import RiskGauges
from titan.model.commands import AnyCommand, Notice
from titan.model.events import AnyEvent

STAGES = ("decision", "durable", "wire")
BACKLOG = {
    "waiting": "Market frames that wait for the session",
    "conflated": "Market frames made void by a newer one while they waited, so far",
    "dropped": "Market frames dropped because too many waited, so far; their books are read anew",
}
KEEP_LATENCIES = 100_000
"""Latencies kept for the summary's percentiles: 0.8 MB a stage at the most, the oldest are overwritten."""


class Latencies:
    """Latencies of one stage, ns, for exact percentiles."""

    def __init__(self) -> None:
        self._values = array("q")
        self._next = 0

    def note(self, latency_ns: int) -> None:
        """Keep one; beyond the bound the oldest goes."""
        if len(self._values) < KEEP_LATENCIES:
            self._values.append(latency_ns)
        else:
            self._values[self._next] = latency_ns
            self._next = (self._next + 1) % KEEP_LATENCIES

    def percentile_us(self, share: float) -> float | None:
        """The latency, us, that this share of all stays at or below; None without any."""
        if not self._values:
            return None
        ranked = sorted(self._values)
        return round(ranked[min(int(share * len(ranked)), len(ranked) - 1)] / 1000, 1)


class _CurrentStderr:
    """Standard error as it is when a line is written: the terminal view shows lines above itself."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def start_logging(level: str) -> structlog.stdlib.BoundLogger:
    """Structured JSON lines on stderr."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _CurrentStderr())),
    )
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger


class Telemetry:
    """Counts and logs what passes through a session.

    Parameters
    ----------
    kernel : Kernel
        Read for the gauges.
    session : str
        The session's name, in every log line.
    log_level : str
        Notices below it are counted but not logged.
    """

    def __init__(self, kernel: Kernel, session: str, log_level: str) -> None:
        self._kernel = kernel
        self.log = start_logging(log_level).bind(session=session)
        self.latencies = {stage: Latencies() for stage in STAGES}
        self.registry = CollectorRegistry()
        self._events = Counter("titan_events_total", "Inputs of the engine", ["type"], registry=self.registry)
        self._commands = Counter(
            "titan_commands_total", "Commands of the engine", ["type"], registry=self.registry
        )
        self._notices = Counter("titan_notices_total", "Notices by code", ["code"], registry=self.registry)
        self._latency = Histogram(
            "titan_latency_seconds",
            "From receipt of the message",
            ["stage"],
            buckets=(1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2, 0.1, 1),
            registry=self.registry,
        )
        self._position = Gauge("titan_position_lots", "Position", ["instrument"], registry=self.registry)
        self._pnl = Gauge("titan_pnl", "Session P&L in the reporting currency", registry=self.registry)
        self._live = Gauge("titan_open_orders", "Orders not proven ended", registry=self.registry)
        self._phase = Gauge("titan_running", "1 while the session may quote", registry=self.registry)
        self._backlog = {
            name: Gauge(f"titan_frames_{name}", meaning, ["venue"], registry=self.registry)
            for name, meaning in BACKLOG.items()
        }
        self.inboxes: Mapping[str, Inbox] = {}
        """Read for the gauges, by venue."""
        self._risk = Gauge(
            "titan_risk_level", "0 NORMAL, 1 CAUTION, 2 WARNING, 3 CRITICAL, 4 STOP", registry=self.registry
        )
        self.risk = RiskGauges(self.registry)
        self._counts: dict[str, int] = {}
        self._web: web.AppRunner | None = None

    def observe(
        self, event: AnyEvent, commands: tuple[AnyCommand, ...], heard_ns: int, decided_ns: int
    ) -> None:
        """Take note of one step."""
        name = type(event).__name__
        self._counts[name] = self._counts.get(name, 0) + 1
        if commands:
            self.note_latency("decision", decided_ns - heard_ns)
        for command in commands:
            self._commands.labels(type(command).__name__).inc()
            if isinstance(command, Notice):
                self._notices.labels(command.code).inc()
                write: Callable[..., object] = getattr(self.log, command.level)
                where = {k: v for k in ("venue", "symbol", "client_id") if (v := getattr(command, k))}
                write(command.message, code=command.code, **where)

    def note_latency(self, stage: str, latency_ns: int) -> None:
        """Take note of one latency, ns from receipt of the message that caused it."""
        self.latencies[stage].note(latency_ns)
        self._latency.labels(stage).observe(latency_ns / 1e9)

    def unwritten(self, command: AnyCommand) -> None:
        """The journal cannot take it: the line on stderr is the only record of it."""
        self.log.error("sent although it could not be journalled", code="unwritten", command=str(command))

    def render(self) -> bytes:
        """The metrics in Prometheus's text format."""
        for name, count in self._counts.items():
            self._events.labels(name).inc(count)
        self._counts.clear()
        summary = self._kernel.summary()
        for instrument, lots in summary.positions.items():
            self._position.labels(instrument).set(lots)
        self._pnl.set(float("nan") if summary.pnl is None else float(summary.pnl))
        self._live.set(summary.open_orders)
        for venue, inbox in self.inboxes.items():
            for name, gauge in self._backlog.items():
                gauge.labels(venue).set(getattr(inbox, name))
        self._risk.set(self._kernel.desk.level)
        self.risk.read(self._kernel.desk)
        self._phase.set(self._kernel.desk.phase is Phase.RUNNING)
        return generate_latest(self.registry)

    async def serve(self, port: int) -> int:
        """Serve /metrics, /healthz and /readyz on 127.0.0.1; returns the port.

        Raises
        ------
        OSError
            If the port is in use.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        self._web = web.AppRunner(app, access_log=None)
        await self._web.setup()
        site = web.TCPSite(self._web, "127.0.0.1", port)
        await site.start()
        bound: int = self._web.addresses[0][1]
        return bound

    async def close(self) -> None:
        """Stop serving."""
        if self._web is not None:
            await self._web.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self.render(), content_type="text/plain")

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True, "phase": self._kernel.desk.phase})

    async def _ready(self, _request: web.Request) -> web.Response:
        desk = self._kernel.desk
        why = {str(key): market.obstacle for key, market in desk.markets.items() if market.obstacle}
        ready = desk.phase is Phase.RUNNING and not why
        return web.json_response(
            {"ready": ready, "phase": desk.phase, "not_quoting": why}, status=200 if ready else 503
        )
