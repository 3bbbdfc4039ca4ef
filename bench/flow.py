"""Order flow: toxicity and intensity of long records against pandas, and what one event costs online."""

from __future__ import annotations

import gc
import itertools
import math
import statistics
from collections.abc import Callable
from time import perf_counter_ns, process_time
from typing import Any

import numpy as np
import pandas as pd

from titan.calibration.intensity import Online, fit_depths, online_update
from titan.calibration.tape import tape_arrivals
from titan.calibration.toxicity import (
    Markouts,
    Vpin,
    bucket_imbalances,
    markout_on_mid,
    markout_on_trade,
    rolling_vpin,
    vpin_on_trade,
)
from titan.calibration.volatility import ewma_start, ewma_update

Row = dict[str, Any]
TRADES = 5_000_000
PRINTS = 1_000_000
EVENTS = 20_000
WINDOW = 50
RATIO_TARGET = 5.0
TARGET_US = 2.0
ROUNDS = 3
HOUR_NS = 3_600 * 10**9
_PEER = f"pandas {pd.__version__}"


def trades(count: int) -> tuple[pd.DataFrame, float]:
    """Seeded trades, the whole lots that each bought or sold, and a bucket of about a hundred of them."""
    rng = np.random.default_rng(5)
    size = rng.geometric(0.02, count).astype(np.float64)
    buys = size * rng.integers(0, 2, count)
    return pd.DataFrame({"buys": buys, "sells": size - buys}), 100.0 * round(float(size.mean()))


def our_vpin(frame: pd.DataFrame, bucket_size: float) -> np.ndarray:
    """VPIN after each bucket, by the notebook's functions."""
    imbalances = bucket_imbalances(frame["buys"].to_numpy(), frame["sells"].to_numpy(), bucket_size)
    return rolling_vpin(imbalances, bucket_size, WINDOW)


