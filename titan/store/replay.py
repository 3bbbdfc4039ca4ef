"""A session run again: its recorded inputs through a fresh kernel, compared with what was commanded then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from titan.engine.configuration import KernelConfig
from titan.engine.kernel import Kernel
from titan.engine.orders import IllegalTransition
from titan.engine.strategies import load_strategy
from titan.model.commands import AnyCommand
from titan.model.events import AnyEvent, InstrumentUpdate
from titan.store.framing import JournalError
from titan.store.journal import Frame, SessionReader
from titan.wire.frames import FrameDecoder


class Replay(NamedTuple):
    """A session after its replay. `identical`: every recorded command came again, and no other before the last one."""

    session: str
    events: int
    commands: int
    state_hash: str
    identical: bool
    difference: str
    truncated: tuple[str, ...]
    kernel: Kernel


def session_kernel(reader: SessionReader) -> Kernel:
    """The kernel as the session began it: its configuration, and its predecessor's state.

    Raises
    ------
    JournalError
        If the configuration is none of this version's.
    StrategyError
        If a strategy's module is not there any more.
    """
    try:
        config = msgspec.msgpack.decode(reader.header.config, type=KernelConfig)
    except msgspec.MsgspecError as error:
        raise JournalError(
            f"{reader.directory}: its configuration is none of this version's ({error}); replay it with commit "
            f"{reader.header.commit}"
        ) from error
    modules = {strategy.code: load_strategy(strategy.code) for strategy in config.strategies}
    return Kernel(config, modules, reader.header.snapshot)


def session_events(reader: SessionReader, config: KernelConfig) -> Iterator[tuple[int, AnyEvent]]:
    """Every input of a session in order, market frames decoded by the terms that held then."""
    decoder = FrameDecoder({venue.name: venue.protocol for venue in config.venues})
    for seq, found in reader.inputs():
        if isinstance(found, Frame):
            event: Any = decoder.decode(found.venue, found.payload, found.time_ns)
            if event is not None:
                yield seq, event
            continue
        if isinstance(found, InstrumentUpdate):
            decoder.learn(found.instrument)
        yield seq, found


def replay_session(directory: Path, watch: Callable[[Kernel, AnyEvent], None] | None = None) -> Replay:
    """Run a session's inputs through a fresh kernel.

    A session that was killed may lack the commands of its last inputs: they were decided, and lost before they were
    durable, so they were never sent. Everything that is recorded must come again, in order.

    Parameters
    ----------
    watch : callable, optional
        Is shown the kernel after each input, and the input.

    Raises
    ------
    JournalError
        If the journal cannot be read.
    """
    reader = SessionReader(directory)
    kernel = session_kernel(reader)
    recorded = reader.commands()
    expected = next(recorded, None)
    events = commands = 0
    difference = ""
    for seq, event in session_events(reader, kernel.desk.config):
        events += 1
        try:
            decided = kernel.step(event)
        except (IllegalTransition, LookupError, ArithmeticError) as error:
            # Once other orders were decided on, what happened to the recorded ones makes no sense any more.
            difference = difference or f"at input {seq}: {type(error).__name__}: {error}"
            break
        if watch is not None:
            watch(kernel, event)
        for index, command in enumerate(decided):
            commands += 1
            if difference or expected is None:
                continue
            if not _same(expected, (seq, index, command)):
                difference = _describe(expected, (seq, index, command))
            expected = next(recorded, None)
    if expected is not None and not difference:
        difference = f"recorded, but not decided again: {expected}"
    return Replay(
        session=reader.header.session,
        events=events,
        commands=commands,
        state_hash=kernel.state_hash(),
        identical=not difference,
        difference=difference,
        truncated=tuple(str(torn) for torn in reader.truncated),
        kernel=kernel,
    )


def _same(expected: tuple[int, int, AnyCommand], got: tuple[int, int, AnyCommand]) -> bool:
    """Equal, a missing number in a decision included: NaN is not equal to itself, but its bytes are."""
    return expected == got or msgspec.msgpack.encode(expected) == msgspec.msgpack.encode(got)


def _describe(expected: tuple[int, int, AnyCommand], got: tuple[int, int, AnyCommand]) -> str:
    return f"at input {got[0]}: recorded {expected}, decided {got}"
