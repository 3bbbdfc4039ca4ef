"""Queue fit: what a record's trades may say, units of the answer, refusals of the verdict, and bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.simulation.queue_fit import (
    EXPONENTS,
    OwnOrder,
    QueueFit,
    chosen_model,
    fill_chances,
    fit_queue,
    verdict,
)
from titan.simulation.queue_position import LOGARITHM, RISK_AVERSE, power_model

models = st.one_of(st.sampled_from([RISK_AVERSE, LOGARITHM]), st.floats(0.1, 20.0).map(power_model))
events = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 500)), max_size=20)


@st.composite
def records(draw: st.DrawFn) -> OwnOrder:
    rows = draw(events)
    filled = bool(rows) and rows[-1][0] > 0 and draw(st.booleans())
    return OwnOrder(draw(st.integers(0, 400)), [row[0] for row in rows], [row[1] for row in rows], filled)


@given(records(), models, st.floats(0.01, 100.0))
def test_one_chance_for_each_trade(order: OwnOrder, model, scatter: float) -> None:
    chances = fill_chances(order, model, scatter)
    assert len(chances) == sum(traded > 0 for traded in order.traded)
    assert ((chances > 0.0) & (chances < 1.0)).all()


@given(records(), models)
def test_the_future_changes_no_chance(order: OwnOrder, model) -> None:
    whole = fill_chances(order._replace(filled=False), model)
    half = len(order.traded) // 2
    short = OwnOrder(order.ahead, order.traded[:half], order.level[:half], False)
    begun = fill_chances(short, model)
    assert begun.tolist() == whole[: len(begun)].tolist()


@given(st.integers(0, 300), st.integers(1, 300), models)
def test_without_cancellations_the_place_is_known(ahead: int, traded: int, model) -> None:
    (chance,) = fill_chances(OwnOrder(ahead, [traded], [ahead], False), model)
    assert chance > 0.97 if traded > ahead else chance < 0.03


def test_a_trade_that_did_not_reach_us_shows_who_stood_ahead() -> None:
    # 60 ahead; 40 of 100 are cancelled; a trade of 55 that did not reach us leaves 5 to come at least.
    order = OwnOrder(60.0, [0, 0, 55, 5], [100, 60, 5, 0], False)
    first, second = fill_chances(order, power_model(1.0), 0.25)
    assert first > 0.9  # 36 were believed ahead
    assert 0.5 < second < first  # now nobody is, but the five lots left may all stand ahead
    assert fill_chances(order, RISK_AVERSE, 0.25)[0] < 0.6


def test_more_scatter_is_less_sure() -> None:
    order = OwnOrder(30.0, [0, 0, 25], [60, 40, 20], True)
    sure, unsure = (fill_chances(order, power_model(1.0), scatter)[0] for scatter in (0.1, 10.0))
    assert abs(unsure - 0.5) < abs(sure - 0.5)


def queue_orders(exponent: float, count: int, seed: int) -> list[OwnOrder]:
    """Draw orders of one lot each in a queue that cancels by the power law, until a trade of a random size."""
    rng, orders = np.random.default_rng(seed), []
    for _ in range(count):
        ahead, behind = int(rng.integers(20, 60)), int(rng.integers(5, 60))
        start, level, traded = ahead, [ahead + behind], [0]
        for _ in range(int(rng.integers(10, 40))):
            if ahead + behind:
                leaves = rng.random() < behind**exponent / (behind**exponent + ahead**exponent)
                ahead, behind = (ahead, behind - 1) if leaves else (ahead - 1, behind)
                level.append(ahead + behind)
                traded.append(0)
        lots = int(rng.integers(1, 60))
        orders.append(OwnOrder(start, [*traded, lots], [*level, max(ahead + behind - lots, 0)], lots > ahead))
    return orders


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_the_records_and_the_seed_of_the_interval(seed: int) -> None:
    orders = queue_orders(1.0, 40, seed)
    base, mixed = fit_queue(orders), fit_queue(orders[::-1], seed=1)
    assert base[:1] == mixed[:1]
    assert base.log_likelihood == pytest.approx(mixed.log_likelihood)
    assert fit_queue(orders) == base
    assert base.low <= base.high


def test_opposite_truths_are_told_apart() -> None:
    low, high = (fit_queue(queue_orders(truth, 300, 5)) for truth in (0.5, 2.0))
    assert low.high < high.low
    assert verdict(low) == verdict(high) == ""
    assert chosen_model(high) == power_model(high.exponent)
    assert min(high.log_likelihood - high.logarithm, high.log_likelihood - high.risk_averse) > 0.0


def test_confidence_and_draws_change_the_interval() -> None:
    orders = queue_orders(1.0, 80, 2)
    wide, narrow = fit_queue(orders, confidence=0.99), fit_queue(orders, confidence=0.5)
    assert wide.high - wide.low > narrow.high - narrow.low
    single = fit_queue(orders, draws=1)
    assert single.low == single.high


KNOWN = QueueFit(1.0, 0.8, 1.3, 1.0, 100, -50.0, -60.0, -70.0)


@pytest.mark.parametrize(
    ("fit", "reason"),
    [
        (KNOWN, ""),
        (KNOWN._replace(telling=29), "29 trades that can tell"),
        (KNOWN._replace(low=EXPONENTS[0]), "exponent is from 0.125"),
        (KNOWN._replace(high=EXPONENTS[-1]), "to 8: must lie inside"),
        (KNOWN._replace(risk_averse=-40.0), "risk-averse explains the fills better"),
    ],
)
def test_the_verdict_names_why_nothing_is_known(fit: QueueFit, reason: str) -> None:
    assert reason in verdict(fit)
    assert bool(verdict(fit)) == bool(reason)
    assert chosen_model(fit) == (RISK_AVERSE if reason else power_model(1.0))


ORDER = OwnOrder(5.0, [0, 3], [6, 2], False)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fill_chances(ORDER._replace(ahead=-1.0), LOGARITHM), "order.ahead = -1.0: must be >= 0"),
        (lambda: fill_chances(ORDER._replace(traded=[0, math.nan]), LOGARITHM), "order.traded = nan"),
        (lambda: fill_chances(ORDER._replace(level=[6, math.inf]), LOGARITHM), "order.level = inf"),
        (
            lambda: fill_chances(ORDER._replace(level=[6]), LOGARITHM),
            "order.traded and order.level have shapes",
        ),
        (
            lambda: fill_chances(OwnOrder(1.0, [], [], True), LOGARITHM),
            "order.filled: must end with the trade",
        ),
        (lambda: fill_chances(OwnOrder(1.0, [0], [2], True), LOGARITHM), "order.filled: must end"),
        (lambda: fill_chances(ORDER, LOGARITHM, 0.0), "scatter = 0.0: must be > 0"),
        (
            lambda: fill_chances(ORDER, power_model(1.0)._replace(exponent=math.nan)),
            "model = .* must have an exponent",
        ),
        (lambda: fit_queue([ORDER], seed=-1), "seed = -1"),
        (lambda: fit_queue([]), "orders = 0 of them"),
        (lambda: fit_queue([ORDER], draws=0), "draws = 0"),
        (lambda: fit_queue([ORDER], confidence=1.0), "confidence = 1.0"),
        (lambda: fit_queue([ORDER], exponents=[1.0]), r"exponents = \[1.0\]: must be two or more"),
        (lambda: fit_queue([ORDER], exponents=[2.0, 1.0]), "exponents = .* rising"),
        (lambda: fit_queue([ORDER], exponents=[0.0, 1.0]), "exponents = .*: must be two or more, > 0"),
        (lambda: fit_queue([ORDER._replace(ahead=math.nan)]), "order.ahead = nan"),
        (lambda: verdict(KNOWN, fewest=-1), "fewest = -1: must be >= 0"),
        (lambda: verdict(KNOWN, exponents=[1.0]), "exponents = .*: must be two or more"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
