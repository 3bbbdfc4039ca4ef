"""Properties of the GLFT strategy: sane over its whole range, lean as asked, no quote on what is not known."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.model.contract import Quotes, Range, View, build_parameters, parameter_ranges
from titan.strategy import glft as module
from titan.strategy.glft import (
    Parameters,
    State,
    _lean_of_link,
    _level_of,
    aversion_ratio,
    initial,
    quote,
    risk_aversion,
    stiffness_for_lean,
    update,
)
from titan.strategy.quoting import round_inside

NAN = math.nan
moves = st.lists(st.tuples(st.floats(0.0, 20.0), st.floats(-5e-4, 5e-4)), max_size=5)


def view_of(time_s: float = 0.0, bid: float = 59_999.9, ask: float = 60_000.1, **changes: float) -> View:
    """Return a view of an even touch without inventory or fee."""
    values = dict.fromkeys(View._fields, NAN)
    values.update(time_s=time_s, bid=bid, ask=ask, bid_size=1.0, ask_size=1.0, inventory=0.0, maker_fee=0.0)
    return View(**{**values, **changes})


def quoted(parameters: Parameters, *views: View) -> Quotes:
    """Return the quotes after a series of views."""
    state = initial(parameters)
    for view in views:
        state = update(parameters, state, view)
    return quote(parameters, state, views[-1])


def market(path: list[tuple[float, float]], price: float = 60_000.0, **last: float) -> list[View]:
    """Return views of a market that moves along (seconds, relative move), a spread of 1e-5 around it."""
    views, time_s = [view_of(0.0, price * (1 - 5e-6), price * (1 + 5e-6), **last)], 0.0
    for wait_s, move in path:
        time_s, price = time_s + wait_s, price * (1.0 + move)
        views.append(view_of(time_s, price * (1 - 5e-6), price * (1 + 5e-6), **last))
    return views


def parameters_in_range() -> st.SearchStrategy[Parameters]:
    """Return a strategy of parameters anywhere in their ranges."""

    def of(allowed: Range, kind: type[Any]) -> st.SearchStrategy[Any]:
        if kind is int:
            return st.integers(int(allowed.low), int(allowed.high))
        if allowed.low > 0.0:
            inner = st.floats(math.log(allowed.low), math.log(allowed.high)).map(math.exp)
            return inner.map(lambda value: min(max(value, allowed.low), allowed.high))
        return st.floats(allowed.low, allowed.high)

    ranges = parameter_ranges(Parameters)
    kinds = {name: type(Parameters._field_defaults[name]) for name in ranges}
    return st.builds(Parameters, **{name: of(allowed, kinds[name]) for name, allowed in ranges.items()})


def check_sane(parameters: Parameters, quotes: Quotes, held: float) -> None:
    """Assert that quotes are finite, apart by the least distance, and within the bound of inventory."""
    least = 1e-4 * parameters.minimum_half_spread_bps * quotes.fair_value * (1 - 1e-9)
    assert math.isfinite(quotes.fair_value + quotes.reservation)
    if not math.isnan(quotes.bid):
        assert 0.0 < quotes.bid <= quotes.fair_value - least
        assert quotes.bid_size * quotes.layers <= (parameters.max_inventory - held) * (1 + 1e-9)
    if not math.isnan(quotes.ask):
        assert quotes.fair_value + least <= quotes.ask < math.inf
        assert quotes.ask_size * quotes.layers <= (parameters.max_inventory + held) * (1 + 1e-9)


@settings(deadline=None, max_examples=60)
@given(
    parameters_in_range(), moves, st.floats(-2.0, 2.0), st.floats(1e-2, 1e6), st.floats(-0.01, 0.01),
    st.floats(-0.9, 0.9), st.floats(0.0, 1e5),
)  # fmt: skip
def test_quotes_are_sane_over_the_whole_range(
    parameters: Parameters,
    path: list[tuple[float, float]],
    share: float,
    price: float,
    fee: float,
    funding: float,
    left_s: float,
) -> None:
    held = share * parameters.max_inventory
    known = {"inventory": held, "maker_fee": fee, "funding_rate": funding, "funding_in_s": left_s}
    check_sane(parameters, quoted(parameters, *market(path, price=price, **known)), held)


@pytest.mark.parametrize("fee", [-1e-4, -1e-5, 0.0])
@pytest.mark.parametrize("held", [-0.02, -0.01, 0.0, 0.013, 0.02])
@pytest.mark.parametrize("skew", [0.0, 1.0, 20.0])
def test_without_a_least_spread_the_two_sides_never_meet(fee: float, held: float, skew: float) -> None:
    """With a rebate both stood at the fair value, which nobody can round: the strategy was put away."""
    parameters = Parameters(
        minimum_half_spread_bps=0.0,
        max_inventory=0.02,
        skew_at_max_inventory_bps=skew,
        mean_fill_depth_bps=0.02,
    )
    found = quoted(parameters, view_of(maker_fee=fee, inventory=held))
    assert math.isnan(found.bid) or math.isnan(found.ask) or found.bid < found.ask
    round_inside(found.bid, found.ask, 599_999, 600_001, 0.1)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.5, 100.0), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(-0.001, 0.001))
def test_more_inventory_never_raises_a_quote(skew: float, one: float, other: float, funding: float) -> None:
    parameters = Parameters(skew_at_max_inventory_bps=skew, minimum_half_spread_bps=0.0)
    known = {"funding_rate": funding, "funding_in_s": 3600.0}
    low, high = (quoted(parameters, view_of(inventory=q, **known)) for q in sorted((one, other)))
    assert high.reservation <= low.reservation + 1e-5


@settings(deadline=None, max_examples=40)
@given(moves, st.floats(0.5, 100.0), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_more_inventory_never_raises_the_bid_nor_the_ask(
    path: list[tuple[float, float]], skew: float, one: float, other: float
) -> None:
    parameters = Parameters(skew_at_max_inventory_bps=skew)
    low, high = (quoted(parameters, *market(path, inventory=q)) for q in sorted((one, other)))
    # A bid that is not there is the lowest, an ask the highest; a cent of a million is rounding.
    for no_quote, was, now in ((-math.inf, low.bid, high.bid), (math.inf, low.ask, high.ask)):
        before, after = (no_quote if math.isnan(value) else value for value in (was, now))
        assert after <= before + 1e-5


@settings(deadline=None, max_examples=40)
@given(moves, st.floats(-0.099, 0.099), st.floats(1e-3, 1e3))
def test_the_units_of_price_and_size_do_not_matter(
    path: list[tuple[float, float]], held: float, unit: float
) -> None:
    usual = Parameters()
    plain = quoted(usual, *market(path, inventory=held))
    dear = quoted(usual, *market(path, price=60_000.0 * unit, inventory=held))
    in_lots = usual._replace(order_size=usual.order_size * unit, max_inventory=usual.max_inventory * unit)
    lots = quoted(in_lots, *market(path, inventory=held * unit, bid_size=unit, ask_size=unit))
    for field in ("bid", "ask", "reservation"):
        value = getattr(plain, field)
        assert getattr(dear, field) == pytest.approx(value * unit, rel=1e-8, nan_ok=True)
        assert getattr(lots, field) == pytest.approx(value, rel=1e-8, nan_ok=True)
    assert lots.bid_size == pytest.approx(plain.bid_size * unit, abs=1e-9 * unit)


@settings(deadline=None, max_examples=40)
@given(moves, st.floats(-0.099, 0.099), st.integers(2, 100))
def test_the_unit_of_time_does_not_matter(path: list[tuple[float, float]], held: float, unit: int) -> None:
    usual = Parameters()
    slower = usual._replace(
        reference_volatility=usual.reference_volatility / math.sqrt(unit),
        fills_per_s=usual.fills_per_s / unit,
        volatility_half_life_s=usual.volatility_half_life_s * unit,
        funding_horizon_s=usual.funding_horizon_s * unit,
    )
    whole = [(float(round(wait_s)), move) for wait_s, move in path]
    stretched = [(wait_s * unit, move) for wait_s, move in whole]
    plain = quoted(usual, *market(whole, inventory=held, funding_rate=1e-4, funding_in_s=60.0))
    slow = quoted(slower, *market(stretched, inventory=held, funding_rate=1e-4, funding_in_s=60.0))
    for field in ("bid", "ask", "reservation"):
        assert getattr(slow, field) == pytest.approx(getattr(plain, field), rel=1e-8, nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(st.floats(1.0, 50.0), st.floats(1.0, 3.0), st.floats(0.0, 0.1))
def test_a_larger_lean_asked_for_is_never_smaller(skew: float, times: float, held: float) -> None:
    def lean(asked: float) -> float:
        parameters = Parameters(skew_at_max_inventory_bps=asked)
        long, short = (quoted(parameters, view_of(inventory=q)) for q in (held, -held))
        return short.reservation - long.reservation

    assert lean(skew * times) >= lean(skew) - 1e-5


@settings(deadline=None, max_examples=40)
@given(st.floats(1.0, 50.0), st.floats(0.0, 0.1), st.floats(-1e-4, 1e-4))
def test_long_and_short_are_mirrored(skew: float, held: float, fee: float) -> None:
    parameters = Parameters(skew_at_max_inventory_bps=skew, minimum_half_spread_bps=0.0)
    long, short = (quoted(parameters, view_of(inventory=q, maker_fee=fee)) for q in (held, -held))
    assert long.reservation - 60_000.0 == pytest.approx(60_000.0 - short.reservation, abs=1e-4)
    for one, other in ((long.bid, short.ask), (long.ask, short.bid)):
        assert one - 60_000.0 == pytest.approx(60_000.0 - other, abs=1e-4, nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.9, 40.0), st.integers(1, 80))
def test_the_stiffness_gives_the_lean_asked_for(lean: float, levels: int) -> None:
    stiffness = stiffness_for_lean(lean, levels)
    ground = _level_of(levels, stiffness, 0.0)
    flat, full = (_lean_of_link(levels, stiffness, 0.0, ground, link) for link in (-1, levels - 1))
    if 2e-12 < stiffness < 5e11:
        assert flat - full == pytest.approx(lean, rel=1e-5, abs=1e-5)


@given(st.floats(-200.0, 200.0))
def test_the_aversion_ratio_inverts(log_x: float) -> None:
    x = math.exp(log_x)
    grown = log_x + (math.log1p(x) / x if x > 1e-9 else 1.0) + math.log1p(x)
    assert math.log(aversion_ratio(math.exp(grown))) == pytest.approx(log_x, abs=1e-6)


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
    known = {"ask_size": 3.0, "funding_rate": 0.01, "funding_in_s": 30.0}
    paths = [market(path, inventory=q, **known) for path in (CALM, WILD) for q in (-0.05, 0.0, 0.05)]
    assert any(repr(quoted(usual, *views)) != repr(quoted(other, *views)) for views in paths)


@pytest.mark.parametrize(
    "missing",
    [
        {"bid": NAN},
        {"ask": NAN},
        {"bid": 60_001.0},
        {"ask": math.inf},
        {"bid_size": NAN},
        {"ask_size": 0.0},
        {"inventory": NAN},
        {"maker_fee": NAN},
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


def test_before_the_first_price_and_fee_there_is_no_quote() -> None:
    parameters = Parameters()
    state = update(parameters, initial(parameters), view_of(maker_fee=NAN))
    assert math.isnan(state.here)
    assert math.isnan(risk_aversion(parameters, state))
    assert math.isnan(quote(parameters, state, view_of()).bid)


def test_funding_counts_only_near_its_settlement_and_only_if_known() -> None:
    parameters = Parameters(funding_horizon_s=600.0)
    base = quoted(parameters, view_of())
    far = quoted(parameters, view_of(funding_rate=0.01, funding_in_s=3600.0))
    unknown = quoted(parameters, view_of(funding_in_s=60.0))
    near = quoted(parameters, view_of(funding_rate=0.01, funding_in_s=60.0))
    assert far == unknown == base
    assert near.reservation < base.reservation


def test_the_table_is_kept_until_the_market_moves() -> None:
    parameters = Parameters()
    first = update(parameters, initial(parameters), view_of())
    calm = update(parameters, first, view_of(0.001, 59_999.8, 60_000.0))
    wild = update(parameters, first, view_of(1.0, 60_099.9, 60_100.1))
    assert (calm.ground, calm.here) == (first.ground, first.here)
    assert wild.stiffness > 2.0 * first.stiffness
    held = update(parameters, first, view_of(0.001, inventory=0.03))
    assert (held.ground, held.orders) == (first.ground, 3)
    assert held.here < first.here


@pytest.mark.parametrize(("skew", "levels"), [(5.0, 10), (20.0, 60)])
def test_the_links_are_those_of_the_inventory_however_it_was_reached(skew: float, levels: int) -> None:
    parameters = Parameters(order_size=0.1 / levels, skew_at_max_inventory_bps=skew)
    state = update(parameters, initial(parameters), view_of())
    for orders in (1, 2, 1, 0, -1, 3, 0, levels, levels - 1, -levels, 1 - levels):
        state = update(parameters, state, view_of(inventory=0.1 * orders / levels + 1e-9))
        links = [
            _lean_of_link(levels, state.stiffness, state.tilt, state.ground, link)
            for link in (state.orders - 1, state.orders, state.orders + 1)
        ]
        assert [state.below, state.here, state.above] == links


def test_a_clock_set_back_does_not_stop_the_estimate() -> None:
    parameters = Parameters()
    state = update(parameters, initial(parameters), view_of(100.0))
    assert update(parameters, state, view_of(50.0)).time_ns == 50_000_000_000


def test_two_prices_three_orders_apart_get_the_same_quotes_in_bps() -> None:
    sizes = Parameters(order_size=300.0, max_inventory=3_000.0)
    btc = quoted(Parameters(), view_of(bid=59_997.0, ask=60_003.0))
    xrp = quoted(sizes, view_of(bid=1.9999, ask=2.0001))
    assert xrp.bid / 2.0 == pytest.approx(btc.bid / 60_000.0, rel=1e-12)


def test_the_fee_is_paid_for() -> None:
    free, dear = (quoted(Parameters(), view_of(maker_fee=fee)) for fee in (0.0, 2e-4))
    assert free.bid - dear.bid == pytest.approx(12.0, abs=3.0)


def test_settings_build_the_parameters_and_the_state_is_plain_numbers() -> None:
    assert build_parameters(Parameters, {"fills_per_s": "2"}, "strategy.glft") == Parameters(fills_per_s=2.0)
    state = update(Parameters(), initial(Parameters()), view_of())
    assert all(type(value) in (int, float) for value in state)
    assert State(*list(state)) == state
    assert module.MOST_LEVELS == 50


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stiffness_for_lean(-1.0, 5), "lean = -1.0: must be >= 0"),
        (lambda: stiffness_for_lean(1.0, 0), "levels = 0: must be >= 1"),
        (lambda: aversion_ratio(0.0), "filled_stiffness = 0.0: must be > 0"),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
