"""Properties of the portfolio strategy: leans as asked, sane over its range, nothing quoted on what is not known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.model.contract import Quotes, Range, View, build_parameters, parameter_ranges
from titan.strategy.glft_portfolio import (
    LEGS,
    Parameters,
    State,
    depth_error_bps,
    initial,
    quote,
    update,
)

NAN = math.nan
PRICES = (60_000.0, 2_500.0, 2.0)
steps = st.lists(st.tuples(st.floats(0.0, 20.0), *[st.floats(-5e-4, 5e-4)] * 3), max_size=5)
shares = st.tuples(*[st.floats(-1.2, 1.2)] * 3)
Rounds = list[tuple[View, ...]]


def view_of(time_s: float, price: float, **changes: float) -> View:
    """Return a view of an even touch of 1e-5 around a price, no inventory and no fee."""
    values = dict.fromkeys(View._fields, NAN)
    values.update(time_s=time_s, bid=price * (1 - 5e-6), ask=price * (1 + 5e-6), bid_size=1.0, ask_size=1.0)
    return View(**{**values, "inventory": 0.0, "maker_fee": 0.0, **changes})


def market(
    path: list[tuple[float, ...]],
    held: tuple[float, ...] = (0.0, 0.0, 0.0),
    unit: float = 1.0,
    slow: float = 1.0,
) -> Rounds:
    """Return the views of three instruments along (seconds, relative moves); `held` in values of quote currency."""
    prices, time_s, rounds = [price * unit for price in PRICES], 0.0, []
    for wait_s, *moves in [(0.0, 0.0, 0.0, 0.0), *path]:
        time_s += wait_s * slow
        prices = [price * (1.0 + move) for price, move in zip(prices, moves, strict=True)]
        coins = [value / price for value, price in zip(held, prices, strict=True)]
        rounds.append(tuple(view_of(time_s, p, inventory=q) for p, q in zip(prices, coins, strict=True)))
    return rounds


def followed(parameters: Parameters, rounds: Rounds) -> State:
    """Return the state after a series of views."""
    state = initial(parameters, len(rounds[0]))
    for views in rounds:
        state = update(parameters, state, views)
    return state


def quoted(parameters: Parameters, rounds: Rounds) -> list[Quotes]:
    """Return the quotes of each instrument after a series of views."""
    return [leg.quotes for leg in quote(parameters, followed(parameters, rounds), rounds[-1])]


def parameters_in_range() -> st.SearchStrategy[Parameters]:
    """Return a strategy of parameters anywhere in their ranges."""

    def of(allowed: Range, kind: type[Any]) -> st.SearchStrategy[Any]:
        if kind is int:
            return st.integers(int(allowed.low), int(allowed.high))
        if allowed.low > 0.0:
            inner = st.floats(math.log(allowed.low), math.log(allowed.high)).map(math.exp)
            return inner.map(lambda value: min(max(value, allowed.low), allowed.high))
        return st.floats(allowed.low, allowed.high)

    kinds = {name: type(value) for name, value in Parameters._field_defaults.items()}
    ranges = parameter_ranges(Parameters)
    return st.builds(Parameters, **{name: of(allowed, kinds[name]) for name, allowed in ranges.items()})


@settings(deadline=None, max_examples=60)
@given(parameters_in_range(), steps, shares, st.floats(-0.01, 0.01), st.floats(1e-3, 1e3))
def test_quotes_are_sane_over_the_whole_range(
    parameters: Parameters, path: list[tuple[float, ...]], share: tuple[float, ...], fee: float, unit: float
) -> None:
    most = parameters.max_inventory_notional
    rounds = market(path, tuple(most * part for part in share), unit)
    views = tuple(view._replace(maker_fee=fee) for view in rounds[-1])
    for view, quotes in zip(views, quoted(parameters, [*rounds[:-1], views]), strict=True):
        # Up to the rounding of the price itself, two units in its last place.
        least = (1e-4 * parameters.minimum_half_spread_bps - 5e-16) * quotes.fair_value
        bound, held = most / quotes.fair_value, view.inventory
        assert math.isfinite(quotes.fair_value + quotes.reservation)
        if not math.isnan(quotes.bid):
            assert 0.0 < quotes.bid <= quotes.fair_value - least
            assert quotes.bid_size * quotes.layers <= (bound - held) * (1 + 1e-9)
        if not math.isnan(quotes.ask):
            assert quotes.fair_value + least <= quotes.ask < math.inf
            assert quotes.ask_size * quotes.layers <= (bound + held) * (1 + 1e-9)


@settings(deadline=None)
@given(steps, shares, st.integers(0, 2), st.floats(0.0, 1.0))
def test_more_inventory_never_raises_the_own_quotes(
    path: list[tuple[float, ...]], share: tuple[float, ...], at: int, more: float
) -> None:
    parameters = Parameters()
    held = [4_900.0 * part for part in share]
    fuller = [value + 5_000.0 * more * (leg == at) for leg, value in enumerate(held)]
    low, high = (quoted(parameters, market(path, tuple(values)))[at] for values in (held, fuller))
    assert high.reservation <= low.reservation * (1 + 1e-12)
    if not math.isnan(low.bid + high.bid):
        assert high.bid <= low.bid * (1 + 1e-12)
    if not math.isnan(low.ask + high.ask):
        assert high.ask <= low.ask * (1 + 1e-12)


@settings(deadline=None)
@given(steps, st.floats(0.1, 50.0), st.floats(1.0, 4.0))
def test_a_larger_lean_asked_for_is_never_smaller(
    path: list[tuple[float, ...]], skew: float, times: float
) -> None:
    def lean(asked: float) -> float:
        quotes = quoted(Parameters(skew_at_max_inventory_bps=asked), market(path, (1_000.0, 0.0, 0.0)))[0]
        return quotes.fair_value - quotes.reservation

    assert lean(skew * times) >= lean(skew) * (1 - 1e-9)


@settings(deadline=None)
@given(steps, shares)
def test_long_and_short_are_mirrored(path: list[tuple[float, ...]], share: tuple[float, ...]) -> None:
    parameters = Parameters()
    held = [3_000.0 * part for part in share]
    long = quoted(parameters, market(path, tuple(held)))
    short = quoted(parameters, market(path, tuple(-value for value in held)))
    for one, other in zip(long, short, strict=True):
        assert one.bid + other.ask == pytest.approx(2.0 * one.fair_value, rel=1e-12)
        assert (one.bid_size, one.ask_size) == pytest.approx((other.ask_size, other.bid_size))


@settings(deadline=None)
@given(steps, shares, st.floats(1e-3, 1e3))
def test_the_unit_of_coins_does_not_matter(
    path: list[tuple[float, ...]], share: tuple[float, ...], unit: float
) -> None:
    """A coin cut in pieces costs less, and the desk's sizes are values: prices scale, values stay."""
    held = tuple(3_000.0 * part for part in share)
    plain, scaled = (quoted(Parameters(), market(path, held, by)) for by in (1.0, unit))
    for one, other in zip(plain, scaled, strict=True):
        assert other.bid == pytest.approx(one.bid * unit, rel=1e-9)
        assert other.ask == pytest.approx(one.ask * unit, rel=1e-9)
        assert other.bid_size == pytest.approx(one.bid_size / unit, rel=1e-9)


@settings(deadline=None)
@given(steps, shares, st.floats(1e-2, 1e2))
def test_the_unit_of_money_does_not_matter(
    path: list[tuple[float, ...]], share: tuple[float, ...], unit: float
) -> None:
    usual = Parameters()
    cents = usual._replace(
        order_notional=usual.order_notional * unit, max_inventory_notional=usual.max_inventory_notional * unit
    )
    held = tuple(3_000.0 * part for part in share)
    plain = quoted(usual, market(path, held))
    scaled = quoted(cents, market(path, tuple(value * unit for value in held), unit))
    for one, other in zip(plain, scaled, strict=True):
        assert other.bid == pytest.approx(one.bid * unit, rel=1e-9)
        assert other.ask_size == pytest.approx(one.ask_size, rel=1e-9)


@settings(deadline=None)
@given(steps, shares, st.integers(2, 50))
def test_the_unit_of_time_does_not_matter(
    path: list[tuple[float, ...]], share: tuple[float, ...], unit: int
) -> None:
    usual = Parameters()
    slower = usual._replace(
        reference_volatility=usual.reference_volatility / math.sqrt(unit),
        covariance_half_life_s=usual.covariance_half_life_s * unit,
        return_interval_s=usual.return_interval_s * unit,
        fills_per_s=usual.fills_per_s / unit,
    )
    whole = [(float(round(wait_s)), *moves) for wait_s, *moves in path]
    held = tuple(3_000.0 * part for part in share)
    for one, other in zip(
        quoted(usual, market(whole, held)), quoted(slower, market(whole, held, slow=unit)), strict=True
    ):
        assert other.bid == pytest.approx(one.bid, rel=1e-9)


