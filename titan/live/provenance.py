"""What a session's header says of the program: commit, locks, processor, and the sources that decided."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import titan

PACKAGE = Path(titan.__file__).parent
ROOT = PACKAGE.parent
DIGITS = 16
"""Hexadecimal digits of a source's hash."""


class Origin(NamedTuple):
    """Of what a session was made: commit, locks, processor, and the digest of every source that decides."""

    commit: str
    lock_hash: str
    cpu_flags: str
    source_hashes: dict[str, str]


def origin(strategies: Iterable[str]) -> Origin:
    """Look at the checkout, the machine and the loaded modules, those of `strategies` included."""
    return Origin(commit(), lock_hash(), cpu_flags(), source_hashes(strategies))


def commit() -> str:
    """The checkout's commit, with ``+`` if anything differs from it; ``unknown`` outside a checkout."""
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def lock_hash() -> str:
    """Hash of the locked dependencies; ``unknown`` where the lock is not shipped."""
    lock = ROOT / "requirements" / "runner.txt"
    return _digest(lock) if lock.is_file() else "unknown"


def cpu_flags() -> str:
    """The processor's flags, hashed: floating point is bit for bit the same only where they agree."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "unknown"
    line = next((row for row in text.splitlines() if row.startswith(("flags", "Features"))), "")
    return hashlib.sha256(line.encode()).hexdigest()[:16]


def source_hashes(strategies: Iterable[str]) -> dict[str, str]:
    """Hash of every loaded module of Titan, and of the packages that strategies of others come from."""
    packages = {"titan", *(code.partition(".")[0] for code in strategies)}
    found: dict[str, str] = {}
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        decides = name.partition(".")[0] in packages
        if file and decides and Path(file).is_file():
            found[name] = _digest(Path(file))
    return found


def stale_modules() -> list[str]:
    """Exported modules that are older than their notebooks: what runs is not what was last written."""
    stale: list[str] = []
    for notebook in sorted((ROOT / "nbs").rglob("*.ipynb")):
        module = PACKAGE / notebook.relative_to(ROOT / "nbs").with_suffix(".py")
        if module.is_file() and notebook.stat().st_mtime > module.stat().st_mtime + 1:
            stale.append(str(notebook.relative_to(ROOT)))
    return stale


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]
