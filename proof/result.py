"""What a trial came to."""

from __future__ import annotations

from typing import NamedTuple


class Result(NamedTuple):
    """A finished trial: one line for everybody, and the numbers behind it."""

    name: str
    passed: bool
    summary: str
    details: tuple[str, ...]
