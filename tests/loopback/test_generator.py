"""The generated market: same seed same market, an active touch, a sane book, bounded memory."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from titan.loopback.generator import QUOTER, TAKER, Crowd, Generator, Regime, default_instrument
from titan.matching.exchange import Exchange
from titan.matching.terms import AccountTerms, ExchangeSettings
from titan.matching.types import ExchangeEvent, OrderRequest, Refusal, RefusalReason
from titan.model.events import BookDelta, MarkPrice, TopOfBook, TradePrint
from titan.model.orders import BUY, SELL, Lifetime

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
SYMBOL = "BTCUSDT"


def market(seed: int, crowd: Crowd | None = None) -> tuple[Exchange, Generator]:
    instrument = default_instrument()
    exchange = Exchange([instrument], ExchangeSettings(), START)
    exchange.open_account("maker", AccountTerms(balances=(("USDT", Decimal(100_000)),)))
    return exchange, Generator(seed, instrument, START, crowd)


def run(exchange: Exchange, generator: Generator, seconds: float) -> list[ExchangeEvent]:
    until = exchange.now_ns + int(seconds * SECOND)
    while generator.next_ns <= until:
        generator.act(exchange)
    exchange.advance(until)
    return exchange.drain()


def test_same_seed_same_market_other_seed_another():
    first, second, third = (run(*market(seed), 20) for seed in (7, 7, 8))
    assert first == second
    assert first != third


def test_active_touch_and_sane_book():
    exchange, generator = market(1)
    run(exchange, generator, 5)
    seen = run(exchange, generator, 60)
    count = Counter(type(event) for event in seen)
    public = count[BookDelta] + count[TopOfBook] + count[TradePrint]
    assert 50 <= public / 60 <= 150
    assert count[MarkPrice] == 60
    tops = [event for event in seen if isinstance(event, TopOfBook)]
    two_sided = [top for top in tops if top.bid and top.ask]
    assert len(two_sided) > 0.99 * len(tops)
    spreads = sorted(top.ask - top.bid for top in two_sided)
    assert spreads[0] > 0
    assert spreads[len(spreads) // 2] <= 3
    sides = Counter(event.side for event in seen if isinstance(event, TradePrint))
    assert min(sides[BUY], sides[SELL]) > 60
    marks = {event.mark for event in seen if isinstance(event, MarkPrice)}
    assert max(marks) - min(marks) > 1


def requote(exchange: Exchange) -> None:
    """Stand at the touch on both sides; a touch that moves away meanwhile is joined a second later."""
    exchange.cancel_all("maker", SYMBOL)
    depth = exchange.depth(SYMBOL, 1)
    for side, levels in ((BUY, depth.bids), (SELL, depth.asks)):
        for price, _ in levels:
            request = OrderRequest(symbol=SYMBOL, side=side, price=price, size=5, lifetime=Lifetime.POST_ONLY)
            exchange.place("maker", request)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_passive_maker_at_the_touch_fills_on_both_sides_within_seconds(seed):
    exchange, generator = market(seed)
    run(exchange, generator, 1)
    for _ in range(20):
        requote(exchange)
        run(exchange, generator, 1)
    trades = exchange.trades("maker")
    assert {trade.side for trade in trades} == {BUY, SELL}
    assert trades[0].time_ns < START + 11 * SECOND
    assert all(trade.maker for trade in trades)


def test_memory_is_bounded():
    exchange, generator = market(4)
    run(exchange, generator, 120)
    crowd = Crowd()
    assert len(exchange.open_orders(QUOTER)) <= 2 * crowd.orders_a_side
    assert exchange.open_orders(TAKER) == ()
    depth = exchange.depth(SYMBOL)
    assert max(len(depth.bids), len(depth.asks)) <= crowd.orders_a_side
    assert all(record.open for record in exchange.orders(QUOTER, SYMBOL))
    assert exchange.trades(TAKER) == ()
    assert exchange.drain() == []


def test_positions_of_all_accounts_sum_to_zero():
    exchange, generator = market(5)
    run(exchange, generator, 2)
    exchange.place("maker", OrderRequest(symbol=SYMBOL, side=BUY, price=610_000, size=300))
    run(exchange, generator, 10)
    assert sum(exchange.positions(account)[0].lots for account in exchange.accounts()) == 0


def test_regimes_change_the_pace_and_the_funding_rate():
    calm = Crowd(regimes=(Regime(0.01, 0.5, 1e9),))
    wild = Crowd(regimes=(Regime(0.5, 1.5, 1.0), Regime(0.5, 1.5, 1.0)))
    events = {name: run(*market(6, crowd), 20) for name, crowd in (("calm", calm), ("wild", wild))}
    assert len(events["wild"]) > 2 * len(events["calm"])
    rates = {
        name: len({event.funding_rate for event in told if isinstance(event, MarkPrice)})
        for name, told in events.items()
    }
    assert rates["calm"] == 1
    assert rates["wild"] > 3


def test_the_fair_value_is_told_as_the_index():
    exchange, generator = market(7)
    run(exchange, generator, 3)
    mark = exchange.mark(SYMBOL)
    assert abs(mark.index_price - Decimal(generator.fair_ticks) / 10) < Decimal("0.0001")


@pytest.mark.parametrize("method", ["place", "cancel"])
def test_an_unexpected_refusal_is_not_hidden(monkeypatch, method):
    exchange, generator = market(8)
    run(exchange, generator, 1)

    def refuse(*args: object, **named: object) -> None:
        raise Refusal(RefusalReason.NOT_TRADING, "halted")

    monkeypatch.setattr(exchange, method, refuse)
    with pytest.raises(Refusal, match="halted"):
        run(exchange, generator, 5)
