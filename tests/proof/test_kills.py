"""Fifty kills of the real process, early ones: the thousand are in ``make proof``."""

from __future__ import annotations

import json

import pytest

from proof import kills
from proof.parts.mortal import Death, MortalDisk, Mortality

SOME = 50 / kills.KILLS


@pytest.mark.timeout(600)
def test_no_kill_loses_or_doubles_an_intent(tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "MOST_POINTS", {"write": 60, "sync": 60, "send": 45, "receive": 80})
    monkeypatch.setattr(kills, "MOMENTS_S", (0.1, 1.0))
    found = kills.run(tmp_path, SOME)
    assert found.passed, found.details
    kept = json.loads((tmp_path / "kills.json").read_text())
    assert kept["counts"]["kills"] == 50
    assert kept["counts"]["acknowledged"] > 0
    # A second run has nothing left to do, and says the same.
    assert kills.run(tmp_path, SOME).summary == found.summary


def test_what_was_not_synced_is_lost_but_for_the_part_that_was_drawn(tmp_path):
    disk = MortalDisk(Mortality(Death("never")))
    descriptor = disk.create(tmp_path / "file")
    disk.write(descriptor, b"synced")
    disk.fdatasync(descriptor)
    disk.write(descriptor, b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"synced"
    disk.tear(0.3)
    assert (tmp_path / "file").read_bytes() == b"synced012"
    disk.close(descriptor)


def test_it_dies_at_its_point_and_at_no_other(monkeypatch):
    killed: list[str] = []
    monkeypatch.setattr("proof.parts.mortal.os.kill", lambda pid, number: killed.append("dead"))
    before, behind = Mortality(Death("send", 2)), Mortality(Death("send", 2, behind=True))
    for mortality in (before, behind):
        for point in ("send", "write", "receive"):
            mortality.before(point)
            mortality.behind(point)
    assert killed == []
    before.before("send")
    assert killed == ["dead"]
    behind.before("send")
    assert killed == ["dead"]
    behind.behind("send")
    assert killed == ["dead", "dead"]
