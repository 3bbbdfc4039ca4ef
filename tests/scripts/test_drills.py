"""The drill of two minutes without a name server: no order is declared lost, every fill is booked, quotes resume."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from scripts import drills
from titan.chaos.trial import RESILIENCE


@pytest.fixture(scope="module", params=[0, 60])
def drill(request: pytest.FixtureRequest) -> drills.Drill:
    return drills.rehearse(msgspec.structs.replace(RESILIENCE, dead_man_ns=request.param * 10**9))


def test_six_orders_stand_when_it_begins(drill: drills.Drill) -> None:
    assert drill.moments[0].open_at_venue == 6
    assert drill.moments[0].known_states == "6 open"


def test_no_order_is_declared_lost(drill: drills.Drill) -> None:
    assert [moment.known_states for moment in drill.moments[1:4]] == ["6 unknown"] * 3
    assert not any(notice.code == "order_absent" for _, notice in drill.notices)
    assert len(drill.fates) == 6
    for fate in drill.fates.values():
        there, here = (side.strip() for side in fate.split("|"))
        assert there == here


def test_quotes_resume_and_every_fill_is_booked(drill: drills.Drill) -> None:
    assert any(at_s > drills.OUTAGE_S and notice.code == "quoting" for at_s, notice in drill.notices)
    assert drill.fills[0] == drill.fills[1] > 0
    assert (drill.differences, drill.exit_code) == (0, 0)


def test_the_page_is_written_of_such_drills(tmp_path: Path) -> None:
    assert drills.main(["--folder", str(tmp_path / "drills")]) == 0
    text = (tmp_path / "drills" / "dns_outage.md").read_text(encoding="utf-8")
    assert text.count("Declared lost: 0.") == 2
    assert text.count("## ") == 2
    kept = (drills.FOLDER / "dns_outage.md").read_text(encoding="utf-8")
    assert kept.count("Declared lost: 0.") == 2
    assert kept.splitlines()[0] == text.splitlines()[0]
