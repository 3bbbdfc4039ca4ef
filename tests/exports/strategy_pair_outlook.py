"""Samples of titan.strategy.pair_outlook."""

import math

from tests.exports.sample import NUMBER, PRICE, SIZE, TIME, Sample
from titan.model.contract import View
from titan.strategy.pair_outlook import (
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

_BLANK = View(*[math.nan] * len(View._fields))
THIN = _BLANK._replace(
    time_s=64.0, bid=99.0, ask=101.0, bid_size=1.0, ask_size=1.0, inventory=1.0, maker_fee=2e-4, taker_fee=5e-4,
    funding_rate=1e-4, funding_in_s=3_600.0, mark_price=100.0,
)  # fmt: skip
HEDGE = THIN._replace(bid=100.0, ask=102.0, inventory=-1.0, funding_rate=5e-4)
VIEWS = (THIN, HEDGE)
OTHERS = (THIN, HEDGE._replace(bid=100.5, mark_price=110.0))
SETTING = Setting(
    2e5, 0.05, 0.8, 86_400.0, 86_400.0, 60.0, 5e-6, 1.0, 1e-4, 5.0, 0.005, 0.05, (False, False)
)  # fmt: skip
SEEN = gather(SETTING, Seen(interval_0_s=28_800.0, interval_1_s=28_800.0), VIEWS)
_UNKNOWN = "NaN is not known yet"
_ANY = "what is not a time ahead is not known, and changes nothing"

SAMPLES: tuple[Sample, ...] = (
    Sample(basis_now, {"views": VIEWS}, changes={"views": OTHERS}),
    Sample(price_of, {"view": THIN}, changes={"view": HEDGE}),
    Sample(
        after_stamp,
        {"stamp_s": 60.0, "interval_s": 28_800.0, "view": THIN},
        changes={
            "stamp_s": 3_600.0,
            "view": THIN._replace(funding_in_s=7_200.0),
        },
        accepts={"stamp_s": _UNKNOWN, "interval_s": _UNKNOWN},
        units={
            "stamp_s": TIME,
            "interval_s": TIME,
            "view": (
                *(TIME, PRICE, PRICE, SIZE, SIZE, SIZE, SIZE, SIZE, PRICE, PRICE),
                *(NUMBER, TIME, NUMBER, NUMBER, PRICE, SIZE),
            ),
            "result": (TIME, TIME),
        },
    ),
    Sample(
        after_stamp,
        {"stamp_s": 3_664.0, "interval_s": 28_800.0, "view": THIN},
        changes={"interval_s": 3_600.0},
        accepts={"stamp_s": _UNKNOWN, "interval_s": _UNKNOWN},
    ),
    Sample(
        after_fill,
        {"entry": 100.0, "held": 1.0, "inventory": 4.0, "price": 104.0},
        changes={"entry": 101.0, "held": 2.0, "inventory": 5.0, "price": 105.0},
        accepts={
            "entry": _UNKNOWN,
            "price": _UNKNOWN,
            "held": "checked by `gather`, which leaves out what is not finite",
            "inventory": "checked by `gather`, which leaves out what is not finite",
        },
        units={"entry": PRICE, "held": SIZE, "inventory": SIZE, "price": PRICE, "result": PRICE},
    ),
    Sample(
        gather,
        {"setting": SETTING, "seen": SEEN, "views": (THIN._replace(time_s=200.0), HEDGE._replace(bid=101.0))},
        changes={
            "setting": SETTING._replace(basis_interval_s=600.0),
            "seen": SEEN._replace(basis=0.0),
            "views": VIEWS,
        },
    ),
    Sample(
        outlook,
        {"setting": SETTING, "seen": SEEN, "views": VIEWS},
        changes={
            "setting": SETTING._replace(safety=2.0),
            "seen": SEEN._replace(interval_0_s=3_600.0),
            "views": OTHERS,
        },
    ),
    Sample(
        expected_funding,
        {"setting": SETTING, "spot": False, "interval_s": 28_800.0, "view": HEDGE, "horizon_s": 86_400.0},
        changes={
            "setting": SETTING._replace(persistence=0.5),
            "spot": True,
            "interval_s": 3_600.0,
            "view": THIN,
            "horizon_s": 3_600.0,
        },
        refused={"horizon_s": (-1.0,)},
        accepts={"interval_s": _UNKNOWN},
    ),
    Sample(
        liquidation_distance,
        {"setting": SETTING, "seen": SEEN, "views": VIEWS},
        changes={
            "setting": SETTING._replace(leverage=2.0),
            "seen": SEEN._replace(entry_1=90.0),
            "views": OTHERS,
        },
    ),
)
