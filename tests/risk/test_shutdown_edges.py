"""Shutdown at its edges: what the defaults do, and the last value that passes or refuses."""

from __future__ import annotations

import math

import pytest

from tests.risk.test_shutdown import ENTER, LEAVE, LOSS, S_NS, USE
from titan.risk.shutdown import (
    DAY_NS,
    Action,
    Channel,
    Latch,
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

DEFAULT = Parameters((USE,))


def levels(*path, desk=DEFAULT):
    """The level after each (time in s, value)."""
    state, seen = start(desk, 0), []
    for time_s, value in path:
        state = update(desk, state, round(time_s * S_NS), (value,))
        seen.append(level(state))
    return seen


def test_by_default_a_level_is_left_after_five_minutes_of_calm_at_a_whole_second():
    assert levels((0, 1.0), (1, 0.4), (300.999, 0.4), (301, 0.4)) == [1, 1, 1, 0]
    assert levels((0, 1.0), (1.25, 0.4), (301.999, 0.4), (302, 0.4)) == [1, 1, 1, 0]


def test_by_default_each_level_quotes_less_and_wider():
    assert [action(DEFAULT, at) for at in Level] == [
        Action(1.0, 1.0, True),
        Action(0.7, 1.25, True),
        Action(0.4, 1.75, True),
        Action(0.2, 2.5, False),
        Action(0.0, 4.0, False),
    ]


def test_a_day_has_86_400_seconds_and_a_channel_is_forgiven_at_midnight_only_if_it_is_daily():
    day = 86_400
    assert day * S_NS == DAY_NS
    assert levels((day - 1, 1.0), (day, 0.4)) == [1, 1]
    assert levels((day - 1, 1.0), (day, 0.4), desk=Parameters((LOSS,))) == [1, 0]
    assert levels((day - 2, 1.0), (day - 1, 0.4), desk=Parameters((LOSS,))) == [1, 1]


@pytest.mark.parametrize("at", range(4))
def test_a_level_is_entered_at_its_threshold_and_held_at_its_exit(at):
    assert levels((0, math.nextafter(ENTER[at], 0)))[0] == at
    assert levels((0, ENTER[at]))[0] == at + 1
    if at < 3:
        assert levels((0, ENTER[at]), (1, LEAVE[at]), (1_000, LEAVE[at]))[-1] == at + 1
        below = math.nextafter(LEAVE[at], 0)
        assert levels((0, ENTER[at]), (1, below), (1_000, below))[-1] == at


def test_a_value_that_was_above_until_now_begins_the_dwell_now():
    """Seen at 0 s and again at 1000 s: it stood in between, whatever it is now."""
    assert levels((0, 1.0), (1_000, 0.4), (1_299, 0.4), (1_300, 0.4)) == [1, 1, 1, 0]


def test_a_start_remembers_when_it_was():
    state = start(Parameters((USE, LOSS)), 7)
    assert (state.time_ns, state.released_by, len(state.channels)) == (7, "", 2)
    assert {channel.value for channel in state.channels} == {-math.inf}
    assert all(channel.latches == (Latch(False, 7),) * 4 for channel in state.channels)


def test_a_release_frees_stop_alone_and_keeps_its_time():
    stopped = update(DEFAULT, start(DEFAULT, 0), 5, (4.0,))
    for time_ns in (6, 7):
        stopped = update(DEFAULT, stopped, time_ns, (3.0,))
    freed = release(stopped, "ada")
    assert channel_levels(freed) == (Level.CRITICAL,)
    assert [latch.is_set for latch in freed.channels[0].latches] == [True, True, True, False]
    assert [latch.last_above_ns for latch in freed.channels[0].latches] == [7, 7, 7, 6]
    assert (freed.time_ns, freed.released_by) == (7, "ada")


def test_critical_and_stop_let_only_reductions_and_cancels_pass():
    assert [permits(at, reduces=False) for at in Level] == [True, True, True, False, False]
    assert all(permits(at, reduces=True) and permits(at, reduces=False, cancels=True) for at in Level)


@pytest.mark.parametrize(
    "right",
    [
        {"dwell_ns": 1, "clock_ns": 1},
        {"size_factors": (1.0, 1.0, 0.5, 0.0, 0.0)},
        {"size_factors": (0.5, 0.5, 0.5, 0.5, 0.5)},
        {"spread_factors": (1.0, 1.0, 1.0, 1.0, 1.0)},
        {"spread_factors": (2.0, 2.0, 3.0, 3.0, 4.0)},
        {"channels": ()},
        {"channels": (Channel("x", (1.0,) * 4, (0.5,) * 4),)},
    ],
)
def test_what_is_just_in_order_is_handed_back(right):
    parameters = DEFAULT._replace(**right)
    assert checked(parameters) is parameters


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"channels": (Channel("x", ENTER[:3], LEAVE),)}, "channel x"),
        ({"channels": (Channel("x", ENTER, LEAVE[:3]),)}, "channel x"),
        ({"channels": (Channel("x", ENTER[:3], LEAVE[:3]),)}, "must be 4 rising"),
        ({"channels": (Channel("x", (2.0, 1.0, 3.0, 4.0), LEAVE),)}, "must be 4 rising"),
        ({"channels": (Channel("x", ENTER, (1.0, 0.5, 2.5, 3.5)),)}, "must be 4 rising"),
        ({"channels": (Channel("x", (1.0, 2.0, 3.0, math.inf), LEAVE),)}, "must be 4 rising finite"),
        ({"channels": (Channel("x", ENTER, (0.5, 1.5, 2.5, 4.0)),)}, "each must be < enter"),
        ({"channels": (Channel("x", ENTER, (1.0, 1.5, 2.5, 3.5)),)}, "each must be < enter"),
        ({"dwell_ns": 0}, "dwell_ns = 0: must be >= 1"),
        ({"clock_ns": 0}, "clock_ns = 0: must be >= 1"),
        ({"size_factors": (1.0, 0.7, 0.4, 0.2)}, "size_factors"),
        ({"size_factors": (1.1, 0.7, 0.4, 0.2, 0.0)}, "size_factors"),
        ({"size_factors": (1.0, 0.7, 0.4, 0.2, -0.1)}, "size_factors"),
        ({"size_factors": (1.0, 0.4, 0.7, 0.2, 0.0)}, "size_factors"),
        ({"spread_factors": (1.0, 1.25, 1.75, 2.5)}, "spread_factors"),
        ({"spread_factors": (0.9, 1.25, 1.75, 2.5, 4.0)}, "spread_factors"),
        ({"spread_factors": (1.0, 1.75, 1.25, 2.5, 4.0)}, "spread_factors"),
    ],
)
def test_what_is_just_out_of_order_is_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        checked(DEFAULT._replace(**wrong))


