"""What a REST call is answered with."""

from __future__ import annotations

from typing import NamedTuple


class RestAnswer(NamedTuple):
    """Status, headers and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes
