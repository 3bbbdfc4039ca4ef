"""Properties of the Avellaneda-Stoikov formulas and of the strategy made from them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.model.contract import Quotes, Range, View, build_parameters, parameter_ranges
from titan.strategy import avellaneda_stoikov as module
from titan.strategy.avellaneda_stoikov import (
    Parameters,
    State,
    infinite_horizon_reservation_prices,
    initial,
    optimal_spread,
    quote,
    reservation_price,
    risk_aversion_for_skew,
    update,
)
from titan.strategy.touch import volatility

NAN = math.nan
prices = st.floats(1e-3, 1e6)
aversions = st.floats(0.0, 1e3)
volatilities = st.floats(0.0, 1e3)
inventories = st.floats(-1e3, 1e3)
horizons = st.floats(1.0, 1e4)
scales = st.floats(1e-3, 1e3)
moves = st.lists(st.tuples(st.floats(0.0, 20.0), st.floats(-5e-4, 5e-4)), max_size=6)


def view_of(time_s: float = 0.0, bid: float = 59_999.9, ask: float = 60_000.1, **changes: float) -> View:
    """Return a view of an even touch without inventory."""
    values = dict.fromkeys(View._fields, NAN)
    values.update(time_s=time_s, bid=bid, ask=ask, bid_size=1.0, ask_size=1.0, inventory=0.0)
    return View(**{**values, **changes})


def quoted(parameters: Parameters, *views: View) -> Quotes:
    """Return the quotes after a series of views."""
    state = initial(parameters)
    for view in views:
        state = update(parameters, state, view)
    return quote(parameters, state, views[-1])


def market(
    path: list[tuple[float, float]], price: float = 60_000.0, stretch: float = 1.0, **last: float
) -> list[View]:
    """Return views of a market that moves along (seconds, relative move), a spread of 1e-5 around it."""
    views, time_s = [view_of(0.0, price * (1 - 5e-6), price * (1 + 5e-6), **last)], 0.0
    for wait_s, move in path:
        time_s, price = time_s + wait_s * stretch, price * (1.0 + move)
        views.append(view_of(time_s, price * (1 - 5e-6), price * (1 + 5e-6), **last))
    return views


@given(prices, inventories, inventories, aversions, volatilities, horizons)
def test_more_inventory_never_raises_the_reservation_price(
    price: float, one: float, other: float, aversion: float, sigma: float, horizon_s: float
) -> None:
    low, high = sorted((one, other))
    at_high = reservation_price(price, high, aversion, sigma, horizon_s)
    assert at_high <= reservation_price(price, low, aversion, sigma, horizon_s)


@given(aversions, aversions, volatilities, horizons)
def test_more_risk_aversion_never_reduces_the_skew(
    one: float, other: float, sigma: float, horizon_s: float
) -> None:
    low, high = sorted((one, other))
    skew_at_high = -reservation_price(0.0, 1.0, high, sigma, horizon_s)
    assert skew_at_high >= -reservation_price(0.0, 1.0, low, sigma, horizon_s)


@given(aversions, volatilities, horizons, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_spread_is_positive_and_finite(
    aversion: float, sigma: float, horizon_s: float, decay: float, size: float
) -> None:
    assert 0.0 < optimal_spread(aversion, sigma, horizon_s, decay, size) < math.inf


@given(
    st.floats(1e-3, 10.0), st.floats(0.1, 10.0), horizons, st.floats(0.1, 10.0), st.floats(0.1, 10.0), scales
)
def test_units_of_money_coins_and_time_do_not_matter(
    aversion: float, sigma: float, horizon_s: float, decay: float, size: float, unit: float
) -> None:
    spread = optimal_spread(aversion, sigma, horizon_s, decay, size)
    in_cents = optimal_spread(aversion / unit, sigma * unit, horizon_s, decay / unit, size)
    in_lots = optimal_spread(aversion, sigma / unit, horizon_s, decay * unit, size * unit)
    in_minutes = optimal_spread(aversion, sigma * math.sqrt(unit), horizon_s / unit, decay, size)
    assert in_cents == pytest.approx(spread * unit, rel=1e-9)
    assert in_lots == pytest.approx(spread / unit, rel=1e-9)
    assert in_minutes == pytest.approx(spread, rel=1e-9)


@pytest.mark.parametrize(("aversion", "expected"), [(0.0, 2 / 1.5), (1e-320, 2 / 1.5), (1e-12, 2 / 1.5)])
def test_without_risk_aversion_only_the_arrivals_count(aversion: float, expected: float) -> None:
    assert optimal_spread(aversion, 2.0, 1.0, 1.5) == pytest.approx(expected, rel=1e-9)


@given(st.floats(-9.9, 9.9), st.floats(-9.9, 9.9), st.floats(0.01, 2.0), st.floats(0.1, 1.0))
def test_infinite_horizon_prices_fall_with_inventory(
    one: float, other: float, aversion: float, size: float
) -> None:
    low, high = sorted((one, other))
    ask_at_low, bid_at_low = infinite_horizon_reservation_prices(100.0, low, aversion, 10.0, size)
    ask_at_high, bid_at_high = infinite_horizon_reservation_prices(100.0, high, aversion, 10.0, size)
    assert bid_at_low < ask_at_low
    assert ask_at_high <= ask_at_low + 1e-9
    assert bid_at_high <= bid_at_low + 1e-9


def test_nothing_is_bought_at_the_infinite_horizon_bound() -> None:
    ask, bid = infinite_horizon_reservation_prices(100.0, 10.0, 0.1, 10.0)
    assert bid == -math.inf
    assert math.isfinite(ask)


@given(prices, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), horizons, st.floats(1e-6, 0.02))
def test_the_derived_risk_aversion_gives_the_skew_asked_for(
    price: float, max_inventory: float, sigma: float, horizon_s: float, share: float
) -> None:
    aversion = risk_aversion_for_skew(share * price, max_inventory, sigma, horizon_s)
    lean = price - reservation_price(price, max_inventory, aversion, sigma, horizon_s)
    assert lean == pytest.approx(share * price, rel=1e-6)


GOOD: dict[str, dict[str, float]] = {
    "reservation_price": {
        "price": 1.0,
        "inventory": 0.0,
        "risk_aversion": 0.1,
        "volatility": 1.0,
        "horizon_s": 1.0,
    },
    "optimal_spread": {
        "risk_aversion": 0.1,
        "volatility": 1.0,
        "horizon_s": 1.0,
        "arrival_decay": 1.5,
        "order_size": 1.0,
    },
    "infinite_horizon_reservation_prices": {
        "price": 1.0,
        "inventory": 0.0,
        "risk_aversion": 0.1,
        "max_inventory": 10.0,
        "order_size": 1.0,
    },
    "risk_aversion_for_skew": {"skew": 1.0, "max_inventory": 1.0, "volatility": 1.0, "horizon_s": 1.0},
}
SIGNED = {"price", "inventory"}


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf, -1.0])
@pytest.mark.parametrize(("function", "name"), [(f, name) for f, good in GOOD.items() for name in good])
def test_bad_input_is_named(function: str, name: str, bad: float) -> None:
    if bad == -1.0 and name in SIGNED:
        bad = NAN
    with pytest.raises(ValueError, match=rf"^{name} = {bad}: must be "):
        getattr(module, function)(**{**GOOD[function], name: bad})


def test_zero_is_refused_where_it_divides() -> None:
    with pytest.raises(ValueError, match=r"^arrival_decay = 0\.0: must be > 0"):
        optimal_spread(0.1, 1.0, 1.0, 0.0)
    with pytest.raises(ValueError, match=r"^inventory = 11\.0: must be from -10\.0 to 10\.0"):
        infinite_horizon_reservation_prices(100.0, 11.0, 0.1, 10.0)


# The strategy.


@given(moves, st.floats(-0.12, 0.12), st.floats(-0.12, 0.12))
def test_more_inventory_never_raises_a_quote(
    path: list[tuple[float, float]], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    at_low, at_high = (quoted(Parameters(), *market(path, inventory=q)) for q in (low, high))
    no_bid, no_ask = -math.inf, math.inf

    def bid(quotes: Quotes) -> float:
        return no_bid if math.isnan(quotes.bid) else quotes.bid

    def ask(quotes: Quotes) -> float:
        return no_ask if math.isnan(quotes.ask) else quotes.ask

    assert bid(at_high) <= bid(at_low)
    assert ask(at_high) <= ask(at_low)


@given(moves, st.floats(0.0, 40.0), st.floats(1.0, 5.0), st.floats(0.0, 0.1))
def test_a_larger_skew_asked_for_never_leans_less(
    path: list[tuple[float, float]], skew: float, times: float, held: float
) -> None:
    def lean(asked: float) -> float:
        quotes = quoted(Parameters(skew_at_max_inventory_bps=asked), *market(path, inventory=held))
        return quotes.fair_value - quotes.reservation

    assert lean(skew * times) >= lean(skew) - 1e-9


@given(moves, st.floats(-0.089, 0.089), st.floats(0.1, 10.0), st.floats(0.1, 10.0))
def test_the_mirrored_market_gets_the_mirrored_quotes(
    path: list[tuple[float, float]], held: float, bid_size: float, ask_size: float
) -> None:
    parameters = Parameters()
    views = market(path)
    last = views[-1]._replace(inventory=held, bid_size=bid_size, ask_size=ask_size)
    mirrored = last._replace(inventory=-held, bid_size=ask_size, ask_size=bid_size)
    # An even fair value: gamma and k are in the price's unit, so the tilt alone is mirrored to first order.
    even = parameters._replace(imbalance_weight=0.0)
    one, other = quoted(even, *views[:-1], last), quoted(even, *views[:-1], mirrored)
    centre = 2.0 * one.fair_value
    assert one.bid == pytest.approx(centre - other.ask, rel=1e-12)
    assert one.ask == pytest.approx(centre - other.bid, rel=1e-12)
    assert (one.bid_size, one.ask_size) == pytest.approx((other.ask_size, other.bid_size))
    tilted, back = quoted(parameters, *views[:-1], last), quoted(parameters, *views[:-1], mirrored)
    assert tilted.fair_value + back.fair_value == pytest.approx(centre, rel=1e-12)


@given(moves, st.floats(-0.089, 0.089), scales)
def test_the_unit_of_price_does_not_matter(path: list[tuple[float, float]], held: float, unit: float) -> None:
    plain = quoted(Parameters(), *market(path, inventory=held))
    scaled = quoted(Parameters(), *market(path, price=60_000.0 * unit, inventory=held))
    for field in ("bid", "ask", "fair_value", "reservation", "layer_step"):
        assert getattr(scaled, field) == pytest.approx(getattr(plain, field) * unit, rel=1e-9)


@given(moves, st.floats(-0.089, 0.089), scales)
def test_the_unit_of_size_does_not_matter(path: list[tuple[float, float]], held: float, unit: float) -> None:
    parameters = Parameters()
    in_lots = parameters._replace(
        order_size=parameters.order_size * unit, max_inventory=parameters.max_inventory * unit
    )
    plain = quoted(parameters, *market(path, inventory=held))
    scaled = quoted(in_lots, *market(path, inventory=held * unit, bid_size=unit, ask_size=unit))
    assert scaled.bid == pytest.approx(plain.bid, rel=1e-12)
    assert scaled.ask == pytest.approx(plain.ask, rel=1e-12)
    assert scaled.bid_size == pytest.approx(plain.bid_size * unit)


@given(moves, st.floats(-0.089, 0.089), st.floats(0.1, 10.0))
def test_the_unit_of_time_does_not_matter(path: list[tuple[float, float]], held: float, unit: float) -> None:
    parameters = Parameters()
    slower = parameters._replace(
        horizon_s=parameters.horizon_s * unit,
        volatility_half_life_s=parameters.volatility_half_life_s * unit,
        reference_volatility=parameters.reference_volatility / math.sqrt(unit),
    )
    whole_seconds = [(float(round(wait_s)), move) for wait_s, move in path]
    plain = quoted(parameters, *market(whole_seconds, inventory=held))
    stretched = quoted(slower, *market(whole_seconds, stretch=unit, inventory=held))
    assert stretched.bid == pytest.approx(plain.bid, rel=1e-7)
    assert stretched.ask == pytest.approx(plain.ask, rel=1e-7)


def parameters_in_range() -> st.SearchStrategy[Parameters]:
    """Return a strategy of parameters over their whole ranges, logarithmic where these allow it."""

    def of(allowed: Range, kind: type[Any]) -> st.SearchStrategy[float]:
        if kind is int:
            return st.integers(int(allowed.low), int(allowed.high))
        if allowed.low > 0.0:
            inner = st.floats(math.log(allowed.low), math.log(allowed.high)).map(math.exp)
            return inner.map(lambda value: min(max(value, allowed.low), allowed.high))
        return st.floats(allowed.low, allowed.high)

    ranges = parameter_ranges(Parameters)
    kinds = {name: type(Parameters._field_defaults[name]) for name in ranges}
    return st.builds(Parameters, **{name: of(allowed, kinds[name]) for name, allowed in ranges.items()})


@given(parameters_in_range(), moves, st.floats(-2.0, 2.0), st.floats(1e-2, 1e6))
def test_quotes_are_sane_over_the_whole_range(
    parameters: Parameters, path: list[tuple[float, float]], share: float, price: float
) -> None:
    held = share * parameters.max_inventory
    quotes = quoted(parameters, *market(path, price=price, inventory=held))
    least = 1e-4 * parameters.minimum_half_spread_bps * quotes.fair_value * (1 - 1e-9)
    assert math.isfinite(quotes.fair_value + quotes.reservation)
    if not math.isnan(quotes.bid):
        assert 0.0 < quotes.bid <= quotes.fair_value - least
        assert quotes.bid_size * quotes.layers <= (parameters.max_inventory - held) * (1 + 1e-9)
    if not math.isnan(quotes.ask):
        assert quotes.fair_value + least <= quotes.ask < math.inf
        assert quotes.ask_size * quotes.layers <= (parameters.max_inventory + held) * (1 + 1e-9)


CALM, WILD = [(0.5, 1e-5)] * 20, [(0.5, 2e-4), (0.5, -2e-4)] * 10


ENDS = [
    (name, type(usual)(end))
    for name, usual in Parameters._field_defaults.items()
    for end in parameter_ranges(Parameters)[name][:2]
    if end != usual
]


@pytest.mark.parametrize(("name", "value"), ENDS)
def test_every_parameter_changes_the_quotes(name: str, value: float) -> None:
    usual, other = Parameters(), Parameters(**{name: value})
    paths = [market(path, inventory=q, ask_size=3.0) for path in (CALM, WILD) for q in (-0.05, 0.0, 0.05)]
    assert any(repr(quoted(usual, *views)) != repr(quoted(other, *views)) for views in paths)


@pytest.mark.parametrize(
    "missing",
    [
        {"bid": NAN},
        {"ask": NAN},
        {"bid": 60_001.0},
        {"ask": math.inf},
        {"bid": -1.0},
        {"bid_size": NAN},
        {"ask_size": 0.0},
        {"inventory": NAN},
    ],
)
def test_what_is_not_known_is_not_quoted(missing: dict[str, float]) -> None:
    parameters = Parameters()
    state = update(parameters, initial(parameters), view_of())
    view = view_of(1.0)._replace(**missing)
    quotes = quote(parameters, update(parameters, state, view), view)
    assert math.isnan(quotes.bid)
    assert math.isnan(quotes.ask)
    assert (quotes.bid_size, quotes.ask_size) == (0.0, 0.0)


def test_before_the_first_price_there_is_no_volatility_and_no_quote() -> None:
    parameters = Parameters()
    state = update(parameters, initial(parameters), view_of(bid=NAN))
    assert math.isnan(volatility(state))
    assert math.isnan(quote(parameters, state, view_of()).bid)


def test_the_estimate_starts_from_the_reference_volatility() -> None:
    parameters = Parameters()
    state = update(parameters, initial(parameters), view_of())
    assert volatility(state) == pytest.approx(60_000 * 0.5 / math.sqrt(365 * 86_400))


def test_a_clock_set_back_does_not_stop_the_estimate() -> None:
    parameters = Parameters()
    state = update(parameters, initial(parameters), view_of(100.0))
    state = update(parameters, state, view_of(50.0, 60_009.9, 60_010.1))
    assert state == State(state.weighted_square, 30.0, pytest.approx(60_010.0), 50_000_000_000)
    assert volatility(update(parameters, state, view_of(51.0, 60_009.9, 60_010.1))) > 0.0


def test_two_prices_three_orders_apart_get_the_same_quotes_in_bps() -> None:
    sizes = Parameters(order_size=300.0, max_inventory=3_000.0)
    btc = quoted(Parameters(), view_of(bid=59_997.0, ask=60_003.0))
    xrp = quoted(sizes, view_of(bid=1.9999, ask=2.0001))
    assert xrp.bid / 2.0 == pytest.approx(btc.bid / 60_000.0, rel=1e-12)
    assert 1.99 < xrp.bid < 2.0 < xrp.ask < 2.01


def test_settings_build_the_parameters() -> None:
    built = build_parameters(Parameters, {"horizon_s": "120", "layers": "3"}, "strategy.avellaneda_stoikov")
    assert built == Parameters(horizon_s=120.0, layers=3)
