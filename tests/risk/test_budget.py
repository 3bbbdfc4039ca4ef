"""The message budget, and the counts of what was seen a moment ago."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from titan.risk.budget import (
    Bucket,
    RecentOrder,
    count_same,
    count_within,
    full,
    refill,
    remember,
    remember_time,
    spend,
    whole_messages,
)
from titan.risk.checks import check_budget
from titan.risk.denials import Denial

times = st.integers(0, 10**12)


@given(st.integers(-(10**10), 10**11), times, times, st.integers(1, 1_000), st.integers(1, 1_000))
def test_two_waits_refill_what_one_does(level, first, second, rate, burst):
    start = Bucket(min(level, burst * 10**9), 0)
    middle, end = sorted((first, second))
    assert refill(refill(start, middle, rate, burst), end, rate, burst) == refill(start, end, rate, burst)


def test_a_clock_that_steps_back_adds_nothing():
    late = Bucket(5, 1_000)
    assert refill(late, 500, 10, 10) == late


def test_cancels_pass_when_orders_do_not():
    bucket = full(3, 0)
    assert check_budget(whole_messages(bucket), reserve=2) is None
    bucket = spend(bucket)
    assert check_budget(whole_messages(bucket), reserve=2) == Denial.MESSAGE_BUDGET
    bucket = spend(bucket, 4)  # cancels are sent all the same, and leave a debt
    assert whole_messages(bucket) == -2
    assert whole_messages(refill(bucket, 1_000_000_000, 5, 3)) == 3


@given(st.lists(st.integers(0, 50_000_000), max_size=80), st.integers(1, 50), st.integers(1, 20))
def test_no_interval_passes_more_than_burst_and_refill(gaps_ns, rate, burst):
    bucket, now_ns, passed = full(burst, 0), 0, 0
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        bucket = refill(bucket, now_ns, rate, burst)
        if check_budget(whole_messages(bucket), reserve=0) is None:
            bucket, passed = spend(bucket), passed + 1
    assert passed * 10**9 <= burst * 10**9 + rate * now_ns


def test_only_the_same_order_within_the_window_is_a_duplicate():
    sent = remember((), RecentOrder(0, 1, 100, 5), 200)
    assert count_same(sent, RecentOrder(199, 1, 100, 5), 200) == 1
    assert count_same(sent, RecentOrder(200, 1, 100, 5), 200) == 0
    for other in (RecentOrder(1, -1, 100, 5), RecentOrder(1, 1, 101, 5), RecentOrder(1, 1, 100, 6)):
        assert count_same(sent, other, 200) == 0


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(0, 60), st.integers(1, 20))
def test_times_count_up_to_the_edge_of_the_window(stamps, now_ns, window_ns):
    kept = tuple(sorted(stamps))
    assert count_within(kept, now_ns, window_ns) == sum(now_ns - seen < window_ns for seen in kept)
    latest = max([now_ns, *kept])
    inside = [seen for seen in kept if latest - seen < window_ns]
    assert remember_time(kept, latest, window_ns) == (*inside, latest)


@given(st.lists(times, max_size=30), st.integers(1, 10**12))
def test_forgetting_never_changes_the_count(stamps, window_ns):
    kept: tuple[int, ...] = ()
    for seen, stamp in enumerate(sorted(stamps), start=1):
        kept = remember_time(kept, stamp, window_ns)
        everything = tuple(sorted(stamps)[:seen])
        assert count_within(kept, stamp, window_ns) == count_within(everything, stamp, window_ns)


def test_recent_orders_are_cut_to_the_window():
    recent: tuple[RecentOrder, ...] = ()
    for time_ns in range(0, 1_000, 10):
        recent = remember(recent, RecentOrder(time_ns, 1, 100, 5), 50)
    assert len(recent) == 5
