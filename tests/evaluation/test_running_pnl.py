"""The running split equals that of the whole session, at every event and after every restore."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.evaluation.pnl import FillRow, Parts, split_pnl
from titan.evaluation.running_pnl import (
    Running,
    advance,
    close_running,
    on_fill,
    on_funding,
    on_mid,
    open_running,
    parts_now,
)

KINDS = ("linear", "inverse")
prices = st.integers(100, 900_000).map(lambda ticks: Decimal(ticks) / 10)
mid_events = st.tuples(st.integers(0, 40), prices)
fill_events = st.builds(
    FillRow,
    time_ns=st.integers(0, 40),
    side=st.sampled_from((1, -1)),
    quantity=st.integers(1, 5_000).map(lambda lots: Decimal(lots) / 1_000),
    price=prices,
    mid_before=prices,
    fee=st.integers(-500, 500).map(lambda amount: Decimal(amount) / 10_000),
)
events = st.lists(mid_events | fill_events, max_size=25).map(
    lambda found: sorted(found, key=lambda event: event[0])
)
quantities = st.integers(-5_000, 5_000).map(lambda lots: Decimal(lots) / 1_000)


def step(running: Running, event) -> Running:
    """Feed one fill or mid."""
    return on_fill(running, event) if isinstance(event, FillRow) else on_mid(running, *event)


def batch(kind, found, horizon_ns, first, opening) -> Parts:
    """The split of the same events at once."""
    fills = [event for event in found if isinstance(event, FillRow)]
    mids = [(0, first), *(event for event in found if not isinstance(event, FillRow))]
    return split_pnl(kind, fills, mids, horizon_ns, opening)


@given(st.sampled_from(KINDS), events, st.integers(0, 50), prices, quantities)
def test_every_prefix_equals_the_split_at_once(kind, found, horizon_ns, first, opening):
    running = open_running(kind, horizon_ns, 0, first, opening)
    for seen, event in enumerate(found, start=1):
        running = step(running, event)
        assert parts_now(running) == batch(kind, found[:seen], horizon_ns, first, opening)
    closed = close_running(running)
    assert closed.pending == ()
    assert closed.seasoned == closed.position


@given(st.sampled_from(KINDS), events, st.integers(0, 50), prices, st.integers(0, 25))
def test_a_snapshot_is_plain_data_and_continues_where_it_stopped(kind, found, horizon_ns, first, cut):
    whole = part = open_running(kind, horizon_ns, 0, first)
    for event in found[:cut]:
        part = step(part, event)
    part = msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=Running)
    for event in found[cut:]:
        part = step(part, event)
    for event in found:
        whole = step(whole, event)
    assert part == whole


@given(events, st.integers(0, 50), prices)
def test_advancing_the_clock_in_between_changes_nothing(found, horizon_ns, first):
    plain = ticking = open_running("linear", horizon_ns, 0, first)
    for event in found:
        plain = step(plain, event)
        ticking = step(advance(ticking, event[0]), event)
    assert parts_now(ticking) == parts_now(plain)


def test_a_markout_matures_at_the_mid_known_until_then():
    running = open_running("linear", 10, 0, Decimal(100))
    running = on_fill(running, FillRow(5, 1, Decimal(2), Decimal(99), Decimal(100)))
    running = on_mid(running, 12, Decimal(97))
    running = on_mid(running, 15, Decimal(96))  # the very end of the horizon still counts
    assert running.parts.adverse_selection == 0
    running = on_mid(running, 16, Decimal(50))
    assert running.parts.adverse_selection == -8
    assert running.parts.inventory == -92
    assert running.pending == ()


def test_the_clock_alone_matures_a_markout():
    running = on_fill(
        open_running("linear", 10, 0, Decimal(100)), FillRow(0, -1, Decimal(1), Decimal(101), Decimal(100))
    )
    running = advance(on_mid(running, 5, Decimal(103)), 11)
    assert running.parts == Parts(spread=Decimal(1), adverse_selection=Decimal(-3))


def test_a_stamp_that_steps_back_counts_as_the_last_event():
    running = on_mid(open_running("linear", 10, 0, Decimal(100)), 50, Decimal(101))
    running = on_fill(running, FillRow(20, 1, Decimal(1), Decimal(100), Decimal(101)))
    assert running.time_ns == 50
    assert running.pending[0].due_ns == 60


def test_an_unchanged_mid_costs_nothing():
    running = open_running("linear", 10, 0, Decimal(100), Decimal(5))
    assert on_mid(running, 0, Decimal("100.0")) is running


def test_funding_and_bookings_are_counted():
    running = open_running("linear", 10, 0, Decimal(100), Decimal(1))
    running = on_funding(on_funding(running, Decimal("-0.5")), Decimal("0.2"))
    running = on_fill(running, FillRow(1, 1, Decimal(1), Decimal(100), Decimal(100)))
    assert parts_now(running).funding == Decimal("-0.3")
    assert running.bookings == 4


def test_a_mid_that_is_no_price_is_refused():
    with pytest.raises(ValueError, match="must be a positive number"):
        on_mid(open_running("linear", 10, 0, Decimal(100)), 1, Decimal("NaN"))
