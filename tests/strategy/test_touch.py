"""The touch: a fair value within it that mirrors and scales, a volatility that scales, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.calibration.volatility import EwmaState
from titan.market.fair_value import mid, weighted_mid
from titan.model.contract import View
from titan.strategy.touch import fair_value, follow, has_prices, no_volatility, volatility

NAN = math.nan
prices = st.floats(1e-3, 1e6)
sizes = st.floats(1e-3, 1e3)
weights = st.floats(0.0, 1.0)
moves = st.lists(st.tuples(st.integers(0, 20), st.floats(-5e-4, 5e-4)), min_size=1, max_size=6)


def view_of(time_s: float = 0.0, bid: float = 99.0, ask: float = 101.0, **changes: float) -> View:
    """Return a view of an even touch."""
    values = dict.fromkeys(View._fields, NAN)
    values.update(time_s=time_s, bid=bid, ask=ask, bid_size=1.0, ask_size=1.0)
    return View(**{**values, **changes})


def followed(path: list[tuple[int, float]], price: float = 100.0, seconds: float = 1.0) -> EwmaState:
    """Return the volatility's state after mids that move along (steps, relative move)."""
    state, time_s, reference = no_volatility(), 0.0, 0.5 / math.sqrt(seconds)
    for steps, move in [(0, 0.0), *path]:
        time_s, price = time_s + steps * seconds, price * (1.0 + move)
        state = follow(state, view_of(time_s, 0.99 * price, 1.01 * price), reference, 30.0 * seconds)
    return state


@given(prices, st.floats(1e-6, 0.1), sizes, sizes, weights)
def test_the_fair_value_lies_within_the_touch_and_mirrors(
    price: float, width: float, bid_size: float, ask_size: float, weight: float
) -> None:
    view = view_of(0.0, price, price * (1.0 + width), bid_size=bid_size, ask_size=ask_size)
    mirrored = view._replace(bid_size=ask_size, ask_size=bid_size)
    fair, other = fair_value(view, weight), fair_value(mirrored, weight)
    assert view.bid * (1 - 1e-12) <= fair <= view.ask * (1 + 1e-12)
    assert fair + other == pytest.approx(view.bid + view.ask, rel=1e-12)


@given(prices, st.floats(1e-6, 0.1), sizes, sizes)
def test_the_ends_are_the_mid_and_the_weighted_mid(
    price: float, width: float, bid_size: float, ask_size: float
) -> None:
    ask = price * (1.0 + width)
    view = view_of(0.0, price, ask, bid_size=bid_size, ask_size=ask_size)
    assert fair_value(view, 0.0) == mid(price, ask)
    assert fair_value(view, 1.0) == pytest.approx(weighted_mid(price, ask, bid_size, ask_size), rel=1e-15)


@given(sizes, weights, weights)
def test_a_heavier_bid_never_lowers_the_fair_value(size: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    heavy = view_of(bid_size=1.0 + size, ask_size=1.0)
    assert fair_value(heavy, high) >= fair_value(heavy, low) - 1e-12


@pytest.mark.parametrize(
    "missing",
    [{"bid": NAN}, {"ask": NAN}, {"bid": 101.0}, {"ask": math.inf}, {"bid": -1.0}, {"bid": 0.0}],
)
def test_prices_that_are_missing_or_crossed(missing: dict[str, float]) -> None:
    view = view_of(1.0, **missing)
    assert not has_prices(view)
    assert math.isnan(fair_value(view, 0.5))
    state = follow(no_volatility(), view_of(), 0.5, 30.0)
    assert follow(state, view, 0.5, 30.0) is state


@pytest.mark.parametrize("missing", [{"bid_size": NAN}, {"ask_size": 0.0}, {"ask_size": math.inf}])
def test_sizes_that_are_missing_leave_the_prices(missing: dict[str, float]) -> None:
    view = view_of(**missing)
    assert has_prices(view)
    assert math.isnan(fair_value(view, 0.0))
    assert volatility(follow(no_volatility(), view, 0.5, 30.0)) > 0.0


@given(moves, st.floats(1e-3, 1e3))
def test_the_unit_of_price_does_not_matter(path: list[tuple[int, float]], unit: float) -> None:
    scaled = volatility(followed(path, price=100.0 * unit))
    assert scaled == pytest.approx(volatility(followed(path)) * unit, rel=1e-7)


@given(moves, st.integers(2, 100))
def test_the_unit_of_time_does_not_matter(path: list[tuple[int, float]], unit: int) -> None:
    slower = volatility(followed(path, seconds=float(unit)))
    assert slower == pytest.approx(volatility(followed(path)) / math.sqrt(unit), rel=1e-9)


def test_before_the_first_mid_there_is_no_volatility() -> None:
    assert math.isnan(volatility(no_volatility()))
    started = follow(no_volatility(), view_of(), 0.5, 30.0)
    assert volatility(started) == pytest.approx(100.0 * 0.5 / math.sqrt(365 * 86_400))


def test_a_clock_set_back_does_not_stop_the_estimate() -> None:
    state = follow(no_volatility(), view_of(100.0), 0.5, 30.0)
    state = follow(state, view_of(50.0, 99.5, 101.5), 0.5, 30.0)
    assert (state.price, state.time_ns, state.weighted_time_s) == (100.5, 50_000_000_000, 30.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fair_value(view_of(), -0.1), r"imbalance_weight = -0\.1: must be from 0 to 1"),
        (lambda: fair_value(view_of(), NAN), "imbalance_weight = nan: must be from 0 to 1"),
        (lambda: follow(no_volatility(), view_of(), 0.0, 30.0), r"reference_volatility = 0\.0: must be > 0"),
        (lambda: follow(no_volatility(), view_of(), 0.5, math.inf), "half_life_s = inf: must be > 0"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
