"""Every rule of the simulation on a tape written by hand, by the reference and by the pass as plain Python alike."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from tests.backtest.sweeping import GRID, MS, assert_same, fills_of, plain_pass, tape_of
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.reference import Reference
from titan.backtest.sweep.results import SetResult
from titan.backtest.sweep.tape import Tape
from titan.simulation.queue_position import LOGARITHM, power_model

# One quote of 2 lots on each side: a touch of 10000 and 10010 gives a mid of 10005, quotes at 10004 and 10006.
ONE = ParameterSet(
    "one",
    GRID,
    {"order_size": 0.02, "max_inventory": 1.0, "half_spread_bps": 0.99, "layers": 1, "layer_step_bps": 1.0},
)
TOUCH = ((0, "bid", 10000, 5), (0, "ask", 10010, 5))
QUIET = (1000, "bid", 9000, 1)


@pytest.fixture
def simulated(monkeypatch):
    """Both forms, which must agree."""

    def run(tape: Tape, one: ParameterSet = ONE, interval_ms: int = 100) -> SetResult:
        found = plain_pass(monkeypatch, tape, [one], interval_ms).sets[0]
        assert_same(found, Reference(tape, one, interval_ms * MS, 1).run())
        assert found.pnl.spread + found.pnl.inventory - found.pnl.fees == found.pnl.total
        return found

    return run


def test_it_quotes_at_the_first_step_and_a_trade_through_it_fills_what_traded(simulated):
    tape = tape_of(*TOUCH, (150, "sell", 10003, 1), QUIET)
    assert fills_of(simulated(tape)) == [(150, 1, 10004, 1)]
    whole = dataclasses.replace(ONE, whole_fills=True)
    assert fills_of(simulated(tape, whole)) == [(150, 1, 10004, 2)]


def test_an_order_under_way_is_not_there_yet(simulated):
    late = dataclasses.replace(ONE, entry=50 * MS)
    before, after = (tape_of(*TOUCH, (ms, "sell", 10003, 9), QUIET) for ms in (149, 151))
    assert fills_of(simulated(before, late)) == []
    assert fills_of(simulated(after, late)) == [(151, 1, 10004, 2)]


def test_a_request_comes_after_the_events_of_its_time(simulated):
    late = dataclasses.replace(ONE, entry=50 * MS)
    assert fills_of(simulated(tape_of(*TOUCH, (150, "sell", 10003, 9), QUIET), late)) == []


def test_the_touch_is_seen_when_it_has_arrived(simulated):
    moved = (95, "bid", 10002, 5)  # mid 10006: the quotes move to 10005 and 10007
    near = simulated(tape_of(*TOUCH, moved, (150, "sell", 10004, 9), QUIET))
    assert fills_of(near) == [(150, 1, 10005, 2)]
    far = simulated(tape_of(*TOUCH, moved, (150, "sell", 10004, 9), QUIET, delay_ms=10))
    assert fills_of(far) == [(150, 1, 10004, 2)]


def test_what_would_take_is_refused(simulated):
    fallen = ((110, "bid", 10000, 0), (110, "bid", 9990, 5), (110, "ask", 10004, 5))
    found = simulated(tape_of(*TOUCH, *fallen, QUIET), dataclasses.replace(ONE, entry=20 * MS))
    assert found.counts.refused == 1
    assert fills_of(found) == []


def test_an_order_waits_behind_the_queue_that_it_joined(simulated):
    # A level of 4 lots stands at our price before we come.
    queue = (10, "bid", 10001, 0)
    level = ((0, "bid", 10000, 5), (0, "ask", 10002, 5), queue)
    at_touch = dataclasses.replace(ONE, parameters={**ONE.parameters, "half_spread_bps": 0.5})
    tape = tape_of(*level, (150, "sell", 10000, 4), (160, "sell", 10000, 2), (170, "sell", 10000, 9), QUIET)
    assert fills_of(simulated(tape, at_touch)) == [(160, 1, 10000, 1), (170, 1, 10000, 1)]
    whole = dataclasses.replace(at_touch, whole_fills=True)
    assert fills_of(simulated(tape, whole)) == [(160, 1, 10000, 2)]


@pytest.mark.parametrize(("queue", "filled"), [(ONE.queue, 0), (LOGARITHM, 1), (power_model(1.0), 1)])
def test_a_cancellation_moves_us_up_as_the_model_says(simulated, queue, filled):
    # 5 lots ahead, then 5 more behind; half of the level is cancelled, and 4 lots trade.
    tape = tape_of(
        (0, "bid", 10000, 5), (0, "ask", 10002, 5), (150, "bid", 10000, 10), (160, "bid", 10000, 5),
        (170, "sell", 10000, 4), QUIET,
    )  # fmt: skip
    one = dataclasses.replace(ONE, queue=queue, parameters={**ONE.parameters, "half_spread_bps": 0.5})
    assert sum(fill[3] for fill in fills_of(simulated(tape, one))) == filled


def test_the_other_sides_best_that_reaches_us_fills_us(simulated):
    tape = tape_of(*TOUCH, (150, "ask", 10004, 1), QUIET)
    assert fills_of(simulated(tape)) == [(150, 1, 10004, 1)]
    assert fills_of(simulated(tape, dataclasses.replace(ONE, whole_fills=True))) == [(150, 1, 10004, 2)]


def test_lots_meet_the_best_of_our_orders_first(simulated):
    grid = dataclasses.replace(ONE, parameters={**ONE.parameters, "layers": 3})
    tape = tape_of(*TOUCH, (150, "buy", 10008, 5), QUIET)
    assert fills_of(simulated(tape, grid)) == [(150, -1, 10006, 2), (150, -1, 10007, 2), (150, -1, 10008, 1)]


def test_a_fill_is_known_when_the_answer_has_arrived(simulated):
    # At its bound it quotes no more bids; until it knows of the fill it renews nothing.
    bounded = dataclasses.replace(
        ONE, response=150 * MS, parameters={**ONE.parameters, "max_inventory": 0.02}
    )
    found = simulated(tape_of(*TOUCH, (150, "sell", 10003, 9), (450, "sell", 10003, 9), QUIET), bounded)
    assert fills_of(found) == [(150, 1, 10004, 2)]
    assert found.counts.placed == 2  # one bid and one ask


def test_a_quote_that_moves_away_is_cancelled_and_its_successor_waits_for_the_proof(simulated):
    moved = ((110, "bid", 10000, 0), (110, "bid", 9980, 5), (110, "ask", 10010, 0), (110, "ask", 9990, 5))
    found = simulated(tape_of(*TOUCH, *moved, QUIET), dataclasses.replace(ONE, entry=MS, response=120 * MS))
    assert found.counts.cancels == 1  # the ask; the bid was met by the new touch on the way
    assert found.counts.placed >= 3


def test_money_is_exact(simulated):
    tape = tape_of(*TOUCH, (150, "sell", 10003, 9), (250, "buy", 10007, 9), (350, "bid", 10004, 2), QUIET)
    found = simulated(tape, dataclasses.replace(ONE, maker_fee=Decimal("-0.0001")))
    bought, sold = found.fills[0], found.fills[1]
    unit = Decimal("0.01")
    assert (int(bought["price"]), int(sold["price"])) == (10004, 10006)
    assert found.pnl.spread == (1 + 1) * 2 * unit  # each a tick from the mid of 10005
    assert found.pnl.fees == Decimal("-0.0001") * (10004 + 10006) * 2 * unit
    assert found.last_position == 0
