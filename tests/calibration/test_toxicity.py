"""Toxicity: conservation of volume, symmetry, causality, and input that must be refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.calibration.toxicity import (
    Markouts,
    Vpin,
    bucket_imbalances,
    bulk_buys,
    markout_on_mid,
    markout_on_trade,
    markout_toxicity_bps,
    percentile_rank,
    rolling_vpin,
    vpin,
    vpin_null,
    vpin_on_trade,
)

trades = st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(0, 500)), min_size=1, max_size=60)
buckets = st.integers(1, 300)
SECOND = 1_000_000_000


def follow(rows, bucket, window, sign=1):
    state = Vpin()
    for side, size in rows:
        state = vpin_on_trade(state, sign * side, size, bucket, window)
    return state


@given(trades, buckets)
def test_no_lot_is_lost_and_every_lot_lies_where_it_traded(rows, bucket):
    lots = [side for side, size in rows for _ in range(size)]
    full = len(lots) // bucket
    plain = [abs(sum(lots[at * bucket : (at + 1) * bucket])) for at in range(full)]
    state = follow(rows, bucket, 10**6)
    assert list(state.imbalances) == plain
    assert (state.filled, state.signed) == (len(lots) - full * bucket, sum(lots[full * bucket :]))


@given(trades, buckets, st.integers(1, 20))
def test_online_whole_and_rolling_agree(rows, bucket, window):
    buys = [size if side > 0 else 0 for side, size in rows]
    sells = [size if side < 0 else 0 for side, size in rows]
    whole = bucket_imbalances(buys, sells, bucket)
    state = follow(rows, bucket, window)
    assert state.imbalances == pytest.approx(tuple(np.abs(whole[-window:])), abs=1e-9)
    value = vpin(state, bucket, window)
    if len(whole) < window:
        assert value is None
    else:
        assert value == pytest.approx(rolling_vpin(whole, bucket, window)[-1], abs=1e-12)
        assert 0.0 <= value <= 1.0


@given(trades, buckets, st.integers(1, 20))
def test_buyers_and_sellers_are_alike(rows, bucket, window):
    one, other = follow(rows, bucket, window), follow(rows, bucket, window, sign=-1)
    assert (one.imbalances, one.signed) == (other.imbalances, -other.signed)


@given(trades, buckets, st.integers(1, 30))
def test_later_trades_change_no_full_bucket(rows, bucket, cut):
    rows = [(side, size + 1) for side, size in rows]
    flows = np.array([(max(side, 0) * size, max(-side, 0) * size) for side, size in rows]).T
    early = bucket_imbalances(flows[0][:cut], flows[1][:cut], bucket)
    assert bucket_imbalances(*flows, bucket)[: len(early)] == pytest.approx(early, abs=1e-9)


def test_one_trade_may_fill_more_buckets_than_count():
    assert vpin_on_trade(Vpin(), -1, 10**9 + 3, 10, 4) == Vpin(3, -3, (10, 10, 10, 10))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aggressor": 0}, "aggressor = 0: must be 1 or -1"),
        ({"size": -1}, "size = -1: must be >= 0"),
        ({"size": math.nan}, "size = nan: must be >= 0"),
        ({"bucket_size": 0}, "bucket_size = 0, window = 5"),
        ({"bucket_size": math.inf}, "bucket_size = inf, window = 5"),
        ({"window": 0}, "bucket_size = 10, window = 0"),
    ],
)
def test_a_bad_trade_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        vpin_on_trade(Vpin(), **({"aggressor": 1, "size": 1, "bucket_size": 10, "window": 5} | change))


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e3, 1e3)), min_size=1), st.floats(1e-3, 1e3))
def test_bulk_classification_splits_each_bar(rows, deviation):
    volumes, changes = np.array(rows).T
    buys, mirrored = bulk_buys(volumes, changes, deviation), bulk_buys(volumes, -changes, deviation)
    assert ((buys >= 0.0) & (buys <= volumes)).all()
    assert buys + mirrored == pytest.approx(volumes, rel=1e-12)
    assert bulk_buys(volumes, 2.0 * changes, 2.0 * deviation) == pytest.approx(buys, rel=1e-12)


@pytest.mark.parametrize("signs", [False, True])
def test_the_null_falls_as_a_bucket_is_cut_finer(signs):
    levels = [vpin_null(bars, signs) for bars in range(1, 200, 2)]
    assert levels == sorted(levels, reverse=True)
    variance = 1.0 if signs else 1.0 / 3.0
    normal = math.sqrt(2.0 * variance / (math.pi * 199))
    assert levels[-1] == pytest.approx(normal, rel=0.01)


@given(st.lists(st.floats(0, 1)), st.floats(0, 1))
def test_a_rank_is_a_share_and_mirrors(past, value):
    rank = percentile_rank(past, value)
    assert 0.0 <= rank <= 1.0
    assert percentile_rank([-one for one in past], -value) == pytest.approx(1.0 - rank)


steps = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3 * SECOND), st.floats(-5.0, 5.0)), min_size=1, max_size=40
)


def judge(rows, sign=1, price=1.0, half_life_s=7.0, horizon_ns=SECOND):
    state, time_ns, pairs, path = Markouts(0.0, 0.0, 0, 100.0 * price), 0, [], [(0, 100.0 * price)]
    for is_trade, gap_ns, value in rows:
        time_ns += gap_ns
        if is_trade:
            state = markout_on_trade(state, sign * value, time_ns, horizon_ns)
            pairs.append((time_ns, sign * value, path[-1][1]))
        else:
            path.append((time_ns, price * (100.0 + value)))
            state = markout_on_mid(state, path[-1][1], time_ns, half_life_s)
    return state, pairs, path


@given(steps)
def test_markouts_online_are_those_of_the_definition(rows):
    state, pairs, path = judge(rows)
    gained = lots = 0.0
    for time_ns, signed, before in pairs:
        due_ns = time_ns + SECOND
        if due_ns < path[-1][0]:
            later = [mid for at, mid in path if at <= due_ns][-1]
            weight = 2.0 ** ((due_ns - state.time_ns) * 1e-9 / 7.0)
            gained += weight * signed * (later - before) / before * 1e4
            lots += weight * abs(signed)
    assert state.gained == pytest.approx(gained, rel=1e-9, abs=1e-9)
    assert state.lots == pytest.approx(lots, rel=1e-9, abs=1e-9)
    assert markout_toxicity_bps(state, 2.0) == pytest.approx(gained / (lots + 2.0), rel=1e-9, abs=1e-9)


@given(steps, st.sampled_from([0.25, 8.0]))
def test_markouts_are_odd_in_the_side_and_know_no_unit_of_price(rows, price):
    base = markout_toxicity_bps(judge(rows)[0], 1.0)
    assert markout_toxicity_bps(judge(rows, sign=-1)[0], 1.0) == pytest.approx(-base)
    assert markout_toxicity_bps(judge(rows, price=price)[0], 1.0) == pytest.approx(base, abs=1e-9)


def test_horizon_and_half_life_matter():
    rows = [(True, 0, 1.0), (False, SECOND // 2, 1.0), (True, SECOND, 2.0), (False, SECOND, -3.0)]
    rows += [(False, 2 * SECOND, 4.0), (False, 9 * SECOND, 0.0)]
    base = judge(rows)[0].gained
    assert judge(rows, half_life_s=0.5)[0].gained != base
    assert judge(rows, horizon_ns=3 * SECOND)[0].gained != base


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bucket_imbalances([], [], 1), r"buys has shape \(0,\)"),
        (lambda: bucket_imbalances([1, math.nan], [1, 1], 1), r"buys\[1\] = nan: must be finite"),
        (lambda: bucket_imbalances([1, 1], [1], 1), r"sells: must have shape \(2,\)"),
        (lambda: bucket_imbalances([1, math.inf], [1, 1], 1), r"buys\[1\] = inf: must be finite"),
        (lambda: bucket_imbalances([1e308, 1e308], [0, 0], 1), "buys and sells: their sum must be finite"),
        (lambda: bucket_imbalances([1, -1], [1, 1], 1), "buys: must .* be >= 0; least -1"),
        (lambda: bucket_imbalances([1], [1], 0), "bucket_size = 0: must be > 0"),
        (lambda: rolling_vpin([1.0], 1, 2), "window = 2: must be between 1 and the number of buckets, 1"),
        (lambda: rolling_vpin([1.0], 0, 1), "bucket_size = 0: must be > 0"),
        (lambda: bulk_buys([1], [1, 2], 1), r"price_changes has shape \(2,\): must be that of volumes"),
        (lambda: bulk_buys([1], [1], 0), "deviation = 0: must be > 0"),
        (lambda: vpin_null(0), "bars = 0: must be >= 1"),
        (lambda: markout_on_trade(Markouts(0, 0, 0, 1), 1.0, 0, 0), "horizon_ns = 0"),
        (lambda: markout_on_trade(Markouts(0, 0, 0, 1), math.nan, 0, 1), "signed_size = nan"),
        (lambda: markout_on_trade(Markouts(0, 0, 0, 1, ((9, 1, 1),)), 1.0, 7, 1), "time_ns = 7: must not be"),
        (lambda: markout_on_mid(Markouts(0, 0, 0, 1), 0.0, 0, 1.0), "mid = 0.0"),
        (lambda: markout_on_mid(Markouts(0, 0, 0, 1), 1.0, 0, 0.0), "half_life_s = 0.0"),
        (lambda: markout_toxicity_bps(Markouts(0, 0, 0, 1), 0.0), "prior_size = 0.0: must be > 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
