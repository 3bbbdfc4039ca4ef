"""A session's frames say what its journal does; a live one is followed while it is written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import titan
from tests.sessions import Rehearsal, make_session
from titan.model.commands import AmendOrder, PlaceOrder
from titan.model.events import Fill
from titan.reports.errors import ReportError
from titan.reports.following import Followed, follow
from titan.reports.session_frames import SessionFrames, SessionNotFound, load_session
from titan.store.journal import SessionReader
from titan.store.writer import SessionWriter


@pytest.fixture(scope="module")
def frames(rehearsal: Rehearsal) -> SessionFrames:
    return load_session(rehearsal.directory)


def test_the_frames_agree_with_the_journal_and_each_other(frames: SessionFrames) -> None:
    recording = frames.result.recording
    assert len(frames.fills) == len(recording.executions) > 20
    assert frames.orders["filled"].sum() == pytest.approx(frames.fills["quantity"].sum())
    assert set(frames.fills["client id"]) <= set(frames.orders.index)
    assert frames.pnl.loc["all", "total"] == pytest.approx(frames.total)
    parts = ["spread", "adverse selection", "inventory", "fees and rebates", "funding"]
    assert frames.pnl.loc["all", parts].sum() == pytest.approx(frames.total)
    assert frames.positions["orders still open"].sum() == 0
    assert list(frames.notices["code"]) == [note.code for note in recording.remarks]


def test_every_decided_quote_is_there_with_its_steps(frames: SessionFrames) -> None:
    commands = [
        command
        for _, _, command in SessionReader(frames.directory).commands()
        if isinstance(command, PlaceOrder | AmendOrder) and command.decision is not None
    ]
    found = frames.decisions
    assert list(found["client id"]) == [command.client_id for command in commands]
    assert list(found["price"]) == pytest.approx([command.price * 0.1 for command in commands])
    assert list(found["quantity"]) == pytest.approx([command.size * 0.001 for command in commands])
    assert list(found["rounded"]) == pytest.approx(list(found["price"]))
    assert found["time"].is_monotonic_increasing
    placed = found[found["action"] == "place"].set_index("client id")["time"]
    assert (frames.orders.loc[placed.index, "placed"] == placed).all()


def test_a_notebook_shows_one_line_and_the_bridge(frames: SessionFrames) -> None:
    html = frames._repr_html_()
    assert f"Session {frames.session}" in html
    assert "adverse selection" in html
    assert repr(frames).splitlines()[0] in html
    assert frames.plot().png().startswith(b"\x89PNG")


def test_a_session_is_found_by_its_name_or_as_the_last_begun(frames: SessionFrames) -> None:
    journals = frames.directory.parent
    assert titan.load_session(frames.session, journals).directory == frames.directory
    assert titan.load_session(journals=journals).directory == frames.directory


def test_a_session_that_is_not_there_is_told(frames: SessionFrames, tmp_path: Path) -> None:
    absent = "20000101T000000Z-000000"
    with pytest.raises(SessionNotFound, match=f"{absent}: not in .*the last by name {frames.session}"):
        load_session(absent, frames.directory.parent)
    with pytest.raises(SessionNotFound, match=r"the session last begun: not in .*it holds none"):
        load_session(journals=tmp_path)
    with pytest.raises(SessionNotFound, match="yesterday: no such folder, and no session's name"):
        load_session("yesterday", tmp_path)


def test_a_session_without_an_order_has_empty_frames(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path)
    rehearsal.start()
    rehearsal.stop()
    found = load_session(rehearsal.directory)
    for frame in (found.fills, found.orders, found.decisions):
        assert isinstance(frame, pd.DataFrame)
        assert frame.empty
    assert found.total == 0


# ---- While it is written -------------------------------------------------------------------------------------


def test_a_session_is_followed_to_its_end(frames: SessionFrames) -> None:
    seen = list(titan.follow(frames))
    assert seen[0].kind == "SessionStarted"
    assert [each.kind for each in seen].count("EndSession") == 1
    assert sum(each.kind == "Fill" for each in seen) >= len(frames.fills)
    assert [each.seq for each in seen] == sorted(each.seq for each in seen)
    fills = list(follow(frames.directory, kinds="Fill"))
    assert all(isinstance(each.value, Fill) for each in fills)
    assert "<strong>Fill</strong>" in fills[0]._repr_html_()
    market = list(follow(frames, market=True))
    whole = SessionReader(frames.directory)
    assert len(market) - len(list(whole.commands())) == sum(frames.result.recording.events.values())


def test_a_session_is_followed_as_it_grows_over_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks the market moves on; what was seen while it did is not seen again."""
    create = SessionWriter.create
    monkeypatch.setattr(
        SessionWriter, "create", lambda *given, **more: create(*given, segment_bytes=20_000, **more)
    )
    live = Rehearsal(tmp_path)
    live.start()
    rounds = iter([*[2.0] * 8, None])

    def move(seconds: float) -> None:
        assert seconds == 0.2
        length = next(rounds)
        if length is None:
            live.stop()
        else:
            live.run(length)

    seen: list[Followed] = []
    alive = 0
    for each in follow(live.directory, wait=move):
        seen.append(each)
        alive += live.session.ended is None
    assert alive > len(seen) / 2
    assert len(list(live.directory.glob("journal-*"))) > 1
    assert seen == list(follow(live.directory))
    assert {"PlaceOrder", "Fill", "EndSession"} <= {each.kind for each in seen}


def test_following_ends_by_its_bounds(tmp_path: Path) -> None:
    killed = make_session(tmp_path, seconds=1.0, killed=True)
    looks: list[float] = []
    seen = list(follow(killed.directory, seconds=1e-9, wait=looks.append))
    assert seen
    assert looks == []
    assert len(list(follow(killed.directory, quiet_s=0.05, look_every_s=0.01))) == len(seen)
    with pytest.raises(ReportError, match=r"quiet_s = 0, .*must be above 0"):
        follow(killed.directory, quiet_s=0)
