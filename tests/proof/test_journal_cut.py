"""Cuts of a journal, every 32nd byte: all of them are in ``make proof``."""

from __future__ import annotations

from proof import journal_cut
from titan.store.framing import CAPTURE, JOURNAL
from titan.store.journal import SessionReader


def test_a_cut_journal_opens_with_what_was_whole_and_lost_orders_are_adopted(tmp_path):
    found = journal_cut.run(tmp_path, 1 / 32)
    assert found.passed, found.details
    assert found.summary.startswith("128 cuts of a journal and 128 of a capture: 0 opened otherwise")
    assert journal_cut.run(tmp_path, 1 / 32).summary == found.summary


def test_a_session_that_opens_otherwise_is_noticed(tmp_path):
    session = journal_cut._in_virtual_time(journal_cut._recorded(tmp_path))
    whole = journal_cut._Whole(session)
    path = session / JOURNAL.name(1)
    size = path.stat().st_size
    assert whole.differs(session, JOURNAL, size) == ""
    assert "inputs, not the first" in whole.differs(session, JOURNAL, size // 2)
    capture = session / CAPTURE.name(1)
    assert "opened, although input" in whole.differs(session, CAPTURE, capture.stat().st_size // 2)
    with capture.open("rb+") as file:
        file.truncate(capture.stat().st_size // 2)
    assert whole.differs(session, JOURNAL, size).startswith("refused")
    assert SessionReader(session).header
