"""From a sweep's decisions to the kernel's: each rule moves what it moves, and at the end nothing differs."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from tests.backtest.sweeping import MS, START_NS, tape_of
from tests.backtest.test_parity import PLAIN
from tests.live.desks import read_settings, record_capture
from titan.backtest.own_decisions import DENIES, KERNEL, LOOKS, OWN, REACHES, Walk, state_of, walk
from titan.backtest.parity import Asked, parity_of, set_of
from titan.backtest.session import backtest_session
from titan.backtest.session_looks import read_looks
from titan.backtest.session_told import Told, read_told
from titan.backtest.study import QUEUES
from titan.backtest.sweep.given_looks import GivenLooks, Look
from titan.backtest.sweep.reference import Reference
from titan.backtest.sweep.stored_tape import stored_tape

SQUARE = QUEUES["square"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A replay that neither amends nor adjusts."""
    folder = tmp_path_factory.mktemp("bare")
    capture = record_capture(folder / "capture", seconds=12.0)
    settings = read_settings(folder, venue__use_amend="false", **PLAIN)
    summary = asyncio.run(backtest_session(settings, capture)).summary
    return read_told(Path(summary["journal"]), "receipt")


@pytest.fixture(scope="module")
def found(told: Told) -> Walk:
    return walk(told, SQUARE)


def test_at_the_end_every_request_and_every_fill_is_the_kernels(found: Walk) -> None:
    for alike in (found.requests, found.fills):
        assert alike.same == alike.sweep == alike.kernel > 10


def test_the_way_has_a_state_for_each_rule(told: Told, found: Walk) -> None:
    assert [state.rules for state in found.states] == [OWN, LOOKS, REACHES, DENIES, KERNEL]
    assert all(state.exact for state in found.states)
    own, *_, denies, kernel = found.states
    assert kernel == state_of(KERNEL, told, SQUARE)
    assert (denies.lots, denies.fills, denies.requests) == (kernel.lots, kernel.fills, kernel.requests)
    # The venue tells fees in eight decimals.
    assert abs(denies.pnl - kernel.pnl) <= kernel.fills * 1e-8
    asked = Asked(session="told", stamps="receipt", latency_ms=0.0, queue="square")
    assert own.lots == parity_of(told, asked).money["as simulated"].lots != kernel.lots


def test_looks_that_are_missing_are_requests_that_are_missing(told: Told, found: Walk) -> None:
    """What is the same is found, not assumed: without every tenth look it is less."""
    looks = [look for place, look in enumerate(read_looks(told).looks) if place % 10]
    one = dataclasses.replace(set_of(told), entry=0, response=1, queue=SQUARE, maker_fee=told.maker_fee)
    limits = told.result.recording.config.limits
    given = GivenLooks(stored_tape(told.market, delayed=False), one, looks, limits=limits)
    given.run()
    assert given.sent
    assert len(set(given.sent) & set(read_looks(told).sent)) < found.requests.same


def test_looks_at_whole_intervals_are_those_of_the_reference(told: Told) -> None:
    """Given the looks that a sweep takes by itself, the two are one."""
    tape = stored_tape(told.market, delayed=False)
    one = dataclasses.replace(set_of(told), entry=0, response=0, queue=SQUARE, maker_fee=told.maker_fee)
    interval_ns = 100 * MS
    plain = Reference(tape, one, interval_ns, path_every=1).run()
    times = range(tape.start_ns + interval_ns, tape.seen_until_ns, interval_ns)
    looks = [Look(time_ns, time_ns, (time_ns - tape.start_ns) / 1e9) for time_ns in times]
    given = GivenLooks(tape, one, looks).run()
    assert len(plain.fills) > 10
    assert given.fills.tolist() == plain.fills.tolist()
    assert (given.counts, given.pnl) == (plain.counts, plain.pnl)


def test_a_tape_that_tells_late_is_refused(told: Told) -> None:
    late = tape_of((0, "bid", 100, 5), (10, "ask", 102, 5), delay_ms=3)
    with pytest.raises(ValueError, match="given looks need one that tells them at once"):
        GivenLooks(late, set_of(told), [Look(START_NS, START_NS, 0.0)])
