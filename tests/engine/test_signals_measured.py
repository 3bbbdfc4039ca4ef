"""Signals: measured as the mathematics says, unknown where they must be, bounded in memory."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from tests.engine.scripted import START
from tests.engine.scripted_venue import SECOND
from titan.calibration.toxicity import percentile_rank
from titan.calibration.volatility import EwmaState, ewma_update, ewma_volatility
from titan.engine.signals import LEAST_PAST, SAMPLES, SLOTS, MarketSignals, SignalSettings

MS = SECOND // 1000
QUICK = SignalSettings(
    vpin_bucket_s=0.2, vpin_window=4, rank_history=60, markout_horizon_s=0.3, markout_half_life_s=5.0,
    markout_prior_s=0.5, volatility_half_life_s=0.5, usual_memory=4.0,
)  # fmt: skip


def flow(signals, sides, *, start=START, lots=10, every=20 * MS):
    """Feed trades of one size at an even pace; return the time after them."""
    now = start
    for side in sides:
        signals.note_trade(side, lots, now)
        now += every
    return now


def alternating(count):
    return [1 if at % 2 else -1 for at in range(count)]


def test_toxicity_is_unknown_until_it_can_be_ranked():
    signals = MarketSignals(QUICK)
    now = flow(signals, alternating(10 + 10 * (QUICK.vpin_window + LEAST_PAST - 4)))
    assert math.isnan(signals.read(now).toxicity_rank)
    now = flow(signals, alternating(200), start=now)
    assert 0.0 <= signals.read(now).toxicity_rank <= 1.0


def test_one_sided_flow_ranks_highest_and_even_flow_low():
    signals = MarketSignals(QUICK)
    now = flow(signals, random.Random(3).choices((1, -1), k=1_500))
    now = flow(signals, [1] * 100, start=now)
    assert signals.read(now).toxicity_rank > 0.95
    now = flow(signals, alternating(100), start=now)
    assert signals.read(now).toxicity_rank < 0.2


def test_the_rank_is_that_of_the_mathematics_and_its_memory_is_bounded():
    signals, rng, now, past = MarketSignals(QUICK._replace(rank_history=25)), random.Random(5), START, []
    for _ in range(3_000):
        held = list(signals._past)
        signals.note_trade(rng.choice((1, -1)), rng.randrange(1, 200), now)
        if signals._past and list(signals._past) != held:
            past = held
        now += rng.randrange(1, 40) * MS
        if len(past) >= LEAST_PAST:
            assert signals._rank == pytest.approx(percentile_rank(past, signals._past[-1]))
        assert signals._ranked == sorted(signals._past)
    assert len(signals._past) == 25


def test_without_trades_for_long_what_trades_told_is_unknown():
    signals = MarketSignals(QUICK)
    now = flow(signals, alternating(600))
    assert not math.isnan(signals.read(now).toxicity_rank)
    assert math.isnan(signals.read(now + 3 * SECOND).toxicity_rank)
    assert math.isnan(signals.read(now + 3 * SECOND).markout_bps)
    signals.note_trade(1, 0, now)
    assert math.isnan(signals.read(now + 3 * SECOND).toxicity_rank), "a print without size is no trade"


def test_the_gain_of_takers_is_that_of_every_trade_alone():
    """Trades of one slot at other mids wait together and are judged as if each stood alone."""
    signals = MarketSignals(QUICK._replace(markout_half_life_s=86_400.0))
    horizon, slot = round(0.3 * SECOND), round(0.3 * SECOND) // SLOTS
    signals.note_mid(100.0, START)
    signals.note_trade(1, 30, START + 1)
    signals.note_mid(100.1, START + slot // 3)
    signals.note_trade(1, 10, START + slot // 2)
    signals.note_trade(-1, 20, START + slot // 2 + 1)
    assert math.isnan(signals.read(START + slot).markout_bps)
    signals.note_mid(101.0, START + slot + 2)
    signals.note_mid(105.0, START + 1 + slot + horizon + 1)
    gains = 30 * (101.0 / 100.0 - 1) + 10 * (101.0 / 100.1 - 1) - 20 * (101.0 / 100.1 - 1)
    assert signals._marked.lots == pytest.approx(60.0)
    assert signals._marked.gained == pytest.approx(1e4 * gains)
    elapsed_s = slot // 2 * 1e-9
    usual = (30 * 2 ** (-elapsed_s / 2.0) + 30) / elapsed_s * QUICK.markout_prior_s
    assert signals.read(START + horizon).markout_bps == pytest.approx(1e4 * gains / (60 + usual), rel=1e-6)


def test_volatility_is_that_of_the_mathematics():
    signals, rng, mid, now = MarketSignals(QUICK), random.Random(2), 50_000.0, START
    fast = slow = EwmaState(0.0, 0.0, mid, now)
    signals.note_mid(mid, now)
    for _ in range(500):
        now += rng.randrange(20, 60) * MS
        mid += rng.gauss(0.0, 1.0)
        signals.note_mid(mid, now)
        fast, slow = ewma_update(fast, mid, now, 0.5), ewma_update(slow, mid, now, 2.0)
        ratio = signals.read(now).volatility_ratio
        if now - START >= 2 * SECOND:
            assert ratio == pytest.approx(ewma_volatility(fast) / ewma_volatility(slow), rel=1e-12)
        else:
            assert math.isnan(ratio)


def test_a_flicker_is_no_move_and_standing_still_calms():
    plain, flickering = MarketSignals(QUICK), MarketSignals(QUICK)
    now, pace = START, round(0.5 * SECOND) // SAMPLES
    for step in range(400):
        now += 2 * pace
        for signals in (plain, flickering):
            signals.note_mid(100.0 + step % 7, now)
        flickering.note_mid(99.0, now + pace // 3)
        flickering.note_mid(100.0 + step % 7, now + pace // 2)
    seen = [signals.read(now + pace).volatility_ratio for signals in (plain, flickering)]
    assert 0.0 < seen[0] == seen[1]
    before = plain.read(now).volatility_ratio
    for _ in range(20):
        now += 100 * MS
        plain.note_mid(plain._mid, now)
    assert plain.read(now).volatility_ratio < min(before, 0.5)


def test_a_market_that_never_moved_has_no_usual_volatility():
    signals, now = MarketSignals(QUICK), START
    for _ in range(40):
        now += 100 * MS
        signals.note_mid(100.0, now)
    assert math.isnan(signals.read(now).volatility_ratio)


def moving(signals, start, count=100):
    now = start
    for step in range(count):
        now += 50 * MS
        signals.note_mid(100.0 + 0.1 * (step % 3), now)
    return now


def test_after_a_gap_the_volatility_is_measured_anew_and_waiting_trades_are_dropped():
    signals = MarketSignals(QUICK)
    now = moving(signals, START)
    signals.note_trade(1, 10, now)
    assert signals.read(now).volatility_ratio > 0.0
    assert math.isnan(signals.read(now + 4 * SECOND).volatility_ratio), "the book is silent"
    signals.note_mid(150.0, now + 4 * SECOND)
    assert math.isnan(signals.read(now + 4 * SECOND).volatility_ratio)
    later = moving(signals, now + 4 * SECOND)
    assert 0.0 < signals.read(later).volatility_ratio < 3.0
    assert signals._marked.lots == 0.0


@pytest.mark.parametrize("note", ["note_mid", "note_trade"])
def test_a_clock_set_back_makes_all_times_worthless(note):
    signals = MarketSignals(QUICK)
    now = moving(signals, START)
    signals.note_trade(1, 10, now)
    arguments = (100.0,) if note == "note_mid" else (1, 10)
    getattr(signals, note)(*arguments, START)
    fresh = MarketSignals(QUICK)
    getattr(fresh, note)(*arguments, START)
    assert signals.snapshot() == fresh.snapshot()


def test_memory_is_bounded_however_many_trades_come():
    settings = QUICK._replace(rank_history=30, markout_horizon_s=600.0)
    signals, rng, now = MarketSignals(settings), random.Random(1), START
    for _ in range(20_000):
        now += rng.randrange(0, 200) * MS
        signals.note_trade(rng.choice((1, -1)), rng.randrange(1, 10_000), now)
        signals.note_mid(100.0 + rng.random(), now)
    state = signals.snapshot()
    assert len(state["past"]) == 30
    assert len(state["flow"][2]) == settings.vpin_window
    assert SLOTS < len(state["marked"][4]) <= 2 * (SLOTS + 2)


def test_a_snapshot_is_plain_and_round():
    signals = MarketSignals(QUICK)
    now = moving(signals, flow(signals, random.Random(1).choices((1, -1), k=700)))
    flow(signals, alternating(5), start=now)
    data = msgspec.msgpack.encode(signals.snapshot())
    again = MarketSignals(QUICK)
    again.restore(msgspec.msgpack.decode(data))
    assert msgspec.msgpack.encode(again.snapshot()) == data
    for each in (signals, again):
        moving(each, flow(each, [1] * 30, start=now + SECOND))
    assert msgspec.msgpack.encode(again.snapshot()) == msgspec.msgpack.encode(signals.snapshot())
