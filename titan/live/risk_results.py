"""Risk results of another process, and the JSON file in the data folder by which any program may hand one over.

Their shape is checked here; whether they are believed is the engine's decision.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from titan.model.events import JournalledEvent, RiskPart, RiskResult, StrategyPart, StressLoss

NAME = "risk_result.json"

Ingest = Callable[[Callable[[int], JournalledEvent]], None]


class Stated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A result as handed over: money in `currency`, times in ns UTC. A file is put in place whole, by renaming."""

    source: str
    currency: str
    shortfall: float
    computed_ns: int
    expires_ns: int
    parts: tuple[RiskPart, ...] = ()
    stresses: tuple[StressLoss, ...] = ()
    strategies: tuple[StrategyPart, ...] = ()
    error: float | None = None
    tail: float = 0.0
    horizon_s: float = 0.0
    basis: str = ""


class RiskResults:
    """Watches the file.

    Parameters
    ----------
    path : Path
        Of the file; it need not be there.
    ingest : callable
        Takes a function of the time that makes an event of the session.
    complain : callable
        Takes one line on a file that cannot be read; the result held stays until it expires.
    """

    def __init__(self, path: Path, ingest: Ingest, complain: Callable[[str], None]) -> None:
        self._path = path
        self._ingest = ingest
        self._complain = complain
        self._seen: tuple[int, int, int] | None = None

    def watch(self) -> None:
        """Look whether the file has changed; called with every look at the timers."""
        try:
            found = self._path.stat()
            mark = (found.st_ino, found.st_mtime_ns, found.st_size)
            if mark == self._seen:
                return
            self._seen = mark
            stated = msgspec.json.decode(self._path.read_bytes(), type=Stated)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            self._complain(f"{self._path}: {error}; write it whole and rename it into place")
            return
        self._ingest(lambda now_ns: event_of(stated, now_ns))


def event_of(stated: Stated, now_ns: int) -> RiskResult:
    """The event that the engine takes in."""
    return RiskResult(
        time_ns=now_ns,
        source=stated.source,
        currency=stated.currency,
        shortfall=stated.shortfall,
        parts=stated.parts,
        stresses=stated.stresses,
        computed_ns=stated.computed_ns,
        expires_ns=stated.expires_ns,
        strategies=stated.strategies,
        error=stated.error,
        tail=stated.tail,
        horizon_s=stated.horizon_s,
        basis=stated.basis,
    )
