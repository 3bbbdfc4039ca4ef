"""Samples of `titan.strategy.adjustments`."""

from __future__ import annotations

from tests.exports.sample import MONEY, NUMBER, PRICE, SIZE, Sample
from titan.model.contract import Quotes
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

UNKNOWN = "NaN is unknown, and counts as the worst"
CAUTIOUS = Parameters(
    skew_at_full_bps=2.0,
    toxic_from=0.7,
    toxic_spread=1.5,
    toxic_size=0.5,
    markout_weight=1.0,
    volatility_spread=0.5,
)
WANTED = Quotes(59_997.0, 0.02, 60_003.0, 0.02, 60_000.0, 60_000.0)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        toxicity_weight,
        {"toxicity_rank": 0.8, "toxic_from": 0.6},
        changes={"toxicity_rank": 0.9, "toxic_from": 0.7},
        refused={"toxicity_rank": (-0.1, 1.1), "toxic_from": (-0.1, 1.0)},
        accepts={"toxicity_rank": UNKNOWN},
    ),
    Sample(
        counted_volatility,
        {"volatility_ratio": 5.0, "most_volatility": 4.0},
        changes={"volatility_ratio": 2.0, "most_volatility": 3.0},
        refused={"volatility_ratio": (-0.1,), "most_volatility": (0.9,)},
        accepts={"volatility_ratio": UNKNOWN},
    ),
    Sample(
        counted_markout,
        {"markout_bps": 5.0, "most_markout_bps": 4.0},
        changes={"markout_bps": -2.0, "most_markout_bps": 3.0},
        refused={"most_markout_bps": (-0.1,)},
        accepts={"markout_bps": UNKNOWN},
    ),
    Sample(
        inventory_share,
        {"inventory": 0.05, "price": 60_000.0, "full_inventory": 5_000.0},
        changes={"inventory": -0.05, "price": 50_000.0, "full_inventory": 4_000.0},
        refused={"price": (0.0, -1.0), "full_inventory": (0.0, -1.0)},
        units={"inventory": SIZE, "price": PRICE, "full_inventory": MONEY, "result": NUMBER},
    ),
    Sample(
        sided_skew_bps,
        {"share": 0.5, "skew_at_full_bps": 4.0, "skew_steepness": 1.0, "skew_shed_share": 0.5},
        changes={"share": -0.5, "skew_at_full_bps": 3.0, "skew_steepness": 2.0, "skew_shed_share": 1.0},
        refused={"skew_at_full_bps": (-1.0,), "skew_steepness": (0.0, 51.0), "skew_shed_share": (-0.1, 1.1)},
        accepts={"share": "NaN is unknown, and gives NaN: no quote"},
    ),
    Sample(
        respond,
        {"parameters": CAUTIOUS, "signals": Signals(0.9, 0.5, 2.0, 0.4)},
        changes={
            "parameters": CAUTIOUS._replace(toxic_from=0.6),
            "signals": Signals(0.9, 0.5, 2.0, 0.4, 1.5, 0.5),
        },
    ),
    Sample(
        adjust,
        {
            "adjustment": Adjustment(1.5, 0.5, -1.0, -1.0, 0.5),
            "quotes": WANTED,
            "maker_fee": 0.0002,
            "minimum_edge_bps": 1.0,
        },
        changes={
            "adjustment": Adjustment(1.5, 0.5, -1.0, -1.0, 0.8),
            "quotes": WANTED._replace(bid=59_980.0),
            "maker_fee": 0.0003,
            "minimum_edge_bps": 2.0,
        },
        refused={"maker_fee": (1.0, -1.0), "minimum_edge_bps": (-1.0, 10_000.0)},
    ),
)