def test_the_lean_of_one_full_inventory_alone_is_as_asked() -> None:
    for skew in (0.5, 4.0, 50.0):
        parameters = Parameters(skew_at_max_inventory_bps=skew, reference_correlation=0.0)
        first, second, _ = quoted(parameters, market([], (5_000.0, 0.0, 0.0)))
        assert first.reservation == pytest.approx(60_000.0 * (1 - 1e-4 * skew), rel=1e-9)
        assert second.reservation == pytest.approx(2_500.0, rel=1e-12)


@pytest.mark.parametrize(
    "missing",
    [{"bid": NAN}, {"ask": NAN}, {"bid": 70_000.0}, {"ask_size": 0.0}, {"bid_size": NAN}, {"maker_fee": NAN}],
)
def test_a_leg_that_is_not_known_is_not_quoted_and_leans_the_others(missing: dict[str, float]) -> None:
    parameters = Parameters()
    rounds = market([], (3_000.0, 0.0, 0.0))
    before = quoted(parameters, rounds)
    blind = (rounds[0][0]._replace(**missing), *rounds[0][1:])
    after = quoted(parameters, [rounds[0], blind])
    assert math.isnan(after[0].bid)
    assert math.isnan(after[0].ask)
    assert (after[0].bid_size, after[0].ask_size) == (0.0, 0.0)
    assert after[1:] == before[1:]
    assert before[1].reservation < 2_500.0


def test_before_its_first_touch_what_is_held_is_priced_by_its_mark() -> None:
    views = market([], (3_000.0, 0.0, 0.0))[0]
    blind = (views[0]._replace(bid=NAN, mark_price=60_000.0), *views[1:])
    assert quoted(Parameters(), [blind])[1:] == quoted(Parameters(), [views])[1:]
    unknown = (views[0]._replace(bid=NAN), *views[1:])
    assert all(math.isnan(quotes.bid) for quotes in quoted(Parameters(), [unknown]))
    nothing_held = (unknown[0]._replace(inventory=0.0), *views[1:])
    assert quoted(Parameters(), [nothing_held])[1].bid < 2_500.0


@pytest.mark.parametrize("inventory", [NAN, math.inf])
def test_an_unknown_inventory_quotes_nothing_at_all(inventory: float) -> None:
    views = market([])[0]
    lost = (views[0]._replace(inventory=inventory), *views[1:])
    assert all(math.isnan(quotes.bid) for quotes in quoted(Parameters(), [lost]))


def test_the_covariance_is_that_of_synchronous_returns() -> None:
    parameters = Parameters(covariance_half_life_s=1e6, return_interval_s=1.0)
    rng = np.random.default_rng(3)
    returns = 2e-4 * rng.standard_normal((4_000, 1)) + 1e-4 * rng.standard_normal((4_000, 3))
    state = followed(parameters, market([(1.0, *row) for row in returns.tolist()]))
    prior = 2.0 ** (-4_000 / 1e6) * np.array(initial(parameters, 3).weighted_square)
    squares = np.array(state.weighted_square) - prior
    assert squares.reshape(3, 3) / 4_000 == pytest.approx(np.cov(returns.T), rel=0.06)


