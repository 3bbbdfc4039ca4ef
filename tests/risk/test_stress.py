"""Stress: sums, signs and order over all desks, the nearest move among all, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from titan.risk.stress import (
    HISTORICAL,
    Holding,
    Scenario,
    correlation_one,
    hypothetical_scenarios,
    liquidation_price,
    margin_calls,
    reverse_stress,
    scenario_move,
    stress_losses,
)

unhurried = settings(deadline=None)  # a busy machine is no defect
ALL = (*HISTORICAL, *hypothetical_scenarios("a"))
numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
prices = st.floats(0.01, 1e5).map(lambda value: round(value, 3))
holdings = st.builds(
    Holding,
    venue=st.sampled_from(["a", "b"]),
    asset=st.sampled_from(["BTC", "ETH", "SOL", "NEW"]),
    kind=st.sampled_from(["linear", "inverse", "coin", "stablecoin"]),
    size=numbers,
    price=prices,
    beta=st.floats(-1.0, 3.0),
    half_spread=st.floats(0.0, 0.01),
    maintenance=st.floats(0.0, 0.1),
)
desks = st.lists(holdings, min_size=1, max_size=6)
BTC = Holding("a", "BTC", "linear", 1.0, 100.0, 1.0)
FALL = Scenario("fall", {"BTC": -0.2})


def covariance_of(factors: np.ndarray) -> np.ndarray:
    return factors @ factors.T + 0.1 * np.eye(len(factors))


@unhurried
@given(desks)
def test_losses_sum_to_the_total_exactly(desk):
    found = stress_losses(ALL, desk)
    assert found.totals.tolist() == [math.fsum(row) for row in found.losses.tolist()]
    assert found.losses.shape == found.guessed.shape == (len(ALL), len(desk))


@unhurried
@given(desks, desks)
def test_two_desks_lose_what_each_loses(one, other):
    together = stress_losses(ALL, one + other)
    apart = [stress_losses(ALL, desk).losses for desk in (one, other)]
    assert (together.losses == np.hstack(apart)).all()


@unhurried
@given(holdings, st.sampled_from(ALL), st.floats(0.01, 3.0))
def test_every_asset_moves_and_none_below_nothing(held, scenario, least_beta):
    move, told = scenario_move(scenario, held, least_beta)
    assert move >= -1.0
    assert held.kind == "stablecoin" or move != 0.0
    assert told == (held.kind == "stablecoin" or held.asset in scenario.moves)


@unhurried
@given(holdings, st.sampled_from(HISTORICAL))
def test_a_linear_and_an_inverse_contract_of_equal_value_gain_the_same(held, scenario):
    linear = held._replace(kind="linear", half_spread=0.0)
    inverse = linear._replace(kind="inverse", size=held.size * held.price)
    found = stress_losses([scenario], [linear, inverse]).losses[0]
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@unhurried
@given(prices, st.floats(-0.9, 2.0), numbers)
def test_an_inverse_contract_pays_by_its_definition(price, move, dollars):
    held = Holding("a", "BTC", "inverse", dollars, price, 1.0)
    day = Scenario("day", {"BTC": move if move else 0.1})
    after = price * (1.0 + day.moves["BTC"])
    coins = dollars * (1.0 / price - 1.0 / after)
    assert stress_losses([day], [held]).totals[0] == pytest.approx(-coins * after, rel=1e-6, abs=1e-6)


@unhurried
@given(desks, st.floats(0.0, 1.0), st.floats(1.0, 10.0))
def test_worse_terms_never_help(desk, kept, spreads):
    worse = FALL._replace(gain_kept=kept, spreads=spreads)
    assert (stress_losses([worse], desk).losses >= stress_losses([FALL], desk).losses - 1e-9).all()


@unhurried
@given(desks)
def test_a_lost_venue_never_helps_and_leaves_the_others_alone(desk):
    kept, lost = (stress_losses([FALL._replace(lost_venue=venue)], desk).losses[0] for venue in ("", "a"))
    for held, before, after in zip(desk, kept, lost, strict=True):
        assert after >= before - 1e-9 if held.venue == "a" else after == before


def test_on_a_lost_venue_collateral_goes_and_losses_stay():
    desk = [
        BTC,
        BTC._replace(size=-1.0),
        Holding("a", "USD", "stablecoin", 500.0, 1.0, 0.0),
        BTC._replace(kind="coin"),
    ]
    found = stress_losses([FALL._replace(lost_venue="a")], desk)
    assert found.losses[0].tolist() == [20.0, 0.0, 500.0, 100.0]
    owed = stress_losses([FALL._replace(lost_venue="a")], [BTC._replace(kind="coin", size=-1.0)])
    assert owed.totals[0] == pytest.approx(-20.0)


def test_a_venue_of_its_own_comes_before_the_asset():
    day = Scenario("one venue", {"BTC": -0.1, "b:USDE": -0.35, "USDE": -0.01})
    moves = [scenario_move(day, Holding(venue, "USDE", "coin", 1.0, 1.0, 0.0))[0] for venue in ("a", "b")]
    assert moves == [-0.01, -0.35]


def test_the_table_of_days():
    told = {scenario.name[:10].strip(): dict(scenario.moves) for scenario in HISTORICAL}
    assert told["2020-03-12"] == {"BTC": -0.45}
    assert told["2021-05-19"] == {"BTC": -0.30, "ETH": -0.40}
    assert told["2022-05 LU"] == {"BTC": -0.25}
    assert told["2022-11 FT"] == {"BTC": -0.25, "SOL": -0.60}
    assert told["2024-08-05"] == {"BTC": -0.18, "ETH": -0.25}
    assert told["2025-10-10"] == {"BTC": -0.12, "ETH": -0.16, "SOL": -0.31}
    assert (HISTORICAL[-1].others, HISTORICAL[-1].stable) == (-0.70, -0.35)


@unhurried
@given(desks)
def test_calls_are_what_equity_lacks(desk):
    calls = margin_calls([FALL], desk)
    assert set(calls) == {held.venue for held in desk}
    for venue, amounts in calls.items():
        assert amounts.shape == (1,)
        rich = Holding(venue, "USDT", "stablecoin", 1e12, 1.0, 0.0)
        assert margin_calls([FALL], [*desk, rich])[venue][0] == 0.0
        poorer = [*desk, Holding(venue, "USDT", "stablecoin", -1.0, 1.0, 0.0)]
        assert margin_calls([FALL], poorer)[venue][0] >= amounts[0]


def test_a_call_by_hand():
    desk = [BTC._replace(maintenance=0.01), Holding("a", "USDT", "stablecoin", 15.0, 1.0, 0.0)]
    assert margin_calls([FALL], desk)["a"] == pytest.approx([20.0 + 0.01 * 80.0 - 15.0])


@unhurried
@given(
    st.sampled_from(["linear", "inverse"]),
    st.sampled_from([-1.0, 1.0]),
    prices,
    st.floats(0.01, 0.9),
    st.floats(0, 0.05),
)
def test_equity_at_liquidation_is_the_maintenance(kind, side, price, margin, maintenance):
    size = side if kind == "linear" else side * price
    equity = margin * price if kind == "linear" else margin
    at = liquidation_price(kind, size, price, equity, maintenance)
    gain = size * (at - price) if kind == "linear" else size * (1.0 / price - 1.0 / at)
    needed = maintenance * abs(size) * (at if kind == "linear" else 1.0 / at)
    assert equity + gain == pytest.approx(needed, rel=1e-6, abs=1e-9 * price)


def test_a_full_collateral_is_never_liquidated():
    assert liquidation_price("linear", 1.0, 100.0, 100.0, 0.01) == 0.0
    assert liquidation_price("inverse", -100.0, 100.0, 1.0, 0.01) == math.inf


factor_tables = arrays(np.float64, (3, 3), elements=st.floats(-1.0, 1.0).map(lambda value: round(value, 3)))
vectors = arrays(np.float64, 3, elements=st.floats(-10.0, 10.0).map(lambda value: round(value, 3)))


@unhurried
@given(vectors.filter(np.any), factor_tables, st.floats(0.01, 10.0), vectors)
def test_no_move_that_loses_so_much_is_nearer(exposures, factors, loss, other):
    spread = covariance_of(factors)
    nearest = reverse_stress(exposures, spread, loss)
    assert -exposures @ nearest.move == pytest.approx(loss)
    assert nearest.distance == pytest.approx(loss / math.sqrt(exposures @ spread @ exposures))
    assert nearest.possible == (nearest.move.min() >= -1.0)
    if -exposures @ other > 1e-6:
        along = reverse_stress(exposures, spread, loss, other)
        assert -exposures @ along.move == pytest.approx(loss)
        assert along.distance >= nearest.distance * (1.0 - 1e-9)


def test_correlation_one_moves_each_by_its_own_volatility():
    day = correlation_one("down", {"BTC": 0.04, "ALT": 0.6}, -2.0)
    assert day.moves == {"BTC": -0.08, "ALT": -1.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hypothetical_scenarios(""), "venue = '': must name the one that fails"),
        (lambda: correlation_one("x", {"BTC": 0.1}, 0.0), "deviations = 0.0: must be finite and not 0"),
        (lambda: correlation_one("x", {"ETH": 0.1}, 1.0), r"volatilities = \{'ETH': 0.1\}: must be > 0"),
        (lambda: correlation_one("x", {"BTC": math.nan}, 1.0), "volatilities = .*nan"),
        (lambda: scenario_move(FALL, BTC, 0.0), "least_beta = 0.0: must be > 0"),
        (lambda: scenario_move(Scenario("x", {"ETH": -0.1}), BTC), "must move BTC"),
        (lambda: scenario_move(Scenario("x", {"BTC": 0.0}), BTC), "must move BTC"),
        (lambda: scenario_move(Scenario("x", {"BTC": -1.1}), BTC), "must have moves >= -1"),
        (lambda: scenario_move(FALL._replace(stable=math.nan), BTC), "scenario = .*must have moves"),
        (lambda: scenario_move(FALL._replace(others=math.inf), BTC), "must have moves >= -1 and finite"),
        (lambda: scenario_move(FALL._replace(spreads=-1.0), BTC), "have spreads >= 0"),
        (lambda: scenario_move(FALL._replace(gain_kept=1.1), BTC), "gain_kept within 0..1"),
        (lambda: stress_losses([], [BTC]), r"scenarios = \[\]: must hold at least one"),
        (lambda: margin_calls([FALL], []), r"holdings = \[\]: must hold at least one"),
        (lambda: stress_losses([FALL], [BTC._replace(kind="option")]), "must have the kind linear"),
        (
            lambda: stress_losses([FALL], [BTC._replace(size=math.nan)]),
            "finite size and beta, and a price > 0",
        ),
        (lambda: stress_losses([FALL], [BTC._replace(price=0.0)]), "price > 0"),
        (
            lambda: stress_losses([FALL], [BTC._replace(half_spread=1.0)]),
            "half_spread and maintenance within",
        ),
        (lambda: margin_calls([FALL], [BTC._replace(maintenance=math.nan)]), "holdings = .*maintenance"),
        (lambda: liquidation_price("spot", 1.0, 1.0, 1.0, 0.1), "kind = spot: must be linear or inverse"),
        (lambda: liquidation_price("linear", 0.0, 1.0, 1.0, 0.1), "size = 0.0, price = 1.0, equity = 1.0"),
        (lambda: liquidation_price("linear", 1.0, 1.0, 0.0, 0.1), "equity = 0.0: must be finite"),
        (lambda: liquidation_price("linear", 1.0, 1.0, 1.0, 1.0), "maintenance = 1.0: must be within 0..1"),
        (lambda: reverse_stress([math.nan], [[1.0]], 1.0), r"exposures\[0\] = nan"),
        (lambda: reverse_stress([0.0], [[1.0]], 1.0), "exposures = 0: must hold one that is not"),
        (lambda: reverse_stress([1.0], [[1.0]], 0.0), "loss = 0.0: must be > 0"),
        (lambda: reverse_stress([1.0], [[1.0, 0.0]], 1.0), r"covariance = .*must be \(1, 1\)"),
        (lambda: reverse_stress([1.0], [[math.nan]], 1.0), "covariance = .*finite"),
        (lambda: reverse_stress([1.0, 1.0], [[1.0, 0.5], [0.4, 1.0]], 1.0), "covariance = "),
        (lambda: reverse_stress([1.0, 1.0], [[1.0, 2.0], [2.0, 1.0]], 1.0), "positive definite"),
        (
            lambda: reverse_stress([1.0], [[1.0]], 1.0, [1.0]),
            r"direction = \[1.0\]: must have shape \(1,\) and lose",
        ),
        (lambda: reverse_stress([1.0], [[1.0]], 1.0, [-1.0, 0.0]), "direction = "),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
