"""The compiled pass is the reference, to the last lot, for every strategy, queue, latency and way of filling."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest

from tests.backtest.sweeping import AVELLANEDA, GLFT, GRID, MS, assert_same, plain_pass, shortened, tape_of
from titan.backtest.sweep.parameter_sets import DRAWS, ParameterSet, latency_draws
from titan.backtest.sweep.reference import Reference
from titan.backtest.sweep.run import SweepError, sweep
from titan.backtest.sweep.synthetic import synthetic_tape
from titan.model.contract import ParameterError
from titan.simulation.latency import LatencyModel
from titan.simulation.queue_position import LOGARITHM, RISK_AVERSE, QueueModel, power_model

EVENTS = 6_000
SLOW = LatencyModel((1e6, 2e6, 9e6, 2e8), 0.3)
NEAR = {"half_spread_bps": 0.01, "layer_step_bps": 0.0167}
NARROW = {
    "skew_at_max_inventory_bps": 0.1,
    "mean_fill_depth_bps": 0.01,
    "minimum_half_spread_bps": 0.01,
    "layer_step_bps": 0.0167,
}
STUBBORN = "tests.backtest.stubborn"


def every_set() -> list[ParameterSet]:
    """All strategies by all queue models by both ways of filling, with latencies of each kind."""
    strategies = ((GRID, NEAR), (GLFT, {**NARROW, "layers": 3}), (AVELLANEDA, NARROW))
    queues = (RISK_AVERSE, LOGARITHM, power_model(2.0))
    return [
        ParameterSet(
            f"{strategy} {queue.kind} {whole}",
            strategy,
            parameters,
            queue=queue,
            whole_fills=whole,
            entry=SLOW if queue.kind == 1 else 2 * MS,
            response=SLOW if whole else 3 * MS,
            seed=1 + place,
            maker_fee=Decimal("-0.00001"),
            requote_ticks=1 + place,
        )
        for place, (strategy, parameters) in enumerate(strategies)
        for queue in queues
        for whole in (True, False)
    ]


@pytest.fixture(scope="module")
def tape():
    return synthetic_tape(EVENTS, seed=3)


@pytest.fixture(scope="module")
def swept(tape):
    return sweep(tape, every_set(), interval_ms=50, path_every=3)


@pytest.mark.timeout(600)  # the first run ever compiles the pass
@pytest.mark.parametrize("one", every_set(), ids=lambda one: one.name)
def test_a_set_in_lock_step_is_the_reference_alone(tape, swept, one):
    found = swept[one.name]
    assert found.how == "compiled"
    assert_same(found, Reference(tape, one, 50 * MS, 3).run())
    assert found.pnl.spread + found.pnl.inventory - found.pnl.fees == found.pnl.total


def test_the_sets_trade(swept):
    assert sum(len(one.fills) > 20 for one in swept.sets) >= 12
    assert sum(one.counts.refused for one in swept.sets) > 0
    assert len({one.fills.tobytes() for one in swept.sets}) > 12


def test_not_compiled_it_is_the_same_pass(monkeypatch, tape, swept):
    short = shortened(tape, 700)
    found = plain_pass(monkeypatch, short, every_set(), 50, 3)
    assert found.digest == sweep(short, every_set(), interval_ms=50, path_every=3).digest


def test_with_numba_switched_off_the_linked_module_gives_the_same_numbers(tape):
    code = (
        "from tests.backtest.test_sweep import *; "
        "print(sweep(synthetic_tape(500, seed=3), every_set(), interval_ms=50).digest)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == sweep(synthetic_tape(500, seed=3), every_set(), interval_ms=50).digest


def test_twice_the_same_bytes_whatever_else_is_swept_beside_it(tape, swept):
    assert sweep(tape, every_set(), interval_ms=50, path_every=3).digest == swept.digest
    backwards = sweep(tape, every_set()[::-1], interval_ms=50, path_every=3)
    for one in swept.sets:
        assert_same(backwards[one.name], one)


@pytest.mark.parametrize("workers", [2, 3, 50])
def test_shared_out_to_threads_it_is_the_same(tape, swept, workers):
    shared = sweep(tape, every_set(), interval_ms=50, path_every=3, workers=workers)
    assert shared.digest == swept.digest


def test_what_is_seen_of_it(swept):
    frame = swept.frame()
    assert list(frame.index) == [one.name for one in every_set()]
    first = swept.sets[0]
    assert frame.loc[first.name, "total"] == pytest.approx(float(first.pnl.total))
    assert "spread" in swept._repr_html_()
    equity = swept.equity(first.name)
    assert equity.shape == swept.path_ns.shape
    last = (2 * first.cash[-1] + first.position[-1] * swept.mid[-1]) * 0.1 * 0.001 / 2
    assert equity[-1] == pytest.approx(last)
    with pytest.raises(KeyError, match="nothing: there is no such set"):
        swept["nothing"]


def test_more_fills_than_there_is_room_for_are_counted_from_the_start_again(monkeypatch, tape):
    sets = every_set()
    expected = sweep(tape, sets, interval_ms=50)
    monkeypatch.setattr("titan.backtest.sweep.run.FIRST_FILLS", 500)
    assert sweep(tape, sets, interval_ms=50).digest == expected.digest


def test_more_messages_than_there_is_room_for_find_more_room(monkeypatch, tape):
    sets = every_set()
    expected = sweep(tape, sets, interval_ms=50)
    monkeypatch.setattr("titan.backtest.sweep.run.UNDER_WAY", 1)
    assert sweep(tape, sets, interval_ms=50).digest == expected.digest
    monkeypatch.setattr("titan.backtest.sweep.run.MOST_UNDER_WAY", 1)
    with pytest.raises(
        SweepError, match=r"set titan\..*more (requests|answers) are under way than there is room for"
    ):
        sweep(tape, sets[6:7], interval_ms=50)


@pytest.mark.timeout(600)
def test_a_strategy_that_numba_cannot_compile_runs_in_plain_python_and_says_so(tape):
    short = shortened(tape, 1_500)
    stubborn = [ParameterSet(f"stubborn {ticks}", STUBBORN, {"ticks": ticks}) for ticks in (1.0, 2.0)]
    sets = [stubborn[0], *every_set(), stubborn[1]]
    found = sweep(short, sets, workers=1)
    assert [one.name for one in found.sets] == [one.name for one in sets]
    assert {one.how for one in found.sets[1:-1]} == {"compiled"}
    assert found.sets[0].how.startswith("plain Python, for numba: ")
    assert [one.by for one in found.sets[:2]] == ["replay", "sweep"]
    assert_same(found.sets[0], Reference(short, stubborn[0], 100 * MS, 10).run())


@pytest.mark.timeout(600)
def test_one_worker_or_two_give_the_same_bytes(tape):
    stubborn = [ParameterSet(f"stubborn {ticks}", STUBBORN, {"ticks": ticks}) for ticks in (1.0, 2.0)]
    short = shortened(tape, 500)
    one, two = (sweep(short, stubborn, workers=workers).digest for workers in (1, 2))
    assert one == two


@pytest.mark.timeout(600)
def test_a_strategy_that_raises_is_named(tape):
    wrong = ParameterSet("wrong", STUBBORN, {"fails": 1})
    with pytest.raises(SweepError, match="set wrong: view 1: told to fail"):
        sweep(shortened(tape, 1_500), [wrong])


@pytest.mark.parametrize(
    ("sets", "options", "message"),
    [
        ([], {}, "sets is empty"),
        ([ParameterSet("a", GRID), ParameterSet("a", GLFT)], {}, "two have the same name"),
        ([ParameterSet("a", GRID)], {"interval_ms": 0}, "interval_ms = 0"),
        ([ParameterSet("a", GRID)], {"path_every": 0}, "path_every = 0"),
        ([ParameterSet("a", GRID, entry=-1)], {}, "set a: entry = -1"),
        ([ParameterSet("a", GRID, requote_ticks=0)], {}, "set a: requote_ticks = 0"),
        ([ParameterSet("a", GRID, queue=QueueModel(3, 1.0))], {}, "set a: queue = "),
    ],
)
def test_what_is_out_of_range_is_named(tape, sets, options, message):
    with pytest.raises(ValueError, match=message):
        sweep(tape, sets, **options)


def test_parameters_are_checked_like_settings():
    with pytest.raises(ParameterError, match="unknown parameter"):
        ParameterSet("a", GRID, {"nonsense": 1.0}).build()
    with pytest.raises(ParameterError, match="several instruments"):
        ParameterSet("a", "titan.strategy.funding_arbitrage").build()


def test_latencies_are_drawn_by_the_exported_model():
    drawn = latency_draws([SLOW, 5], [7, 8])
    assert drawn.shape == (2, DRAWS)
    assert set(drawn[1]) == {5}
    assert np.median(drawn[0]) == pytest.approx(5.5e6, rel=0.1)
    assert latency_draws([3, 4], [1, 1]).tolist() == [[3], [4]]
    assert (latency_draws([SLOW], [8])[0] != drawn[0]).any()


def test_a_queue_model_of_the_sets_own_changes_only_its_set(swept, tape):
    sets = every_set()
    sets[0] = dataclasses.replace(sets[0], queue=LOGARITHM)
    changed = sweep(tape, sets, interval_ms=50, path_every=3)
    for one in swept.sets[1:]:
        assert_same(changed[one.name], one)


def test_an_empty_side_or_a_short_tape_wants_nothing(monkeypatch):
    one = ParameterSet("one", GRID)
    for tape in (tape_of((0, "bid", 100, 1)), tape_of((0, "bid", 100, 1), (900, "bid", 99, 1))):
        found = plain_pass(monkeypatch, tape, [one]).sets[0]
        assert_same(found, Reference(tape, one, 100 * MS, 1).run())
        assert found.counts.placed == 0
