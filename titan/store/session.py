"""The names of sessions, and finding them in the journals directory."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from titan.store.framing import JournalCorrupt, JournalError
from titan.store.journal import Header, SessionReader

SESSION_PATTERN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")


def new_session_id(time_ns: int, entropy: bytes) -> str:
    """A session's name, ``YYYYMMDDTHHMMSSZ-xxxxxx``: names sort by time.

    Parameters
    ----------
    time_ns : int
        Session clock at the start, ns UTC.
    entropy : bytes
        At least 3 bytes; the first three make the name unique within a second.

    Raises
    ------
    ValueError
        If there is too little entropy.
    """
    if len(entropy) < 3:
        raise ValueError(f"a session's name needs 3 bytes of entropy, got {len(entropy)}")
    stamp = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{stamp:%Y%m%dT%H%M%SZ}-{entropy[:3].hex()}"


class SessionInfo(msgspec.Struct, frozen=True):
    """A session of the journals directory; `header` is None where `problem` says why it is unreadable."""

    session: str
    directory: Path
    header: Header | None
    problem: str = ""
    damaged: bool = False
    """True where more was written behind what cannot be read: the session did begin."""


def list_sessions(journals: Path) -> list[SessionInfo]:
    """Every session of the directory, by name and so by time. A directory that is absent holds none."""
    return [_info(journals / name) for name in _names(journals)]


def _names(journals: Path) -> list[str]:
    if not journals.is_dir():
        return []
    return sorted(entry.name for entry in journals.iterdir() if SESSION_PATTERN.fullmatch(entry.name))


def last_begun(journals: Path) -> SessionInfo | None:
    """The session of the directory that was last begun on this machine, or None.

    Not the last by name: the name of a replay tells the time of its capture. The directory's own time decides,
    that of the last file made in it.
    """
    return max(
        list_sessions(journals),
        key=lambda info: (info.directory.stat().st_ctime_ns, info.session),
        default=None,
    )


def latest_session(journals: Path, account: str) -> SessionInfo | None:
    """The account's latest session that began, or None.

    A session whose header was never written is passed over: nothing can have been sent in it. Names tell the second
    only; of sessions begun in one second, as when a runner dies at once, the headers tell the later.

    Raises
    ------
    JournalError
        If a later session's header is damaged: it may be this account's.
    """
    found: SessionInfo | None = None
    found_ns = 0
    for name in reversed(_names(journals)):
        if found is not None and _second(name) != _second(found.session):
            break
        info = _info(journals / name)
        if info.damaged:
            raise JournalError(
                f"{info.problem}; once its account has been looked at, move {info.directory} away"
            )
        if info.header is None or info.header.account != account:
            continue
        if found is None or info.header.created_ns > found_ns:
            found, found_ns = info, info.header.created_ns
    return found


def _second(name: str) -> str:
    return name.partition("-")[0]


def _info(directory: Path) -> SessionInfo:
    try:
        return SessionInfo(directory.name, directory, SessionReader(directory).header)
    except JournalError as error:
        return SessionInfo(directory.name, directory, None, str(error), isinstance(error, JournalCorrupt))
