"""The exact depths of bounded inventory: order, symmetry, units, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.strategy import glft_table
from titan.strategy.glft_table import (
    Market,
    asymptotic_depths,
    asymptotic_error,
    exact_depths,
    fill_terms,
    ground_level,
    log_ratio,
    shape_of,
)

markets = st.builds(
    Market,
    volatility=st.floats(0.0, 20.0),
    arrival_rate=st.floats(0.1, 10.0),
    arrival_decay=st.floats(0.02, 5.0),
    risk_aversion=st.floats(0.0, 2.0),
    order_size=st.floats(0.01, 10.0),
    drift=st.floats(-0.5, 0.5),
    fee=st.floats(-1.0, 1.0),
    fill_aversion=st.none() | st.floats(0.0, 2.0),
)
still = markets.map(lambda market: market._replace(drift=0.0))
levels_up_to_12 = st.integers(1, 12)
scales = st.floats(1e-3, 1e3)
USUAL = Market(0.3, 0.9, 0.3, 0.01)


@given(markets, levels_up_to_12)
def test_more_inventory_never_raises_the_bid_nor_the_ask(market: Market, levels: int) -> None:
    rows = exact_depths(market, levels)
    bids, asks = [row.bid for row in rows[:-1]], [row.ask for row in rows[1:]]
    assert np.isfinite(bids + asks).all()
    assert rows[-1].bid == rows[0].ask == math.inf
    slack = 1e-6 * (1.0 + np.abs(bids).max())
    assert (np.diff(bids) >= -slack).all()
    assert (np.diff(asks) <= slack).all()


@given(still, levels_up_to_12)
def test_without_drift_bid_and_ask_are_mirrored(market: Market, levels: int) -> None:
    rows = exact_depths(market, levels)
    for row, mirrored in zip(rows, reversed(rows), strict=True):
        assert row.bid == pytest.approx(mirrored.ask, rel=1e-7, abs=1e-7 / market.arrival_decay)


@given(markets, levels_up_to_12)
def test_a_turned_drift_turns_the_sides(market: Market, levels: int) -> None:
    rows = exact_depths(market, levels)
    turned = exact_depths(market._replace(drift=-market.drift), levels)
    for row, other in zip(rows, reversed(turned), strict=True):
        assert row.bid == pytest.approx(other.ask, rel=1e-7, abs=1e-7 / market.arrival_decay)


@given(still, levels_up_to_12, st.floats(1.0, 5.0))
def test_more_risk_aversion_never_reduces_the_skew(market: Market, levels: int, times: float) -> None:
    market = market._replace(fill_aversion=0.1)
    more = market._replace(risk_aversion=market.risk_aversion * times)
    leans = [
        rows[-1].ask - rows[0].bid for rows in (exact_depths(market, levels), exact_depths(more, levels))
    ]
    assert leans[0] == pytest.approx(0.0, abs=1e-6 / market.arrival_decay)
    asks = [
        exact_depths(one, levels)[levels].ask - exact_depths(one, levels)[-1].ask for one in (market, more)
    ]
    assert asks[1] >= asks[0] - 1e-7 / market.arrival_decay


@given(markets, levels_up_to_12, scales)
def test_units_of_money_coins_and_time_do_not_matter(market: Market, levels: int, unit: float) -> None:
    xi = market.risk_aversion if market.fill_aversion is None else market.fill_aversion
    base = market._replace(fill_aversion=xi)
    cents = base._replace(
        volatility=base.volatility * unit,
        arrival_decay=base.arrival_decay / unit,
        risk_aversion=base.risk_aversion / unit,
        fill_aversion=xi / unit,
        drift=base.drift * unit,
        fee=base.fee * unit,
    )
    slower = base._replace(
        volatility=base.volatility / math.sqrt(unit),
        arrival_rate=base.arrival_rate / unit,
        drift=base.drift / unit,
    )
    for row, in_cents, in_time in zip(
        *(exact_depths(one, levels)[:-1] for one in (base, cents, slower)), strict=True
    ):
        assert in_cents.bid == pytest.approx(row.bid * unit, rel=1e-6, abs=1e-6 * unit / base.arrival_decay)
        assert in_time.bid == pytest.approx(row.bid, rel=1e-6, abs=1e-6 / base.arrival_decay)


@settings(deadline=None)
@given(st.integers(1, 60), st.floats(0.0, 1e9), st.floats(-1e9, 1e9))
def test_every_link_is_finite(levels: int, stiffness: float, tilt: float) -> None:
    ground = ground_level(levels, stiffness, tilt)
    for link in (-levels, 0, levels - 1):
        assert math.isfinite(log_ratio(levels, stiffness, tilt, ground, link))


@given(st.integers(1, 10), st.floats(1e-6, 10.0), st.floats(-20.0, 20.0))
def test_the_ratios_are_those_of_the_eigenvector(levels: int, stiffness: float, tilt: float) -> None:
    n = np.arange(-levels, levels + 1)
    matrix = np.diag(stiffness * n**2 - tilt * n) - np.eye(len(n), k=1) - np.eye(len(n), k=-1)
    values, vectors = np.linalg.eigh(matrix)
    ground = ground_level(levels, stiffness, tilt)
    assert ground == pytest.approx(values[0], abs=1e-9 * (1 + abs(values[0])))
    vector = np.abs(vectors[:, 0])
    for link in range(-levels, levels):
        low, high = vector[link + levels], vector[link + levels + 1]
        if min(low, high) > 1e-6:
            got = log_ratio(levels, stiffness, tilt, ground, link)
            assert got == pytest.approx(math.log(high / low), abs=1e-5)


@settings(deadline=None)
@given(st.integers(1, 60), st.floats(-12.0, 9.0), st.floats(-2.2, 2.2))
def test_the_ground_level_is_found_to_the_last_digits_in_a_few_steps(
    levels: int, log_stiffness: float, lean: float
) -> None:
    stiffness = 10.0**log_stiffness
    tilt = lean * stiffness * levels
    n = np.arange(-levels, levels + 1)
    matrix = np.diag(stiffness * n**2 - tilt * n) - np.eye(len(n), k=1) - np.eye(len(n), k=-1)
    with pytest.MonkeyPatch.context() as patch:
        tried = []
        step = glft_table._step_to_ground
        patch.setattr(glft_table, "_step_to_ground", lambda *given: tried.append(given) or step(*given))
        ground = ground_level(levels, stiffness, tilt)
    scale = 2.0 + np.abs(np.diag(matrix)).max()  # the solver's own rounding
    assert ground == pytest.approx(np.linalg.eigvalsh(matrix)[0], abs=1e-14 * scale)
    assert len(tried) <= 30


@given(still, st.floats(-50.0, 50.0))
def test_the_closed_form_is_mirrored_and_its_error_positive(market: Market, held: float) -> None:
    row, mirrored = asymptotic_depths(market, held), asymptotic_depths(market, -held)
    assert row.bid == pytest.approx(mirrored.ask, rel=1e-9, abs=1e-9 / market.arrival_decay)
    assert asymptotic_error(market, held) == asymptotic_error(market, -held) >= -1e-9 / market.arrival_decay


def test_every_field_changes_the_depths() -> None:
    base = USUAL._replace(drift=0.001, fee=0.01, fill_aversion=0.02)
    usual = exact_depths(base, 5)
    for name in Market._fields:
        other = base._replace(**{name: 1.5 * getattr(base, name)})
        assert exact_depths(other, 5) != usual, name


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("volatility", -1.0, "volatility = -1.0: must be >= 0"),
        ("volatility", math.nan, "volatility = nan: must be >= 0"),
        ("arrival_rate", 0.0, "arrival_rate = 0.0: must be > 0"),
        ("arrival_decay", math.inf, "arrival_decay = inf: must be > 0 and finite"),
        ("risk_aversion", -0.1, "risk_aversion = -0.1: must be >= 0"),
        ("order_size", 0.0, "order_size = 0.0: must be > 0"),
        ("drift", math.nan, "drift = nan: must be finite"),
        ("fee", math.inf, "fee = inf: must be finite"),
        ("fee", 2000.0, "fee = 2000.0: must be within 300 / arrival_decay"),
        ("fill_aversion", -1.0, "fill_aversion = -1.0: must be >= 0 and finite, or None"),
    ],
)
def test_a_bad_market_is_refused(field: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shape_of(USUAL._replace(**{field: value}))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fill_terms(-0.1), "ratio = -0.1: must be >= 0"),
        (lambda: ground_level(0, 1.0, 0.0), "levels = 0: must be from 1 to 1000"),
        (lambda: ground_level(1001, 1.0, 0.0), "levels = 1001: must be from 1 to 1000"),
        (lambda: ground_level(2, -1.0, 0.0), "stiffness = -1.0: must be >= 0"),
        (lambda: ground_level(2, 1.0, math.nan), "tilt = nan: must be finite"),
        (lambda: log_ratio(2, 1.0, 0.0, -1.0, 2), "link = 2: must be from -2 to 1"),
        (lambda: asymptotic_depths(USUAL, math.nan), "inventory = nan: must be finite"),
        (
            lambda: asymptotic_depths(USUAL._replace(risk_aversion=0.0, drift=0.1), 0.0),
            "drift = 0.1: must be 0 where risk_aversion",
        ),
    ],
)
def test_bad_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_drift_without_risk_leans_to_one_edge() -> None:
    rows = exact_depths(USUAL._replace(risk_aversion=0.0, drift=0.1), 5)
    assert rows[5].bid < rows[5].ask
    assert asymptotic_depths(USUAL._replace(risk_aversion=0.0), 3.0).bid == pytest.approx(
        shape_of(USUAL).depth, rel=0.02
    )