def test_a_missing_touch_makes_no_return_of_that_leg() -> None:
    parameters = Parameters()
    rounds = market([(1.0, 1e-3, 1e-3, 0.0), (1.0, 0.0, 1e-3, 0.0), (1.0, 1e-3, 1e-3, 0.0)])
    rounds[1] = (rounds[1][0]._replace(bid=NAN), *rounds[1][1:])
    state = followed(parameters, rounds)
    times = np.array(state.weighted_time_s).reshape(3, 3)
    assert (times[0] < times[1, 1]).all()
    assert times[1, 1] == times[2, 2] == times[1, 2]
    assert state.prices[0] == pytest.approx(rounds[-1][0].bid, rel=1e-5)


def test_the_lean_is_kept_until_the_covariance_moves() -> None:
    parameters = Parameters()
    # Moves that are the usual ones leave the covariance where it was.
    usual = 0.5 / math.sqrt(365 * 86_400)
    start = followed(parameters, market([]))
    within = followed(parameters, market([(0.5, 0.01, 0.01, 0.01)]))
    calm = followed(parameters, market([(1.0, usual, usual, usual)]))
    wild = followed(parameters, market([(1.0, 0.01, 0.01, 0.01)]))
    assert within.lean == calm.lean == start.lean
    assert within.weighted_square == start.weighted_square
    assert calm.weighted_square != start.weighted_square
    assert wild.lean[0] > 2.0 * start.lean[0]


def test_a_clock_set_back_starts_the_interval_anew() -> None:
    parameters = Parameters()
    state = followed(parameters, [(view_of(100.0, 60_000.0),)])
    back = update(parameters, state, (view_of(50.0, 61_000.0),))
    assert (back.sampled_s, back.weighted_square) == (50.0, state.weighted_square)
    assert update(parameters, back, (view_of(60.0, 61_100.0),)).weighted_square > state.weighted_square


CALM, WILD = [(0.7, 1e-5, -1e-5, 0.0)] * 10, [(2.0, 2e-4, 1e-4, -1e-4), (2.0, -2e-4, -1e-4, 2e-4)] * 5
ENDS = [
    (name, type(usual)(end))
    for name, usual in Parameters._field_defaults.items()
    for end in parameter_ranges(Parameters)[name][:2]
    if end != usual
]


@pytest.mark.parametrize(("name", "value"), ENDS)
def test_every_parameter_changes_the_quotes(name: str, value: float) -> None:
    usual, other = Parameters(), Parameters(**{name: value})
    for path in (CALM, WILD):
        rounds = market(path, (4_500.0, 0.0, -4_500.0))
        heavy = tuple(view._replace(ask_size=3.0) for view in rounds[-1])
        if repr(quoted(usual, [*rounds, heavy])) != repr(quoted(other, [*rounds, heavy])):
            return
    pytest.fail(f"{name} = {value} changes no quote")


def test_the_contract() -> None:
    assert LEGS == 0
    built = build_parameters(Parameters, {"fills_per_s": "2", "layers": "3"}, "strategy.portfolio")
    assert built == Parameters(fills_per_s=2.0, layers=3)
    state = followed(Parameters(), market(WILD))
    for value in state:
        assert all(type(number) is float for number in (value if isinstance(value, tuple) else (value,)))
    # As it comes back from a journal: the same numbers in lists.
    thawed = State(*[list(value) if isinstance(value, tuple) else value for value in state])
    views = market(WILD)[-1]
    assert quote(Parameters(), thawed, views) == quote(Parameters(), state, views)
    later = tuple(view._replace(time_s=view.time_s + 2.0) for view in views)
    assert update(Parameters(), thawed, later)[2:7] == update(Parameters(), state, later)[2:7]


def test_the_error_of_the_closed_form_grows_with_the_lean() -> None:
    small, large = (depth_error_bps(Parameters(skew_at_max_inventory_bps=skew)) for skew in (2.0, 20.0))
    assert 0.0 < small < 0.1 < large


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"legs = 0: must be >= 1"):
        initial(Parameters(), 0)
    with pytest.raises(ValueError, match="zip"):
        update(Parameters(), initial(Parameters(), 2), market([])[0])
