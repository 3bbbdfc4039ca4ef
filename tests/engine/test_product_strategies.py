"""Every strategy that Titan ships runs in the kernel: it quotes, its orders are sent, and a replay decides the same."""

from __future__ import annotations

import importlib
import pkgutil
from decimal import Decimal

import pytest

import titan.strategy
from tests.engine.scripted import Session, configuration, of
from tests.engine.scripted_venue import SECOND
from titan.engine.configuration import StrategyConfig
from titan.engine.kernel import Kernel
from titan.model import commands as c
from titan.model import events as e
from titan.model.orders import Lifetime

SYMBOLS = ("BTCUSDT", "ETHUSDT")
HOUR = 3_600 * SECOND


def strategies() -> list[str]:
    """Every module of titan.strategy that follows the contract."""
    names = [found.name for found in pkgutil.iter_modules(titan.strategy.__path__)]
    modules = {name: importlib.import_module(f"titan.strategy.{name}") for name in names}
    wanted = ("Parameters", "State", "initial", "update", "quote")
    return [name for name, module in modules.items() if all(hasattr(module, part) for part in wanted)]


def session_of(name: str, **parameters: float) -> Session:
    code = f"titan.strategy.{name}"
    module = importlib.import_module(code)
    config = StrategyConfig(
        name=name, code=code, venue="v", symbol=SYMBOLS[0],
        legs=SYMBOLS if hasattr(module, "LEGS") else (), parameters=tuple(module.Parameters(**parameters)),
    )  # fmt: skip
    session = Session(configuration(symbols=SYMBOLS, strategies=(config,)), modules={code: module})
    session.start()
    return session


def marks(session: Session, rates: tuple[float, float], next_ns: int) -> None:
    """Tell the mark price and the funding of both instruments."""
    for symbol, rate in zip(SYMBOLS, rates, strict=True):
        session.send(
            e.MarkPrice(
                time_ns=session.now,
                venue="v",
                symbol=symbol,
                venue_ns=session.now,
                mark=Decimal(50_000),
                index=Decimal(50_000),
                funding_rate=rate,
                next_funding_ns=next_ns,
            )
        )


def both(session: Session, times: int) -> list[c.AnyCommand]:
    commands = []
    for _ in range(times):
        for symbol in SYMBOLS:
            commands += session.tick(symbol=symbol, wait_s=0.5)
    return commands


def replayed(session: Session) -> None:
    kernel = Kernel(session.config, session.modules)
    for event, commands in session.log:
        assert repr(kernel.step(event)) == repr(commands)
    assert kernel.state_hash() == session.kernel.state_hash()


def test_the_strategies_are_found() -> None:
    assert strategies() == ["avellaneda_stoikov", "funding_arbitrage", "glft", "glft_portfolio"]


@pytest.mark.parametrize("name", ["avellaneda_stoikov", "glft", "glft_portfolio"])
def test_a_maker_quotes_and_leans_after_a_fill(name: str) -> None:
    session = session_of(name)
    both(session, 5)
    assert session.desk.hosts or session.desk.portfolios
    bids = [order for order in session.live if (order.symbol, order.side) == ("BTCUSDT", 1)]
    assert bids
    before = {order.symbol: order.price for order in session.live if order.side < 0}
    session.fill(bids[0].client_id, bids[0].size)
    both(session, 5)
    after = {order.symbol: order.price for order in session.live if order.side < 0}
    assert after["BTCUSDT"] <= before["BTCUSDT"]
    assert not [host.quarantined for host in session.desk.seats if host.quarantined]
    replayed(session)


def test_a_pair_is_entered_hedged_and_left() -> None:
    session = session_of(
        "funding_arbitrage", pair_notional=1_000.0, clip_notional=500.0, horizon_h=336.0, funding_persistence=1.0,
        usual_basis_move_bps=0.01, pause_s=0.0,
    )  # fmt: skip
    stamp = session.now + 60 * SECOND
    rates = (0.0, 0.002)  # the hedge's shorts are paid .2 % at each settlement
    both(session, 2)
    marks(session, rates, stamp)
    both(session, 2)
    session.quiet(60)
    marks(session, rates, stamp + 8 * HOUR)  # the stamp has passed: its interval is known
    both(session, 3)
    bids = [order for order in session.live if (order.symbol, order.side) == ("BTCUSDT", 1)]
    assert bids, [seat.obstacle for seat in session.desk.seats]
    session.fill(bids[0].client_id, bids[0].size)
    commands = both(session, 3)
    hedges = [x for x in of(commands, c.PlaceOrder) if x.lifetime is Lifetime.IOC]
    assert [(x.symbol, x.side, x.size) for x in hedges][:1] == [("ETHUSDT", -1, bids[0].size)]
    marks(session, (0.002, 0.0), stamp + 8 * HOUR)  # now it costs
    both(session, 3)
    assert [order.side for order in session.live if order.symbol == "BTCUSDT"] == [-1]
    replayed(session)
