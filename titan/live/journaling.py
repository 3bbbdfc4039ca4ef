"""Beginning a session's journal: a header that says what was run, on what, and from which state."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from titan.engine.kernel import Kernel
from titan.live import provenance
from titan.live.errors import StartRefused
from titan.live.recovery import Predecessor
from titan.model.clock import Clock
from titan.settings import Settings
from titan.store.disk import Disk
from titan.store.framing import SCHEMA
from titan.store.journal import Header
from titan.store.writer import SessionWriter


def begin_journal(
    settings: Settings,
    kernel: Kernel,
    clock: Clock,
    account: str,
    predecessor: Predecessor | None,
    on_failure: Callable[[OSError], None],
    disk: Disk | None = None,
    origin: provenance.Origin | None = None,
    writer: type[SessionWriter] = SessionWriter,
) -> SessionWriter:
    """Make the session's directory and header durable, and start its writer.

    Parameters
    ----------
    account : str
        What the next session looks for to find this one.
    on_failure : function of OSError
        Called once, from the writer's thread, when the journal can no longer be written.
    disk : Disk, optional
        The file operations; the real ones if not given.
    origin : Origin, optional
        What the session is made of, where it has been looked up before.
    writer : type
        How the commits are made: in a thread of their own unless given.

    Raises
    ------
    StartRefused
        If the journal cannot be written.
    """
    config = kernel.desk.config
    made_of = origin or provenance.origin(strategy.code for strategy in config.strategies)
    header = Header(
        schema=SCHEMA,
        session=config.session,
        predecessor=predecessor.session if predecessor else None,
        created_ns=clock.now_ns(),
        commit=made_of.commit,
        lock_hash=made_of.lock_hash,
        cpu_flags=made_of.cpu_flags,
        source_hashes=made_of.source_hashes,
        config=msgspec.msgpack.encode(config),
        snapshot=predecessor.snapshot if predecessor else None,
        state_hash=kernel.state_hash(),
        account=account,
    )
    store = settings.store
    try:
        return writer.create(
            settings.project.journals / config.session,
            header,
            segment_bytes=store.segment_mb << 20,
            flush_interval_s=store.flush_interval_ms / 1000,
            on_failure=on_failure,
            disk=disk,
        )
    except OSError as error:
        text = f"the journal cannot be written: {error}; free space or correct [project] journals"
        raise StartRefused(text) from None
