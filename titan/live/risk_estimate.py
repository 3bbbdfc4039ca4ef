"""One estimate: from a question and the record of prices to the result that is handed over.

The mathematics is that of `titan.risk.portfolio` and `titan.risk.stress`; here it is fed, and its answer put in words.
The same question and record give the same result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from titan.live.risk_question import Answer, Held, Question, Setup
from titan.live.risk_record import PriceRecord
from titan.live.risk_results import Stated
from titan.live.risk_shocks import read_shocks
from titan.model.events import RiskPart, StrategyPart, StressLoss
from titan.risk.portfolio import Estimate, estimate_portfolio
from titan.risk.scenarios import Method
from titan.risk.stress import HISTORICAL, Holding, hypothetical_scenarios, stress_losses

SOURCE = "estimate"
BITCOIN = frozenset({"BTC", "XBT"})
DAY_S = 86_400.0


class _Line(NamedTuple):
    """One instrument with its price, and the money that each strategy has in it, reporting currency, short negative."""

    held: Held
    price: Decimal
    rate: Decimal
    values: dict[str, float]

    @property
    def net(self) -> float:
        return math.fsum(self.values.values())


def answer(setup: Setup, question: Question, record: PriceRecord) -> Answer:
    """The result of a question, the prices of which are in the record already; or why there is none."""
    unpriced = [
        str(held.instrument.key) for held in question.held if any(held.lots.values()) and not _price(held)
    ]
    if unpriced:
        return Answer(
            number=question.number,
            result=None,
            problem=f"{', '.join(unpriced)} is held and has no price in {setup.currency}: nothing can be estimated",
        )
    lines = [line for held in question.held if (line := _price(held)) is not None]
    if not lines:
        return Answer(number=question.number, result=None, problem="no instrument has a price yet")
    strategies = sorted({name for line in lines for name in line.values}) or [""]
    holdings = np.array([[line.values.get(name, 0.0) for line in lines] for name in strategies])
    found = _estimate(setup, lines, holdings, record)
    result = Stated(
        source=SOURCE,
        currency=setup.currency,
        shortfall=found.shortfall.total,
        computed_ns=question.now_ns,
        expires_ns=question.now_ns + round(setup.valid_s * 1e9),
        parts=_parts(lines, found),
        stresses=_stresses(setup, lines, found),
        strategies=_strategies(strategies, found),
        error=_finite(found.shortfall.error),
        tail=setup.tail,
        horizon_s=setup.horizon_s,
        basis=_basis(setup, lines, found),
    )
    return Answer(number=question.number, result=result)


def _price(held: Held) -> _Line | None:
    """The line of an instrument at its mark, or the mid where it has none; None if it has neither, or no rate."""
    price, terms = held.mark or held.mid, held.instrument
    if price is None or held.rate is None:
        return None
    worth = {
        name: math.copysign(float(terms.notional(price, lots) * held.rate), lots)
        for name, lots in held.lots.items()
        if lots
    }
    return _Line(held, price, held.rate, worth)


def _estimate(
    setup: Setup, lines: Sequence[_Line], holdings: npt.NDArray[np.float64], record: PriceRecord
) -> Estimate:
    keys = [line.held.instrument.key for line in lines]
    method = Method(
        half_life=setup.half_life,
        periods=setup.horizon_s / setup.every_s,
        tail=setup.tail,
        enough=setup.enough,
        beta=setup.assumed_beta,
        floor=setup.assumed_volatility * math.sqrt(setup.every_s / DAY_S),
    )
    market = next((at for at, line in enumerate(lines) if line.held.instrument.base in BITCOIN), 0)
    return estimate_portfolio(record.returns(keys, setup.every_s), market, holdings, method)


def _parts(lines: Sequence[_Line], found: Estimate) -> tuple[RiskPart, ...]:
    """By position; only of what is held."""
    sums, errors = found.shortfall.parts.sum(axis=0), found.shortfall.position_errors
    return tuple(
        RiskPart(line.held.instrument.venue, line.held.instrument.symbol, float(part), _finite(error))
        for line, part, error in zip(lines, sums, errors, strict=True)
        if line.values
    )


def _strategies(names: Sequence[str], found: Estimate) -> tuple[StrategyPart, ...]:
    sums, errors = found.shortfall.parts.sum(axis=1), found.shortfall.strategy_errors
    return tuple(
        StrategyPart(name, float(part), _finite(error))
        for name, part, error in zip(names, sums, errors, strict=True)
        if name or part
    )


def _stresses(setup: Setup, lines: Sequence[_Line], found: Estimate) -> tuple[StressLoss, ...]:
    """The remembered days, those that no record holds, the desk's own shocks, and the worst move of the record."""
    venue = lines[0].held.instrument.venue
    scenarios = (*HISTORICAL, *hypothetical_scenarios(venue), *read_shocks(setup.shocks))
    held = [line for line in lines if line.net]
    losses = [0.0] * len(scenarios)
    if held:
        rates = [float(line.rate) for line in held]
        table = np.maximum.reduce(
            [
                stress_losses(
                    scenarios, [_holding(line, beta) for line, beta in zip(held, betas, strict=True)]
                ).losses
                for betas in _betas(setup, lines, found)
            ]
        )
        losses = [math.fsum(row) for row in (table * rates).tolist()]
    told = [StressLoss(scenario.name, loss) for scenario, loss in zip(scenarios, losses, strict=True)]
    if found.measured:
        told.append(StressLoss(f"worst {setup.horizon_s:g} s of the record", found.worst))
    return tuple(told)


def _betas(setup: Setup, lines: Sequence[_Line], found: Estimate) -> list[list[float]]:
    """The slopes on Bitcoin of what is held; where they are not known both ends of them, and each loss is the worse."""
    if found.measured and lines[found.market].held.instrument.base in BITCOIN:
        return [[float(slope) for slope, line in zip(found.slopes, lines, strict=True) if line.net]]
    held = sum(bool(line.net) for line in lines)
    return [[1.0] * held, [setup.assumed_beta] * held]


def _holding(line: _Line, beta: float) -> Holding:
    terms, price = line.held.instrument, float(line.price)
    money = line.net / float(line.rate)
    size = money if terms.kind == "inverse" else money / price
    asset = "BTC" if terms.base in BITCOIN else terms.base
    return Holding(terms.venue, asset, terms.kind, size, price, beta, min(line.held.half_spread, 0.99))


def _basis(setup: Setup, lines: Sequence[_Line], found: Estimate) -> str:
    """What the number rests on, in words."""
    if not found.measured:
        return (
            f"assumed: {setup.assumed_volatility:.0%} a day and no netting, for the record has {found.seen} of "
            f"{found.needed} returns of {setup.every_s:g} s"
        )
    proxied = [
        line.held.instrument.symbol for line, by_proxy in zip(lines, found.proxied, strict=True) if by_proxy
    ]
    return f"filtered record of {found.seen} returns of {setup.every_s:g} s" + (
        f"; by proxy: {', '.join(proxied)}" if proxied else ""
    )


def _finite(error: float) -> float | None:
    return float(error) if math.isfinite(error) else None
