"""An environment of its own for each peer, from a lock with hashes: what it needs must not meet what Titan needs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench import ROOT


class PeerError(RuntimeError):
    """A peer that cannot be installed or that ended with an error; the message says what it wrote."""


def interpreter(name: str, root: Path = ROOT) -> Path:
    """The interpreter of the environment of requirements/peers-NAME.txt, made if it is not there or out of date."""
    lock, folder = _lock(name, root), _folder(name, root)
    stamp = _stamp(name, root)
    python = folder / "bin" / "python"
    if not stamp.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], f"making {folder}")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "--no-deps", "-r", str(lock)], f"installing {lock.name}")
        stamp.touch()
    return python


def installed(name: str, root: Path = ROOT) -> bool:
    """Whether a peer's environment is there, and is of its lock."""
    return _stamp(name, root).exists()


def _lock(name: str, root: Path) -> Path:
    return root / "requirements" / f"peers-{name}.txt"


def _folder(name: str, root: Path) -> Path:
    return root / ".venv-peers" / name


def _stamp(name: str, root: Path) -> Path:
    digest = hashlib.sha256(_lock(name, root).read_bytes()).hexdigest()[:16]
    return _folder(name, root) / f"installed-{digest}"


def hftbacktest(
    tape: Path, runs: list[dict[str, Any]]
) -> tuple[list[np.ndarray[Any, Any]], list[dict[str, list[float]]]]:
    """Fills (time, side, ticks, lots) and seconds by depth of each run; see `bench.peers.hftbacktest_side`."""
    with tempfile.TemporaryDirectory() as folder:
        spec, out = Path(folder) / "spec.json", Path(folder) / "out.npz"
        spec.write_text(json.dumps({"tape": str(tape), "runs": runs, "out": str(out)}), encoding="utf-8")
        command = [str(interpreter("hftbacktest")), "-m", "bench.peers.hftbacktest_side", str(spec)]
        _run(command, "hftbacktest")
        with np.load(out) as found:
            return [found[f"fills_{number}"] for number in range(len(runs))], json.loads(
                str(found["seconds"])
            )


def nautilus(asked: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What each run found, by the form of its data; see `bench.peers.nautilus_side`."""
    with tempfile.TemporaryDirectory() as folder:
        spec, out = Path(folder) / "spec.json", Path(folder) / "out.json"
        spec.write_text(json.dumps({**asked, "out": str(out)}), encoding="utf-8")
        _run([str(interpreter("nautilus")), "-m", "bench.peers.nautilus_side", str(spec)], "nautilus_trader")
        found: dict[str, list[dict[str, Any]]] = json.loads(out.read_text(encoding="utf-8"))
    return found


def _run(command: list[str], what: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"{what} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
