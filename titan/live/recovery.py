"""Taking up where the last session of an account ended: its journal is replayed to the state it died in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from titan.engine.strategies import StrategyError
from titan.live.errors import StartRefused
from titan.store.framing import JournalError
from titan.store.replay import replay_session
from titan.store.session import latest_session


@dataclass(frozen=True)
class Predecessor:
    """The account's last session and the state that its journal leads to.

    Where this program decides otherwise than the one that wrote the journal, a changed strategy above all, that state
    is not what the session held: `snapshot` is None, `difference` says why, and the venue's word is taken up instead.
    """

    session: str
    snapshot: bytes | None
    difference: str = ""


def find_predecessor(journals: Path, account: str) -> Predecessor | None:
    """Replay the account's last session; None if there was none.

    Raises
    ------
    StartRefused
        If its journal is damaged: what it held must be looked at before anything new is sent.
    """
    try:
        info = latest_session(journals, account)
    except JournalError as error:
        raise StartRefused(f"the predecessor cannot be told: {error}") from None
    if info is None:
        return None
    try:
        replay = replay_session(info.directory)
    except StrategyError as error:
        return Predecessor(info.session, None, str(error))
    except JournalError as error:
        raise StartRefused(f"session {info.session}, the predecessor, cannot be read: {error}") from None
    if not replay.identical:
        return Predecessor(info.session, None, replay.difference)
    return Predecessor(info.session, replay.kernel.snapshot())
