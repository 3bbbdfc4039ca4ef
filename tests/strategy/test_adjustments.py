"""Adjustments: danger never narrows nor enlarges, the lean is bounded, the unknown never reassures."""

from __future__ import annotations

import math
import types
from typing import Any

import numba
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exports.strategy_adjustments import SAMPLES
from titan.model.contract import Quotes, parameter_ranges
from titan.strategy import adjustments, quoting
from titan.strategy.adjustments import (
    Adjustment,
    Parameters,
    Signals,
    adjust,
    counted_markout,
    counted_volatility,
    inventory_share,
    respond,
    sided_skew_bps,
    toxicity_weight,
)

NAN, INF, HUGE = math.nan, math.inf, 1e9
RANGES = parameter_ranges(Parameters)
parameters = st.builds(
    Parameters, **{name: st.floats(allowed.low, allowed.high) for name, allowed in RANGES.items()}
)
shares = st.floats(-2.0, 2.0)
signals = st.builds(
    Signals,
    st.floats(0.0, 1.0) | st.just(NAN),
    st.floats(-20.0, 200.0) | st.just(NAN),
    st.floats(0.0, 50.0) | st.just(NAN),
    shares,
    st.floats(1.0, 10.0) | st.just(NAN),
    st.floats(0.0, 1.0).map(lambda share: round(share, 6)) | st.just(NAN),
)
CALM = Signals(0.0, 0.0, 1.0, 0.0)
LIVELY = Parameters(
    skew_at_full_bps=2.0, toxic_from=0.5, toxic_spread=2.0, toxic_size=0.5, markout_weight=1.0,
    volatility_spread=0.5, volatility_size=0.5, most_spread=20.0,
)  # fmt: skip


@st.composite
def wanted(draw: st.DrawFn) -> Quotes:
    """Draw quotes around a fair value."""
    fair = draw(st.floats(1.0, 1e5))
    reservation = fair * (1.0 + draw(st.floats(-0.005, 0.005)))
    bid, ask = (reservation * (1.0 + side * draw(st.floats(1e-5, 0.02))) for side in (-1, 1))
    return Quotes(
        bid, draw(st.floats(1e-3, 10.0)), ask, draw(st.floats(1e-3, 10.0)), fair, reservation, 2, 0.1
    )


def worse(one: Signals, other: Signals) -> tuple[Signals, Signals]:
    """The two signals with the danger of each sorted: the second is nowhere safer, and the unknown is worst."""
    pairs = [sorted(pair, key=lambda x: INF if math.isnan(x) else x) for pair in zip(one, other, strict=True)]
    pairs[3] = [one.inventory_share] * 2
    sizes = (one.regime_size, other.regime_size)
    pairs[5] = sorted(sizes, key=lambda x: -1.0 if math.isnan(x) else x, reverse=True)
    return Signals(*(pair[0] for pair in pairs)), Signals(*(pair[1] for pair in pairs))


@given(parameters, signals, signals)
def test_more_danger_never_narrows_and_never_enlarges(chosen, one, other):
    safer, worst = (respond(chosen, each) for each in worse(one, other))
    assert 1.0 <= safer.spread_multiplier <= worst.spread_multiplier <= chosen.most_spread
    assert 0.0 <= worst.size_multiplier <= safer.size_multiplier <= 1.0
    assert 0.0 <= safer.edge_bps <= worst.edge_bps <= chosen.markout_weight * chosen.most_markout_bps
    assert (safer.bid_skew_bps, safer.ask_skew_bps) == (worst.bid_skew_bps, worst.ask_skew_bps)


@given(parameters, signals, signals, wanted(), st.floats(-0.001, 0.001), st.floats(0.0, 50.0))
def test_neither_do_the_quotes(chosen, one, other, quotes, fee, edge):
    safer, worst = (adjust(respond(chosen, each), quotes, fee, edge) for each in worse(one, other))
    slack = 1e-9 * quotes.fair_value
    if not math.isnan(worst.bid):
        assert worst.bid <= safer.bid + slack
        assert worst.ask >= safer.ask - slack
    assert worst.bid_size <= safer.bid_size <= quotes.bid_size
    assert worst.ask_size <= safer.ask_size <= quotes.ask_size


