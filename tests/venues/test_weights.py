"""The budget keeps calls within the venue's limits and a reserve for cancels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from titan.venues.weights import PROBE_NS, Cost, RateLimits, WeightBudget

S = 1_000_000_000
MINUTE = 60 * S


def test_a_call_beyond_the_limit_waits_for_the_next_window() -> None:
    budget = WeightBudget(RateLimits(weight=10, reserve=0.0))
    assert budget.admit(Cost(weight=10), 5 * S) == ""
    assert "weight used 10 of 10: free again in 54.0 s" in budget.admit(Cost(weight=1), 6 * S)
    assert budget.admit(Cost(weight=1), MINUTE) == ""


def test_the_reserve_is_for_urgent_calls() -> None:
    budget = WeightBudget(RateLimits(weight=10, reserve=0.2))
    assert budget.admit(Cost(weight=8), 0) == ""
    assert budget.admit(Cost(weight=1), 0) != ""
    assert budget.admit(Cost(weight=1, urgent=True), 0) == ""
    assert budget.admit(Cost(weight=1, urgent=True), 0) != ""
    assert budget.admit(Cost(weight=1, urgent=True, cancels=True), 0) == ""
    assert budget.admit(Cost(weight=1, urgent=True, cancels=True), 0) != ""


@given(calls=st.lists(st.builds(Cost, weight=st.integers(1, 40), urgent=st.booleans()), max_size=200))
def test_whatever_else_is_asked_cancels_have_their_own_part(calls: list[Cost]) -> None:
    budget = WeightBudget(RateLimits(weight=1_000, reserve=0.1))
    for cost in calls:
        budget.admit(cost, 0)
    cancel = Cost(weight=1, urgent=True, cancels=True)
    assert [budget.admit(cancel, 0) for _ in range(50)] == [""] * 50


def test_orders_are_counted_in_both_windows_and_a_refused_one_in_none() -> None:
    budget = WeightBudget(RateLimits(orders_10s=2, orders_1m=3, reserve=0.0))
    order = Cost(weight=0, orders=1)
    assert [budget.admit(order, 0) for _ in range(2)] == ["", ""]
    assert "orders_10s" in budget.admit(order, 9 * S)
    assert budget.admit(order, 10 * S) == ""
    assert "orders_1m" in budget.admit(order, 11 * S)
    assert budget.used["orders_1m"] == 3


def test_headers_correct_the_count_upwards() -> None:
    budget = WeightBudget(RateLimits(weight=100, reserve=0.0))
    budget.admit(Cost(weight=5), 5 * S)
    budget.observe(
        200,
        {"X-MBX-USED-WEIGHT-1M": "90", "X-MBX-ORDER-COUNT-10S": "7", "X-MBX-ORDER-COUNT-1M": "x"},
        "",
        now_ns=6 * S,
        sent_ns=5 * S,
    )
    assert budget.used == {"weight": 90, "orders_10s": 7, "orders_1m": 0}
    budget.observe(200, {"x-mbx-used-weight-1m": "50"}, "", 6 * S, 6 * S)
    assert budget.used["weight"] == 90


def test_a_count_that_may_be_of_the_window_before_says_nothing_of_this_one() -> None:
    """A late answer told 802 of the minute before: requests seemed used up for the whole of the next one."""
    budget = WeightBudget(RateLimits())
    for sent_ns, told in ((MINUTE - 1 * S, 90), (MINUTE, 70), (MINUTE + S // 4, 30)):
        budget.observe(200, {"x-mbx-used-weight-1m": str(told)}, "", MINUTE + 2 * S, sent_ns)
    assert budget.used["weight"] == 30


def test_a_ban_shuts_everything_until_it_ends() -> None:
    budget = WeightBudget(RateLimits())
    budget.observe(418, {}, "Way too much request weight used; IP banned until 0000000005000.", 0, 0)
    assert "refuses all requests for another 4.0 s" in budget.admit(Cost(urgent=True), 1 * S)
    assert budget.admit(Cost(), 5 * S) == ""


def test_too_many_requests_shuts_for_as_long_as_the_venue_says_or_a_minute() -> None:
    budget = WeightBudget(RateLimits())
    budget.observe(429, {"Retry-After": "3"}, "", 0, 0)
    assert budget.admit(Cost(), 2 * S) != ""
    assert budget.admit(Cost(), 3 * S) == ""
    budget.observe(429, {}, "", 4 * S, 4 * S)
    assert budget.admit(Cost(), 63 * S) != ""
    assert budget.admit(Cost(), 64 * S) == ""


def test_when_a_ban_ends_one_call_tries_and_the_others_wait_for_its_answer() -> None:
    budget = WeightBudget(RateLimits())
    budget.observe(418, {"Retry-After": "5"}, "", 0, 0)
    assert budget.admit(Cost(), 5 * S) == ""
    assert "one request is out" in budget.admit(Cost(urgent=True), 5 * S)
    budget.observe(200, {}, "", 6 * S, 6 * S)
    assert [budget.admit(Cost(), 6 * S) for _ in range(3)] == ["", "", ""]


def test_a_try_without_an_answer_is_repeated_after_a_while() -> None:
    budget = WeightBudget(RateLimits())
    budget.observe(418, {"Retry-After": "5"}, "", 0, 0)
    assert budget.admit(Cost(), 5 * S) == ""
    assert budget.admit(Cost(), 5 * S + PROBE_NS - 1) != ""
    assert budget.admit(Cost(), 5 * S + PROBE_NS) == ""


def test_an_answer_that_was_on_its_way_does_not_end_a_ban() -> None:
    budget = WeightBudget(RateLimits())
    budget.observe(418, {"Retry-After": "5"}, "", 0, 0)
    budget.observe(200, {}, "", 1 * S, 1 * S)
    assert budget.admit(Cost(), 2 * S) != ""


def test_so_many_cancels_go_out_after_a_429_and_none_after_a_418() -> None:
    budget = WeightBudget(RateLimits(cancels_limited=2))
    cancel = Cost(urgent=True, cancels=True)
    budget.observe(429, {"Retry-After": "5"}, "", 0, 0)
    assert [budget.admit(cancel, 1 * S) == "" for _ in range(3)] == [True, True, False]
    budget.observe(429, {"Retry-After": "5"}, "", 1 * S, 1 * S)
    assert budget.admit(cancel, 2 * S) != ""
    budget.observe(418, {"Retry-After": "5"}, "", 2 * S, 2 * S)
    assert budget.admit(cancel, 3 * S) != ""


def test_a_refusal_of_all_is_told_once_for_each_end_that_is_later() -> None:
    told: list[tuple[int, str]] = []
    budget = WeightBudget(RateLimits())
    budget.shut = lambda until_ns, reason: told.append((until_ns, reason))
    budget.observe(429, {"Retry-After": "5"}, "", 0, 0)
    budget.observe(429, {"Retry-After": "4"}, "", 1 * S, 1 * S)
    budget.observe(418, {"Retry-After": "9"}, "", 1 * S, 1 * S)
    assert told == [(5 * S, "too many requests (429)"), (10 * S, "banned (418)")]


def test_a_pause_is_as_long_by_a_clock_that_is_measured_meanwhile() -> None:
    """A ban names a moment of the venue's clock; it stays where it is."""
    budget = WeightBudget(RateLimits())
    budget.correct(9 * S, 0)
    assert budget.admit(Cost(), 0) == ""
    budget.observe(429, {"Retry-After": "7"}, "", 100 * S, 100 * S)
    budget.correct(2 * S, 102 * S)
    assert budget.admit(Cost(), 108 * S) != ""
    assert budget.admit(Cost(), 109 * S) == ""
    budget.observe(418, {}, "banned until 0000000120000.", 110 * S, 110 * S)
    budget.correct(5 * S, 115 * S)
    assert budget.admit(Cost(), 119 * S) != ""
    assert budget.admit(Cost(), 120 * S) == ""


