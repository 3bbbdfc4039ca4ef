"""What is gathered of a pair, what is expected of it, and NaN for what is not known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.model.contract import View
from titan.strategy.pair_outlook import (
    Outlook,
    Seen,
    Setting,
    after_fill,
    after_stamp,
    basis_now,
    expected_funding,
    gather,
    liquidation_distance,
    outlook,
    price_of,
)

NAN, HOUR = math.nan, 3_600.0
SETTING = Setting(
    72 * HOUR, 0.05, 0.8, 24 * HOUR, 24 * HOUR, 60.0, 5e-6, 1.0, 1e-4, 5.0, 0.005, 0.05, (False, False)
)
KNOWN = Seen(interval_0_s=8 * HOUR, interval_1_s=8 * HOUR)
prices = st.floats(0.01, 1e6)


def view_of(time_s: float = 0.0, price: float = 60_000.0, **changes: float) -> View:
    """Return a view of a touch of 1e-5 around a price, funded at 1 bp in an hour."""
    values = dict.fromkeys(View._fields, NAN)
    values.update(time_s=time_s, bid=price * (1 - 5e-6), ask=price * (1 + 5e-6), bid_size=1.0, ask_size=1.0)
    values.update(inventory=0.0, maker_fee=2e-4, taker_fee=5e-4, funding_rate=1e-4, funding_in_s=HOUR)
    return View(**{**values, **changes})


def after(*rounds: tuple[View, View], setting: Setting = SETTING, seen: Seen = KNOWN) -> Seen:
    """Return what is known after a series of views."""
    for views in rounds:
        seen = gather(setting, seen, views)
    return seen


def test_a_price_is_the_mid_or_else_the_mark_or_else_unknown() -> None:
    assert price_of(view_of(mark_price=1.0)) == pytest.approx(60_000.0)
    assert price_of(view_of(bid=NAN, mark_price=59_000.0)) == 59_000.0
    assert math.isnan(price_of(view_of(bid=NAN)))
    assert math.isnan(price_of(view_of(bid=NAN, mark_price=0.0)))


@given(prices, prices)
def test_the_basis_has_the_sign_of_the_difference(one: float, other: float) -> None:
    views = view_of(price=one), view_of(price=other)
    assert basis_now(views) == pytest.approx((other - one) / one, rel=1e-6, abs=1e-9)
    assert math.isnan(basis_now((views[0], views[1]._replace(ask=NAN))))


def test_an_interval_is_learnt_only_from_a_stamp_seen_to_pass() -> None:
    before = view_of(0.0, funding_in_s=100.0)
    assert after_stamp(NAN, NAN, before) == (100.0, pytest.approx(NAN, nan_ok=True))
    assert after_stamp(100.0, 8 * HOUR, view_of(50.0, funding_in_s=NAN)) == (100.0, 8 * HOUR)
    assert after_stamp(100.0, 8 * HOUR, view_of(50.0, funding_in_s=-1.0)) == (100.0, 8 * HOUR)
    # The venue's clock differs by some seconds: no stamp has passed.
    assert after_stamp(100.0, 8 * HOUR, view_of(50.0, funding_in_s=80.0)) == (130.0, 8 * HOUR)
    assert after_stamp(100.0, 8 * HOUR, view_of(150.0, funding_in_s=4 * HOUR - 50.0)) == (
        4 * HOUR + 100.0,
        4 * HOUR,
    )
    # Seen late, it may have been two: not learnt.
    assert after_stamp(100.0, 8 * HOUR, view_of(3 * HOUR, funding_in_s=HOUR))[1] == 8 * HOUR


@given(prices, prices, st.floats(0.01, 100.0), st.floats(0.01, 100.0))
def test_the_entry_is_the_mean_of_what_was_bought(one: float, other: float, held: float, more: float) -> None:
    entry = after_fill(NAN, 0.0, held, one)
    assert entry == one
    mean = after_fill(entry, held, held + more, other)
    assert mean == pytest.approx((one * held + other * more) / (held + more), rel=1e-9)
    assert after_fill(mean, held + more, held, 1.0) == mean
    assert after_fill(mean, held + more, -held, other) == other
    assert math.isnan(after_fill(mean, held, 0.0, other))
    assert after_fill(mean, held, held + more, NAN) == mean


def test_inventories_that_are_not_known_change_nothing() -> None:
    held = after((view_of(inventory=1.0), view_of(inventory=-1.0)))
    lost = after((view_of(1.0, inventory=NAN), view_of(1.0, inventory=NAN)), seen=held)
    assert lost[5:9] == held[5:9] == (1.0, -1.0, held.entry_0, held.entry_1)


def test_the_basis_is_sampled_at_intervals_and_follows() -> None:
    first = after((view_of(), view_of(price=60_030.0)))
    assert first.basis == first.basis_mean == pytest.approx(5e-4)
    assert math.sqrt(first.weighted_square / first.weighted_time_s) == pytest.approx(5e-6)
    soon = after((view_of(10.0), view_of(10.0, 60_600.0)), seen=first)
    assert soon[9:] == first[9:]
    later = after((view_of(24 * HOUR), view_of(24 * HOUR, 60_090.0)), seen=first)
    assert later.basis_mean == pytest.approx(1e-3)  # half of the way in one half-life
    assert later.weighted_square == pytest.approx(0.5 * first.weighted_square + 1e-6)
    missing = after((view_of(24 * HOUR), view_of(24 * HOUR, bid=NAN)), seen=first)
    assert missing[9:] == first[9:]


def test_a_clock_set_back_forgets_stamps_and_keeps_the_rest() -> None:
    first = after((view_of(9_000.0), view_of(9_000.0, 60_030.0)))
    again = after((view_of(0.0, funding_in_s=NAN), view_of(0.0, 60_060.0)), seen=first)
    assert math.isnan(again.stamp_0_s)
    assert again.stamp_1_s == HOUR
    assert again.interval_0_s == 8 * HOUR
    assert (again.sampled_s, again.basis) == (0.0, pytest.approx(1e-3))
    assert again[11:] == first[11:]


def expected(setting: Setting = SETTING, seen: Seen | None = None, **hedge: float) -> Outlook:
    """Return the outlook of a pair whose second leg is changed."""
    views = view_of(), view_of(**hedge)
    return outlook(setting, seen or after(views), views)


def test_what_the_short_leg_receives_counts_and_what_the_long_leg_receives_counts_against() -> None:
    rich, poor = expected(funding_rate=5e-4), expected(funding_rate=-5e-4)
    assert rich.over_horizon > rich.over_half_life > 0.0 > poor.over_half_life > poor.over_horizon
    assert rich[2:] == poor[2:]
    assert expected().over_horizon == pytest.approx(0.0, abs=1e-12)


def test_spot_pays_nothing_and_needs_no_rate() -> None:
    spot = SETTING._replace(spot=(False, True))
    assert expected(spot, funding_rate=NAN, funding_in_s=NAN).over_horizon < 0.0
    assert expected_funding(spot, True, NAN, view_of(), HOUR) == 0.0


@pytest.mark.parametrize(
    "missing",
    [{"bid": NAN}, {"taker_fee": NAN}, {"taker_fee": 1.5}, {"funding_rate": NAN}, {"funding_in_s": NAN}],
)
def test_what_is_not_known_is_nan(missing: dict[str, float]) -> None:
    assert math.isnan(expected(**missing).over_horizon)


def test_an_interval_that_is_not_known_is_nan() -> None:
    found = expected(seen=after((view_of(), view_of()), seen=Seen()))
    assert math.isnan(found.over_horizon)
    assert found.threshold > found.leaving > 0.0


def test_before_the_first_sample_nothing_is_known() -> None:
    assert all(math.isnan(value) for value in expected(seen=KNOWN))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizon_s", 24 * HOUR),
        ("usual_funding", 0.5),
        ("persistence", 0.5),
        ("basis_reversion_s", HOUR),
        ("safety", 2.0),
        ("slippage", 5e-4),
        ("leverage", 2.0),
        ("capital_rate", 0.2),
        ("spot", (True, False)),
    ],
)
def test_every_setting_changes_the_outlook(field: str, value: object) -> None:
    other = SETTING._replace(**{field: value})
    assert expected(
        other, after((view_of(), view_of(price=60_030.0))), funding_rate=5e-4, price=60_090.0
    ) != (expected(SETTING, after((view_of(), view_of(price=60_030.0))), funding_rate=5e-4, price=60_090.0))


def test_the_nearer_leg_counts_and_spot_has_no_liquidation() -> None:
    views = view_of(inventory=1.0), view_of(inventory=-1.0)
    seen = after(views)
    level = 60_000.0 * 1.2 / 1.005
    assert liquidation_distance(SETTING, seen, views) == pytest.approx(level / 60_000.0 - 1.0)
    higher = views[0], views[1]._replace(mark_price=70_000.0)
    assert liquidation_distance(SETTING, seen, higher) == pytest.approx((level - 70_000.0) / 70_000.0)
    long_is_bare = SETTING._replace(spot=(False, True))
    assert liquidation_distance(long_is_bare, seen, views) == pytest.approx(1.0 - 0.8 / 0.995)
    assert liquidation_distance(SETTING._replace(spot=(True, True)), seen, views) == math.inf
    assert liquidation_distance(SETTING, Seen(), views) == math.inf
    dark = views[0]._replace(bid=NAN), views[1]._replace(bid=NAN)
    assert liquidation_distance(SETTING, seen, dark) == math.inf
