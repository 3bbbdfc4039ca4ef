"""Shutdown: monotone, causal, and STOP is cleared by an operator alone, over all paths."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.risk.shutdown import (
    DAY_NS,
    Channel,
    Level,
    Parameters,
    Profit,
    action,
    channel_levels,
    checked,
    level,
    losses,
    permits,
    profit_update,
    release,
    start,
    update,
)

S_NS = 10**9
ENTER, LEAVE = (1.0, 2.0, 3.0, 4.0), (0.5, 1.5, 2.5, 3.5)
LOSS = Channel("loss", ENTER, LEAVE, daily=True)
USE = Channel("use", ENTER, LEAVE)
DESK = checked(Parameters((LOSS, USE), dwell_ns=10 * S_NS))
reads = st.floats(-1.0, 5.0)
rises = st.floats(0.0, 3.0)
gaps = st.integers(0, 8 * S_NS)
steps = st.lists(st.tuples(gaps, reads, reads, rises, rises), min_size=1, max_size=60)
PARAMETERS = {"channels": (LOSS,), "dwell_ns": 1, "clock_ns": 1}


def follow(path, begin_ns=0, desk=DESK):
    """Return the states along (gap in ns, value, value)."""
    state, now_ns, out = start(desk, begin_ns), begin_ns, []
    for gap_ns, *values in path:
        now_ns += gap_ns
        state = update(desk, state, now_ns, tuple(values))
        out.append(state)
    return out


@given(steps, st.integers(0, 2 * DAY_NS))
def test_what_is_worse_everywhere_is_shut_at_least_as_far(path, begin_ns):
    better = follow([(gap, one, two) for gap, one, two, _, _ in path], begin_ns)
    worse = follow([(gap, one + more, two + less) for gap, one, two, more, less in path], begin_ns)
    for one, other in zip(better, worse, strict=True):
        assert level(other) >= level(one)
        assert all(b >= a for a, b in zip(channel_levels(one), channel_levels(other), strict=True))


@given(steps, st.lists(st.floats(0.0, 1.0), min_size=60, max_size=60))
def test_looking_again_at_the_same_value_changes_nothing(path, cuts):
    path = [(gap, one, two) for gap, one, two, _, _ in path]
    state, now_ns, levels = start(DESK, 0), 0, []
    held = (-math.inf, -math.inf)
    for (gap_ns, *values), cut in zip(path, cuts, strict=False):
        state = update(DESK, state, now_ns + int(gap_ns * cut), held)
        now_ns += gap_ns
        held = tuple(values)
        state = update(DESK, state, now_ns, held)
        levels.append(level(state))
    assert levels == [level(seen) for seen in follow(path)]


@given(steps)
def test_the_level_is_reached_at_once_and_is_the_highest_channel(path):
    for (_, one, two), state in zip(
        [row[:3] for row in path], follow([row[:3] for row in path]), strict=True
    ):
        assert level(state) >= sum(max(one, two) >= threshold for threshold in ENTER)
        assert level(state) == max(channel_levels(state))


@given(steps, st.integers(1, 400))
def test_neither_time_nor_midnight_clears_stop(path, days):
    state = follow([(0, 9.0, 0.0)])[-1]
    for gap_ns, one, two, _, _ in path:
        state = update(DESK, state, state.time_ns + gap_ns + days * DAY_NS, (one, two))
        assert level(state) is Level.STOP
    assert level(release(state, "ada")) < Level.STOP
    assert release(state, "ada").released_by == "ada"
    assert update(DESK, release(state, "ada"), state.time_ns, (0.0, 0.0)).released_by == "ada"


def test_stop_comes_back_where_its_cause_still_stands():
    state = release(follow([(0, 9.0, 0.0)])[-1], "ada")
    assert level(update(DESK, state, 1, (9.0, 0.0))) is Level.STOP
    assert level(update(DESK, state, 1, (3.9, 0.0))) is Level.CRITICAL


def test_midnight_clears_the_daily_channel_alone():
    noon = follow([(0, 3.2, 2.2)], begin_ns=DAY_NS // 2)[-1]
    assert channel_levels(noon) == (Level.CRITICAL, Level.WARNING)
    assert channel_levels(update(DESK, noon, DAY_NS - 1, (3.2, 2.2))) == (Level.CRITICAL, Level.WARNING)
    assert channel_levels(update(DESK, noon, DAY_NS, (0.0, 2.2))) == (Level.NORMAL, Level.WARNING)
    assert channel_levels(update(DESK, noon, DAY_NS, (3.0, 2.2))) == (Level.CRITICAL, Level.WARNING)


def test_midnight_forgives_nothing_that_cannot_be_read():
    noon = follow([(0, 3.2, 0.0)], begin_ns=DAY_NS // 2)[-1]
    unread = update(DESK, noon, DAY_NS, (math.nan, 0.0))
    assert channel_levels(unread)[0] is Level.CRITICAL
    later = update(DESK, update(DESK, unread, DAY_NS + S_NS, (math.nan, 0.0)), DAY_NS + 2 * S_NS, (0.0, 0.0))
    assert channel_levels(later)[0] is Level.NORMAL, "the first reading after midnight ends it, not the dwell"
    again = update(DESK, update(DESK, later, DAY_NS + 3 * S_NS, (3.2, 0.0)), DAY_NS + 4 * S_NS, (0.0, 0.0))
    assert channel_levels(again)[0] is Level.CRITICAL, "and it ends once"


def test_a_latch_clears_at_a_tick_after_the_dwell():
    state = follow([(0, 1.2, 0.0), (S_NS // 2, 0.4, 0.0)])[-1]
    assert (
        level(update(DESK, state, 10 * S_NS + S_NS // 2, (0.4, 0.0))) is Level.CAUTION
    )  # the tick was at 10 s
    assert level(update(DESK, state, 11 * S_NS, (0.4, 0.0))) is Level.NORMAL
    above = update(DESK, state, 10 * S_NS, (0.5, 0.0))  # at its exit again
    assert level(update(DESK, above, 19 * S_NS, (0.4, 0.0))) is Level.CAUTION


def test_what_cannot_be_read_holds_the_latches_and_sets_none():
    state = follow([(0, 1.2, 0.0), (S_NS, math.nan, math.nan)])[-1]
    later = update(DESK, state, 3_600 * S_NS, (math.nan, math.nan))
    assert channel_levels(later) == (Level.CAUTION, Level.NORMAL)
    assert level(update(DESK, later, 3_601 * S_NS, (0.0, 0.0))) is Level.CAUTION
    assert level(update(DESK, later, 3_601 * S_NS, (math.inf, 0.0))) is Level.STOP


def test_a_clock_that_steps_back_clears_nothing():
    state = follow([(100 * S_NS, 1.2, 0.0), (S_NS, 0.0, 0.0)])[-1]
    back = update(DESK, state, 0, (0.0, 0.0))
    assert (back.time_ns, level(back)) == (state.time_ns, Level.CAUTION)


def test_a_desk_without_channels_is_normal():
    empty = checked(Parameters(()))
    assert level(update(empty, start(empty, 0), 1, ())) is Level.NORMAL


def test_actions_tighten_with_the_level():
    actions = [action(DESK, at) for at in Level]
    for less, more in itertools.pairwise(actions):
        assert more.size_factor < less.size_factor
        assert more.spread_factor > less.spread_factor
        assert more.may_increase <= less.may_increase


@pytest.mark.parametrize("at", list(Level))
def test_cancels_and_reductions_always_pass(at):
    assert permits(at, reduces=False, cancels=True)
    assert permits(at, reduces=True)
    assert permits(at, reduces=False) == action(DESK, at).may_increase == (at < Level.CRITICAL)


@given(st.lists(st.tuples(gaps, st.floats(-1e6, 1e6)), min_size=1, max_size=40))
def test_losses_are_measured_from_what_was_marked(path):
    state, marks = Profit(0, 0.0, 0.0, 0.0, 0.0, 0.0), [0.0]
    for gap_ns, profit in path:
        state = profit_update(state, profit, state.time_ns + gap_ns, 5 * S_NS)
        marks.append(profit)
        day, drawdown, bucket = losses(state)
        assert day == -profit
        assert drawdown == max(marks) - profit
        assert drawdown >= 0.0
        assert bucket <= drawdown


def test_a_new_day_and_new_buckets_start_from_the_last_mark():
    state = profit_update(Profit(0, 0.0, 0.0, 0.0, 0.0, 0.0), -100.0, 5 * S_NS, 60 * S_NS)
    assert losses(state) == (100.0, 100.0, 100.0)
    after_two = profit_update(state, -130.0, 125 * S_NS, 60 * S_NS)
    assert losses(after_two) == (130.0, 130.0, 30.0)
    next_day = profit_update(state, -130.0, DAY_NS, 60 * S_NS)
    assert losses(next_day) == (30.0, 130.0, 30.0)
    assert profit_update(next_day, -140.0, 0, 60 * S_NS).time_ns == DAY_NS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": (Channel("x", (1.0, 2.0, 2.5), LEAVE),)}, r"channel x: enter = \(1.0, 2.0, 2.5\)"),
        ({"channels": (Channel("x", (1.0, 2.0, 9.0, 4.0), LEAVE),)}, "must be 4 rising finite numbers"),
        ({"channels": (Channel("x", (1.0, 2.0, 3.0, math.inf), LEAVE),)}, "must be 4 rising finite numbers"),
        ({"channels": (Channel("x", ENTER, (0.5, 1.5, 1.0, 3.5)),)}, "must be 4 rising finite numbers"),
        ({"channels": (Channel("x", ENTER, ENTER),)}, "channel x: exit = .*: each must be < enter"),
        ({"dwell_ns": 0}, "dwell_ns = 0: must be >= 1"),
        ({"clock_ns": -1}, "clock_ns = -1: must be >= 1"),
        ({"size_factors": (1.0, 0.5)}, r"size_factors = \(1.0, 0.5\): must be 5 falling numbers"),
        ({"size_factors": (1.0, 0.5, 0.6, 0.1, 0.0)}, "must be 5 falling numbers within 0..1"),
        ({"size_factors": (1.0, 0.5, 0.4, 0.1, -0.1)}, "must be 5 falling numbers within 0..1"),
        ({"size_factors": (1.1, 0.5, 0.4, 0.1, 0.0)}, "must be 5 falling numbers within 0..1"),
        ({"spread_factors": (1.0,)}, "must be 5 rising numbers >= 1"),
        ({"spread_factors": (0.9, 1.0, 1.0, 1.0, 1.0)}, "must be 5 rising numbers >= 1"),
        ({"spread_factors": (1.0, 2.0, 1.0, 1.0, math.nan)}, "must be 5 rising numbers >= 1"),
    ],
)
def test_bad_parameters_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        checked(Parameters(**(PARAMETERS | change)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: update(DESK, start(DESK, 0), 0, (1.0,)),
            r"values = \(1.0,\): must be one a channel, \['loss'",
        ),
        (lambda: release(start(DESK, 0), " "), "operator = ' ': must name who releases STOP"),
        (lambda: profit_update(Profit(0, 0, 0, 0, 0, 0), math.nan, 0, 1), "profit = nan"),
        (lambda: profit_update(Profit(0, 0, 0, 0, 0, 0), 0.0, 0, 0), "bucket_ns = 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
