"""Which sources a trial was run on: what it has shown of others is worth nothing."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".proof"
"""Where what is done is kept."""

FOLDERS = ("titan", "proof", "tests")


def digest() -> str:
    """Sixteen hexadecimal digits of every module that a trial may run, and of the package's settings."""
    found = hashlib.sha256((ROOT / "pyproject.toml").read_bytes())
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def commit() -> str:
    """The commit of the sources, with a word where they are not all in it."""
    told = [
        subprocess.run(["git", *asked], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        for asked in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--", *FOLDERS))
    ]
    return f"{told[0]} with changes" if told[1] else told[0]
