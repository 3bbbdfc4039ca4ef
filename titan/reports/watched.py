"""What one session says of one strategy, by a replay of its journal: when it ran, what it made, what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from titan.engine.client_ids import account_prefix, strategy_of
from titan.engine.configuration import KernelConfig
from titan.engine.kernel import Kernel
from titan.engine.promotion import Identity
from titan.live.modes import mode_behind
from titan.live.stages import parameters_of
from titan.model.events import Fill, FillsQueried, SettingsReloaded
from titan.reports.errors import ReportError
from titan.risk.shutdown import Level
from titan.store.journal import Header
from titan.store.replay import replay_session

S_NS = 1_000_000_000
DAY_NS = 86_400 * S_NS
LOOK_NS = S_NS
"""Between two looks at the P&L where nothing is filled; the fall between two looks is not seen."""


Departed = Callable[[KernelConfig], str]


class Watched(NamedTuple):
    """A session as evidence of one strategy."""

    session: str
    time_on: Mapping[int, int]
    """Days since 1970, UTC, to the time that the session lasted on them, ns."""
    fills: int
    path: tuple[float, ...]
    """The strategy's P&L as it went, reporting currency, at the size that was traded; NaN where a price lacked."""
    size_share: float
    differences: int
    stopped: bool
    """Whether risk was in STOP."""


def config_of(header: Header) -> KernelConfig:
    """The configuration that a session began with.

    Raises
    ------
    ReportError
        If it is none of this version's.
    """
    try:
        return msgspec.msgpack.decode(header.config, type=KernelConfig)
    except msgspec.MsgspecError as error:
        raise ReportError(f"its configuration is none of this version's ({error})") from None


def stage_of(header: Header, config: KernelConfig) -> str:
    """The stage that a session is evidence of; "loopback" is none."""
    mode = mode_behind(header.account, config.size_share)
    return "research" if mode == "backtest" else mode


def identity_then(header: Header, config: KernelConfig, present: Identity, name: str) -> Identity | None:
    """What a strategy was in a session, of the sources that `present` has; None if it was not in it.

    A header names the modules that were loaded; what it does not name was no part of the strategy, whose own it names.
    """
    found = [strategy for strategy in config.strategies if strategy.name == name]
    if not found:
        return None
    told = header.source_hashes
    sources = {
        module: told.get(module, "" if module == present.code else digest)
        for module, digest in present.sources.items()
    }
    return Identity(code=found[0].code, sources=sources, parameters=parameters_of(found))


class _Watch:
    """Looks at the kernel while it is run again."""

    def __init__(self, config: KernelConfig, strategy: str, departed: Departed) -> None:
        self._departed = departed
        self._strategy, self._names = strategy, config.strategy_names
        self._prefixes = tuple(account_prefix(venue.account) for venue in config.venues)
        self._fills: set[tuple[str, str, str]] = set()
        self._next_look_ns = 0
        self.path: list[float] = []
        self.first_ns = self.last_ns = 0
        self.stopped = False
        self.moved = ""

    @property
    def fills(self) -> int:
        return len(self._fills)

    def look(self, kernel: Kernel, event: Any) -> None:
        self.first_ns = self.first_ns or event.time_ns
        self.last_ns = max(self.last_ns, event.time_ns)
        self.stopped |= kernel.desk.risk.level is Level.STOP
        if isinstance(event, SettingsReloaded):
            self.moved = self.moved or self._departed(kernel.desk.config)
        filled = False
        for fill in event.fills if isinstance(event, FillsQueried) else (event,):
            filled |= isinstance(fill, Fill) and self._take(fill)
        if filled or event.time_ns >= self._next_look_ns:
            self._next_look_ns = event.time_ns + LOOK_NS
            self.note(kernel)

    def note(self, kernel: Kernel) -> None:
        parts = kernel.desk.ledger.parts(kernel.desk.conversion, self._strategy)
        self.path.append(float("nan") if parts is None else float(parts.total))

    def _take(self, fill: Fill) -> bool:
        ours = fill.client_id.startswith(self._prefixes)
        if not ours or strategy_of(fill.client_id, self._names) != self._strategy:
            return False
        self._fills.add((fill.venue, fill.symbol, fill.trade_id))
        return True


def watch_session(directory: Path, config: KernelConfig, strategy: str, departed: Departed) -> Watched:
    """Run a session again and look at one of its strategies.

    Parameters
    ----------
    departed : callable
        Says of settings that were taken up while it ran why they make another strategy; empty if they do not.

    Raises
    ------
    ReportError
        If it does not replay as it was, for what it made is then not known, or became another strategy.
    JournalError
        If it cannot be read.
    """
    watch = _Watch(config, strategy, departed)
    replay = replay_session(directory, watch.look)
    if not replay.identical:
        raise ReportError(f"it does not replay as it was ({replay.difference})")
    if watch.moved:
        raise ReportError(f"settings were reloaded while it ran: {watch.moved}")
    watch.note(replay.kernel)
    return Watched(
        session=replay.session,
        time_on=_days(watch.first_ns, watch.last_ns),
        fills=watch.fills,
        path=tuple(watch.path),
        size_share=config.size_share,
        differences=replay.kernel.desk.differences,
        stopped=watch.stopped,
    )


def _days(first_ns: int, last_ns: int) -> dict[int, int]:
    """How a stretch of time is spread over the days."""
    days = range(first_ns // DAY_NS, last_ns // DAY_NS + 1)
    return {day: min(last_ns, (day + 1) * DAY_NS) - max(first_ns, day * DAY_NS) for day in days}