def test_a_ban_that_seemed_over_by_a_wrong_clock_is_told_again() -> None:
    """A session starts with a clock one second ahead, is banned, and measures the venue's clock only then."""
    budget, told = WeightBudget(RateLimits()), []
    budget.shut = lambda until_ns, reason: told.append((until_ns, reason))
    budget.observe(418, {}, "banned until 0000000120000.", 120 * S, 120 * S)
    budget.observe(200, {}, "", 120 * S, 120 * S)
    assert budget.admit(Cost(), 120 * S) == ""
    budget.correct(-S, 119 * S)
    assert told == [(120 * S, "banned (418)")] * 2
    assert budget.admit(Cost(urgent=True, cancels=True), 119 * S) != ""
    assert budget.admit(Cost(), 120 * S) == ""


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 2), st.booleans(), st.integers(0, 30 * S)), max_size=60
    )
)
def test_no_window_ever_holds_more_than_its_limit(calls: list[tuple[int, int, bool, int]]) -> None:
    budget = WeightBudget(RateLimits(weight=50, orders_10s=5, orders_1m=9, reserve=0.1))
    now_ns = 0
    for weight, orders, urgent, later_ns in calls:
        now_ns += later_ns
        budget.admit(Cost(weight, orders, urgent), now_ns)
        assert budget.used["weight"] <= 50
        assert budget.used["orders_10s"] <= 5
        assert budget.used["orders_1m"] <= 9
