"""The table that sets a sweep beside replay: measured, and put where the page has its place for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import exactness_page
from scripts.exactness_page import BEGIN, END, HEAD, NEUTRAL, PAGE, measure, row, table, written
from tests.live.desks import record_capture


def test_the_page_has_its_place_and_a_measured_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    between = page.partition(BEGIN)[2].partition(END)[0]
    rows = [line for line in between.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(exactness_page.WAYS)
    assert rows[0] == table([]).splitlines()[0]
    assert written(page, between.strip("\n")) == page


def test_a_page_without_its_place_is_refused() -> None:
    with pytest.raises(SystemExit, match="put both where the table belongs"):
        written("# Sweeps", table([]))


def test_a_replay_and_its_orders_in_a_sweep(tmp_path: Path) -> None:
    capture = record_capture(tmp_path / "capture", seconds=8.0)
    found = row("neutral", measure(capture, NEUTRAL, tmp_path / "journals"))
    assert len(found) == len(HEAD)
    name, executed, alike, apart, *_, queue, parts = found
    assert (name, alike, queue, parts) == ("neutral", executed, "0", "exact")
    assert int(executed) > 0
    assert float(apart.removesuffix(" ns")) < 1_000