@given(parameters, signals, wanted())
def test_without_a_lean_no_quote_comes_nearer_and_with_one_the_spread_never_narrows(chosen, found, quotes):
    still = adjust(respond(chosen._replace(skew_at_full_bps=0.0), found), quotes, 0.0, 0.0)
    leaned = adjust(respond(chosen, found), quotes, 0.0, 0.0)
    slack = 1e-9 * quotes.fair_value
    if not math.isnan(still.bid):
        assert still.bid <= quotes.bid + slack
        assert still.ask >= quotes.ask - slack
        assert leaned.ask - leaned.bid >= quotes.ask - quotes.bid - slack


@given(shares, st.floats(0.0, 200.0), st.floats(0.001, 50.0), st.floats(0.0, 1.0))
def test_the_lean_is_antisymmetric_bounded_and_sheds(share, most, steepness, shed):
    bid, ask = sided_skew_bps(share, most, steepness, shed)
    assert sided_skew_bps(-share, most, steepness, shed) == (-ask, -bid)
    assert max(abs(bid), abs(ask)) <= most
    assert (bid <= 0.0 and ask <= 0.0) if share >= 0.0 else (bid >= 0.0 and ask >= 0.0)
    adding, shedding = (bid, ask) if share >= 0.0 else (ask, bid)
    assert abs(shedding) == pytest.approx(shed * abs(adding))
    assert sided_skew_bps(1.0, most, steepness, shed)[0] == pytest.approx(-most)


@given(shares, shares, st.floats(0.1, 200.0), st.floats(0.001, 50.0))
def test_the_lean_falls_with_the_inventory(one, other, most, steepness):
    less, more = sorted((one, other))
    first, second = (sided_skew_bps(share, most, steepness, 1.0) for share in (less, more))
    assert second[0] <= first[0]
    assert second[1] <= first[1]


@given(signals, wanted())
def test_the_default_parameters_change_nothing(found, quotes):
    quotes = quotes._replace(bid=min(quotes.bid, quotes.fair_value), ask=max(quotes.ask, quotes.fair_value))
    without_regime = found._replace(regime_spread=1.0, regime_size=1.0)
    assert respond(Parameters(), without_regime) == (1.0, 1.0, 0.0, 0.0, 0.0)
    assert adjust(respond(Parameters(), without_regime), quotes, -0.001, 0.0) == quotes


@given(parameters, signals, wanted(), st.floats(1e-3, 1e3))
def test_prices_and_sizes_rescale(chosen, found, quotes, scale):
    answer = respond(chosen, found)
    base = adjust(answer, quotes, 0.0001, 1.0)
    dearer = Quotes(
        quotes.bid * scale, quotes.bid_size / scale, quotes.ask * scale, quotes.ask_size / scale,
        quotes.fair_value * scale, quotes.reservation * scale, quotes.layers, quotes.layer_step * scale,
    )  # fmt: skip
    scaled = adjust(answer, dearer, 0.0001, 1.0)
    expected = (base.bid * scale, base.bid_size / scale, base.ask * scale, base.ask_size / scale)
    assert scaled[:4] == pytest.approx(expected, rel=1e-9, nan_ok=True)


@given(st.floats(-5.0, 5.0), st.floats(1.0, 1e5), st.floats(1.0, 1e7))
def test_the_share_is_one_at_full_inventory(inventory, price, full):
    assert inventory_share(full / price, price, full) == pytest.approx(1.0)
    assert inventory_share(-inventory, price, full) == -inventory_share(inventory, price, full)


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "skew_at_full_bps": 3.0, "skew_steepness": 4.0, "skew_shed_share": 0.2, "toxic_from": 0.2,
        "toxic_spread": 3.0, "toxic_size": 0.1, "markout_weight": 2.0, "most_markout_bps": 0.1,
        "volatility_spread": 1.0, "volatility_size": 1.0, "most_volatility": 1.5, "most_spread": 1.2,
    }.items(),
)  # fmt: skip
def test_every_parameter_changes_the_answer(name, value):
    danger = Signals(0.9, 0.5, 2.0, 0.4)
    assert respond(LIVELY._replace(**{name: value}), danger) != respond(LIVELY, danger)


