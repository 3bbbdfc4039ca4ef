"""First in, first out: what a position's lots are old."""

from hypothesis import given
from hypothesis import strategies as st

from titan.engine import holdings

moves = st.lists(st.integers(-9, 9).filter(bool), max_size=40)


def after(lots):
    held = ()
    for time_ns, each in enumerate(lots, 1):
        held = holdings.changed(held, time_ns, each)
    return held


@given(moves)
def test_the_entries_sum_to_the_position_and_are_of_one_sign(lots):
    held = after(lots)
    assert holdings.total(held) == sum(lots)
    assert len({entry > 0 for _, entry in held}) <= 1
    assert all(entry for _, entry in held)
    assert [time_ns for time_ns, _ in held] == sorted(time_ns for time_ns, _ in held)


@given(moves, st.integers(0, 50))
def test_older_counts_what_was_opened_before(lots, before):
    held = after(lots)
    assert holdings.older(held, before) == sum(entry for time_ns, entry in held if time_ns < before)


def test_the_oldest_are_closed_first_and_what_exceeds_them_opens_anew():
    assert after([5, 4, -6]) == ((2, 3),)
    assert after([5, 4, -9]) == ()
    assert after([5, 4, -11]) == ((3, -2),)
    assert after([5, -2, 4]) == ((1, 3), (3, 4))


def test_beyond_the_bound_nothing_becomes_younger():
    held = after([1] * (holdings.MOST_ENTRIES + 3))
    assert len(held) == holdings.MOST_ENTRIES
    assert held[0] == (1, 4)
    assert holdings.total(held) == holdings.MOST_ENTRIES + 3


def test_what_nobody_saw_being_opened_counts_from_now_on():
    assert holdings.completed(((3, 5),), 7, 9) == ((3, 5), (9, 2))
    assert holdings.completed((), -4, 9) == ((9, -4),)
    assert holdings.completed(((3, 5),), 5, 9) == ((3, 5),)
    assert holdings.completed(((3, 5),), 2, 9) == ((3, 2),)


def test_in_new_lots_all_is_as_old_as_the_oldest():
    assert holdings.rekeyed(((3, 5), (8, 1)), 60) == ((3, 60),)
    assert holdings.rekeyed(((3, 5),), 0) == ()
    assert holdings.rekeyed((), 0) == ()
