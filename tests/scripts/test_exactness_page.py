"""The table that sets a sweep beside replay: measured, and put where the page has its place for it."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.exactness_page import (
    BARE,
    HEAD,
    NEUTRAL,
    PAGE,
    WALK_HEAD,
    WAYS,
    by_the_clock,
    causes,
    in_order,
    marks,
    replayed,
    row,
    same_executions,
    table,
    traded,
    walked,
    written,
)
from tests.live.desks import record_capture
from titan.backtest.parity import Difference


@pytest.mark.parametrize(
    ("name", "head", "count"), [("exactness", HEAD, len(WAYS) + 2), ("rules", WALK_HEAD, 5 + len(WAYS) - 1)]
)
def test_the_page_has_its_places_and_measured_tables(name: str, head: tuple[str, ...], count: int) -> None:
    page = PAGE.read_text(encoding="utf-8")
    begin, end = marks(name)
    between = page.partition(begin)[2].partition(end)[0]
    rows = [line for line in between.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + count
    assert rows[:2] == table([], head).splitlines()
    assert written(page, between.strip("\n"), name) == page


def test_a_page_without_its_place_is_refused() -> None:
    with pytest.raises(SystemExit, match="put both where the table belongs"):
        written("# Sweeps", table([]), "exactness")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_capture(tmp_path_factory.mktemp("captures") / "capture", seconds=8.0)


def test_a_replay_and_its_orders_in_a_sweep(capture: Path, tmp_path: Path) -> None:
    require_exact(row("neutral", in_order(replayed(capture, NEUTRAL, tmp_path))))


def test_a_live_run_in_lock_step_and_its_orders_in_a_sweep(capture: Path, tmp_path: Path) -> None:
    """Over sockets, its exchange in a process of its own; a replay has the very same executions."""
    live = in_order(traded(capture, tmp_path, "max"))
    require_exact(row("live", live))
    again = in_order(replayed(capture, {}, tmp_path))
    count = len(live.told.result.recording.executions)
    assert f": {count} executions are the same" in same_executions(live.told, again.told)
    assert same_executions(live.told, again.told).endswith(f"of {count} and {count}.")


def test_a_live_run_by_the_clock_and_its_orders_in_a_sweep(capture: Path, tmp_path: Path) -> None:
    """The exchange's stamps say when it had an order, and those of its messages what they took."""
    compared = by_the_clock(traded(capture, tmp_path, "1", 4.0), capture)
    require_exact(row("live", compared))
    assert sum(compared.found.legs_ms) > 0.0
    assert len(compared.told.trips) >= 3  # enough for a model of them


def test_each_difference_is_listed_by_its_cause(capture: Path, tmp_path: Path) -> None:
    compared = in_order(replayed(capture, NEUTRAL, tmp_path))
    assert causes({"replay": compared}) == "No order differs."
    other = Difference("one", 1, Decimal(100), 5, 3, "the queue model leaves 2 lots before it")
    differing = compared._replace(
        found=compared.found._replace(differences=(other, other)), early=frozenset({"two"})
    )
    first, second = causes({"live": differing}).splitlines()
    assert first == "- live: 2 x the queue model leaves 2 lots before it."
    assert second.startswith("- live: 1 x alike as soon as the order stands at the beginning")


def test_the_way_to_the_kernels_decisions_ends_with_the_same_requests_and_fills(
    capture: Path, tmp_path: Path
) -> None:
    bare = in_order(replayed(capture, WAYS[BARE], tmp_path)).told
    text = walked(bare, {"again": bare})
    *states, again, _, requests, fills = text.splitlines()[2:]
    assert [state.rpartition(" | ")[2] for state in states] == ["exact |"] * 5
    assert again.split(" | ")[1:3] == [states[-1].split(" | ")[1], "+0"]
    for line in (requests, fills):
        same, sweep, kernel = map(int, re.findall(r"\d+", line))
        assert same == sweep == kernel > 5


def require_exact(found: tuple[str, ...]) -> None:
    """Every order alike, in time too, and money that is exact."""
    assert len(found) == len(HEAD)
    _, executed, alike, apart, *_, queue, parts, pnl = found
    assert (alike, queue, parts, pnl) == (executed, "0", "exact", "exact")
    assert int(executed) > 0
    assert float(apart.removesuffix(" ns")) < 1_000


RECORDED = Path("binance_capture_20240808", "usdm_btcusdt_20240808.gz")


def test_the_first_seconds_of_a_recorded_market_in_lock_step(titan_data: Path, tmp_path: Path) -> None:
    require_exact(row("live", in_order(traded(titan_data / RECORDED, tmp_path, "max", 10.0))))


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("TITAN_SLOW") != "1", reason="trades by the clock: set TITAN_SLOW=1")
@pytest.mark.timeout(300)
def test_a_live_run_on_a_recorded_market(titan_data: Path, tmp_path: Path) -> None:
    """By the clock on its first seconds, and in lock-step on all of it."""
    capture = titan_data / RECORDED
    require_exact(row("live", by_the_clock(traded(capture, tmp_path, "1", 40.0), capture)))
    require_exact(row("live", in_order(traded(capture, tmp_path, "max"))))
