"""A predecessor whose journal leads elsewhere with this program: its state is not taken up, and its STOP is."""

from __future__ import annotations

import pytest

from scripts.drills import one_sided_market, restart_in_stop
from scripts.drills.stage import Ending, Stage
from titan.live import recovery
from titan.store.replay import replay_session


def test_a_stop_outlives_a_change_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The changed strategy decides otherwise, so the state is lost; that somebody stopped the desk is not."""
    monkeypatch.setattr(
        recovery,
        "replay_session",
        lambda directory: replay_session(directory)._replace(identical=False, difference="another strategy"),
    )
    drill = restart_in_stop.rehearse()
    _, *held, after = drill.moments
    assert [moment.open_at_venue for moment in held] == [0, 0, 0]
    assert all(moment.obstacle.startswith("STOP: ") for moment in held)
    assert "Ada: something smells" in held[-1].obstacle
    *_, unnamed, unreasoned, resumed = drill.transcript.answers
    assert not unnamed.done
    assert not unreasoned.done
    assert resumed.done
    assert after.open_at_venue == 6
    assert drill.ending.replays


def test_a_stop_that_was_resumed_is_not_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []

    def ending(self: Stage) -> Ending:
        found.append(recovery.recorded_stop(self.life.journal))
        return _ending(self)

    _ending = Stage._ending
    monkeypatch.setattr(Stage, "_ending", ending)
    restart_in_stop.rehearse()
    one_sided_market.rehearse()
    resumed, stopped = found
    assert resumed == ""  # it began in STOP by its predecessor's snapshot, and somebody named let it go
    assert "STOP: Ada: the bids are gone" in stopped
