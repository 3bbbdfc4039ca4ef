"""Taking up where the last session of an account ended: its journal is replayed to the state it died in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from titan.engine.state import stopped_in
from titan.engine.strategies import StrategyError
from titan.live.errors import StartRefused
from titan.model.commands import Notice, OperatorAnswer
from titan.model.events import OperatorAction
from titan.store.framing import JournalError
from titan.store.journal import SessionReader
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
    stopped: str = ""
    """Why the desk was in STOP, as the journal tells it, where no snapshot carries that over; empty if it was not."""

    def stop(self, now_ns: int) -> OperatorAction:
        """What puts the new session in STOP as well, by a record of its own."""
        return OperatorAction(
            time_ns=now_ns, action="stop", target="", who=f"session {self.session}", why=self.stopped,
            request="the predecessor's STOP",
        )  # fmt: skip


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
        return Predecessor(info.session, None, str(error), recorded_stop(info.directory))
    except JournalError as error:
        raise StartRefused(f"session {info.session}, the predecessor, cannot be read: {error}") from None
    if not replay.identical:
        return Predecessor(info.session, None, replay.difference, recorded_stop(info.directory))
    return Predecessor(info.session, replay.kernel.snapshot())


def recorded_stop(directory: Path) -> str:
    """Why a session was in STOP when it ended, by what it told then; empty if it was not.

    No program has to decide anew for that: a STOP that a changed program does not know of would be lost.
    """
    reader = SessionReader(directory)
    stopped = "" if reader.header.snapshot is None else stopped_in(reader.header.snapshot)
    resumes = {
        event.request
        for _, event in reader.inputs()
        if isinstance(event, OperatorAction) and event.action == "resume" and not event.target
    }
    for _, _, command in reader.commands():
        if isinstance(command, Notice) and command.code == "halted":
            stopped = command.message
        elif isinstance(command, OperatorAnswer) and command.done and command.request in resumes:
            stopped = ""
    return stopped