def test_the_full_inventory_is_that_of_the_share():
    assert set(RANGES) - {"full_inventory"} == {
        "skew_at_full_bps", "skew_steepness", "skew_shed_share", "toxic_from", "toxic_spread", "toxic_size",
        "markout_weight", "most_markout_bps", "volatility_spread", "volatility_size", "most_volatility", "most_spread",
    }  # fmt: skip
    assert inventory_share(0.1, 50_000.0, 10_000.0) == 0.5


@pytest.mark.parametrize(
    "change",
    [
        {"toxicity_rank": 0.9},
        {"markout_bps": 0.5},
        {"volatility_ratio": 2.0},
        {"inventory_share": 0.3},
        {"regime_spread": 2.0},
        {"regime_size": 0.5},
    ],
)
def test_every_signal_changes_the_answer(change):
    assert respond(LIVELY, CALM._replace(**change)) != respond(LIVELY, CALM)


def test_the_unknown_counts_as_the_worst():
    unknown = respond(LIVELY, Signals(NAN, NAN, NAN, 0.0))
    assert unknown == respond(LIVELY, Signals(1.0, HUGE, HUGE, 0.0))
    assert unknown.spread_multiplier == pytest.approx(2.0 * 4.0**0.5)
    regime = respond(LIVELY, CALM._replace(regime_spread=NAN, regime_size=NAN))
    assert (regime.spread_multiplier, regime.size_multiplier) == (LIVELY.most_spread, 0.0)


def test_an_unknown_inventory_is_not_quoted_where_a_lean_is_set():
    quotes = Quotes(99.0, 1.0, 101.0, 1.0, 100.0, 100.0)
    lost = CALM._replace(inventory_share=NAN)
    adjusted = adjust(respond(LIVELY, lost), quotes, 0.0, 0.0)
    assert math.isnan(adjusted.bid)
    assert math.isnan(adjusted.ask)
    assert adjust(respond(LIVELY._replace(skew_at_full_bps=0.0), lost), quotes, 0.0, 0.0) == quotes


def test_a_side_that_is_not_quoted_stays_so_and_an_unknown_fair_value_takes_both():
    answer = respond(LIVELY, CALM._replace(inventory_share=0.5))
    one_sided = adjust(answer, Quotes(NAN, 1.0, 101.0, 1.0, 100.0, 100.0), 0.0, 0.0)
    assert math.isnan(one_sided.bid)
    assert one_sided.ask < 101.0
    blind = adjust(answer, Quotes(99.0, 1.0, 101.0, 1.0, NAN, 100.0), 0.0, 0.0)
    assert math.isnan(blind.bid)
    assert math.isnan(blind.ask)


def test_no_lean_gives_the_edge_away_and_all_edge_ends():
    quotes = Quotes(99.0, 1.0, 101.0, 1.0, 100.0, 100.0)
    sold = adjust(Adjustment(1.0, 1.0, -200.0, -200.0, 5.0), quotes, 0.0, 3.0)
    assert sold.ask == pytest.approx(100.0 * (1.0 + 8e-4))
    far = adjust(Adjustment(1.0, 1.0, 0.0, 0.0, 20_000.0), quotes, 0.0, 3.0)
    assert far.bid == pytest.approx(0.01)
    assert adjust(Adjustment(1.0, 1.0, 0.0, 0.0, 0.0), quotes, 0.0, 9_999.5).bid == pytest.approx(0.005)


def compiled(*modules: types.ModuleType) -> dict[str, Any]:
    """The functions of some modules, the lower one first, compiled with each other."""
    names: dict[str, Any] = {}
    for module in modules:
        own = {**vars(module), **{name: names[name] for name in names if name in vars(module)}}
        for name, found in vars(module).items():
            if isinstance(found, types.FunctionType) and found.__module__ == module.__name__:
                copy = types.FunctionType(found.__code__, own, name, found.__defaults__)
                own[name] = names[name] = numba.njit(copy)
    return names


