"""Questions and records for the tests of the estimating process."""

from __future__ import annotations

import os
from decimal import Decimal

import msgspec
import numpy as np

from titan.live.risk_question import Held, Question, Setup
from titan.live.risk_record import PriceRecord
from titan.model.instruments import Instrument

SECOND = 10**9
PRICES = {"BTCUSDT": 50_000.0, "ETHUSDT": 2_500.0, "NEWUSDT": 10.0}


def setup(**changes) -> Setup:
    stated = Setup(
        currency="USDT", every_s=30.0, tail=0.025, horizon_s=3600.0, half_life=120.0, window=600, enough=100,
        assumed_volatility=0.1, assumed_beta=1.2, shocks="", valid_s=120.0, record="", inherited="", parent=os.getpid(),
    )  # fmt: skip
    return msgspec.structs.replace(stated, **changes)


def terms(symbol="BTCUSDT", **changes) -> Instrument:
    stated = Instrument(
        venue="v", symbol=symbol, base=symbol.removesuffix("USDT"), quote="USDT", settle="USDT", kind="linear",
        multiplier=Decimal(1), tick_size=Decimal("0.1"), lot_size=Decimal("0.001"), min_lots=1, max_lots=10**6,
        max_market_lots=10**6, min_notional=Decimal(5), band_up=Decimal("1.1"), band_down=Decimal("0.9"),
        status="trading",
    )  # fmt: skip
    return msgspec.structs.replace(stated, **changes)


def held(symbol="BTCUSDT", lots=None, price=None, **changes) -> Held:
    price = Decimal(str(PRICES[symbol] if price is None else price))
    stated = Held(
        instrument=terms(symbol), lots=lots or {}, mid=price, mark=price, half_spread=0.0, rate=Decimal(1)
    )
    return msgspec.structs.replace(stated, **changes)


def question(*lines, number=1, now_ns=10**12) -> Question:
    return Question(number=number, now_ns=now_ns, held=lines or (held(),))


def record(rows, symbols=("BTCUSDT", "ETHUSDT"), seed=3, late=0) -> PriceRecord:
    """Prices that move together, one sample each 30 s; the last symbol's first `late` samples are missing."""
    kept = PriceRecord(None, None, max(rows, 2), lambda text: None)
    draws = np.random.default_rng(seed).standard_t(4, (rows + 1, len(symbols)))
    moves = 0.0006 * (0.8 * draws[:, :1] + 0.6 * draws)
    paths = np.array([PRICES[name] for name in symbols]) * np.exp(np.cumsum(moves, axis=0))
    for at, row in enumerate(paths.tolist()):
        known = dict(zip(symbols, row, strict=True))
        if at < late:
            del known[symbols[-1]]
        kept.note((at + 1) * 30 * SECOND, {terms(name).key: price for name, price in known.items()})
    return kept
