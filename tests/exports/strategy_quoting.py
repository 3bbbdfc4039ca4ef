"""Samples of what nbs/strategy/quoting.ipynb exports."""

from __future__ import annotations

import math

from tests.exports.sample import NUMBER, PRICE, SIZE, Sample
from titan.model.contract import Quotes
from titan.strategy.quoting import (
    TickQuotes,
    inventory_skew,
    ladder,
    layer_step_ticks,
    layer_ticks,
    limit_inventory,
    minimum_edge,
    round_inside,
    scale_size,
    ticks_above,
    ticks_below,
    widen,
)

QUOTES = Quotes(99.0, 2.0, 101.0, 3.0, 100.0, 99.75, 2, 0.5)
OTHER = QUOTES._replace(bid=98.0)
UNITS = (PRICE, SIZE, PRICE, SIZE, PRICE, PRICE, NUMBER, PRICE)
PRICES = TickQuotes(198, 202)
NO_QUOTE = "NaN is no quote"

SAMPLES: tuple[Sample, ...] = (
    Sample(
        widen,
        {"quotes": QUOTES, "spread_multiplier": 1.5},
        changes={"quotes": OTHER, "spread_multiplier": 1.0},
        refused={"spread_multiplier": (0.99, 0.0, -1.0)},
        units={"quotes": UNITS, "spread_multiplier": NUMBER, "result": UNITS},
    ),
    Sample(
        scale_size,
        {"quotes": QUOTES, "size_multiplier": 0.5},
        changes={"quotes": OTHER, "size_multiplier": 0.0},
        refused={"size_multiplier": (-0.1, 1.1)},
        units={"quotes": UNITS, "size_multiplier": NUMBER, "result": UNITS},
    ),
    Sample(
        minimum_edge,
        {"quotes": QUOTES, "maker_fee": 0.01, "edge_bps": 50.0},
        changes={"quotes": OTHER, "maker_fee": 0.02, "edge_bps": 60.0},
        refused={"maker_fee": (1.0, -1.0), "edge_bps": (-0.1, 10_000.0)},
        units={"quotes": UNITS, "maker_fee": NUMBER, "edge_bps": NUMBER, "result": UNITS},
    ),
    Sample(
        limit_inventory,
        {"quotes": QUOTES, "inventory": 1.0, "max_inventory": 4.0},
        changes={"quotes": OTHER, "inventory": 2.0, "max_inventory": 3.0},
        refused={"max_inventory": (-0.1,)},
        units={"quotes": UNITS, "inventory": SIZE, "max_inventory": SIZE, "result": UNITS},
    ),
    Sample(
        inventory_skew,
        {"inventory": 1.0, "max_inventory": 4.0, "skew_at_max": 2.0, "steepness": 1.0},
        changes={"inventory": -1.0, "max_inventory": 5.0, "skew_at_max": 0.0, "steepness": 2.0},
        refused={
            "max_inventory": (0.0, -1.0),
            "skew_at_max": (-0.1,),
            "steepness": (0.0, 0.0009, 51.0),
        },
        units={
            "inventory": SIZE,
            "max_inventory": SIZE,
            "skew_at_max": PRICE,
            "steepness": NUMBER,
            "result": PRICE,
        },
    ),
    Sample(
        ticks_below,
        {"price": 99.3, "tick_size": 0.5},
        changes={"price": 98.9, "tick_size": 0.25},
        refused={"price": (math.inf, -math.inf), "tick_size": (0.0, -1.0)},
        accepts={"price": NO_QUOTE},
        units={"price": PRICE, "tick_size": PRICE, "result": NUMBER},
    ),
    Sample(
        ticks_above,
        {"price": 99.3, "tick_size": 0.5},
        changes={"price": 99.6, "tick_size": 0.25},
        refused={"price": (math.inf, -math.inf), "tick_size": (0.0, -1.0)},
        accepts={"price": NO_QUOTE},
        units={"price": PRICE, "tick_size": PRICE, "result": NUMBER},
    ),
    Sample(
        round_inside,
        {
            "bid": 99.3,
            "ask": 100.7,
            "best_bid_ticks": 199,
            "best_ask_ticks": 201,
            "tick_size": 0.5,
        },
        changes={
            "bid": 98.9,
            "ask": 101.3,
            "tick_size": 0.25,
        },
        refused={
            "bid": (100.7, 101.0, math.inf, -math.inf),
            "ask": (99.3, 99.0, math.inf, -math.inf),
            "best_bid_ticks": (-1, 201, 202),
            "best_ask_ticks": (-1, 199, 198),
            "tick_size": (0.0, -1.0),
        },
        accepts={"bid": NO_QUOTE, "ask": NO_QUOTE},
        units={
            "bid": PRICE,
            "ask": PRICE,
            "best_bid_ticks": NUMBER,
            "best_ask_ticks": NUMBER,
            "tick_size": PRICE,
            "result": NUMBER,
        },
    ),
    Sample(
        round_inside,
        {"bid": 99.3, "ask": 100.7, "best_bid_ticks": 0, "best_ask_ticks": 0, "tick_size": 0.5},
        changes={"best_bid_ticks": 205, "best_ask_ticks": 190},
        accepts={"bid": NO_QUOTE, "ask": NO_QUOTE},
    ),
    Sample(
        layer_step_ticks,
        {"quotes": QUOTES, "tick_size": 0.5},
        changes={"quotes": QUOTES._replace(layer_step=3.0), "tick_size": 0.25},
        refused={"tick_size": (0.0, -1.0)},
        units={"quotes": UNITS, "tick_size": PRICE, "result": NUMBER},
    ),
    Sample(
        layer_ticks,
        {"side": 1, "first_ticks": 100, "step_ticks": 2, "layer": 3},
        changes={"side": -1, "first_ticks": 90, "step_ticks": 3, "layer": 1},
        units={
            "side": NUMBER,
            "first_ticks": NUMBER,
            "step_ticks": NUMBER,
            "layer": NUMBER,
            "result": NUMBER,
        },
    ),
    Sample(
        ladder,
        {"quotes": QUOTES, "prices": PRICES, "tick_size": 0.5},
        changes={
            "quotes": QUOTES._replace(layers=3),
            "prices": TickQuotes(197, 202),
            "tick_size": 0.25,
        },
        refused={"tick_size": (0.0, -1.0)},
        units={
            "quotes": UNITS,
            "prices": NUMBER,
            "tick_size": PRICE,
            "result": (((NUMBER, NUMBER, SIZE),) * 4),
        },
    ),
)
