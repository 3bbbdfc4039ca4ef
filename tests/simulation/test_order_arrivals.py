"""Order arrivals: the same from the same seed wherever drawn, streams apart, laws, and input that must be refused."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.market.order_flow import Hawkes
from titan.simulation.order_arrivals import (
    Flow,
    Lognormal,
    arrival_times,
    exponential_depths,
    order_lots,
    simulated_orders,
)

STEADY = Hawkes(5.0, 0.0, 1.0, 0.0, False)
BURSTY = Hawkes(1.0, 3.0, 5.0, 0.0, False)
FLOW = Flow(BURSTY, 2.0, Lognormal(40.0, 1.0))
seeds = st.integers(0, 2**40)
processes = st.sampled_from([STEADY, BURSTY])


@given(processes, st.floats(0.1, 50.0), st.floats(0.1, 50.0), seeds, st.integers(0, 5))
def test_a_longer_span_only_goes_on(
    process: Hawkes, one: float, other: float, seed: int, stream: int
) -> None:
    short, long = sorted((one, other))
    times = arrival_times(process, long, seed, stream)
    assert (np.diff(times) >= 0.0).all()
    assert ((times >= 0.0) & (times < long)).all()
    assert arrival_times(process, short, seed, stream).tolist() == times[times < short].tolist()


@given(st.integers(0, 300), st.floats(0.01, 100.0), st.floats(0.01, 10.0), st.floats(0.0, 10.0), seeds)
def test_depths_lie_on_the_grid(count: int, decay: float, tick: float, nearest: float, seed: int) -> None:
    depths = exponential_depths(count, decay, tick, nearest, seed)
    steps = (depths - nearest) / tick
    assert depths.shape == (count,)
    assert (depths >= nearest).all()
    assert steps == pytest.approx(np.rint(steps), abs=1e-6 * (1.0 + nearest / tick))


@given(st.integers(0, 300), st.floats(1e-3, 1e14), st.floats(0.0, 4.9), seeds)
def test_lots_are_whole_and_one_or_more(count: int, median: float, spread: float, seed: int) -> None:
    lots = order_lots(count, Lognormal(median, spread), seed)
    assert lots.dtype == np.int64
    assert lots.shape == (count,)
    assert (lots >= 1).all()
    assert set(order_lots(count, [2, 7], seed).tolist()) <= {2, 7}


def test_seen_sizes_are_drawn_evenly() -> None:
    lots = order_lots(30_000, [1, 5, 20], seed=3)
    for size in (1, 5, 20):
        assert np.mean(lots == size) == pytest.approx(1 / 3, abs=0.012)


def test_the_median_and_the_spread_are_those_asked_for() -> None:
    logs = np.log(order_lots(40_000, Lognormal(1e6, 0.7), seed=2))
    assert math.exp(np.median(logs)) == pytest.approx(1e6, rel=0.02)
    assert logs.std() == pytest.approx(0.7, rel=0.02)


def test_many_orders_take_many_blocks_of_draws() -> None:
    times = arrival_times(STEADY, 4_000.0, seed=1)
    assert len(times) == pytest.approx(20_000, abs=4 * math.sqrt(20_000))
    assert len(np.unique(times)) == len(times)


def test_no_baseline_no_orders() -> None:
    assert len(arrival_times(Hawkes(0.0, 1.0, 2.0, 0.0, False), 1e6, seed=1)) == 0


def test_the_process_has_been_going_on_for_long() -> None:
    early = [len(arrival_times(BURSTY, 1.0, seed)) for seed in range(2_000)]
    assert np.mean(early) == pytest.approx(1.0 / (1.0 - 0.6), rel=0.1)


def test_sides_streams_and_seeds_are_apart() -> None:
    draws = [arrival_times(STEADY, 10.0, seed, stream)[:5].tolist() for seed in (1, 2) for stream in (0, 1)]
    assert len({tuple(times) for times in draws}) == 4
    market = simulated_orders(FLOW, FLOW, 100.0, 0.1, 0.05, seed=1)
    buys, sells = market.time_ns[market.side > 0], market.time_ns[market.side < 0]
    assert len(np.intersect1d(buys, sells)) < 3


def test_the_market_is_made_of_its_parts() -> None:
    market = simulated_orders(FLOW, FLOW._replace(process=STEADY), 50.0, 0.1, 0.05, seed=9)
    assert (np.diff(market.time_ns) >= 0).all()
    for stream, (side, process) in enumerate(((1, BURSTY), (-1, STEADY))):
        mine = market.side == side
        times = arrival_times(process, 50.0, 9, stream)
        assert market.time_ns[mine] == pytest.approx(times * 1e9, abs=len(times))
        assert (
            market.depth[mine].tolist() == exponential_depths(len(times), 2.0, 0.1, 0.05, 9, stream).tolist()
        )
        assert market.lots[mine].tolist() == order_lots(len(times), FLOW.sizes, 9, stream).tolist()


def test_equal_nanoseconds_of_one_side_are_moved_apart() -> None:
    crowd = Hawkes(1e9, 0.0, 1.0, 0.0, False)
    market = simulated_orders(FLOW._replace(process=crowd), FLOW._replace(process=crowd), 1e-6, 0.1, 0.05, 1)
    for side in (1, -1):
        assert (np.diff(market.time_ns[market.side == side]) > 0).all()


def test_another_process_draws_the_same() -> None:
    code = (
        "from titan.market.order_flow import Hawkes\n"
        "from titan.simulation.order_arrivals import *\n"
        "flow = Flow(Hawkes(1.0, 3.0, 5.0, 0.0, False), 2.0, Lognormal(40.0, 1.0))\n"
        "print([column.tolist() for column in simulated_orders(flow, flow, 20.0, 0.1, 0.05, 6)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    np.random.seed(5)  # a global generator in another state changes nothing
    here = simulated_orders(FLOW, FLOW, 20.0, 0.1, 0.05, 6)
    assert done.stdout.strip() == str([column.tolist() for column in here])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: arrival_times(Hawkes(-1.0, 0.0, 1.0, 0.0, False), 1.0, 1),
            "process = .*: must have baseline >= 0",
        ),
        (lambda: arrival_times(Hawkes(1.0, 2.0, 2.0, 0.0, False), 1.0, 1), "process = .* 0 <= jump < decay"),
        (lambda: arrival_times(Hawkes(math.nan, 0.0, 1.0, 0.0, False), 1.0, 1), "process = "),
        (lambda: arrival_times(STEADY, 0.0, 1), "span_s = 0.0: must be > 0"),
        (lambda: arrival_times(STEADY, math.inf, 1), "span_s = inf: must be > 0"),
        (lambda: arrival_times(STEADY, 1.0, -1), "seed = -1: must be >= 0"),
        (lambda: arrival_times(STEADY, 1.0, 1, -1), "stream = -1: must be >= 0"),
        (lambda: exponential_depths(-1, 1.0, 0.1, 0.0, 1), "count = -1: must be >= 0"),
        (lambda: exponential_depths(1, 0.0, 0.1, 0.0, 1), "decay = 0.0: must be > 0"),
        (lambda: exponential_depths(1, 1.0, 0.0, 0.0, 1), "tick = 0.0: must be > 0"),
        (lambda: exponential_depths(1, 1.0, 0.1, math.nan, 1), "nearest = nan: must be >= 0"),
        (lambda: exponential_depths(1, 1.0, 0.1, 0.0, 1, -1), "stream = -1: must be >= 0"),
        (lambda: order_lots(-1, [1], 1), "count = -1: must be >= 0"),
        (lambda: order_lots(1, [1], 1, -1), "stream = -1: must be >= 0"),
        (lambda: order_lots(1, Lognormal(0.0, 1.0), 1), "sizes = .*: median must be > 0"),
        (lambda: order_lots(1, Lognormal(1.0, math.nan), 1), "sizes = .*spread >= 0"),
        (lambda: order_lots(1, [], 1), r"sizes of shape \(0,\)"),
        (lambda: order_lots(1, [0, 1], 1), "sizes of shape .*: must be whole lots >= 1"),
        (lambda: order_lots(1, [1.5], 1), "sizes of shape .*: must be whole lots"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
