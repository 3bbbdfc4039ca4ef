"""Properties of what is done to every strategy's quotes."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.model.contract import Quotes
from titan.model.instruments import Instrument
from titan.strategy import quoting
from titan.strategy.quoting import (
    Level,
    TickQuotes,
    inventory_skew,
    ladder,
    limit_inventory,
    minimum_edge,
    round_inside,
    scale_size,
    ticks_above,
    ticks_below,
    widen,
)

NAN = math.nan
TICKS = st.sampled_from(["0.1", "0.01", "0.5", "0.0001", "1", "5", "0.00000001"])
WANTED = Quotes(99.9, 2.0, 100.3, 2.0, fair_value=100.05, reservation=100.1)


@st.composite
def wanted(draw: st.DrawFn) -> Quotes:
    """Draw quotes around a fair value, a side of them missing now and then."""
    fair = draw(st.floats(1.0, 1e5))
    reservation = fair * (1.0 + draw(st.floats(-0.01, 0.01)))
    bid = reservation * (1.0 - draw(st.floats(1e-6, 0.05)))
    ask = reservation * (1.0 + draw(st.floats(1e-6, 0.05)))
    sides = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    size = draw(st.floats(1e-3, 1e3))
    return Quotes(
        bid if sides[0] else NAN,
        size,
        ask if sides[1] else NAN,
        size,
        fair,
        reservation,
        draw(st.integers(1, 5)),
        0.1,
    )


def same_sides(before: Quotes, after: Quotes) -> bool:
    """Tell whether no quote has come or gone."""
    return [math.isnan(p) for p in (before.bid, before.ask)] == [
        math.isnan(p) for p in (after.bid, after.ask)
    ]


def instrument(tick_size: str) -> Instrument:
    """Return an instrument with a tick size."""
    return Instrument(
        venue="v",
        symbol="S",
        base="B",
        quote="Q",
        settle="Q",
        kind="linear",
        multiplier=Decimal(1),
        tick_size=Decimal(tick_size),
        lot_size=Decimal("0.001"),
        min_lots=1,
        max_lots=10**9,
        max_market_lots=10**9,
        min_notional=Decimal(5),
        band_up=Decimal("1.05"),
        band_down=Decimal("0.95"),
        status="trading",
    )


@given(wanted(), st.floats(1.0, 10.0), st.floats(1.0, 10.0))
def test_widening_never_brings_a_quote_nearer(quotes: Quotes, one: float, other: float) -> None:
    low, high = sorted((one, other))
    near, far = widen(quotes, low), widen(quotes, high)
    assert same_sides(quotes, far)
    assert not far.bid > near.bid
    assert not near.bid > quotes.bid
    assert not far.ask < near.ask
    assert not near.ask < quotes.ask
    assert widen(quotes, 1.0) is quotes


def test_widening_keeps_the_lean_and_needs_a_centre() -> None:
    wider = widen(WANTED, 3.0)
    assert wider.ask - wider.bid == pytest.approx(1.2)
    assert (wider.ask + wider.bid) / 2 == pytest.approx(WANTED.reservation)
    assert math.isnan(widen(WANTED._replace(reservation=NAN), 2.0).bid)
    inverted = widen(WANTED._replace(reservation=99.0), 2.0)
    assert inverted.bid < WANTED.bid


@given(wanted(), st.floats(0.0, 1.0))
def test_scaling_takes_size_and_at_zero_the_quote(quotes: Quotes, multiplier: float) -> None:
    scaled = scale_size(quotes, multiplier)
    assert scaled.bid_size <= quotes.bid_size
    assert math.isnan(scaled.bid) == (math.isnan(quotes.bid) or scaled.bid_size == 0.0)
    assert math.isnan(scale_size(quotes, 0.0).ask)


@given(wanted(), st.floats(-0.001, 0.01), st.floats(0.0, 100.0))
def test_each_fill_earns_its_edge(quotes: Quotes, fee: float, edge_bps: float) -> None:
    priced = minimum_edge(quotes, fee, edge_bps)
    least = 1e-4 * edge_bps * quotes.fair_value - 1e-9 * quotes.fair_value
    assert same_sides(quotes, priced)
    if not math.isnan(priced.bid):
        assert priced.bid <= quotes.bid
        assert quotes.fair_value - priced.bid * (1.0 + fee) >= least
    if not math.isnan(priced.ask):
        assert priced.ask >= quotes.ask
        assert priced.ask * (1.0 - fee) - quotes.fair_value >= least


def test_without_a_fair_value_nothing_earns_its_edge() -> None:
    blind = minimum_edge(WANTED._replace(fair_value=NAN), 0.0, 0.0)
    assert math.isnan(blind.bid)
    assert math.isnan(blind.ask)


@given(wanted(), st.floats(-20.0, 20.0), st.floats(0.0, 10.0))
def test_inventory_stays_inside_its_bound(quotes: Quotes, held: float, bound: float) -> None:
    limited = limit_inventory(quotes, held, bound)
    slack = 1e-12 * (1.0 + abs(held) + bound)
    if not math.isnan(limited.bid):
        assert limited.bid == quotes.bid
        assert held + limited.layers * limited.bid_size <= bound + slack
    if not math.isnan(limited.ask):
        assert limited.ask == quotes.ask
        assert held - limited.layers * limited.ask_size >= -bound - slack
    if held >= bound:
        assert math.isnan(limited.bid)
        assert limited.bid_size == 0.0
    if held <= -bound:
        assert math.isnan(limited.ask)


@given(st.floats(-50.0, 50.0), st.floats(-50.0, 50.0), st.floats(0.1, 10.0), st.floats(0.001, 50.0))
def test_the_skew_falls_with_inventory_and_is_odd(
    one: float, other: float, bound: float, steepness: float
) -> None:
    low, high = sorted((one, other))
    at_low, at_high = (inventory_skew(q, bound, 5.0, steepness) for q in (low, high))
    assert at_high <= at_low
    assert inventory_skew(-low, bound, 5.0, steepness) == -at_low
    assert inventory_skew(bound, bound, 5.0, steepness) == -5.0


@given(st.integers(1, 10**7), TICKS)
def test_a_price_on_the_grid_keeps_its_tick(ticks: int, tick_size: str) -> None:
    price = ticks * float(tick_size)
    assert ticks_below(price, float(tick_size)) == ticks
    assert ticks_above(price, float(tick_size)) == ticks
    assert ticks_below(math.nextafter(price, 0.0), float(tick_size)) == ticks


@given(st.floats(1.0, 1e6).map(lambda price: float(f"{price:.9g}")), TICKS)
def test_rounding_agrees_with_the_instrument(price: float, tick_size: str) -> None:
    exact = instrument(tick_size)
    assert ticks_below(price, float(tick_size)) == exact.ticks_below(price)
    assert ticks_above(price, float(tick_size)) == exact.ticks_above(price)


@given(st.floats(1.0, 2e3), st.floats(1e-9, 50.0), st.integers(1, 20_000), st.integers(1, 50), TICKS)
def test_rounding_never_crosses_or_touches(
    bid: float, width: float, best_bid: int, spread: int, tick_size: str
) -> None:
    best_ask, ask = best_bid + spread, bid + max(width, 1e-12 * bid)
    rounded = round_inside(bid, ask, best_bid, best_ask, float(tick_size))
    assert rounded.bid_ticks < best_ask
    assert rounded.ask_ticks > best_bid
    assert rounded.bid_ticks < rounded.ask_ticks
    assert rounded.bid_ticks <= bid / float(tick_size) * (1 + 1e-11)
    assert rounded.ask_ticks >= ask / float(tick_size) * (1 - 1e-11)


@pytest.mark.parametrize(
    ("bid", "ask", "touch", "expected"),
    [
        (100.05, 100.15, (1000, 1001), (1000, 1002)),
        (NAN, 100.15, (1000, 1001), (0, 1002)),
        (100.05, NAN, (1000, 1001), (1000, 0)),
        (NAN, NAN, (1000, 1001), (0, 0)),
        (200.0, 201.0, (1000, 1001), (1000, 2010)),
        (10.0, 11.0, (1000, 1001), (100, 1001)),
        (200.0, 201.0, (1000, 0), (2000, 2010)),
        (10.0, 11.0, (0, 1001), (100, 110)),
        (0.05, 0.1, (0, 0), (0, 1)),
        (-3.0, -2.0, (0, 0), (0, 0)),
        (math.nextafter(100.0, 0.0), 100.0, (0, 0), (999, 1000)),
        (0.05, 0.06, (0, 1), (0, 1)),
    ],
)
def test_round_inside(bid: float, ask: float, touch: tuple[int, int], expected: tuple[int, int]) -> None:
    assert round_inside(bid, ask, *touch, 0.1) == expected


def test_a_ladder_steps_outwards_and_never_below_one_tick() -> None:
    quotes = WANTED._replace(layers=3, layer_step=0.2)
    assert ladder(quotes, TickQuotes(4, 1003), 0.1) == [
        Level(1, 4, 2.0),
        Level(1, 2, 2.0),
        Level(-1, 1003, 2.0),
        Level(-1, 1005, 2.0),
        Level(-1, 1007, 2.0),
    ]


@pytest.mark.parametrize(("step", "ticks"), [(0.0, 1), (0.04, 1), (0.14, 1), (0.15, 2), (0.3, 3)])
def test_a_layer_step_is_a_whole_number_of_ticks(step: float, ticks: int) -> None:
    first, second = ladder(
        WANTED._replace(layers=2, layer_step=step, ask_size=0.0), TickQuotes(999, 1003), 0.1
    )
    assert first.price_ticks - second.price_ticks == ticks


def test_no_quote_passes_through_to_no_order() -> None:
    none = scale_size(WANTED, 0.0)
    passed = limit_inventory(minimum_edge(widen(none, 2.0), 0.0002, 1.0), 0.0, 1.0)
    assert ladder(passed, round_inside(passed.bid, passed.ask, 1000, 1001, 0.1), 0.1) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("widen", WANTED, 0.9), "spread_multiplier = 0.9: must be >= 1"),
        (("widen", WANTED, NAN), "spread_multiplier = nan: must be >= 1"),
        (("widen", WANTED, math.inf), "spread_multiplier = inf: must be >= 1"),
        (("scale_size", WANTED, 1.1), "size_multiplier = 1.1: must be from 0 to 1"),
        (("scale_size", WANTED, -0.1), "size_multiplier = -0.1: must be from 0 to 1"),
        (("minimum_edge", WANTED, NAN, 1.0), "maker_fee = nan: must be between -1 and 1"),
        (("minimum_edge", WANTED, 0.0, -1.0), "edge_bps = -1.0: must be >= 0"),
        (("limit_inventory", WANTED, NAN, 1.0), "inventory = nan: must be finite"),
        (("limit_inventory", WANTED, 0.0, -1.0), "max_inventory = -1.0: must be >= 0"),
        (("inventory_skew", math.inf, 1.0, 1.0), "inventory = inf: must be finite"),
        (("inventory_skew", 0.0, 0.0, 1.0), "max_inventory = 0.0: must be > 0"),
        (("inventory_skew", 0.0, 1.0, -1.0), "skew_at_max = -1.0: must be >= 0"),
        (("inventory_skew", 0.0, 1.0, 1.0, 0.0), "steepness = 0.0: must be from 0.001 to 50"),
        (("ticks_below", 1.0, 0.0), "tick_size = 0.0: must be > 0"),
        (("ticks_above", math.inf, 0.1), "price = inf: must be finite"),
        (("round_inside", 2.0, 1.0, 10, 11, 0.1), "bid = 2.0: must be < ask = 1.0"),
        (("round_inside", 1.0, 2.0, -1, 11, 0.1), "best_bid_ticks = -1: must be >= 0"),
        (("round_inside", 1.0, 2.0, 10, -1, 0.1), "best_ask_ticks = -1: must be >= 0"),
        (("round_inside", 1.0, 2.0, 11, 11, 0.1), "best_bid_ticks = 11: must be < best_ask_ticks = 11"),
        (("ladder", WANTED._replace(layers=0), TickQuotes(1, 2), 0.1), "layers = 0: must be >= 1"),
        (
            ("ladder", WANTED._replace(layer_step=NAN), TickQuotes(1, 2), 0.1),
            "layer_step = nan: must be >= 0",
        ),
    ],
)
def test_bad_input_is_named(call: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        getattr(quoting, call[0])(*call[1:])
