"""The benchmark of replay: the capture that both sides read, what they count, and its rows."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import pytest

from bench import replay
from bench.__main__ import COLUMNS
from bench.peers.environment import installed
from bench.peers.tape_capture import OPENING, messages_of, write_capture
from bench.replay import FORMS, Replayed
from titan.backtest.sweep.synthetic import synthetic_tape

EVENTS = 4_000
THEIRS = {"updates": 100, "seconds": 2.0, "placed": 3, "modified": 4, "fills": 5}


@pytest.fixture(scope="module")
def tape():
    return synthetic_tape(EVENTS)


def test_a_level_told_by_itself_is_an_update(tape, tmp_path):
    kinds = tape.columns.kind[OPENING:]
    told = [message for message in messages_of(tape, 0) if message.kind == "depth" and message.levels]
    # The last level waits for an event after it.
    assert len(told) == int((kinds <= 1).sum()) - int(kinds[-1] <= 1)
    assert {message.levels for message in told} == {1}
    assert write_capture(tmp_path / "capture", tape, 0) == len(told)


def test_gathered_levels_are_told_as_they_last_were_and_the_books_agree(tape):
    def book(gather_ns):
        found = {}
        for message in messages_of(tape, gather_ns):
            if message.kind == "trade":
                continue
            for side, levels in ((1, message.bids), (-1, message.asks)):
                found.update({(side, price): lots for price, lots in levels})
            last_ns = message.time_ns
        return last_ns, {place: lots for place, lots in found.items() if lots}

    def until(last_ns):
        found = {}
        for time_ns, _, price, lots, kind in zip(*tape.columns, strict=True):
            if time_ns < last_ns and kind <= 1:
                found[(1 - 2 * int(kind), int(price))] = int(lots)
        return {place: lots for place, lots in found.items() if lots}

    last_ns, gathered = book(50_000_000)
    assert gathered == until(last_ns)
    times = [message.time_ns for message in messages_of(tape, 50_000_000)]
    assert times == sorted(times)


def test_a_capture_is_one_of_the_venue(tape, tmp_path):
    path = tmp_path / "capture"
    write_capture(path, tape, 50_000_000)
    bodies = [json.loads(line.partition(" ")[2]) for line in path.read_text().splitlines()]
    assert bodies[0]["lastUpdateId"] == 1
    diffs = [body["data"] for body in bodies[1:] if body["data"]["e"] == "depthUpdate"]
    assert all(one["u"] == two["pu"] for one, two in itertools.pairwise(diffs))
    trades = [body["data"]["t"] for body in bodies[1:] if body["data"]["e"] == "trade"]
    assert trades == list(range(1, len(trades) + 1))
    assert Counter(level[0][-2:] for level in diffs[1]["b"] + diffs[1]["a"]).keys() <= {
        f".{digit}" for digit in range(10)
    }


def test_titans_side_takes_in_every_level_and_trades(tape, tmp_path):
    updates = write_capture(tmp_path / "capture", tape, 50_000_000)
    found = replay.replay_once(tmp_path / "capture")
    assert found.updates == updates
    assert found.placed > 0
    assert found.fills > 0
    assert found.seconds > 0.0


def test_a_side_that_takes_in_less_is_refused(tape, monkeypatch):
    monkeypatch.setattr(replay, "REPEAT", 1)
    monkeypatch.setattr(replay, "nautilus", lambda asked: {form: [THEIRS] for form in asked["forms"]})
    with pytest.raises(RuntimeError, match=r"level updates, and the sides took in \[100, "):
        replay.compare(tape, 50)


def test_the_row_is_of_the_quickest_runs():
    ours = [Replayed(100, 1.0, 1, 2, 3), Replayed(100, 0.5, 1, 2, 3)]
    theirs = {"messages": [THEIRS, {**THEIRS, "seconds": 1.0}], "levels": [THEIRS]}
    row = replay.rate_row(ours, theirs, "x", 2.0)
    assert set(row) == set(COLUMNS)
    assert (row["value"], row["peer_value"], row["ratio"], row["met"]) == (0.2, 0.1, 2.0, True)
    assert row["peer"].endswith("data as messages")
    assert "processor time" in row["name"]
    assert not replay.rate_row(ours[:1], theirs, "x", 2.0)["met"]
    work = replay.work_rows(ours[0], THEIRS)
    assert [(one["value"], one["peer_value"]) for one in work] == [(3.0, 7.0), (3.0, 5.0)]
    assert all(set(one) == set(COLUMNS) for one in work)


def test_workers_are_compared_by_the_busiest(monkeypatch):
    class Found:
        digest = "same"

    monkeypatch.setattr(replay, "busiest_s", lambda workers, events: (Found(), 3.0 / workers))
    row = replay.scaling_row(1)
    assert (set(row), row["value"], row["peer_value"], row["ratio"]) == (set(COLUMNS), 1.5, 3.0, 2.0)


def test_workers_that_find_something_else_are_refused(monkeypatch):
    class Found:
        def __init__(self, workers):
            self.digest = str(workers)

    monkeypatch.setattr(replay, "busiest_s", lambda workers, events: (Found(workers), 1.0))
    with pytest.raises(RuntimeError, match="by one and by two workers differ"):
        replay.scaling_row(1)


@pytest.mark.skipif(
    not installed("nautilus"), reason="nautilus_trader is not installed: 'make bench ARGS=replay' does that"
)
def test_nautilus_trader_takes_in_the_same_levels(tape, monkeypatch):
    monkeypatch.setattr(replay, "REPEAT", 1)
    ours, theirs = replay.compare(tape, 50)
    assert set(theirs) == set(FORMS)
    for runs in theirs.values():
        assert runs[0]["updates"] == ours[0].updates
        assert runs[0]["placed"] > 0
        assert runs[0]["refused"] == 0
