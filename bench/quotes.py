"""What a quote costs: one of GLFT and one of Avellaneda-Stoikov, called as the kernel calls them."""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from titan.model.contract import StrategyModule, View
from titan.strategy import avellaneda_stoikov, glft

TARGET_US = 3.0
CALLS = 200
ROUNDS = 250
MODULES: tuple[tuple[str, Any], ...] = (("GLFT", glft), ("Avellaneda-Stoikov", avellaneda_stoikov))
_US = 1_000.0


def views() -> list[View]:
    """A market that moves a little and an inventory that turns over, so that no call is the one before it."""
    blank = dict.fromkeys(View._fields, math.nan)
    found = []
    for at in range(CALLS):
        middle, held = 60_000.0 + 5.0 * math.sin(0.3 * at), 0.08 * math.sin(0.1 * at)
        touch = {"bid": middle - 0.05, "ask": middle + 0.05, "bid_size": 1.0 + at % 3, "ask_size": 2.0}
        account = {"inventory": held, "maker_fee": 0.0002, "taker_fee": 0.0005}
        funding = {"funding_rate": 0.0001, "funding_in_s": 3_600.0}
        found.append(View(**{**blank, **touch, **account, **funding, "time_s": 0.1 * at}))
    return found


def median_us(call: Callable[[int], Any]) -> float:
    """Median over the rounds of a round's mean time a call, microseconds; the loop itself is taken off."""
    times, empty = [], []
    for _ in range(ROUNDS):
        begun = perf_counter_ns()
        for at in range(CALLS):
            call(at)
        between = perf_counter_ns()
        for _ in range(CALLS):
            pass
        empty.append(perf_counter_ns() - between)
        times.append(between - begun)
    return (statistics.median(times) - statistics.median(empty)) / CALLS / _US


def measure(module: StrategyModule) -> tuple[float, float]:
    """Microseconds of a quote and of an update.

    Raises
    ------
    RuntimeError
        If a call gives no quote on either side: an empty answer is quick and no result.
    """
    parameters, seen = module.Parameters(), views()
    states = [module.initial(parameters)]
    for view in seen:
        states.append(module.update(parameters, states[-1], view))
    quotes = [module.quote(parameters, state, view) for state, view in zip(states[1:], seen, strict=True)]
    if any(math.isnan(found.bid) and math.isnan(found.ask) for found in quotes):
        raise RuntimeError(f"{module.__name__}: a view gave no quote")
    quote, update = module.quote, module.update
    return (
        median_us(lambda at: quote(parameters, states[at + 1], seen[at])),
        median_us(lambda at: update(parameters, states[at], seen[at])),
    )


def run() -> list[dict[str, Any]]:
    """The rows for bench/results.json: a quote against its limit; an update, which is not held to one."""
    rows = []
    gc.collect()
    gc.disable()
    try:
        for name, module in MODULES:
            quote_us, update_us = measure(module)
            common = {"unit": "us", "peer": None, "peer_value": None, "ratio": None}
            rows.append(
                {
                    "name": f"{name}: one quote, median",
                    "value": quote_us,
                    **common,
                    "target": TARGET_US,
                    "met": quote_us <= TARGET_US,
                }
            )
            rows.append(
                {
                    "name": f"{name}: one update, median",
                    "value": update_us,
                    **common,
                    "target": None,
                    "met": True,
                }
            )
    finally:
        gc.enable()
    return rows