def pandas_vpin(frame: pd.DataFrame, bucket_size: float) -> np.ndarray:
    """VPIN as one writes it with care in pandas: no loop, and only the trades that cross an edge are repeated."""
    size, signed = frame["buys"] + frame["sells"], frame["buys"] - frame["sells"]
    end = size.cumsum()
    start = end - size
    bucket = (start // bucket_size).astype("int64")
    crosses = end > (bucket + 1) * bucket_size
    whole = signed[~crosses].groupby(bucket[~crosses], sort=False).sum()
    pieces = pd.DataFrame({"start": start, "end": end, "share": signed / size, "first": bucket})[crosses]
    parts = np.ceil(pieces["end"] / bucket_size).astype("int64") - pieces["first"]
    pieces = pieces.loc[pieces.index.repeat(parts)]
    at = pieces["first"] + pieces.groupby(level=0).cumcount()
    low = np.maximum(pieces["start"], at * bucket_size)
    high = np.minimum(pieces["end"], (at + 1) * bucket_size)
    split = ((high - low) * pieces["share"]).groupby(at, sort=False).sum()
    full = range(int(end.iloc[-1] // bucket_size))
    imbalance = whole.add(split, fill_value=0.0).reindex(full, fill_value=0.0).abs()
    return (imbalance.rolling(WINDOW).sum().iloc[WINDOW - 1 :] / (WINDOW * bucket_size)).to_numpy()


def prints(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Seeded prints of an hour, four to an aggressive order on average, in order of time; and the quotes' mids."""
    rng = np.random.default_rng(6)
    orders = max(count // 4, 1)
    order = np.sort(rng.integers(0, orders, count))
    time_ns = np.sort(rng.integers(1, HOUR_NS // 1_000_000, orders))[order] * 1_000_000
    side = rng.choice(np.array([-1, 1]), orders)[order]
    quotes = pd.DataFrame({"time_ns": np.sort(rng.integers(0, HOUR_NS, count // 2 + 1))})
    quotes.loc[0, "time_ns"] = 0
    quotes["mid"] = 60_000.0 + 0.05 * rng.integers(-1, 2, len(quotes)).cumsum()
    before = np.searchsorted(quotes["time_ns"].to_numpy(), time_ns, side="left") - 1
    price = quotes["mid"].to_numpy()[before] + side * 0.1 * rng.geometric(0.05, count)
    return pd.DataFrame({"time_ns": time_ns, "side": side, "price": price}), quotes


Laws = tuple[float, float, float, float]


def our_intensity(frame: pd.DataFrame, quotes: pd.DataFrame) -> Laws:
    """Rate and decay of the orders that sell, then of those that buy, by the notebook's functions."""
    time_ns, side, price = (frame[name].to_numpy() for name in ("time_ns", "side", "price"))
    found = tape_arrivals(time_ns, side, price, quotes["time_ns"].to_numpy(), quotes["mid"].to_numpy())
    sells, buys = (fit_depths(np.compress(found.side == way, found.depth), HOUR_NS * 1e-9) for way in (-1, 1))
    return sells.rate, sells.decay, buys.rate, buys.decay


def pandas_intensity(frame: pd.DataFrame, quotes: pd.DataFrame) -> Laws:
    """The same laws: prints grouped into orders with their extreme prices, an as-of join for the mid just before."""
    orders = frame.groupby(["time_ns", "side"])["price"].agg(["min", "max"]).reset_index()
    orders = pd.merge_asof(orders, quotes, on="time_ns", allow_exact_matches=False)
    extreme = orders["max"].where(orders["side"] > 0, orders["min"])
    orders["depth"] = (extreme - orders["mid"]) * orders["side"]
    beyond = orders[orders["depth"] >= 0.0].groupby("side")["depth"].agg(["count", "sum"])
    rates = beyond["count"] / (HOUR_NS * 1e-9)
    decays = (beyond["count"] - 1) / beyond["sum"]
    return rates[-1], decays[-1], rates[1], decays[1]


def compare(ours: Callable[[], Any], theirs: Callable[[], Any], what: str) -> tuple[float, float]:
    """Least processor time in seconds of each, in turns; RuntimeError if the answers differ: that is no result."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        answers = []
        for call, spent in zip((ours, theirs), times, strict=True):
            gc.collect()
            begun = process_time()
            answers.append(call())
            spent.append(process_time() - begun)
        if not np.allclose(*answers, rtol=1e-9, atol=1e-12):
            raise RuntimeError(f"{what}: the answers differ, {answers[0]} and {answers[1]}")
    return min(times[0]), min(times[1])


def _ratio_row(name: str, ours_s: float, theirs_s: float) -> Row:
    return {
        "name": f"{name}: times faster than pandas, {ours_s * 1e3:,.0f} against {theirs_s * 1e3:,.0f} ms",
        "value": theirs_s / ours_s,
        "unit": "x",
        "peer": _PEER,
        "peer_value": 1.0,
        "ratio": theirs_s / ours_s,
        "target": RATIO_TARGET,
        "met": theirs_s / ours_s >= RATIO_TARGET,
    }


def _first_row(first_ms: float) -> Row:
    """What the first call of a process costs more: it compiles the walk, or loads it where it is kept."""
    return {
        "name": "intensity: first call of a process",
        "value": first_ms,
        "unit": "ms",
        "peer": None,
        "peer_value": None,
        "ratio": None,
        "target": None,
        "met": True,
    }


def median_us(step: Callable[[Any, int], Any], state: Any, events: int) -> float:
    """Median microseconds of `step(state, number)`, each call timed by itself, less what the timing costs."""
    spent, empty = [], []
    for number in range(events):
        begun = perf_counter_ns()
        ended = perf_counter_ns()
        empty.append(ended - begun)
        begun = perf_counter_ns()
        state = step(state, number)
        spent.append(perf_counter_ns() - begun)
    return (statistics.median(spent) - statistics.median(empty)) / 1e3


def _toxicity(state: tuple[Vpin, Markouts], number: int) -> tuple[Vpin, Markouts]:
    """One event of the stream: three trades, then a mid; a hundred events a second, a horizon of one second."""
    flow, marked = state
    time_ns = number * 10_000_000
    if number % 4 == 3:
        return flow, markout_on_mid(marked, 60_000.0 + 0.1 * (number % 7), time_ns, 60.0)
    side = 1 if number % 3 else -1
    return vpin_on_trade(flow, side, 7.0, 1_000.0, WINDOW), markout_on_trade(
        marked, side * 7.0, time_ns, 1_000_000_000
    )


def online(events: int) -> list[Row]:
    """The rows of what one event costs online."""
    prices = list(itertools.islice(itertools.cycle([60_000.0, 60_000.1, 59_999.9]), events))
    cases: tuple[tuple[str, Callable[[Any, int], Any], Any], ...] = (
        ("toxicity, VPIN and markouts", _toxicity, (Vpin(), Markouts(0.0, 0.0, 0, 60_000.0))),
        (
            "intensity",
            lambda state, at: online_update(state, 0.1 * (at % 9), at * 10_000_000, 60.0),
            Online(),
        ),
        (
            "volatility",
            lambda state, at: ewma_update(state, prices[at], at * 10_000_000, 60.0),
            ewma_start(60_000.0, 0, 5.0, 60.0),
        ),
    )
    rows = []
    for name, step, state in cases:
        value = median_us(step, state, events)
        rows.append(
            {
                "name": f"{name}: p50 an event online",
                "value": value,
                "unit": "us",
                "peer": "limit",
                "peer_value": TARGET_US,
                "ratio": value / TARGET_US,
                "target": TARGET_US,
                "met": math.isfinite(value) and value <= TARGET_US,
            }
        )
    return rows


def run(count: int = TRADES, print_count: int = PRINTS, events: int = EVENTS) -> list[Row]:
    """The rows for bench/results.json; trades, prints and online events can be fewer."""
    frame, bucket_size = trades(count)
    vpin = compare(lambda: our_vpin(frame, bucket_size), lambda: pandas_vpin(frame, bucket_size), "VPIN")
    printed, quotes = prints(print_count)
    begun = process_time()
    our_intensity(printed, quotes)
    first_s = process_time() - begun
    law = compare(
        lambda: our_intensity(printed, quotes), lambda: pandas_intensity(printed, quotes), "intensity"
    )
    return [
        _ratio_row(f"VPIN of {count:,} trades", *vpin),
        _ratio_row(f"intensity of {print_count:,} prints", *law),
        _first_row(1e3 * first_s),
        *online(events),
    ]
