"""Taking up where the last session of an account ended: its journal is replayed to the state it died in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from titan.engine.state import standing_in, stopped_in
from titan.engine.strategies import StrategyError
from titan.live.errors import StartRefused
from titan.model.commands import Notice, OperatorAnswer, RiskStanding
from titan.model.events import OperatorAction, RiskInherited
from titan.store.framing import JournalError
from titan.store.journal import SessionReader
from titan.store.replay import replay_session
from titan.store.session import SessionInfo, latest_session


@dataclass(frozen=True)
class Predecessor:
    """The account's last session and the state that its journal leads to.

    Where this program decides otherwise than the one that wrote the journal, a changed strategy above all, that state
    is not what the session held: `snapshot` is None, `difference` says why, and the venue's word is taken up instead.
    What is no question of decisions is told by the journal itself, and goes into the new session's as `handed_on`.
    """

    session: str
    snapshot: bytes | None
    difference: str = ""
    stopped: str = ""
    """Why the desk was in STOP, as the journal tells it, where no snapshot carries that over; empty if it was not."""
    standing: RiskStanding | None = None
    """The risk state as the journal told it last, likewise."""

    def handed_on(self, now_ns: int) -> tuple[RiskInherited | OperatorAction, ...]:
        """The first records of the new session, from which its replay learns what this one knew."""
        risk = self.standing and RiskInherited(
            time_ns=now_ns, session=self.session, day=self.standing.day,
            earned_today=self.standing.earned_today, risk=self.standing.risk,
        )  # fmt: skip
        stop = self.stopped and OperatorAction(
            time_ns=now_ns, action="stop", target="", who=f"session {self.session}", why=self.stopped,
            request="the predecessor's STOP",
        )  # fmt: skip
        return tuple(event for event in (risk, stop) if event)


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
        return _told(info, str(error))
    except JournalError as error:
        raise StartRefused(f"session {info.session}, the predecessor, cannot be read: {error}") from None
    if not replay.identical:
        return _told(info, replay.difference)
    return Predecessor(info.session, replay.kernel.snapshot())


def _told(info: SessionInfo, difference: str) -> Predecessor:
    """What is known of a session by its own words alone."""
    return Predecessor(
        info.session, None, difference, recorded_stop(info.directory), recorded_standing(info.directory)
    )


def recorded_standing(directory: Path) -> RiskStanding | None:
    """The risk state as a session told it last, or as it began with; None if it knew of none."""
    reader = SessionReader(directory)
    told = None if reader.header.snapshot is None else standing_in(reader.header.snapshot)
    for _, event in reader.inputs():
        if isinstance(event, RiskInherited):
            told = RiskStanding(day=event.day, earned_today=event.earned_today, risk=event.risk)
    for _, _, command in reader.commands():
        if isinstance(command, RiskStanding):
            told = command
    return told


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
