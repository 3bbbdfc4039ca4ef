"""The daily report: which sessions it is about, and what must hold for it to stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from titan.evaluation.pnl import IdentityError, Parts
from titan.reports.errors import ReportError
from titan.reports.history import History, created_on, read_history
from titan.reports.screen import Page, facts, headline, session_title
from titan.reports.session_tables import SessionResult, read_session, totals_by_currency
from titan.store.framing import JournalError
from titan.store.session import SessionInfo, last_begun, list_sessions


@dataclass(frozen=True)
class DailyReport:
    """The sessions of a report: one, or all of a UTC day."""

    title: str
    results: list[SessionResult]
    unreadable: list[SessionInfo]
    of_a_day: bool
    history: History | None = None
    """What the accounts made before; None where no session can be read, so that no account is known."""

    def headline(self) -> Page:
        """The result in a sentence, and the proof."""
        page = headline(self.results, self.title, self.unreadable)
        if not self.unreadable:
            return page
        told = "; ".join(
            f"{info.session} cannot be read and is not counted: {info.problem}" for info in self.unreadable
        )
        return Page(
            f'{page.html}<p style="color:#b5483a"><strong>{told}</strong></p>', f"{page.text}\n{told}"
        )

    def facts(self) -> Page:
        """Position, earlier days, breaches, limits used and events of note, side by side."""
        return facts(self.results, self.unreadable, self.history)

    def sums(self) -> dict[str, Parts]:
        """The P&L by reporting currency; one entry unless the desk changed it in between."""
        return totals_by_currency(self.results)

    def check(self) -> str:
        """Say that the parts are the change in the venues' equity, where that can be said.

        Raises
        ------
        IdentityError
            If one session's are not, or one of the day cannot be read; the message names each.
        """
        failed = [
            f"{result.session}: {reason}"
            for result in self.results
            for reason in [
                *(proof.reason for proof in result.proofs if proof.verdict == "differs"),
                *result.differing,
            ]
        ]
        failed += [f"{info.session} cannot be read: {info.problem}" for info in self.unreadable]
        if failed:
            raise IdentityError("; ".join(failed))
        proven = sum(result.checkable for result in self.results)
        return f"{proven} of {len(self.results)} sessions proven; none differs"


def open_report(journals: Path, session: str = "", day: date | None = None) -> DailyReport:
    """Read what a report is about: the session named, else those created on a UTC day, else the one last begun.

    Raises
    ------
    ReportError
        If there is no such session or day, or a session holds what no P&L can be made of.
    JournalError
        If the one session asked for cannot be read.
    """
    sessions = list_sessions(journals)
    if day is None:
        return _of_one(_chosen(sessions, journals, session))
    return _of_day(_created_on(sessions, day, journals), day)


def _chosen(sessions: Sequence[SessionInfo], journals: Path, session: str) -> SessionInfo:
    last = last_begun(journals)
    if last is None:
        raise ReportError(
            f"no session in {journals}; run titan-live first, or name the folder of its journals"
        )
    if not session:
        return last
    for info in sessions:
        if info.session == session:
            return info
    raise ReportError(f"session {session}: not in {journals}; the last begun there is {last.session}")


def report_name(journals: Path, session: str, day: date | None) -> str:
    """What a report is called: its day, or its session's name.

    Raises
    ------
    ReportError
        If there is no such session or day.
    """
    sessions = list_sessions(journals)
    if day is None:
        return _chosen(sessions, journals, session).session
    _created_on(sessions, day, journals)
    return day.isoformat()


def _created_on(sessions: Sequence[SessionInfo], day: date, journals: Path) -> list[SessionInfo]:
    found = [info for info in sessions if created_on(info) == day]
    if not found:
        raise ReportError(
            f"no session was created on {day} UTC in {journals}; 'titan report daily' takes the one last begun"
        )
    return found


def _of_one(info: SessionInfo) -> DailyReport:
    result = read_session(info.directory)
    return _report(session_title(result), [result], [], created_on(info), of_a_day=False)


def _of_day(found: Sequence[SessionInfo], day: date) -> DailyReport:
    results, unreadable = [], []
    for info in found:
        try:
            results.append(read_session(info.directory))
        except (JournalError, ReportError) as error:
            unreadable.append(SessionInfo(info.session, info.directory, info.header, str(error)))
    title = f"{day} (UTC), {len(found)} session{'' if len(found) == 1 else 's'},"
    return _report(title, results, unreadable, day, of_a_day=True)


def _report(
    title: str, results: list[SessionResult], unreadable: list[SessionInfo], day: date, *, of_a_day: bool
) -> DailyReport:
    journals = results[0].recording.directory.parent if results else None
    history = None if journals is None else read_history(journals, results, day)
    return DailyReport(title, results, unreadable, of_a_day, history)
