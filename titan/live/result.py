"""How a session ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Result:
    """A session's exit code, and the summary that ``--json`` prints."""

    exit_code: int
    summary: dict[str, Any]
