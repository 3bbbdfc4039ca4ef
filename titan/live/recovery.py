"""Taking up where the last session of an account ended: its journal is replayed to the state it died in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from titan.live.errors import StartRefused
from titan.store.framing import JournalError
from titan.store.replay import replay_session
from titan.store.session import latest_session


@dataclass(frozen=True)
class Predecessor:
    """The account's last session and the state that its journal leads to."""

    session: str
    snapshot: bytes


def find_predecessor(journals: Path, account: str) -> Predecessor | None:
    """Replay the account's last session; None if there was none.

    Raises
    ------
    StartRefused
        If its journal is damaged: what it held must be looked at before anything new is sent.
    """
    info = latest_session(journals, account)
    if info is None:
        return None
    try:
        kernel = replay_session(info.directory).kernel
    except JournalError as error:
        raise StartRefused(f"session {info.session}, the predecessor, cannot be read: {error}") from None
    return Predecessor(info.session, kernel.snapshot())
