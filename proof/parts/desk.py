"""The runner as a process of its own: its settings, its metrics, its memory, its end."""

from __future__ import annotations

import configparser
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import sys; from titan.cli import main_live; sys.exit(main_live())"
START_S = 180.0
END_S = 90.0
LOOK_S = 0.05
ORDER_EVENTS = ("OrderUpdate", "Fill", "CommandOutcome", "OrderAbsent")
MARKET_EVENTS = ("BookDelta", "TopOfBook", "TradePrint", "MarkPrice")
"""Events of frames that a stream delivers, one each."""


class RunnerLost(RuntimeError):
    """The runner has ended, or says nothing, where it should live; the text holds its last words."""


def contracts(count: int) -> tuple[str, ...]:
    """So many symbols for a generated market."""
    return ("BTCUSDT", *(f"C{number:02}USDT" for number in range(1, count)))


def write_settings(folder: Path, changes: Mapping[str, Mapping[str, object]]) -> Path:
    """The repository's settings with changes by section and key, journalling below `folder`."""
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    parser["project"]["journals"] = str(folder / "journals")
    parser["project"]["kill_file"] = str(folder / "KILL")
    parser["project"]["data"] = str(folder / "data")
    for section, keys in changes.items():
        for key, value in keys.items():
            if key not in parser[section]:
                raise KeyError(f"[{section}] {key} is no key of settings.ini")
            parser[section][key] = str(value)
    path = folder / "settings.ini"
    with path.open("w", encoding="utf-8") as file:
        parser.write(file)
    return path


def many_contracts(symbols: tuple[str, ...]) -> dict[str, dict[str, object]]:
    """Settings for so many contracts on one account: inside what a venue allows an account a minute."""
    listed = ",".join(symbols)
    return {
        "venue.loopback": {"symbols": listed},
        "strategy.avellaneda_stoikov": {"symbols": listed},
        "risk": {
            "max_gross_notional": 20_000 * len(symbols),
            "max_open_orders": 10 * len(symbols),
            "max_executions": 600 * len(symbols),
            "messages_per_s": 14,
            "message_burst": 100,
            "cancel_reserve": 30,
        },
        # 20 contracts, each asked for its executions every 5 s, would use up the venue's request weight 3 times over.
        "live": {"query_interval_s": 60, "dead_man_s": 120},
    }


class RunnerProcess:
    """A running ``titan-live``; made by `running`."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._errors = folder / "stderr"
        self._url = ""

    def cpu_s(self) -> float:
        """Processor time that it has used, s."""
        fields = (
            Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        )
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_ready(self) -> None:
        """Return once it trades.

        Raises
        ------
        RunnerLost
            If it does not within a minute.
        """
        end_s = time.monotonic() + START_S
        while self._address() is None or not self.metrics()["titan_running"]:
            if self._process.poll() is not None or time.monotonic() > end_s:
                raise self._lost("it does not begin to trade")
            _pause(LOOK_S)

    def metrics(self) -> dict[str, float]:
        """Every metric by its name and labels, as it is written."""
        url = self._address()
        if url is None:
            raise self._lost("it has named no address for its metrics")
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except OSError as error:
            raise self._lost(f"its metrics cannot be read ({error})") from None
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def stop(self) -> dict[str, Any]:
        """Ask it to end in good order; its summary, with its exit code as ``exit_code``."""
        self._process.send_signal(signal.SIGTERM)
        out, _ = self._process.communicate(timeout=END_S)
        if not out.strip():
            raise self._lost("it has ended without a summary")
        summary: dict[str, Any] = json.loads(out.splitlines()[-1])
        return summary | {"exit_code": self._process.returncode}

    def said(self, code: str) -> int:
        """How many lines of its log have this code."""
        return sum(line.get("code") == code for line in self._log())

    def _log(self) -> Iterator[dict[str, Any]]:
        for line in self._errors.read_text(encoding="utf-8").splitlines():
            if line.startswith("{") and line.endswith("}"):
                yield json.loads(line)

    def _address(self) -> str | None:
        if not self._url:
            found = (line["url"] for line in self._log() if line.get("code") == "telemetry")
            self._url = next(found, "")
        return self._url or None

    def _lost(self, what: str) -> RunnerLost:
        words = self._errors.read_text(encoding="utf-8")[-500:]
        return RunnerLost(f"the runner: {what}; exit code {self._process.poll()}; its last words: {words}")


def _pause(seconds: float) -> None:
    """Let another process work; whoever calls looks again afterwards."""
    time.sleep(seconds)


@contextmanager
def running(folder: Path, settings: Path, core: int | None = None) -> Iterator[RunnerProcess]:
    """A ``titan-live`` on these settings, kept to one core if asked; gone when the block ends."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("TITAN_")}
    with (folder / "stderr").open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--settings", str(settings), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=plain | {"PYTHONPATH": str(ROOT)},
            text=True,
        )
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        yield RunnerProcess(process, folder)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def counted(metrics: Mapping[str, float], kinds: tuple[str, ...]) -> int:
    """Events of these kinds that the engine took in."""
    return sum(int(metrics.get(f'titan_events_total{{type="{kind}"}}', 0)) for kind in kinds)


def backlog(metrics: Mapping[str, float], name: str) -> int:
    """Frames that are ``waiting``, or were ``conflated`` or ``dropped`` so far."""
    return int(metrics.get(f'titan_frames_{name}{{venue="loopback"}}', 0))


def resident_mb(pid: int) -> float:
    """Memory that a process holds, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def machine_load() -> str:
    """What else runs here, for a result's details."""
    one, five, fifteen = os.getloadavg()
    return f"{os.cpu_count()} cores, load averages {one:.2f}, {five:.2f}, {fifteen:.2f}"