# ---- Profit ------------------------------------------------------------------------------------------------


def marks(*path, bucket_ns=10):
    state = Profit(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for time_ns, profit in path:
        state = profit_update(state, profit, time_ns, bucket_ns)
    return state


def test_a_bucket_begins_with_the_last_mark_before_it_and_the_one_before_is_remembered():
    assert marks((5, 3.0)) == Profit(5, 3.0, 0.0, 3.0, 0.0, 0.0)
    assert marks((5, 3.0), (9, 4.0)) == Profit(9, 4.0, 0.0, 4.0, 0.0, 0.0)
    assert marks((5, 3.0), (10, 1.0)) == Profit(10, 1.0, 0.0, 3.0, 3.0, 0.0)
    assert marks((5, 3.0), (10, 1.0), (20, 2.0)) == Profit(20, 2.0, 0.0, 3.0, 1.0, 3.0)
    assert marks((5, 3.0), (10, 1.0), (30, 2.0)) == Profit(30, 2.0, 0.0, 3.0, 1.0, 1.0)
    assert marks((5, 3.0), (10, 1.0), (60, 2.0)) == Profit(60, 2.0, 0.0, 3.0, 1.0, 1.0)


def test_a_clock_that_steps_back_begins_no_bucket_and_no_day():
    assert marks((25, 3.0), (5, 1.0)) == Profit(25, 1.0, 0.0, 3.0, 0.0, 0.0)


def test_a_day_begins_with_the_last_mark_before_it():
    state = marks((DAY_NS - 1, 3.0), (DAY_NS, 1.0), bucket_ns=1)
    assert (state.day_start, state.time_ns) == (3.0, DAY_NS)
    assert losses(state) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(("now", "expected"), [(-1.0, (3.0, 8.0, 6.0)), (9.0, (-7.0, -2.0, -4.0))])
def test_losses_are_measured_from_the_day_the_peak_and_the_better_of_two_buckets(now, expected):
    assert losses(Profit(0, now, 2.0, 7.0, 5.0, 4.0)) == expected
    assert losses(Profit(0, now, 2.0, 7.0, 4.0, 5.0)) == expected


@pytest.mark.parametrize(("profit", "bucket_ns"), [(math.nan, 1), (math.inf, 1), (0.0, 0)])
def test_a_profit_that_is_no_number_and_a_bucket_of_no_length_are_refused(profit, bucket_ns):
    with pytest.raises(ValueError, match=f"profit = {profit}, bucket_ns = {bucket_ns}: must be"):
        profit_update(Profit(0, 0.0, 0.0, 0.0, 0.0, 0.0), profit, 0, bucket_ns)


def test_the_shortest_bucket_is_a_nanosecond():
    assert marks((1, 3.0), (2, 1.0), bucket_ns=1).bucket_start == 3.0
