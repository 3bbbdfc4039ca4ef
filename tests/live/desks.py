"""What the tests of the runner share: settings of their own, an exchange beside, a session on it, processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec

from titan import settings as settings_module
from titan.live.result import Result
from titan.live.runner import RunOptions, run
from titan.loopback.desk import Desk
from titan.loopback.main import ExchangeOptions, build_desk, keep_moving, serving
from titan.loopback.recording import record_market
from titan.loopback.streams import Connection
from titan.settings import Settings
from titan.store.disk import Disk

REPOSITORY = Path(__file__).resolve().parents[2]
SYMBOL = "BTCUSDT"


def write_settings(folder: Path, **changes: object) -> Path:
    """The repository's settings with a journals folder of their own; ``live__mode="paper"`` sets [live] mode.

    A venue's or a strategy's section is named by its kind alone.
    """
    kinds = {"venue": "venue.loopback", "strategy": "strategy.avellaneda_stoikov"}
    wanted = {"project__journals": folder / "journals", **changes}
    lines: list[str] = []
    section = ""
    for line in (REPOSITORY / "settings.ini").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line[1:-1]
        key = line.partition("=")[0].strip()
        for name in list(wanted):
            kind, _, own = name.partition("__")
            if kinds.get(kind, kind) == section and own == key:
                line = f"{key} = {wanted.pop(name)}"
        lines.append(line)
    assert not wanted, f"no such key in settings.ini: {wanted}"
    path = folder / "settings.ini"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read_settings(folder: Path, **changes: object) -> Settings:
    return settings_module.load(write_settings(folder, **changes), environment={})


@contextlib.asynccontextmanager
async def open_exchange(
    options: ExchangeOptions | None = None,
) -> AsyncIterator[tuple[Desk, str]]:
    """An exchange in this process on real sockets, and its address; its market moves by its clock."""
    desk = build_desk(options or ExchangeOptions(seed=7))
    ending = asyncio.Event()
    async with serving(desk) as port:
        moving = asyncio.create_task(keep_moving(desk, ending))
        try:
            yield desk, f"http://127.0.0.1:{port}"
        finally:
            ending.set()
            await moving


async def trade(
    folder: Path, url: str, duration_s: float = 0.0, disk: Disk | None = None, **changes: object
) -> Result:
    """One session in this process on the exchange at `url`."""
    settings = read_settings(folder, venue__rest_url=url, **changes)
    options = RunOptions(
        venue="loopback",
        duration_s=duration_s,
        quiet=True,
        read_settings=lambda: settings_module.load(folder / "settings.ini", environment={}),
    )
    return await run(settings, options, disk)


async def until(found: Any, timeout_s: float = 20.0) -> None:
    """Return once `found()` is true."""
    async with asyncio.timeout(timeout_s):
        while not found():
            await asyncio.sleep(0.02)


# ---- A capture made of the generated market ---------------------------------------------------------------


class Recorder(Connection):
    """Keeps every frame in place of a websocket."""

    def __init__(self) -> None:
        self.account = self.listen_key = ""
        self.counted = self.combined = True
        self.names: set[str] = set()
        self.frames: list[bytes] = []

    def send(self, payload: bytes) -> None:
        self.frames.append(payload)


def record_capture(path: Path, seconds: float = 20.0, seed: int = 3) -> Path:
    """A raw capture of the generated market, ``<local ns> <json>`` a line, its REST snapshot after the first diffs."""
    return record_market(path, seconds, seed)


# ---- Processes --------------------------------------------------------------------------------------------

RUNNER = "import sys; from titan.cli import main_live; sys.exit(main_live())"
TITAN = "import sys; from titan.cli import main; sys.exit(main())"


def environment() -> dict[str, str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("TITAN_")}
    return plain | {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}


def start(program: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """A Python process of its own; its streams are pipes of text."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment(),
        text=True,
        **{**pipes, **options},
    )


@contextlib.contextmanager
def running(program: str, *arguments: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that is gone when the block ends."""
    process = start(program, *arguments, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextlib.contextmanager
def exchange_process(*arguments: object) -> Iterator[int]:
    """``titan exchange`` in a process of its own; its port."""
    with running(TITAN, "exchange", "--port", 0, *arguments) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["port"]


def last_object(text: str) -> dict[str, Any]:
    """The object on the last line of a program's output."""
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


def log_lines(text: str) -> list[dict[str, Any]]:
    """Every line of a runner's standard error; one that is no JSON object fails."""
    return [msgspec.json.decode(line, type=dict[str, Any]) for line in text.splitlines()]


class Log:
    """What a session in this process has written on standard error so far."""

    def __init__(self, capsys: Any) -> None:
        self._capsys = capsys
        self._lines: list[dict[str, Any]] = []

    def lines(self, code: str = "") -> list[dict[str, Any]]:
        self._lines += log_lines(self._capsys.readouterr().err)
        return [line for line in self._lines if code in ("", line["code"])]


async def address_of_telemetry(log: Log) -> str:
    """Where the session in this process serves its metrics and health."""
    await until(lambda: log.lines("telemetry"))
    return str(log.lines("telemetry")[0]["url"]).removesuffix("/metrics")
