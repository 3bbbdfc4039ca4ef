"""The order book: it equals a plain dict, and it knows when it may not be used."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.engine.book import BUFFER_LIMIT, UNPROVEN_LIMIT, Book, BookImage
from titan.model.events import BookDelta, BookSnapshot, TopOfBook


def snapshot(last_id=10, bids=((100, 5), (99, 3)), asks=((101, 4), (103, 2))):
    return BookSnapshot(time_ns=1, venue="v", symbol="S", venue_ns=7, last_id=last_id, bids=bids, asks=asks)


def delta(first, last, previous=-1, bids=(), asks=()):
    return BookDelta(
        time_ns=1, venue="v", symbol="S", venue_ns=9, first_id=first, last_id=last, previous_id=previous,
        bids=bids, asks=asks,
    )  # fmt: skip


def top(update_id, bid=100, bid_size=5, ask=101, ask_size=4):
    return TopOfBook(
        time_ns=1,
        venue="v",
        symbol="S",
        update_id=update_id,
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
    )


def ready_book():
    book = Book()
    book.apply(snapshot())
    return book


def touch(book):
    return book.best_bid, book.best_bid_size, book.best_ask, book.best_ask_size


# ---- Coming up -----------------------------------------------------------------------------------


def test_a_new_book_says_nothing():
    book = Book()
    assert (book.state, book.ready, book.wants_snapshot, touch(book)) == ("empty", False, False, (0, 0, 0, 0))


def test_deltas_before_the_snapshot_are_held_then_dropped_or_applied():
    book = Book()
    book.apply(delta(5, 8, 4, bids=((90, 1),)))
    assert book.state == "syncing"
    assert book.wants_snapshot
    book.apply(delta(9, 12, 8, bids=((100, 6),)))
    book.apply(delta(13, 15, 12, asks=((101, 0),)))
    book.apply(snapshot(last_id=10))
    assert book.state == "ready"
    assert touch(book) == (100, 6, 103, 2)
    assert book.depth_at(1, 90) == 0
    assert book.last_id == 15


@pytest.mark.parametrize(
    ("first", "last", "previous"),
    [(11, 12, 10), (8, 12, 7), (10, 10, 8), (12, 14, 9), (11, 13, -1), (9, 11, -1)],
)
def test_first_delta_after_the_snapshot_may_span_it(first, last, previous):
    book = ready_book()
    book.apply(delta(first, last, previous, bids=((100, 9),)))
    assert (book.state, book.last_id, book.best_bid_size) == ("ready", last, 9)


def test_stale_deltas_after_the_snapshot_are_dropped():
    book = ready_book()
    book.apply(delta(5, 9, 4, bids=((100, 9),)))
    assert (book.state, book.last_id, book.best_bid_size) == ("ready", 10, 5)


@pytest.mark.parametrize(("first", "last", "previous"), [(12, 13, 11), (12, 13, -1)])
def test_first_delta_beyond_the_snapshot_is_a_gap(first, last, previous):
    book = ready_book()
    book.apply(delta(first, last, previous))
    assert book.state == "doubtful"
    assert "gap" in book.reason


def test_a_snapshot_older_than_the_buffer_is_refused_and_a_newer_one_meets_it():
    book = Book()
    book.apply(delta(20, 22, 19, bids=((100, 8),)))
    book.apply(snapshot(last_id=10))
    assert book.state == "syncing"
    assert book.wants_snapshot
    assert "older" in book.reason
    book.apply(snapshot(last_id=21))
    assert (book.state, book.last_id, book.best_bid_size) == ("ready", 22, 8)


def test_a_hole_in_the_buffer_drops_what_lies_before_it():
    book = Book()
    book.apply(delta(5, 8, 4, bids=((90, 1),)))
    book.apply(delta(12, 14, 11))
    book.apply(snapshot(last_id=7))
    assert book.state == "syncing"
    book.apply(snapshot(last_id=12))
    assert (book.state, book.last_id) == ("ready", 14)


def test_the_buffer_is_bounded():
    book = Book()
    for u in range(1, BUFFER_LIMIT + 50):
        book.apply(delta(u, u))
    assert len(book.snapshot().buffer) == BUFFER_LIMIT
    book.apply(snapshot(last_id=BUFFER_LIMIT))
    assert (book.state, book.last_id) == ("ready", BUFFER_LIMIT + 49)


def test_a_ready_book_ignores_an_older_snapshot_and_takes_a_newer_one():
    book = ready_book()
    book.apply(snapshot(last_id=9, bids=((50, 1),)))
    assert book.best_bid == 100
    book.apply(snapshot(last_id=20, bids=((50, 1),)))
    assert (book.best_bid, book.last_id) == (50, 20)
    book.apply(delta(11, 12, 10))
    assert book.state == "ready"


# ---- Going wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (delta(13, 14, 12), "gap"),
        (delta(12, 14, 9), "out of sequence"),
        (delta(11, 11, 10), "out of sequence"),
        (delta(15, 12, 11), "ends before"),
        (delta(5, 6, 11), "ends before"),
        (delta(12, 13, 11, bids=((100, -1),)), "negative"),
        (delta(12, 13, 11, asks=((0, 1),)), "price not above 0"),
        (delta(12, 13, 11, bids=((101, 1),)), "crossed"),
        (delta(12, 13, 11, asks=((99, 1),)), "crossed"),
    ],
)
def test_what_cannot_be_right_makes_it_doubtful_and_a_snapshot_mends_it(bad, word):
    book = ready_book()
    book.apply(delta(11, 11, 10))
    book.apply(bad)
    assert book.state == "doubtful"
    assert word in book.reason
    assert book.wants_snapshot
    assert touch(book) == (0, 0, 0, 0)
    assert book.levels(1, 5) == ()
    book.apply(snapshot(last_id=30))
    assert book.state == "ready"


@pytest.mark.parametrize(
    ("bids", "asks", "word"),
    [
        (((102, 1),), ((101, 1),), "crossed"),
        (((100, -1),), (), "negative"),
        ((), ((0, 1),), "price not above 0"),
    ],
)
def test_a_bad_snapshot_is_never_ready(bids, asks, word):
    book = Book()
    book.apply(delta(10, 11, 9))
    book.apply(snapshot(bids=bids, asks=asks))
    assert book.state == "doubtful"
    assert word in book.reason
    assert touch(book) == (0, 0, 0, 0)


def test_a_delta_that_ends_before_it_begins_empties_the_buffer():
    book = Book()
    book.apply(delta(5, 8, 4))
    book.apply(delta(9, 3, 8))
    assert book.snapshot().buffer == ()


def test_the_delta_that_shows_the_gap_is_kept_for_the_next_snapshot():
    book = ready_book()
    book.apply(delta(20, 22, 19, bids=((100, 8),)))
    book.apply(snapshot(last_id=20))
    assert (book.state, book.last_id, book.best_bid_size) == ("ready", 22, 8)


def test_reset_forgets_the_stream_too():
    book = ready_book()
    book.note_top(top(5))
    book.reset("stream down")
    assert (book.state, book.reason, book.wants_snapshot) == ("empty", "stream down", False)
    assert book.snapshot().last_top is None


# ---- The venue's own best bid and ask ------------------------------------------------------------


def test_a_touch_is_judged_when_the_venue_s_own_has_passed_it():
    book = ready_book()
    book.note_top(top(8))
    book.apply(delta(11, 15, 10, bids=((100, 6),)))
    book.note_top(top(15, bid_size=6))
    assert book.ready
    book.note_top(top(16, bid_size=7))
    assert book.ready


def test_a_touch_that_differs_from_the_venue_s_own_is_doubtful():
    book = ready_book()
    book.note_top(top(12, bid_size=9))
    book.apply(delta(11, 15, 10, bids=((100, 6),)))
    assert book.ready
    book.note_top(top(16))
    assert book.state == "doubtful"
    assert "differs" in book.reason


def test_a_touch_of_the_very_update_is_judged_at_once_whichever_comes_first():
    """A market that is halted then tells nothing more, and a wrong book stood until it was opened again."""
    first, second = ready_book(), ready_book()
    first.note_top(top(15, bid_size=9))
    first.apply(delta(11, 15, 10, bids=((100, 6),)))
    second.apply(delta(11, 15, 10, bids=((100, 6),)))
    second.note_top(top(15, bid_size=9))
    assert [first.state, second.state] == ["doubtful", "doubtful"]
    right = ready_book()
    right.note_top(top(15, bid_size=6))
    right.apply(delta(11, 15, 10, bids=((100, 6),)))
    right.note_top(top(15, bid_size=6))
    assert right.ready


def test_in_silence_the_venue_s_last_word_holds_for_the_book_as_it_stands():
    for told, ready in ((9, False), (6, True)):
        book = ready_book()
        book.note_top(top(12, bid_size=told))
        book.apply(delta(11, 15, 10, bids=((100, 6),)))
        assert book.ready
        assert book.note_silence() is book.ready is ready
    ahead = ready_book()
    ahead.apply(delta(11, 15, 10, bids=((100, 6),)))
    ahead.note_top(top(16, bid_size=9))
    assert ahead.note_silence()  # what follows 15 is still under way


def test_a_touch_before_the_first_of_the_venue_s_own_is_not_judged():
    book = ready_book()
    book.apply(delta(11, 15, 10))
    book.note_top(top(17, bid=1))
    assert book.ready


def test_a_touch_is_not_judged_by_one_before_those_that_were_left_out():
    book = ready_book()
    book.note_top(top(12, bid_size=9))
    book.apply(delta(11, 15, 10, bids=((100, 6),)))
    book.skip_tops()  # among them the one of update 15
    book.note_top(top(16, bid_size=6))
    assert book.ready
    book.apply(delta(16, 17, 15))
    book.note_top(top(18))
    assert book.ready
    book.apply(delta(18, 19, 17, bids=((100, 4),)))
    book.note_top(top(20))
    assert book.state == "doubtful"


def test_a_late_touch_of_the_venue_changes_nothing():
    book = ready_book()
    book.note_top(top(12))
    book.note_top(top(11, bid=1))
    assert book.snapshot().last_top.update_id == 12


def test_a_crossed_touch_of_the_venue_is_doubtful():
    book = ready_book()
    book.note_top(top(12, bid=101))
    assert book.state == "doubtful"


def test_unjudged_touches_are_bounded():
    book = ready_book()
    for u in range(11, 11 + UNPROVEN_LIMIT + 9):
        book.apply(delta(u, u))
    assert len(book.snapshot().unproven) == UNPROVEN_LIMIT


# ---- Properties ----------------------------------------------------------------------------------

LEVELS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5)), max_size=8).map(tuple)
CHANGES = st.lists(st.tuples(LEVELS, LEVELS), max_size=40)


def shifted(levels):
    """Asks lie above every bid, so that the property is about levels and not about crossing."""
    return tuple((ticks + 100, lots) for ticks, lots in levels)


def naive(changes):
    sides = ({}, {})
    for change in changes:
        for side, levels in zip(sides, change, strict=True):
            side.update(levels)
    return [{ticks: lots for ticks, lots in side.items() if lots} for side in sides]


@given(CHANGES)
def test_any_sequence_equals_a_plain_dict(changes):
    book = Book()
    book.apply(snapshot(last_id=1, bids=(), asks=()))
    for u, (bids, asks) in enumerate(changes, start=2):
        book.apply(delta(u, u, u - 1, bids, shifted(asks)))
        seen_bids, seen_asks = naive([(b, shifted(a)) for b, a in changes[: u - 1]])
        best_bid, best_ask = max(seen_bids, default=0), min(seen_asks, default=0)
        assert touch(book) == (best_bid, seen_bids.get(best_bid, 0), best_ask, seen_asks.get(best_ask, 0))
        assert book.levels(1, 99) == tuple(sorted(seen_bids.items(), reverse=True))
        assert book.levels(-1, 3) == tuple(sorted(seen_asks.items())[:3])
        assert all(book.depth_at(-1, ticks) == lots for ticks, lots in seen_asks.items())


@given(CHANGES.filter(lambda changes: len(changes) > 3), st.data(), st.booleans())
def test_a_lost_delta_is_always_noticed(changes, data, with_previous):
    lost = data.draw(st.integers(0, len(changes) - 2))
    book = Book()
    book.apply(snapshot(last_id=1, bids=(), asks=()))
    for index, (bids, asks) in enumerate(changes):
        if index != lost:
            previous = 10 * index + 1 if with_previous else -1
            book.apply(delta(10 * index + 2, 10 * index + 11, previous, bids, shifted(asks)))
            assert book.ready == (index < lost)
    assert "gap" in book.reason


@given(CHANGES, st.integers(0, 40), st.booleans(), st.booleans())
def test_a_restored_book_goes_on_the_same(changes, cut, synced, gap):
    book = Book()
    if synced:
        book.apply(snapshot(last_id=1, bids=(), asks=()))
    copy = book
    for u, (bids, asks) in enumerate(changes, start=2):
        if u == cut:
            copy = Book()
            copy.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(book.snapshot()), type=BookImage))
        event = delta(u + 5 * gap * (u > 20), u + 5 * gap * (u > 20), -1, bids, shifted(asks))
        for each in {id(book): book, id(copy): copy}.values():
            each.apply(event)
            each.note_top(top(u))
        assert copy.snapshot() == book.snapshot()
        assert touch(copy) == touch(book)


@given(CHANGES)
def test_a_ready_book_is_never_crossed(changes):
    book = Book()
    book.apply(snapshot(last_id=1, bids=(), asks=()))
    for u, (bids, asks) in enumerate(changes, start=2):
        sides = naive([(bids, asks)])
        book.apply(delta(u, u, u - 1, bids, asks))
        if book.ready:
            assert not (book.best_bid and book.best_ask) or book.best_bid < book.best_ask
        if sides[0] and sides[1] and max(sides[0]) >= min(sides[1]):
            assert book.state == "doubtful"


EVENTS = st.one_of(
    st.builds(snapshot, st.integers(-5, 30), LEVELS, LEVELS),
    st.builds(delta, st.integers(-5, 30), st.integers(-5, 30), st.integers(-1, 30), LEVELS, LEVELS),
    st.builds(top, st.integers(-5, 30), st.integers(-5, 30), st.integers(-5, 30)),
)


@given(st.lists(EVENTS, max_size=30))
def test_no_event_ever_raises_and_only_a_ready_book_speaks(events):
    book = Book()
    for event in events:
        book.note_top(event) if isinstance(event, TopOfBook) else book.apply(event)
        assert book.ready or touch(book) == (0, 0, 0, 0)
        assert book.ready or book.reason
