"""Latency: clocks, order and purity over all paths, a library's optimum, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from titan.simulation.latency import (
    Channel,
    ClockLine,
    LatencyModel,
    Legs,
    Stamps,
    _uniform,
    clock_line,
    feed_latency,
    fit_latency,
    fit_orders,
    latency_at,
    latency_misfit,
    legs,
    offset_bounds,
    send,
)

delays = st.integers(0, 10**9)
orders = st.lists(st.tuples(st.integers(0, 10**15), delays, delays), min_size=1, max_size=20)
messages = st.lists(st.tuples(st.integers(0, 1000), st.integers(-1000, 1000)), min_size=2, max_size=30)
models = st.builds(
    lambda sizes, persistence: LatencyModel(tuple(sorted(sizes)), persistence),
    st.lists(st.floats(0.0, 1e9), min_size=1, max_size=9),
    st.floats(-0.99, 0.99),
)
shares = st.floats(0.0, 1.0)


@given(orders, st.integers(-(10**12), 10**12))
def test_the_true_offset_is_within_its_bounds_and_gives_the_true_legs(rows, offset_ns):
    stamps = [
        Stamps(at + offset_ns, at + entry, at + entry + response + offset_ns) for at, entry, response in rows
    ]
    low, high = offset_bounds(stamps)
    assert low <= offset_ns <= high
    for stamp, (_, entry, response) in zip(stamps, rows, strict=True):
        assert legs(stamp, offset_ns) == Legs(entry, response)
        assert sum(legs(stamp, low)) == sum(legs(stamp, high)) == entry + response


def test_clocks_that_no_offset_mends_are_refused():
    with pytest.raises(
        ValueError, match="orders: must allow an offset; one leg needs 90 ns or more, another 10"
    ):
        offset_bounds([Stamps(100, 10, 110), Stamps(0, 0, 10)])
    with pytest.raises(ValueError, match="orders is empty"):
        offset_bounds([])
    with pytest.raises(ValueError, match=r"offset_ns = 0: must be within \(90, 100\)"):
        legs(Stamps(100, 10, 110))
    with pytest.raises(ValueError, match=r"offset_ns = 101: must be within \(90, 100\)"):
        legs(Stamps(100, 10, 110), 101)


def feed(rows):
    received = np.cumsum([gap for gap, _ in rows])
    received[-1] += 1
    return received, received - np.array([delay for _, delay in rows])


@given(messages)
@settings(deadline=None)  # the library's first call is slow
def test_the_line_is_the_optimum_that_a_library_finds(rows):
    received, exchange = feed(rows)
    line = clock_line(received, exchange)
    left = np.array(
        [feed_latency(line, *pair) for pair in zip(received.tolist(), exchange.tolist(), strict=True)]
    )
    assert left.min() >= -1e-6
    at = (received - received[0]) / (received[-1] - received[0])
    best = linprog(
        [-len(at), -at.sum()],
        A_ub=np.column_stack([np.ones(len(at)), at]),
        b_ub=received - exchange,
        bounds=[(None, None)] * 2,
    )
    assert left.sum() == pytest.approx((received - exchange).sum() + best.fun, rel=1e-6, abs=1e-5)


@given(messages, st.integers(-(10**12), 10**12))
def test_another_clock_moves_the_line_and_no_latency(rows, offset_ns):
    received, exchange = feed(rows)
    here, there = clock_line(received, exchange), clock_line(received, exchange - offset_ns)
    assert there.drift == here.drift
    assert there.offset_ns == pytest.approx(here.offset_ns + offset_ns, rel=1e-12, abs=1e-3)


def test_the_least_latency_is_added():
    line = ClockLine(10, 5.0, 0.5)
    assert feed_latency(line, 14, 4) == 10 - 5 - 2
    assert feed_latency(line, 14, 4, least_ns=2.5) == 5.5


@given(models, shares, shares)
def test_quantiles_rise_and_stay_in_the_sample(model, one, other):
    low, high = latency_at(model, min(one, other)), latency_at(model, max(one, other))
    assert low <= high * (1 + 1e-12) + 1e-6
    assert model.quantiles_ns[0] <= low
    assert high <= model.quantiles_ns[-1] * (1 + 1e-12)


@given(st.lists(st.floats(0.0, 1e9), min_size=3, max_size=60), st.integers(2, 50), shares)
def test_a_fit_keeps_the_range_and_the_unit(sample, points, share):
    model, larger = fit_latency(sample, points), fit_latency(4.0 * np.array(sample), points)
    assert (model.quantiles_ns[0], model.quantiles_ns[-1]) == (min(sample), max(sample))
    assert len(model.quantiles_ns) == points
    assert -1.0 <= model.persistence <= 1.0
    assert larger.persistence == pytest.approx(model.persistence)
    assert latency_at(larger, share) == pytest.approx(4.0 * latency_at(model, share), rel=1e-9, abs=1e-9)


def test_a_sample_of_one_value_is_a_constant_without_memory():
    assert fit_latency([5.0, 5.0, 5.0], 2) == LatencyModel((5.0, 5.0), 0.0)


@given(models, st.integers(0, 2**64 - 1), st.lists(st.integers(0, 10**8), min_size=1, max_size=30))
def test_nothing_overtakes_and_a_seed_repeats(model, seed, gaps):
    channel = twin = Channel()
    sent_ns = 0
    for gap_ns in gaps:
        sent_ns += gap_ns
        before, channel = channel, send(model, channel, seed, sent_ns)
        assert channel.arrived_ns >= max(sent_ns, before.arrived_ns)
        assert channel.arrived_ns <= max(
            before.arrived_ns, sent_ns + model.quantiles_ns[-1] * (1 + 1e-12) + 1
        )
        assert math.isfinite(channel.score)
    sent_ns = 0
    for gap_ns in gaps:
        sent_ns += gap_ns
        twin = send(model, twin, seed, sent_ns)
    assert twin == channel


@given(
    st.lists(st.tuples(st.integers(0, 10**12), delays, delays), min_size=3, max_size=20),
    st.integers(-(10**9), 10**9),
)
def test_own_orders_give_both_legs(rows, offset_ns):
    own = [
        Stamps(sent + offset_ns, sent + entry, sent + entry + back + offset_ns) for sent, entry, back in rows
    ]
    entry, response = fit_orders(own, offset_ns, points=11)
    assert entry == fit_latency([row[1] for row in rows], 11)
    assert response == fit_latency([row[2] for row in rows], 11)
    assert len(fit_orders(own, offset_ns)[0].quantiles_ns) == 201


@given(models, st.lists(st.floats(0.0, 1e9), min_size=1, max_size=30))
def test_misfit_is_the_largest_gap_of_the_shares(model, sample):
    gap = latency_misfit(model, sample)
    assert 0.0 <= gap <= 1.0
    for share in (0.1, 0.5, 0.8):
        latency = latency_at(model, share)
        seen = np.mean(np.array(sample) <= latency), np.mean(np.array(sample) < latency)
        assert gap >= seen[1] - share - 1e-6
        assert gap >= share - seen[0] - 1e-6


def test_misfit_with_itself_is_small_and_with_another_is_one():
    sample = np.random.default_rng(1).lognormal(15.0, 0.7, 4_000)
    assert latency_misfit(fit_latency(sample), sample) < 0.005
    assert latency_misfit(fit_latency(sample), sample + 1e12) == 1.0
    whole = np.floor(sample / 1e6) * 1e6  # whole milliseconds: many are equal
    assert latency_misfit(fit_latency(whole, 2001), whole) < 0.01


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**9))
def test_uniforms_are_inside_and_pure(seed, index):
    assert 0.0 < _uniform(seed, index) < 1.0
    assert _uniform(seed, index) == _uniform(seed, index)


def test_uniforms_are_flat_and_seeds_differ():
    draws = np.array([[_uniform(seed, at) for at in range(5000)] for seed in (1, 2)])
    assert np.histogram(draws[0], 10, (0, 1))[0] == pytest.approx(np.full(10, 500), abs=100)
    assert abs(np.corrcoef(draws)[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clock_line([1.0, 2.0], [1, 2]), "received_ns has shape .* type float64: must be whole ns"),
        (lambda: clock_line([1], [1]), r"received_ns has shape \(1,\)"),
        (lambda: clock_line([1, 2], [1, 2, 3]), r"exchange_ns has shape \(3,\): must be that of received_ns"),
        (lambda: clock_line([2, 1], [1, 2]), "received_ns: must not decrease"),
        (lambda: clock_line([2, 2], [1, 2]), "must not all be equal"),
        (lambda: fit_latency([1.0, 2.0]), r"samples_ns of shape \(2,\): must be \(n,\), n >= 3"),
        (lambda: fit_latency([1.0, 2.0, -1.0]), "samples_ns of shape .* finite and >= 0"),
        (lambda: fit_latency([1.0, 2.0, math.nan]), "samples_ns of shape .* finite and >= 0"),
        (lambda: fit_latency([1.0, 2.0, 3.0], 1), "points = 1: must be >= 2"),
        (lambda: fit_orders([]), r"orders = \[\]: must be three or more"),
        (lambda: fit_orders([Stamps(0, 10, 20)] * 3, 20), "offset_ns = 20: must be within"),
        (lambda: fit_orders([Stamps(0, 10, 20)] * 3, 0, 1), "points = 1: must be >= 2"),
        (
            lambda: latency_misfit(LatencyModel((1.0,)), []),
            r"samples_ns of shape \(0,\): must be \(n,\), n >= 1",
        ),
        (lambda: latency_misfit(LatencyModel((1.0,)), [-1.0]), "samples_ns of shape .* finite and >= 0"),
        (lambda: latency_at(LatencyModel((1.0,)), 1.1), "share = 1.1: must be between 0 and 1"),
        (lambda: latency_at(LatencyModel((1.0,)), math.nan), "share = nan: must be between 0 and 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