def test_a_sweep_compiles_the_same_source_to_the_same_numbers():
    fast = compiled(quoting, adjustments)

    @numba.njit
    def sweep(chosen, rank, gain, ratio, share, quotes):
        found = Signals(rank, gain, ratio, share, 1.0, 1.0)
        return fast_adjust(fast_respond(chosen, found), quotes, 0.0001, 0.5)

    fast_adjust, fast_respond = fast["adjust"], fast["respond"]
    quotes = Quotes(59_990.0, 0.02, 60_010.0, 0.03, 60_000.0, 60_001.0, 2, 1.0)
    for rank, gain, ratio, share in ((0.2, -1.0, 0.5, -0.4), (0.95, 0.7, 3.0, 0.8), (NAN, NAN, NAN, 2.0)):
        plain = adjust(respond(LIVELY, Signals(rank, gain, ratio, share)), quotes, 0.0001, 0.5)
        assert tuple(sweep(LIVELY, rank, gain, ratio, share, quotes)) == pytest.approx(
            tuple(plain), rel=1e-12
        )


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.function.__name__)
def test_the_samples_are_truthful(sample):
    base = sample.function(**sample.arguments)
    for name, value in sample.changes.items():
        assert sample.function(**{**sample.arguments, name: value}) != base, name
    for name, values in sample.refused.items():
        for value in values:
            with pytest.raises(ValueError, match=name):
                sample.function(**{**sample.arguments, name: value})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: toxicity_weight(1.1, 0.5), "toxicity_rank = 1.1: must be from 0 to 1, or NaN"),
        (lambda: toxicity_weight(0.5, 1.0), "toxic_from = 1.0: must be >= 0 and < 1"),
        (lambda: counted_volatility(-1.0, 2.0), "volatility_ratio = -1.0: must be >= 0"),
        (lambda: counted_volatility(INF, 2.0), "volatility_ratio = inf"),
        (lambda: counted_volatility(1.0, NAN), "most_volatility = nan: must be >= 1"),
        (lambda: counted_markout(INF, 2.0), "markout_bps = inf: must be finite"),
        (lambda: counted_markout(1.0, -1.0), "most_markout_bps = -1.0: must be >= 0"),
        (lambda: inventory_share(NAN, 1.0, 1.0), "inventory = nan: must be finite"),
        (lambda: inventory_share(1.0, 0.0, 1.0), "price = 0.0: must be > 0"),
        (lambda: inventory_share(1.0, 1.0, INF), "full_inventory = inf: must be > 0"),
        (lambda: sided_skew_bps(INF, 1.0, 1.0, 1.0), "share = inf: must be finite"),
        (lambda: sided_skew_bps(0.5, 1.0, 1.0, NAN), "skew_shed_share = nan: must be from 0 to 1"),
        (lambda: sided_skew_bps(0.5, NAN, 1.0, 1.0), "skew_at_full_bps = nan: must be >= 0"),
        (lambda: sided_skew_bps(0.5, 1.0, 0.0, 1.0), "skew_steepness = 0.0: must be from 0.001 to 50"),
        (lambda: respond(LIVELY, CALM._replace(regime_spread=0.9)), "regime_spread = 0.9: must be >= 1"),
        (lambda: respond(LIVELY, CALM._replace(regime_spread=INF)), "regime_spread = inf"),
        (lambda: respond(LIVELY, CALM._replace(regime_size=1.1)), "regime_size = 1.1: must be from 0 to 1"),
        (lambda: respond(LIVELY, CALM._replace(regime_size=-0.1)), "regime_size = -0.1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spread_multiplier": 0.9}, "spread_multiplier = 0.9"),
        ({"size_multiplier": 1.1}, "size_multiplier = 1.1"),
        ({"bid_skew_bps": INF}, "bid_skew_bps, ask_skew_bps = inf"),
        ({"ask_skew_bps": -INF}, "bid_skew_bps, ask_skew_bps = inf"),
        ({"edge_bps": -0.1}, "edge_bps = -0.1"),
        ({"edge_bps": NAN}, "edge_bps = nan"),
    ],
)
def test_a_strange_adjustment_is_refused(change, message):
    quotes = Quotes(99.0, 1.0, 101.0, 1.0, 100.0, 100.0)
    with pytest.raises(ValueError, match=message):
        adjust(Adjustment(1.0, 1.0, 0.0, 0.0, 0.0)._replace(**change), quotes, 0.0, 0.0)
