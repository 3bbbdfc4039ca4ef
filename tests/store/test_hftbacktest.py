"""hftbacktest's format: its dtype, its order, its rules; and its own checks where that library is at hand."""

import os
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.tapes import STEPS, SYMBOL, capture_lines
from titan.store import hftbacktest as h
from titan.store import tape as t
from titan.store.capture_tapes import tapes_of

THEIR_CHECK = """
import sys
import numpy as np
from hftbacktest.data.validation import correct_event_order, validate_event_order
from hftbacktest.types import event_dtype
events = np.load(sys.argv[1])["data"]
assert events.dtype == event_dtype
validate_event_order(events)
rows = np.zeros(int(((events["ev"] & (1 << 30)) != 0).sum()), event_dtype)
rows[:] = events[(events["ev"] & (1 << 30)) != 0]
rows["ev"] &= np.uint64((1 << 30) - 1)
orders = [np.argsort(rows[name], kind="stable") for name in ("exch_ts", "local_ts")]
assert (correct_event_order(rows, *orders) == events).all()
"""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("npz") / "capture"


def tape_of(scratch, steps, lags):
    scratch.write_bytes(b"".join(capture_lines([("trade", 1_001, True), *steps], lags)))
    return tapes_of([scratch])[SYMBOL]


@given(STEPS, st.lists(st.integers(-20_000, 20_000), min_size=1, max_size=9), st.booleans())
@settings(max_examples=80, deadline=None)
def test_every_row_is_told_once_to_each_side_and_in_its_order(scratch, steps, lags, top):
    tape = tape_of(scratch, steps, lags)
    events = h.to_events(tape, top=top, base_latency_ns=500)
    h.validate_events(events)
    kinds = tape.columns.what & t.KIND
    wanted = (kinds != t.TOP) | top
    wanted &= (tape.columns.price_ticks > 0) | (kinds == t.CLEAR)
    stamps = tape.columns.time_ns[wanted]
    received = tape.received_ns()[wanted]
    behind = min((received - stamps).min(), 0) - (500 if (received < stamps).any() else 0)
    for flag, column, times in (
        (h.EXCH_EVENT, "exch_ts", stamps),
        (h.LOCAL_EVENT, "local_ts", received - behind),
    ):
        of_side = events[(events["ev"] & np.uint64(flag)) != 0]
        assert of_side[column].tolist() == sorted(times.tolist())
        assert sorted(of_side["px"].tolist()) == pytest.approx(
            sorted((tape.columns.price_ticks[wanted] * 0.1).tolist())
        )
    both = ((events["ev"] >> np.uint64(30)) & np.uint64(3)) == 3
    assert both.sum() * 2 + (~both).sum() == 2 * wanted.sum()


def test_kinds_sides_prices_and_sizes(scratch):
    steps = [
        ("snapshot", ({999: 5}, {1_001: 6}), False),
        ("depth", ({999: 0}, {1_002: 7}), False),
        ("trade", 1_002, False),
        ("top", ({998: 4}, {}), False),
    ]
    events = h.to_events(tape_of(scratch, steps, [250]), top=True)
    sides = h.EXCH_EVENT | h.LOCAL_EVENT
    assert [(int(e["ev"]) & ~sides, e["px"], e["qty"]) for e in events] == [
        (h.TRADE_EVENT | h.SELL_EVENT, 100.1, 0.007),
        (h.DEPTH_CLEAR_EVENT, 0.0, 0.0),
        (h.DEPTH_SNAPSHOT_EVENT | h.BUY_EVENT, 99.9, 0.005),
        (h.DEPTH_SNAPSHOT_EVENT | h.SELL_EVENT, 100.1, 0.006),
        (h.DEPTH_EVENT | h.BUY_EVENT, 99.9, 0.0),
        (h.DEPTH_EVENT | h.SELL_EVENT, 100.2, 0.007),
        (h.TRADE_EVENT | h.BUY_EVENT, 100.2, 0.007),
        (h.DEPTH_BBO_EVENT | h.BUY_EVENT, 99.8, 0.004),
    ]
    assert set(events["local_ts"] - events["exch_ts"]) <= set(range(250_000, 1_250_001))
    assert len(h.to_events(tape_of(scratch, steps, [250]))) == len(events) - 1


def test_a_clock_that_ran_behind_is_moved_by_as_much_as_the_fastest_message_needs(scratch):
    trades = [("trade", 1_001, False)] * 4
    tape = tape_of(scratch, trades, [-1_270_000, -1_260_000])
    events = h.to_events(tape, base_latency_ns=2_000)
    latency = events["local_ts"] - events["exch_ts"]
    assert latency.min() == 2_000
    assert latency.max() < 12_000_000
    assert (
        h.to_events(tape_of(scratch, trades, [300]))["local_ts"]
        == tape_of(scratch, trades, [300]).received_ns()
    ).all()


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (
            lambda e: e["exch_ts"].__setitem__(0, 2**62),
            "exchange events are out of order",
        ),
        (lambda e: e["local_ts"].__setitem__(0, 2**62), "local events are out of order"),
        (
            lambda e: (
                e["local_ts"].__setitem__(-1, e["local_ts"][-1] + 1) or e["exch_ts"].__setitem__(-1, 2**62)
            ),
            "sent",
        ),
        (lambda e: e["ev"].__setitem__(0, h.TRADE_EVENT), "neither side"),
    ],
)
def test_what_that_library_would_misread_is_refused(scratch, tmp_path, spoil, word):
    events = h.to_events(tape_of(scratch, [("trade", 1_001, False)] * 3, [250]))
    spoil(events)
    with pytest.raises(h.EventsError, match=word):
        h.write_events(tmp_path / "x.npz", events)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(h.EventsError, match="hftbacktest reads"):
        h.validate_events(np.zeros(3))


def test_the_file_is_what_was_written(scratch, tmp_path):
    events = h.to_events(tape_of(scratch, [("trade", 1_001, False)] * 3, [250]))
    h.write_events(tmp_path / "new" / "x.npz", events)
    with np.load(tmp_path / "new" / "x.npz") as found:
        assert found.files == ["data"]
        assert (found["data"] == events).all()
    (tmp_path / "file").write_text("")
    with pytest.raises(h.EventsError, match="name another folder"):
        h.write_events(tmp_path / "file" / "x.npz", events)


def test_the_library_s_own_checks_agree(scratch, tmp_path):
    """Its validation passes, and its own ordering of the same rows gives the same array."""
    python = os.environ.get("TITAN_HFTBACKTEST")
    if not python:
        pytest.skip(
            "hftbacktest needs an older numpy: name the Python of an environment with it in TITAN_HFTBACKTEST"
        )
    steps = [
        ("snapshot", ({999: 5}, {1_001: 6}), False),
        ("depth", ({999: 4}, {}), False),
        ("trade", 1_001, True),
    ]
    events = h.to_events(tape_of(scratch, steps * 9, [-700, 5_000, 300, -90]), top=True)
    h.write_events(tmp_path / "x.npz", events)
    assert ((events["ev"] & np.uint64(h.EXCH_EVENT)) == 0).any()
    done = subprocess.run(
        [python, "-W", "ignore", "-c", THEIR_CHECK, str(tmp_path / "x.npz")],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
